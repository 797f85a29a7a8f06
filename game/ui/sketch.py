"""A map of the realm as if drawn by hand: ink on paper. It shows what anybody knows: land, roads, houses, people."""

import math
from functools import lru_cache
from random import Random

import pygame as pg

from game.realm.land import Map
from game.realm.terrain import OUTDOORS, TILE, Ground
from game.ui.font import Pen, letters

PAPER_TONE = (226, 210, 172)
INK = (74, 54, 44)
FAINT_INK = (150, 124, 96)
WATER_INK = (92, 122, 140)
WOOD_INK = (104, 124, 84)
RED = (176, 60, 48)
SIZE = (400, 300)  # layout px: 2048 x 1536 px of the world
NAMES = {"village": "village", "forest": "forest", "shrine": "shrine"}


def spot(land: Map, x: float, y: float) -> tuple[float, float]:
    """Layout px on the sheet of a point of the open world."""
    return x * SIZE[0] / (land.width * TILE), y * SIZE[1] / (min(land.height, OUTDOORS) * TILE)


@lru_cache(maxsize=2)
def drawn(land: Map, scale: int) -> pg.Surface:
    """The sheet without anybody on it; SIZE times scale px."""
    image = pg.Surface((SIZE[0] * scale, SIZE[1] * scale)).convert()
    image.fill(PAPER_TONE)
    pen, rng = Pen(image, scale), Random(land.seed)
    for _ in range(500):  # the grain of the paper
        shade = rng.choice(((216, 198, 158), (234, 220, 186)))
        pen.fill(shade, rng.uniform(0, SIZE[0]), rng.uniform(0, SIZE[1]), rng.uniform(1, 5), 0.5)
    _woods(pen, land, rng)
    for side in (-1, 0, 1):
        _stroke(
            pen, land, [(x, y + side * land.river_half_width) for x, y in land.river], WATER_INK, rng, 2 - abs(side)
        )
    for road in land.roads:
        _stroke(pen, land, list(road), FAINT_INK, rng, 1)
    for decor in land.decor:
        _thing(pen, decor.kind, *spot(land, decor.x, decor.y))
    for place in land.places:
        if place.room < 0 and place.kind in ("torii", "bridge", "well"):
            _thing(pen, place.kind, *spot(land, place.x, place.y))
    _names(pen, land)
    pen.frame(INK, 3, 3, SIZE[0] - 6, SIZE[1] - 6, 0.5)
    return image


def _woods(pen: Pen, land: Map, rng: Random) -> None:
    """A tree here and there where there is moss or leaves."""
    for row in range(2, min(land.height, OUTDOORS) - 2, 3):
        for column in range(1, land.width - 1, 3):
            if land.ground[row * land.width + column] in (Ground.MOSS, Ground.LEAVES) and rng.random() < 0.5:
                x, y = spot(land, (column + rng.uniform(-1, 1)) * TILE, (row + rng.uniform(-1, 1)) * TILE)
                pen.lines(WOOD_INK, [(x - 2, y + 2), (x, y - 3), (x + 2, y + 2)])


def _stroke(
    pen: Pen, land: Map, points: list[tuple[int, int]], ink: tuple[int, int, int], rng: Random, times: int
) -> None:
    """A line by an unsteady hand."""
    for _ in range(times):
        shaky = [spot(land, x + rng.uniform(-7, 7), y + rng.uniform(-7, 7)) for x, y in points]
        pen.lines(ink, shaky)


def _thing(pen: Pen, kind: str, x: float, y: float) -> None:
    """A few strokes for a building or a landmark that one would draw."""
    if kind in ("house", "inn", "kura", "mill", "hut", "hall"):
        wide = 6 if kind in ("inn", "hall") else 4
        pen.fill(PAPER_TONE, x - wide, y - 5, 2 * wide, 5)
        pen.lines(INK, [(x - wide, y), (x - wide, y - 4), (x, y - 9), (x + wide, y - 4), (x + wide, y), (x - wide, y)])
        pen.lines(INK, [(x - wide, y - 4), (x + wide, y - 4)])
    elif kind == "torii":
        pen.lines(RED, [(x - 4, y - 6), (x + 4, y - 6)])
        pen.lines(RED, [(x - 3, y - 4), (x + 3, y - 4)])
        pen.lines(RED, [(x - 2, y - 6), (x - 2, y)])
        pen.lines(RED, [(x + 2, y - 6), (x + 2, y)])
    elif kind == "bridge":
        for step in range(-2, 3):
            pen.lines(INK, [(x - 3, y + 2 * step), (x + 3, y + 2 * step)])
    elif kind == "well":
        pen.frame(INK, x - 1.5, y - 2, 3, 3, 0.5)


def _names(pen: Pen, land: Map) -> None:
    """What the parts are called, each at its heart."""
    hearts = {"village": land.start, "shrine": land.shrine}
    woods = [place for place in land.places if place.region == "forest"]
    if woods:
        far = max(woods, key=lambda place: math.hypot(place.x - land.start[0], place.y - land.start[1]) - 0.2 * place.y)
        hearts["forest"] = far.x, far.y
    for region, (x, y) in hearts.items():
        left, top = spot(land, x, y)
        left = min(SIZE[0] - 40.0, max(40.0, left))
        _written(pen, NAMES[region], left, min(SIZE[1] - 22.0, top + 6))
    if land.river:
        left, top = spot(land, *land.river[len(land.river) // 4])
        _written(pen, "river", left, top - 18)


def _written(pen: Pen, word: str, x: float, y: float) -> None:
    left = x - len(word) * pen.letter / 2
    pen.fill(PAPER_TONE, left - 2, y, len(word) * pen.letter + 3, pen.line - 1)
    for index, mark in enumerate(word):
        _ink(pen, mark, left + index * pen.letter, y + (index % 2) * 0.5)


def _ink(pen: Pen, mark: str, x: float, y: float) -> None:
    """A letter without the shadow that letters on the screen have."""
    left, top = pen.at(x, y + 1)
    for column, row in letters().get(mark, ()):
        pen.target.fill(INK, (left + column * pen.dot, top + row * pen.dot, pen.dot, pen.dot))
