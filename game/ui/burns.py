"""Burned layers: a charm changes the MLP of a layer, no head, so it is drawn beside that layer's row of heads.

A small flame stands in a gap of the row for each charm, as far as there are gaps, and a rim goes around the row. Both
can be told without colour.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from game.art.pixels.palette import Colour
from game.ui.font import Pen
from game.ui.heads_grid import Cell
from perception.messages import Progress

HOT: Colour = (255, 236, 170)
EMBER: Colour = (240, 112, 60)
ASH: Colour = (120, 52, 40)


@dataclass(frozen=True)
class Burns:
    """layers: of each charm that is worn; burning: the layer that is being burned now, None for none; seconds: the
    clock of animations."""

    layers: tuple[int, ...] = ()
    burning: int | None = None
    seconds: float = 0.0


NONE = Burns()


def burns_of(progress: Progress | None, burning: int | None, seconds: float) -> Burns:
    """What a mind's progress tells of its charms."""
    charms = progress.charms if progress is not None else ()
    return Burns(tuple(charm.layer for charm in charms), burning, seconds)


def spots(row: Sequence[Cell], count: int) -> list[float]:
    """Where a row's flames stand, layout px from the left: in the gaps between its cells, the rightmost first."""
    gaps = [cell.x + cell.side for cell in reversed(row)] + [row[0].x - 2]
    return [float(gap) for gap in gaps[:count]]


def draw(pen: Pen, cells: Sequence[Cell], burns: Burns) -> None:
    """The burned rows among these cells."""
    for layer in sorted({*burns.layers, *([] if burns.burning is None else [burns.burning])}):
        row, burning = [cell for cell in cells if cell.layer == layer], layer == burns.burning
        if not row:
            continue
        top, side = row[0].y, row[0].side
        beat = math.sin(burns.seconds * 14) > 0
        wide = row[-1].x + side - row[0].x
        pen.frame(HOT if burning and beat else EMBER, row[0].x - 1, top - 1, wide + 2, side + 2, 1 if burning else 0.5)
        for number, x in enumerate(spots(row, burns.layers.count(layer) + burning)):
            high = side * (0.65 + 0.35 * math.sin(burns.seconds * 4 + 2 * number) ** 2)
            pen.fill(ASH, x - 0.5, top + side - 1, 3, 2)
            pen.fill(EMBER, x, top + side - high, 2, high)
            pen.fill(HOT, x + 0.5, top + side - 0.6 * high, 1, 0.6 * high)


def legend(burns: Burns) -> str:
    """One line about them; empty without any."""
    if burns.burning is not None:
        return f"a charm burns the MLP of layer {burns.burning}"
    layers = sorted(set(burns.layers))
    if not layers:
        return ""
    return (
        f"flames: {len(burns.layers)} charm{'s' * (len(burns.layers) > 1)}, MLP of layer {', '.join(map(str, layers))}"
    )
