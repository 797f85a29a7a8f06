"""The figures of a report: one function each, which returns a matplotlib Figure for the page and for PNG alike.

Every function takes any finite numbers (NaN: not measured). What lies beyond a scale is drawn on its edge.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.report import derive
from training.report.derive import Array
from training.report.drawing import COLOURS, WIDE, apart, canvas, drawable, label
from training.report.gather import Run
from training.report.judged import Row, Triple
from training.report.palette import shade
from training.report.words import number, percent
from training.verdict import verdict as rule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEADS_MAX = 1024  # in one grid; of a larger model the table names those that stand out
LINES_MAX = 24  # seeds drawn in one panel
CURVES = {
    "hits": ("hits", "above", "-"), "false_alarms": ("false alarms", "below", "--"), "mundane": ("mundane", "third", ":"),
    "d_prime": ("d′", "ink", "-"),
}  # fmt: skip
Head = tuple[int, int]  # layer, head


@dataclass(frozen=True)
class Marks:
    """Heads to point out: the core is boxed, significant ones are dotted, so that nothing rests on colour."""

    core: Collection[Head] = ()
    significant: Collection[Head] = ()


def _level(axes: "Axes", low: float, high: float, ticks: Mapping[float, str], colour: str = "line") -> None:
    """A scale upward with lines across at its ticks."""
    axes.set_ylim(low, high)
    axes.set_yticks(list(ticks), labels=list(ticks.values()))
    axes.grid(axis="y", color=COLOURS[colour], linewidth=1)
    axes.set_axisbelow(True)


def _ends(axes: "Axes", x: float, ends: Sequence[tuple[float, str, str]], pixels: float) -> None:
    """Words (height, words, colour) at the lines' ends, moved apart where they would lie on each other."""
    low, high = axes.get_ylim()
    one = (high - low) / pixels
    order = sorted((min(max(y, low), high), words, colour) for y, words, colour in ends)
    for y, (_, words, colour) in zip(apart([y for y, *_ in order], low, high, 11.5 * one), order, strict=True):
        label(axes, x, y, words, colour, va="center")


def learning(title: str, runs: Sequence[Run], last: int, top: float) -> "Figure":
    """An arm's curves: rates above, d′ below; thin lines for runs, a thick one for their median. top: of the d′ axis."""
    wide, high = WIDE - 34 - 96, 232.0
    figure, rates = canvas("", high, left=34, right=96, top=8, bottom=96)
    distance = figure.add_axes((34 / WIDE, 20 / high, wide / WIDE, 56 / high), facecolor="none")
    distance.spines[:].set_visible(False)
    _level(rates, -0.02, 1.02, {0: "0", 0.5: "50", 1: "100 %"})
    _level(distance, -0.06 * top, 1.06 * top, {0: "0", top: number(top)})
    rates.set(xlim=(0, last), xticks=[])
    distance.set(xlim=(0, last), xticks=[0, last / 2, last])
    distance.set_xticklabels([number(round(last * part)) for part in (0, 0.5, 1)])
    label(distance, last * 1.06, -0.42 * top, "steps")
    ends: dict[str, list[tuple[float, str, str]]] = {"rates": [], "d_prime": []}
    for name, (words, colour, dash) in CURVES.items():
        axes, low, most = (distance, -0.06 * top, 1.06 * top) if name == "d_prime" else (rates, -0.02, 1.02)
        paint = {"color": COLOURS[colour], "linestyle": dash, "clip_on": False}
        for run in runs[:LINES_MAX] if len(runs) > 1 else ():
            points = derive.curve(run.log, name)
            axes.plot([s for s, _ in points], np.clip([v for _, v in points], low, most), linewidth=0.8, alpha=0.4, **paint)
        middle = derive.median_curve(runs, name)
        if middle:
            end = middle[-1][1]
            axes.plot([s for s, _ in middle], np.clip([v for _, v in middle], low, most), linewidth=2.1, **paint)
            value = number(round(end, 2)) if name == "d_prime" else percent(end, 0)
            ends["d_prime" if name == "d_prime" else "rates"].append((end, f"{words} {value}", colour))
    _ends(rates, last * 1.04, ends["rates"], 128)
    _ends(distance, last * 1.04, ends["d_prime"], 56)
    said = "; ".join(words for some in ends.values() for _, words, _ in reversed(some)) or "nothing measured"
    figure.set_label(f"Learning curves of {title}, after {last} steps: {said}")
    return figure


