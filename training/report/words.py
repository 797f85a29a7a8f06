"""Numbers and texts as a reader sees them, and the words of each behaviour."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from training.headlog.records import one_line

MISSING = "–"
HOME = re.compile(r"^(?:/(?:home|Users)/[^/]+|/root|[A-Za-z]:[\\/]Users[\\/][^\\/]+)[\\/]")


@dataclass(frozen=True)
class Behaviour:
    """What the scores and the cue are called where this behaviour is learned. new: behind "hits on"; rest: what has to
    stay as it was."""

    hits: str
    alarms: str
    new: str
    cue: str
    rest: str


BEHAVIOURS = {
    "sight": Behaviour("spirits named", "empty places called haunted", "pairs of traces that no lesson held",
                       "the traces of the asked place", "ordinary questions"),
    "listen": Behaviour("safe directions taken", "dangerous ones taken", "forms of words that no lesson held",
                        "what was said of the asked direction", "all other talk"),
}  # fmt: skip
OWN = Behaviour("wanted lines answered rightly", "other lines answered with a wanted answer", "new forms",
                "the cue that a probe’s line names", "other lines")  # fmt: skip


def plain_text(value: object, most: int = 600) -> str:
    """Any text on one line, cut to so many characters, without control characters."""
    plain = one_line(str(value)[: most + 1])
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def as_float(value: object) -> float:
    """A number as a float; NaN for whatever else, and for integers that no float holds."""
    if isinstance(value, float):
        return value
    return float(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**64 else math.nan


def number(value: Any, digits: int = 3) -> str:
    """A number for people: three significant digits, a true minus sign; a dash for what isn't there."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not math.isfinite(as_float(value)):
        return MISSING
    size = abs(value)
    if isinstance(value, int) or 10**digits <= size < 1e15:
        return f"{value:,.0f}".replace("-", "−")
    plain = f"{value:.{digits}g}" if size >= 1e-4 or size == 0 else f"{value:.{2 if digits == 3 else digits}g}"
    return re.sub(r"e([+-])0*", r"e\1", plain).replace("e+", "e").replace("-", "−")


def percent(value: Any, digits: int = 1) -> str:
    """A fraction as percent; a dash for what isn't there."""
    plain = as_float(value)
    if not math.isfinite(plain):
        return MISSING
    if abs(plain) >= 1e6:
        return f"{number(100.0 * plain)} %"
    return f"{round(100 * plain, digits) + 0.0:.{digits}f} %".replace("-", "−")  # + 0.0: no −0.0


def ranged(middle: float, low: float, high: float) -> str:
    """A number and where it lies between, if that says more."""
    return f"{number(middle)} ({number(low)} … {number(high)})" if low < high else number(middle)


def digits_apart(values: Iterable[float], bounds: Iterable[float]) -> int:
    """How many digits all these values need for each to read on the same side of each bound as it lies.

    0.7996 must not read "0.8" beside "≥ 0.8, not met". At least 3; 17 tell any two numbers apart.
    """
    pairs = [(value, bound) for value in values for bound in bounds if math.isfinite(value) and math.isfinite(bound)]

    def reads_true(digits: int, one: float, other: float) -> bool:
        rounded, bound = (float(f"{x:.{digits}g}") for x in (one, other))
        return (rounded > bound, rounded < bound) == (one > other, one < other)

    return next((digits for digits in range(3, 17) if all(reads_true(digits, *pair) for pair in pairs)), 17)


def percent_apart(value: float, bound: float, digits: int | None = None) -> str:
    """A fraction as percent, with digits enough to read on the same side of a bound (a fraction, too) as it lies.

    digits: behind the point, where so many are enough.
    """
    if digits is not None and math.isfinite(value):
        short, limit = (round(100 * x, digits) for x in (value, bound))
        if not math.isfinite(bound) or (short > limit, short < limit) == (value > bound, value < bound):
            return percent(value, digits)
    return f"{number(100 * value, digits_apart([100 * value], [100 * bound]))} %" if math.isfinite(value) else MISSING


def setting(value: object) -> str:
    """A setting as text; of an absolute path only what is below assets, or its name: the rest is nobody's business."""
    if value is None:
        return "default"
    plain = number(value, 6) if isinstance(value, bool | float) else str(value)
    if plain.startswith("/") or re.match(r"[A-Za-z]:[\\/]", plain):
        parts = [part for part in plain.replace("\\", "/").split("/") if part]
        return "/".join(parts[parts.index("assets") if "assets" in parts else -1 :])
    return plain


def typed_path(value: object) -> str:
    """A path as one types it again: below assets as called from this folder, below a home with ~, else as it was."""
    plain = str(value)
    return (
        plain[plain.index("/assets/") + 1 :] if plain.startswith("/") and "/assets/" in plain else HOME.sub("~/", plain)
    )


def several(values: Sequence[object], most: int = 4) -> str:
    """Different values in the order of their first appearance, or how many there are."""
    unlike = list(dict.fromkeys(str(value) for value in values))
    return ", ".join(unlike) if len(unlike) <= most else f"{', '.join(unlike[:2])} … ({len(unlike)} different)"


def counted(count: int, noun: str) -> str:
    """A number of things."""
    return f"{count:,} {noun}" + "s" * (count != 1)
