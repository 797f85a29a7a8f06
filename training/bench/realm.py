"""`main.py bench realm`: the world without window or torch."""

from itertools import count

from game.realm.policy import RandomPolicy
from game.realm.scene import describe
from game.realm.simulate import SimulateConfig, simulate
from game.realm.step import step
from game.realm.world import new_world
from training.bench.timing import Row, median_seconds, row

EPISODE = 1000  # ticks between two resets
ALONE = 50_000  # ticks of each of two realms


def realm(model: str, seed: int) -> list[Row]:
    """ticks/s (every actor moves, one policy action), with a reset in every EPISODE ticks too, scenes/s, resets/s; and
    ticks/s of the same two realms in one process, and in two at once."""
    world, policy, seeds = new_world(seed), RandomPolicy(seed), count(seed)

    def ticks() -> None:
        for _ in range(1000):
            step(world, policy(world))

    def episode() -> None:
        fresh = new_world(next(seeds))
        for _ in range(EPISODE):
            step(fresh, policy(fresh))

    def scenes() -> None:
        for _ in range(200):
            step(world, policy(world))
            describe(world)

    tick, lived = 1000 / median_seconds(ticks, 15), EPISODE / median_seconds(episode, 15)
    scene = 200 / (median_seconds(scenes, 15) - 200 / tick)
    reset = 1 / median_seconds(lambda: new_world(next(seeds)), 31)
    one, two = (simulate(SimulateConfig(ALONE, seed, realms=2, workers=n))["ticks_per_s"] for n in (1, 2))
    return [
        row("ticks", tick, "1/s", "ticks", tick),
        row("ticks-and-resets", lived, "1/s", "ticks", tick),
        row("scenes", scene, "1/s", "ticks", tick),
        row("reset", reset, "1/s", "ticks", tick),
        row("one-process", one, "1/s", "one-process", one),
        row("two-processes", two, "1/s", "one-process", one),
    ]
