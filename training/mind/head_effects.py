"""Causal weight of every head, measured in the background of a mind, a swap at a time."""

import copy
from collections.abc import Iterator

from perception.messages import Weights
from perception.model import Model
from training.heads.head_probes import ProbeLoss
from training.heads.swaps import PatchingEffects, patch_every_head


class HeadEffects:
    """One measurement under way, of the weights as they are when it begins: practising may go on beside it.

    It holds a copy of the model until it is done. step: which step the weights are of.
    """

    def __init__(self, before: Model, after: Model, loss: ProbeLoss, step: int) -> None:
        self._steps: Iterator[tuple[int, PatchingEffects | None]] = patch_every_head(
            before.net, copy.deepcopy(after.net), loss
        )
        self._step, self._of, self._said = step, after.layers * after.heads, -1
        self.done = False

    def more(self) -> list[Weights]:
        """Two forwards at most; what there is to say after them."""
        done, result = next(self._steps)
        if result is not None:
            self.done = True
            return [Weights(self._step, done, self._of, result.gain, result.insert, result.remove)]
        if done == self._said:
            return []
        self._said = done
        return [Weights(self._step, done, self._of)]
