"""The sections about where the gain lies: concentration, depth, swaps."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from training.headlog.curves import of_curve
from training.headlog.records import Swap
from training.report import derive, figures, judged
from training.report.figures import Concentration, SetOfHeads
from training.report.gather import Material
from training.report.head_sections import grid, marks
from training.report.parts import Block, Picture, Section, Table, Words, absent
from training.report.words import MISSING, number, percent
from training.verdict.shares import core_size

SETS_MAX = 24
NULLS = {"random insert": "random", "random remove": "random_remove"}
NO_GAIN = "The gain was not shared out over the heads, or they brought none."
Named = Mapping[str, tuple[list[float], list[float]]]  # set's name -> inserts, removes; over runs


def lorenz(material: Material) -> Section:
    """How the gain is spread over heads, largest first, with the controls in the same unit."""
    title, main = "Concentration of the gain", material.main
    gain = derive.seeds_gain(main)
    if gain is None or not gain.sum() > 0:
        return absent("lorenz", title, NO_GAIN, "gain")
    total, mean, size = derive.total_gain(main), gain.mean(0), core_size(gain.shape[1])
    held = derive.concentration_curve
    curves: list[Concentration] = [("", held(row, row, total), "seed") for row in gain[: figures.LINES_MAX]] * (
        len(gain) > 1
    )
    curves.append(("in sample", held(mean, mean, total), "in sample"))
    rows = [["in sample, trained", percent(derive.core_share(mean)), number(derive.effective(mean))]]
    split = derive.seeds_chunks(main)
    crossed = None if split is None else derive.cross_curve(split, derive.seeds_chunks(material.control("shuffled")))
    if crossed is not None:
        curves.append(("cross-fitted", crossed, "cross-fitted"))
        rows.append(["cross-fitted, over control", percent(float(crossed[size])), "see the verdict"])
    for role in ("shuffled", "rehearsal"):
        other = derive.seeds_gain(material.control(role)) if main[0].role == "" else None
        if other is not None and other.shape[1] == len(mean):
            curves.append((role, held(other.mean(0), other.mean(0), total), "control"))
    words = Words(
        f"Lorenz curves from the largest head down: how much of the heads’ {number(total)} nats the first heads hold. "
        "The dotted diagonal is an even spread. In sample, the order and the weights come from the same probes, which "
        "flatters the first heads. Cross-fitted, the order comes from one half of the probes and the weights from the "
        "other, less the shuffled control. Controls are drawn in the trained arm’s unit."
    )
    note = "heads, largest first, % of the total"
    glance = Table(
        "At a glance; only the verdict’s numbers are judged", ["", f"the first K = {size} hold", "N_eff/H"], rows
    )
    return Section(
        "lorenz", title, [words, [Picture("Share of the gain", partial(figures.lorenz, curves, size), note), glance]]
    )


def depth(material: Material) -> Section:
    """Where in the layers the gain lies."""
    base, count = material.main[0].base, derive.shape(material.main)[0]
    of_base = {arm: [run for run in runs if run.base == base] for arm, runs in material.arms.items()}
    layers = {arm: derive.by_layer(runs) for arm, runs in of_base.items() if runs}
    arms = [(arm, gain) for arm, gain in layers.items() if gain is not None and gain.shape[1] == count]
    if not arms or not arms[0][1].sum() > 0:
        return absent("depth", "Depth", NO_GAIN, "depth")
    rings = {arm: gain for arm, gain in arms[1:] if of_base[arm][0].role}
    note = "nats per layer; bar: mean, ticks: runs"
    note += f"; rings: {', '.join(rings)}" if rings else ""
    rows = []
    for arm, gain in arms:
        middle, low, high = derive.spread(derive.depth(row) for row in gain)
        between = f"{number(low)} … {number(high)}" if len(gain) > 1 else MISSING
        rows.append([arm, len(gain), number(float(gain.sum(1).mean())), number(middle), between])
    head = ["arm", "runs", "heads’ gain, nats", "depth, median", "over runs"]
    table = Table("Depth: the gain’s centre of mass over the layers, 0 the first, 1 the last", head, rows)
    drawing = partial(figures.layers, arms[0][1], list(rings.values()))
    picture = Picture(f"Gain by layer: {arms[0][0]}", drawing, note)
    return Section("depth", "Depth", [[picture, table]])


def causal(material: Material) -> Section:
    """Swaps: of the core and its like against random sets, of layers, of single heads."""
    title, record = "Activation patching (swaps)", material.judgement
    logs = {id(log): log for log in (material.verdict, *(run.log for run in material.main)) if log is not None}
    swapped = [swap for log in logs.values() for swap in log.swaps if not of_curve(swap)]
    sets = judged.causal(record, swapped)
    if not swapped and math.isnan(sets["core"][0]):
        text = "No swaps in this log. The experiments sight, listen and own make them once their core is known."
        return absent("causal", title, text, "swaps")
    over = record is not None and record.rule >= judged.WEIGHTS_SINCE
    words = (
        "Insert (denoising): the model before with these heads’ outputs, or weights, from the model after. Remove "
        "(noising): the model after with theirs from before. 100 % is all of the gain: {}a run’s own. Random sets have "
        "the core’s size and layers and lie outside it. Single heads under-report, because others take over: read sets."
    ).format("of sets, over what the shuffled control gains by the same swap; of layers and single heads, " * over)
    by_name = {what: _by_name(swapped, what) for what in ("output", "weight")}
    layers = [(name, *pair) for name, pair in by_name["output"].items() if name.startswith("layer ")][:64]
    nulls = [(words, sets[key]) for words, key in NULLS.items() if sets[key]]
    named = named_sets(by_name, sets)
    pictures: list[Picture | Table] = []
    if named or nulls:
        note = "● insert, ○ remove, ticks: runs" + "; grey: how many random sets reach how far" * bool(nulls)
        pictures.append(Picture("Sets of heads against random sets", partial(figures.swaps, named, nulls), note))
    if layers:
        pictures.append(Picture("All heads of one layer", partial(figures.swaps, layers, []), "● insert, ○ remove"))
    blocks: list[Block] = [Words(words), [*pictures, *_single(swapped, material)], *_swap_table(by_name)]
    return Section("causal", title, blocks)


def _by_name(swapped: Sequence[Swap], what: str) -> Named:
    """In the order of the log."""
    by_name: dict[str, tuple[list[float], list[float]]] = {}
    for swap in (swap for swap in swapped if swap.what == what):
        pair = by_name.setdefault(judged.family(swap.name), ([], []))
        for values, value in zip(pair, (swap.insert, swap.remove), strict=True):
            values += [float(value)] if value is not None and math.isfinite(value) else []
    return by_name


def named_sets(by_name: Mapping[str, Named], sets: Mapping[str, Any]) -> list[SetOfHeads]:
    """The core, core and halo and their like: from the swaps, or from the verdict's means (`judged.causal`)."""
    named: list[SetOfHeads] = [
        (f"{name}{'' if what == 'output' else ' (weights)'}", *pair)
        for what, some in by_name.items()
        for name, pair in some.items()
        if name != "random" and not name.startswith(("head ", "layer ")) and any(pair)
    ]
    means = {key: [sets[key][0]] if math.isfinite(sets[key][0]) else [] for key in judged.SETS}
    names = (("core", "core", "remove"), ("core + halo", "halo", ""))
    pairs = [(words, means[insert], means.get(remove, [])) for words, insert, remove in names]
    return named[:SETS_MAX] or [some for some in pairs if some[1] or some[2]]