def unit_of(limit: float) -> float:
    """The power of ten in which numbers up to `limit` are written: its largest part has two digits before the point."""
    return float(10.0 ** (np.floor(np.log10(limit)) - 1)) if 0 < limit < np.inf else 1.0


def largest(*grids: Array) -> float:
    """The largest absolute number that is there; 0 of nothing."""
    return max((float(np.abs(grid[np.isfinite(grid)]).max(initial=0)) for grid in grids), default=0.0)


def _spoken(title: str, grid_LH: Array) -> str:
    """A grid in a sentence, for those who hear it."""
    layers, heads = grid_LH.shape
    sentence = f"{title}: {layers} layers by {heads} heads"
    if not np.isfinite(grid_LH).any():
        return f"{sentence}, not measured"
    ends = ((int(np.nanargmax(grid_LH)), "largest"), (int(np.nanargmin(grid_LH)), "smallest"))
    return sentence + "".join(
        f", {word} head {at // heads}.{at % heads} with {number(float(grid_LH.flat[at]))}" for at, word in ends
    )


def heads(title: str, grid: Array, limit: float, unit: float, marks: Marks) -> "Figure":
    """One cell a head with its number in `unit`; layers down, heads across, from 0. limit: the scale's ends, ±limit."""
    from matplotlib.patches import Rectangle

    grid_LH = drawable(grid)
    layers, count = grid_LH.shape
    cell, left, top = max(19.0, min(36.0, (WIDE - 22) / count)), 20.0, 15.0
    figure, axes = canvas(_spoken(title, grid_LH), top + 19.0 * layers + 3, max(left + cell * count + 2, 60), left, 2, top, 3)
    names = [[shade(float(value), limit) for value in row] for row in grid_LH]
    paint = np.array([[[int(COLOURS[n][i : i + 2], 16) / 255 for i in (1, 3, 5)] for n in row] for row in names])
    axes.pcolormesh(np.arange(count + 1), np.arange(layers + 1), paint, edgecolor=COLOURS["paper"], linewidth=1)
    for layer, head in np.ndindex(layers, count):
        value = float(grid_LH[layer, head])
        colour = f"on-{names[layer][head]}"
        label(axes, head + 0.5, layer + 0.52, cell_text(value, unit), colour, ha="center", va="center")
    for layer, head in marks.core:
        if layer < layers and head < count:
            box = {"width": 1, "height": 1, "fill": False, "clip_on": False, "zorder": 3}
            axes.add_patch(Rectangle((head, layer), edgecolor=COLOURS["paper"], linewidth=4, **box))
            axes.add_patch(Rectangle((head, layer), edgecolor=COLOURS["ink"], linewidth=1.8, **box))
    dots = [(head + 0.87, layer + 0.2) for layer, head in marks.significant if layer < layers and head < count]
    if dots:
        dot = {"markersize": 4.4, "markeredgecolor": COLOURS["paper"], "color": COLOURS["ink"], "zorder": 4}
        axes.plot(*zip(*dots, strict=True), linestyle="", marker="o", markeredgewidth=0.8, **dot)
    axes.set(xlim=(0, count), ylim=(layers, 0), xticks=np.arange(count) + 0.5, yticks=np.arange(layers) + 0.5)
    axes.set_xticklabels(range(count))
    axes.set_yticklabels(range(layers))
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, pad=2)
    return figure


def cell_text(value: float, unit: float) -> str:
    """A number in a grid's unit: one digit after the point, none where it is zero."""
    part = value / unit
    return "–" if not np.isfinite(part) else "0" if abs(part) < 0.05 else f"{part:.1f}".replace("-", "−")


