"""Who plays when nobody does: the actions of a tick, each policy from a random stream of its own.

A policy plays for one player of a world: the first, unless another is named.
"""

from collections.abc import Callable, Iterable, Mapping
from random import Random
from types import MappingProxyType
from typing import Protocol

from game.realm.happenings import Action
from game.realm.player import Player
from game.realm.route import route, tile_beside
from game.realm.senses import beside_seer, nearest_place, within_reach
from game.realm.terrain import Point
from game.realm.world import World

HEADINGS = tuple((dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy)
NEAR = 3  # px: a step is as long, so that a point so near is reached


class Policy(Protocol):
    """Somebody who plays. Same seed and same world: same actions."""

    def __call__(self, world: World, player: Player | None = None) -> tuple[Action, ...]: ...


class RandomPolicy:
    """Wanders: keeps a heading for a second or so, and now and then asks the seer or touches what is near."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(f"{seed}/policy")
        self._heading, self._left = HEADINGS[0], 0

    def __call__(self, world: World, player: Player | None = None) -> tuple[Action, ...]:
        """The action of this tick."""
        if self._left > 0:
            self._left -= 1
            return (("move", *self._heading),)
        roll = self._rng.random()
        self._heading, self._left = HEADINGS[int(roll * len(HEADINGS))], 10 + int(self._rng.random() * 40)
        if roll < 0.2:
            place = nearest_place(world, player)
            return (("touch", place.index),) if within_reach(world, place, player) else (("look",),)
        return (("ask",),) if roll < 0.4 and beside_seer(world, player) else (("look",),)


class Wanderer:
    """Walks from landmark to landmark, by the shortest way, and looks around for a while at each."""

    stays = 30  # ticks at a landmark

    def __init__(self, seed: int, stream: str = "wanderer") -> None:
        self._rng = Random(f"{seed}/{stream}")
        self._path: list[Point] = []  # px, the next one last
        self._before: Point | None = None  # where the player stood before the last step
        self._left = 0

    def __call__(self, world: World, player: Player | None = None) -> tuple[Action, ...]:
        """The action of this tick."""
        player = player or world.player
        here = player.x, player.y
        while self._path and max(abs(self._path[-1][0] - here[0]), abs(self._path[-1][1] - here[1])) < NEAR:
            self._path.pop()
            self._left = 0 if self._path else self.stays
        if self._path and here != self._before:
            self._before = here
            dx, dy = self._path[-1][0] - here[0], self._path[-1][1] - here[1]
            return (("move", _sign(dx), _sign(dy)),)
        self._path, self._before = [], None  # arrived, or blocked: another way from here
        if self._left > 0:
            self._left -= 1
            return self.pause(world, player)
        self._path = self._choose(world, player)
        return (("look",),)

    def pause(self, world: World, player: Player) -> tuple[Action, ...]:
        """What is done while standing at a landmark."""
        return (("look",),)

    def _choose(self, world: World, player: Player) -> list[Point]:
        """The way to one of the landmarks around; empty where there is none, for another try in the next tick."""
        around = world.neighbours(nearest_place(world, player).index)
        goal = tile_beside(world, around[int(self._rng.random() * len(around))]) if around else None
        return route(world, player.x, player.y, goal) if goal else []


class ShownAround(Wanderer):
    """Walks like the wanderer with the seer behind, and asks the seer at each landmark while that shows something."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, "shown-around")
        self._shown = -1  # spirits that were shown before the last question

    def pause(self, world: World, player: Player) -> tuple[Action, ...]:
        """Asks; once the answer is nothing new, walks on."""
        if len(player.shown) == self._shown or beside_seer(world, player) is None:
            self._shown, self._left = -1, 0
            return (("look",),)
        self._shown = len(player.shown)
        return (("ask",),)


class ReplayPolicy:
    """Does what a player did, tick by tick, as their log says; after its end nothing."""

    def __init__(self, actions: Iterable[tuple[int, tuple[Action, ...]]]) -> None:
        self._actions, self._tick = dict(actions), 0

    def __call__(self, world: World, player: Player | None = None) -> tuple[Action, ...]:
        """The actions of this tick."""
        self._tick += 1
        return self._actions.get(self._tick - 1, ())


def _sign(distance: int) -> int:
    return 0 if abs(distance) < NEAR else 1 if distance > 0 else -1


POLICIES: Mapping[str, Callable[[int], Policy]] = MappingProxyType(
    {"random": RandomPolicy, "wanderer": Wanderer, "shown-around": ShownAround}
)
