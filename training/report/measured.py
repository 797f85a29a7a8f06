"""The sections of figures: learning, the heads, concentration, depth, swaps, history, weights and gradients."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from training.headlog.records import Swap
from training.report import derive, figures, judged
from training.report.derive import Array
from training.report.figures import HEADS_MAX, Concentration, Marks, SetOfHeads
from training.report.gather import Material, Run
from training.report.parts import Block, Panels, Picture, Section, Table, Words, absent
from training.report.words import MISSING, counted, number, percent
from training.verdict.verdict import core_size

ARMS_MAX = 24  # side by side
TOP = 16  # heads in the table
SETS_SHOWN = 24
MATRICES = ("q", "k", "v", "o")
CHANGES = {  # of a head's row: words, what it says
    "own": ("own change", "‖Δ output‖ from its own weights, inputs held; mean residual norms"),
    "inherited": ("inherited change", "what its changed inputs brought"),
    "pattern": ("pattern shift", "Jensen-Shannon divergence of attention, bits"),
}
STATES = {
    "cue_mass": ("cue mass", "attention on {cue}"),
    "direct": ("direct effect", "logits: the answer against its rival"),
    "entropy": ("entropy", "of its attention, a share of the most there can be"),
}
HISTORIES = {
    "own": "own change so far", "gradient": "share of the gradient’s energy since the point before",
    "cue_mass": "attention on {cue}", "activity": "activity",
}  # fmt: skip
PATH, LINE = "along the path that the training took, step by step", "along the straight line from before to after"


def marks(material: Material) -> Marks:
    """Core and significant heads, if a verdict names them."""
    record = material.verdict.verdict if material.verdict is not None else None
    return Marks() if record is None else Marks(record.core, record.significant)


def learning(material: Material) -> Section:
    """Every arm's curves on common axes, each base model's by themselves."""
    arms = {arm: runs for arm, runs in material.parts.items() if any(run.log.curve for run in runs)}
    if not arms:
        return absent("learning", "Learning", "No learning curve: the run ended before it was measured.", "curve")
    points = [point for runs in arms.values() for run in runs for point in run.log.curve]
    last = max(1, *(point.step for point in points))
    distances = [p.d_prime for p in points if p.d_prime is not None and np.isfinite(p.d_prime)]
    top = float(min(max(1.0, np.ceil(max(distances, default=1.0))), 1e6))
    behaviour = material.behaviour
    words = Words(
        f"On probes that no lesson held. Thick: the median over runs. Thin: each run. Hits: {behaviour.hits}. False "
        f"alarms: {behaviour.alarms}. Mundane: the rest answered as it should be. d′: how far hits and false alarms are "
        "apart, in standard deviations."
    )
    pictures = [
        Picture(arm, partial(figures.learning, arm, runs, last, top), counted(len(runs), "run"))
        for arm, runs in list(arms.items())[:ARMS_MAX]
    ]
    return Section("learning", "Learning", [words, Panels(pictures)])


def _grid(title: str, grid: Array, note: str, marked: Marks, limit: float | None = None, unit: float = 0.0) -> Picture | Words:
    """A heads' grid with its unit in the note, or words if it has too many cells."""
    if grid.size > HEADS_MAX:
        return Words(f"{title}: {grid.shape[0]} × {grid.shape[1]} heads are too many to draw.", "missing")
    limit = figures.largest(grid) if limit is None else limit
    unit = unit or figures.unit_of(limit)
    named = note if unit == 0.01 and "%" in note else f"{note}; in units of {unit:g}" if unit != 1 else note
    return Picture(title, partial(figures.heads, title, grid, limit, unit, marked), named)


def _panels(pictures: Sequence[Picture | Words]) -> list[Block]:
    drawn = [picture for picture in pictures if isinstance(picture, Picture)]
    return [*(Panels([*drawn]) for _ in drawn[:1]), *(words for words in pictures if isinstance(words, Words))]


