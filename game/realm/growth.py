"""Plants and stones: trees, bamboo, bushes, rocks, cattails, and the arches and lanterns of the shrine's way.

A tree blocks the tile of its trunk. Trees never shut anything in. Each stands alone in its cell of two by two tiles,
and the eight tiles around it are open ground. Of two trees that would touch corner to corner across a cell's side, one
is left out. So at most the four trees around one corner of four cells touch, and one can walk around them.
"""

from functools import lru_cache
from itertools import repeat
from random import Random

import numpy as np

from game.realm.land import Decor
from game.realm.rulecheck import REGIONS
from game.realm.terrain import NEAR, OUTDOORS, ROAD_HALF_WIDTH, TILE, WIDTH, Ground, Lay, is_ground, waves

CELL = 2  # tiles
DENSITY = {"village": 0.07, "forest": 0.64, "river": 0.16, "shrine": 0.22}
KINDS = {  # region, in the order of REGIONS, then groves and the marsh -> (kind, its share)
    "village": (("tree", 0.45), ("sakura", 0.2), ("bush", 0.25), ("rock", 0.1)),
    "forest": (("tree", 0.45), ("pine", 0.42), ("bush", 0.08), ("rock", 0.05)),
    "river": (("tree", 0.3), ("bush", 0.4), ("rock", 0.3)),
    "shrine": (("sakura", 0.6), ("pine", 0.25), ("bush", 0.05), ("rock", 0.1)),
    "grove": (("bamboo", 0.85), ("tree", 0.1), ("bush", 0.05)),
    "marsh": (("cattail", 1.0),),  # cattails don't block their tile
}
SHAKE = 5  # px between a trunk and the middle of its tile, at most
SOFT = (Ground.GRASS, Ground.LEAVES, Ground.MOSS, Ground.MARSH)
ARCH_EVERY = 3  # tiles between the arches over the shrine's way


def _open(ground: np.ndarray, walkable: np.ndarray, site: np.ndarray, road_HW: np.ndarray) -> np.ndarray:
    """The tiles of soft ground that have no blocked tile beside them."""
    free = is_ground(ground, SOFT) & site & (walkable == 1) & (road_HW >= min(NEAR, ROAD_HALF_WIDTH + TILE))
    blocked = walkable == 0
    for rows, fewer in ((slice(0, -2), slice(1, -1)), (slice(1, -1), slice(1, -1)), (slice(2, None), slice(1, -1))):
        for columns in (slice(0, -2), slice(1, -1), slice(2, None)):
            free[fewer, 1:-1] &= ~blocked[rows, columns]
    free[[0, -1], :] = False
    free[:, [0, -1]] = False
    return free


def trees(
    rng: Random, region: np.ndarray, ground: np.ndarray, site: np.ndarray, walkable: np.ndarray, road_HW: np.ndarray
) -> list[Decor]:
    """The plants and rocks of the open world. Blocks their tiles in `walkable`."""
    high, wide = OUTDOORS // CELL, WIDTH // CELL
    luck = np.frombuffer(rng.randbytes(high * wide * 4), np.uint8).reshape(4, high, wide)
    down, right = luck[0] & 1, luck[0] >> 1 & 1
    rows, columns = np.arange(high)[:, None] * CELL + down, np.arange(wide)[None] * CELL + right
    here = region[rows, columns]
    density = (np.array([DENSITY[name] for name in REGIONS]) * 256).astype(int)
    grown = _open(ground, walkable, site, road_HW)[rows, columns] & (luck[1] < density[here])
    beside = grown[:, :-1] & grown[:, 1:] & (right[:, :-1] == 1) & (right[:, 1:] == 0) & (down[:, :-1] != down[:, 1:])
    grown[:, 1:] &= ~beside
    below = grown[:-1] & grown[1:] & (down[:-1] == 1) & (down[1:] == 0) & (right[:-1] != right[1:])
    grown[1:] &= ~below
    r, c, soil = rows[grown], columns[grown], here[grown]
    marshy = ground[r, c] == Ground.MARSH
    soil[(soil == REGIONS.index("forest")) & waves((0.21, 0.13), (-0.09, 0.27), 1.0)[r, c]] = len(REGIONS)
    soil[marshy] = len(REGIONS) + 1
    walkable[r[~marshy], c[~marshy]] = 0
    x = c * TILE + TILE // 2 - SHAKE + luck[3][grown] % (2 * SHAKE + 1)
    y, variant, kinds = r * TILE + TILE * 3 // 4, luck[3][grown] >> 4 & 3, _kinds()
    which = kinds[soil, luck[2][grown]].tolist()
    rows = zip(which, x.tolist(), y.tolist(), variant.tolist(), strict=True)
    return list(map(tuple.__new__, repeat(Decor), rows))  # what Decor._make does, a thousand times without a call


@lru_cache(maxsize=1)
def _kinds() -> np.ndarray:
    """The kind that grows, by [region, grove or marsh; random byte]: words."""
    by_luck = []
    for parts in KINDS.values():
        ends = [sum(part for _, part in parts[: index + 1]) for index in range(len(parts))]
        by_luck.append(
            [next(k for (k, _), end in zip(parts, ends, strict=True) if luck / 256 < end) for luck in range(256)]
        )
    return np.array(by_luck, object)


def shrine_way(lay: Lay, site: np.ndarray, walkable: np.ndarray) -> list[Decor]:
    """Arches over the stairs, and stone lanterns beside them and around the court; lanterns block their tile."""
    column, top = lay.shrine[0] // TILE, lay.shrine[1] // TILE
    decor = [
        Decor("arch", lay.shrine[0], row * TILE + TILE // 2, 0)
        for row in range(top + 4, lay.foot[1] // TILE - 1, ARCH_EVERY)
    ]
    spots = [(column + side * 3, row) for row in range(top + 3, lay.foot[1] // TILE + 1, 4) for side in (-1, 1)]
    for c, row in (*spots, (column - 6, top + 1), (column + 6, top + 1)):
        walkable[row, c] = 0
        site[row - 1 : row + 2, c - 1 : c + 2] = False
        decor.append(Decor("toro", c * TILE + TILE // 2, row * TILE + TILE * 3 // 4, 0))
    return decor
