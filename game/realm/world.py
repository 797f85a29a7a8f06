"""The realm in time: who is where, and what a tick changes.

A World is its seed and the actions it was given: `step` is the only way in, and nothing but the world's own
random streams (one per purpose) decides. Percepts never enter. All x, y are pixels, durations ticks.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from game.realm.actors import Actor, Folk, Spirit
from game.realm.rules import NOTHING, Rules
from game.realm.rules import load as load_rules
from game.realm.traces import NOBODY, Traces
from game.realm.worldgen import TILE, Map, Place, generate

TICKS_PER_SECOND = 30
DIAGONAL = {1: 3, 2: 2}  # px per tick and axis, by the number of axes moved along
REACH = 28  # px: a place so near can be touched
BESIDE = 40  # px: so near the seer can be asked
TRAIL = 12  # ticks: the seer walks where the player walked, this much later
FACING = {(0, -1): "n", (0, 1): "s", (1, 0): "e", (-1, 0): "w"}
SLOPE = 414  # tan(22.5 degrees) in thousandths: where one of the eight directions ends

Action = tuple  # ("move", dx, dy) ("look",) ("ask",) ("touch", place) ("name", place, species) ("rest", on)


@dataclass(frozen=True)
class Said:
    """Somebody says something."""

    who: str
    text: str


@dataclass(frozen=True)
class Revealed:
    """The world told the truth about these places: (place index, a species or "nothing")."""

    source: str
    truth: tuple[tuple[int, str], ...]


Happening = Said | Revealed


class World:
    """One realm. Read its attributes; change it through `step` alone."""

    def __init__(self, seed: int, rules: Rules, start_hour: float | None = None) -> None:
        self.seed, self.rules = seed, rules
        self.start_hour = rules.start_hour if start_hour is None else start_hour
        self.map: Map = generate(seed, rules)
        self.tick = 0
        self.resting = False
        self.hour, self.phase, self.weather = self.start_hour, "", ""
        self._sky = Random(f"{seed}/sky")
        self.traces = Traces(rules, len(self.map.places), Random(f"{seed}/traces"))
        self.player = Actor("player", *self.map.start)
        self.seer = Actor("seer", self.map.start[0] - 2 * TILE, self.map.start[1])
        self._trail: deque[tuple[int, int, str]] = deque(maxlen=TRAIL)
        self.shown: dict[tuple[int, int], int] = {}  # (spirit, visit) that the seer has pointed at -> tick
        self._dawn_of_hour()
        rng = Random(f"{seed}/folk")
        self.folk = [
            Folk(kind, index, self, rng)
            for kind, index in self._owners(rules.folk, rules.folk_each, len(rules.spirits))
        ]
        rng = Random(f"{seed}/spirits")
        self.spirits = [
            Spirit(kind, index, self, rng) for kind, index in self._owners(rules.spirits, rules.spirits_each, 0)
        ]

    @staticmethod
    def _owners(kinds: tuple, each: int, first: int) -> list[tuple]:
        return [(kind, first + i) for _ in range(each) for i, kind in enumerate(kinds)]

    @property
    def truth(self) -> list[int]:
        """Per place, who is there. For lessons, tests and measurement; a renderer has no business with it."""
        return self.traces.here

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

    def tick_clock(self) -> None:
        self.tick += 1
        length = self.rules.ticks_per_second * self.rules.seconds_per_hour
        self.hour = (self.start_hour + self.tick / length) % 24
        if self.tick % length == 0:
            self._dawn_of_hour()


def new_world(seed: int, rules: Rules | None = None, start_hour: float | None = None) -> World:
    """A realm from a seed; rules default to assets/realm.toml, the hour (0 to 24) to the rules'."""
    return World(seed, rules or load_rules(), start_hour)


def walkable(world: World, x: int, y: int) -> bool:
    column, row = x // TILE, y // TILE
    return (
        0 <= column < world.map.width
        and 0 <= row < world.map.height
        and world.map.walkable[row * world.map.width + column] == 1
    )


def in_sight(world: World) -> tuple[tuple[str, int], ...]:
    """(direction word, place index) of the nearest place in each of the eight directions within sight, at least
    `rules.fewest` (farther ones fill up) and at most `rules.most`, nearest first."""
    rules = world.rules
    reach = rules.sight * TILE
    px, py = world.player.x, world.player.y
    left, right, top, bottom = px - reach, px + reach, py - reach, py + reach
    found = _by_octant(world, [p for p in world.map.places if left <= p.x <= right and top <= p.y <= bottom])
    near = sum(1 for distance, _, _ in found if distance <= reach * reach)
    if near < rules.fewest:
        found, near = _by_octant(world, world.map.places), rules.fewest
    return tuple((rules.directions[octant], index) for _, octant, index in found[: min(rules.most, near)])


def _by_octant(world: World, places: Sequence[Place]) -> list[tuple[int, int, int]]:
    """(squared distance, octant, place index) of the nearest place in each direction, nearest first."""
    px, py = world.player.x, world.player.y
    best: dict[int, tuple[int, int, int]] = {}
    for place in places:
        dx, dy = place.x - px, place.y - py
        distance, octant = dx * dx + dy * dy, _octant(dx, dy)
        if octant not in best or distance < best[octant][0]:
            best[octant] = (distance, octant, place.index)
    return sorted(best.values())


