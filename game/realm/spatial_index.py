"""A spatial index: which places are near a point, looked up by block of the map. Its cost doesn't grow with the map.

It changes nothing of a world. The lists that it keeps follow from the map.
"""

from collections.abc import Sequence

from game.realm.houses import SLOT
from game.realm.land import OUTSIDE, Map, Place, Room
from game.realm.terrain import OUTDOORS, TILE

BLOCK = 8  # tiles
NEIGHBOURHOOD = 18  # tiles: how far folk look for their next place
SLOPE = 414  # tan(22.5 degrees) in thousandths: where one of the eight directions ends


class SpatialIndex:
    """sight: tiles. sights: what is in sight from points that were asked for (senses.in_sight). All x, y are px."""

    def __init__(self, land: Map, sight: int) -> None:
        self._land, self._reach = land, sight * TILE
        self._of_room: dict[int, list[Place]] = {OUTSIDE: []}
        for place in land.places:
            self._of_room.setdefault(place.room, []).append(place)
        self._near: dict[tuple[int, int], list[Place]] = {}
        self._neighbours: dict[int, list[int]] = {}
        self.sights: dict[tuple[int, int], tuple[tuple[str, int], ...]] = {}

    def room(self, x: int, y: int) -> Room | None:
        """The room that a point lies in; None under the open sky."""
        if y < OUTDOORS * TILE:
            return None
        index = x // TILE // SLOT
        return self._land.rooms[index] if 0 <= index < len(self._land.rooms) else None

    def around(self, x: int, y: int) -> Sequence[Place]:
        """The places under the same sky, or in the same room."""
        room = self.room(x, y)
        return self._of_room[room.index if room else OUTSIDE]

    def near(self, x: int, y: int) -> Sequence[Place]:
        """The places around a point: all that are within sight, and perhaps some more."""
        if y >= OUTDOORS * TILE:
            return self.around(x, y)
        size = BLOCK * TILE
        block = (x // size, y // size)
        if block not in self._near:
            left, top = block[0] * size - self._reach, block[1] * size - self._reach
            right, bottom = left + size + 2 * self._reach, top + size + 2 * self._reach
            self._near[block] = [p for p in self._of_room[OUTSIDE] if left <= p.x <= right and top <= p.y <= bottom]
        return self._near[block]

    def nearest(self, x: int, y: int) -> Place:
        """The nearest place, under the same sky or in the same room."""
        near = self.near(x, y)
        if near:
            best = min(near, key=lambda place: (place.x - x) ** 2 + (place.y - y) ** 2)
            if (best.x - x) ** 2 + (best.y - y) ** 2 <= self._reach**2:
                return best
        return min(self.around(x, y), key=lambda place: (place.x - x) ** 2 + (place.y - y) ** 2)

    def neighbours(self, place: int) -> list[int]:
        """Indices of the places within a short walk of one, in the same room if it is in one."""
        if place not in self._neighbours:
            here, reach = self._land.places[place], NEIGHBOURHOOD * TILE
            self._neighbours[place] = [
                p.index
                for p in self._of_room[here.room]
                if abs(p.x - here.x) < reach and abs(p.y - here.y) < reach and p is not here
            ]
        return self._neighbours[place]


def by_octant(places: Sequence[Place], px: int, py: int) -> list[tuple[int, int, int]]:
    """(squared distance, octant, place index) of the nearest place in each direction, nearest first.

    Octants: 0 = north, clockwise. Whole numbers only, so that every machine agrees.
    """
    best: list[tuple[int, int, int] | None] = [None] * 8
    for place in places:
        dx, dy = place.x - px, place.y - py
        distance, ax, ay = dx * dx + dy * dy, abs(dx), abs(dy)
        if ax * 1000 < ay * SLOPE:
            octant = 0 if dy < 0 else 4
        elif ay * 1000 < ax * SLOPE:
            octant = 2 if dx > 0 else 6
        elif dx > 0:
            octant = 1 if dy < 0 else 3
        else:
            octant = 7 if dy < 0 else 5
        nearest = best[octant]
        if nearest is None or distance < nearest[0]:
            best[octant] = (distance, octant, place.index)
    return sorted(nearest for nearest in best if nearest)
