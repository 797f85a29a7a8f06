"""The sections of numbers: shares shown but not judged, swaps with their nulls, residuals, runs, caveats."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from training.headlog.records import Swap
from training.report import bars, derive, grids, judged
from training.report.figures import marks
from training.report.gather import Material, Run
from training.report.markup import MISSING, Markup, join, number, percent, table, tag
from training.report.parts import Section, absent, paragraph

MATRICES = ("q", "k", "v", "o")
RESIDUAL = 0.02  # MEASUREMENT.md: heads, rest and gain agree within so much of the gain
RUNS_SHOWN = 120
SETS_SHOWN = 24


def shares(material: Material) -> Section:
    """Weight change and gradient energy, by head and by matrix: description."""
    main = material.main
    weights = derive.rows_middle(main, derive.weight_change)
    gradients = derive.rows_middle(main, derive.gradient_share)
    panels = []
    if weights is not None:
        panels.append(grids.heads_grid("weight change", weights, grids.largest(weights), "‖ΔW‖/‖W‖, mean of Q, K, V, O",
                                       marks(material)))  # fmt: skip
    if gradients is not None:
        panels.append(grids.heads_grid("gradient share", gradients, grids.largest(gradients), "% of its energy",
                                       marks(material), 0.01))  # fmt: skip
    names = list(dict.fromkeys(n for run in main if run.log.summary for n in run.log.summary.gradients))[:12]
    if names:
        means = [(n, _mean(run.log.summary.gradients.get(n, 0.0) for run in main if run.log.summary)) for n in names]
        panels.append(bars.shares(means, "Gradient energy by matrix"))
    absent_ = tuple(what for what, found in (("weights", weights), ("gradients", gradients)) if found is None)
    about = paragraph(
        tag("b", "Shown, not judged. "),
        "How far weights moved is decided by the optimizer: under one gradient, SGD and AdamW move very different "
        "heads. Under grouped queries, K and V belong to a group of heads.",
    )
    body = [about, tag("div", *panels, class_="panels"), _by_matrix(main)] if panels else [about]
    body += [absent(f"Not measured: {', '.join(absent_)} (older logs hold less).")] if absent_ else []
    return Section("shares", "Weights and gradients", join(body), absent_)


def _by_matrix(main: Sequence[Run]) -> Markup:
    rows = []
    for layer in range(min(derive.shape(main)[0], 200)):
        here = [row for run in derive.alike(main) for row in run.log.rows if row.layer == layer]
        count = max(1, len(derive.alike(main)))
        moved = [number(_mean(row.weights.get(m) for row in here)) for m in MATRICES]
        energy = [percent(sum(row.gradients.get(m, 0.0) for row in here) / count) if any(row.gradients for row in here)
                  else MISSING for m in MATRICES]  # fmt: skip
        rows.append([layer, *moved, *energy])
    head = ["layer", *(f"Δ{m.upper()}" for m in MATRICES), *(f"{m.upper()} gradient" for m in MATRICES)]
    return table(
        head, rows, "By layer: relative weight change (mean over heads) and share of the gradient’s energy (sum)"
    )


def _mean(values: Iterable[float | None]) -> float:
    found = [float(v) for v in values if v is not None and math.isfinite(v)]
    return float(np.mean(found)) if found else float("nan")


OF_WHAT = {
    True: "of sets, over what the shuffled control gains by the same swap; of layers and single heads, a run’s own. ",
    False: "a run’s own. ",
}


def causal(material: Material) -> Section:
    """Swaps: of the core and its like against random sets, of layers, of single heads."""
    title = "Causal swaps"
    swapped = swaps(material)
    found = material.verdict.verdict if material.verdict is not None else None
    sets = judged.causal(found, swapped)
    if not swapped and math.isnan(sets["core"][0]):
        words = "No swaps in this log. The experiments sight and listen make them once their core is known."
        return Section("causal", title, absent(words), ("swaps",))
    over = found is not None and found.rule >= judged.WEIGHTS_SINCE
    about = paragraph(
        "Insert: the model before with these heads’ outputs (or weights) from the model after; remove: the model after "
        "with theirs from before. 100 % is all of the gain: "
        + OF_WHAT[over]
        + "Random sets have the core’s size and layers and lie outside it. Single heads under-report, because others "
        "take over; read the sets."
    )
    panels = [_sets(swapped, sets), *_layers(swapped), *_single(swapped, material)]
    return Section("causal", title, join([about, tag("div", *filter(None, panels), class_="panels"), _table(swapped)]))


def swaps(material: Material) -> list[Swap]:
    """The verdict's and the main arm's, each log once."""
    logs = [material.verdict, *(run.log for run in material.main)]
    once = {id(log): log for log in logs if log is not None}
    return [swap for log in once.values() for swap in log.swaps]


def _named(swaps: Sequence[Swap], what: str = "output") -> dict[str, tuple[list[float], list[float]]]:
    """name -> (inserts, removes) over seeds, in the order of the log."""
    found: dict[str, tuple[list[float], list[float]]] = {}
    for swap in swaps:
        if swap.what == what:
            pair = found.setdefault(judged.family(swap.name), ([], []))
            for values, value in zip(pair, (swap.insert, swap.remove), strict=True):
                if value is not None and math.isfinite(value):
                    values.append(float(value))
    return found


def _sets(swaps: Sequence[Swap], sets: dict[str, Any]) -> Markup | None:
    """Named sets, and below them the random ones."""
    rows = named_sets(swaps, sets)
    nulls = [("random insert", sets["random"]), ("random remove", sets["random_remove"])]
    if not rows and not any(values for _, values in nulls):
        return None
    note = "● insert, ○ remove, ticks: seeds; grey: how many random sets reach how far"
    return bars.causal(rows, nulls, "Sets of heads against random sets", note)


def named_sets(swaps: Sequence[Swap], sets: dict[str, Any]) -> list[bars.Set]:
    """The core, core and halo, greedy and their like: from the swaps, or from the verdict's means (`judged.causal`)."""
    named = {
        f"{name}{'' if what == 'output' else ' (weights)'}": pair
        for what in ("output", "weight")
        for name, pair in _named(swaps, what).items()
        if name != "random" and not name.startswith(("head ", "layer "))
    }
    if not named:
        one = {
            key: [sets[key][0]] if not math.isnan(sets[key][0]) else [] for key in ("core", "remove", "halo", "greedy")
        }
        named = {"core": (one["core"], one["remove"]), "core + halo": (one["halo"], []), "greedy": (one["greedy"], [])}
    return [(name[:22], *pair) for name, pair in list(named.items())[:SETS_SHOWN] if pair[0] or pair[1]]


