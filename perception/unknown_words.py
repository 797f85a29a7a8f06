"""Words that a tokenizer has no token for: what stands for them, and what is dropped without a word.

Many tokenizers declare the token that stands for what they don't know. Some have one and don't declare it, so that only
their own file tells. Some have none and leave out what they don't know.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from tokenizers.pre_tokenizers import ByteLevel
from transformers import PreTrainedTokenizerBase


def unknown_words(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int], text: str) -> list[str]:
    """The words of a text that its tokens (special ones in front of it, too) don't tell; none where they tell all."""
    unknown = unknown_token(tokenizer)
    if unknown is not None:
        if unknown not in ids or not _stands_for_letters(tokenizer, unknown, text):
            return []
        return [word for word in text.split() if _ids(tokenizer, word) == [unknown]] or ["part of it"]
    return _dropped(tokenizer, text) if _drops(tokenizer) else []


@lru_cache(maxsize=8)
def unknown_token(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """The token that stands for what a tokenizer doesn't know, whether it declares it or not; None without one.

    A byte-level tokenizer that declares its end of text for it never uses it so.
    """
    declared: int | None = tokenizer.unk_token_id
    if _byte_level(tokenizer):
        return None if declared == tokenizer.eos_token_id else declared
    model = _inner(tokenizer).get("model", {})
    if declared is None and isinstance(word := model.get("unk_token"), str):
        declared = tokenizer.get_vocab().get(word)
    return model.get("unk_id") if declared is None else declared


def _ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _stands_for_letters(tokenizer: PreTrainedTokenizerBase, unknown: int, text: str) -> bool:
    """Not for a line break alone, nor for what begins every text."""
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    spans = zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
    return any(text[start:end].strip() for number, (start, end) in spans if number == unknown)


@lru_cache(maxsize=8)
def _drops(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether it may leave out characters without a word, as no token stands for what it doesn't know."""
    if _inner(tokenizer).get("model", {}).get("byte_fallback"):
        return False
    return not (_byte_level(tokenizer) and set(ByteLevel.alphabet()) <= tokenizer.get_vocab().keys())


@lru_cache(maxsize=8)
def _inner(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    """What the tokenizer's own file says, without its words; empty of one that has none."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    content: dict[str, Any] = {} if backend is None else json.loads(backend.to_str())
    for large in ("vocab", "merges"):
        content.get("model", {}).pop(large, None)
    return content


def _byte_level(tokenizer: PreTrainedTokenizerBase) -> bool:
    return '"ByteLevel"' in json.dumps(_inner(tokenizer).get("pre_tokenizer"))


def _dropped(tokenizer: PreTrainedTokenizerBase, text: str) -> list[str]:
    """The words of which no token tells some visible character."""
    if not _hides(tokenizer, text):
        return []
    return [word for word in text.split() if _hides(tokenizer, word)] or ["part of it"]


def _hides(tokenizer: PreTrainedTokenizerBase, text: str) -> bool:
    """By how many characters its tokens span: where they begin is off behind one that was left out."""
    spans = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    spanned = {at for start, end in spans for at in range(start, end) if not text[at].isspace()}
    hidden = {at for at, letter in enumerate(text) if letter.isprintable() and not letter.isspace()} - spanned
    return len(hidden) > 0
