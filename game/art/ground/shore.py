"""Creeks: a jetty that stands a few steps from the river gets water of its own, painted from its end to the stream.

They are only drawn. The realm's tiles stay as they are, and one walks through this water as through a marsh.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from game.realm.land import Map
from game.realm.terrain import TILE, Point

END = 30  # px above its foot: where a jetty's far end stands in the water
POOL, RUN = 19, 10  # half the width of the water around that end, and of the creek that leads to it, px
WIDE = 12  # px to either side that the pool reaches before it is round
AROUND = 34  # px beside its foot: how a creek passes a jetty whose river lies below it
FARTHEST = 160  # px: from a jetty farther than this from the river no creek leads there
Line = tuple[Point, ...]


@dataclass(frozen=True)
class Shore:
    """The water of a map's jetties. pools, runs: polylines in px of the world, POOL and RUN px wide to either side."""

    pools: tuple[Line, ...] = ()
    runs: tuple[Line, ...] = ()


def nearest(lines: tuple[Line, ...], x: int, y: int) -> tuple[float, Point]:
    """The distance (px) to the nearest point of some polylines, and that point; (inf, (x, y)) if there is none."""
    best = (float("inf"), (x, y))
    for line in lines:
        for (ax, ay), (bx, by) in pairwise(line):
            length = max(1, (bx - ax) ** 2 + (by - ay) ** 2)
            part = min(1.0, max(0.0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length))
            spot = (round(ax + part * (bx - ax)), round(ay + part * (by - ay)))
            best = min(best, (((spot[0] - x) ** 2 + (spot[1] - y) ** 2) ** 0.5, spot))
    return best


def shore(land: Map) -> Shore:
    """The creeks of a map, one for each jetty near the river."""
    pools, runs = [], []
    for place in land.places:
        end = (place.x, place.y - END)
        far, spot = nearest((land.river,), *end)
        if place.kind != "jetty" or far > FARTHEST:
            continue
        side = 1 if spot[0] >= place.x else -1
        around = ((place.x + side * AROUND, place.y - 6),) if spot[1] > place.y else ()
        pools.append(((end[0] - WIDE, end[1]), (end[0] + WIDE, end[1])))
        runs.append((end, *around, spot))
    return Shore(tuple(pools), tuple(runs))


def soaked(land: Map) -> np.ndarray:
    """(height, width) bool: the tiles that lie in a creek, where nothing of the meadow grows."""
    wet = np.zeros((land.height, land.width), bool)
    outline = shore(land)
    for lines, half in ((outline.pools, POOL), (outline.runs, RUN)):
        for line in lines:
            for (ax, ay), (bx, by) in pairwise(line):
                for step in range(0, 33):
                    x, y = ax + (bx - ax) * step / 32, ay + (by - ay) * step / 32
                    rows = slice(max(0, int(y - half) // TILE), int(y + half) // TILE + 1)
                    wet[rows, max(0, int(x - half) // TILE) : int(x + half) // TILE + 1] = True
    return wet
