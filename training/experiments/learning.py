"""Equal learning: what does each optimizer, frozen or full, need to learn to see? Rates swept first, then five seeds.

The score holds hits, false alarms, mundane, and the first step at which the curve reaches 90 % hits with at most 5 %
false alarms.
"""

from collections.abc import Sequence
from typing import Any

from training.config import LearnConfig, TeachConfig
from training.experiments.plan import Arm, Experiment, Outcome
from training.experiments.tables import by_arm, learned


def _arm(name: str, **teach: Any) -> Arm:
    return Arm(name, LearnConfig(teach=TeachConfig(**teach)))


ARMS = (
    _arm("frozen-apollo-r1", rank=1, scaling="tensor"),
    _arm("frozen-apollo-r64", rank=64),
    _arm("frozen-apollo-r256-gaussian", rank=256),
    _arm("frozen-apollo-r256-sketch", rank=256, projection="sketch"),
    _arm("frozen-adamw", optimizer="adamw"),
    _arm("frozen-sgd", optimizer="sgd"),
    _arm("full-apollo-r64", rank=64, full=True),
    _arm("full-adamw", optimizer="adamw", full=True),
)
RATES = {
    "frozen-apollo-r1": (1.2e-2, 2.4e-2, 4.8e-2, 9.6e-2),
    "frozen-apollo-r64": (1.5e-3, 3e-3, 6e-3, 1.2e-2, 2.4e-2),
    "frozen-apollo-r256-gaussian": (1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2),
    "frozen-apollo-r256-sketch": (1e-3, 2e-3, 4e-3, 8e-3),
    "frozen-adamw": (5e-4, 1e-3, 2e-3, 4e-3),
    "frozen-sgd": (0.1, 0.3, 1.0, 3.0),
    "full-apollo-r64": (1.5e-3, 3e-3, 6e-3, 1.2e-2, 2.4e-2),
    "full-adamw": (5e-4, 1e-3, 2e-3, 4e-3),
}


def score(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Per arm: what it learned (`tables.learned`)."""
    return {name: learned(runs) for name, runs in by_arm(outcomes).items()}


EXPERIMENT = Experiment(
    "learning", "optimizers and freezing at equal learning: rates swept, then five seeds", ARMS, (0, 1, 2, 3, 4),
    score, RATES,
)  # fmt: skip
