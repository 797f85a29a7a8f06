"""The errand that the player is about, and where it leads: what the line on the screen, its ring and the map show."""

import math
from dataclasses import dataclass

from game.realm.actors import NEVER
from game.realm.errand import Errand
from game.realm.land import Room
from game.realm.terrain import OUTDOORS, TILE
from game.realm.traces import NOBODY
from game.realm.view import PlayerView
from game.ui.words import bearing

MARGIN = 40  # px that the ring around an errand's places lies outside of them


@dataclass(frozen=True)
class Trail:
    """Where an errand leads. x, y: px of the world, outdoors; reach: px, the radius of its places around that, 0 for
    somebody who waits; count, of: steps done; left: s until time is up, None without a limit."""

    title: str
    x: int
    y: int
    reach: int
    count: int
    of: int
    where: str
    left: int | None = None


def followed(world: PlayerView) -> Errand | None:
    """The errand that was taken last and isn't told yet as done; of those that wait to be told, the first."""
    under_way = [errand for errand in world.quests.errands.values() if errand.stage in ("taken", "ready")]
    return max(under_way, key=lambda errand: (errand.stage == "taken", errand.began), default=None)


def trail(world: PlayerView) -> Trail | None:
    """Where the errand that is followed leads now; None if there is none."""
    errand = followed(world)
    if errand is None:
        return None
    x, y, reach = _goal(world, errand)
    limit = errand.plan.task == "all" and errand.asks and errand.due != NEVER
    left = max(0, errand.due - world.tick) // world.rules.ticks_per_second if limit else None
    count = min(errand.count, errand.plan.count)
    return Trail(errand.plan.title, x, y, reach, count, errand.plan.count, _where(world, x, y, reach), left)


def staring(world: PlayerView) -> tuple[int, float] | None:
    """(place, how far 0..1) while the player stares at whoever may be there; None if they don't."""
    for errand in world.quests.errands.values():
        if errand.plan.task == "stay" and errand.stage == "taken" and errand.still > 0 and errand.beside != NOBODY:
            return errand.beside, min(1.0, errand.still / (errand.plan.seconds * world.rules.ticks_per_second))
    return None


def outdoors(world: PlayerView, x: int, y: int) -> tuple[int, int]:
    """A point as it lies in the open: one in a room counts as the spot before the room's door."""
    room = room_at(world, x, y)
    return room.outside if room is not None else (x, y)


def room_at(world: PlayerView, x: int, y: int) -> Room | None:
    """The room in which a point lies; None in the open."""
    rooms = world.map.rooms if y >= OUTDOORS * TILE else ()
    return next((room for room in rooms if room.left * TILE <= x < (room.left + room.width) * TILE), None)


def _goal(world: PlayerView, errand: Errand) -> tuple[int, int, int]:
    """(x, y, reach): the giver while one has to speak to them, else a circle around the errand's places."""
    quests, places = world.quests, world.map.places
    waits = errand.stage == "ready" or (errand.plan.task == "all" and not errand.asks)
    if waits or not errand.area:
        who = quests.people[list(quests.book.people).index(errand.plan.giver)]
        return *outdoors(world, who.x, who.y), 0
    spots = [outdoors(world, places[place].x, places[place].y) for place in errand.area]
    x, y = (sum(axis) // len(spots) for axis in zip(*spots, strict=True))
    return x, y, MARGIN + math.ceil(max(math.hypot(spot[0] - x, spot[1] - y) for spot in spots))


def _where(world: PlayerView, x: int, y: int, reach: int) -> str:
    """Which way it is from the player, in words."""
    player = world.player
    here = outdoors(world, player.x, player.y)
    if math.hypot(here[0] - x, here[1] - y) <= reach:
        return "around here"
    return bearing(x - here[0], y - here[1], world.rules.directions)
