"""How a chat model is spoken to: the frame that its template puts around a context and a question.

`frame_hash` goes into logs: two runs with one hash spoke to their models alike.
"""

import hashlib
import json
from functools import lru_cache

from transformers import PreTrainedTokenizerBase

from perception.chat_template import Frame, dated, parted, turn, variables
from perception.errors import LanguageError, ModelError
from perception.template_bounds import TemplateError


@lru_cache(maxsize=8)
def frame(tokenizer: PreTrainedTokenizerBase) -> Frame:
    """How this tokenizer's model is spoken to. Raises LanguageError for a chat template that can't be used."""
    if not getattr(tokenizer, "chat_template", None):
        return Frame()

    def render() -> object:
        template = dated(tokenizer.get_chat_template())
        return tokenizer.apply_chat_template(turn(), chat_template=template, tokenize=False, **variables())

    try:
        return parted(render)
    except TemplateError as error:
        raise LanguageError(f"the tokenizer's chat template {error}; mend it, or remove it") from error


def check_frame(tokenizer: PreTrainedTokenizerBase, name: str) -> None:
    """Raises ModelError for a model whose chat template can't be used. name: of the model."""
    try:
        frame(tokenizer)
    except LanguageError as error:
        raise ModelError(f"--model {name}: {error}") from error


def frame_hash(tokenizer: PreTrainedTokenizerBase) -> str:
    """16 hex digits over the frame's texts. Raises LanguageError as `frame` does."""
    parts = frame(tokenizer)
    text = json.dumps([parts.before, parts.behind, parts.join])
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
