"""Frozen: do the same heads hold the gain when the gradient goes through the context, too? Four seeds each."""

from training.config import LearnConfig, TeachConfig
from training.experiments.plan import PROBE_SEED, Arm, Experiment
from training.experiments.tables import both


def _arm(name: str, full: bool) -> Arm:
    return Arm(name, LearnConfig(teach=TeachConfig(full=full), probe_seed=PROBE_SEED))


ARMS = (_arm("frozen", False), _arm("full", True))
RATES = {arm.name: (6e-3, 1.2e-2) for arm in ARMS}  # among which `learning` found the best of each
EXPERIMENT = Experiment(
    "frozen", "context-frozen against full backpropagation: what is learned, and by which heads", ARMS, (0, 1, 2, 3),
    both, RATES,
)  # fmt: skip
