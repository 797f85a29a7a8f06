"""Decoration: ferns, mushrooms, reeds, lilies, flowers, bamboo grass.

It blocks nobody, no question asks about it, and it comes from a random stream of its own.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pygame as pg

from game.art.ground import shore
from game.art.pixels.drawing import empty, outlined
from game.art.pixels.palette import RAMPS, tone
from game.realm.land import Map
from game.realm.terrain import TILE, Ground

DARK = (14, 18, 34)
# kind -> (ground it grows on, chance per tile, how many variants)
GROWS = (
    ("fern", (Ground.MOSS, Ground.LEAVES), 0.09, 3),
    ("mushroom", (Ground.MOSS, Ground.LEAVES), 0.014, 3),
    ("blossom", (Ground.GRASS,), 0.035, 4),
    ("weed", (Ground.GRASS, Ground.MOSS), 0.05, 3),
    ("rush", (Ground.MARSH, Ground.MUD), 0.20, 3),
    ("petals", (Ground.STONE,), 0.10, 2),
)
SHORE = 0.30  # chance that a tile of water beside the bank holds reeds or lilies


def grow(land: Map) -> Iterator[tuple[str, int, int, int]]:
    """(kind, x, y, variant) of everything small on a map."""
    rng = np.random.default_rng((land.seed, 71))
    tiles = np.frombuffer(land.ground, np.uint8).reshape(land.height, land.width)
    walkable = np.frombuffer(land.walkable, np.uint8).reshape(land.height, land.width)
    luck, sort = rng.random(tiles.shape), rng.random(tiles.shape)
    dx, dy = rng.integers(2, TILE - 2, tiles.shape), rng.integers(4, TILE, tiles.shape)
    variant = rng.integers(0, 12, tiles.shape)
    soaked = shore.soaked(land)
    for place in land.places:  # nothing grows before a landmark, where tracks are seen
        column, row = place.x // TILE, place.y // TILE
        soaked[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2] = True
    start = 0.0
    for kind, grounds, chance, count in GROWS:
        on = np.isin(tiles, grounds) & (walkable > 0) & ~soaked & (luck >= start) & (luck < start + chance)
        start += chance
        for row, column in np.argwhere(on).tolist():
            yield (
                kind,
                column * TILE + int(dx[row, column]),
                row * TILE + int(dy[row, column]),
                int(variant[row, column]) % count,
            )
    water = tiles == Ground.WATER
    near = np.zeros(tiles.shape, bool)
    near[1:-1, 1:-1] = (tiles[2:, 1:-1] == Ground.MUD) | (tiles[:-2, 1:-1] == Ground.MUD)
    for row, column in np.argwhere(water & near & (luck < SHORE)).tolist():
        kind = "lily" if sort[row, column] < 0.45 else "rush"
        yield kind, column * TILE + 8, row * TILE + 10, int(variant[row, column]) % 3


def pictures() -> dict[str, list[pg.Surface]]:
    """Every kind -> its variants; feet at the bottom centre."""
    makers: tuple[tuple[str, Callable[[int], pg.Surface], int], ...] = (
        ("fern", _fern, 3),
        ("mushroom", _mushroom, 3),
        ("blossom", _blossom, 4),
        ("weed", _weed, 3),
        ("rush", _rush, 3),
        ("petals", _petals, 2),
        ("lily", _lily, 3),
        ("cattail", _rush, 4),
    )
    return {name: [make(variant) for variant in range(count)] for name, make, count in makers}


def _blades(image: pg.Surface, ramp: str, rng: np.random.Generator, count: int, reach: tuple[int, int]) -> None:
    """Blades of grass from the foot, leaning outwards."""
    width, height = image.get_size()
    for index in range(count):
        lean = (index + 0.5) / count * 2 - 1
        top = height - int(rng.integers(*reach))
        x0, x1 = width / 2 + lean * width * 0.16, width / 2 + lean * width * 0.46
        for y in range(top, height):
            part = (height - 1 - y) / max(1, height - 1 - top)
            x = x0 + (x1 - x0) * part**1.6
            step = 1 + int(3.6 * part + (0.8 if lean < 0 else 0))
            image.set_at((int(x), y), tone(ramp, step))


def _fern(seed: int) -> pg.Surface:
    rng = np.random.default_rng(seed + 300)
    image = empty(18, 10)
    for side in (-1, -0.5, 0.1, 0.6, 1):
        for step in range(9):
            x, y = 9 + side * step * 0.95, 9 - step * (1.05 - 0.45 * abs(side)) + (step / 9) ** 3 * 3
            colour = tone("moss", 2 + (step > 3) + (side < 0.2) - (rng.random() < 0.2))
            image.set_at((int(x), int(y)), colour)
            if step % 2 and step < 8:
                image.set_at((int(x), int(y) + 1), tone("moss", 2))
    return outlined(image, DARK)


def _mushroom(seed: int) -> pg.Surface:
    """Two or three round caps, the tallest behind."""
    image = empty(14, 10)
    cap = ((190, 72, 66), (204, 156, 100), (96, 170, 206))[seed]
    for x, y, half in ((7, 2, 4), (3, 5, 2), (11, 6, 2)):
        pg.draw.line(image, (150, 134, 126), (x + 1, y + 2), (x + 1, 9))
        pg.draw.line(image, (224, 212, 194), (x, y + 2), (x, 9))
        pg.draw.ellipse(image, tuple(c * 5 // 8 for c in cap), (x - half, y - 1, 2 * half + 1, 5))
        pg.draw.ellipse(image, cap, (x - half, y - 1, 2 * half + 1, 4))
        image.set_at((x - 1, y), (250, 240, 226))
        if half > 2:
            image.set_at((x + 2, y + 1), (250, 240, 226))
    return image


def _blossom(seed: int) -> pg.Surface:
    rng = np.random.default_rng(seed + 40)
    image = empty(16, 11)
    _blades(image, "grass", rng, 7, (4, 8))
    petal = ((232, 150, 190), (250, 214, 120), (170, 176, 246), (244, 240, 250))[seed]
    for x, y in ((4, 4), (8, 2), (12, 5)):
        pg.draw.line(image, tone("grass", 2), (x, y), (8, 10))
        for px, py in ((x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)):
            image.set_at((px, py), petal)
        image.set_at((x, y), tone("gold", 4))
    return image


def _weed(seed: int) -> pg.Surface:
    rng = np.random.default_rng(seed + 60)
    image = empty(16, 11)
    _blades(image, "grass", rng, 9, (5, 11))
    return image


def _rush(seed: int) -> pg.Surface:
    """Reeds: slender blades, and a few brown heads on long stalks."""
    rng = np.random.default_rng(seed + 80)
    width, height = 18, 24 + 2 * (seed % 3)
    image = empty(width, height)
    for index in range(15):
        lean = (index % 8 + rng.uniform(-0.5, 0.5)) / 3.5 - 1
        top = int(rng.integers(5, height - 9))
        front = index > 6
        for y in range(top, height):
            part = (height - 1 - y) / (height - 1 - top)
            x = 9 + lean * (1.6 + 5.4 * part**1.7)
            step = (2 if front else 0) + int(2.6 * part + (0.7 if lean < 0 else 0))
            image.set_at((int(x), y), tone("marsh", step))
    for x in ((6, 11), (4, 9, 13), (8, 12))[seed % 3]:
        top = int(rng.integers(0, 6))
        for y in range(top, height - 5):
            image.set_at((int(9 + (x - 9) * (1 - (y - top) / height)), y), tone("marsh", 4))
        pg.draw.line(image, (74, 46, 38), (x, top + 1), (x, top + 6))
        pg.draw.line(image, (132, 88, 58), (x + 1, top + 1), (x + 1, top + 6))
    return image


def _petals(seed: int) -> pg.Surface:
    rng = np.random.default_rng(seed + 90)
    image = empty(16, 9)
    for x, y in rng.integers((1, 1), (15, 8), (13, 2)).tolist():
        image.set_at((x, y), RAMPS["sakura"][3 + (x + y) % 3].tolist())
    return image


def _lily(seed: int) -> pg.Surface:
    """Floating leaves; now and then one in bloom."""
    image = empty(18, 9)
    for x, y, wide in ((0, 3, 9), (9, 1, 8), (7, 5, 6))[: 2 + seed % 2]:
        pg.draw.ellipse(image, tone("grass", 1), (x, y + 1, wide, 4))
        pg.draw.ellipse(image, tone("grass", 4), (x, y, wide, 4))
        pg.draw.line(image, tone("grass", 2), (x + wide // 2, y + 1), (x + wide - 1, y + 1))
    if seed == 1:
        pg.draw.polygon(image, (246, 196, 216), [(3, 3), (5, 0), (7, 3)])
        image.set_at((5, 2), (255, 240, 180))
    return image
