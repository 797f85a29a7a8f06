"""What can be sensed and reached from where a player stands: the first one, unless another is named. Nothing here
changes the world."""

from typing import Protocol

from game.realm.actors import BESIDE, Seer
from game.realm.land import Map, Place
from game.realm.player import Player
from game.realm.population import Population
from game.realm.rules import NOTHING, Rules
from game.realm.spatial_index import SpatialIndex, by_octant
from game.realm.terrain import TILE

SIGHTS = 1024  # points whose sight is remembered: who stands somewhere asks for it again and again
REACH = 28  # px: a place so near can be touched


class Around(Protocol):
    """A realm, or what one player may know of it."""

    rules: Rules
    map: Map
    spatial_index: SpatialIndex
    player: Player

    def seers_for(self, player: Player) -> tuple[Seer, ...]:
        """The seers whom a player can ask."""
        ...


def in_sight(world: Around, player: Player | None = None) -> tuple[tuple[str, int], ...]:
    """(direction word, place index) of the nearest place in each of the eight directions within sight, at least
    `rules.fewest` (farther ones fill up) and at most `rules.most`, nearest first. Walls hide what is behind them:
    in a room only its own places are in sight, outside only those outside."""
    player = player or world.player
    spot = player.x, player.y
    known = world.spatial_index.sights
    if spot not in known:
        if len(known) >= SIGHTS:
            known.clear()
        known[spot] = _sight(world, *spot)
    return known[spot]


def _sight(world: Around, x: int, y: int) -> tuple[tuple[str, int], ...]:
    """What is in sight from a point. It follows from the map alone."""
    rules = world.rules
    reach = (rules.sight * TILE) ** 2
    nearest = by_octant(world.spatial_index.near(x, y), x, y)
    near = sum([distance <= reach for distance, _, _ in nearest])
    if near < rules.fewest:
        nearest, near = by_octant(world.spatial_index.around(x, y), x, y), rules.fewest
    return tuple([(rules.directions[octant], index) for _, octant, index in nearest[: min(rules.most, near)]])


def nearest_place(world: Around, player: Player | None = None) -> Place:
    """The place nearest to the player, under the same sky or in the same room."""
    player = player or world.player
    return world.spatial_index.nearest(player.x, player.y)


def within_reach(world: Around, place: Place, player: Player | None = None) -> bool:
    """True of a place that the player can touch."""
    player = player or world.player
    return (place.x - player.x) ** 2 + (place.y - player.y) ** 2 <= REACH**2


def beside_seer(world: Around, player: Player | None = None) -> Seer | None:
    """The nearest seer who can be asked, if one is so near."""
    player = player or world.player
    x, y = player.x, player.y
    best, nearest = BESIDE**2 + 1, None
    for seer in world.seers_for(player):
        distance = (seer.x - x) ** 2 + (seer.y - y) ** 2
        if distance < best:
            best, nearest = distance, seer
    return nearest


def who_is_at(world: Population, place: int) -> str:
    """The species at a place, or "nothing" (mundane presences are nothing to a seer)."""
    here = world.traces.here[place]
    return world.rules.species[here] if 0 <= here < len(world.rules.species) else NOTHING
