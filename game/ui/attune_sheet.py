"""The sheet on which heads are chosen that practise alone: what each looks at, what it brought, and what a choice does.

What is said of a head was measured of it. What is said of choices was measured, too: docs/logs/attune.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from game.art.pixels.palette import Colour
from game.ui import heads_grid
from game.ui.font import DIM, GOLD, PAPER, SKYBLUE, Pen, wrap
from game.ui.heads_plain import CORNER, UNLIT, Look, left
from game.ui.overlays import HEIGHT, keyed
from perception.messages import Progress, Ready, RestorePoint, Weights

MOST = 8  # heads that may be chosen
GRID = 96  # layout px: side of the grid
NARROW = 22  # layout px of a line from which on the grid is smaller
HOLLOW: Colour = (16, 16, 38)
FULL = f"{MOST} at most. Let one rest first."
ADVICE = (
    "All heads learn best. Eight that brought much learn nearly as well, and the change lies in them alone. Eight that "
    "brought nothing cost you evenings."
)


@dataclass(frozen=True)
class Choice:
    """What is chosen just now. heads: indices, none for all; at: the head that is pointed at; said: a line of the
    moment."""

    heads: tuple[int, ...] = ()
    at: int = 0
    said: str = ""

    def toggled(self) -> "Choice":
        """The head that is pointed at practises, or rests again."""
        if self.at in self.heads:
            return Choice(tuple(head for head in self.heads if head != self.at), self.at)
        if len(self.heads) >= MOST:
            return Choice(self.heads, self.at, FULL)
        return Choice(tuple(sorted((*self.heads, self.at))), self.at)


def attuned(progress: Progress | None) -> tuple[int, ...]:
    """The heads that practise alone, by index; none if all do."""
    return progress.attuned if progress is not None else ()


def chooses(ready: Ready | None, points: Sequence[RestorePoint], heads: Sequence[int]) -> bool:
    """Whether heads can be chosen: the mind takes a choice, and has dreamt. points: its rests, the day it came too."""
    return ready is not None and ready.attunes and (len(points) > 1 or bool(heads))


def who(heads: Sequence[int]) -> str:
    """Who practises, in a few words."""
    if not heads:
        return "all practise"
    return f"{len(heads)} practise" if len(heads) > 1 else "one practises"


def looks(seen: Look | None) -> str:
    """What the head that is pointed at looks at."""
    if seen is None:
        return "It looks at none of the places you ask about."
    reads = f" and reads {seen.trace}" if seen.trace else ""
    return f"It looks at the {seen.kind}{reads}."


def brought(head: int, weights: Weights | None, weighing: Weights | None) -> str:
    """What a head brought alone of what was learned."""
    if weights is None or head >= len(weights.insert):
        return f"Weighing: {weighing.done} of {weighing.of}." if weighing is not None else "Not weighed yet."
    share = round(100 * weights.insert[head])
    if not any(weights.insert):
        return "Nothing was learned that heads could share."
    return f"Alone it brings {share} in 100 of what you learned." if share > 0 else "Alone it brings nothing."


@dataclass(frozen=True)
class Measured:
    """What the mind told of its heads. seen: what the one that is pointed at looks at; weights: what each brought;
    weighing: how far the next measurement is."""

    ready: Ready | None = None
    seen: Look | None = None
    weights: Weights | None = None
    weighing: Weights | None = None


def rows(pen: Pen, choice: Choice, told_by: Measured, room: float) -> list[tuple[str, Colour]]:
    """The lines below the grid, with their colours; the advice is left out where it has no room (layout px)."""
    columns = pen.columns(632 - left(pen) - 16)
    texts = [(looks(told_by.seen), PAPER), (brought(choice.at, told_by.weights, told_by.weighing), PAPER)]
    texts += [(choice.said, GOLD)] if choice.said else []
    said = [(row, colour) for text, colour in texts for row in wrap(text, columns)]
    advice = [(row, DIM) for row in wrap(ADVICE, columns)]
    return said + (advice if not choice.said and (len(said) + len(advice)) * pen.line <= room else [])


def panel(pen: Pen, choice: Choice, told_by: Measured, keys: Sequence[str]) -> None:
    """The sheet at the upper right, as wide as the heads in plain words. keys: lines on what keys do."""
    x, y = left(pen), float(CORNER[1])
    side = GRID if pen.line < NARROW else GRID * 2 // 3
    fixed = 26 + side + (2 + len(keys)) * pen.line
    said = rows(pen, choice, told_by, HEIGHT - y - fixed - 8)
    pen.panel(x, y, round(632 - x), round(fixed + len(said) * pen.line))
    pen.text("Who practises?", x + 8, y + 4, SKYBLUE)
    pen.text(who(choice.heads), x + 8, y + 4 + pen.line, GOLD if choice.heads else PAPER)
    y += 6 + 2 * pen.line
    _grid(pen, choice, told_by, round(x + 8), round(y), side)
    for row, text in enumerate(("bright:", "brought", "much")):
        pen.text(text, x + side + 16, y + row * pen.line, DIM if row else heads_grid.LIT["causal"])
    y += side + 6
    for text, colour in said:
        pen.text(text, x + 8, y, colour)
        y += pen.line
    for text in keys:
        keyed(pen, text, x + 8, y + 2)
        y += pen.line


def _grid(pen: Pen, choice: Choice, told_by: Measured, x: int, y: int, side: int) -> None:
    """The heads: bright ones brought much, chosen ones have a golden rim, resting ones are hollow."""
    ready, worth = told_by.ready, told_by.weights.insert if told_by.weights is not None else ()
    layers, heads = (ready.layers, ready.heads) if ready is not None else (0, 0)
    for cell in heads_grid.cells(layers, heads, worth, (), "causal", x, y, side):
        index = cell.layer * heads + cell.head
        pen.fill(cell.fill if worth else UNLIT, cell.x, cell.y, cell.side, cell.side)
        if choice.heads and index not in choice.heads:
            pen.fill(HOLLOW, cell.x + 2, cell.y + 2, cell.side - 4, cell.side - 4)
        elif choice.heads:
            pen.frame(GOLD, cell.x, cell.y, cell.side, cell.side, 1)
        if index == choice.at:
            pen.frame(PAPER, cell.x - 1, cell.y - 1, cell.side + 2, cell.side + 2, 1)
