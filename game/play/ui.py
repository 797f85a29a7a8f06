"""The interface over the world: speech, hints, banners, pointing, the menu. All in layout px (640 x 360)."""

import math
import re
from dataclasses import dataclass

from game.play.firsts import Sighting
from game.play.font import DIM, GLYPH_WIDTH, GOLD, LINE_HEIGHT, PAPER, SKYBLUE, Pen, wrap
from game.play.palette import Colour, mix
from game.play.words import HELP, article
from game.realm.world import World

WIDTH, HEIGHT = 640, 360
SPEECH_RIGHT = 320  # where the box of a speech ends
GUIDE_TOP, NOTES_TOP = 34, 36
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
    """What keys do just now, at the lower right: (key, what it does); a second row above if speech is in the way."""
    x, y = WIDTH - 12, HEIGHT - 20
    for key, does in reversed(entries):
        label = f"[{key}] {does}"
        x -= len(label) * GLYPH_WIDTH
        if x < SPEECH_RIGHT + 6:
            x, y = WIDTH - 12 - len(label) * GLYPH_WIDTH, y - LINE_HEIGHT
        keyed(pen, label, x, y)
        x -= 12


def keyed(pen: Pen, text: str, x: float, y: float) -> None:
    """A line whose [keys] are golden."""
    for index, part in enumerate(re.split(r"(\[[^]]*])", text)):
        pen.text(part, x, y, GOLD if index % 2 else PAPER)
        x += len(part) * GLYPH_WIDTH


def guide(pen: Pen, text: str) -> None:
    """What to do next, at the top."""
    if text:
        width = len(text) * GLYPH_WIDTH + 16
        pen.panel(WIDTH / 2 - width / 2, GUIDE_TOP, width, 20)
        keyed(pen, text, WIDTH / 2 - width / 2 + 8, GUIDE_TOP + 4)


def first_sight(pen: Pen, species: str, kind: str, key: str) -> None:
    """The moment the game is about."""
    line = f"{article(species).capitalize()} by the {kind}. Walk up and [{key}] touch it to be sure."
    width = len(line) * GLYPH_WIDTH + 20
    pen.panel(WIDTH / 2 - width / 2, GUIDE_TOP, width, 36)
    pen.text_centre("You see it. Nobody pointed.", WIDTH / 2, GUIDE_TOP + 5, GOLD)
    keyed(pen, line, WIDTH / 2 - len(line) * GLYPH_WIDTH // 2, GUIDE_TOP + 19)


def sighted(pen: Pen, x: float, y: float, seen: Sighting, now: float) -> None:
    """A ring that closes around what one sees unaided, and its name; x, y: its foot."""
    fresh = min(1.0, max(0.0, seen.until - now))
    colour = mix((30, 32, 60), SKYBLUE, fresh)
    reach = 20 + (14 if seen.first else 5) * (0.5 + 0.5 * math.sin(now * 4))
    for dot in range(24):
        angle = math.tau * dot / 24 - now * 0.6
        pen.fill(colour, x + reach * math.cos(angle), y - 12 + 0.7 * reach * math.sin(angle), 1.5, 1)
    if fresh > 0.5:
        _label(pen, article(seen.species), x, y + 8, SKYBLUE)


def whisper(pen: Pen, x: float, y: float, text: str) -> None:
    """What the senses tell, in small words below a place; x, y: its foot."""
    _label(pen, text, x, y + 6, DIM)


def _label(pen: Pen, text: str, x: float, y: float, colour: Colour) -> None:
    """Words centred on x, kept inside the picture."""
    width = len(text) * GLYPH_WIDTH
    pen.text(text, min(max(4, x - width // 2), WIDTH - width - 4), min(max(4, y), HEIGHT - 34), colour)


def banner(pen: Pen, text: str, seconds: float, colour: Colour = SKYBLUE, wide: bool = True) -> None:
    """A line at the top, with three dots that come and go; wide: nothing is open on the right."""
    dots = "." * (1 + int(seconds * 2) % 3)
    width = (len(text) + 3) * GLYPH_WIDTH + 16
    left, top = (WIDTH / 2 - width / 2, 8) if wide else (12, 84)
    pen.panel(left, top, width, 20)
    pen.text(text + dots, left + 8, top + 4, colour)


def notes(pen: Pen, lines: list[str], columns: int = 100) -> None:
    """Short notes at the upper left, each in a line or two."""
    rows = [row for line in lines for row in wrap(line, columns)[:2]]
    for index, row in enumerate(rows[-4:]):
        pen.text(row[:columns], 12, NOTES_TOP + LINE_HEIGHT * index, DIM)


def clock(pen: Pen, world: World, shown: int, found: int) -> None:
    """Hour and weather at the upper left, how many spirits were shown, and found unaided (proven by a touch)."""
    text = f"{int(world.hour):02d}:{int(world.hour % 1 * 60):02d} {world.phase}, {world.weather}"
    pen.text(text, 12, 8, PAPER)
    if shown or found:
        pen.text(f"shown {shown}" + f"   found {found}" * bool(found), 12, 20, GOLD if found else DIM)


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
    if fresh < 0.5:
        return
    label = "nobody" if empty else article(spot.answer)
    width = len(label) * GLYPH_WIDTH
    left = min(max(4, x - width // 2), WIDTH - width - 4)
    pen.text(label, left, y - (18 if empty else 44), DIM if empty else GOLD)
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
