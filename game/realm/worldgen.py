"""A realm from a seed: river, roads, village, forest, shrine grounds, and the places where somebody may be.

All x, y are whole pixels of the world, at the foot (base centre) of a thing; a tile is TILE pixels wide.
One random stream, named `map`, makes everything here.
"""

import math
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from random import Random

import numpy as np

from game.realm.rules import Rules

TILE = 16  # px
WIDTH, HEIGHT = 96, 64  # tiles
CELL = 7  # tiles: one landmark to each cell of the map
RIVER_HALF_WIDTH = 26  # px
ROAD_HALF_WIDTH = 13  # px
BRIDGE_HALF_WIDTH = 22  # px
HOUSE_TILES = ((-2, -2), (1, -1))  # footprint of a house around its foot tile: first and last (dx, dy)
TREE_CHANCE = {"village": 0.05, "forest": 0.55, "river": 0.05, "shrine": 0.2}

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


@dataclass(frozen=True, slots=True)
class Decor:
    """Something that stands there and is never asked about: tree, pine, sakura, house, bush, rock."""

    kind: str
    x: int
    y: int
    variant: int


@dataclass(frozen=True, slots=True)
class Place:
    """A landmark where a spirit or a mundane presence may be."""

    index: int
    kind: str
    x: int
    y: int
    region: str


@dataclass(frozen=True)
class Map:
    """The still part of a realm. ground, walkable: one byte per tile, row by row (y * width + x)."""

    seed: int
    width: int
    height: int
    ground: bytes
    walkable: bytes
    river: tuple[Point, ...]
    river_half_width: int
    roads: tuple[tuple[Point, ...], ...]
    decor: tuple[Decor, ...]
    places: tuple[Place, ...]
    start: Point
    shrine: Point


def _distance(points: tuple[Point, ...], x_HW: np.ndarray, y_HW: np.ndarray) -> np.ndarray:
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


def _river_distance(river: tuple[Point, ...], x_HW: np.ndarray, y_HW: np.ndarray) -> np.ndarray:
    """Distance in px of each tile centre to the river's centreline, which is a function of x."""
    xs, ys = np.array(river, np.float32).T
    y_W = np.interp(x_HW[0], xs, ys)
    slope_W = np.gradient(y_W, TILE)
    return np.abs(y_HW - y_W) / np.sqrt(1 + slope_W**2)


def _river(rng: Random) -> tuple[Point, ...]:
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


def _layout(rng: Random, river: tuple[Point, ...], mirrored: bool) -> tuple[list[Point], list[tuple[Point, ...]]]:
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


def _regions(centres: list[Point], river_HW: np.ndarray, x_HW: np.ndarray, y_HW: np.ndarray) -> np.ndarray:
    """Index into (village, forest, river, shrine) for every tile."""
    region = np.ones(x_HW.shape, np.int8)
    region[river_HW < 4.5 * TILE] = 2
    for index, (cx, cy), (rx, ry) in ((0, centres[0], (17, 11)), (3, centres[1], (13, 9))):
        inside = ((x_HW - cx) / (rx * TILE)) ** 2 + ((y_HW - cy) / (ry * TILE)) ** 2 < 1
        region[inside & (region != 2)] = index
    return region


