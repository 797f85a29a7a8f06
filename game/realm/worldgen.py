"""A realm from a seed: river, roads, village, forest, shrine grounds, and the places where somebody may be.

All x, y are whole pixels of the world, at the foot (base centre) of a thing; a tile is TILE pixels wide.
One random stream, named `map`, makes everything here.
"""

import math
from dataclasses import dataclass
from random import Random

import numpy as np

from game.realm.rules import Rules
from game.realm.terrain import (
    HEIGHT,
    REGIONS,
    RIVER_HALF_WIDTH,
    ROAD_HALF_WIDTH,
    TILE,
    WIDTH,
    Ground,
    Point,
    distance,
    layout,
    paint,
    regions,
    river_course,
    river_distance,
)

CELL = 7  # tiles: one landmark to each cell of the map
HOUSE_TILES = ((-2, -2), (1, -1))  # footprint of a house around its foot tile: first and last (dx, dy)
TREE_CHANCE = {"village": 0.05, "forest": 0.55, "river": 0.05, "shrine": 0.2}


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
    kinds = dict(rules.places)
    land = (walkable == 1) & ~np.isin(ground, (Ground.WATER, Ground.BRIDGE, Ground.GRAVEL))
    below = walkable == 1  # the tile to its south, and its neighbours: from where it can be touched
    land[:-1, 1:-1] &= below[1:, :-2] & below[1:, 1:-1] & below[1:, 2:]
    free, at_region = land.tolist(), region.tolist()
    spots: list[tuple[int, int, str, str]] = []
    for top in range(1, HEIGHT - CELL + 1, CELL):
        for left in range(1, WIDTH - CELL + 1, CELL):
            for _ in range(6):
                column, row = left + rng.randrange(1, CELL - 1), top + rng.randrange(1, CELL - 1)
                if free[row][column]:
                    name = REGIONS[at_region[row][column]]
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
    free, at_region = open_ground.tolist(), region.tolist()
    for row in range(1, HEIGHT - 1, 2):
        for column in range(1, WIDTH - 1, 2):
            bits = rng.getrandbits(4)
            r, c, variant = row + (bits & 1), column + (bits >> 1 & 1), bits >> 2
            name = REGIONS[at_region[r][c]]
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
    river = river_course(rng)
    centres, roads = layout(rng, river, mirrored)
    y_HW, x_HW = np.indices((HEIGHT, WIDTH)).astype(np.float32) * TILE + TILE // 2
    river_HW = river_distance(river, x_HW, y_HW)
    road_HW = np.min([distance(road, x_HW, y_HW) for road in roads], axis=0)
    region = regions(centres, river_HW, x_HW, y_HW)
    ground = paint(region, river_HW, road_HW, centres[2:], x_HW)
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
