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
GAP = 0.4  # of a cell, between the heads and the MLPs
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


def _canvas(layers: int, count: int, wide: float, tall: float, right: float, mlps: bool = False) -> Any:
    """(figure, axes) with a cell of wide x tall pixels for each unit, named at its top and left; MLPs stand apart."""
    across = count + (1 + GAP) * mlps
    size = max(LEFT + wide * across + right, 60)
    figure, axes = canvas(TOP + tall * layers + 3, size, LEFT, size - LEFT - wide * across, TOP, 3)
    ticks = [*np.arange(count) + 0.5, *[count + GAP + 0.5] * mlps]
    axes.set(xlim=(0, across), ylim=(layers, 0), xticks=ticks, yticks=np.arange(layers) + 0.5)
    axes.set_xticklabels([*(str(head) for head in range(count)), *["MLP"] * mlps])
    axes.set_yticklabels([str(layer) for layer in range(layers)])
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, pad=2)
    return figure, axes


def heads(grid: Array, limit: float, unit: float, marks: Marks, mlps: Array | None = None) -> Any:
    """One cell a head with its number in `unit`. limit: the scale's ends, ±limit. mlps: (L,), a column for itself."""
    layers, count = grid.shape
    across = count + (0 if mlps is None else 1 + GAP)
    wide = max(HIGH, min(36.0, (WIDE - 22) / across))
    figure, axes = _canvas(layers, count, wide, HIGH, 2, mlps is not None)
    _cells(axes, drawable(grid), 0.0, limit, unit)
    if mlps is not None:
        _cells(axes, drawable(mlps)[:, None], count + GAP, limit, unit)
    columns = count + (mlps is not None)  # the MLP's place has the column behind the heads
    shift = {count: count + GAP}
    for layer, head in marks.core:
        if layer < layers and head < columns:
            _box(axes, shift.get(head, head), layer)
    dots = [(shift.get(head, head) + 0.87, layer + 0.2)
            for layer, head in marks.significant if layer < layers and head < columns]  # fmt: skip
    axes.plot([x for x, _ in dots], [y for _, y in dots], "o", markersize=4.4, color=COLOURS["ink"], zorder=4,
              markeredgecolor=COLOURS["paper"], markeredgewidth=0.8)  # fmt: skip
    return figure


def _cells(axes: Any, grid_LH: Array, left: float, limit: float, unit: float) -> None:
    """Painted cells from `left` on, each with its number."""
    layers, count = grid_LH.shape
    names = [[shade(float(value), limit) for value in row] for row in grid_LH]
    paint = np.array([[[int(COLOURS[n][i : i + 2], 16) / 255 for i in (1, 3, 5)] for n in row] for row in names])
    edges = left + np.arange(count + 1)
    axes.pcolormesh(edges, np.arange(layers + 1), paint, edgecolor=COLOURS["paper"], linewidth=1)
    for layer, head in np.ndindex(layers, count):
        words = cell_text(float(grid_LH[layer, head]), unit)
        label(axes, left + head + 0.5, layer + 0.52, words, f"on-{names[layer][head]}", ha="center")


def _box(axes: Any, x: float, y: float) -> None:
    """The outline of a core's cell."""
    from matplotlib.patches import Rectangle

    for colour, line in (("paper", 4.0), ("ink", 1.8)):
        box = Rectangle((x, y), 1, 1, fill=False, clip_on=False, zorder=3)
        box.set(edgecolor=COLOURS[colour], linewidth=line)
        axes.add_patch(box)


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
