"""The figures of a report that are no grids of heads: each function returns a matplotlib Figure.

Every function takes any finite numbers (NaN: not measured). What lies beyond a scale is drawn on its edge.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from training.headlog.curves import SetCurve
from training.headlog.moments import Jump
from training.headlog.records import Snapshot
from training.report import derive
from training.report.derive import Array
from training.report.drawing import COLOURS, WIDE, apart, canvas, drawable, label
from training.report.gather import Run
from training.report.judged import Row, Triple
from training.report.words import number, percent
from training.verdict import rule

LINES_MAX = 24  # seeds drawn in one panel
LEAST, MOST = -1.0, 2.5  # shares of the gain; what lies beyond is drawn on the edge
CURVES = {
    "hits": ("hits", "above", "-"), "false_alarms": ("false alarms", "below", "--"),
    "mundane": ("mundane", "third", ":"), "d_prime": ("d′", "ink", "-"),
}  # fmt: skip
DISC = {"linestyle": "", "marker": "o", "color": COLOURS["ink"], "markersize": 6.0, "clip_on": False}
RING = DISC | {"color": COLOURS["paper"], "markeredgecolor": COLOURS["ink"]}
TICK = {"linestyle": "", "marker": "|", "color": COLOURS["ink"], "alpha": 0.5}
DOTTED = {"color": COLOURS["soft"], "linewidth": 0.8, "linestyle": ":"}


TENTHS, PERCENT = ("0", "0.5", "1"), ("0", "50", "100 %")  # at 0, 0.5 and 1


def _scales(axes: Any, across: Any, up: Any, words: Sequence[str], grid: str, last: float = 1) -> None:
    """Both ranges; from 0 to `last` ticks with words, and lines across them, on the axis `grid` ("x" or "y")."""
    axes.set(xlim=across, ylim=up, xticks=[], yticks=[])
    (axes.set_xticks if grid == "x" else axes.set_yticks)(np.linspace(0, last, len(words)), labels=list(words))
    axes.grid(axis=grid)


def _ends(axes: Any, x: float, ends: Sequence[tuple[float, str, str]], pixels: float) -> None:
    """Words (height, words, colour) at the lines' ends, moved apart where they would lie on each other."""
    low, high = axes.get_ylim()
    order = sorted((min(max(y, low), high), words, colour) for y, words, colour in ends)
    places = apart([y for y, *_ in order], low, high, 11.5 * (high - low) / pixels)
    for y, (_, words, colour) in zip(places, order, strict=True):
        label(axes, x, y, words, colour)


def learning(runs: Sequence[Run], last: int, top: float) -> Any:
    """An arm's curves: rates above, d′ below; thin lines for runs, a thick one for their median. top: of d′'s axis."""
    figure, rates = canvas(232, left=34, right=96, top=8, bottom=96)
    distance = figure.add_axes((34 / WIDE, 20 / 232, (WIDE - 130) / WIDE, 56 / 232))
    _scales(rates, (0, last), (-0.02, 1.02), PERCENT, "y")
    _scales(distance, (0, last), (-0.06 * top, 1.06 * top), ("0", number(top)), "y", top)
    distance.set_xticks([0, last / 2, last], labels=[number(round(last * part)) for part in (0, 0.5, 1)])
    label(distance, last * 1.06, -0.36 * top, "steps")
    ends: dict[Any, list[tuple[float, str, str]]] = {rates: [], distance: []}
    for name, (words, colour, dash) in CURVES.items():
        axes = distance if name == "d_prime" else rates
        middle = derive.median_curve(runs, name)
        thin = [derive.curve(run.log, name) for run in runs[:LINES_MAX]] if len(runs) > 1 else []
        for points, line, alpha in [*((points, 0.8, 0.4) for points in thin), (middle, 2.1, 1.0)]:
            values = np.clip([value for _, value in points], *axes.get_ylim())
            axes.plot([step for step, _ in points], values, dash, color=COLOURS[colour], linewidth=line, alpha=alpha,
                      clip_on=False)  # fmt: skip
        for _, end in middle[-1:]:
            value = number(round(end, 2)) if axes is distance else percent(end, 0)
            ends[axes].append((end, f"{words} {value}", colour))
    for axes, pixels in ((rates, 128), (distance, 56)):
        _ends(axes, last * 1.04, ends[axes], pixels)
    return figure


