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
from training.report.words import MISSING, as_float, digits_apart, number
from training.verdict import rule

Triple = tuple[float, float, float]  # estimate, lower, upper
NAN = float("nan")
PATTERNS = LOCAL, TIER, SPREAD = (rule.LOCALIZED, rule.HIERARCHICAL, rule.DISTRIBUTED)
GATE = "gate"
WEIGHTS_SINCE = 3  # the version of the rule since which weight swaps count, and bounds of the held share


@dataclass(frozen=True)
class Ask:
    """One condition in words, whether it is met (None: not measured), and the bounds that it names."""

    words: str
    met: bool | None
    bounds: tuple[float, ...] = ()

    def __and__(self, other: "Ask") -> "Ask":
        known = None if None in (self.met, other.met) else bool(self.met and other.met)
        return Ask(f"{self.words}, {other.words}", known, (*self.bounds, *other.bounds))


@dataclass(frozen=True)
class Row:
    """One number of the verdict. asks: by pattern, or under GATE. share: whether it is a share of something."""

    name: str
    value: Triple
    asks: Mapping[str, Ask]
    share: bool = True

    @property
    def bounds(self) -> list[float]:
        """Every threshold that the asks name, rising."""
        return sorted({bound for ask in self.asks.values() for bound in ask.bounds if math.isfinite(bound)})

    def cells(self, columns: Sequence[str]) -> list[str]:
        """Name, estimate, interval, and each column's condition with its mark; digits enough to read true."""
        value, low, high = self.value
        digits = digits_apart(self.value, self.bounds)
        inside = MISSING if math.isnan(low) or math.isnan(high) else f"{number(low, digits)} … {number(high, digits)}"
        estimate = number(int(value)) if value.is_integer() and not self.share else number(value, digits)
        asks = [self.asks.get(name) for name in columns]
        return [self.name, estimate, inside, *("" if ask is None else f"{ask.words} {mark(ask.met)}" for ask in asks)]


def mark(met: bool | None) -> str:
    """Met or not, in a word and a sign."""
    return "not measured" if met is None else "✓ met" if met else "✗ not met"


def together(rows: Sequence[Row], *columns: str) -> bool | None:
    """Whether all that the rows ask in these columns is met."""
    every = [row.asks[name].met for row in rows for name in columns if name in row.asks]
    return False if False in every else None if None in every else True


def triple(numbers: Mapping[str, Any], name: str) -> Triple:
    """(estimate, lower, upper) of a number that may be alone, in a list, or missing: NaN for what isn't there."""
    value = numbers.get(name)
    plain = [as_float(v) for v in (value if isinstance(value, list | tuple) else [value])[:3]] + [NAN, NAN, NAN]
    return plain[0], plain[1], plain[2]


def _met(condition: bool, *needed: float) -> bool | None:
    return None if any(math.isnan(value) for value in needed) else condition


def least(value: float, bound: float, what: str = "") -> Ask:
    """value >= bound."""
    return Ask(f"{what}≥ {number(bound)}", _met(value >= bound, value), (bound,))


def most(value: float, bound: float, what: str = "") -> Ask:
    """value <= bound."""
    return Ask(f"{what}≤ {number(bound)}", _met(value <= bound, value), (bound,))


def gate(verdict: Judgement) -> list[Row]:
    """What must hold before any pattern is named."""
    n = verdict.numbers
    gain, held, negative = triple(n, "gain"), triple(n, "held_by_heads"), triple(n, "negative")
    counts, bounded = triple(n, "seeds"), verdict.rule >= WEIGHTS_SINCE
    fewest = min((count for count in counts if not math.isnan(count)), default=NAN)
    above_zero = Ask("lower > 0", _met(gain[1] > 0, gain[1]), (0.0,))
    enough = least(held[1] if bounded else held[0], rule.SPLITTABLE, "lower " if bounded else "")
    rows = [
        Row("seeds in the smallest arm", (fewest, NAN, NAN), {GATE: least(fewest, rule.SEEDS)}, share=False),
        Row("gain on held-out probes, nats", gain, {GATE: above_zero}, share=False),
        *_above(n, "p_whole_", "gain"),
        Row("heads' share of the gain over control", held, {GATE: enough}),
        *_above(n, "p_", "heads' total"),
    ]
    low_end, high_end = -rule.SLACK, 1 + rule.SLACK
    for name, words in (("share_core", "T_K is a share"), ("width", "N_eff/H is a share")):
        value = _, low, high = triple(n, name)
        inside = _met(low <= high_end and high >= low_end, low, high)
        meets = Ask(f"meets −{rule.SLACK:g} … {high_end:g}", inside, (low_end, high_end))
        rows.append(Row(words, value, {GATE: meets}))
    control = triple(n, "control")
    harm = {} if math.isnan(control[0]) else {GATE: least(control[0], -rule.HARM)}  # older verdicts don't say it
    return [
        *rows,
        Row("shuffled control's gain, of the gain", control, harm),
        Row("negative heads, of the absolute sum", negative, {GATE: most(negative[0], rule.NEGATIVE)}),
    ]


