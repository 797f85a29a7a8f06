"""The curve of sets: what share of the gain sets of heads bring, and how it stands in a log.

Each set is a swap of its own ("best 4", "greedy 4", and beside them the random sets "beside 4, 0", "beside 4, 1" ...).
Intervals and areas are numbers of the whole model ("best 4, from", "best 4, to", "cpr", "cpr, from" ...). How it is
measured: `training.heads.set_curve`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from training.headlog.records import Log, Place, Swap, Whole

Interval = tuple[float, float, float]  # estimate, lower, upper; NaN for a bound that can't be told
BEST, GREEDY, BESIDE = "best", "greedy", "beside"
AREAS = {
    "cpr": "area under the share over the fraction of heads; higher is better",
    "cmd": "area of |1 - share| over the fraction of heads; lower is better",
}
ENDS = ("from", "to")
OUTSIDE = 2  # random sets lie outside the best one while so many times its size lies there


@dataclass(frozen=True)
class SetPoint:
    """A set of the curve. share: of the gain, with its interval; random: the shares of random sets of its size."""

    heads: tuple[Place, ...]
    share: Interval
    random: tuple[float, ...] = ()
    random_heads: tuple[tuple[Place, ...], ...] = ()


@dataclass(frozen=True)
class SetCurve:
    """The curve, smallest set first. heads: of how many; cpr, cmd: areas; greedy: sets found by greedy insertion."""

    heads: int
    decisions: int
    points: tuple[SetPoint, ...]
    cpr: Interval
    cmd: Interval
    greedy: tuple[SetPoint, ...] = ()


def overlaps(size: int, heads: int) -> bool:
    """Whether too few heads lie outside a set of this size for random sets to keep apart from it."""
    return heads - size < OUTSIDE * size


def curve_records(curve: SetCurve) -> Iterator[Swap | Whole]:
    """The curve as log records."""
    for order, points in ((BEST, curve.points), (GREEDY, curve.greedy)):
        for point in points:
            name = f"{order} {len(point.heads)}"
            yield _swap(name, point.heads, point.share[0], curve.decisions)
            yield from _ends(name, point.share, "of 95 % of resamples of the probes")
            for at, (heads, share) in enumerate(zip(point.random_heads, point.random, strict=True)):
                yield _swap(f"{BESIDE} {len(heads)}, {at}", heads, share, curve.decisions)
    for name, about in AREAS.items():
        value: Interval = getattr(curve, name)
        yield Whole(name=name, value=_known(value[0]), about=about)
        yield from _ends(name, value, about)


def _swap(name: str, heads: tuple[Place, ...], share: float, decisions: int) -> Swap:
    return Swap(what="output", name=name, heads=heads, insert=share, remove=None, decisions=decisions)


def _ends(name: str, value: Interval, about: str) -> Iterator[Whole]:
    for end, bound in zip(ENDS, value[1:], strict=True):
        yield Whole(name=f"{name}, {end}", value=_known(bound), about=about)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def of_curve(record: Swap | Whole) -> bool:
    """Whether a record is a part of the curve of sets."""
    if isinstance(record, Whole):
        return record.name.partition(",")[0] in AREAS or record.name.endswith(tuple(f", {end}" for end in ENDS))
    return _size(record.name) is not None


def _size(name: str) -> tuple[str, int] | None:
    """(kind of set, size) of a swap's name; None for a name that is none of the curve's."""
    kind, _, rest = name.partition(" ")
    digits = rest.partition(",")[0]
    known = kind in (BEST, GREEDY, BESIDE) and digits.isascii() and digits.isdecimal() and len(digits) < 9
    return (kind, int(digits)) if known else None


def curve_of(log: Log) -> SetCurve | None:
    """The curve that a log holds; None if it holds none."""
    numbers = {whole.name: math.nan if whole.value is None else whole.value for whole in log.wholes}
    sets: dict[str, dict[int, Swap]] = {BEST: {}, GREEDY: {}}
    beside: dict[int, list[Swap]] = {}
    for swap in log.swaps:
        kind, size = _size(swap.name) or ("", 0)
        if kind == BESIDE and swap.insert is not None:
            beside.setdefault(size, []).append(swap)
        elif kind in sets and swap.insert is not None:
            sets[kind][size] = swap
    if not sets[BEST]:
        return None

    def interval(name: str, value: float) -> Interval:
        low, high = (numbers.get(f"{name}, {end}", math.nan) for end in ENDS)
        return value, low, high

    def points(kind: str) -> tuple[SetPoint, ...]:
        made = []
        for size, swap in sorted(sets[kind].items()):
            some = beside.get(size, []) if kind == BEST else []
            share = interval(f"{kind} {size}", float(swap.insert or 0.0))
            made.append(SetPoint(swap.heads, share, tuple(float(s.insert or 0.0) for s in some),
                                 tuple(s.heads for s in some)))  # fmt: skip
        return tuple(made)

    cpr, cmd = (interval(name, numbers.get(name, math.nan)) for name in AREAS)
    decisions = next(iter(sets[BEST].values())).decisions
    return SetCurve(max(sets[BEST]), decisions, points(BEST), cpr, cmd, points(GREEDY))