def heads(material: Material) -> Section:
    """The gain by arm, then what each head was before, after, and by how much it changed."""
    main, marked = material.main, marks(material)
    if not any(run.log.rows for run in main) and derive.seeds_gain(main) is None:
        return absent("heads", "The heads", "No head was compared: the run ended before. Let it run to its end.", "heads")
    bases = "Of several base models the first is shown: heads of different models are not the same heads. "
    words = (
        f"Layers down, heads across, from 0; median over {counted(len(main), 'run')} of “{main[0].arm}”. "
        "Blue is above zero, orange below, and each number stands in its cell, in the unit that its title names. "
        + ("Boxed: core; dotted: significant. " if marked.core or marked.significant else "")
        + (bases if len(material.bases) > 1 else "")
    )
    changes = [
        _grid(title, grid, note, marked)
        for name, (title, note) in CHANGES.items()
        if (grid := derive.rows_median(main, lambda row, name=name: getattr(row, name))) is not None  # type: ignore[misc]
    ]
    blocks: list[Block] = [Words(words), *_gain_panels(material, marked)]
    blocks += [Words("What moved, before against after", "title"), *_panels(changes)] if changes else []
    for name, (title, note) in STATES.items():
        before, after = (
            derive.rows_median(main, lambda row, key=f"{name}_{when}": getattr(row, key))  # type: ignore[misc]
            for when in ("before", "after")
        )
        if before is not None and after is not None:
            limit, change = figures.largest(before, after), after - before
            cue = note.format(cue=material.behaviour.cue)
            trio = [
                _grid(f"{title} before", before, cue, marked, limit),
                _grid(f"{title} after", after, cue, marked, limit),
                _grid(f"{title}: change", change, "after − before", marked),
            ]
            blocks += [Words(f"{title[:1].upper()}{title[1:]}", "title"), *_panels(trio)]
    return Section("heads", "The heads", [*blocks, _leaders(main, marked)])


def _along(runs: Sequence[Run]) -> str:
    """Which way the gain of these runs was shared out, in words."""
    return PATH if any(run.log.allocations("path") for run in runs) else LINE


def _gain_panels(material: Material, marked: Marks) -> list[Block]:
    """Each arm's gain per head, in percent of what the main arm's heads brought, on one scale."""
    total = derive.total_gain(material.main)
    if not total > 0:
        return [Words("The gain was not shared out over the heads, or they brought none.", "missing")]
    grids: list[tuple[str, Array, bool]] = []
    for name, runs in list(material.parts.items())[:ARMS_MAX]:
        same = runs[0].base == material.main[0].base
        first = tuple(run for run in material.arms[material.main[0].arm] if run.base == runs[0].base)
        grid, own = derive.median_grid(runs, derive.gain_grid), total if same else derive.total_gain(first)
        if grid is not None and own > 0:
            grids.append((name, grid / own, same))
    limit = figures.largest(*(grid for _, grid, _ in grids))
    pictures = [
        _grid(f"gain: {name}", grid, "% of the heads’ total", marked if same else Marks(), limit, 0.01)
        for name, grid, same in grids
    ]
    words = (
        "Gain: the part of the fall in held-out loss that each head’s weights brought (loss change allocation), "
        f"{_along(material.main)}; {number(total)} nats in all. Controls in percent of the same total."
    )
    return [Words(words), *_panels(pictures)]


