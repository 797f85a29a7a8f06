"""The realm in time: who is where, and what a tick changes.

A World is its seed and the actions it was given: `step` is the only way in, and nothing but the world's own
random streams (one per purpose) decides. Percepts never enter. All x, y are pixels, durations ticks.
"""

import heapq
from collections import deque
from random import Random

from game.realm.actions import TAIL, act, follow
from game.realm.actions import Action as Action
from game.realm.actions import Came as Came
from game.realm.actions import Happening as Happening
from game.realm.actions import Revealed as Revealed
from game.realm.actions import Said as Said
from game.realm.actors import Actor, Folk, Seer, Spirit
from game.realm.familiar import Familiar
from game.realm.quests import Quests
from game.realm.rules import REGIONS, ROOM, Rules
from game.realm.rules import load as load_rules
from game.realm.senses import beside_seer as beside_seer
from game.realm.senses import in_sight as in_sight
from game.realm.senses import nearest_place as nearest_place
from game.realm.senses import room_of as room_of
from game.realm.senses import walkable as walkable
from game.realm.senses import who_is_at as who_is_at
from game.realm.senses import within_reach as within_reach
from game.realm.spatial_index import SpatialIndex
from game.realm.terrain import TILE, Point
from game.realm.traces import NOBODY, Traces
from game.realm.worldgen import Map, generate

TICKS_PER_SECOND = 30