def _octant(dx: int, dy: int) -> int:
    """0 = north, clockwise; whole numbers only, so that every machine agrees."""
    ax, ay = abs(dx), abs(dy)
    if ax * 1000 < ay * SLOPE:
        return 0 if dy < 0 else 4
    if ay * 1000 < ax * SLOPE:
        return 2 if dx > 0 else 6
    return (1 if dy < 0 else 3) if dx > 0 else (7 if dy < 0 else 5)


def nearest_place(world: World) -> Place:
    px, py = world.player.x, world.player.y
    return min(world.map.places, key=lambda place: (place.x - px) ** 2 + (place.y - py) ** 2)


def within_reach(world: World, place: Place) -> bool:
    return (place.x - world.player.x) ** 2 + (place.y - world.player.y) ** 2 <= REACH**2


def beside_seer(world: World) -> bool:
    return (world.seer.x - world.player.x) ** 2 + (world.seer.y - world.player.y) ** 2 <= BESIDE**2


def who_is_at(world: World, place: int) -> str:
    """The species at a place, or "nothing" (mundane presences are nothing to a seer)."""
    here = world.traces.here[place]
    return world.rules.species[here] if 0 <= here < len(world.rules.species) else NOTHING


def _move(world: World, dx: int, dy: int) -> None:
    player = world.player
    if dx not in (-1, 0, 1) or dy not in (-1, 0, 1) or not (dx or dy):
        return
    pace = DIAGONAL[abs(dx) + abs(dy)]
    player.facing = FACING[(dx, 0) if dx else (0, dy)]
    for step_x, step_y in ((dx * pace, 0), (0, dy * pace)):
        if (step_x or step_y) and walkable(world, player.x + step_x, player.y + step_y):
            player.x += step_x
            player.y += step_y
            player.moving = True


def _follow(world: World) -> None:
    """The seer walks in the player's footsteps and stops a little way off."""
    seer, player = world.seer, world.player
    if player.moving:
        world._trail.append((player.x, player.y, player.facing))
    seer.moving = player.moving and len(world._trail) == TRAIL
    if seer.moving:
        seer.x, seer.y, seer.facing = world._trail[0]


def _ask(world: World) -> tuple[Happening, ...]:
    """The seer points at the nearest spirit she has not shown on this visit, and names what is empty around it."""
    rules, seen = world.rules, in_sight(world)
    empties = tuple((place, NOTHING) for _, place in seen if who_is_at(world, place) == NOTHING)
    at = {spirit.place: (number, spirit.visit) for number, spirit in enumerate(world.spirits) if spirit.place != NOBODY}
    for direction, place in seen:
        species = who_is_at(world, place)
        if species == NOTHING or at[place] in world.shown:
            continue
        if len(empties) < rules.seer_empties:
            return (Said(rules.seer_name, "Too many of them to tell apart. Let us stand elsewhere."),)
        world.shown[at[place]] = world.tick
        words = f"There, to the {direction}, by the {world.map.places[place].kind}. A {species}. The rest is empty."
        return (Said(rules.seer_name, words), Revealed("seer", ((place, species), *empties)))
    return (Said(rules.seer_name, "Nobody here I have not shown you. Walk on, I follow."),)


def _touch(world: World, index: int) -> tuple[Happening, ...]:
    if not 0 <= index < len(world.map.places) or not within_reach(world, world.map.places[index]):
        return ()
    species, kind = who_is_at(world, index), world.map.places[index].kind
    words = (
        f"Your hand meets something by the {kind}: a {species}."
        if species != NOTHING
        else f"Only the {kind}. Nobody is there."
    )
    return (Said("", words), Revealed("touch", ((index, species),)))


def _name(world: World, index: int, species: str) -> tuple[Happening, ...]:
    """The player says who is at a place in sight, and is proven right or wrong."""
    if index not in [place for _, place in in_sight(world)] or species not in (*world.rules.species, NOTHING):
        return ()
    truth = who_is_at(world, index)
    words = f"Yes: {truth}." if truth == species else f"No. What is there: {truth}."
    return (Said(world.rules.seer_name, words), Revealed("name", ((index, truth),)))


def _act(world: World, action: Action) -> tuple[Happening, ...]:
    verb = action[0]
    if verb == "move":
        _move(world, action[1], action[2])
    elif verb == "rest":
        world.resting = bool(action[1])
    elif verb == "ask" and beside_seer(world):
        return _ask(world)
    elif verb == "touch":
        return _touch(world, action[1])
    elif verb == "name":
        return _name(world, action[1], action[2])
    return ()


def step(world: World, actions: tuple[Action, ...] = ()) -> tuple[Happening, ...]:
    """One tick: the player acts, everybody moves, one place breathes. Returns what happened."""
    happenings: tuple[Happening, ...] = ()
    world.player.moving = False
    for action in actions:
        happenings += _act(world, action)
    _follow(world)
    world.tick_clock()
    for walker in world.folk:
        walker.step(world)
    tick = world.tick
    for spirit in world.spirits:
        if tick >= spirit.until:
            spirit.move_on(world)
    world.traces.breathe(tick % len(world.map.places))
    return happenings
