"""Who plays when nobody does: one action per tick, from a stream of its own."""

from random import Random

from game.realm.happenings import Action
from game.realm.senses import beside_seer, nearest_place, within_reach
from game.realm.world import World

HEADINGS = tuple((dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy)


class RandomPolicy:
    """Wanders: keeps a heading for a second or so, and now and then asks the seer or touches what is near."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(f"{seed}/policy")
        self._heading, self._left = HEADINGS[0], 0

    def __call__(self, world: World) -> tuple[Action, ...]:
        """The action of this tick."""
        if self._left > 0:
            self._left -= 1
            return (("move", *self._heading),)
        roll = self._rng.random()
        self._heading, self._left = HEADINGS[int(roll * len(HEADINGS))], 10 + int(self._rng.random() * 40)
        if roll < 0.2:
            place = nearest_place(world)
            return (("touch", place.index),) if within_reach(world, place) else (("look",),)
        return (("ask",),) if roll < 0.4 and beside_seer(world) else (("look",),)


POLICIES = {"random": RandomPolicy}