Concentration = tuple[str, Array, str]  # words, what the first heads hold (H + 1,), a kind of LINES
LINES = {
    "seed": {"color": COLOURS["above"], "linewidth": 0.8, "alpha": 0.4},
    "in sample": {"color": COLOURS["above"], "linewidth": 2.1},
    "cross-fitted": {"color": COLOURS["ink"], "linewidth": 2.1},
    "control": {"color": COLOURS["below"], "linewidth": 1.2, "linestyle": "--"},
}


def lorenz(curves: Sequence[Concentration], cut: int) -> Any:
    """Cumulative shares over the heads, largest first; `cut`, the core's size, is marked."""
    drawn = [(words, np.nan_to_num(np.clip(drawable(held), -1, 3)), kind) for words, held, kind in curves]
    low, most = min(0.0, *(held.min() for _, held, _ in drawn)), max(1.0, *(held.max() for _, held, _ in drawn))
    across = np.linspace(0, 1, len(drawn[0][1]))
    figure, axes = canvas(262, left=34, right=84, top=8, bottom=22)
    _scales(axes, (0, 1), (low, most), PERCENT, "y")
    axes.set_xticks([0, 0.5, 1], labels=list(PERCENT))
    axes.plot([0, 1], [0, 1], **DOTTED)
    axes.axvline(across[cut], **DOTTED)
    label(axes, across[cut] + 0.015, most - 0.03 * (most - low), f"K = {cut}")
    for words, held, kind in drawn:
        points = derive.thinned(list(zip(across, held, strict=True)))
        axes.plot([x for x, _ in points], [y for _, y in points], **LINES[kind])
        axes.plot([across[cut]] * bool(words), [held[cut]] * bool(words), **DISC)
    _ends(axes, 1.02, [(float(held[-1]), words, "soft") for words, held, _ in drawn if words], 232)
    return figure


def layers(trained_SL: Array, controls: Sequence[Array]) -> Any:
    """Gain per layer, nats: a bar for the arm's mean, a tick per run, and a ring for each control's mean."""
    gain_SL, rings = drawable(trained_SL), [drawable(drawable(values).mean(0)) for values in controls]
    count, bars = gain_SL.shape[1], drawable(gain_SL.mean(0))
    every = np.nan_to_num(np.concatenate([gain_SL.ravel(), bars, *rings]))
    low, most = min(0.0, every.min()), max(1e-12, every.max())
    figure, axes = canvas(20.0 * count + 6, left=22, right=52, top=3, bottom=3)
    axes.set(xlim=(low, most), ylim=(count - 0.4, -0.6), xticks=[], yticks=range(count))
    axes.barh(range(count), bars, height=0.6, color=[COLOURS["above" if value >= 0 else "below"] for value in bars])
    for row in gain_SL[:LINES_MAX] if len(gain_SL) > 1 else ():
        axes.plot(row, range(count), markersize=12, **TICK)
    for ring in rings:
        axes.plot(ring, range(count), **RING)
    axes.axvline(0, color=COLOURS["soft"], linewidth=1)
    for layer, value in enumerate(bars):
        label(axes, low + (most - low) * 1.2, layer, number(float(value)), ha="right")
    return figure


SetOfHeads = tuple[str, Sequence[float], Sequence[float]]  # words; inserts and removes, shares of the gain, one a run


def swaps(sets: Sequence[SetOfHeads], nulls: Sequence[tuple[str, Sequence[float]]]) -> Any:
    """Swaps of sets: a disc for insert, a ring for remove (means), ticks for runs; below, how random sets fare."""
    every = [value for _, *pair in sets for values in pair for value in values]
    every += [value for _, values in nulls for value in values]
    low, most = max(LEAST, min(-0.1, *every, 0.0)), min(MOST, max(1.1, *every, 1.1))
    row, null_row, left = 24.0, 46.0, 122.0
    high = row * len(sets) + null_row * len(nulls)
    figure, axes = canvas(high + 22, left=left, right=8, top=2, bottom=20)
    _scales(axes, (low, most), (high, 0), PERCENT, "x")
    start = low - (most - low) * left / (WIDE - left - 8)
    for at, (words, inserted, removed) in enumerate(sets):
        y = row * at + 12
        label(axes, start, y, words, "ink")
        axes.plot([low, most], [y, y], **DOTTED)
        for values, place, disc in ((removed, y + 4, RING), (inserted, y - 4, DISC)):
            drawn = np.clip(values[:LINES_MAX] if len(values) > 1 else [], low, most)
            axes.plot(drawn, [place] * len(drawn), markersize=6, **TICK)
            axes.plot(np.clip([np.mean(values)] if len(values) else [], low, most), [place] * bool(values), **disc)
    for at, (words, values) in enumerate(nulls):
        base, tail = row * len(sets) + null_row * (at + 1) - 8, float(np.percentile(values, 95))
        counts, edges = np.histogram(np.clip(values, low, most), bins=40, range=(low, most))
        heights = (22 - null_row) * counts / counts.max()
        axes.bar(edges[:-1], heights, np.diff(edges) * 0.9, base, align="edge", color=COLOURS["soft"], alpha=0.5)
        x = min(max(tail, low), most)
        axes.vlines(x, base - null_row + 16, base, color=COLOURS["ink"], linewidth=1)
        side = "left" if x < (low + most) / 2 else "right"
        label(axes, x, base - null_row + 20, f" 95th pct. {percent(tail, 0)} ", ha=side)
        label(axes, start, base - 18, words, "ink")
        label(axes, start, base - 4, f"{len(values)} sets")
    return figure


