"""Optimizer: norms are its signature; is the gain's spread over the heads, too? SGD, AdamW, APOLLO, four seeds each.

Each at the best rate of its own sweep and at half of it: a spread that changes with the rate is not the optimizer's.
"""

from dataclasses import replace

from training.config import LearnConfig, TeachConfig
from training.experiments.plan import PROBE_SEED, Arm, Experiment
from training.experiments.tables import both


def _arms(optimizer: str, lr: float) -> tuple[Arm, Arm]:
    """At this rate, and at half of it."""
    best = LearnConfig(teach=TeachConfig(optimizer=optimizer, lr=lr), probe_seed=PROBE_SEED)
    half = replace(best, teach=replace(best.teach, lr=lr / 2))
    return Arm(optimizer, best), Arm(f"{optimizer}-half", half)


# Rates that `learning`'s sweep chose (docs/RESULTS.md, equal learning).
ARMS = (*_arms("sgd", 0.3), *_arms("adamw", 1e-3), *_arms("apollo", 1.2e-2))
EXPERIMENT = Experiment(
    "optimizer",
    "SGD, AdamW and APOLLO, each at two rates: weight norms and gain over the heads",
    ARMS,
    (0, 1, 2, 3),
    both,
)
