"""The realm without its people: the map, the clock, the sky, the traces, and who has to choose next.

All x, y are pixels of the world, durations ticks. Each purpose has a random stream of its own.
"""

import heapq
from collections.abc import Sequence
from random import Random
from typing import Protocol

from game.realm.land import Map, Place
from game.realm.rulecheck import REGIONS, ROOM
from game.realm.rules import Rules
from game.realm.spatial_index import SpatialIndex
from game.realm.terrain import TILE, Point
from game.realm.traces import NOBODY, Pair, Traces
from game.realm.worldgen import generate


class Actor:
    """Somebody with a position (px, at the foot) and a facing (n, e, s, w)."""

    __slots__ = ("facing", "kind", "moving", "x", "y")

    def __init__(self, kind: str, x: int, y: int) -> None:
        self.kind, self.x, self.y = kind, x, y
        self.facing, self.moving = "s", False


class Mover(Protocol):
    """Somebody who chooses where to go. number: their index among the movers; until: the tick of the next choice."""

    number: int
    until: int


class Surroundings:
    """What anybody in a realm may know of it: the map, the clock, the sky. seed: of the map.

    land: the map of this seed and these rules, if it is at hand."""

    def __init__(self, seed: int, rules: Rules, start_hour: float | None = None, land: Map | None = None) -> None:
        self.seed, self.rules = seed, rules
        self.start_hour = rules.start_hour if start_hour is None else start_hour
        self.map: Map = land or generate(seed, rules)
        self.spatial_index = SpatialIndex(self.map, rules.sight)
        self.doors = {room.door: (room.inside, "n") for room in self.map.rooms}
        self.doors |= {room.exit: (room.outside, "s") for room in self.map.rooms}
        self.tick = 0
        self.hour, self.phase, self.weather = self.start_hour, "", ""
        self.flooded, self._water, self._turned = False, 0.0, 0

    @property
    def flood(self) -> float:
        """How high the river stands, 0 to 1: it rises while it is in flood, and falls after."""
        gone = (self.tick - self._turned) / (self.rules.rise * self.rules.ticks_per_second)
        return min(1.0, max(0.0, self._water + (gone if self.flooded else -gone)))

    def hour_at(self, tick: int) -> float:
        """The hour of the day at a tick, 0 to 24."""
        return (self.start_hour + tick / (self.rules.ticks_per_second * self.rules.seconds_per_hour)) % 24

    def open(self, x: int, y: int) -> bool:
        """True if one can stand there."""
        column, row, area = x // TILE, y // TILE, self.map
        return 0 <= column < area.width and 0 <= row < area.height and area.walkable[row * area.width + column] == 1

    def is_door(self, x: int, y: int) -> bool:
        """True of a door and of the way out of a room."""
        return (x // TILE, y // TILE) in self.doors

    def haunts_of(self, region: str) -> list[int]:
        """The places that belong to a region, or to all rooms, for whoever haunts it."""
        return [place.index for place in self.map.places if self._haunted_as(place) == region]

    def _haunted_as(self, place: Place) -> str:
        """The region that a place belongs to for whoever haunts it. In play the village reaches far around the start,
        so that one learns to see its own guests before one meets others."""
        living, start = self.rules.living, self.map.start
        if living is None or place.region in ("shrine", ROOM):
            return place.region
        near = (place.x - start[0]) ** 2 + (place.y - start[1]) ** 2 <= (living.village * TILE) ** 2
        return "village" if near or place.region == "village" else place.region

    def home(self, region: str) -> Point:
        """Where a seer of a region is to be found: by the landmark nearest the region's heart."""
        land = self.map
        bridges = [(p.x, p.y) for p in land.places if p.region == "river"][-1:]
        hut = [room.outside for room in land.rooms if room.kind == "hut"]
        x, y = ({"shrine": [land.shrine], "river": bridges, "forest": hut}.get(region) or [land.start])[0]
        landmarks = [p for p in land.places if p.region == region] or land.places
        place = min(landmarks, key=lambda p: (p.x - x) ** 2 + (p.y - y) ** 2)
        spots = [(place.x + dx * TILE, place.y + dy * TILE) for dx, dy in ((1, 1), (-1, 1), (0, 1), (1, 0), (-1, 0))]
        column, row = next(((x // TILE, y // TILE) for x, y in spots if self.open(x, y)), (x // TILE, y // TILE))
        return column * TILE + TILE // 2, row * TILE + TILE // 2


class RealmState(Surroundings):
    """What everybody who lives in a realm finds there. players: those who walk it by their own actions.

    secret: what the random streams are seeded with instead of the map's seed. Whoever knows the seed of a realm without
    a secret can compute who is where.
    """

    players: Sequence[Actor]

    def __init__(
        self,
        seed: int,
        rules: Rules,
        start_hour: float | None = None,
        land: Map | None = None,
        secret: str = "",
    ) -> None:
        super().__init__(seed, rules, start_hour, land)
        self.secret = secret
        self._sky = self.stream("sky")
        self.traces = Traces(rules, len(self.map.places), self.stream("traces"))
        self.agenda: list[tuple[int, int]] = []  # (tick, number of the mover who then chooses where to go)
        self.arrived = False  # somebody has arrived in this tick
        rng = self.stream("withheld")
        self._withheld: list[Pair] = [(a, b) for a, b in (rng.sample(range(4), 2) for _ in rules.spirits)]
        self.spell = 0  # hours for which the weather stays
        self._begin_hour()
        places = self.map.places
        self.everywhere = list(range(len(places)))
        self._of_region = {name: self.haunts_of(name) for name in (*REGIONS, ROOM)}
        self.haunts = [
            [index for name in kind.haunts for index in self._of_region[name]] or self.everywhere
            for kind in rules.spirits
        ]

    def stream(self, purpose: str) -> Random:
        """The random stream of one purpose."""
        return Random(f"{self.secret or self.seed}/{purpose}")

    def sensed_at(self, place: int) -> tuple[tuple[int, str], ...]:
        """What can be sensed at a place: (number of the sense, thing)."""
        return self.traces.sensed[place]

    @property
    def truth(self) -> list[int]:
        """Per place, who is there. For lessons, tests and measurement; a renderer has no business with it."""
        return self.traces.here

    def dangerous(self, place: int) -> bool:
        """True of a place by the river while it is in flood."""
        return self.flooded and self.map.places[place].region == "river"

    def neighbours(self, place: int) -> list[int]:
        """Where folk who work at a place go next."""
        return self.spatial_index.neighbours(place)

    def schedule(self, who: Mover) -> None:
        """Somebody chooses where to go when their time here is up; a plan that has changed since is void."""
        heapq.heappush(self.agenda, (who.until, who.number))

    def taken(self, who: Actor, x: int | None = None, y: int | None = None) -> bool:
        """True in play, if somebody else stands on the tile of a point: (x, y), or where this one is."""
        return False

    def note_arrival(self, who: Mover) -> None:
        """Somebody has arrived."""
        self.arrived = True
        self.schedule(who)

    def withheld(self, species: int) -> Pair | None:
        """The pair of senses in which a species doesn't show itself yet, in the first days of play; None for none."""
        living = self.rules.living
        hours = self.tick // (self.rules.ticks_per_second * self.rules.seconds_per_hour)
        return self._withheld[species] if living is not None and hours < living.withheld else None

    def crowded(self, place: int) -> bool:
        """True in play, if as many places of this one's region are haunted as may be."""
        living = self.rules.living
        if living is None:
            return False
        here, species = self.traces.here, len(self.rules.spirits)
        region = self._of_region[self._haunted_as(self.map.places[place])]
        return sum(0 <= here[other] < species for other in region) >= living.crowd * len(region)

    def free_place(self, places: list[int], rng: Random) -> int:
        """One of these places where nobody is, or NOBODY if the few tries fail."""
        for _ in range(4):
            place = places[int(rng.random() * len(places))]
            if self.traces.here[place] == NOBODY:
                return place
        return NOBODY

    def _begin_hour(self) -> None:
        """Every hour: the phase of the day, and the weather, follow the clock and the sky's own stream."""
        rules = self.rules
        self.phase = rules.phases[-1][0]
        for name, start in rules.phases:
            if self.hour >= start:
                self.phase = name
        if self.spell:
            self.spell -= 1
            return
        names, chances = zip(*rules.weather, strict=True)
        self.weather = self._sky.choices(names, chances)[0]
        if rules.living:
            self.spell = self._sky.randint(*rules.living.spell) - 1
        flooded = self.weather in rules.floods
        if flooded != self.flooded:
            self._water, self._turned, self.flooded = self.flood, self.tick, flooded

    def tick_clock(self) -> None:
        self.tick += 1
        self.hour = self.hour_at(self.tick)
        if self.tick % (self.rules.ticks_per_second * self.rules.seconds_per_hour) == 0:
            self._begin_hour()
