"""Which key and which button does what: a table that the player can change. Two commands in conflict trade places."""

from dataclasses import replace

import pygame as pg

from game.app.app_context import AppContext
from game.app.bindings import TITLES
from game.app.keyboard import place_of
from game.app.pad import PAD_LABELS
from game.app.settings import Settings, rebind
from game.ui.font import DIM, GOLD, PAPER, SKYBLUE, Pen
from game.ui.menus import BAR, FAINT, marker, more
from game.ui.overlays import HEIGHT, WIDTH
from game.ui.screen_stack import CLOSE, Close, Screen

COLUMNS = (("keys", 0, "Key"), ("keys", 1, "Or"), ("pad", 0, "Pad"))
RESET = "Back to how it was at first"
PATIENCE = 8.0  # s that a key is waited for


class Controls:
    """The table: a row per command, a column per slot."""

    pauses = True

    def __init__(self, context: AppContext) -> None:
        self.context = context
        self.row = self.column = 0
        self.waiting = 0.0  # s that a new key is still waited for
        self.said = ""
        self._first = 0
        self._rows = [*TITLES, RESET]
        self._cells: list[tuple[int, float, float, list[tuple[int, float, float]]]] = []  # as painted last

    def take(self, command: str) -> Screen | Close | None:
        """Moves over the table; Enter waits for a new key, erase clears."""
        if command == "back":
            return CLOSE
        if command in ("up", "down"):
            self.row = (self.row + (1 if command == "down" else -1)) % len(self._rows)
        elif command in ("left", "right"):
            self.column = (self.column + (1 if command == "right" else -1)) % len(COLUMNS)
        elif command in ("previous", "next"):
            self.row = min(len(self._rows) - 1, max(0, self.row + (6 if command == "next" else -6)))
        elif command == "enter" and self._rows[self.row] == RESET:
            fresh = Settings()
            self.context.choose(replace(self.context.settings, keys=fresh.keys, pad=fresh.pad))
            self.said = "Everything is as it was at first"
        elif command == "enter":
            self.waiting, self.said = PATIENCE, ""
        elif command == "erase" and self._rows[self.row] != RESET:
            self._bind("")
        return None

    def closed(self) -> None:
        """What was bound is kept."""
        self.context.keep()

    def advance(self, dt: float) -> None:
        """A new key isn't waited for forever."""
        self.waiting = max(0.0, self.waiting - dt)

    def grab(self, event: pg.Event) -> bool:
        """While waiting, the next key is the new one, or the next button in the pad's column. Esc cancels."""
        if not self.waiting:
            return False
        table = COLUMNS[self.column][0]
        if event.type == pg.KEYDOWN:
            name = place_of(event)
            if name == "escape":
                self.waiting = 0.0
            elif table == "keys":
                self._bind(name) if name else self._unknown()
            return True
        pressed = [name for name, on in self.context.keys.pads.take(event) if on and not name.startswith("stick")]
        if pressed and table == "pad":
            self._bind(pressed[0])
        return bool(pressed)

    def _unknown(self) -> None:
        self.said, self.waiting = "That key has no name here; take another", 0.0

    def _bind(self, name: str) -> None:
        table, slot, _ = COLUMNS[self.column]
        settings, self.said = rebind(self.context.settings, table, self._rows[self.row], slot, name)
        self.waiting = 0.0
        if settings is not self.context.settings:
            self.context.choose(settings)

    def point(self, x: float, y: float) -> bool:
        """The mouse is at a point (layout px): chooses the cell there; True if there is one. Not while a key is
        waited for: it is meant for the cell that was chosen."""
        if self.waiting:
            return False
        for index, top, height, columns in self._cells:
            for column, left, width in columns:
                if left <= x < left + width and top <= y < top + height:
                    self.row, self.column = index, column
                    return True
        return False

    def paint(self, pen: Pen, seconds: float) -> None:
        """The table on a sheet."""
        big = pen.sized(self.context.zoom())
        row, width = big.line + 3, min(WIDTH - 16, round(470 * (1 + 0.35 * (big.letter / 6 - 1))))
        left, top = WIDTH / 2 - width / 2, 8
        head, foot = 2 * big.line + 14, big.line + 10
        visible = min(len(self._rows), int((HEIGHT - 16 - head - foot) // row))
        pen.panel(left, top, width, HEIGHT - 16)
        big.text_centre("Keys and pad", WIDTH / 2, top + 6, SKYBLUE)
        across = [left + width * part for part in (0.44, 0.62, 0.80)]
        cell = width * 0.18
        for x, (_, _, title) in zip(across, COLUMNS, strict=True):
            big.text_centre(title[: big.columns(cell)], x + cell / 2, top + 8 + big.line, DIM)
        self._first = max(min(self._first, self.row, len(self._rows) - visible), self.row - visible + 1, 0)
        self._cells = []
        for place, index in enumerate(range(self._first, self._first + visible)):
            y = top + head + place * row
            self._cells.append((index, y, row, [(column, x, cell) for column, x in enumerate(across)]))
            self._row(big, index, (left + 6, y, width - 12, row), across, cell, seconds)
        more(pen, (left + width - 7, top + head, visible * row), self._first, visible, len(self._rows))
        big.text_centre(self._foot()[: big.columns(width - 12)], WIDTH / 2, HEIGHT - 8 - foot + 3, DIM)

    def _row(
        self,
        pen: Pen,
        index: int,
        box: tuple[float, float, float, float],
        across: list[float],
        cell: float,
        seconds: float,
    ) -> None:
        x, y, width, height = box
        command, chosen = self._rows[index], index == self.row
        if chosen:
            pen.fill(BAR, x, y, width, height - 1)
            marker(pen, x + 5, y + height / 2 - 1, seconds)
        if command == RESET:
            pen.text(RESET, x + 14, y + 1, GOLD if chosen else PAPER)
            return
        room = pen.columns(across[0] - x - 16)
        pen.text(TITLES[command][:room], x + 14, y + 1, GOLD if chosen else PAPER)
        for column, left in enumerate(across):
            here = chosen and column == self.column
            label = "press..." if here and self.waiting else self._label(command, column)
            if here:
                pen.frame(GOLD, left + 1, y, cell - 2, height - 1)
            colour = GOLD if here else FAINT if label == "-" else PAPER
            pen.text_centre(label[: pen.columns(cell)], left + cell / 2, y + 1, colour)

    def _label(self, command: str, column: int) -> str:
        table, slot, _ = COLUMNS[column]
        names = getattr(self.context.settings, table).get(command, ())
        if slot >= len(names):
            return "-"
        return (
            self.context.keys.layout.label(names[slot])
            if table == "keys"
            else PAD_LABELS[self.context.keys.pads.style][names[slot]]
        )

    def _foot(self) -> str:
        if self.waiting:
            what = "button" if COLUMNS[self.column][0] == "pad" else "key"
            return f"Press the new {what} ({self.waiting:.0f} s). Esc leaves it as it is."
        labels = self.context.labels
        return self.said or f"[{labels['enter']}] change   [{labels['erase']}] clear   [{labels['back']}] back"
