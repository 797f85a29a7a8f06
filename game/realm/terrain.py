"""The lie of the land: river, roads, regions, and the ground of every tile, from the map's random stream.

Grids end in _HW: one number per tile, row by row. x, y are whole pixels of the world.
"""

import math
from enum import IntEnum
from itertools import pairwise
from random import Random

import numpy as np

TILE = 16  # px
WIDTH, HEIGHT = 96, 64  # tiles
RIVER_HALF_WIDTH = 26  # px
ROAD_HALF_WIDTH = 13  # px
BRIDGE_HALF_WIDTH = 22  # px
REGIONS = ("village", "forest", "river", "shrine")

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


def distance(points: tuple[Point, ...], x_HW: np.ndarray, y_HW: np.ndarray) -> np.ndarray:
    """Distance in px of each tile centre to a polyline."""
    best = np.full(x_HW.shape, 1e9, np.float32)
    for (ax, ay), (bx, by) in pairwise(points):
        dx, dy = bx - ax, by - ay
        from_x, from_y = x_HW - np.float32(ax), y_HW - np.float32(ay)
        t = np.minimum(np.maximum((from_x * dx + from_y * dy) / max(1, dx * dx + dy * dy), 0), 1)
        from_x -= t * dx
        from_y -= t * dy
        np.minimum(best, from_x * from_x + from_y * from_y, out=best)
    return np.sqrt(best)


def river_distance(river: tuple[Point, ...], x_HW: np.ndarray, y_HW: np.ndarray) -> np.ndarray:
    """Distance in px of each tile centre to the river's centreline, which is a function of x."""
    xs, ys = np.array(river, np.float32).T
    y_W = np.interp(x_HW[0], xs, ys)
    slope_W = np.gradient(y_W, TILE)
    return np.abs(y_HW - y_W) / np.sqrt(1 + slope_W**2)


def river_course(rng: Random) -> tuple[Point, ...]:
    base, phase = rng.uniform(34, 40) * TILE, rng.uniform(0, 6.28)
    wide, narrow = rng.uniform(30, 60), rng.uniform(12, 22)
    return tuple(
        (x, round(base + wide * math.sin(x * 0.006 + phase) + narrow * math.sin(x * 0.019 + 2 * phase)))
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


def layout(rng: Random, river: tuple[Point, ...], mirrored: bool) -> tuple[list[Point], list[tuple[Point, ...]]]:
    """Centres (village, shrine, two crossings) and roads. The village lies north of the river, the shrine south."""

    def across(x: float) -> int:
        return round((WIDTH - x if mirrored else x) * TILE)

    village = (across(rng.uniform(24, 30)), round(rng.uniform(17, 21) * TILE))
    shrine = (across(rng.uniform(68, 76)), round(rng.uniform(52, 55) * TILE))
    near, far = across(rng.uniform(40, 46)), across(rng.uniform(76, 84))
    crossings = [(near, _river_y(river, near)), (far, _river_y(river, far))]
    roads = [_bent(rng, village, (across(-1), village[1] + 30)), _bent(rng, village, (across(60), round(16 * TILE)))]
    roads.append(_bent(rng, (across(60), round(16 * TILE)), (across(97), round(12 * TILE))))
    for (x, y), start in zip(crossings, (village, (across(60), round(16 * TILE))), strict=True):
        north, south = (x, y - 48), (x, y + 48)
        roads += [_bent(rng, start, north), (north, south), _bent(rng, south, shrine)]
    return [village, shrine, *crossings], roads


def regions(centres: list[Point], river_HW: np.ndarray, x_HW: np.ndarray, y_HW: np.ndarray) -> np.ndarray:
    """Index into (village, forest, river, shrine) for every tile."""
    region = np.ones(x_HW.shape, np.int8)
    region[river_HW < 4.5 * TILE] = 2
    for index, (cx, cy), (rx, ry) in ((0, centres[0], (17, 11)), (3, centres[1], (13, 9))):
        inside = ((x_HW - cx) / (rx * TILE)) ** 2 + ((y_HW - cy) / (ry * TILE)) ** 2 < 1
        region[inside & (region != 2)] = index
    return region


def paint(
    region: np.ndarray, river_HW: np.ndarray, road_HW: np.ndarray, crossings: list[Point], x_HW: np.ndarray
) -> np.ndarray:
    """The ground of every tile."""
    ground = np.full(region.shape, Ground.GRASS, np.uint8)
    rows, columns = np.indices(region.shape)
    patch = (np.sin(columns * 0.31 + rows * 0.17) + np.sin(rows * 0.43 - columns * 0.11)) > 0.1
    ground[(region == 1) & patch] = Ground.LEAVES
    ground[(region == 1) & ~patch] = Ground.MOSS
    ground[region == 3] = Ground.STONE
    ground[(region == 3) & patch] = Ground.MOSS
    ground[road_HW < ROAD_HALF_WIDTH] = Ground.GRAVEL
    ground[river_HW < RIVER_HALF_WIDTH + TILE * 0.7] = Ground.MUD
    ground[river_HW < RIVER_HALF_WIDTH] = Ground.WATER
    for x, _ in crossings:
        ground[(np.abs(x_HW - x) < BRIDGE_HALF_WIDTH) & (river_HW < RIVER_HALF_WIDTH + TILE)] = Ground.BRIDGE
    return ground
