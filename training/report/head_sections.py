"""The sections about single heads: learning, the heads' grids, history, weights and gradients."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from training.headlog.gains import NAMES, head_gains, line_gains
from training.headlog.records import HeadRow
from training.report import derive, figures, grids
from training.report.derive import Array
from training.report.gather import Material, Run
from training.report.grids import HEADS_MAX, Marks
from training.report.parts import Block, Picture, Section, Table, Words, absent
from training.report.words import MISSING, counted, number, percent

ARMS_MAX = 24  # side by side
TOP = 16  # heads in the table
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


def marks(material: Material) -> Marks:
    """Core and significant heads, if a verdict names them."""
    record = material.judgement
    return Marks() if record is None else Marks(record.core, record.significant)


def learning(material: Material) -> Section | None:
    """Every arm's curves on common axes, each base model's by themselves."""
    if material.compared:
        return None
    arms = {arm: runs for arm, runs in material.parts.items() if any(run.log.curve for run in runs)}
    if not arms:
        return absent("learning", "Learning", "No learning curve: the run ended before it was measured.", "curve")
    points = [point for runs in arms.values() for run in runs for point in run.log.curve]
    last = max(1, *(point.step for point in points))
    distances = [p.d_prime for p in points if p.d_prime is not None and np.isfinite(p.d_prime)]
    top = float(min(max(1.0, np.ceil(max(distances, default=1.0))), 1e6))
    words = (
        "On probes that no lesson held. Thick: the median over runs. Thin: each run. Hits: {0.hits}. False alarms: "
        "{0.alarms}. Mundane: the rest answered as it should be. d′: how far hits and false alarms are apart, in "
        "standard deviations."
    )
    pictures: list[Picture | Table] = [
        Picture(arm, partial(figures.learning, runs, last, top), counted(len(runs), "run"))
        for arm, runs in list(arms.items())[:ARMS_MAX]
    ]
    return Section("learning", "Learning", [Words(words.format(material.behaviour)), pictures])


def grid(
    title: str, values: Array, note: str, marked: Marks, limit: float | None = None, unit: float = 0.0
) -> list[Picture | Table]:
    """A heads' grid, if it has not too many cells to be drawn. Its unit stands in the note, unless it is given."""
    limit = grids.largest(values) if limit is None else limit
    note += "" if unit else f"; in units of {grids.unit_of(limit):g}"
    drawing = partial(grids.heads, values, limit, unit or grids.unit_of(limit), marked)
    return [Picture(title, drawing, note)] if values.size <= HEADS_MAX else []


def heads(material: Material) -> Section:
    """The gain by arm, then what each head was before, after, and by how much it changed."""
    main, marked = material.main, marks(material)
    if not any(run.log.rows for run in main) and derive.seeds_gain(main) is None:
        words = "No head was compared: the run ended before. Let it run to its end."
        return absent("heads", "The heads", words, "heads")
    count = int(np.prod(derive.shape(main)))
    words = (
        f"Layers down, heads across, from 0; median over {counted(len(main), 'run')} of “{main[0].arm}”. "
        "Blue is above zero, orange below, and each number stands in its cell, in the unit that its title names. "
    )
    words += "Boxed: core; dotted: significant. " * bool(marked.core or marked.significant)
    if len(material.bases) > 1:
        words += "Of several base models the first is shown: heads of different models are not the same heads. "
    words += f"Here are {count:,} heads: too many to draw." * (count > HEADS_MAX)
    blocks: list[Block] = [Words(words), *_gain_panels(material, marked)]
    changes: list[Picture | Table] = []
    for name, (title, note) in CHANGES.items():
        values = derive.rows_median(main, _attribute(name))
        changes += [] if values is None else grid(title, values, note, marked)
    blocks += [Words("What moved, before against after", "title"), changes] if changes else []
    for name, (title, note) in STATES.items():
        before, after = (derive.rows_median(main, _attribute(f"{name}_{when}")) for when in ("before", "after"))
        if before is not None and after is not None and count <= HEADS_MAX:
            limit, said = grids.largest(before, after), note.format(cue=material.behaviour.cue)
            trio = [
                *grid(f"{title} before", before, said, marked, limit),
                *grid(f"{title} after", after, said, marked, limit),
                *grid(f"{title}: change", after - before, "after − before", marked),
            ]
            blocks += [Words(title.capitalize(), "title"), trio]
    return Section("heads", "The heads", [*blocks, _leaders(main, marked)])


def _attribute(name: str) -> Callable[[HeadRow], float | None]:
    return lambda row: getattr(row, name)


def _gain_panels(material: Material, marked: Marks) -> list[Block]:
    """Each arm's gain per head, in percent of what the main arm's heads brought, on one scale."""
    total = derive.total_gain(material.main)
    if not total > 0:
        return [Words("The gain was not shared out over the heads, or they brought none.", "missing")]
    shares: list[tuple[str, Array, Marks]] = []
    for name, runs in list(material.parts.items())[:ARMS_MAX]:
        same = runs[0].base == material.main[0].base
        first = [run for run in material.arms[material.main[0].arm] if run.base == runs[0].base]
        gain, own = derive.median_grid(runs, derive.gain_grid), derive.total_gain(first) if first else np.nan
        if gain is not None and own > 0:
            shares.append((name, gain / own, marked if same else Marks()))
    limit = grids.largest(*(values for _, values, _ in shares))
    unit = "% of the heads’ total"
    pictures = [p for name, some, which in shares for p in grid(f"gain: {name}", some, unit, which, limit, 0.01)]
    words = (
        "Gain: the part of the fall in held-out loss that each head’s weights brought (loss change allocation), "
        f"{along(material.main)}; {number(total)} nats in all. Controls in percent of the same total."
    )
    return [Words(words), pictures]


