"""What the tests of environments share: made environments, drawn actions, and observations that can be compared."""

from random import Random
from typing import Any

import numpy as np

from game.env.spirit_realm import SpiritRealm


def drawn(seed: int, count: int, most: int) -> list[int]:
    """Random actions: every third is any of all, the others are steps along one heading for a while."""
    rng, actions = Random(seed), list[int]()
    while len(actions) < count:
        actions += [rng.randrange(most), *[rng.randrange(8)] * rng.randrange(1, 5)]
    return actions[:count]


def plain(observation: Any) -> Any:
    """An observation as data that == compares."""
    if isinstance(observation, dict):
        return {key: plain(value) for key, value in observation.items()}
    return (observation.shape, observation.tobytes()) if isinstance(observation, np.ndarray) else observation


def run(env: SpiritRealm, actions: list[int]) -> list[Any]:
    """What an environment answers to actions, and the hash of its realm after every tenth."""
    answers: list[Any] = []
    for number, action in enumerate(actions):
        observation, *rest = env.step(action)
        answers.append((plain(observation), *rest, env.state_hash() if number % 10 == 9 else ""))
    return [*answers, env.state_hash()]
