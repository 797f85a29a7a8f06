"""Where people with errands stand, and which places an errand is about."""

from typing import Protocol

from game.realm.actors import Seer
from game.realm.land import Map, Place
from game.realm.player import Player
from game.realm.population import Population
from game.realm.questbook import Person, Plan
from game.realm.rulecheck import ROOM
from game.realm.rules import Rules
from game.realm.shelter import cell
from game.realm.state import Actor

STANDING = ((22, 0), (-22, 0), (22, 16), (-22, 16), (0, 22))  # px from a landmark: where people stand beside it
APART = 64  # px between two people


class Settled(Protocol):
    """Where people stand: a realm, or what one player may know of it."""

    rules: Rules
    map: Map
    seers: list[Seer]

    def open(self, x: int, y: int) -> bool:
        """True if one can stand there."""
        ...

    def is_door(self, x: int, y: int) -> bool:
        """True of a door and of the way out of a room."""
        ...

    def seers_for(self, player: Player) -> tuple[Seer, ...]:
        """The seers whom a player can ask."""
        ...


def standing_place(world: Settled, person: Person, others: list[Actor]) -> Actor:
    """Where somebody stands: a seer wherever that seer is; the rest beside their landmark, or by the door of a house,
    the nearest to the start where nobody else stands."""
    for seer in world.seers:
        if person.seer and seer.kind == person.seer:
            return seer
    land = world.map
    doors = [room.outside for room in land.rooms if room.kind == person.by]
    home = [place for place in land.places if place.region == person.region]
    spots = doors or [(p.x, p.y + 4) for p in home if p.kind == person.by] or [(p.x, p.y + 4) for p in home]
    spots = spots or [land.start]
    start_x, start_y = land.start
    spots = sorted(spots, key=lambda spot: ((spot[0] - start_x) ** 2 + (spot[1] - start_y) ** 2, spot))
    first_free = None  # beside somebody else
    for x, y in ((x + dx, y + dy) for x, y in spots for dx, dy in STANDING):
        if world.open(x, y) and not world.is_door(x, y):
            if world.rules.living and any(cell(x, y) == cell(who.x, who.y) for who in (*others, *world.seers)):
                continue
            if all((x - a.x) ** 2 + (y - a.y) ** 2 > APART**2 for a in others):
                return Actor(person.looks, x, y)
            first_free = first_free or (x, y)
    return Actor(person.looks, *(first_free or spots[0]))


def area(world: Population, giver: Actor, plan: Plan) -> list[int]:
    """The places that an errand is about, nearest first. Where a realm has too few of them: the nearest of all."""
    x, y = (giver.x, giver.y) if plan.near == "giver" else world.map.shrine

    def nearest(places: list[Place]) -> list[int]:
        return [place.index for place in sorted(places, key=lambda p: ((p.x - x) ** 2 + (p.y - y) ** 2, p.index))]

    outdoors = [place for place in world.map.places if place.region != ROOM]
    if plan.rooms:
        chosen = _in_room(world, plan.rooms, x, y)
    else:
        places = [place for place in outdoors if not plan.regions or place.region in plan.regions]
        chosen = nearest([place for place in places if not plan.kinds or place.kind in plan.kinds])
    needed = len(plan.guests) if plan.task == "all" else 1
    if len(chosen) < needed:  # this realm has too few of them
        chosen = nearest(outdoors)
    return chosen[: plan.most]


def _in_room(world: Population, kinds: tuple[str, ...], x: int, y: int) -> list[int]:
    """The places of the room of these kinds whose door is nearest; none if there is no such room."""
    rooms = [room for room in world.map.rooms if room.kind in kinds]
    if not rooms:
        return []
    home = min(rooms, key=lambda room: ((room.outside[0] - x) ** 2 + (room.outside[1] - y) ** 2, room.index))
    return [place.index for place in world.map.places if place.room == home.index]