def history(title: str, points: Sequence[tuple[int, Array]], marks: Marks) -> "Figure":
    """Small multiples: a line per head over the steps. A layer has one scale; its end is written at the right."""
    steps, values_TLH = [step for step, _ in points], drawable(np.stack([grid for _, grid in points]))
    layers, count = values_TLH.shape[1:]
    wide, tall, left = max(30.0, min(90.0, 580.0 / count)), 27.0, 20.0
    spoken = f"{title} of {layers} by {count} heads over {steps[-1]} steps"
    figure, axes = canvas(spoken, 15 + tall * layers + 3, left + wide * count + 56, left, 56, 15, 3)
    across = 0.06 + 0.8 * np.array(steps, float) / max(1, steps[-1])
    for layer in range(layers):
        there = values_TLH[:, layer][np.isfinite(values_TLH[:, layer])]
        low, most = min(0.0, there.min(initial=0.0)), there.max(initial=0.0)
        for head in range(count):
            bold = (layer, head) in marks.core
            high = layer + 0.9 - 0.75 * (values_TLH[:, layer, head] - low) / ((most - low) or 1.0)
            axes.plot([head + 0.06, head + 0.86], [layer + 0.9 + 0.75 * low / ((most - low) or 1.0)] * 2,
                      color=COLOURS["line"], linewidth=1)  # fmt: skip
            axes.plot(head + across, high, color=COLOURS["above" if bold else "ink"], linewidth=2 if bold else 1)
        label(axes, count, layer + 0.7, f"to {number(float(most), 2)}")
    axes.set(xlim=(0, count), ylim=(layers, 0), xticks=np.arange(count) + 0.5, yticks=np.arange(layers) + 0.6)
    axes.set_xticklabels(range(count))
    axes.set_yticklabels(range(layers))
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, pad=2)
    return figure


@dataclass(frozen=True)
class Concentration:
    """A curve of what the first heads hold. kind: "seed", "in sample", "cross-fitted" or "control"."""

    words: str
    shares: Array  # (H + 1,)
    kind: str


_LINES = {
    "seed": {"color": COLOURS["above"], "linewidth": 0.8, "alpha": 0.4},
    "in sample": {"color": COLOURS["above"], "linewidth": 2.1},
    "cross-fitted": {"color": COLOURS["ink"], "linewidth": 2.1},
    "control": {"color": COLOURS["below"], "linewidth": 1.2, "linestyle": "--"},
}


def lorenz(curves: Sequence[Concentration], cut: int) -> "Figure":
    """Cumulative shares over the heads, largest first; `cut`, the core's size, is marked."""
    count = len(curves[0].shares) - 1
    every = np.clip(np.concatenate([drawable(curve.shares) for curve in curves]), -1, 3)
    low, most = min(0.0, float(np.nanmin(every))), max(1.0, float(np.nanmax(every)))
    held = ", ".join(f"{curve.words} {percent(float(curve.shares[cut]))}" for curve in curves if curve.words)
    figure, axes = canvas(f"The first {cut} of {count} heads hold: {held}", 262, left=34, right=84, top=8, bottom=22)
    _level(axes, low, most, {0: "0", 0.5: "50", 1: "100 %"})
    axes.set(xlim=(0, 1), xticks=[0, 0.5, 1])
    axes.set_xticklabels(["0", "50", "100 %"])
    dashes = {"color": COLOURS["soft"], "linewidth": 1, "linestyle": ":"}
    axes.plot([0, 1], [0, 1], **dashes)
    axes.axvline(cut / count, **dashes)
    label(axes, cut / count + 0.015, low + 0.03 * (most - low), f"K = {cut}")
    ends = []
    for curve in curves:
        points = derive.thinned(list(zip(np.arange(count + 1) / count, np.clip(drawable(curve.shares), -1, 3), strict=True)))
        axes.plot([x for x, _ in points], [y for _, y in points], **_LINES[curve.kind])
        if curve.words:
            axes.plot([cut / count], [np.clip(curve.shares[cut], -1, 3)], marker="o", markersize=5, color=COLOURS["ink"])
            ends.append((float(np.nan_to_num(points[-1][1])), curve.words, "soft"))
    _ends(axes, 1.02, ends, 232)
    return figure


def layers(title: str, trained_SL: Array, controls: Sequence[tuple[str, Array]]) -> "Figure":
    """Gain per layer, nats: a bar for the arm's mean, a tick per run, and a ring for each control's mean."""
    gain_SL, means = drawable(trained_SL), [drawable(drawable(values).mean(0)) for _, values in controls]
    count, bars = gain_SL.shape[1], drawable(gain_SL.mean(0))
    every = np.concatenate([gain_SL.ravel(), *means])
    low, most = min(0.0, float(np.nanmin(every))), max(1e-12, float(np.nanmax(every)))
    said = ", ".join(f"layer {at} {number(float(value))}" for at, value in enumerate(bars))
    figure, axes = canvas(f"{title}: {said}", 20.0 * count + 6, left=22, right=52, top=3, bottom=3)
    axes.barh(range(count), bars, height=0.6, color=[COLOURS["above" if value >= 0 else "below"] for value in bars])
    if len(gain_SL) > 1:
        places = np.tile(np.arange(count), min(len(gain_SL), LINES_MAX))
        axes.plot(gain_SL[:LINES_MAX].ravel(), places, color=COLOURS["ink"], alpha=0.5, linestyle="", marker="|", markersize=12)
    for ring in means:
        face = {"markerfacecolor": COLOURS["paper"], "markeredgecolor": COLOURS["ink"]}
        axes.plot(ring, range(count), linestyle="", marker="o", markersize=6, **face)
    axes.axvline(0, color=COLOURS["soft"], linewidth=1)
    for layer, value in enumerate(bars):
        label(axes, low + (most - low) * 1.2, layer, number(float(value)), ha="right", va="center")
    axes.set(xlim=(low, most), ylim=(count - 0.4, -0.6), xticks=[], yticks=range(count))
    return figure


