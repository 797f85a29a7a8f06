"""Optimizer: norms are its signature; is the gain's spread over the heads, too? SGD, AdamW, APOLLO, four seeds each."""

from training.config import LearnConfig, TeachConfig
from training.experiments.plan import PROBE_SEED, Arm, Experiment
from training.experiments.tables import both


def _arm(name: str, lr: float) -> Arm:
    return Arm(name, LearnConfig(teach=TeachConfig(optimizer=name, lr=lr), probe_seed=PROBE_SEED))


# Rates that `learning`'s sweep chose (docs/RESULTS.md, equal learning).
ARMS = (_arm("sgd", 0.3), _arm("adamw", 1e-3), _arm("apollo", 1.2e-2))
EXPERIMENT = Experiment(
    "optimizer", "SGD, AdamW and APOLLO: weight norms and gain over the heads, side by side", ARMS, (0, 1, 2, 3), both
)