def _layers(swaps: Sequence[Swap]) -> list[Markup]:
    found = {name: pair for name, pair in _named(swaps).items() if name.startswith("layer ")}
    if not found:
        return []
    rows = [(name[:22], *pair) for name, pair in list(found.items())[:64]]
    return [bars.causal(rows, [], "All heads of one layer", "● insert, ○ remove")]


def _single(swaps: Sequence[Swap], material: Material) -> list[Markup]:
    layers, heads = derive.shape(material.main)
    made = []
    for way in ("insert", "remove"):
        values: dict[tuple[int, int], list[float]] = {}
        for swap in swaps:
            value = getattr(swap, way)
            if swap.what == "output" and swap.name.startswith("head ") and len(swap.heads) == 1 and value is not None:
                values.setdefault(swap.heads[0], []).append(float(value))
        grid = np.full((layers, heads), np.nan)
        for (layer, head), found in values.items():
            if layer < layers and head < heads:
                grid[layer, head] = _mean(found)
        if np.isfinite(grid).any():
            words = "single heads inserted" if way == "insert" else "single heads removed"
            made.append(grids.heads_grid(words, grid, grids.largest(grid), "% of the gain", marks(material), 0.01))
    return made


def _table(swaps: Sequence[Swap]) -> Markup:
    """Every named set in numbers, single heads apart."""
    rows = []
    for what in ("output", "weight"):
        for name, (inserted, removed) in list(_named(swaps, what).items())[: 4 * SETS_SHOWN]:
            if not name.startswith("head "):
                cells = [percent(value) for values in (inserted, removed) for value in derive.spread(values)]
                rows.append([name, what, max(len(inserted), len(removed)), *cells])
    if not rows:
        return Markup("")
    head = ["set", "swap", "measured", "insert, median", "least", "most", "remove, median", "least", "most"]
    return table(head, rows, "Every set, over seeds (random: over sets and seeds)")


def wholes(material: Material) -> Section:
    """Numbers about the whole model, by arm."""
    about: dict[str, str] = {}
    values: dict[str, dict[str, list[float | None]]] = {}
    for arm, runs in material.arms.items():
        for run in runs:
            for whole in run.log.wholes:
                about.setdefault(whole.name, whole.about)
                values.setdefault(whole.name, {}).setdefault(arm, []).append(whole.value)
    title = "The whole model"
    if not values:
        words = "Not measured: no such record (context share and its like are in logs of version 2)."
        return Section("whole", title, absent(words), ("whole",))
    arms = list(material.arms)[:12]
    rows = []
    for name in list(values)[:64]:
        cells = [derive.spread(values[name].get(arm, [])) for arm in arms]
        rows.append([name.replace("_", " "), *(_ranged(cell) for cell in cells), about[name]])
    return Section("whole", title, table(["", *arms, "what it is"], rows, "Median over runs (least … most)", "wrap"))


