"""A verdict's numbers beside what the rule asks of them: estimate, interval, threshold, met or not.

The thresholds are those of `training.verdict.verdict`, the one place where they stand; this module compares, so that a
reader can check, and decides nothing: the word comes from the log.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.headlog.records import Judgement, Swap
from training.verdict import verdict as rule

Triple = tuple[float, float, float]  # estimate, lower, upper
NAN = float("nan")
PATTERNS = (rule.LOCALIZED, rule.HIERARCHICAL, rule.DISTRIBUTED)
WEIGHTS_SINCE = 3  # the version of the rule since which weight swaps count, and bounds of the held share


@dataclass(frozen=True)
class Ask:
    """One condition in words, and whether it is met (None: not measured)."""

    words: str
    met: bool | None


@dataclass(frozen=True)
class Row:
    """One number of the verdict. asks: by pattern, or under "gate"; scale: where its picture ends."""

    name: str
    value: Triple
    asks: Mapping[str, Ask]
    marks: tuple[float, ...] = ()
    scale: tuple[float, float] = (0.0, 1.0)
    kind: str = "share"  # or "nats", "p", "count"


def triple(numbers: Mapping[str, Any], name: str) -> Triple:
    """(estimate, lower, upper) of a number that may be alone, in a list, or missing: NaN for what isn't there."""
    found = numbers.get(name)
    values = list(found) if isinstance(found, list | tuple) else [found]
    plain = [float(v) if isinstance(v, int | float) else NAN for v in values[:3]] + [NAN, NAN, NAN]
    return plain[0], plain[1], plain[2]


def _met(condition: bool, *needed: float) -> bool | None:
    return None if any(math.isnan(value) for value in needed) else condition


def least(value: float, bound: float, what: str = "") -> Ask:
    """value >= bound."""
    return Ask(f"{what}≥ {bound:g}", _met(value >= bound, value))


def most(value: float, bound: float, what: str = "") -> Ask:
    """value <= bound."""
    return Ask(f"{what}≤ {bound:g}", _met(value <= bound, value))


def both(one: Ask, other: Ask) -> Ask:
    """Two conditions at once."""
    known = None if None in (one.met, other.met) else bool(one.met and other.met)
    return Ask(f"{one.words}, {other.words}", known)


def gate(found: Judgement) -> list[Row]:
    """What must hold before any pattern is named."""
    n = found.numbers
    gain, held, negative = triple(n, "gain"), triple(n, "held_by_heads"), triple(n, "negative")
    seeds = n.get("seeds")
    counts = [float(x) for x in seeds if isinstance(x, int | float)] if isinstance(seeds, list) else []
    fewest = min(counts, default=NAN)
    top = max([x for x in gain if not math.isnan(x)], default=1.0)
    rows = [
        Row("seeds in the smallest arm", (fewest, NAN, NAN), {"gate": least(fewest, rule.SEEDS)}, kind="count"),
        Row("gain on held-out probes, nats", gain, {"gate": Ask("lower > 0", _met(gain[1] > 0, gain[1]))}, (0.0,),
            (min(0.0, *(x for x in gain if not math.isnan(x)), 0.0), max(top, 1e-9) * 1.1), "nats"),
    ]  # fmt: skip
    rows += _above(n, "p_whole_", "gain")
    part = held[1] if found.rule >= WEIGHTS_SINCE else held[0]
    asked = least(part, rule.SPLITTABLE, "lower " if found.rule >= WEIGHTS_SINCE else "")
    rows.append(Row("heads' share of the gain over control", held, {"gate": asked},
                    (rule.SPLITTABLE,), (0.0, 1.2)))  # fmt: skip
    rows += _above(n, "p_", "heads' total")
    for name, words in (("share_core", "T_K is a share"), ("width", "N_eff/H is a share")):
        _, low, high = triple(n, name)
        inside = _met(low <= 1 + rule.SLACK and high >= -rule.SLACK, low, high)
        rows.append(Row(words, triple(n, name), {"gate": Ask(f"meets −{rule.SLACK:g} … {1 + rule.SLACK:g}", inside)},
                        (0.0, 1.0), (-0.2, 1.2)))  # fmt: skip
    rows.append(Row("negative heads, of the absolute sum", negative, {"gate": most(negative[0], rule.NEGATIVE)},
                    (rule.NEGATIVE,)))  # fmt: skip
    return rows


def _above(numbers: Mapping[str, Any], prefix: str, what: str) -> list[Row]:
    """The permutation tests against both controls, those of them that were made."""
    found = [(control, triple(numbers, prefix + control)) for control in ("shuffled", "rehearsal")]
    return [
        Row(f"p: {what} above {control}", p, {"gate": most(p[0], rule.GATE_P)}, kind="p")
        for control, p in found
        if prefix + control in numbers or prefix == "p_"
    ]


def shapes(found: Judgement) -> list[Row]:
    """What the three patterns ask of the shares."""
    n = found.numbers
    share, width = triple(n, "share_core"), triple(n, "width")
    significant, halo = triple(n, "significant"), triple(n, "halo")
    low, high = rule.TIER_CORE
    local, tier, spread = PATTERNS
    return [
        Row("share of the core, T_K", share, {
            local: least(share[1], rule.LOCAL_CORE, "lower "),
            tier: both(least(share[1], low, "lower "), most(share[2], high, "upper ")),
            spread: most(share[2], rule.SPREAD_CORE, "upper "),
        }, (rule.SPREAD_CORE, rule.LOCAL_CORE, high)),
        Row("width, N_eff/H", width, {
            local: most(width[2], rule.LOCAL_WIDTH, "upper "),
            tier: most(width[2], rule.TIER_WIDTH, "upper "),
            spread: least(width[1], rule.SPREAD_WIDTH, "lower "),
        }, (rule.LOCAL_WIDTH, rule.TIER_WIDTH)),
        Row("heads that are significant", significant, {spread: least(significant[0], rule.SPREAD_HEADS)},
            (rule.SPREAD_HEADS,)),
        Row("significant outside the core, f", halo, {tier: least(halo[0], rule.TIER_HALO)}, (rule.TIER_HALO,)),
    ]  # fmt: skip


