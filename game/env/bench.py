"""Speeds of the environments: steps by kind of observation, resets, save and restore.

Timed in CPU time of this thread, all in turns, so that a busy machine hits them alike. Every reset is of another realm.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import Any

from game.env.parallel import SpiritRealmParallel
from game.env.spirit_realm import SpiritRealm
from game.realm.policy import RandomPolicy
from game.realm.step import step
from game.realm.world import World, new_world

ROUNDS, CHUNK = 41, 20
PLAYERS = 4
BASE = "ticks"
AT_LEAST = {"step-text": 10_000.0}  # of one quiet core


def rows(seed: int = 0) -> list[dict[str, Any]]:
    """One row per figure: {name, value, unit, baseline, ratio}; some with what they should at least be, `at_least`.

    ticks: of the realm alone, with a policy; step-*: of an environment with random actions, 5 ticks each;
    step-players: of one player among four. Pictures need pygame."""
    environments = {
        "step-text": SpiritRealm(),
        "step-structured": SpiritRealm(observation="structured"),
        "step-pixels": SpiritRealm(observation="pixels"),
    }
    for env in environments.values():
        env.reset(options={"realm": seed})
    works: dict[str, tuple[Callable[[], object], int]] = {
        BASE: (_ticks(new_world(seed), RandomPolicy(seed)), 5 * CHUNK)
    }
    for name, env in environments.items():
        chunk = 1 if name == "step-pixels" else CHUNK
        works[name] = (_steps(env, _actions(seed, env.choices.count), chunk), chunk)
    works["step-players"] = (_steps_of_all(seed), PLAYERS * CHUNK)
    text, realms = SpiritRealm(), count(seed)
    works["reset"] = (lambda: text.reset(options={"realm": next(realms)}), 1)
    saved = environments["step-text"].save()
    works["save"] = (environments["step-structured"].save, 1)
    works["restore"] = (lambda: text.restore(saved), 1)
    seconds = _in_turns({name: work for name, (work, _) in works.items()})
    speeds = {name: many / seconds[name] for name, (_, many) in works.items()}
    return [_row(name, speed, speeds[BASE]) for name, speed in speeds.items()]


def _row(name: str, speed: float, base: float) -> dict[str, Any]:
    whole = {"name": name, "value": round(speed, 1), "unit": "1/s", "baseline": BASE, "ratio": speed / base}
    return whole | ({"at_least": AT_LEAST[name]} if name in AT_LEAST else {})


def _in_turns(works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median seconds of one call of each; the first round warms up."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for number in range(ROUNDS + 1):
        for name, work in works.items():
            began = time.thread_time()
            work()
            if number:
                times[name].append(time.thread_time() - began)
    return {name: statistics.median(taken) for name, taken in times.items()}


def _actions(seed: int, most: int) -> Iterator[int]:
    rng = Random(f"{seed}/bench")
    while True:
        yield rng.randrange(most)


def _ticks(world: World, policy: RandomPolicy) -> Callable[[], None]:
    def work() -> None:
        for _ in range(5 * CHUNK):
            step(world, policy(world))

    return work


def _steps(env: SpiritRealm, actions: Iterator[int], many: int) -> Callable[[], None]:
    def work() -> None:
        for _ in range(many):
            env.step(next(actions))

    return work


def _steps_of_all(seed: int) -> Callable[[], None]:
    env = SpiritRealmParallel(players=PLAYERS, max_steps=10**6)
    env.reset(seed=seed)
    actions = _actions(seed, env.choices.count)

    def work() -> None:
        for _ in range(CHUNK):
            env.step({agent: next(actions) for agent in env.agents})

    return work
