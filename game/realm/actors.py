"""Those who move: the player and the seer (moved by the world), the folk who work, the spirits who haunt."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from game.realm.rules import Kind
from game.realm.traces import NOBODY
from game.realm.worldgen import TILE

if TYPE_CHECKING:
    from game.realm.world import World

NEIGHBOURHOOD = 18  # tiles: folk look for their next place no farther than this
PATIENCE = 40  # tiles walked before a walker settles for another goal
STEPS = ((1, 0, "e"), (-1, 0, "w"), (0, 1, "s"), (0, -1, "n"))


class Actor:
    """Somebody with a position (px, at the foot) and a facing (n, e, s, w)."""

    __slots__ = ("facing", "kind", "moving", "x", "y")

    def __init__(self, kind: str, x: int, y: int) -> None:
        self.kind, self.x, self.y = kind, x, y
        self.facing, self.moving = "s", False


class Folk(Actor):
    """A mundane presence: works at a place for a while, then walks (1 px a tick) to another."""

    __slots__ = ("_dx", "_dy", "_left", "_patience", "_rng", "goal", "index", "place", "until")

    def __init__(self, kind: Kind, index: int, world: World, rng: Random) -> None:
        self.index, self._rng = index, rng
        self._left = self._dx = self._dy = self._patience = 0
        self.goal = NOBODY
        self.place = world.free_place(list(range(len(world.map.places))), rng)
        spot = world.map.places[max(0, self.place)]
        super().__init__(kind.name, spot.x, spot.y + TILE // 2)
        if self.place != NOBODY:
            world.traces.arrive(self.place, index)
        self.until = self._stay(world)

    def _stay(self, world: World) -> int:
        shortest, longest = world.rules.folk_stay
        return world.tick + int(self._rng.uniform(shortest, longest) * world.rules.ticks_per_second)

    def step(self, world: World) -> None:
        """One tick: a pixel along the way, or a tick of work."""
        if self._left:
            self._left -= 1
            self.x += self._dx
            self.y += self._dy
        elif self.goal != NOBODY:
            self._turn(world)
        elif world.tick >= self.until:
            self._set_out(world)

    def _set_out(self, world: World) -> None:
        reach = NEIGHBOURHOOD * TILE
        near = [
            p.index
            for p in world.map.places
            if abs(p.x - self.x) < reach and abs(p.y - self.y) < reach and p.index != self.place
        ]
        goal = world.free_place(near, self._rng) if near else NOBODY
        self.until = self._stay(world)
        if goal == NOBODY:
            return
        if self.place != NOBODY:
            world.traces.leave(self.place)
            self.place = NOBODY
        self.goal, self._patience, self.moving = goal, PATIENCE, True

    def _turn(self, world: World) -> None:
        """At the middle of a tile: arrived, or which neighbour next."""
        spot = world.map.places[self.goal]
        dx, dy = spot.x - self.x, spot.y - self.y
        self._patience -= 1
        if max(abs(dx), abs(dy)) <= TILE + TILE // 2 or self._patience <= 0:
            self._arrive(world, abs(dx) + abs(dy) <= 3 * TILE)
            return
        wish_x, wish_y = (STEPS[0] if dx > 0 else STEPS[1]), (STEPS[2] if dy > 0 else STEPS[3])
        order = (wish_x, wish_y) if abs(dx) > abs(dy) else (wish_y, wish_x)
        for step_x, step_y, facing in (*order, STEPS[int(self._rng.random() * 4)]):
            if _open(world, self.x + step_x * TILE, self.y + step_y * TILE):
                self._dx, self._dy, self._left, self.facing = step_x, step_y, TILE, facing
                return

    def _arrive(self, world: World, there: bool) -> None:
        if there and world.traces.here[self.goal] == NOBODY:
            self.place = self.goal
            world.traces.arrive(self.place, self.index)
        self.goal, self.moving = NOBODY, False
        self.until = self._stay(world) if self.place != NOBODY else world.tick + 1


def _open(world: World, x: int, y: int) -> bool:
    column, row, area = x // TILE, y // TILE, world.map
    return 0 <= column < area.width and 0 <= row < area.height and area.walkable[row * area.width + column] == 1


class Spirit:
    """Haunts one place for a while, is away for a while, haunts another. Never seen by itself: it leaves traces."""

    __slots__ = ("_everywhere", "_rng", "index", "kind", "place", "until", "visit")

    def __init__(self, kind: Kind, index: int, world: World, rng: Random) -> None:
        self.kind, self.index, self._rng = kind, index, rng
        self.place, self.visit = NOBODY, 0
        self._everywhere = list(range(len(world.map.places)))
        self.until = 0
        (stay, stays), (away, aways) = world.rules.spirit_stay, world.rules.spirit_away
        if rng.random() < (stay + stays) / (stay + stays + away + aways):
            self.move_on(world)
        else:
            self._wait(world, world.rules.spirit_away)
        # The realm is older than the player: everybody is somewhere in the middle of their stay.
        self.until = world.tick + int((self.until - world.tick) * rng.random())

    def _wait(self, world: World, span: tuple[int, int]) -> None:
        self.until = world.tick + int(self._rng.uniform(*span) * world.rules.ticks_per_second)

    def move_on(self, world: World) -> None:
        """Leave the place one haunts; or come to a free one, if hour and weather are to one's liking."""
        if self.place != NOBODY:
            world.traces.leave(self.place)
            self.place = NOBODY
            self._wait(world, world.rules.spirit_away)
            return
        favoured = (world.phase in self.kind.hours) + (world.weather in self.kind.weathers)
        if favoured == 2 or self._rng.random() < (1 + favoured) * world.rules.unfavoured:
            self.place = world.free_place(self._everywhere, self._rng)
        if self.place == NOBODY:
            self._wait(world, world.rules.spirit_away)
            return
        self.visit += 1
        world.traces.arrive(self.place, self.index)
        self._wait(world, world.rules.spirit_stay)
