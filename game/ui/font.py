"""Our own letters, and the pen that writes with them at the window's own resolution.

The pen draws in layout pixels (the 640x360 grid) and multiplies by its scale, so that text and frames stay sharp in
every window.
"""

from functools import lru_cache
from pathlib import Path

import pygame as pg

from game.art.pixels.palette import Colour

ASSETS = Path(__file__).resolve().parents[2] / "assets"
GLYPH_WIDTH = 6  # layout px from letter to letter
LINE_HEIGHT = 12  # layout px from line to line
INK_SHADOW = (10, 8, 24)
PAPER = (232, 232, 244)
DIM = (150, 156, 196)
GOLD = (250, 210, 130)
SKYBLUE = (150, 220, 255)


@lru_cache(maxsize=1)
def letters() -> dict[str, tuple[tuple[int, int], ...]]:
    """For each character, the (x, y) of its inked pixels in a 5x9 box."""
    shapes: dict[str, tuple[tuple[int, int], ...]] = {" ": ()}
    band: list[str] = []
    rows: list[list[str]] = []
    lines = (ASSETS / "font" / "six.txt").read_text(encoding="utf-8").splitlines()
    for line in [*lines, "="]:
        if line.startswith("="):
            for index, mark in enumerate(band):
                blocks = [row[index] for row in rows]
                inked = ((x, y) for y, block in enumerate(blocks) for x in range(5) if block[x] == "#")
                shapes[mark] = tuple(inked)
            band, rows = list(line[1:].strip()), []
        elif band:
            rows.append(line.split())
    return shapes


@lru_cache(maxsize=2048)
def glyph(mark: str, colour: Colour, scale: int, rim: bool = False) -> pg.Surface:
    """One letter with its drop shadow, or with a dark rim all round. The rim makes its box a dot larger on each side.
    An unknown character is drawn as '?'.
    """
    inked = letters().get(mark, letters()["?"])
    edge = 1 if rim else 0
    image = pg.Surface(((7 + edge) * scale, (10 + edge) * scale), pg.SRCALPHA)
    around = [(x, y) for x in range(3) for y in range(3)] if rim else [(1, 1)]
    for offsets, shade in ((around, INK_SHADOW), ([(edge, edge)], colour)):
        for left, top in offsets:
            for x, y in inked:
                image.fill(shade, ((x + left) * scale, (y + top) * scale, scale, scale))
    return image


def _pieces(word: str, columns: int) -> list[str]:
    return [word[at : at + columns] for at in range(0, len(word), columns)]


def wrap(text: str, columns: int) -> list[str]:
    """Lines of at most `columns` letters, broken between words; a longer word (a path) is broken where it must be."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in (part for whole in paragraph.split() for part in _pieces(whole, columns)):
            if line and len(line) + 1 + len(word) > columns:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}".strip()
        lines.append(line)
    return lines


@lru_cache(maxsize=64)
def _panel(width: int, height: int, scale: int) -> pg.Surface:
    """A framed dark sheet, in layout px times scale: two lines of frame and four gold nails."""
    image = pg.Surface((width, height), pg.SRCALPHA)
    image.fill((16, 16, 38, 222))
    pg.draw.rect(image, (110, 116, 170), (0, 0, width, height), 1)
    pg.draw.rect(image, (44, 46, 86), (1, 1, width - 2, height - 2), 1)
    for x, y in ((0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)):
        image.set_at((x, y), (0, 0, 0, 0))
    for x, y in ((2, 2), (width - 3, 2), (2, height - 3), (width - 3, height - 3)):
        image.set_at((x, y), (240, 206, 120))
    return pg.transform.scale(image, (width * scale, height * scale))


class Pen:
    """Draws interface onto a surface; all coordinates in layout px, origin at `corner` (surface px).

    zoom: how much larger than small the letters are; a dot of a letter is always whole surface px, so text stays crisp.
    rim: letters have a dark rim, for words that stand on the world itself.
    """

    def __init__(
        self,
        target: pg.Surface,
        scale: int = 1,
        corner: tuple[int, int] = (0, 0),
        zoom: float = 1.0,
        rim: bool = False,
    ) -> None:
        self.target = target
        self.scale = scale
        self.corner = corner
        self._zoom, self.rim = zoom, rim
        self.dot = max(1, int(scale * zoom + 0.5))  # surface px of a letter's dot

    def sized(self, zoom: float) -> "Pen":
        """The same sheet, with larger letters."""
        return Pen(self.target, self.scale, self.corner, zoom, self.rim)

    def rimmed(self) -> "Pen":
        """The same letters with a rim, to be read on any ground."""
        return Pen(self.target, self.scale, self.corner, self._zoom, True)

    @property
    def letter(self) -> float:
        """Layout px from letter to letter."""
        return GLYPH_WIDTH * self.dot / self.scale

    @property
    def line(self) -> float:
        """Layout px from line to line."""
        return LINE_HEIGHT * self.dot / self.scale

    def columns(self, width: float) -> int:
        """How many letters fit into a width in layout px."""
        return max(1, int(width / self.letter))

    def at(self, x: float, y: float) -> tuple[int, int]:
        """The surface px of a layout point."""
        return self.corner[0] + round(x * self.scale), self.corner[1] + round(y * self.scale)

    def box(self, x: float, y: float, width: float, height: float) -> pg.Rect:
        """The surface rectangle of a layout rectangle."""
        return pg.Rect(*self.at(x, y), round(width * self.scale), round(height * self.scale))

    def text(self, words: str, x: float, y: float, colour: Colour = PAPER) -> None:
        """One line, its cap line at y + 1."""
        left, top = self.at(x, y + 1)
        if self.rim:
            left, top = left - self.dot, top - self.dot
        step = GLYPH_WIDTH * self.dot
        stamps = [
            (glyph(mark, colour, self.dot, self.rim), (left + i * step, top))
            for i, mark in enumerate(words)
            if mark != " "
        ]
        self.target.fblits(stamps)

    def text_right(self, words: str, x: float, y: float, colour: Colour = PAPER) -> None:
        """One line that ends at x."""
        self.text(words, x - len(words) * self.letter + 1, y, colour)

    def text_centre(self, words: str, x: float, y: float, colour: Colour = PAPER) -> None:
        """One line centred on x."""
        self.text(words, x - len(words) * self.letter // 2, y, colour)

    def panel(self, x: float, y: float, width: int, height: int) -> None:
        """A framed sheet."""
        self.target.blit(_panel(width, height, self.scale), self.at(x, y))

    def fill(self, colour: Colour, x: float, y: float, width: float, height: float) -> None:
        """A filled rectangle."""
        self.target.fill(colour, self.box(x, y, width, height))

    def frame(self, colour: Colour, x: float, y: float, width: float, height: float, thick: float = 1) -> None:
        """An outlined rectangle."""
        pg.draw.rect(self.target, colour, self.box(x, y, width, height), max(1, round(thick * self.scale)))

    def lines(self, colour: Colour, points: list[tuple[float, float]]) -> None:
        """A line through points."""
        if len(points) > 1:
            pg.draw.lines(self.target, colour, False, [self.at(x, y) for x, y in points], self.scale)
