"""River, roads, regions, and the ground of every tile, from the map's random stream.

Grids end in _HW: one number per tile of the open world, row by row. x, y are whole pixels of the world. The village
lies south of the river, the shrine north of it at the end of a long straight way of stairs; the rest is forest.
"""

import math
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from itertools import pairwise
from random import Random

import numpy as np

from game.realm.rulecheck import REGIONS

TILE = 16  # px
WIDTH, OUTDOORS = 128, 96  # tiles of the open world
HEIGHT = 108  # tiles in all: the rows below the open world hold the rooms
RIVER_HALF_WIDTH = 30  # px
ROAD_HALF_WIDTH = 13  # px
BRIDGE_HALF_WIDTH = 22  # px
NEAR = 48  # px: distances to roads are measured up to here
APPROACH = 15  # tiles from the shrine's court down to the foot of its stairs

Point = tuple[int, int]


class Ground(IntEnum):
    GRASS = 0
    LEAVES = 1
    MOSS = 2
    GRAVEL = 3  # roads
    MUD = 4  # river bank
    WATER = 5
    BRIDGE = 6
    STONE = 7  # shrine paving
    FIELD = 8  # tilled rows by the village
    MARSH = 9
    STAIRS = 10  # the way up to the shrine
    FLOOR = 11  # boards, indoors
    WALL = 12
    VOID = 13  # between the rooms


UNDERFOOT = tuple(ground for ground in Ground if ground not in (Ground.WATER, Ground.WALL, Ground.VOID))


@dataclass(frozen=True)
class Lay:
    """The plan of a realm; all points in px. shrine: the middle of its court; foot: where its stairs begin."""

    village: Point
    shrine: Point
    foot: Point
    glade: Point
    marsh: Point
    mill: Point
    crossings: tuple[Point, Point]
    roads: tuple[tuple[Point, ...], ...]
    fields: tuple[tuple[int, int, int, int], ...]  # tiles: left, top, width, height