class World:
    """One realm. Read its attributes; change it through `step` alone."""

    def __init__(self, seed: int, rules: Rules, start_hour: float | None = None) -> None:
        self.seed, self.rules = seed, rules
        self.start_hour = rules.start_hour if start_hour is None else start_hour
        self.map: Map = generate(seed, rules)
        self.vicinity = SpatialIndex(self.map, rules.sight)
        self._doors = {room.door: (room.inside, "n") for room in self.map.rooms}
        self._doors |= {room.exit: (room.outside, "s") for room in self.map.rooms}
        self.tick = 0
        self.resting = False
        self.hour, self.phase, self.weather = self.start_hour, "", ""
        self.flooded, self._water, self._turned = False, 0.0, 0
        self._sky = Random(f"{seed}/sky")
        self.traces = Traces(rules, len(self.map.places), Random(f"{seed}/traces"))
        self.player = Actor("player", *self.map.start)
        self.familiar = Familiar(self.map.start)
        self.familiar_with = False
        self._trail: deque[tuple[int, int, str]] = deque(maxlen=TAIL)
        self.shown: dict[tuple[int, int], int] = {}  # (spirit, visit) that a seer has pointed at -> tick
        self._dawn_of_hour()
        self._populate()
        self.quests = Quests(self)

    def _populate(self) -> None:
        """Seers, folk and spirits come to be where they are, each from a stream of their own."""
        rules, places = self.rules, self.map.places
        self._agenda: list[tuple[int, int]] = []  # (tick, number of somebody who then has to choose where to go)
        self._walking: list[Folk | Seer] = []
        self._settled = False
        rng, x, y = Random(f"{self.seed}/seers"), *self.map.start
        spots = [(x - 2 * TILE, y), *(self._home(rule.home) for rule in rules.seers[1:])]
        self.seers = [Seer(rule, spot, rng) for rule, spot in zip(rules.seers, spots, strict=True)]
        self.seer = self.seers[0]
        self.everywhere = list(range(len(places)))
        where = {name: [p.index for p in places if p.region == name] for name in (*REGIONS, ROOM)}
        self.haunts = [[i for name in kind.haunts for i in where[name]] or self.everywhere for kind in rules.spirits]
        rng = Random(f"{self.seed}/folk")
        self.folk = [
            Folk(kind, index, self, rng)
            for kind, index in self._owners(rules.folk, rules.folk_each, len(rules.spirits))
        ]
        rng = Random(f"{self.seed}/spirits")
        self.spirits = [
            Spirit(kind, index, self, rng) for kind, index in self._owners(rules.spirits, rules.spirits_each, 0)
        ]
        self._movers: list[Folk | Seer | Spirit] = [*self.folk, *self.seers[1:], *self.spirits]
        for number, who in enumerate(self._movers):
            who.number = number
            self.plan(who)

    def _home(self, region: str) -> Point:
        """Where a seer of a region is to be found: by the landmark nearest the region's heart."""
        land = self.map
        bridges = [(p.x, p.y) for p in land.places if p.region == "river"][-1:]
        hut = [room.outside for room in land.rooms if room.kind == "hut"]
        x, y = ({"shrine": [land.shrine], "river": bridges, "forest": hut}.get(region) or [land.start])[0]
        there = [p for p in land.places if p.region == region] or land.places
        place = min(there, key=lambda p: (p.x - x) ** 2 + (p.y - y) ** 2)
        spots = [(place.x + dx * TILE, place.y + dy * TILE) for dx, dy in ((1, 1), (-1, 1), (0, 1), (1, 0), (-1, 0))]
        column, row = next(((x // TILE, y // TILE) for x, y in spots if self.open(x, y)), (x // TILE, y // TILE))
        return column * TILE + TILE // 2, row * TILE + TILE // 2

    @staticmethod
    def _owners(kinds: tuple, each: int, first: int) -> list[tuple]:
        return [(kind, first + i) for _ in range(each) for i, kind in enumerate(kinds)]

    @property
    def truth(self) -> list[int]:
        """Per place, who is there. For lessons, tests and measurement; a renderer has no business with it."""
        return self.traces.here

    @property
    def actors(self) -> tuple[Actor, ...]:
        """Everybody whom one can see: the player, the seer who follows, the other seers, the familiar, the folk."""
        return (self.player, *self.seers, *((self.familiar,) if self.familiar_with else ()), *self.folk)

    @property
    def flood(self) -> float:
        """How high the river stands, 0 to 1: it rises while it is in flood, and falls after."""
        gone = (self.tick - self._turned) / (self.rules.rise * self.rules.ticks_per_second)
        return min(1.0, max(0.0, self._water + (gone if self.flooded else -gone)))

    def dangerous(self, place: int) -> bool:
        """True of a place by the river while it is in flood."""
        return self.flooded and self.map.places[place].region == "river"

    def familiar_joins(self) -> None:
        """The familiar goes with the player from now on."""
        self.familiar_with = True
        self.familiar.join(self)

    def open(self, x: int, y: int) -> bool:
        """True if one can stand there."""
        column, row, area = x // TILE, y // TILE, self.map
        return 0 <= column < area.width and 0 <= row < area.height and area.walkable[row * area.width + column] == 1

    def leads(self, x: int, y: int) -> bool:
        """True of a door and of the way out of a room."""
        return (x // TILE, y // TILE) in self._doors

    def neighbours(self, place: int) -> list[int]:
        """Where folk who work at a place go next."""
        return self.vicinity.neighbours(place)

    def plan(self, who: Folk | Seer | Spirit) -> None:
        """Somebody chooses where to go when their time here is up; a plan that has changed since is void."""
        heapq.heappush(self._agenda, (who.until, who.number))

    def settle(self, who: Folk | Seer) -> None:
        """Somebody has arrived."""
        self._settled = True
        self.plan(who)

    def move_everybody(self) -> None:
        """Who is on the way takes a step; whose time is up chooses where to go."""
        for walker in self._walking:
            walker.step(self)
        if self._settled:
            self._walking = [walker for walker in self._walking if walker.moving]
            self._settled = False
        agenda, tick = self._agenda, self.tick
        while agenda and agenda[0][0] <= tick:
            due, number = heapq.heappop(agenda)
            who = self._movers[number]
            if who.until != due or who.moving:
                continue
            if who.move_on(self) and not isinstance(who, Spirit):
                self._walking.append(who)
            else:
                self.plan(who)

    def vacate(self, place: int) -> None:
        """Whoever is at a place leaves it."""
        for spirit in self.spirits:
            if spirit.place == place:
                spirit.yield_place(self)
        for worker in self.folk:
            if worker.place == place:
                worker.yield_place(self)

    def free_place(self, places: list[int], rng: Random) -> int:
        """One of these places where nobody is, or NOBODY if the few tries fail."""
        for _ in range(4):
            place = places[int(rng.random() * len(places))]
            if self.traces.here[place] == NOBODY:
                return place
        return NOBODY

    def _dawn_of_hour(self) -> None:
        """Every hour: the phase of the day, and the weather, follow the clock and the sky's own stream."""
        rules = self.rules
        self.phase = rules.phases[-1][0]
        for name, start in rules.phases:
            if self.hour >= start:
                self.phase = name
        names, chances = zip(*rules.weather, strict=True)
        self.weather = self._sky.choices(names, chances)[0]
        flooded = self.weather in rules.floods
        if flooded != self.flooded:
            self._water, self._turned, self.flooded = self.flood, self.tick, flooded

    def tick_clock(self) -> None:
        self.tick += 1
        length = self.rules.ticks_per_second * self.rules.seconds_per_hour
        self.hour = (self.start_hour + self.tick / length) % 24
        if self.tick % length == 0:
            self._dawn_of_hour()


def new_world(seed: int, rules: Rules | None = None, start_hour: float | None = None) -> World:
    """A realm from a seed; rules default to assets/realm.toml, the hour (0 to 24) to the rules'."""
    return World(seed, rules or load_rules(), start_hour)


def step(world: World, actions: tuple[Action, ...] = ()) -> tuple[Happening, ...]:
    """One tick: the player acts, everybody moves, one place breathes. Returns what happened."""
    happenings: tuple[Happening, ...] = ()
    world.player.moving = False
    for action in actions:
        happenings += act(world, action)
    happenings += follow(world)
    world.tick_clock()
    world.move_everybody()
    happenings += world.quests.pass_time(world)
    world.traces.breathe(world.tick % len(world.map.places))
    return happenings
