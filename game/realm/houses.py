"""Buildings of the open world, and the rooms inside them, from the map's random stream.

A building's foot is the middle of its front wall; its door is the tile right above the foot, and leads to a room in
the strip of rows below the open world. A kura is a storehouse that stays shut.
"""

import math
from collections.abc import Sequence
from random import Random

import numpy as np

from game.realm.land import Decor, Place, Room
from game.realm.rulecheck import ROOM
from game.realm.rules import Rules
from game.realm.terrain import OUTDOORS, TILE, WIDTH, Ground, Lay, Point, is_ground

FOOTPRINTS = {  # tiles: width (odd), depth; the sprite may overhang upwards
    "house": (5, 2),
    "inn": (7, 3),
    "mill": (5, 3),
    "hut": (5, 2),
    "hall": (9, 3),
    "kura": (5, 2),
}
SIZES = {"house": (11, 8), "inn": (14, 9), "mill": (11, 8), "hut": (10, 8), "hall": (14, 10)}  # tiles, walls included
SLOT = 16  # tiles from one room's left wall to the next one's
MOST_ROOMS = WIDTH // SLOT
HOUSES, STOREHOUSES = 4, 3  # at most, in the village
WALLED = 2  # rows of wall that one sees at the top of a room
UNBUILT = (Ground.WATER, Ground.MUD, Ground.BRIDGE, Ground.GRAVEL, Ground.FIELD, Ground.STAIRS)


def _build(kind: str, column: int, row: int, site: np.ndarray, walkable: np.ndarray) -> bool:
    """Blocks the footprint of a building whose foot is at the top of tile (column, row), if all of it is free, and
    keeps the ground before its door."""
    width, depth = FOOTPRINTS[kind]
    half = width // 2
    if not (half + 2 <= column < WIDTH - half - 2 and depth + 3 <= row < OUTDOORS - 4):
        return False
    if not site[row - depth - 1 : row + 2, column - half - 1 : column + half + 2].all():
        return False
    raise_walls(kind, column, row, site, walkable)
    return True


def raise_walls(kind: str, column: int, row: int, site: np.ndarray, walkable: np.ndarray) -> None:
    """Blocks a footprint but for its door, and reserves a margin around it."""
    width, depth = FOOTPRINTS[kind]
    half = width // 2
    walkable[row - depth : row, column - half : column + half + 1] = 0
    site[row - depth - 1 : row + 2, column - half - 1 : column + half + 2] = False
    if kind != "kura":
        walkable[row - 1, column] = 1


def buildings(rng: Random, lay: Lay, ground: np.ndarray, site: np.ndarray, walkable: np.ndarray) -> list[Decor]:
    """The hall at the shrine, the inn and houses of the village, the mill, the hut in its glade. Marks what they
    cover in `walkable` and takes it out of `site`, the tiles that are free for buildings and plants (both in place)."""
    site &= ~is_ground(ground, UNBUILT)
    column, row = lay.shrine[0] // TILE, lay.shrine[1] // TILE - 2
    raise_walls("hall", column, row, site, walkable)
    decor = [_decor("hall", column, row, 0)]
    spots = [spot for radius in (5, 7, 9, 11, 13) for spot in _ring(rng, lay.village, radius, 9)]
    to_build = ["inn"] + ["house", "house", "kura"] * HOUSES
    count = {"house": HOUSES, "kura": STOREHOUSES}
    for column, row in spots:
        kind = to_build[0]
        if count.get(kind, 1) and _build(kind, column, row, site, walkable):
            decor.append(_decor(kind, column, row, rng.randrange(4)))
            count[kind] = count.get(kind, 1) - 1
            to_build.pop(0)
        while to_build and not count.get(to_build[0], 1):
            to_build.pop(0)
        if not to_build:
            break
    for kind, centre in (("mill", lay.mill), ("hut", lay.glade)):
        for column, row in [spot for radius in (0, 3, 5, 7, 9) for spot in _ring(rng, centre, radius, 9)]:
            if _build(kind, column, row, site, walkable):
                decor.append(_decor(kind, column, row, rng.randrange(4)))
                break
    return decor


def _decor(kind: str, column: int, row: int, variant: int) -> Decor:
    return Decor(kind, column * TILE + TILE // 2, row * TILE, variant)


def _ring(rng: Random, centre: Point, radius: float, count: int) -> list[Point]:
    """Tiles on a flat ellipse around a centre."""
    turn, tiles = rng.uniform(0, 6.283), []
    for k in range(count):
        angle = turn + 6.283 * (k + rng.uniform(-0.2, 0.2)) / count
        tiles.append(
            (
                round(centre[0] / TILE + 1.45 * radius * math.cos(angle)),
                round(centre[1] / TILE + 0.9 * radius * math.sin(angle)),
            )
        )
    return tiles


def rooms(houses: Sequence[Decor], ground: np.ndarray, walkable: np.ndarray) -> list[Room]:
    """A room for every building that has a door. Fills the rows below the open world in both grids."""
    ground[OUTDOORS:] = Ground.VOID
    walkable[OUTDOORS:] = 0
    inside: list[Room] = []
    for house, decor in enumerate(houses):
        if decor.kind not in SIZES or len(inside) == MOST_ROOMS:
            continue
        left, top, (width, height) = len(inside) * SLOT + 1, OUTDOORS + 1, SIZES[decor.kind]
        right, bottom, middle = left + width - 1, top + height - 1, left + width // 2
        ground[top : bottom + 1, left : right + 1] = Ground.WALL
        inner = (slice(top + WALLED, bottom), slice(left + 1, right))
        ground[inner], walkable[inner] = Ground.FLOOR, 1
        ground[bottom, middle], walkable[bottom, middle] = Ground.FLOOR, 1
        inside.append(
            Room(
                len(inside),
                decor.kind,
                left,
                top,
                width,
                height,
                (middle * TILE + TILE // 2, (bottom - 1) * TILE + TILE // 2),
                (decor.x, decor.y + TILE // 2),
                (decor.x // TILE, decor.y // TILE - 1),
                (middle, bottom),
                house,
            )
        )
    return inside


def furniture(rng: Random, rules: Rules, inside: Sequence[Room], first: int, walkable: np.ndarray) -> list[Place]:
    """The places of the rooms, numbered from `first`. They stand along the walls, so that they lie in at least three
    directions from any point of the room."""
    places: list[Place] = []
    kinds = dict(rules.rooms)
    for room in inside:
        left, right = room.left + 1, room.left + room.width - 2
        top, bottom = room.top + WALLED, room.top + room.height - 2
        across = room.exit[0] + rng.choice((-1, 0, 1))
        spots = [(left, top), (across, top), (right, top), (right, bottom), (left, bottom)]
        spots.append((rng.choice((left, right)), top + (bottom - top) // 2))
        for (column, row), kind in zip(spots, rng.sample(kinds[room.kind], len(spots)), strict=True):
            walkable[row, column] = 0
            foot = column * TILE + TILE // 2, row * TILE + TILE * 3 // 4
            places.append(Place(first + len(places), kind, *foot, ROOM, room.index))
    return places
