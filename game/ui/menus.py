"""Menus: a column of entries, chosen with keys, a pad or the mouse. In layout px; larger text makes rows taller."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from game.ui.font import DIM, GOLD, PAPER, SKYBLUE, Pen, wrap
from game.ui.overlays import HEIGHT, WIDTH
from game.ui.screen_stack import Close, Screen

Answer = Screen | Close | None
BAR = (40, 44, 92)
FAINT = (92, 96, 138)
PIP = (70, 74, 120)


@dataclass(frozen=True)
class Entry:
    """One row. take: what Enter does; step: what left and right do (-1, 1); value: what stands at the right;
    level: (n, of) is drawn as a row of pips instead; note: told below while it is chosen; open: may be taken.
    """

    label: str
    take: Callable[[], Answer] | None = None
    step: Callable[[int], None] | None = None
    value: Callable[[], str] | None = None
    level: Callable[[], tuple[int, int]] | None = None
    note: str | Callable[[], str] = ""
    open: bool = True


class Menu:
    """A screen of entries. zoom: of the text, read each time it is painted; back: what Esc answers (CLOSE by
    default).
    """

    pauses = True

    def __init__(
        self,
        title: str,
        entries: Sequence[Entry] | Callable[[], Sequence[Entry]],
        zoom: Callable[[], float] = lambda: 1.0,
        width: int = 250,
        lines: Sequence[str] = (),
        back: Callable[[], Answer] = Close,
        foot: Callable[[], str] = lambda: "",
        cue: Callable[[str], None] = lambda name: None,
    ) -> None:
        self.title, self.zoom, self.width, self.lines = title, zoom, width, lines
        self._entries, self._back, self._foot, self._cue = entries, back, foot, cue
        self.chosen = 0
        self._first = 0  # the first row that is shown
        self._rows: list[tuple[int, float, float, float, float]] = []  # (entry, x, y, width, height) as painted last

    @property
    def entries(self) -> Sequence[Entry]:
        """The rows as they are now."""
        return self._entries() if callable(self._entries) else self._entries

    def take(self, command: str) -> Answer:
        """Moves, turns or takes."""
        entries = self.entries
        self.chosen = min(self.chosen, max(0, len(entries) - 1))
        if command == "back":
            self._cue("back")
            return self._back()
        if not entries:
            return None
        entry = entries[self.chosen]
        if command in ("up", "down"):
            self.chosen = (self.chosen + (1 if command == "down" else -1)) % len(entries)
            self._cue("move")
        elif command in ("left", "right") and entry.step is not None:
            entry.step(1 if command == "right" else -1)
            self._cue("move")
        elif command == "enter" and entry.open:
            self._cue("take")
            if entry.take is not None:
                return entry.take()
            if entry.step is not None:
                entry.step(1)
        return None

    def advance(self, dt: float) -> None:
        """Nothing moves by itself."""

    def point(self, x: float, y: float) -> bool:
        """The mouse is at a point (layout px): chooses the row there; True if there is one."""
        for index, left, top, width, height in self._rows:
            if left <= x < left + width and top <= y < top + height:
                self.chosen = index
                return True
        return False

    def paint(self, pen: Pen, seconds: float) -> None:
        """A sheet in the middle: title, rows, and what the chosen one means."""
        entries, big = self.entries, pen.sized(self.zoom())
        self.chosen = min(self.chosen, max(0, len(entries) - 1))
        row = big.line + 4
        width = min(WIDTH - 24, round(self.width * big.letter / 6))
        heading = [part for line in self.lines for part in wrap(line, big.columns(width - 24))]
        head = 12 + big.line + len(heading) * big.line + (4 if heading else 0)
        note = self._note(entries, big, width)
        foot = 8 + (len(note) * big.line + 4 if note else 0)
        fits = max(1, int((HEIGHT - 16 - head - foot) // row))
        visible = min(fits, len(entries))
        height = head + visible * row + foot
        left, top = WIDTH / 2 - width / 2, max(8, HEIGHT / 2 - height / 2)
        pen.panel(left, top, width, round(height))
        big.text_centre(self.title, WIDTH / 2, top + 7, SKYBLUE)
        for index, line in enumerate(heading):
            big.text_centre(line, WIDTH / 2, top + 9 + big.line * (index + 1), DIM)
        self._first = max(min(self._first, self.chosen, len(entries) - visible), self.chosen - visible + 1, 0)
        self._rows = []
        for place, index in enumerate(range(self._first, self._first + visible)):
            y = top + head + place * row
            self._rows.append((index, left + 6, y, width - 12, row))
            paint_row(big, entries[index], index == self.chosen, (left + 6, y, width - 12, row), seconds)
        more(pen, (left + width - 11, top + head, visible * row), self._first, visible, len(entries))
        for index, line in enumerate(note):
            big.text_centre(line, WIDTH / 2, top + head + visible * row + 5 + big.line * index, DIM)

    def _note(self, entries: Sequence[Entry], pen: Pen, width: int) -> list[str]:
        said = self._foot()
        if not said and entries:
            note = entries[self.chosen].note
            said = note() if callable(note) else note
        room = any(entry.note for entry in entries) or bool(said)
        lines = wrap(said, pen.columns(width - 20)) if said else []
        return lines + [""] * (2 - len(lines)) if room else lines


def paint_row(pen: Pen, entry: Entry, chosen: bool, box: tuple[float, float, float, float], seconds: float) -> None:
    """One row in its box (x, y, width, height)."""
    x, y, width, height = box
    if chosen:
        pen.fill(BAR, x, y, width, height - 1)
        marker(pen, x + 5, y + height / 2 - 1, seconds)
    colour = GOLD if chosen else PAPER
    colour = colour if entry.open else FAINT
    side = entry.value is not None or entry.level is not None
    if side:
        pen.text(entry.label, x + 14, y + 1, colour)
    else:
        pen.text_centre(entry.label, x + width / 2, y + 1, colour)
    right = x + width - 12
    if entry.value is not None:
        value = entry.value()
        arrows = chosen and entry.step is not None
        edge = min(right - 6 + 2 * pen.letter, x + width - 3) if arrows else right - 6
        pen.text_right(f"< {value} >" if arrows else value, edge, y + 1, colour)
    if entry.level is not None:
        count, of = entry.level()
        for index in range(of):
            lit = index < count
            high = height - 9 if lit else 3
            pen.fill(colour if lit else PIP, right - 6 * (of - index), y + (height - 1 - high) / 2, 4, high)


def marker(pen: Pen, x: float, y: float, seconds: float) -> None:
    """A small flame beside what is chosen."""
    for back in range(4):
        reach = 1.5 - 0.4 * back
        sway = 0.7 * math.sin(seconds * 4 + back)
        colour = ((255, 214, 130), (250, 180, 100), (220, 130, 90), (150, 90, 90))[back]
        pen.fill(colour, x + sway * back / 3 - reach, y + 2 - 2.2 * back, 2 * reach, 2.2)


def more(pen: Pen, box: tuple[float, float, float], first: int, visible: int, of: int) -> None:
    """A bar at the right that shows which part of a long list is visible; box: (x, y, height)."""
    if visible >= of:
        return
    x, y, height = box
    pen.fill(PIP, x, y, 1, height)
    pen.fill(GOLD, x - 1, y + height * first / of, 3, max(4, height * visible / of))
