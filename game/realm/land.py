"""The still part of a realm, as data: what stands where, which places may be haunted, which rooms one can enter.

All x, y are whole pixels of the world, at the foot (base centre) of a thing; a tile is terrain.TILE pixels wide.
"""

from dataclasses import dataclass
from typing import NamedTuple

from game.realm.terrain import Point

OUTSIDE = -1  # the room index of everything under the open sky


class Decor(NamedTuple):
    """Something that no question asks about: a tree, a rock, a house, a stone lantern."""

    kind: str
    x: int
    y: int
    variant: int


@dataclass(frozen=True, slots=True)
class Place:
    """A landmark where a spirit or a mundane presence may be. room: index of the Room it is in, or OUTSIDE."""

    index: int
    kind: str
    x: int
    y: int
    region: str
    room: int = OUTSIDE


@dataclass(frozen=True, slots=True)
class Room:
    """The inside of a building. left, top, width, height: tiles, walls included (two rows at the top).

    door, exit: (column, row) of the tile that leads in, and out. inside, outside: px where one stands after going in,
    after going out. house: index of the building among Map.decor.
    """

    index: int
    kind: str
    left: int
    top: int
    width: int
    height: int
    inside: Point
    outside: Point
    door: Point
    exit: Point
    house: int


@dataclass(frozen=True)
class Map:
    """The still part of a realm. ground, walkable: one byte per tile, row by row (y * width + x); the rows from
    terrain.OUTDOORS on hold the rooms."""

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
    rooms: tuple[Room, ...] = ()