def _single(swapped: Sequence[Swap], material: Material) -> list[Picture | Table]:
    """Grids of single heads inserted and removed."""
    pictures: list[Picture | Table] = []
    for direction, word in (("insert", "inserted"), ("remove", "removed")):
        values: dict[tuple[int, int], list[float | None]] = {}
        for swap in swapped:
            if swap.what == "output" and swap.name.startswith("head ") and len(swap.heads) == 1:
                values.setdefault(swap.heads[0], []).append(getattr(swap, direction))
        means = np.full(derive.shape(material.main), np.nan)
        for (layer, head), some in values.items():
            if layer < means.shape[0] and head < means.shape[1]:
                means[layer, head] = derive.mean(some)
        if np.isfinite(means).any():
            pictures += grid(f"single heads {word}", means, "% of the gain", marks(material), unit=0.01)
    return pictures


def _swap_table(by_name: Mapping[str, Named]) -> list[Block]:
    """Every set in numbers, single heads apart."""
    rows = [
        [name, what, max(map(len, pair)), *(percent(value) for values in pair for value in derive.spread(values))]
        for what, some in by_name.items()
        for name, pair in some.items()
        if not name.startswith("head ")
    ]
    head = ["set", "swap", "measured", "insert, median", "least", "most", "remove, median", "least", "most"]
    return [Table("Every set, over runs (random: over sets and runs)", head, rows)] if rows else []
