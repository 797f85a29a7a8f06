"""How a chat model is spoken to: the frame that its template puts around a context and a question.

The frame is the same on every day. A template that asks for the date is told FIXED_DATE, so that equal data and equal
weights give equal losses tomorrow. It gets no tools, no documents and no system message; a default system message of
its own stays. `frame_hash` goes into logs: two runs with one hash spoke to their models alike.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from transformers import PreTrainedTokenizerBase

from perception.errors import LanguageError, ModelError
from perception.template_bounds import fault_of, in_time

FIXED_DATE = datetime(2025, 1, 1, 12)  # what every template is told as now
DIRECTIVES = "aAbBcdDeFGgHhIjklmMnpPrRSTtuUVwWxXyYzZ"  # of strftime
PLACEHOLDER = "\u2063context and question\u2063"  # stands for them in a template; no template trims or holds it
RENDERINGS = 4  # of a template, which must all be alike


@dataclass(frozen=True)
class Frame:
    """What a chat template puts before a context and behind a question; `join` comes before an answer."""

    before: str = ""
    behind: str = ""
    join: str = " "


@lru_cache(maxsize=8)
def frame(tokenizer: PreTrainedTokenizerBase) -> Frame:
    """How this tokenizer's model is spoken to. Raises LanguageError for a chat template that can't be used."""
    if not getattr(tokenizer, "chat_template", None):
        return Frame()
    turn = [{"role": "user", "content": PLACEHOLDER}]
    try:
        template = _date_macro() + tokenizer.get_chat_template()
        date = FIXED_DATE.strftime("%d %b %Y")  # templates of Llama 3 take it as a variable
        with in_time():
            texts = {
                str(
                    tokenizer.apply_chat_template(
                        turn,
                        chat_template=template,
                        tokenize=False,
                        add_generation_prompt=True,
                        enable_thinking=False,
                        date_string=date,
                    )
                )
                for _ in range(RENDERINGS)
            }
    except Exception as error:  # a template is a program of somebody else's
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise LanguageError(f"the tokenizer's chat template fails ({why}); mend it, or remove it") from error
    if len(texts) > 1:
        raise LanguageError("the tokenizer's chat template says something else each time; mend it, or remove it")
    said = texts.pop()
    if fault := fault_of(said):
        raise LanguageError(f"the tokenizer's chat template {fault}; mend it, or remove it")
    parts = said.split(PLACEHOLDER)
    if len(parts) != 2:
        raise LanguageError("the tokenizer's chat template doesn't hold the user's words once; mend it, or remove it")
    return Frame(parts[0], parts[1], "" if parts[1][-1:].isspace() else " ")


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


@lru_cache(maxsize=1)
def _date_macro() -> str:
    """A Jinja macro that stands in for transformers' strftime_now and always tells FIXED_DATE.

    A function would be the shorter way, but transformers replaces functions among a template's variables.
    """
    values = {f"%{letter}": FIXED_DATE.strftime(f"%{letter}") for letter in DIRECTIVES}
    for letter in "dmHIMSjyeu":  # without leading zeros: as glibc and as Windows write it
        bare = values[f"%{letter}"].strip().lstrip("0") or "0"
        values |= {f"%-{letter}": bare, f"%#{letter}": bare}
    values |= {"%f": "000000", "%s": "1735732800", "%%": "%"}
    replacements = "".join(f"|replace({json.dumps(key)},{json.dumps(value)})" for key, value in values.items())
    return "{% macro strftime_now(format) %}{{ format" + replacements + " }}{% endmacro %}\n"
