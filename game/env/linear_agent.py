"""A small agent that learns to name spirits from the structured observation: softmax regression in numpy.

It walks about, and now and then names the spirit that it is surest of. What it is told afterwards it learns. Its score
for an answer at a place is a sum over what each sense tells there, so the weights can be read: who shows what.
"""

from random import Random
from typing import Any

import numpy as np

from game.env.choices import HEADINGS, Choices

Observation = dict[str, np.ndarray]
SURE = 0.5  # the least chance at which it names a spirit
TRIES = 0.25  # of its names, those that it tries although it is less sure
STRIDE = 8  # steps between two names; one heading is kept for as long


class LinearNamer:
    """env: a SpiritRealm with structured observations. weights: (answers, senses, things) float64, zeros at first."""

    def __init__(self, env: Any, seed: int = 0, rate: float = 0.5) -> None:
        self.choices: Choices = env.unwrapped.choices
        self.rate, self._rng, self._steps = rate, Random(f"{seed}/linear-namer"), 0
        sizes = env.observation_space["places"].nvec[0, 1:]  # by sense
        self.weights = np.zeros((len(self.choices.answers), len(sizes), int(sizes.max())))
        self._heading = 0

    def chances(self, observation: Observation) -> np.ndarray:
        """(directions, answers): how likely each answer is at each place."""
        places = observation["places"][:, 1:]
        sensed = places > 0
        scores = np.where(sensed, self.weights[:, np.arange(places.shape[1]), places], 0).sum(-1).T
        odds = np.exp(scores - scores.max(1, keepdims=True))
        chances: np.ndarray = odds / odds.sum(1, keepdims=True)
        return chances

    def act(self, observation: Observation) -> int:
        """The number of an action: every STRIDE steps a name, else a step."""
        self._steps += 1
        if self._steps % STRIDE == 1:
            self._heading = self._rng.randrange(len(HEADINGS))
        if self._steps % STRIDE:
            return self._heading
        there = observation["places"][:, 0] > 0
        chances = self.chances(observation)[:, :-1] * there[:, None]  # the last answer is "nothing"
        if chances.max() < SURE and self._rng.random() >= TRIES:
            return self._heading
        best = np.flatnonzero(chances >= chances.max() - 1e-12)
        direction, answer = divmod(int(best[self._rng.randrange(len(best))]), chances.shape[1])
        return self.choices.name(self.choices.directions[direction], self.choices.answers[answer])

    def learn(self, before: Observation, after: Observation) -> None:
        """One step of gradient descent on what was told of the places that were seen before."""
        chances = self.chances(before)
        for direction in np.flatnonzero(after["told"]):
            error = chances[direction].copy()
            error[after["told"][direction] - 1] -= 1
            for sense, thing in enumerate(before["places"][direction, 1:]):
                if thing:
                    self.weights[:, sense, thing] -= self.rate * error
