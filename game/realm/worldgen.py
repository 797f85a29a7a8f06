"""A realm from a seed: river, roads, four regions, buildings with rooms, and the places where somebody may be.

One random stream, named `map`, makes everything here. Every place and every door can be reached on foot.
"""

from random import Random

import numpy as np

from game.realm.growth import shrine_way, trees
from game.realm.houses import buildings, furniture, rooms
from game.realm.land import Map, Place
from game.realm.rulecheck import REGIONS
from game.realm.rules import Rules
from game.realm.terrain import (
    HEIGHT,
    OUTDOORS,
    RIVER_HALF_WIDTH,
    TILE,
    WIDTH,
    Ground,
    Lay,
    Point,
    is_ground,
    layout,
    paint,
    regions,
    river_course,
    river_distance,
    road_distance,
)

CELL = 7  # tiles: one landmark to each cell of the map
TRIES = 6
AFLOAT = ("boat", "jetty")  # landmarks of the water's edge
TRODDEN = (Ground.BRIDGE, Ground.GRAVEL, Ground.STAIRS)
EDGE = 2.6 * TILE  # px from the river's edge: how far those may stand from the water


def reached(walkable: bytes, width: int, start: tuple[int, int]) -> int:
    """The tiles that can be walked to from a start (column, row), as a number with bit y * width + x set: a flood fill.

    The outermost columns must be blocked.
    """
    free = int.from_bytes(np.packbits(np.frombuffer(walkable, np.uint8) == 1, bitorder="little").tobytes(), "little")
    flood, before = 1 << (start[1] * width + start[0]), 0
    while flood != before:
        before = flood
        flood |= (flood << 1 | flood >> 1) & free
        flood |= (flood << width | flood >> width) & free
    return flood


def _spots(
    rng: Random,
    rules: Rules,
    region: np.ndarray,
    ground: np.ndarray,
    site: np.ndarray,
    walkable: np.ndarray,
    river_HW: np.ndarray,
) -> list[tuple[int, int, str, str]]:
    """(column, row, kind, region) of one landmark per cell, where there is room for it and for a visitor."""
    kinds = dict(rules.places)
    shore = {name: tuple(kind for kind in kinds["river"] if (kind in AFLOAT) == name) for name in (True, False)}
    land = site & (walkable == 1) & ~is_ground(ground, TRODDEN)
    below = walkable == 1  # the tile to its south, and its neighbours
    land[:-1, 1:-1] &= below[1:, :-2] & below[1:, 1:-1] & below[1:, 2:]
    corners = [(left, top) for top in range(1, OUTDOORS - CELL + 1, CELL) for left in range(1, WIDTH - CELL + 1, CELL)]
    luck = np.frombuffer(rng.randbytes(len(corners) * TRIES * 2), np.uint8).reshape(2, len(corners), TRIES) % (CELL - 2)
    columns, rows = np.array(corners).T[..., None] + 1 + luck
    free = land[rows, columns]
    chosen = (np.arange(len(corners))[free.any(1)], free.argmax(1)[free.any(1)])
    column, row = columns[chosen], rows[chosen]
    wet = river_HW[row, column] < RIVER_HALF_WIDTH + EDGE
    spots = []
    for c, r, where, by_water in zip(
        column.tolist(), row.tolist(), region[row, column].tolist(), wet.tolist(), strict=True
    ):
        name = REGIONS[where]
        fit = (shore[by_water] if name == "river" else ()) or kinds[name]
        spots.append((c, r, fit[int(rng.random() * len(fit))], name))
    return spots


def _belonging(spots: list[tuple[int, int, str, str]], lay: Lay) -> None:
    """Gives the village's middle its well, and the shrine's court its altar and bell."""
    for centre, name, kinds in (
        (lay.village, "village", ("well", "lantern", "bench")),
        (lay.shrine, "shrine", ("altar", "bell", "statue")),
    ):
        near = sorted(
            (i for i, spot in enumerate(spots) if spot[3] == name),
            key=lambda i: (spots[i][0] * TILE - centre[0]) ** 2 + (spots[i][1] * TILE - centre[1]) ** 2,
        )
        for i, kind in zip(near, kinds, strict=False):
            spots[i] = (*spots[i][:2], kind, name)


def _places(
    spots: list[tuple[int, int, str, str]], rules: Rules, lay: Lay, walkable: np.ndarray, start: Point
) -> list[Place]:
    """The landmarks that can be walked up to, and those that stand over the way: the torii and the bridges."""
    for column, row, _, _ in spots:
        walkable[row, column] = 0
    flood = reached(walkable.tobytes(), WIDTH, (start[0] // TILE, start[1] // TILE))
    walked = flood.to_bytes(walkable.size // 8 + 1, "little")
    places: list[Place] = []
    for column, row, kind, name in spots:
        below = (row + 1) * WIDTH + column
        if walked[below >> 3] >> (below & 7) & 1:
            places.append(Place(len(places), kind, column * TILE + TILE // 2, row * TILE + TILE * 3 // 4, name))
        else:
            walkable[row, column] = 1
    places.append(Place(len(places), "torii", lay.foot[0], lay.foot[1] + 4, "shrine"))
    crossing = dict(rules.places)["crossing"][0]
    for x, y in lay.crossings:
        places.append(Place(len(places), crossing, x, y, "river"))
    return places


def _start(village: Point, ground: np.ndarray, site: np.ndarray, walkable: np.ndarray) -> Point:
    """Where a journey begins: the open tile nearest the village's middle; nothing is put there."""
    column, row = village[0] // TILE, village[1] // TILE
    _, r, c = min(
        ((c - column) ** 2 + (r - row) ** 2, r, c)
        for r in range(row - 6, row + 7)
        for c in range(column - 6, column + 7)
        if walkable[r, c] and walkable[r, c - 2]
    )
    site[r - 1 : r + 2, c - 2 : c + 2] = False
    return c * TILE + TILE // 2, r * TILE + TILE // 2


def generate(seed: int, rules: Rules) -> Map:
    """The map of a seed. Deterministic; a few milliseconds."""
    rng = Random(f"{seed}/map")
    river = river_course(rng)
    lay = layout(rng, river)
    river_HW, road_HW = river_distance(river), road_distance(lay.roads)
    region = regions(lay, river_HW)
    ground = np.empty((HEIGHT, WIDTH), np.uint8)
    ground[:OUTDOORS] = paint(lay, region, river_HW, road_HW)
    walkable = np.ones((HEIGHT, WIDTH), np.uint8)
    open_ground, open_walk = ground[:OUTDOORS], walkable[:OUTDOORS]  # views of the grids
    open_walk[open_ground == Ground.WATER] = 0
    open_walk[[0, -1], :] = 0
    open_walk[:, [0, -1]] = 0
    site = open_walk == 1
    houses = buildings(rng, lay, open_ground, site, open_walk)
    shrine_decor = shrine_way(lay, site, open_walk)
    start = _start(lay.village, open_ground, site, open_walk)
    spots = _spots(rng, rules, region, open_ground, site, open_walk, river_HW)
    _belonging(spots, lay)
    places = _places(spots, rules, lay, open_walk, start)
    plants = trees(rng, region, open_ground, site, open_walk, road_HW)
    inside = rooms(houses, ground, walkable)
    places += furniture(rng, rules, inside, len(places), walkable)
    return Map(
        seed,
        WIDTH,
        HEIGHT,
        ground.tobytes(),
        walkable.tobytes(),
        river,
        RIVER_HALF_WIDTH,
        lay.roads,
        tuple(houses + shrine_decor + plants),
        tuple(places),
        start,
        lay.shrine,
        tuple(inside),
    )
