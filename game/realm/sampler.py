"""Many scenes from many realms, for pretraining, lessons and probes: the same `describe` that play uses.

A sampler is a seed and a purpose; each realm gives a handful of scenes, at random hours, from random spots that a
player could stand on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from game.realm.rules import Rules
from game.realm.rules import load as load_rules
from game.realm.scene import View, describe, header, truth
from game.realm.step import step
from game.realm.terrain import OUTDOORS, TILE
from game.realm.world import World, new_world

SCENES_PER_REALM = 2  # more would show the same spirits again
TICKS_BETWEEN = 45  # of one realm: 1.5 s, and far apart in place


@dataclass(frozen=True)
class Sample:
    """A scene with the truth: one answer (species or "nothing") per question; header = (time, weather, ground)."""

    view: View
    answers: tuple[str, ...]
    header: tuple[str, str, str]


def set_down(world: World, rng: Random) -> None:
    """Sets the player down on a random open tile: under the open sky, or in a room with the chance `rules.indoors`."""
    rooms = world.map.rooms
    columns, rows = range(1, world.map.width - 1), range(1, OUTDOORS - 1)
    if rooms and rng.random() < world.rules.indoors:
        room = rooms[int(rng.random() * len(rooms))]
        columns, rows = range(room.left, room.left + room.width), range(room.top, room.top + room.height)
    while True:
        x, y = rng.choice(columns) * TILE + TILE // 2, rng.choice(rows) * TILE + TILE // 2
        if world.open(x, y) and not world.is_door(x, y):
            world.player.x, world.player.y = x, y
            return


def samples(
    seed: int, purpose: str, tongue: str = "terse", rules: Rules | None = None, per_realm: int = SCENES_PER_REALM
) -> Iterator[Sample]:
    """An endless stream of scenes. Same seed, purpose and rules: same scenes, in any process."""
    rules = rules or load_rules()
    rng = Random(f"{seed}/{purpose}/sampler")
    while True:
        world = new_world(rng.getrandbits(48), rules, start_hour=rng.random() * 24)
        for _ in range(per_realm):
            for _ in range(TICKS_BETWEEN):
                step(world)
            set_down(world, rng)
            view = describe(world, tongue)
            yield Sample(view, truth(world, view), header(world))