@lru_cache(maxsize=1)
def tiles() -> tuple[np.ndarray, np.ndarray]:
    """Middles of the open world's tiles in px: x (1, WIDTH), y (OUTDOORS, 1), float32; not to be written to."""
    x, y = (np.arange(size, dtype=np.float32) * TILE + TILE // 2 for size in (WIDTH, OUTDOORS))
    x.flags.writeable = y.flags.writeable = False
    return x[None], y[:, None]


@lru_cache(maxsize=8)
def _among(kinds: tuple[Ground, ...]) -> np.ndarray:
    table = np.zeros(len(Ground), bool)
    table[list(kinds)] = True
    table.flags.writeable = False
    return table


def is_ground(ground: np.ndarray, kinds: tuple[Ground, ...]) -> np.ndarray:
    """Where a grid of Ground holds one of these kinds; bool, of the grid's shape. np.isin takes five times as long."""
    return _among(kinds).take(ground)


@lru_cache(maxsize=4)
def waves(first: tuple[float, float], second: tuple[float, float], least: float) -> np.ndarray:
    """(OUTDOORS, WIDTH) bool: where two waves over columns and rows sum to more than `least`; not to be written to."""
    columns, rows = np.arange(WIDTH)[None], np.arange(OUTDOORS)[:, None]
    sums = np.sin(columns * first[0] + rows * first[1]) + np.sin(columns * second[0] + rows * second[1])
    high: np.ndarray = sums > least
    high.flags.writeable = False
    return high


def road_distance(roads: tuple[tuple[Point, ...], ...]) -> np.ndarray:
    """Distance in px of each tile centre to the nearest road; NEAR where it is farther than that."""
    best = np.full((OUTDOORS, WIDTH), NEAR**2, np.float32)
    across, down = tiles()
    for road in roads:
        for (ax, ay), (bx, by) in pairwise(road):
            columns = slice(max(0, (min(ax, bx) - NEAR) // TILE), max(0, (max(ax, bx) + NEAR) // TILE + 1))
            rows = slice(max(0, (min(ay, by) - NEAR) // TILE), max(0, (max(ay, by) + NEAR) // TILE + 1))
            dx, dy = bx - ax, by - ay
            x, y, length = across[:, columns] - ax, down[rows] - ay, np.float32(max(1, dx * dx + dy * dy))
            along = x * dx + y * dy
            t = along / length
            np.maximum(t, 0, out=t)
            np.minimum(t, 1, out=t)
            along *= 2
            along -= t * length
            along *= t
            gap = x * x + y * y
            gap -= along
            window = best[rows, columns]
            np.minimum(window, gap, out=window)
    return np.sqrt(np.maximum(best, 0))


def river_distance(river: tuple[Point, ...]) -> np.ndarray:
    """Distance in px of each tile centre to the river's centreline, which is a function of x."""
    x, y = tiles()
    xs, ys = np.array(river, np.float32).T
    y_W = np.interp(x[0], xs, ys).astype(np.float32)
    slope_W = np.gradient(y_W, TILE)
    return np.abs(y - y_W) / np.sqrt(1 + slope_W**2)


def river_course(rng: Random) -> tuple[Point, ...]:
    base, phase = rng.uniform(45, 49) * TILE, rng.uniform(0, 6.28)
    wide, narrow = rng.uniform(34, 62), rng.uniform(12, 22)
    return tuple(
        (x, round(base + wide * math.sin(x * 0.0052 + phase) + narrow * math.sin(x * 0.019 + 2 * phase)))
        for x in range(-2 * TILE, (WIDTH + 3) * TILE, 2 * TILE)
    )


def _river_y(river: tuple[Point, ...], x: int) -> int:
    return min(river, key=lambda point: abs(point[0] - x))[1]


def _bent(rng: Random, a: Point, b: Point) -> tuple[Point, ...]:
    """A road from a to b with two gentle bends."""
    (ax, ay), (bx, by) = a, b
    bends = [
        (round(ax + (bx - ax) * t + rng.uniform(-40, 40)), round(ay + (by - ay) * t + rng.uniform(-28, 28)))
        for t in (0.35, 0.7)
    ]
    return (a, *bends, b)


def layout(rng: Random, river: tuple[Point, ...]) -> Lay:
    """The realm's plan; half of all realms have their village in the west, half in the east."""
    mirrored = rng.random() < 0.5

    def across(x: float) -> int:
        return round((WIDTH - x if mirrored else x) * TILE)

    def along(low: float, high: float, rows: tuple[float, float]) -> Point:
        return across(rng.uniform(low, high)), round(rng.uniform(*rows) * TILE)

    village, glade = along(30, 36, (69, 72)), along(19, 25, (18, 23))
    shrine = (across(rng.randint(90, 96)) + TILE // 2, rng.randint(17, 19) * TILE + TILE // 2)
    foot = (shrine[0], shrine[1] + APPROACH * TILE)
    near, far, wet, wheel = (across(rng.uniform(*span)) for span in ((46, 52), (102, 108), (68, 76), (36, 40)))
    crossings = ((near, _river_y(river, near)), (far, _river_y(river, far)))
    hub, top = (across(66), 72 * TILE), (across(58), 14 * TILE)
    roads = [_bent(rng, village, (across(-1), village[1] + 40)), _bent(rng, village, (village[0], 97 * TILE))]
    roads += [_bent(rng, village, hub), _bent(rng, hub, (across(129), 66 * TILE))]
    for (x, y), start in zip(crossings, (village, hub), strict=True):
        north, south = (x, y - 56), (x, y + 56)
        roads += [_bent(rng, start, south), (south, north), _bent(rng, north, foot)]
    north = (near, crossings[0][1] - 56)
    side = -1 if shrine[0] > top[0] else 1
    roads += [_bent(rng, north, glade), _bent(rng, glade, (across(-1), 30 * TILE)), _bent(rng, glade, top)]
    roads.append(_bent(rng, top, (shrine[0] + side * 8 * TILE, shrine[1] + TILE)))
    column, row = village[0] // TILE, village[1] // TILE
    fields = tuple(
        (column + dx + rng.randint(-1, 1), row + dy + rng.randint(-1, 1), rng.randint(5, 7), rng.randint(3, 5))
        for dx, dy in ((-20, -4), (-20, 4), (14, -6), (14, 4))
    )
    marsh, mill = (wet, _river_y(river, wet)), (wheel, _river_y(river, wheel) + 6 * TILE)
    return Lay(village, shrine, foot, glade, marsh, mill, crossings, tuple(roads), fields)


def _ellipse(centre: Point, wide: float, high: float) -> np.ndarray:
    x, y = tiles()
    inside: np.ndarray = ((x - centre[0]) / (wide * TILE)) ** 2 + ((y - centre[1]) / (high * TILE)) ** 2 < 1
    return inside


def regions(lay: Lay, river_HW: np.ndarray) -> np.ndarray:
    """Index into REGIONS for every tile."""
    x, y = tiles()
    region = np.ones(river_HW.shape, np.int8)
    np.copyto(region, 0, where=_ellipse(lay.village, 22, 13))
    stairs = (np.abs(x - lay.shrine[0]) < 6 * TILE) & (y > lay.shrine[1]) & (y < lay.foot[1] + 2 * TILE)
    np.copyto(region, 3, where=stairs | _ellipse(lay.shrine, 17, 11))
    np.copyto(region, 2, where=(river_HW < 4.5 * TILE) | _ellipse(lay.marsh, 13, 8))
    return region


def paint(lay: Lay, region: np.ndarray, river_HW: np.ndarray, road_HW: np.ndarray) -> np.ndarray:
    """The ground of every tile of the open world."""
    patch = waves((0.31, 0.17), (-0.11, 0.43), 0.1)
    ground = np.full(region.shape, Ground.GRASS, np.uint8)
    village, wild, wet, sacred = (region == index for index in range(len(REGIONS)))

    def lay_down(kind: Ground, where: np.ndarray) -> None:
        np.copyto(ground, np.uint8(kind), where=where)

    lay_down(Ground.MOSS, wild)
    lay_down(Ground.LEAVES, wild & patch)
    lay_down(Ground.MOSS, sacred & patch)
    lay_down(Ground.STONE, _ellipse(lay.shrine, 9, 5))
    lay_down(Ground.MARSH, wet & waves((0.7, 0.9), (-0.37, 1.1), -0.35) & (river_HW < 7 * TILE))
    for left, top, width, height in lay.fields:
        tilled = (slice(max(1, top), top + height), slice(max(1, left), left + width))
        ground[tilled][village[tilled]] = Ground.FIELD
    lay_down(Ground.GRAVEL, road_HW < ROAD_HALF_WIDTH)
    column, first, last = lay.shrine[0] // TILE, lay.shrine[1] // TILE + 2, lay.foot[1] // TILE
    path = ground[first : last + 1, column - 1 : column + 2]
    path[:] = np.where(np.arange(len(path)) % 6 < 4, Ground.STAIRS, Ground.STONE)[:, None]
    lay_down(Ground.MUD, river_HW < RIVER_HALF_WIDTH + TILE * 0.7)
    lay_down(Ground.WATER, river_HW < RIVER_HALF_WIDTH)
    over = river_HW < RIVER_HALF_WIDTH + TILE
    for x, _ in lay.crossings:
        lay_down(Ground.BRIDGE, (np.abs(tiles()[0] - x) < BRIDGE_HALF_WIDTH) & over)
    return ground