def _leaders(main: Sequence[Run], marked: Marks) -> Table:
    """The heads that stand out, by gain or else by own change, with every number and its spread over runs."""
    gain, wide = derive.seeds_gain(main), derive.shape(main)[1]
    own = derive.rows_median(main, lambda row: row.own)
    worth = np.median(gain, axis=0) if gain is not None else own.ravel() if own is not None else np.zeros(0)
    order = np.argsort(-np.nan_to_num(worth), kind="stable")[:TOP]
    by_head: dict[tuple[int, int], list[Any]] = {}
    for run in derive.alike(main):
        for row in run.log.rows:
            by_head.setdefault((row.layer, row.head), []).append(row)
    total = derive.total_gain(main)
    line = sum(derive.median(row.gain for row in rows) for rows in by_head.values())
    cells = []
    for at in order:
        place = (int(at) // wide, int(at) % wide)
        rows = by_head.get(place, [])
        middle, low, high = derive.spread(gain[:, at] / total) if gain is not None and total > 0 else (np.nan,) * 3
        numbers = [number(derive.median(getattr(row, name) for row in rows)) for name in CHANGES]
        states = [
            " → ".join(number(derive.median(getattr(row, f"{name}_{when}") for row in rows)) for when in ("before", "after"))
            for name in ("cue_mass", "direct")
        ]
        kind = "core" if place in marked.core else "significant" if place in marked.significant else ""
        between = f"{percent(low)} … {percent(high)}" if len(main) > 1 else MISSING
        straight = percent(derive.median(row.gain for row in rows) / line) if line > 0 else MISSING
        cells.append([f"{place[0]}.{place[1]}", kind, percent(middle), between, straight, *numbers, *states])
    head = ["head", "", "gain", "over runs", "straight line", "own", "inherited", "pattern", "cue mass", "direct effect"]
    caption = f"The {len(cells)} heads of {math.prod(derive.shape(main))} that stand out, largest first. Gain: {_along(main)}"
    return Table(f"{caption}. Straight line: the same {LINE}, in percent of its own total", head, cells)


def lorenz(material: Material) -> Section:
    """How the gain is spread over heads, largest first, with the controls in the same unit."""
    title, main = "Concentration of the gain", material.main
    gain = derive.seeds_gain(main)
    if gain is None or not gain.sum() > 0:
        return absent("lorenz", title, "The gain was not shared out over the heads, or they brought none.", "gain")
    total, mean, size = derive.total_gain(main), gain.mean(0), core_size(gain.shape[1])
    curves = [Concentration("", derive.concentration_curve(row, row, total), "seed") for row in gain[: figures.LINES_MAX]]
    curves = curves if len(gain) > 1 else []
    curves.append(Concentration("in sample", derive.concentration_curve(mean, mean, total), "in sample"))
    rows = [["in sample, trained", percent(derive.core_share(mean)), number(derive.effective(mean))]]
    split = derive.seeds_chunks(main)
    crossed = None if split is None else derive.cross_curve(split, derive.seeds_chunks(material.control("shuffled")))
    if crossed is not None:
        curves.append(Concentration("cross-fitted", crossed, "cross-fitted"))
        rows.append(["cross-fitted, over control", percent(float(crossed[size])), "see the verdict"])
    for role in ("shuffled", "rehearsal"):
        other = derive.seeds_gain(material.control(role)) if main[0].role == "" else None
        if other is not None and other.shape == (len(other), len(mean)):
            held = derive.concentration_curve(other.mean(0), other.mean(0), total)
            curves.append(Concentration(role, held, "control"))
    words = Words(
        f"Lorenz curves from the largest head down: how much of the heads’ {number(total)} nats the first heads hold. "
        "The dotted diagonal is an even spread. In sample, the order and the weights come from the same probes, which "
        "flatters the first heads. Cross-fitted, the order comes from one half of the probes and the weights from the "
        "other, less the shuffled control. Controls are drawn in the trained arm’s unit."
    )
    picture = Picture("Share of the gain", partial(figures.lorenz, curves, size), "heads from the largest down, % of the total")
    table = Table("At a glance; only the verdict’s numbers are judged", ["", f"the first K = {size} hold", "N_eff/H"], rows)
    return Section("lorenz", title, [words, Panels([picture, table])])


def depth(material: Material) -> Section:
    """Where in the layers the gain lies."""
    base, count = material.main[0].base, derive.shape(material.main)[0]
    arms = [(arm, gain) for arm, runs in material.arms.items()
            if (some := tuple(run for run in runs if run.base == base))
            and (gain := derive.by_layer(some)) is not None and gain.shape[1] == count]  # fmt: skip
    if not arms or not arms[0][1].sum() > 0:
        return absent("depth", "Depth", "The gain was not shared out over the layers, or they brought none.", "depth")
    rings = [(arm, gain) for arm, gain in arms[1:] if material.arms[arm][0].role]
    note = "nats per layer; bar: mean, ticks: runs" + (f"; rings: {', '.join(arm for arm, _ in rings)}" if rings else "")
    title = f"Gain by layer: {arms[0][0]}"
    rows = []
    for arm, gain in arms[:ARMS_MAX]:
        middle, low, high = derive.spread(derive.depth(row) for row in gain)
        between = f"{number(low)} … {number(high)}" if len(gain) > 1 else MISSING
        rows.append([arm, len(gain), number(float(gain.sum(1).mean())), number(middle), between])
    head = ["arm", "runs", "heads’ gain, nats", "depth, median", "over runs"]
    table = Table("Depth: the gain’s centre of mass over the layers, 0 the first, 1 the last", head, rows)
    return Section("depth", "Depth", [Panels([Picture(title, partial(figures.layers, title, arms[0][1], rings), note), table])])


def all_swaps(material: Material) -> list[Swap]:
    """The verdict's and the main arm's, each log once."""
    logs = [material.verdict, *(run.log for run in material.main)]
    once = {id(log): log for log in logs if log is not None}
    return [swap for log in once.values() for swap in log.swaps]


def causal(material: Material) -> Section:
    """Swaps: of the core and its like against random sets, of layers, of single heads."""
    title, swapped = "Activation patching (swaps)", all_swaps(material)
    record = material.verdict.verdict if material.verdict is not None else None
    sets = judged.causal(record, swapped)
    if not swapped and math.isnan(sets["core"][0]):
        text = "No swaps in this log. The experiments sight, listen and own make them once their core is known."
        return absent("causal", title, text, "swaps")
    over = record is not None and record.rule >= judged.WEIGHTS_SINCE
    words = (
        "Insert (denoising): the model before with these heads’ outputs, or weights, from the model after. Remove "
        "(noising): the model after with theirs from before. 100 % is all of the gain: "
        + ("of sets, over what the shuffled control gains by the same swap; of layers and single heads, " if over else "")
        + "a run’s own. Random sets have the core’s size and layers and lie outside it. Single heads under-report, "
        "because others take over; read the sets."
    )
    by_name = {what: _by_name(swapped, what) for what in ("output", "weight")}
    layers = [SetOfHeads(name, *pair) for name, pair in by_name["output"].items() if name.startswith("layer ")][:64]
    named, nulls = named_sets(by_name, sets), [("random insert", sets["random"]), ("random remove", sets["random_remove"])]
    panels: list[Picture | Words] = []
    if named or any(values for _, values in nulls):
        note = "● insert, ○ remove, ticks: runs; grey: how many random sets reach how far"
        sets_title = "Sets of heads against random sets"
        panels.append(Picture(sets_title, partial(figures.swaps, sets_title, named, nulls), note))
    if layers:
        layers_title = "All heads of one layer"
        panels.append(Picture(layers_title, partial(figures.swaps, layers_title, layers, []), "● insert, ○ remove"))
    panels += _single(swapped, material)
    return Section("causal", title, [Words(words), *_panels(panels), *_swap_table(by_name)])


Named = Mapping[str, tuple[list[float], list[float]]]  # set's name -> inserts, removes; over runs


def _by_name(swapped: Sequence[Swap], what: str) -> Named:
    """In the order of the log."""
    by_name: dict[str, tuple[list[float], list[float]]] = {}
    for swap in swapped:
        if swap.what == what:
            pair = by_name.setdefault(judged.family(swap.name), ([], []))
            for values, value in zip(pair, (swap.insert, swap.remove), strict=True):
                values += [float(value)] if value is not None and math.isfinite(value) else []
    return by_name


def named_sets(by_name: Mapping[str, Named], sets: Mapping[str, Any]) -> list[SetOfHeads]:
    """The core, core and halo, greedy and their like: from the swaps, or from the verdict's means (`judged.causal`)."""
    named = [
        SetOfHeads(f"{name}{'' if what == 'output' else ' (weights)'}", *pair)
        for what, some in by_name.items()
        for name, pair in some.items()
        if name != "random" and not name.startswith(("head ", "layer ")) and any(pair)
    ]
    if not named:
        core, remove, halo, greedy = ([v] if not math.isnan(v := sets[key][0]) else [] for key in ("core", "remove", "halo", "greedy"))
        named = [SetOfHeads("core", core, remove), SetOfHeads("core + halo", halo, []), SetOfHeads("greedy", greedy, [])]
    return [some for some in named if some.inserted or some.removed][:SETS_SHOWN]


def _single(swapped: Sequence[Swap], material: Material) -> list[Picture | Words]:
    """Grids of single heads inserted and removed."""
    layers, count = derive.shape(material.main)
    pictures = []
    for direction in ("insert", "remove"):
        values: dict[tuple[int, int], list[float]] = {}
        for swap in swapped:
            if swap.what == "output" and swap.name.startswith("head ") and len(swap.heads) == 1:
                values.setdefault(swap.heads[0], []).append(getattr(swap, direction))
        grid = np.full((layers, count), np.nan)
        for (layer, head), some in values.items():
            if layer < layers and head < count:
                grid[layer, head] = derive.mean(some)
        if np.isfinite(grid).any():
            title = f"single heads {'inserted' if direction == 'insert' else 'removed'}"
            pictures.append(_grid(title, grid, "% of the gain", marks(material), unit=0.01))
    return pictures


def _swap_table(by_name: Mapping[str, Named]) -> list[Block]:
    """Every set in numbers, single heads apart."""
    rows = [
        [name, what, max(len(inserted), len(removed)),
         *(percent(value) for values in (inserted, removed) for value in derive.spread(values))]
        for what, some in by_name.items()
        for name, (inserted, removed) in list(some.items())[: 4 * SETS_SHOWN]
        if not name.startswith("head ")
    ]  # fmt: skip
    head = ["set", "swap", "measured", "insert, median", "least", "most", "remove, median", "least", "most"]
    return [Table("Every set, over runs (random: over sets and runs)", head, rows)] if rows else []


def history(material: Material) -> Section:
    """Each head over the steps: the run whose seed comes first."""
    run, marked, pictures = material.main[0], marks(material), []
    for name, words in HISTORIES.items():
        points = derive.history(run.log, name)
        if len(points) > 2 and points[0][1].size <= HEADS_MAX:
            title = f"{name.replace('_', ' ')} over the steps"
            note = f"{words.format(cue=material.behaviour.cue)}; each layer on its own scale, steps 0 to {points[-1][0]}"
            note += "; thick: core" if marked.core else ""
            pictures.append(Picture(title, partial(figures.history, title, points, marked), note))
    if not pictures:
        words = "Nothing to follow over the steps: fewer than three snapshots, or too many heads to draw."
        return absent("history", "History", words, "history")
    about = Words(f"Seed {run.seed} of “{run.arm}”: one line per head, layers down, heads across.")
    return Section("history", "History of the heads", [about, Panels(pictures)])


def shares(material: Material) -> Section:
    """Weight change and gradient energy, by head and by matrix: description."""
    main, marked = material.main, marks(material)
    weights = derive.rows_median(main, derive.weight_change)
    gradients = derive.rows_median(main, derive.gradient_share)
    panels: list[Picture | Words] = []
    if weights is not None:
        panels.append(_grid("weight change", weights, "‖ΔW‖/‖W‖, mean of Q, K, V, O", marked))
    if gradients is not None:
        panels.append(_grid("gradient share", gradients, "% of its energy", marked, unit=0.01))
    summaries = [run.log.summary for run in main if run.log.summary is not None]
    names = list(dict.fromkeys(name for summary in summaries for name in summary.gradients))[:12]
    if names:
        means = [(name, derive.mean(summary.gradients.get(name, 0.0) for summary in summaries)) for name in names]
        title = "Gradient energy by matrix"
        panels.append(Picture(title, partial(figures.shares, title, means), "mean over runs"))
    missing = tuple(what for what, grid in (("weights", weights), ("gradients", gradients)) if grid is None)
    about = Words(
        "Shown, not judged. How far weights moved is decided by the optimizer: under one gradient, SGD and AdamW move "
        "very different heads. Under grouped queries, K and V belong to a group of heads."
    )
    blocks: list[Block] = [about, *_panels(panels), *([_by_matrix(main)] if panels else [])]
    blocks += [Words(f"Not measured: {', '.join(missing)} (older logs hold less).", "missing")] if missing else []
    return Section("shares", "Weights and gradients", blocks, missing)


def _by_matrix(main: Sequence[Run]) -> Table:
    runs, rows = derive.alike(main), []
    for layer in range(derive.shape(main)[0]):
        here = [row for run in runs for row in run.log.rows if row.layer == layer]
        moved = [number(derive.mean(row.weights.get(m) for row in here)) for m in MATRICES]
        measured = any(row.gradients for row in here)
        energy = [percent(sum(row.gradients.get(m, 0.0) for row in here) / len(runs)) if measured else MISSING
                  for m in MATRICES]  # fmt: skip
        rows.append([layer, *moved, *energy])
    head = ["layer", *(f"Δ{m.upper()}" for m in MATRICES), *(f"{m.upper()} gradient" for m in MATRICES)]
    return Table("By layer: relative weight change (mean over heads), share of the gradient’s energy (sum)", head, rows)
