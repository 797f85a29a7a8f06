"""Plays by what a mind believes. The mind is a function from scenes to percepts, so this room needs no torch.

player = Seeing(functools.partial(perceive, model), env.unwrapped.choices)
action = player.act(env.unwrapped.scene().scene)
"""

from collections.abc import Callable, Sequence
from random import Random

from game.env.choices import HEADINGS, Choices
from game.realm.rules import NOTHING
from perception.messages import Percept, Scene

STRIDE = 8  # steps between two looks; one heading is kept for as long


class Seeing:
    """Walks about, looks every STRIDE steps, and names the spirit that the mind believes in most, if its belief is at
    least `sure` (0 to 1)."""

    def __init__(
        self, perceive: Callable[[list[Scene]], Sequence[Percept]], choices: Choices, sure: float = 0.5, seed: int = 0
    ) -> None:
        self.perceive, self.choices, self.sure = perceive, choices, sure
        self._rng, self._steps, self._heading = Random(f"{seed}/seeing"), 0, 0

    def act(self, scene: Scene) -> int:
        """The number of an action."""
        self._steps += 1
        if self._steps % STRIDE == 1:
            self._heading = self._rng.randrange(len(HEADINGS))
        if self._steps % STRIDE:
            return self._heading
        belief, place, species = self.strongest(scene)
        return self.choices.name(place, species) if belief >= self.sure else self._heading

    def strongest(self, scene: Scene) -> tuple[float, str, str]:
        """(belief, direction, species) of the spirit that is believed in most; belief 0 if none is."""
        percept = self.perceive([scene])[0]
        best = (0.0, "", "")
        for question, beliefs in zip(scene.questions, percept.beliefs, strict=True):
            for species, belief in zip(question.candidates, beliefs, strict=True):
                if species != NOTHING and belief > best[0]:
                    best = (belief, question.place, species)
        return best
