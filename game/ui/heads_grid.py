"""The grid of heads: one cell per measured attention head, one row per layer, and numbers of the learning beside it.

`cells` is pure: numbers in, rectangles and colours out. Scales are absolute, so a cell depends on its own head alone.
The fill shows what the mode measures. The inner square's size shows how much the head has changed. A white rim marks
the heads that changed most. Size and outline carry the same for those who don't see the colours. In the mode `causal`
the fill is what the head brings alone, and the inner square what is lost without it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from game.art.pixels.palette import Colour, mix
from game.ui.font import DIM, GOLD, PAPER, SKYBLUE, Pen
from game.ui.words import number, percent
from perception.messages import HeadActivity, Progress, Ready, Weights

MODES = ("activity", "change", "cue", "causal")
# The value at which a cell is half lit (its own unit), and how steeply brightness grows there. From the novice before
# and after learning: activity spans 0.005 (late layers) to 16 (layer 0), change 0.001 to 5, cue mass 0 to 0.3; what
# one head is worth, 0.001 to 0.3 of the gain.
HALF = {"activity": 0.06, "change": 0.15, "cue": 0.08, "causal": 0.05}
STEEP = {"activity": 0.6, "change": 0.6, "cue": 1.0, "causal": 0.8}
DARK: Colour = (34, 34, 66)
LIT: dict[str, Colour] = {
    "activity": (120, 240, 255),
    "change": (255, 214, 120),
    "cue": (226, 160, 255),
    "causal": (150, 235, 150),
}
RIM = 0.6  # of full: changed more than this, a head gets a white rim
GRID = 96  # layout px: side of the whole grid
CORNER = (396, 8)  # layout px of the panel's upper left corner
SHEET = (*CORNER, 236, 192)  # layout px: x, y, width, height of the panel
SMALL = (544, 8, 88, 104)  # of the little one while one attends


@dataclass(frozen=True)
class Cell:
    """How one head is drawn. x, y, side, mark: layout px; mark is the side of the inner square, 0 for none."""

    layer: int
    head: int
    x: int
    y: int
    side: int
    fill: Colour
    mark: int
    rim: bool


def level(value: float, mode: str) -> float:
    """0..1 of a measured value: 0 for nothing, a half at HALF; never falls as the value grows."""
    scaled = (max(0.0, value) / HALF[mode]) ** STEEP[mode]
    return scaled / (scaled + 1)


def cells(
    layers: int,
    heads: int,
    measured: Sequence[float],
    change: Sequence[float],
    mode: str,
    x: int = 0,
    y: int = 0,
    size: int = GRID,
) -> list[Cell]:
    """The cells of a model's heads. measured, change: one value per head, layer by layer; missing ones are drawn as 0.

    In the mode `causal`, measured is what is inserted and change what is removed.
    """
    marks = "causal" if mode == "causal" else "change"
    pitch = max(3, size // max(1, layers, heads))
    side = pitch - 2 if pitch > 5 else pitch - 1
    grid = []
    for index in range(layers * heads):
        layer, head = divmod(index, heads)
        bright = level(measured[index], mode) if index < len(measured) else 0.0
        grown = level(change[index], marks) if index < len(change) else 0.0
        fill = mix(DARK, LIT[mode], bright)
        mark = round(grown * (side - 1))
        grid.append(Cell(layer, head, x + head * pitch, y + layer * pitch, side, fill, mark, grown > RIM))
    return grid


def values(
    mode: str, activity: HeadActivity | None, progress: Progress | None, weights: Weights | None = None
) -> tuple[Sequence[float], Sequence[float]]:
    """(what the mode shows, what the inner square shows) per head from the newest measurements."""
    if mode == "causal":
        return (weights.insert, weights.remove) if weights is not None else ((), ())
    change: Sequence[float] = ()
    if progress is not None and progress.change:
        change = progress.change
    elif activity is not None:
        change = activity.change
    if mode == "change":
        return change, change
    if activity is None:
        return (), change
    return (activity.activity if mode == "activity" else activity.cue), change


def draw_cells(pen: Pen, grid: Sequence[Cell]) -> None:
    """Draws cells: fill, inner square, rim."""
    for cell in grid:
        pen.fill(cell.fill, cell.x, cell.y, cell.side, cell.side)
        if cell.mark > 0:
            inset = (cell.side - cell.mark) / 2
            pen.fill((16, 16, 38), cell.x + inset, cell.y + inset, cell.mark, cell.mark)
            if cell.mark > 2:
                pen.fill(LIT["change"], cell.x + inset + 1, cell.y + inset + 1, cell.mark - 2, cell.mark - 2)
        if cell.rim:
            pen.frame((255, 255, 255), cell.x, cell.y, cell.side, cell.side, 0.5)


def curve(pen: Pen, history: Sequence[Progress], x: int, y: int, width: int, height: int) -> None:
    """d' over the steps, from 0 to 4; hits as a dotted line from 0 to 1."""
    pen.frame((60, 64, 110), x, y, width, height, 0.5)
    for mark in (1, 2, 3):
        pen.fill((40, 42, 80), x + 1, y + height - height * mark / 4, width - 2, 0.5)
    known = [entry for entry in history if entry.d_prime is not None]
    if not known:
        pen.text_centre("d' not yet measured", x + width // 2, y + height // 2 - 6, DIM)
        return
    first, last = known[0].step, max(known[-1].step, known[0].step + 1)

    def spot(entry: Progress, value: float, top: float) -> tuple[float, float]:
        across = (entry.step - first) / (last - first)
        return x + 2 + across * (width - 5), y + height - 2 - min(1.0, max(0.0, value / top)) * (height - 5)

    thinned = [*known[:: max(1, len(known) // 160)], known[-1]]
    pen.lines(SKYBLUE, [spot(entry, entry.d_prime or 0.0, 4.0) for entry in thinned])
    for entry in known[:: max(1, len(known) // 40)]:
        if entry.hits is not None:
            dot = spot(entry, entry.hits, 1.0)
            pen.fill(GOLD, dot[0], dot[1], 1.5, 1.5)
    end = spot(known[-1], known[-1].d_prime or 0.0, 4.0)
    pen.fill(PAPER, end[0] - 1, end[1] - 1, 3, 3)


def rows(progress: Progress | None, ready: Ready | None) -> list[tuple[str, str]]:
    """(name, value) of everything beside the grid."""
    known = progress or Progress(0, 0, 0, 0, False)
    return [
        ("d'", number(known.d_prime)),
        ("hits", percent(known.hits)),
        ("false al.", percent(known.false_alarms)),
        ("grounded", percent(known.mundane) + (" !" if known.warning else "")),
        ("shown", f"{known.shown}+{known.empties}"),
        ("lessons", str(known.lessons)),
        ("step", str(known.step)),
        ("steps/s", number(known.steps_per_s, 1)),
        ("device", ready.device if ready else "-"),
    ]


def panel(
    pen: Pen,
    mode: str,
    ready: Ready | None,
    activity: HeadActivity | None,
    history: Sequence[Progress],
    mouse: tuple[float, float] | None,
    weights: Weights | None = None,
    weighing: Weights | None = None,
    chosen: int | None = None,
    key: str = "M",
    said: str = "",
) -> None:
    """The whole overlay, at the upper right. mouse: layout px, to read one head's numbers; chosen: the head that is
    pointed at otherwise; weights, weighing: what was measured of causal weight, and what is under way; said: a line in
    place of the legend.
    """
    progress = history[-1] if history else None
    x, y = CORNER
    pen.panel(*SHEET)
    pen.text("Your heads", x + 8, y + 4, SKYBLUE)
    pen.text_right(f"[{key}] {mode}", x + 228, y + 4, LIT[mode])
    grid = laid(mode, ready, activity, progress, weights)
    draw_cells(pen, grid)
    for line, (name, value) in enumerate(rows(progress, ready)):
        pen.text(name, x + 112, y + 18 + 11 * line, DIM)
        pen.text_right(value, x + 228, y + 18 + 11 * line, PAPER)
    change = values("change", activity, progress)[0]
    under = pointed(grid, mouse, chosen)
    below = reading(under, activity, change) if under else said or legend(change)
    if mode == "causal":
        below = weighed(under, grid.index(under) if under else 0, weights, weighing)
    pen.text(below, x + 8, y + 119, GOLD if under else DIM)
    if under:
        pen.frame(GOLD, under.x - 1, under.y - 1, under.side + 2, under.side + 2, 1)
    pen.text("d'", x + 8, y + 131, SKYBLUE)
    pen.text("hits", x + 24, y + 131, GOLD)
    curve(pen, history, x + 8, y + 145, 220, 41)


def laid(
    mode: str,
    ready: Ready | None,
    activity: HeadActivity | None,
    progress: Progress | None,
    weights: Weights | None = None,
) -> list[Cell]:
    """The cells where the panel draws them."""
    layers, heads = (ready.layers, ready.heads) if ready else (activity.layers, activity.heads) if activity else (0, 0)
    return cells(layers, heads, *values(mode, activity, progress, weights), mode, CORNER[0] + 8, CORNER[1] + 20)


def pointed(grid: Sequence[Cell], mouse: tuple[float, float] | None, chosen: int | None = None) -> Cell | None:
    """The cell under the mouse, else the chosen one."""
    under = next((cell for cell in grid if mouse and _inside(cell, mouse)), None)
    return under or (grid[chosen] if chosen is not None and chosen < len(grid) else None)


def small(pen: Pen, ready: Ready | None, activity: HeadActivity | None, history: Sequence[Progress]) -> None:
    """A small grid at the upper right while the player attends, with d' below it."""
    if ready is None:
        return
    progress = history[-1] if history else None
    activities, change = values("activity", activity, progress)
    pen.panel(*SMALL)
    draw_cells(pen, cells(ready.layers, ready.heads, activities, change, "activity", 552, 16, 72))
    pen.text("d'", 552, 94, DIM)
    pen.text_right(number(progress.d_prime if progress else None), 624, 94, PAPER)


def _inside(cell: Cell, mouse: tuple[float, float]) -> bool:
    return 0 <= mouse[0] - cell.x < cell.side + 1 and 0 <= mouse[1] - cell.y < cell.side + 1


def legend(change: Sequence[float]) -> str:
    """One line below the grid: which head has changed most, or how to read the cells."""
    if change and max(change) > 0:
        return "inner square: change since you came"
    return "no head has changed yet"


def reading(cell: Cell, activity: HeadActivity | None, change: Sequence[float]) -> str:
    """One head's numbers in words."""
    index = cell.layer * (activity.heads if activity else 0) + cell.head

    def at(series: Sequence[float]) -> str:
        return f"{series[index]:.3f}" if index < len(series) else "-"

    act, cue = (activity.activity, activity.cue) if activity else ((), ())
    return f"L{cell.layer}H{cell.head} act {at(act)} chg {at(change)} cue {at(cue)}"


def weighed(cell: Cell | None, index: int, weights: Weights | None, weighing: Weights | None) -> str:
    """The line below the grid in the mode `causal`: how far the measurement is, or what this head is worth."""
    if weighing is not None:
        return f"computing {weighing.done}/{weighing.of}"
    if weights is None:
        return "not yet measured"
    if not any(weights.insert) and not any(weights.remove):
        return "no gain yet that heads could share"
    if cell is None or index >= len(weights.insert):
        return "fill: alone  square: when missing"
    return f"L{cell.layer}H{cell.head} alone {weights.insert[index]:+.1%} missing {weights.remove[index]:+.1%}"
