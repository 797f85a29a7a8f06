"""Each head's own change since the start, followed while a training runs, on a few fixed decisions."""

from collections.abc import Sequence

from torch import Tensor
from transformers import PreTrainedModel

from game.realm.rules import Rules
from perception.model import Model
from training.heads.baseline import Baseline
from training.heads.head_diff import glance
from training.heads.head_probes import head_probes
from training.heads.score import Probe

ROWS = 32  # decisions


class Watch:
    """The decisions, and how the heads stood on them at the start."""

    def __init__(self, model: Model, probes: Sequence[Probe], rules: Rules) -> None:
        self._probes = head_probes(model, probes, rules, ROWS)
        self._baseline = Baseline.record(model.net, self._probes)

    def grids(self, net: PreTrainedModel) -> dict[str, Tensor]:
        """What the heads came to, (L, H) each, by a snapshot's names."""
        return glance(self._baseline, net, self._probes)