def swaps(found: Judgement, swapped: Sequence[Swap]) -> list[Row]:
    """What the three patterns ask of the swaps; from the verdict's numbers, or else the swaps beside it.

    Verdicts of rule 1 and 2 rested on output swaps as shares of the gain itself; of weights they asked nothing.
    """
    sets = causal(found, swapped)
    core, remove, halo, greedy = (sets[name] for name in ("core", "remove", "halo", "greedy"))
    nulls = sets["random"]
    tail = float(np.percentile(nulls, 95)) if nulls else NAN
    worst, enough = max(nulls, default=NAN), len(nulls) >= rule.RANDOM_SETS
    local, tier, spread = PATTERNS
    low, high = rule.INSERT_CORE
    one, other = (
        _met(low <= core[0] <= high, core[0]),
        _met(remove[0] >= rule.INSERT_WHOLE > core[0] > 0, core[0], remove[0]),
    )
    serial = None if one is None else bool(one or other)
    rare = _met(enough and core[0] > tail, core[0], tail)
    return [
        Row("core inserted", core, {
            local: least(core[0], rule.INSERT_WHOLE),
            tier: Ask(f"{low:g} … {high:g}, or 0 … {rule.INSERT_WHOLE:g} and remove ≥ {rule.INSERT_WHOLE:g}", serial),
            spread: most(core[0], rule.INSERT_NONE),
        }, (rule.INSERT_NONE, low, high), (-0.2, 1.2)),
        Row("core removed", remove, {local: least(remove[0], rule.INSERT_WHOLE)}, (rule.INSERT_WHOLE,), (-0.2, 1.2)),
        Row("core and halo inserted", halo, {tier: least(halo[0], rule.INSERT_HALO)}, (rule.INSERT_HALO,), (-0.2, 1.2)),
        Row("best set by greedy insertion", greedy, {spread: most(greedy[0], rule.INSERT_NONE)},
            (rule.INSERT_NONE,), (-0.2, 1.2)),
        Row(f"{len(nulls)} random sets: 95th percentile", (tail, NAN, NAN), {
            local: Ask("core above it", rare),
            **({tier: Ask("core above it", rare)} if found.rule >= WEIGHTS_SINCE else {}),
            spread: Ask(f"each ≤ {rule.INSERT_NONE:g}", _met(enough and worst <= rule.INSERT_NONE, worst)),
        }, (rule.INSERT_NONE,), (-0.2, 1.2)),
        *(_weights(swapped) if found.rule >= WEIGHTS_SINCE else ()),
    ]  # fmt: skip


def _weights(swapped: Sequence[Swap]) -> list[Row]:
    """What the patterns ask of the weight swaps."""
    local, tier, spread = PATTERNS
    core, halo = (_mean(swapped, name, "insert", "weight") for name in ("core", "core+halo"))
    return [
        Row("core's weights inserted", (core, NAN, NAN), {
            local: least(core, rule.INSERT_WHOLE), spread: most(core, rule.INSERT_NONE),
        }, (rule.INSERT_NONE, rule.INSERT_WHOLE), (-0.2, 1.2)),
        Row("core's and halo's weights inserted", (halo, NAN, NAN), {tier: least(halo, rule.INSERT_HALO)},
            (rule.INSERT_HALO,), (-0.2, 1.2)),
    ]  # fmt: skip


def causal(found: Judgement | None, swapped: Sequence[Swap]) -> dict[str, Any]:
    """core, remove, halo, greedy: triples (means over seeds); random, random_remove: lists of numbers."""
    numbers = found.numbers if found is not None else {}
    told = {"core": "core_insert", "remove": "core_remove", "halo": "both_insert", "greedy": "greedy_insert"}
    from_swaps = {"core": ("core", "insert"), "remove": ("core", "remove"), "halo": ("core+halo", "insert"),
                  "greedy": ("greedy", "insert")}  # fmt: skip
    sets: dict[str, Any] = {}
    for name, key in told.items():
        value = triple(numbers, key)
        sets[name] = value if not math.isnan(value[0]) else (_mean(swapped, *from_swaps[name]), NAN, NAN)
    for name, way in (("random", "insert"), ("random_remove", "remove")):
        listed = numbers.get(f"random_{way}")
        values = listed if isinstance(listed, list) else _each(swapped, "random", way)
        sets[name] = [float(v) for v in values if isinstance(v, int | float) and math.isfinite(v)]
    return sets


def family(name: str) -> str:
    """What a swap's set is one of: random sets are numbered ("random 7") and count together."""
    return "random" if name.split(" ")[0] == "random" else name


def _each(swapped: Sequence[Swap], name: str, way: str, what: str = "output") -> list[float]:
    found = [getattr(swap, way) for swap in swapped if swap.what == what and family(swap.name) == name]
    return [float(v) for v in found if v is not None]


def _mean(swapped: Sequence[Swap], name: str, way: str, what: str = "output") -> float:
    found = _each(swapped, name, way, what)
    return float(np.mean(found)) if found else NAN
