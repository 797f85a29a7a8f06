"""What a chat template puts around a context and a question: the same on every day. Needs no torch.

A template that asks for the date is told FIXED_DATE, so that equal data and equal weights give equal losses tomorrow.
It gets no tools, no documents and no system message; a default system message of its own stays.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from perception.template_bounds import TemplateError, texts_of

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


def turn() -> list[dict[str, str]]:
    """The one turn that a template is told: the user's."""
    return [{"role": "user", "content": PLACEHOLDER}]


def variables() -> dict[str, Any]:
    """What a template is told beside the turn and the tokenizer's special tokens."""
    date = FIXED_DATE.strftime("%d %b %Y")  # templates of Llama 3 take it as a variable
    return {"add_generation_prompt": True, "enable_thinking": False, "date_string": date}


def parted(render: Callable[[], object]) -> Frame:
    """The frame of a template. render: of `turn`, with `variables`. Raises TemplateError for one that can't be used."""
    texts = set(texts_of(render, RENDERINGS))
    if len(texts) > 1:
        raise TemplateError("says something else each time")
    parts = texts.pop().split(PLACEHOLDER)
    if len(parts) != 2:
        raise TemplateError("doesn't hold the user's words once")
    return Frame(parts[0], parts[1], "" if parts[1][-1:].isspace() else " ")


def dated(template: str) -> str:
    """A template that is told FIXED_DATE, where it asks."""
    return (_date_macro() if "strftime_now" in template else "") + template  # takes half a second to compile


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
