"""`main.py bench realm`: the world without window or torch."""

from game.realm.policy import RandomPolicy
from game.realm.scene import describe
from game.realm.step import step
from game.realm.world import new_world
from training.bench.timing import Row, median_seconds, row


def realm(model: str, seed: int) -> list[Row]:
    """ticks/s (every actor moves, one policy action), scenes/s, resets/s."""
    world, policy = new_world(seed), RandomPolicy(seed)

    def ticks() -> None:
        for _ in range(1000):
            step(world, policy(world))

    def scenes() -> None:
        for _ in range(200):
            describe(world)

    tick, scene = 1000 / median_seconds(ticks, 15), 200 / median_seconds(scenes, 15)
    reset = 1 / median_seconds(lambda: new_world(seed), 31)
    return [
        row("ticks", tick, "1/s", "ticks", tick),
        row("scenes", scene, "1/s", "ticks", tick),
        row("reset", reset, "1/s", "ticks", tick),
    ]
