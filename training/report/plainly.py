"""A verdict in three plain sentences and one picture, and what would change it.

What was learned, by how much; which units, with their swap beside random sets; why this word, or why none.
"""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from perception.units import names_of
from training.headlog.records import Judgement, Log
from training.report import derive, figures, grids, judged
from training.report.derive import Array
from training.report.figures import SetOfHeads
from training.report.gather import Material
from training.report.grids import HEADS_MAX, Marks
from training.report.parts import Block, Picture, Table, Words
from training.report.words import MISSING, counted, number, percent, percent_apart
from training.verdict import rule

MUNDANE = 0.9  # answered rightly before; below it a control says little
SILENT = (rule.UNDECIDED, rule.NOT_IN_HEADS)
COUNTS = ("right", "wrong", "undecided")
PATTERNS_MAX = 24


def learned(material: Material) -> str:
    """What the main arm learned, in a sentence."""
    main, behaviour = material.main, material.behaviour
    ends = [run.log.summary for run in main if run.log.summary is not None]
    if not ends:
        return "Learned: not measured; no run of this arm came to its end."
    before, after = (derive.median(getattr(end, when).get("hits") for end in ends) for when in ("before", "after"))
    alarms, mundane = (derive.median(end.after.get(name) for end in ends) for name in ("false_alarms", "mundane"))
    title = "From the first model to the second" if material.compared else "Learned"
    if material.kind != "run":
        title = f"Learned ({main[0].arm}, median of {counted(len(ends), 'run')})"
    return (
        f"{title}: {behaviour.hits} {percent(before)} before, {percent(after)} after; {behaviour.alarms} "
        f"{percent(alarms)}; {behaviour.rest} still right {percent(mundane)}.{_told(material)}"
    )


def _told(material: Material) -> str:
    """What the beliefs tell of the answers, where the logs hold it."""
    records = [record for run in material.main if (record := run.log.information) is not None]
    if not records:
        return ""
    before, after = (derive.median(getattr(record, f"share_{when}") for record in records)
                     for when in ("before", "after"))  # fmt: skip
    return f" Its beliefs tell {percent(after)} of what there is to know; before, {percent(before)}."


def _beside(share: float, *bounds: float) -> str:
    """Whole percent, finer where that would lie on the other side of the nearest bound."""
    return percent_apart(share, min(bounds, key=lambda bound: abs(bound - share)), 0)


def core(record: Judgement, swaps: Sequence[judged.Row], material: Material) -> str:
    """Which units the core is, what it holds and brings beside random sets, and the head that brings most alone."""
    values = {row.name: row.value[0] for row in swaps}
    tail = next(value for name, value in values.items() if "random sets" in name)
    share = judged.triple(record.numbers, "share_core")[0]
    inserted, out = values["core inserted"], values["core removed"]
    wide = derive.shape(material.main)[1]
    what = "units" if any(head >= wide for _, head in record.core) else "heads"
    held = _beside(share, rule.LOCAL_CORE, rule.SPREAD_CORE, rule.TIER_CORE)
    away = _beside(out, rule.WHOLE, rule.NEEDED, rule.SPARABLE)
    words = (
        f"Core {what} (layer.head): {places(record.core, wide)}. They hold {held} of the {what}’ gain over"
        f" control. Inserted alone they bring {percent_apart(inserted, tail, 0)} of the gain; 95 % of random sets of"
        f" their size bring less than {percent_apart(tail, inserted, 0)}. Taken out they take away {away}."
    )
    best = best_alone(material)
    if best is None:
        return words
    place, some = best
    return words + (
        f" The one that brings most by itself is {places([place], wide)}: {percent(derive.median(some), 0)} of a run’s"
        f" own gain (median of {counted(len(some), 'run')})."
    )