def along(runs: Sequence[Run]) -> str:
    """Which way the gain of these runs was shared out, in words; the one that `diff` names too."""
    return next((NAMES[gains.along] for run in runs if (gains := head_gains(run.log)) is not None), "not measured")


def _leaders(main: Sequence[Run], marked: Marks) -> Table:
    """The heads that stand out, by gain or else by own change, with every number and its spread over runs."""
    gain, wide, total = derive.seeds_gain(main), derive.shape(main)[1], derive.total_gain(main)
    own = derive.rows_median(main, lambda row: row.own)
    worth = np.median(gain, axis=0) if gain is not None else own.ravel() if own is not None else np.zeros(0)
    by_head: dict[tuple[int, int], list[HeadRow]] = {}
    for row in (row for run in derive.alike(main) for row in run.log.rows):
        by_head.setdefault((row.layer, row.head), []).append(row)
    lines = [gains.heads for run in derive.alike(main) if (gains := line_gains(run.log)) is not None]
    line_total = derive.mean(sum(line.values()) for line in lines)
    cells = []
    for at in np.argsort(-np.nan_to_num(worth), kind="stable")[:TOP]:
        place = (int(at) // wide, int(at) % wide)
        medians = {
            name: number(derive.median(getattr(row, name) for row in by_head.get(place, [])))
            for name in (*CHANGES, "cue_mass_before", "cue_mass_after", "direct_before", "direct_after")
        }
        middle, low, high = derive.spread(gain[:, at] / total) if gain is not None and total > 0 else (np.nan,) * 3
        straight = derive.median(line.get(place) for line in lines) / line_total if line_total > 0 else np.nan
        states = [f"{medians[f'{name}_before']} → {medians[f'{name}_after']}" for name in ("cue_mass", "direct")]
        kind = "core" if place in marked.core else "significant" if place in marked.significant else ""
        between = f"{percent(low)} … {percent(high)}" if len(main) > 1 else MISSING
        cells.append([f"{place[0]}.{place[1]}", kind, percent(middle), between, percent(straight),
                      *(medians[name] for name in CHANGES), *states])  # fmt: skip
    head = ["head", "", "gain", "over runs", "straight line", *CHANGES, "cue mass", "direct effect"]
    caption = (
        f"The {len(cells)} heads of {np.prod(derive.shape(main))} that stand out, largest first. Gain: {along(main)}, "
        "in percent of the total. Straight line: that from before to after, in percent of its own total"
    )
    return Table(caption, head, cells)


def history(material: Material) -> Section | None:
    """Each head over the steps: the run whose seed comes first."""
    if material.compared:
        return None
    run, marked = material.main[0], marks(material)
    pictures: list[Picture | Table] = []
    for name, words in HISTORIES.items():
        points = derive.history(run.log, name)
        if len(points) > 2 and points[0][1].size <= HEADS_MAX:
            title = f"{name.replace('_', ' ')} over the steps"
            note = (
                words.format(cue=material.behaviour.cue) + f"; each layer on its own scale, steps 0 to {points[-1][0]}"
            )
            note += "; thick: core" if marked.core else ""
            pictures.append(Picture(title, partial(grids.history, points, marked), note))
    if not pictures:
        words = "Nothing to follow over the steps: fewer than three snapshots, or too many heads to draw."
        return absent("history", "History", words, "history")
    about = Words(f"Seed {run.seed} of “{run.arm}”: one line per head, layers down, heads across.")
    return Section("history", "History of the heads", [about, pictures])


def shares(material: Material) -> Section:
    """Weight change and gradient energy, by head and by matrix: description."""
    main, marked = material.main, marks(material)
    weights, gradients = (derive.rows_median(main, of) for of in (derive.weight_change, derive.gradient_share))
    panels: list[Picture | Table] = []
    if weights is not None:
        panels += grid("weight change", weights, "‖ΔW‖/‖W‖, mean of Q, K, V, O", marked)
    if gradients is not None:
        panels += grid("gradient share", gradients, "% of its energy", marked, unit=0.01)
    energies = [run.log.summary.gradients for run in main if run.log.summary is not None]
    names = list(dict.fromkeys(name for energy in energies for name in energy))
    means = [[name, percent(derive.mean(energy.get(name, 0.0) for energy in energies))] for name in names]
    panels += [Table("Gradient energy by matrix, mean over runs", ["matrix", "share"], means)] if means else []
    missing = tuple(what for what, some in (("weights", weights), ("gradients", gradients)) if some is None)
    about = Words(
        "Shown, not judged. How far weights moved is decided by the optimizer: under one gradient, SGD and AdamW move "
        "very different heads. Under grouped queries, K and V belong to a group of heads."
    )
    blocks: list[Block] = [about]
    if panels:
        blocks += [panels, _by_matrix(main)]
    blocks += [Words(f"Not measured: {', '.join(missing)} (older logs hold less).", "missing")] if missing else []
    return Section("shares", "Weights and gradients", blocks, missing)


def _by_matrix(main: Sequence[Run]) -> Table:
    runs, rows = derive.alike(main), []
    for layer in range(derive.shape(main)[0]):
        here = [row for run in runs for row in run.log.rows if row.layer == layer]
        measured = any(row.gradients for row in here)
        energy = [sum(row.gradients.get(m, 0.0) for row in here) / len(runs) if measured else None for m in MATRICES]
        moved = [number(derive.mean(row.weights.get(m) for row in here)) for m in MATRICES]
        rows.append([layer, *moved, *map(percent, energy)])
    head = ["layer", *(f"Δ{m.upper()}" for m in MATRICES), *(f"{m.upper()} gradient" for m in MATRICES)]
    return Table("By layer: relative weight change (mean over heads), share of the gradient’s energy (sum)", head, rows)