def _ranged(cell: tuple[float, float, float]) -> str:
    middle, low, high = cell
    return number(middle) if math.isnan(low) or low == high else f"{number(middle)} ({number(low)} … {number(high)})"


def residuals(material: Material) -> Section:
    """Do the parts of the gain add up? And what a reader must keep in mind."""
    rows, worst = [], 0.0
    for arm, runs in material.arms.items():
        parts = [_parts(run) for run in runs]
        there = [part for part in parts if part is not None]
        if there:
            shares_ = [abs(part[3]) / abs(part[0]) if part[0] else math.nan for part in there]
            largest = max((share for share in shares_ if math.isfinite(share)), default=math.nan)
            trained = runs[0].role == ""
            worst = max(worst, largest) if trained and math.isfinite(largest) else worst
            within = "not judged" if not trained else "yes" if largest <= RESIDUAL else "no"
            cells = [number(derive.median(part[i] for part in there)) for i in range(4)]
            rows.append([arm, len(there), *cells, percent(derive.median(shares_)), percent(largest), within])
    head = ["arm", "runs", "gain, nats", "in heads", "elsewhere", "residual", "of the gain, median", "most", "≤ 2 %"]
    body: list[Markup] = []
    if rows:
        body.append(
            table(head, rows, "Gain = heads + elsewhere (MLPs, norms, embeddings) + residual, along the straight line")
        )
    else:
        body.append(absent("No summary: the run was stopped before its gain was shared out."))
    body += [paragraph(words, class_="caveat") for words in caveats(material, worst)]
    return Section("residuals", "Residuals and caveats", join(body), () if rows else ("residuals",))


def _parts(run: Run) -> tuple[float, float, float, float] | None:
    """(gain, heads, rest, residual) of a run's summary."""
    summary = run.log.summary
    if summary is None or summary.gain is None or summary.residual is None:
        return None
    rest = summary.rest or 0.0
    return summary.gain, summary.gain - rest - summary.residual, rest, summary.residual


def caveats(material: Material, worst: float) -> list[str]:
    """What a reader must keep in mind, sentence by sentence."""
    found = [f"Read in part: {fault}" for fault in material.faults[:40]]
    if worst > RESIDUAL:
        found.append(f"In one run the parts miss the gain by {percent(worst)} of it: more than {RESIDUAL:.0%}.")
    if material.kind == "run":
        found.append("One run: no control, no other seed; nothing here is a verdict.")
    if len(material.bases) < 3:
        found.append("Fewer than three base models: what is said concerns these networks alone.")
    hashes = {run.log.header.model_hash for run in material.runs if run.base == material.main[0].base}
    if len(hashes) > 1:
        found.append(f"The runs started from {len(hashes)} different weights, though they count as one base model.")
    if len(derive.alike(material.main)) < len(material.main):
        found.append("Some runs have another number of heads; per-head figures leave them out.")
    if any(run.log.header.version == 1 for run in material.runs):
        found.append("Logs of version 1: no chunks of probes, no path, no swaps; shares are in sample only.")
    return found


def runs(material: Material) -> Section:
    """One line per training."""
    rows = []
    for run in [run for arm in material.arms.values() for run in arm][:RUNS_SHOWN]:
        summary, header = run.log.summary, run.log.header
        after = summary.after if summary is not None else {}
        before = summary.before if summary is not None else {}
        new = after.get("hits_new_forms", after.get("hits_new_pairs"))
        cells = [percent(value) for value in (after.get("hits"), new, after.get("false_alarms"), after.get("mundane"))]
        rows.append([
            run.arm, *([run.base] if len(material.bases) > 1 else []), run.seed, percent(before.get("hits")), *cells,
            number(after.get("d_prime")), number(summary.gain if summary else None),
            summary.steps if summary else MISSING, number(summary.seconds if summary else None), header.commit,
            "whole" if run.log.fault is None else "in part",
        ])  # fmt: skip
    base = ["base"] if len(material.bases) > 1 else []
    head = ["arm", *base, "seed", "hits before", "hits", "new", "false alarms", "mundane", "d′", "gain, nats",
            "steps", "seconds", "commit", "log"]  # fmt: skip
    more = len(material.runs) - RUNS_SHOWN
    caption = "Every training, on unseen scenes; new: with pairs of traces, or in words, that no lesson held"
    caption += f"; {more} more not shown" if more > 0 else ""
    return Section("runs", "Runs", table(head, rows, caption))
