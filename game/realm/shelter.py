"""Where people of a realm of play are at home: in a house by night and in rain, around it otherwise."""

from typing import Protocol

from game.realm.land import OUTSIDE
from game.realm.state import RealmState
from game.realm.terrain import TILE, Point

SHARE = 2  # people of a house


class Dweller(Protocol):
    """Somebody who may have a house. home: index of its room, or OUTSIDE; x, y: px; last: the place where they were."""

    kind: str
    x: int
    y: int
    home: int

    @property
    def last(self) -> int: ...


def settle(world: RealmState, people: list[Dweller]) -> None:
    """Gives every house to the people nearest to its door; who is in it is nearest. Nothing but in play."""
    living = world.rules.living
    homeless = [who for who in people if living is not None and who.kind in living.housed]
    for room in world.map.rooms:

        def away(who: Dweller, number: int = room.index, door: Point = room.outside) -> int:
            inside = room_of(world, who)
            if inside == number:
                return -1
            return (who.x - door[0]) ** 2 + (who.y - door[1]) ** 2 if inside == OUTSIDE else 10**9

        for who in sorted(homeless, key=away)[:SHARE]:
            who.home = room.index
            homeless.remove(who)


def room_of(world: RealmState, who: Dweller) -> int:
    """Index of the room that somebody is in, or OUTSIDE."""
    room = world.spatial_index.room(who.x, who.y)
    return room.index if room is not None else OUTSIDE


def stays_in(world: RealmState) -> bool:
    """True while people who have a house are in it."""
    living = world.rules.living
    return living is not None and (world.phase in living.indoors or world.weather in living.indoors)


def around(world: RealmState, who: Dweller) -> list[int]:
    """The places to which somebody may go next."""
    if who.home == OUTSIDE:
        return world.neighbours(who.last)
    home = world.map.rooms[who.home]
    if stays_in(world):
        return [place.index for place in world.spatial_index.around(*home.inside)]
    nearest = world.spatial_index.nearest(*home.outside).index
    return [nearest, *world.neighbours(nearest)]


def heading(world: RealmState, who: Dweller, place: int) -> tuple[Point, Point | None]:
    """Where to walk on the way to a place (px): there, or to a door; and where that door leads."""
    spot, own = world.map.places[place], room_of(world, who)
    if spot.room == own:
        return (spot.x, spot.y), None
    if own == OUTSIDE:
        return world.map.rooms[spot.room].outside, world.map.rooms[spot.room].inside
    return world.map.rooms[own].inside, world.map.rooms[own].outside


def cell(x: int, y: int) -> tuple[int, int]:
    """The tile of a point."""
    return x // TILE, y // TILE
