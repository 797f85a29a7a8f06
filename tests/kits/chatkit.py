"""Small models that can be talked to: random ones whose tokenizer has a chat template."""

import copy
from pathlib import Path

from perception.model import Model, save
from tests.kits.minds import tiny

TEMPLATE = (
    "{% for message in messages %}<s>{{ message.role }}\n{{ message.content }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant\n{% endif %}"
)


def tiny_chat(seed: int = 0) -> Model:
    """A random Llama that knows nothing; its weights are its own."""
    model = tiny(seed=seed, tongue="plain")
    tokenizer = copy.deepcopy(model.tokenizer)
    tokenizer.chat_template = TEMPLATE
    return Model(model.net, tokenizer, model.tongue, "tiny-chat")


def saved_chat(folder: Path) -> Path:
    """Its folder."""
    save(tiny_chat(), folder)
    return folder
