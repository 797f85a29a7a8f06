"""Numbers that enter from outside, and numbers that leave as JSON. Standard library alone."""

import math
from typing import Any

DIGITS_MAX = 13  # behind the point
SEED_MAX = 2**63 - 1  # msgpack, torch and numpy take it, and numbers derived from it by small sums, too


def finite(value: Any) -> Any:
    """The same with None for NaN and infinities, which JSON doesn't have; tuples become lists."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def whole_number(text: str, least: int, most: int) -> int:
    """An integer from `least` to `most`, both included. Raises ValueError with what is wrong and what is allowed."""
    try:
        number = int(text) if len(text) <= 40 else None
    except ValueError:
        number = None
    if number is None or not text.strip().lstrip("+-").isascii():
        raise ValueError(f"{text[:40]!r} is no whole number")
    if not least <= number <= most:
        raise ValueError(f"{number} is outside {least} to {most}")
    return number


def real_number(text: str, above: float, most: float) -> float:
    """A finite number above `above` and at most `most`. Raises ValueError with what is wrong and what is allowed."""
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no number") from None
    if not (math.isfinite(number) and above < number <= most):
        raise ValueError(f"{text[:40]} is outside {above:g} to {most:g}")
    return number


def apart(value: float, *bounds: float, digits: int = 2) -> str:
    """A number with `digits` behind the point, or as many more as it takes to read on its own side of every bound."""
    for more in range(digits, DIGITS_MAX):
        short = round(value, more)
        if all((short > bound, short < bound) == (value > bound, value < bound) for bound in bounds):
            break
    return f"{value:.{more}f}"


def percent_apart(value: float, *bounds: float) -> str:
    """A fraction as percent, whole unless it takes more to read on its own side of every bound (fractions, too)."""
    return f"{apart(100 * value, *(100 * bound for bound in bounds), digits=0)}%"
