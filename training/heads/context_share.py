"""How much of the gain lies in reading the context differently, and how much in deciding differently."""

from typing import Protocol

import torch
from torch import Tensor
from transformers import PreTrainedModel

from training.headlog.records import Whole
from training.heads.gain_allocation import same_shape
from training.heads.swaps import LEAST_GAIN


class Crossing(Protocol):
    """A loss that can be taken of one model's decisions on contexts that another has read."""

    def crossed(self, net: PreTrainedModel, reader: PreTrainedModel) -> Tensor: ...


def context_share(before: PreTrainedModel, after: PreTrainedModel, loss: Crossing) -> list[Whole]:
    """Two numbers about the whole model (docs/measurement.md), as log records.

    context_share: the new model's decisions against the old model's context caches; decision_share: the old model's
    decisions against the new caches. Shares of the gain, None without one; they need not add up to 1. Raises ValueError
    for models of different shape.
    """
    same_shape(before, after)
    modes = before.training, after.training
    before.eval(), after.eval()
    try:
        with torch.no_grad():
            losses = {(d, c): float(loss.crossed(d, c)) for d in (before, after) for c in (before, after)}
    finally:
        before.train(modes[0]), after.train(modes[1])
    old, gain = losses[before, before], losses[before, before] - losses[after, after]
    measures = {
        "context_share": (after, before, "share of the gain that is left when the new model decides on old contexts"),
        "decision_share": (before, after, "share of the gain that the old model has when it decides on new contexts"),
    }
    return [
        Whole(name=name, value=(old - losses[d, c]) / gain if gain > LEAST_GAIN else None, about=about)
        for name, (d, c, about) in measures.items()
    ]