@dataclass(frozen=True)
class SetOfHeads:
    """A set of heads that was swapped: shares of the gain, one a run (or their mean alone)."""

    words: str
    inserted: Sequence[float]
    removed: Sequence[float]


def swaps(title: str, sets: Sequence[SetOfHeads], nulls: Sequence[tuple[str, Sequence[float]]]) -> "Figure":
    """Swaps of sets: a disc for insert, a ring for remove (means), ticks for runs; below, how random sets fare."""
    nulls = [(words, values) for words, values in nulls if len(values)]
    every = [value for some in sets for value in (*some.inserted, *some.removed)]
    every += [value for _, values in nulls for value in values]
    low, most = max(-1.0, min(-0.1, *every, 0.0)), min(2.5, max(1.1, *every, 1.1))
    row, null_row, left = 24.0, 46.0, 122.0
    high = row * len(sets) + null_row * len(nulls)
    figure, axes = canvas(title, high + 22, left=left, right=8, top=2, bottom=20)
    axes.set(xlim=(low, most), ylim=(high, 0), xticks=[0, 0.5, 1], yticks=[])
    axes.set_xticklabels(["0", "50", "100 %"])
    axes.grid(axis="x", color=COLOURS["line"], linewidth=1)
    start, said = low - (most - low) * left / (WIDE - left - 8), []
    for at, some in enumerate(sets):
        y = row * at + 12
        label(axes, start, y, some.words, "ink", va="center")
        axes.plot([low, most], [y, y], color=COLOURS["line"], linewidth=0.8, linestyle=":")
        for values, shift, face, word in ((some.removed, 4, "paper", "removed"), (some.inserted, -4, "ink", "inserted")):
            if values:
                mean = float(np.mean(values))
                ticks = np.clip(values[:LINES_MAX] if len(values) > 1 else [], low, most)
                axes.plot(ticks, [y + shift] * len(ticks), color=COLOURS["ink"], alpha=0.5, linestyle="", marker="|", markersize=6)
                axes.plot([min(max(mean, low), most)], [y + shift], linestyle="", marker="o", markersize=7,
                          markerfacecolor=COLOURS[face], markeredgecolor=COLOURS["ink"], clip_on=False)  # fmt: skip
                said.append(f"{some.words} {word} {percent(mean, 0)}")
    for at, (words, values) in enumerate(nulls):
        base = row * len(sets) + null_row * (at + 1) - 8
        tail = float(np.percentile(values, 95))
        counts, edges = np.histogram(np.clip(values, low, most), bins=40, range=(low, most))
        heights = (null_row - 22) * counts / max(1, counts.max())
        axes.bar(edges[:-1], -heights, np.diff(edges) * 0.9, bottom=base, align="edge", color=COLOURS["soft"], alpha=0.5)
        drawn = min(max(tail, low), most)
        axes.plot([drawn, drawn], [base - null_row + 16, base], color=COLOURS["ink"], linewidth=1)
        right = drawn < low + 0.5 * (most - low)
        label(axes, drawn, base - null_row + 22, f" 95th pct. {percent(tail, 0)} ", ha="left" if right else "right")
        label(axes, start, base - 14, words, "ink")
        label(axes, start, base, f"{len(values)} sets")
        said.append(f"95th percentile of {words} {percent(tail, 0)}")
    figure.set_label(f"{title}: {', '.join(said)}")
    return figure