def _paint(
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


def _houses(rng: Random, village: Point, ground: np.ndarray, walkable: np.ndarray) -> list[Decor]:
    """Up to nine houses around the village, off the roads, each with its footprint blocked."""
    houses: list[Decor] = []
    for ring, count in ((5.2, 4), (9.5, 6)):
        for k in range(count):
            angle = 6.283 * (k + rng.uniform(-0.2, 0.2)) / count
            column = round(village[0] / TILE + 1.45 * ring * math.cos(angle))
            row = round(village[1] / TILE + 0.9 * ring * math.sin(angle))
            if not (4 <= column < WIDTH - 4 and 5 <= row < HEIGHT - 4):
                continue
            (left, top), (right, bottom) = HOUSE_TILES
            area = (slice(row + top, row + bottom + 1), slice(column + left, column + right + 1))
            wide = ground[row - 3 : row + 1, column - 3 : column + 3]
            if (
                np.isin(wide, (Ground.WATER, Ground.MUD, Ground.BRIDGE, Ground.GRAVEL)).any()
                or not walkable[area].all()
            ):
                continue
            walkable[area] = 0
            houses.append(Decor("house", column * TILE, row * TILE, rng.randrange(4)))
    return houses


def _places(
    rng: Random, rules: Rules, centres: list[Point], region: np.ndarray, ground: np.ndarray, walkable: np.ndarray
) -> list[Place]:
    """One landmark per cell where there is room; the well, the torii, the altar and the bridges where they belong."""
    kinds, names = dict(rules.places), ("village", "forest", "river", "shrine")
    land = (walkable == 1) & ~np.isin(ground, (Ground.WATER, Ground.BRIDGE, Ground.GRAVEL))
    below = walkable == 1  # the tile to its south, and its neighbours: from where it can be touched
    land[:-1, 1:-1] &= below[1:, :-2] & below[1:, 1:-1] & below[1:, 2:]
    free, regions = land.tolist(), region.tolist()
    spots: list[tuple[int, int, str, str]] = []
    for top in range(1, HEIGHT - CELL + 1, CELL):
        for left in range(1, WIDTH - CELL + 1, CELL):
            for _ in range(6):
                column, row = left + rng.randrange(1, CELL - 1), top + rng.randrange(1, CELL - 1)
                if free[row][column]:
                    name = names[regions[row][column]]
                    spots.append((column, row, rng.choice(kinds[name]), name))
                    break
    for centre, name, wanted in (
        (centres[0], "village", ["well", "lantern"]),
        (centres[1], "shrine", ["torii", "altar", "bell"]),
    ):
        near = sorted(
            (i for i, spot in enumerate(spots) if spot[3] == name),
            key=lambda i: (spots[i][0] * TILE - centre[0]) ** 2 + (spots[i][1] * TILE - centre[1]) ** 2,
        )
        for i, kind in zip(near, wanted, strict=False):
            spots[i] = (*spots[i][:2], kind, name)
    places: list[Place] = []
    for column, row, kind, name in spots:
        walkable[row, column] = 0
        places.append(Place(len(places), kind, column * TILE + 8, row * TILE + 12, name))
    for x, y in centres[2:]:
        places.append(Place(len(places), kinds_of(rules, "crossing")[0], x, y, "river"))
    return places


def kinds_of(rules: Rules, region: str) -> tuple[str, ...]:
    return dict(rules.places)[region]


def _trees(
    rng: Random, region: np.ndarray, ground: np.ndarray, walkable: np.ndarray, road_HW: np.ndarray
) -> list[Decor]:
    """Trees, bushes and rocks on a jittered grid; each blocks the tile of its trunk. Nothing grows by a landmark."""
    names = ("village", "forest", "river", "shrine")
    open_ground = (
        (walkable == 1)
        & (road_HW > ROAD_HALF_WIDTH + TILE)
        & np.isin(ground, (Ground.GRASS, Ground.LEAVES, Ground.MOSS, Ground.STONE))
    )
    blocked = walkable == 0
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            open_ground[1:-1, 1:-1] &= ~blocked[1 + dy : HEIGHT - 1 + dy, 1 + dx : WIDTH - 1 + dx]
    decor = []
    free, regions = open_ground.tolist(), region.tolist()
    for row in range(1, HEIGHT - 1, 2):
        for column in range(1, WIDTH - 1, 2):
            bits = rng.getrandbits(4)
            r, c, variant = row + (bits & 1), column + (bits >> 1 & 1), bits >> 2
            name = names[regions[r][c]]
            if not free[r][c] or rng.random() > TREE_CHANCE[name]:
                continue
            which = rng.random()
            kind = (
                "sakura"
                if name == "shrine" and which < 0.6
                else "tree"
                if which < 0.45
                else "pine"
                if which < 0.85
                else "bush"
                if which < 0.95
                else "rock"
            )
            walkable[r, c] = 0
            decor.append(Decor(kind, c * TILE + 8, r * TILE + 12, variant))
    return decor


def generate(seed: int, rules: Rules) -> Map:
    """The map of a seed. Deterministic; a few milliseconds."""
    rng = Random(f"{seed}/map")
    mirrored = rng.random() < 0.5
    river = _river(rng)
    centres, roads = _layout(rng, river, mirrored)
    y_HW, x_HW = np.indices((HEIGHT, WIDTH)).astype(np.float32) * TILE + TILE // 2
    river_HW = _river_distance(river, x_HW, y_HW)
    road_HW = np.min([_distance(road, x_HW, y_HW) for road in roads], axis=0)
    region = _regions(centres, river_HW, x_HW, y_HW)
    ground = _paint(region, river_HW, road_HW, centres[2:], x_HW)
    walkable = (ground != Ground.WATER).astype(np.uint8)
    walkable[[0, -1], :] = 0
    walkable[:, [0, -1]] = 0
    houses = _houses(rng, centres[0], ground, walkable)
    places = _places(rng, rules, centres, region, ground, walkable)
    trees = _trees(rng, region, ground, walkable, road_HW)
    column, row = centres[0][0] // TILE, centres[0][1] // TILE
    around = sorted(
        ((c - column) ** 2 + (r - row) ** 2, r, c)
        for r in range(row - 6, row + 7)
        for c in range(column - 6, column + 7)
        if walkable[r, c]
    )
    start = (around[0][2] * TILE + 8, around[0][1] * TILE + 8)
    return Map(
        seed,
        WIDTH,
        HEIGHT,
        ground.tobytes(),
        walkable.tobytes(),
        river,
        RIVER_HALF_WIDTH,
        tuple(roads),
        tuple(houses + trees),
        tuple(places),
        start,
        centres[1],
    )
