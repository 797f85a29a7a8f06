"""The interface over the world: speech, hints, banners, pointing, the menu. All in layout px (640 x 360)."""

import math
from dataclasses import dataclass

from game.play.font import DIM, GLYPH_WIDTH, GOLD, LINE_HEIGHT, PAPER, SKYBLUE, Pen, wrap
from game.play.palette import Colour, mix
from game.play.words import HELP, article

WIDTH, HEIGHT = 640, 360
LETTERS_PER_S = 55.0
READING = 4.0  # s that a speech stays after it is told, and a share more per letter
MENU = ("Go on", "Full screen", "Leave")
POINTING = 7.0  # s that what a seer points at stays marked


@dataclass
class Speech:
    """Something said: it appears letter by letter and goes by itself. since: s, the game's clock."""

    who: str
    text: str
    since: float

    def told(self, now: float) -> str:
        """As much of the text as has been said."""
        return self.text[: int((now - self.since) * LETTERS_PER_S) + 1]

    def over(self, now: float) -> bool:
        """True when it has been read."""
        return now - self.since > READING + len(self.text) / LETTERS_PER_S + len(self.text) * 0.03


@dataclass(frozen=True)
class Pointed:
    """A place that was named: what the world says is there. until: s, the game's clock; x, y: px of the world."""

    x: int
    y: int
    answer: str
    until: float
    source: str


def speech(pen: Pen, said: Speech, now: float, hint: str = "") -> None:
    """The speech at the lower left."""
    lines = wrap(said.text, 48)
    told = len(said.told(now))
    top = HEIGHT - 22 - (len(lines) + bool(said.who)) * 13
    pen.panel(12, top, 308, HEIGHT - 10 - top)
    y = top + 4
    if said.who:
        pen.text(said.who, 20, y, GOLD)
        y += 14
    if hint:
        pen.text_right(hint, 312, top + 4, DIM)
    for line in lines:
        pen.text(line[: max(0, told)], 20, y)
        told -= len(line) + 1
        y += 13


def hints(pen: Pen, entries: list[tuple[str, str]]) -> None:
    """What keys do just now, at the lower right: (key, what it does)."""
    x = WIDTH - 12
    for key, does in reversed(entries):
        label = f"[{key}] {does}"
        x -= len(label) * GLYPH_WIDTH
        pen.text(f"[{key}]", x, HEIGHT - 20, GOLD)
        pen.text(does, x + (len(key) + 3) * GLYPH_WIDTH, HEIGHT - 20, PAPER)
        x -= 12


def banner(pen: Pen, text: str, seconds: float, colour: Colour = SKYBLUE) -> None:
    """A line at the top, with three dots that come and go."""
    dots = "." * (1 + int(seconds * 2) % 3)
    width = (len(text) + 3) * GLYPH_WIDTH + 16
    pen.panel(WIDTH / 2 - width / 2, 8, width, 20)
    pen.text(text + dots, WIDTH / 2 - width / 2 + 8, 12, colour)


def notes(pen: Pen, lines: list[str]) -> None:
    """Short notes at the upper left."""
    for index, line in enumerate(lines):
        pen.text(line[:100], 12, 32 + LINE_HEIGHT * index, DIM)


def clock(pen: Pen, hour: float, phase: str, weather: str, shown: int) -> None:
    """Hour, weather and how many spirits were shown, at the upper left."""
    text = f"{int(hour):02d}:{int(hour % 1 * 60):02d} {phase}, {weather}"
    pen.text(text, 12, 8, PAPER)
    if shown:
        pen.text(f"shown {shown}", 12, 20, DIM)


def pointed(pen: Pen, spot: Pointed, camera: tuple[int, int], now: float) -> None:
    """A ring and a label where somebody points; an arrow at the edge when it lies outside."""
    x, y = spot.x - camera[0], spot.y - camera[1]
    fresh = min(1.0, max(0.0, spot.until - now))
    empty = spot.answer == "nothing"
    colour = mix((30, 32, 60), DIM if empty else GOLD, fresh)
    inside = 8 < x < WIDTH - 8 and 20 < y < HEIGHT - 8
    if not inside:
        _edge_arrow(pen, x, y, colour)
        return
    reach = (10 if empty else 19) + 1.5 * math.sin(now * 5)
    count = 14 if empty else 28
    for dot in range(count):
        angle = math.tau * dot / count + (0 if empty else now * 0.8)
        pen.fill(colour, x + reach * math.cos(angle), y - 2 + 0.5 * reach * math.sin(angle), 1 if empty else 1.5, 1)
    label = "nothing here" if empty else article(spot.answer)
    width = len(label) * GLYPH_WIDTH
    left = min(max(4, x - width // 2), WIDTH - width - 4)
    pen.text(label, left, y - (18 if empty else 44), colour)
    if not empty:
        tip = y - 30 + 2 * math.sin(now * 5)
        for row in range(4):
            pen.fill(colour, x - 3 + row, tip + row, 7 - 2 * row, 1)


def _edge_arrow(pen: Pen, x: float, y: float, colour: Colour) -> None:
    edge_x, edge_y = min(max(10, x), WIDTH - 10), min(max(24, y), HEIGHT - 30)
    angle = math.atan2(y - edge_y, x - edge_x)
    for back in range(5):
        for side in (-1, 1):
            px = edge_x - back * math.cos(angle) - side * back * 0.7 * math.sin(angle)
            py = edge_y - back * math.sin(angle) + side * back * 0.7 * math.cos(angle)
            pen.fill(colour, px, py, 1.5, 1.5)


def menu(pen: Pen, chosen: int, seed: int) -> None:
    """The pause menu."""
    pen.panel(190, 50, 260, 246)
    pen.text_centre("Second Sight", 320, 58, SKYBLUE)
    pen.text_centre(f"journey {seed}", 320, 72, DIM)
    for index, entry in enumerate(MENU):
        colour = GOLD if index == chosen else PAPER
        pen.text_centre(f"> {entry} <" if index == chosen else entry, 320, 94 + 15 * index, colour)
    for index, line in enumerate(HELP):
        pen.text(line, 204, 150 + 14 * index, DIM)
    pen.text_centre("arrows choose, Enter takes, Esc goes on", 320, 276, DIM)