def plane(share: Triple, width: Triple) -> "Figure":
    """Where the interval lies among the regions that the rule names: T_K up, N_eff/H across."""
    from matplotlib.patches import Rectangle

    regions = (
        (rule.LOCALIZED, (0.0, rule.LOCAL_WIDTH, rule.LOCAL_CORE, 1.0)),
        (rule.HIERARCHICAL, (0.0, rule.TIER_WIDTH, *rule.TIER_CORE)),
        (rule.DISTRIBUTED, (rule.SPREAD_WIDTH, 1.0, 0.0, rule.SPREAD_CORE)),
    )
    spoken = f"T_K {ranged_words(share)}; N_eff/H {ranged_words(width)}"
    figure, axes = canvas(spoken, 276, left=34, right=48, top=8, bottom=34)
    for name, (x0, x1, y0, y1) in regions:
        area = {"xy": (x0, y0), "width": x1 - x0, "height": y1 - y0}
        axes.add_patch(Rectangle(**area, facecolor=COLOURS["above"], alpha=0.1))
        axes.add_patch(Rectangle(**area, fill=False, edgecolor=COLOURS["above"], linewidth=0.8))
        narrow = name == rule.LOCALIZED  # too narrow for its name
        label(axes, x1 + 0.02 if narrow else (x0 + x1) / 2, y1 - 0.06 if narrow else (y0 + y1) / 2, name,
              ha="left" if narrow else "center")  # fmt: skip
    axes.add_patch(Rectangle((0, 0), 1, 1, fill=False, edgecolor=COLOURS["soft"], linewidth=0.8, linestyle=":"))
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1], xlabel="N_eff/H: width", ylabel="T_K")
    axes.set_xticklabels(["0", "0.5", "1"])
    axes.set_yticklabels(["0", "0.5", "1"])
    axes.yaxis.labelpad = 0
    y, y0, y1, x, x0, x1 = np.clip((*share, *width), 0, 1)
    if np.isfinite([x, x0, x1, y, y0, y1]).all():
        box = {"fill": False, "edgecolor": COLOURS["ink"], "linewidth": 1.6, "clip_on": False}
        axes.add_patch(Rectangle((x0, y0), max(x1 - x0, 0.01), max(y1 - y0, 0.01), **box))
        axes.plot([x], [y], marker="o", markersize=6, color=COLOURS["ink"], clip_on=False)
    return figure


def ranged_words(value: Triple) -> str:
    """An estimate and its interval in words."""
    return f"{number(value[0])}, interval {number(value[1])} to {number(value[2])}"


def intervals(rows: Sequence[Row]) -> "Figure":
    """Every share of the verdict on one scale: estimate, 95 % interval, and the thresholds that the rule names."""
    low, most, left = -0.25, 1.25, 150.0
    spoken = "; ".join(f"{row.name} {ranged_words(row.value)}" for row in rows)
    figure, axes = canvas(spoken, 22.0 * len(rows) + 22, left=left, right=8, top=2, bottom=20)
    axes.set(xlim=(low, most), ylim=(len(rows) - 0.5, -0.5), xticks=[0, 0.5, 1], yticks=[])
    axes.set_xticklabels(["0", "0.5", "1"])
    axes.grid(axis="x", color=COLOURS["line"], linewidth=1)
    start = low - (most - low) * left / (WIDE - left - 8)
    for at, row in enumerate(rows):
        label(axes, start, at, row.name[:30], "ink", va="center")
        axes.plot([low, most], [at, at], color=COLOURS["line"], linewidth=0.8, linestyle=":")
        axes.plot(row.bounds, [at] * len(row.bounds), linestyle="", marker="|", markersize=12, color=COLOURS["below"])
        value, lower, upper = np.clip(row.value, low, most)
        axes.plot([lower, upper], [at, at], color=COLOURS["ink"], linewidth=2.2)
        axes.plot([value], [at], marker="o", markersize=6, color=COLOURS["ink"], clip_on=False)
    return figure


def shares(title: str, parts: Sequence[tuple[str, float]]) -> "Figure":
    """Shares of one whole as bars with their numbers, one below the other."""
    said = ", ".join(f"{words} {percent(share)}" for words, share in parts)
    figure, axes = canvas(f"{title}: {said}", 18.0 * len(parts) + 4, left=110, top=2, bottom=2)
    axes.barh(range(len(parts)), np.clip([share for _, share in parts], 0, 1), height=0.6, color=COLOURS["above"])
    axes.set(xlim=(0, 1), ylim=(len(parts) - 0.5, -0.5), xticks=[], yticks=[])
    for at, (words, share) in enumerate(parts):
        label(axes, -110 / (WIDE - 110), at, words[:10], "ink", va="center")
        label(axes, -0.03, at, percent(share), ha="right", va="center")
    return figure