def best_alone(material: Material) -> tuple[tuple[int, int], list[float]] | None:
    """The head that inserts most by itself, by its median over runs, and each run's share; None without swaps."""
    alone: dict[tuple[int, int], list[float]] = {}
    for run in derive.alike(material.main):
        for swap in run.log.swaps:
            single = swap.what == "output" and swap.name.startswith(("head ", "mlp ")) and len(swap.heads) == 1
            if single and swap.insert is not None and math.isfinite(swap.insert):
                alone.setdefault(swap.heads[0], []).append(swap.insert)
    if not alone:
        return None
    best = max(sorted(alone), key=lambda place: derive.median(alone[place]))
    return best, alone[best]


def places(units: Sequence[tuple[int, int]], wide: int) -> str:
    """Units by name: "7.2", and "mlp 3" for what stands behind the heads. wide: heads of a layer."""
    return names_of(units[:128], wide) or "none"


def why(record: Judgement) -> str:
    """Why this word, or why none."""
    if record.word == rule.UNDECIDED:
        return f"Why no pattern is named: {record.reason}."
    return f"Why {record.word}: {record.reason}."


def weak_control(material: Material) -> list[Words]:
    """A warning where what had to stay as it was, was mostly wrong before."""
    before = derive.spread(run.log.summary.before.get("mundane") for run in material.runs if run.log.summary)[1]
    if not before < MUNDANE:
        return []
    text = (
        f"Weak control: before training only {percent_apart(before, MUNDANE)} of {material.behaviour.rest} were"
        f" answered rightly, less than {MUNDANE:.0%}. Training can hardly lower that: a score that stays says little."
    )
    return [Words(text, "caveat")]


def picture(material: Material, record: Judgement, swaps: Sequence[judged.Row]) -> list[Picture | Table]:
    """The units with the core outlined, and the core's swap beside the band of random sets."""
    log = material.verdict
    assert log is not None
    pictures: list[Picture | Table] = []
    marked = Marks(record.core, record.significant)
    shares = unit_shares(material)
    if shares is not None and shares[0].size <= HEADS_MAX:
        heads, mlps, note = shares
        limit = grids.largest(heads) if mlps is None else grids.largest(heads, mlps)
        drawing = partial(grids.heads, heads, limit, 0.01, marked, mlps)
        pictures.append(Picture("Where the gain lies", drawing, f"{note}; outlined: the core; dotted: significant"))
    values = {row.name: row.value[0] for row in swaps}
    nulls = judged.causal(record, log.swaps)["random"]
    named: list[SetOfHeads] = []
    for words, name in (("the core", "core inserted"), ("core and halo", "core and halo inserted")):
        if math.isfinite(values.get(name, math.nan)):
            removed = values.get("core removed", math.nan) if words == "the core" else math.nan
            named.append((words, [values[name]], [removed] if math.isfinite(removed) else []))
    best = best_alone(material)
    if best is not None:
        named.append((f"{places([best[0]], derive.shape(material.main)[1])} alone", best[1], []))
    if named:
        drawing = partial(figures.swaps, named, [("random sets", nulls)] if nulls else [])
        note = "● inserted, ○ removed, % of the gain" + "; grey: how many random sets reach how far" * bool(nulls)
        beyond = any(
            not figures.LEAST <= value <= figures.MOST for _, *pair in named for some in pair for value in some
        )
        note += "; what lies beyond the frame is drawn on its edge" * beyond
        pictures.append(Picture("The core beside random sets", drawing, note))
    return pictures


def unit_shares(material: Material) -> tuple[Array, Array | None, str] | None:
    """((L, H) shares of the units' gain, (L,) of the MLPs or None, what they are), less the shuffled control's mean."""
    trained, control = (_means(runs) for runs in (material.main, material.control("shuffled")))
    if trained is None:
        return None
    (heads, mlps), note = trained, "% of the units’ gain"
    if control is not None and control[0].shape == heads.shape:
        heads, note = heads - control[0], f"{note} over the shuffled control"
        mlps = mlps - control[1] if mlps is not None and control[1] is not None else mlps
    total = heads.sum() + (0.0 if mlps is None else mlps.sum())
    return (heads / total, None if mlps is None else mlps / total, note) if total > 0 else None