def set_curve(curve: SetCurve) -> Any:
    """Share of the gain over the size of the set, doubling: best sets, greedy ones, and the band of random sets."""
    sizes = [len(point.heads) for point in curve.points]
    every = [value for point in curve.points for value in (*point.share, *point.random) if np.isfinite(value)]
    low, most = max(LEAST, min(-0.05, *every, 0.0)), min(MOST, max(1.05, *every))
    figure, axes = canvas(262, left=40, right=52, top=8, bottom=34)
    _scales(axes, (-0.3, len(sizes) - 0.7), (low, most), PERCENT, "y")
    axes.set_xticks(range(len(sizes)), labels=[str(size) for size in sizes])
    axes.set_xlabel("units inserted, of all layers")
    axes.axhline(1, **DOTTED)
    drawn = [(at, np.clip(point.random, low, most)) for at, point in enumerate(curve.points) if point.random]
    if drawn:
        ends = np.array([(values.min(), np.median(values), values.max()) for _, values in drawn])
        where = [at for at, _ in drawn]
        axes.fill_between(where, ends[:, 0], ends[:, 2], color=COLOURS["below"], alpha=0.18, linewidth=0)
        axes.plot(where, ends[:, 1], "--", color=COLOURS["below"], linewidth=1.2)
        for at, values in drawn:
            axes.plot([at] * len(values), values, linestyle="", marker="_", color=COLOURS["below"], markersize=5)
    shares = np.clip(drawable([point.share for point in curve.points]), low, most)
    axes.plot(range(len(sizes)), shares[:, 0], color=COLOURS["above"], linewidth=2.1)
    axes.vlines(range(len(sizes)), shares[:, 1], shares[:, 2], color=COLOURS["above"], linewidth=1.6)
    axes.plot(range(len(sizes)), shares[:, 0], **(DISC | {"color": COLOURS["above"]}))
    greedy = [(sizes.index(len(p.heads)), float(np.clip(p.share[0], low, most)))
              for p in curve.greedy if len(p.heads) in sizes]  # fmt: skip
    axes.plot([x for x, _ in greedy], [y for _, y in greedy], **(RING | {"marker": "D", "markersize": 5.0}))
    words = [(float(shares[-1, 0]), "best", "above")] if np.isfinite(shares[-1, 0]) else []
    words += [(float(ends[-1, 1]), "random", "below")] if drawn else []
    _ends(axes, len(sizes) - 0.62, words, 220)
    return figure


