"""Those who move by themselves: folk who work, seers, spirits. Actions move the player and those who follow."""

from random import Random

from game.realm.land import OUTSIDE
from game.realm.rules import Kind, SeerRule
from game.realm.shelter import around, heading
from game.realm.state import Actor, RealmState
from game.realm.terrain import TILE, Point
from game.realm.traces import NOBODY

BESIDE = 40  # px: how near one must stand to ask a seer
NEVER = 10**12  # a tick that doesn't come
STROLL = 2  # tiles between a seer and their home, at most
PAUSE = (2, 7)  # s between two steps of a seer's stroll
CLOSE = TILE + TILE // 2  # px from a goal, along either axis, at which one has arrived
PATIENCE = 40  # tiles walked before a walker settles for another goal
STEPS = ((1, 0, "e"), (-1, 0, "w"), (0, 1, "s"), (0, -1, "n"))


class Folk(Actor):
    """A mundane presence. It works at a place for a while, then walks (1 px a tick) to another. It changes between a
    room and the open only if it has a home (shelter.py): index of a room, or OUTSIDE."""

    __slots__ = (
        "_dx", "_dy", "_last", "_left", "_patience", "_rng", "goal", "home", "index", "number", "place", "until"
    )  # fmt: skip

    def __init__(self, kind: Kind, index: int, world: RealmState, rng: Random) -> None:
        self.index, self.number, self._rng = index, 0, rng
        self._left = self._dx = self._dy = self._patience = 0
        self.goal, self.home = NOBODY, OUTSIDE
        self.place = world.free_place(world.everywhere, rng)
        self._last = max(0, self.place)
        spot = world.map.places[self._last]
        super().__init__(kind.name, spot.x, spot.y + TILE // 2)
        if self.place != NOBODY:
            world.traces.arrive(self.place, index)
        self.until = self._stay(world)

    def _stay(self, world: RealmState) -> int:
        shortest, longest = world.rules.folk_stay
        return world.tick + int(self._rng.uniform(shortest, longest) * world.rules.ticks_per_second)

    def step(self, world: RealmState) -> None:
        """One tick on the way: a pixel, or a choice of where to turn."""
        if self._left:
            self._left -= 1
            self.x += self._dx
            self.y += self._dy
        else:
            self._turn(world)

    def move_on(self, world: RealmState) -> bool:
        """The work is done: sets out for another place of the neighbourhood, if one is free. True if it walks now."""
        near = around(world, self)
        goal = world.free_place(near, self._rng) if near else NOBODY
        self.until = self._stay(world)
        if goal == NOBODY:
            return False
        if self.place != NOBODY:
            world.traces.leave(self.place)
            self.place = NOBODY
        self.goal, self._patience, self.moving = goal, PATIENCE, True
        return True

    def yield_place(self, world: RealmState) -> None:
        """Makes room for somebody else."""
        world.traces.leave(self.place)
        self.place, self.until = NOBODY, world.tick + 1
        world.schedule(self)

    @property
    def last(self) -> int:
        """The place where it worked last."""
        return self._last

    def _turn(self, world: RealmState) -> None:
        """At the middle of a tile: arrives, goes through a door, or turns to the next tile."""
        (x, y), beyond = heading(world, self, self.goal)
        dx, dy = x - self.x, y - self.y
        wide, high = abs(dx), abs(dy)
        self._patience -= 1
        close = wide <= CLOSE and high <= CLOSE
        if close and beyond is not None:
            (self.x, self.y), self._patience = beyond, PATIENCE
            return
        if (close or self._patience <= 0) and not world.taken(self):
            self._arrive(world, beyond is None and wide + high <= 3 * TILE)
            return
        wish_x, wish_y = (STEPS[0] if dx > 0 else STEPS[1]), (STEPS[2] if dy > 0 else STEPS[3])
        turn = int(self._rng.random() * 4)  # if both wishes are blocked: any open tile, so that nobody gets stuck
        wishes = (wish_x, wish_y) if wide > high else (wish_y, wish_x)
        if self._set_off(world, wishes):
            return
        self._set_off(world, (*STEPS[turn:], *STEPS[:turn]))

    def _set_off(self, world: RealmState, steps: tuple[tuple[int, int, str], ...]) -> bool:
        """Turns to the first of these tiles that is open; False if none is."""
        for step_x, step_y, facing in steps:
            if world.open(self.x + step_x * TILE, self.y + step_y * TILE):
                self._dx, self._dy, self._left, self.facing = step_x, step_y, TILE, facing
                return True
        return False

    def _arrive(self, world: RealmState, near: bool) -> None:
        if near and world.traces.here[self.goal] == NOBODY:
            self.place = self._last = self.goal
            world.traces.arrive(self.place, self.index)
        self.goal, self.moving = NOBODY, False
        self.until = self._stay(world) if self.place != NOBODY else world.tick + 1
        world.note_arrival(self)

    def state(self) -> tuple[object, ...]:
        """All of it, for the state hash."""
        return self.place, self.goal, self.until, self._last, self._left, self._dx, self._dy, self._patience


class Seer(Actor):
    """Somebody born seeing. The first of the rules' follows a player; the others stroll about their home."""

    __slots__ = ("_dx", "_dy", "_home", "_left", "_rng", "key", "knows", "name", "number", "points", "region", "until")

    def __init__(self, rule: SeerRule, spot: Point, rng: Random) -> None:
        super().__init__(rule.figure, *spot)
        self.key, self.name, self.region = rule.key, rule.name, rule.home
        self.knows, self.points = rule.knows, rule.points
        self.number, self._home, self._rng = 0, spot, rng
        self._left = self._dx = self._dy = self.until = 0

    def step(self, world: RealmState) -> None:
        """One tick of a stroll."""
        self._left -= 1
        self.x += self._dx
        self.y += self._dy
        if not self._left:
            self.moving = False
            world.note_arrival(self)

    def move_on(self, world: RealmState) -> bool:
        """Takes a step of one tile, or faces the nearest player who stands beside them. True if they walk now."""
        ways = [(player.x - self.x, player.y - self.y) for player in world.players]
        dx, dy = min(ways, key=lambda way: way[0] ** 2 + way[1] ** 2)
        self.until = world.tick + TILE + 1 + int(self._rng.uniform(*PAUSE) * world.rules.ticks_per_second)
        if dx * dx + dy * dy <= BESIDE**2:
            self.facing = ("e" if dx > 0 else "w") if abs(dx) > abs(dy) else "s" if dy > 0 else "n"
            return False
        step_x, step_y, facing = STEPS[int(self._rng.random() * len(STEPS))]
        x, y = self.x + step_x * TILE, self.y + step_y * TILE
        near = abs(x - self._home[0]) <= STROLL * TILE and abs(y - self._home[1]) <= STROLL * TILE
        if near and world.open(x, y) and not world.is_door(x, y) and not world.taken(self, x, y):
            self._dx, self._dy, self._left, self.facing, self.moving = step_x, step_y, TILE, facing, True
        return self.moving

    def state(self) -> tuple[object, ...]:
        """All of it, for the state hash."""
        return self.until, self._left, self._dx, self._dy


class Spirit:
    """Haunts a place for a while, is away for a while, then haunts another. It can't be seen; it leaves traces.

    held: it stays where an errand wants it, until it is released.
    """

    __slots__ = ("_rng", "held", "index", "kind", "number", "place", "until", "visit")

    moving = False  # it is here, or there

    def __init__(self, kind: Kind, index: int, world: RealmState, rng: Random) -> None:
        self.kind, self.index, self.number, self._rng = kind, index, 0, rng
        self.place, self.visit, self.held = NOBODY, 0, False
        self.until = 0
        present = sum(kind.stay) / (sum(kind.stay) + sum(kind.away) / max(0.01, self._arrival_chance(world)))
        if rng.random() < present:
            self._come(world)
        else:
            self._wait(world, kind.away)
        # the realm is older than the journey: every stay has begun some time ago
        self.until = world.tick + int((self.until - world.tick) * rng.random())

    def _wait(self, world: RealmState, span: tuple[int, int]) -> None:
        self.until = world.tick + int(self._rng.uniform(*span) * world.rules.ticks_per_second)

    def move_on(self, world: RealmState) -> bool:
        """Leaves its place, or comes to a free one if hour and weather suit it. It never walks: returns False."""
        kind = self.kind
        if self.place != NOBODY:
            world.traces.leave(self.place)
            self.place = NOBODY
            self._wait(world, kind.away)
            return False
        if self._rng.random() < self._arrival_chance(world):
            self._come(world)
        else:
            self._wait(world, kind.away)
        return False

    def _arrival_chance(self, world: RealmState) -> float:
        """The chance that it comes, at this hour and in this weather, when its turn is there."""
        if world.rules.living is not None:
            suited = 1.0 if world.weather in self.kind.weathers else world.rules.living.unsuited
            return suited if world.phase in self.kind.hours else world.rules.living.early
        favoured = (world.phase in self.kind.hours) + (world.weather in self.kind.weathers)
        return 1.0 if favoured == 2 else min(1.0, (1 + favoured) * world.rules.unfavoured)

    def _come(self, world: RealmState) -> None:
        """Comes to a free place, often one that the species likes. It stays away if a few tries find none."""
        at_home = self._rng.random() < world.rules.homing
        self.place = world.free_place(world.haunts[self.index] if at_home else world.everywhere, self._rng)
        if self.place == NOBODY or world.crowded(self.place):
            self.place = NOBODY
            self._wait(world, self.kind.away)
            return
        self._arrive(world)

    def _arrive(self, world: RealmState) -> None:
        self.visit += 1
        world.traces.arrive(self.place, self.index, world.withheld(self.index))
        self._wait(world, self.kind.stay)

    def be_at(self, world: RealmState, place: int) -> None:
        """Haunts this free place from now on, for a whole visit."""
        if self.place != NOBODY:
            world.traces.leave(self.place)
        self.place = place
        self._arrive(world)

    def hold(self, world: RealmState, place: int) -> None:
        """Brings it to a place where nobody else is, and keeps it there."""
        if self.place != place:
            if self.place != NOBODY:
                world.traces.leave(self.place)
            self.place = place
            self.visit += 1
            world.traces.arrive(place, self.index, world.withheld(self.index))
        self.held, self.until = True, NEVER

    def release(self, world: RealmState) -> None:
        """Lets it go. It leaves in the next tick, and haunts the realm as before."""
        self.held, self.until = False, world.tick + 1
        world.schedule(self)

    def yield_place(self, world: RealmState) -> None:
        """Makes room for somebody else."""
        world.traces.leave(self.place)
        self.place, self.held = NOBODY, False
        self._wait(world, self.kind.away)
        world.schedule(self)