def _means(runs: Sequence[Any]) -> tuple[Array, Array | None] | None:
    """Mean gain of heads, and of MLPs where every run has them."""
    gain = derive.seeds_gain(runs) if runs else None
    if gain is None:
        return None
    layers = derive.shape(runs)[0]
    mlps = [_mlps(run.log, layers) for run in derive.alike(runs)]
    of_mlps = np.mean([row for row in mlps if row is not None], axis=0) if all(x is not None for x in mlps) else None
    return gain.mean(0).reshape(derive.shape(runs)), of_mlps


def _mlps(log: Log, layers: int) -> Array | None:
    """(L,) what each layer's MLP brought; None where none trained, or the log is older."""
    gains = derive.head_gains(log)
    by_layer = {} if gains is None else gains.mlps
    return np.array([by_layer.get(layer, 0.0) for layer in range(layers)]) if by_layer else None


def changes(gate: Sequence[judged.Row], patterns: Sequence[judged.Row], word: str) -> list[Block]:
    """What would change the verdict: for every word, the conditions that stand in its way, or on which it rests."""
    rows = []
    for name in (judged.GATE, *judged.PATTERNS):
        some = gate if name == judged.GATE else patterns
        title = "any pattern (the gate)" if name == judged.GATE else name
        wrong = [_condition(row, name) for row in some if name in row.asks and row.asks[name].met is False]
        unknown = [row.name for row in some if name in row.asks and row.asks[name].met is None]
        if name == word:
            held = [_condition(row, name) for row in some if name in row.asks and row.asks[name].met]
            rows.append([title, f"named; it stands while {'; '.join(held)}"])
        elif wrong or unknown:
            missing = f"not measured: {', '.join(unknown)}" if unknown else ""
            rows.append([title, "; ".join([*(f"needs {text}" for text in wrong), *[missing] * bool(missing)])])
        else:
            earlier = ", but an earlier pattern fits the shares" if name != judged.GATE else ""
            rows.append([title, f"nothing: all is met{earlier}"])
    return [Table("What would change the verdict", ["to be named", "what stands in its way"], rows)]


def _condition(row: judged.Row, name: str) -> str:
    """For instance "share of the core, T_K: lower ≥ 0.75 (now 0.55, 0.35 … 0.70)"."""
    _, estimate, inside, *_ = row.cells(())
    now = estimate if inside == MISSING else f"{estimate}, {inside}"
    return f"{row.name}: {row.asks[name].words} (now {now})"


def error_rates(material: Material, record: Judgement) -> list[Block]:
    """How often the rule is right, by pattern, where it was calibrated on trainings of a known pattern."""
    table, of_rule = material.calibration.get("patterns"), material.calibration.get("rule")
    rows = [row for row in table if isinstance(row, dict)][:PATTERNS_MAX] if isinstance(table, list) else []
    if not rows:
        text = f"How often rule {record.rule} names a known pattern rightly is not measured yet: no error rates."
        return [Words(text, "missing")]
    cells = []
    for row in rows:
        tried = judged.triple(row, "n")[0]
        cells.append([str(row.get("name")), number(int(tried)) if tried.is_integer() else MISSING,
                      *(_rate(row, key, tried) for key in COUNTS)])  # fmt: skip
    other = "" if of_rule in (None, record.rule) else f" These are rates of rule {number(of_rule)}, not of this page’s."
    caption = f"How often the rule is right, on trainings whose pattern is known.{other}"
    return [Table(caption, ["pattern", "tried", "named rightly", "by another’s name", "undecided"], cells)]


def _rate(row: Mapping[str, Any], key: str, tried: float) -> str:
    """A count of all, or a share, as percent."""
    value = judged.triple(row, key)[0]
    counts = [row.get(name) for name in COUNTS]
    counted_all = all(isinstance(count, int) for count in counts) and tried > 0
    return percent(value / tried if counted_all else value, 0)
