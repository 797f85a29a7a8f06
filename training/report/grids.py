"""Figures with a cell for each head: layers down, heads across, both from 0.

The core is boxed and significant heads are dotted, and each cell holds its number, so that nothing rests on colour.
Every function takes any finite numbers (NaN: not measured).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.report.derive import Array
from training.report.drawing import COLOURS, WIDE, canvas, drawable, label
from training.report.palette import shade
from training.report.words import number

HEADS_MAX = 1024  # in one grid; of a larger model the table names those that stand out
LEFT, TOP, HIGH, TALL = 20.0, 15.0, 19.0, 27.0  # TALL: a cell with a line in it
Head = tuple[int, int]  # layer, head
TINIEST = 1e-300  # below, a power of ten is no number any more


@dataclass(frozen=True)
class Marks:
    """Heads to point out."""

    core: Collection[Head] = ()
    significant: Collection[Head] = ()


def unit_of(limit: float) -> float:
    """The power of ten in which numbers up to `limit` are written: its largest part has two digits before the point."""
    return float(10.0 ** (np.floor(np.log10(limit)) - 1)) if TINIEST < limit < np.inf else 1.0


def largest(*grids: Array) -> float:
    """The largest absolute number that is there; 0 of nothing."""
    return max((float(np.abs(grid[np.isfinite(grid)]).max(initial=0)) for grid in grids), default=0.0)


def cell_text(value: float, unit: float) -> str:
    """A number in a grid's unit: one digit after the point, none where it is zero."""
    part = value / unit
    return "–" if not np.isfinite(part) else "0" if abs(part) < 0.05 else f"{part:.1f}".replace("-", "−")


def _canvas(layers: int, count: int, wide: float, tall: float, right: float) -> Any:
    """(figure, axes) with a cell of wide x tall pixels for each head, named at its top and left."""
    size = max(LEFT + wide * count + right, 60)
    figure, axes = canvas(TOP + tall * layers + 3, size, LEFT, size - LEFT - wide * count, TOP, 3)
    axes.set(xlim=(0, count), ylim=(layers, 0), xticks=np.arange(count) + 0.5, yticks=np.arange(layers) + 0.5)
    axes.set_xticklabels([str(head) for head in range(count)])
    axes.set_yticklabels([str(layer) for layer in range(layers)])
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, pad=2)
    return figure, axes


def heads(grid: Array, limit: float, unit: float, marks: Marks) -> Any:
    """One cell a head with its number in `unit`. limit: the scale's ends, ±limit."""
    from matplotlib.patches import Rectangle

    grid_LH = drawable(grid)
    layers, count = grid_LH.shape
    figure, axes = _canvas(layers, count, max(HIGH, min(36.0, (WIDE - 22) / count)), HIGH, 2)
    names = [[shade(float(value), limit) for value in row] for row in grid_LH]
    paint = np.array([[[int(COLOURS[n][i : i + 2], 16) / 255 for i in (1, 3, 5)] for n in row] for row in names])
    axes.pcolormesh(np.arange(count + 1), np.arange(layers + 1), paint, edgecolor=COLOURS["paper"], linewidth=1)
    for layer, head in np.ndindex(layers, count):
        words = cell_text(float(grid_LH[layer, head]), unit)
        label(axes, head + 0.5, layer + 0.52, words, f"on-{names[layer][head]}", ha="center")
    for layer, head in marks.core:
        for colour, line in (("paper", 4.0), ("ink", 1.8)) if layer < layers and head < count else ():
            box = Rectangle((head, layer), 1, 1, fill=False, clip_on=False, zorder=3)
            box.set(edgecolor=COLOURS[colour], linewidth=line)
            axes.add_patch(box)
    dots = [(head + 0.87, layer + 0.2) for layer, head in marks.significant if layer < layers and head < count]
    axes.plot([x for x, _ in dots], [y for _, y in dots], "o", markersize=4.4, color=COLOURS["ink"], zorder=4,
              markeredgecolor=COLOURS["paper"], markeredgewidth=0.8)  # fmt: skip
    return figure


def history(points: Sequence[tuple[int, Array]], marks: Marks) -> Any:
    """Small multiples: a line per head over the steps. A layer has one scale; its end is written at the right."""
    steps, values_TLH = [step for step, _ in points], drawable(np.stack([grid for _, grid in points]))
    layers, count = values_TLH.shape[1:]
    figure, axes = _canvas(layers, count, max(30.0, min(90.0, 580.0 / count)), TALL, 56)
    across = 0.06 + 0.8 * np.array(steps, float) / max(1, steps[-1])
    for layer in range(layers):
        there = values_TLH[:, layer][np.isfinite(values_TLH[:, layer])]
        low, most = float(there.min(initial=0.0)), float(there.max(initial=0.0))
        high_TH = layer + 0.9 - 0.75 * (values_TLH[:, layer] - low) / ((most - low) or 1.0)
        axes.hlines([layer + 0.9 + 0.75 * low / ((most - low) or 1.0)] * count, np.arange(count) + 0.06,
                    np.arange(count) + 0.86, color=COLOURS["line"], linewidth=1)  # fmt: skip
        for head in range(count):
            bold = (layer, head) in marks.core
            line = {"color": COLOURS["above" if bold else "ink"], "linewidth": 2.0 if bold else 1.0}
            axes.plot(head + across, high_TH[:, head], **line)
        label(axes, count, layer + 0.7, f"to {number(most, 2)}")
    return figure