def plane(share: Triple, width: Triple) -> Any:
    """Where the interval lies among the regions that the rule names: T_K up, N_eff/H across."""
    from matplotlib.patches import Rectangle

    regions: Mapping[str, tuple[float, float, float, float]] = {
        rule.LOCALIZED: (0.0, rule.LOCAL_WIDTH, rule.LOCAL_CORE, 1.0),
        rule.HIERARCHICAL: (0.0, rule.TIER_WIDTH, rule.TIER_CORE, 1.0),
        rule.DISTRIBUTED: (rule.SPREAD_WIDTH, 1.0, 0.0, rule.SPREAD_CORE),
    }
    figure, axes = canvas(276, left=34, right=48, top=8, bottom=34)
    _scales(axes, (0, 1), (0, 1), TENTHS, "y")
    axes.set_xticks([0, 0.5, 1], labels=list(TENTHS))
    axes.set_xlabel("N_eff/H: width")
    label(axes, -0.14, 0.93, "T_K")
    for name, (x0, x1, y0, y1) in regions.items():
        axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, facecolor=COLOURS["above"], alpha=0.1))
        axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=COLOURS["above"], linewidth=0.8))
        inside = name != rule.LOCALIZED  # which is too narrow for its name
        x, y = ((max(x0, rule.LOCAL_WIDTH) + x1) / 2, (y0 + y1) / 2) if inside else (x1 + 0.02, 0.94)
        label(axes, x, y, name, ha="center" if inside else "left")
    y, y0, y1, x, x0, x1 = np.clip((*share, *width), 0, 1)
    if np.isfinite([x, x0, x1, y, y0, y1]).all():
        box = Rectangle((x0, y0), max(x1 - x0, 0.01), max(y1 - y0, 0.01), fill=False, clip_on=False)
        box.set(edgecolor=COLOURS["ink"], linewidth=1.6)
        axes.add_patch(box)
        axes.plot([x], [y], **DISC)
    return figure


def intervals(rows: Sequence[Row]) -> Any:
    """The verdict's shares on one scale: estimate, 95 % interval, and the thresholds that the rule names."""
    low, most, left = -0.25, 1.25, 206.0
    figure, axes = canvas(22.0 * len(rows) + 22, left=left, right=8, top=2, bottom=20)
    _scales(axes, (low, most), (len(rows) - 0.5, -0.5), TENTHS, "x")
    for at, row in enumerate(rows):
        label(axes, low - (most - low) * left / (WIDE - left - 8), at, row.name, "ink")
        axes.plot([low, most], [at, at], **DOTTED)
        axes.plot(row.bounds, [at] * len(row.bounds), **(TICK | {"color": COLOURS["below"]}), markersize=12)
        value, lower, upper = np.clip(row.value, low, most)
        axes.plot([lower, upper], [at, at], color=COLOURS["ink"], linewidth=2.2)
        axes.plot([value], [at], **DISC)
    return figure


def journey(taken: Sequence[Snapshot], jumps: Sequence[Jump]) -> Any:
    """Own change of every head over the ticks; each jump's head in colour, its number a link to what was seen then."""
    wide, left, right = 2 * WIDE, 40.0, 64.0
    ticks = np.array([snapshot.tick or 0 for snapshot in taken], float)
    own_TLH = drawable([snapshot.own for snapshot in taken])
    low, most, first, last = 0.0, float(max(1e-9, np.nanmax(own_TLH, initial=0.0))), ticks.min(), ticks.max()
    figure, axes = canvas(268, wide, left, right, 26, 34)
    _scales(axes, (first, max(last, first + 1)), (low, 1.04 * most), ("0", number(most, 2)), "y", most)
    axes.set_xticks(
        [first, (first + last) / 2, last], labels=[f"{tick:.0f}" for tick in (first, (first + last) / 2, last)]
    )
    for words, side in zip(axes.get_xticklabels(), ("left", "center", "right"), strict=True):
        words.set_ha(side)
    axes.set_xlabel("tick of the realm")
    colours = ("above", "below", "third")
    places = list(dict.fromkeys(jump.place for jump in jumps))
    for layer, head in np.ndindex(*own_TLH.shape[1:]):
        if (layer, head) not in places:
            axes.plot(ticks, own_TLH[:, layer, head], color=COLOURS["soft"], linewidth=0.6, alpha=0.45)
    ends = []
    for at, (layer, head) in enumerate(places):
        colour, dash = colours[at % 3], ("-", "--")[at // 3 % 2]
        axes.plot(ticks, own_TLH[:, layer, head], dash, color=COLOURS[colour], linewidth=1.6)
        ends.append((float(own_TLH[-1, layer, head]), f"{layer}.{head}", colour))
    _ends(axes, first + 1.01 * max(last - first, 1), ends, 208)
    gap = 0.024 * max(last - first, 1)
    wished = apart([float(jump.snapshot.tick or 0) for jump in jumps], float(first), float(max(last, first + 1)), gap)
    for at, (jump, x) in enumerate(zip(jumps, wished, strict=True), 1):
        tick = float(jump.snapshot.tick or 0)
        axes.plot([tick, tick, x], [0, 1.04 * most, 1.08 * most], clip_on=False, **DOTTED)
        axes.text(x, 1.1 * most, str(at), color=COLOURS["ink"], ha="center", va="bottom", url=f"#moment-{at}")
    return figure
