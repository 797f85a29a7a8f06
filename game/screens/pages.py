"""Small screens: a page of text, and the box that a seed is entered in, with keys or with a pad."""

import math
from collections.abc import Callable, Sequence

import pygame as pg

from game.app.app_context import AppContext
from game.app.keyboard import KEY_OF, place_of
from game.ui.font import DIM, GOLD, PAPER, SKYBLUE, Pen, wrap
from game.ui.menus import more
from game.ui.overlays import HEIGHT, WIDTH
from game.ui.screen_stack import CLOSE, Close, Screen

DIGITS = 6
DECIMALS = tuple("0123456789")


class Page:
    """Lines on a sheet, scrolled where they don't fit; Esc or Enter closes."""

    pauses = True

    def __init__(self, context: AppContext, title: str, lines: Sequence[str], width: int = 400) -> None:
        self.context, self.title, self.lines, self.width = context, title, lines, width
        self._first = 0

    def take(self, command: str) -> Screen | Close | None:
        """Scrolls, or closes."""
        if command in ("back", "enter"):
            return CLOSE
        self._first += {"down": 1, "next": 6, "up": -1, "previous": -6}.get(command, 0)
        return None

    def advance(self, dt: float) -> None:
        """Nothing moves by itself."""

    def paint(self, pen: Pen, seconds: float) -> None:
        """The sheet."""
        big = pen.sized(self.context.zoom())
        width = min(WIDTH - 24, round(self.width * big.letter / 6))
        lines = [part for line in self.lines for part in wrap(line, big.columns(width - 28))]
        head = big.line + 14
        visible = min(len(lines), int((HEIGHT - 24 - head) // big.line))
        self._first = max(0, min(self._first, len(lines) - visible))
        height = round(head + visible * big.line + 8)
        left, top = WIDTH / 2 - width / 2, HEIGHT / 2 - height / 2
        pen.panel(left, top, width, height)
        big.text_centre(self.title, WIDTH / 2, top + 7, SKYBLUE)
        for index, line in enumerate(lines[self._first : self._first + visible]):
            big.text_centre(line, WIDTH / 2, top + head + index * big.line, PAPER)
        more(pen, (left + width - 9, top + head, visible * big.line), self._first, visible, len(lines))


class SeedBox:
    """A new journey: Enter begins it in any realm. Behind a key lie the six digits that name the realm; they are typed,
    or turned one by one. begin: what Enter does with the seed; shown: the digits are.
    """

    pauses = True

    def __init__(self, context: AppContext, slot: int, roll: Callable[[], int], begin: Callable[[int], Close]) -> None:
        self.context, self.slot = context, slot
        self._roll, self._begin = roll, begin
        self.digits = self._of(roll())
        self.place = 0
        self.shown = False

    @staticmethod
    def _of(seed: int) -> list[int]:
        return [int(mark) for mark in f"{seed % 10**DIGITS:0{DIGITS}d}"]

    @property
    def seed(self) -> int:
        """What the digits say."""
        return int("".join(map(str, self.digits)))

    def grab(self, event: pg.Event) -> bool:
        """Typed digits are taken as they come."""
        if event.type != pg.KEYDOWN:
            return False
        names = (KEY_OF.get(event.key, ""), place_of(event))  # a French keyboard has signs where digits lie
        digit = next((mark for mark in (name.removeprefix("kp_") for name in names) if mark in DECIMALS), None)
        if digit is None:
            return False
        self.shown = True
        self.digits[self.place] = int(digit)
        self.place = min(DIGITS - 1, self.place + 1)
        return True

    def take(self, command: str) -> Screen | Close | None:
        """Turns a digit, moves, rolls anew, begins."""
        if command == "back":
            return CLOSE
        if command == "enter":
            return self._begin(self.seed)
        if not self.shown:
            self.shown = command in ("previous", "next", "erase")
            if command == "erase":
                self.digits = [0] * DIGITS
            self.context.cue("move")
            return None
        if command in ("left", "right"):
            self.place = (self.place + (1 if command == "right" else -1)) % DIGITS
        elif command in ("up", "down"):
            self.digits[self.place] = (self.digits[self.place] + (1 if command == "up" else -1)) % 10
        elif command in ("previous", "next"):
            self.digits = self._of(self._roll())
        elif command == "erase":
            self.digits = [0] * DIGITS
        else:
            return None
        self.context.cue("move")
        return None

    def advance(self, dt: float) -> None:
        """Nothing moves by itself."""

    def paint(self, pen: Pen, seconds: float) -> None:
        """What Enter does; or the digits on a sheet, the chosen one lit."""
        big, tall = pen.sized(self.context.zoom()), pen.sized(2.0 * self.context.zoom())
        if not self.shown:
            self._plain(pen, big)
            return
        cell = tall.letter + 10
        labels = self.context.labels
        feet = [f"[{labels['next']}] another   [{labels['enter']}] begin   [{labels['back']}] back"]
        feet = [part for foot in feet for part in wrap(foot, big.columns(WIDTH - 60))]
        width = round(max(cell * DIGITS + 40, max(map(len, feet)) * big.letter + 30))
        height = round(2 * big.line + tall.line + 48 + len(feet) * big.line)
        left, top = WIDTH / 2 - width / 2, HEIGHT / 2 - height / 2
        pen.panel(left, top, width, height)
        big.text_centre("A new journey", WIDTH / 2, top + 8, SKYBLUE)
        big.text_centre("Which realm?", WIDTH / 2, top + 10 + big.line, DIM)
        y = top + 2 * big.line + 22
        for index, digit in enumerate(self.digits):
            x = WIDTH / 2 + (index - DIGITS / 2) * cell
            chosen = index == self.place
            pen.fill((24, 26, 58), x + 2, y - 3, cell - 4, tall.line + 6)
            if chosen:
                pen.frame(GOLD, x + 2, y - 3, cell - 4, tall.line + 6)
                rise = 1.5 * math.sin(seconds * 4)
                for step in range(3):
                    pen.fill(GOLD, x + cell / 2 - 3 + step, y - 7 - step - rise, 6 - 2 * step, 1)
                    pen.fill(GOLD, x + cell / 2 - 3 + step, y + tall.line + 6 + step + rise, 6 - 2 * step, 1)
            tall.text(str(digit), x + cell / 2 - tall.letter / 2 + 1, y, GOLD if chosen else PAPER)
        for index, foot in enumerate(feet):
            big.text_centre(foot, WIDTH / 2, top + height - 8 - big.line * (len(feet) - index), DIM)

    def _plain(self, pen: Pen, big: Pen) -> None:
        """The sheet before anybody asked for digits."""
        labels = self.context.labels
        texts = ["You come to a valley at dusk.", f"[{labels['enter']}] begin"]
        foot = f"[{labels['next']}] choose a realm by its number   [{labels['back']}] back"
        feet = wrap(foot, big.columns(WIDTH - 60))
        width = round(max(len(line) for line in (*texts, *feet)) * big.letter + 36)
        height = round((4 + len(feet)) * big.line + 30)
        left, top = WIDTH / 2 - width / 2, HEIGHT / 2 - height / 2
        pen.panel(left, top, width, height)
        big.text_centre("A new journey", WIDTH / 2, top + 8, SKYBLUE)
        big.text_centre(texts[0], WIDTH / 2, top + 14 + big.line, PAPER)
        big.text_centre(texts[1], WIDTH / 2, top + 20 + 2 * big.line, GOLD)
        for index, line in enumerate(feet):
            big.text_centre(line, WIDTH / 2, top + height - 8 - big.line * (len(feet) - index), DIM)
