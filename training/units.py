"""Heads and layers as a command line names them: 5.1,6.3 and 3,4."""

import re

UNITS_MAX = 4_096  # heads, or layers, that are named


def units(flag: str, text: str, numbers: int, wanted: str) -> list[tuple[int, ...]]:
    """The units that a flag names, each of so many numbers. Raises ValueError in one line."""
    if not text:
        return []
    words_of_text = [word.strip() for word in text.split(",")]
    pattern = r"\.".join([r"[0-9]{1,6}"] * numbers)
    if len(words_of_text) > UNITS_MAX:
        raise ValueError(f"{flag}: {len(words_of_text)} units; give at most {UNITS_MAX}")
    if odd := [word for word in words_of_text if not re.fullmatch(pattern, word)]:
        raise ValueError(f"{flag} {short(text)}: {short(odd[0]) or 'nothing'} is none; give {wanted}")
    numbers_of = [tuple(map(int, word.split("."))) for word in words_of_text]
    if len(set(numbers_of)) < len(numbers_of):
        twice = next(word for word, unit in zip(words_of_text, numbers_of, strict=True) if numbers_of.count(unit) > 1)
        raise ValueError(f"{flag}: {twice} stands there twice; give each once")
    return numbers_of


def short(text: str) -> str:
    """As much of a text as a line holds."""
    return text if len(text) <= 40 else f"{text[:40]}..."