def _above(numbers: Mapping[str, Any], prefix: str, what: str) -> list[Row]:
    """The permutation tests against both controls, those of them that were made."""
    values = [(control, triple(numbers, prefix + control)) for control in ("shuffled", "rehearsal")]
    return [
        Row(f"p: {what} above {control}", p, {GATE: most(p[0], rule.GATE_P)}, share=False)
        for control, p in values
        if prefix + control in numbers or prefix == "p_"
    ]


def shapes(verdict: Judgement) -> list[Row]:
    """What the three patterns ask of the shares."""
    names = ("share_core", "width", "significant", "halo")
    share, width, significant, halo = (triple(verdict.numbers, name) for name in names)
    return [
        Row("share of the core, T_K", share, {
            LOCAL: least(share[1], rule.LOCAL_CORE, "lower "),
            TIER: least(share[1], rule.TIER_CORE, "lower "),
            SPREAD: most(share[2], rule.SPREAD_CORE, "upper "),
        }),
        Row("width, N_eff/H", width, {
            LOCAL: most(width[2], rule.LOCAL_WIDTH, "upper "),
            TIER: most(width[2], rule.TIER_WIDTH, "upper "),
            SPREAD: least(width[1], rule.SPREAD_WIDTH, "lower "),
        }),
        Row("units that are significant", significant, {SPREAD: least(significant[0], rule.SPREAD_HEADS)}),
        Row("significant outside the core, f", halo, {
            LOCAL: Ask(f"< {rule.HALO:g}", _met(halo[0] < rule.HALO, halo[0]), (rule.HALO,)),
            TIER: least(halo[0], rule.HALO),
        }),
    ]  # fmt: skip


def swaps(verdict: Judgement, swapped: Sequence[Swap]) -> list[Row]:
    """What the three patterns ask of the swaps; from the verdict's numbers, or else the swaps beside it.

    Verdicts of rule 1 and 2 rested on output swaps as shares of the gain itself; of weights they asked nothing.
    """
    sets = causal(verdict, swapped)
    core, remove, halo, nulls = (sets[name] for name in ("core", "remove", "halo", "random"))
    spared = sets["random_remove"]
    cost = float(np.percentile(spared, 95)) if spared else NAN
    tail, weighed = float(np.percentile(nulls, 95)) if nulls else NAN, verdict.rule >= WEIGHTS_SINCE
    enough = len(nulls) >= rule.RANDOM_SETS
    rare = Ask("core above it", _met(enough and core[0] > max(0.0, tail), core[0], tail), (core[0],))
    rows = [
        Row("core inserted", core, {LOCAL: least(core[0], rule.WHOLE)}),
        Row("core removed", remove, {
            LOCAL: least(remove[0], rule.WHOLE),
            TIER: least(remove[0], rule.NEEDED),
            SPREAD: most(remove[0], rule.SPARABLE),
        }),
        Row("core and halo inserted", halo, dict.fromkeys((TIER, SPREAD), least(halo[0], rule.WITH_HALO))),
        Row(f"{len(nulls)} random sets inserted: 95th percentile", (tail, NAN, NAN),
            {LOCAL: rare, **({TIER: rare} if weighed else {})}),
        Row(f"{len(spared)} random sets removed: 95th percentile", (cost, NAN, NAN),
            {TIER: Ask("core costs as much", _met(remove[0] >= cost, remove[0], cost), (remove[0],))}),
    ]  # fmt: skip
    if weighed:
        core, halo = ((_mean(swapped, name, "insert", "weight"), NAN, NAN) for name in ("core", "core+halo"))
        rows.append(Row("core's weights inserted", core, {LOCAL: least(core[0], rule.WHOLE)}))
        asks = dict.fromkeys((TIER, SPREAD), least(halo[0], rule.WITH_HALO))
        rows.append(Row("core's and halo's weights inserted", halo, asks))
    return rows


SETS = {  # of the verdict: its number, and the swap that tells it else
    "core": ("core_insert", "core", "insert"), "remove": ("core_remove", "core", "remove"),
    "halo": ("both_insert", "core+halo", "insert"),
}  # fmt: skip


def causal(verdict: Judgement | None, swapped: Sequence[Swap]) -> dict[str, Any]:
    """core, remove, halo: triples (means over seeds); random, random_remove: lists of numbers."""
    numbers = verdict.numbers if verdict is not None else {}
    sets: dict[str, Any] = {}
    for name, (key, swap, direction) in SETS.items():
        value = triple(numbers, key)
        sets[name] = (_mean(swapped, swap, direction), NAN, NAN) if math.isnan(value[0]) else value
    for name, direction in (("random", "insert"), ("random_remove", "remove")):
        listed = numbers.get(f"random_{direction}")
        values = listed if isinstance(listed, list) else _each(swapped, "random", direction)
        sets[name] = [as_float(v) for v in values if math.isfinite(as_float(v))]
    return sets


def family(name: str) -> str:
    """What a swap's set is one of: random sets are numbered ("random 7") and count together."""
    return "random" if name.split(" ")[0] == "random" else name


def _each(swapped: Sequence[Swap], name: str, direction: str, what: str = "output") -> list[float]:
    values = [getattr(swap, direction) for swap in swapped if swap.what == what and family(swap.name) == name]
    return [float(v) for v in values if v is not None and math.isfinite(v)]


def _mean(swapped: Sequence[Swap], name: str, direction: str, what: str = "output") -> float:
    values = _each(swapped, name, direction, what)
    return float(np.mean(values)) if values else NAN
