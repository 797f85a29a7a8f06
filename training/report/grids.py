"""The heads' grid: one cell per head, coloured on a scale with zero in the middle, and with its number in it.

Layers go down, heads across, both from 0. Core heads are boxed, significant ones dotted, so nothing rests on colour.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from training.report.derive import Array
from training.report.markup import MISSING, Markup, figure, label, line, number, svg, tag
from training.report.palette import shade

HEADS_MAX = 1024  # in one grid; of a larger model the table names those that stand out
LEFT, TOP, HIGH, TALL = 18.0, 13.0, 19.0, 27.0  # TALL: a cell with a line in it
ROOM = 316.0  # width of a panel
NARROW = 25.0  # a cell that still holds its number

Head = tuple[int, int]


@dataclass(frozen=True)
class Marks:
    """Heads that a verdict names."""

    core: Collection[Head] = ()
    significant: Collection[Head] = ()


NONE = Marks()


def unit_of(limit: float) -> float:
    """The power of ten in which the largest number has two digits before its point; 1 if there is none."""
    return 10.0 ** (math.floor(math.log10(limit)) - 1) if limit > 0 and math.isfinite(limit) else 1.0


def largest(*grids: Array | None) -> float:
    """The largest absolute value of several grids: their common scale; 0 of nothing."""
    found = [float(np.nanmax(np.abs(grid))) for grid in grids if grid is not None and np.isfinite(grid).any()]
    return max(found, default=0.0)


def cell_text(value: float, unit: float) -> str:
    """A number in the grid's unit, one decimal; a plain 0 for zero, a dash for what wasn't measured."""
    if not math.isfinite(value):
        return MISSING
    plain = f"{value / unit:.1f}"
    return "0" if plain in ("0.0", "-0.0") else plain.replace("-", "−")


def heads_grid(
    title: str, grid_LH: Array, limit: float, note: str = "", marks: Marks = NONE, unit: float | None = None
) -> Markup:
    """One panel. limit: the value of the strongest shade; unit: what the numbers count (default: from the limit)."""
    layers, heads = grid_LH.shape
    if layers * heads > HEADS_MAX:
        return figure(
            title, tag("p", f"{layers} x {heads} heads are too many to draw; see the table", class_="missing")
        )
    unit = unit_of(limit) if unit is None else unit
    wide = max(NARROW, (ROOM - LEFT - 2) / heads) if heads > 3 else 60.0
    parts = [label(LEFT + wide * (h + 0.5), TOP - 4, h, "s", "middle") for h in range(heads)]
    for layer in range(layers):
        y = TOP + HIGH * layer
        parts.append(label(LEFT - 5, y + 13, layer, "s", "end"))
        for head in range(heads):
            value = float(grid_LH[layer, head])
            x = LEFT + wide * head
            where = {"x": x, "y": y, "width": wide, "height": HIGH}
            inside = [
                tag("title", f"head {layer}.{head}: {number(value, 4)}"),
                tag("rect", **where),
                label(x + wide / 2, y + 13, cell_text(value, unit), "c"),
            ]
            parts.append(tag("g", *inside, class_=f"cell {shade(value, limit)}"))
    parts += _marked(marks, wide, layers, heads)
    drawing = svg(LEFT + wide * heads + 2, TOP + HIGH * layers + 3, spoken(title, grid_LH), *parts)
    named = "" if unit == 1 or note.startswith("%") else f"in units of {number(unit)}"
    told = "; ".join(part for part in (note, named) if part)
    return figure(title, scrolling(drawing, heads * wide + LEFT + 2, title), told)


def scrolling(drawing: Markup, width: float, title: str) -> Markup:
    """A drawing wider than a panel keeps its size and scrolls."""
    if width <= ROOM + 1:
        return drawing
    return tag("div", drawing, class_="scroll", tabindex="0", role="region", aria_label=title)


def _marked(marks: Marks, wide: float, layers: int, heads: int) -> list[Markup]:
    found = []
    for layer, head in marks.significant:
        if layer < layers and head < heads:
            found.append(tag("circle", cx=LEFT + wide * (head + 1) - 4, cy=TOP + HIGH * layer + 4, r=2.2, class_="sig"))
    for layer, head in marks.core:
        if layer < layers and head < heads:
            x, y = LEFT + wide * head + 1, TOP + HIGH * layer + 1
            found += [tag("rect", x=x, y=y, width=wide - 2, height=HIGH - 2, class_=kind) for kind in ("halo", "box")]
    return found


def spoken(title: str, grid_LH: Array) -> str:
    """A grid in a sentence, for those who hear it."""
    layers, heads = grid_LH.shape
    told = f"{title}: {layers} layers by {heads} heads"
    if not np.isfinite(grid_LH).any():
        return f"{told}, not measured"
    high, low = int(np.nanargmax(grid_LH)), int(np.nanargmin(grid_LH))
    ends = [(high, "largest"), (low, "smallest")]
    return told + "".join(
        f", {word} head {at // heads}.{at % heads} with {number(float(grid_LH.flat[at]))}" for at, word in ends
    )


def history_grid(title: str, history: Sequence[tuple[int, Array]], note: str, marks: Marks = NONE) -> Markup:
    """Small multiples: one line per head over the steps; a layer on one scale, its ends at the right."""
    layers, heads = history[0][1].shape
    if layers * heads > HEADS_MAX:
        return figure(title, tag("p", f"{layers} x {heads} heads are too many to draw", class_="missing"))
    steps, values_THL = [step for step, _ in history], np.stack([grid for _, grid in history])
    wide = max(30.0, (2 * ROOM + 22 - LEFT - 60) / heads) if heads > 3 else 90.0
    parts = [label(LEFT + wide * (h + 0.5), TOP - 4, h, "s", "middle") for h in range(heads)]
    for layer in range(layers):
        bottom = TOP + TALL * (layer + 1) - 4
        there = values_THL[:, layer][np.isfinite(values_THL[:, layer])]
        low, high = (min(0.0, float(there.min())), float(there.max())) if len(there) else (0.0, 0.0)
        parts.append(label(LEFT - 5, bottom - 6, layer, "s", "end"))
        parts.append(label(LEFT + wide * heads, bottom - 6, f"to {number(high, 2)}", "s"))
        for head in range(heads):
            x = LEFT + wide * head
            chosen = (layer, head) in marks.core
            drawn = _spark(steps, values_THL[:, layer, head], (x + 2, bottom, wide - 8), (low, high), chosen)
            told = f"head {layer}.{head}: {number(float(values_THL[-1, layer, head]))} at step {steps[-1]}"
            parts.append(tag("g", tag("title", told), *drawn))
    spoken_ = f"{title} of {layers} by {heads} heads over {steps[-1]} steps"
    drawing = svg(LEFT + wide * heads + 42, TOP + TALL * layers + 3, spoken_, *parts)
    scroll = tag("div", drawing, class_="scroll", tabindex="0", role="region", aria_label=title)
    bold = "; bold: core" if marks.core else ""
    return figure(title, scroll, f"{note}; each layer on its own scale, steps 0 to {steps[-1]}{bold}", "panel half")


def _spark(
    steps: Sequence[int], values_T: Array, box: tuple[float, float, float], ends: tuple[float, float], chosen: bool
) -> tuple[Markup, Markup]:
    """A base line at zero and a head's line. box: left, bottom and width; ends: the scale."""
    left, bottom, wide = box
    low, span, high = ends[0], (ends[1] - ends[0]) or 1.0, TALL - 7
    places = [
        (left + wide * step / max(1, steps[-1]), bottom - high * (float(v) - low) / span)
        for step, v in zip(steps, values_T, strict=True)
        if math.isfinite(v)
    ]
    base = bottom + high * low / span
    return (
        tag("line", x1=left, x2=left + wide, y1=base, y2=base, class_="axis"),
        line(places, "bold hits" if chosen else "line"),
    )
