"""Choice: what rate and how many steps to learn with from twenty spirits? Three seeds; sizes, too, by --model each."""

from training.config import LearnConfig, TeachConfig
from training.experiments.plan import Arm, Experiment
from training.experiments.tables import score

RATES, STEPS = (3e-3, 6e-3, 1.2e-2), (100, 200, 300, 600)
USUAL = (6e-3, 300)  # the defaults: every other arm changes one of them


def _arm(lr: float, steps: int) -> Arm:
    return Arm(f"lr{lr:g}-steps{steps}", LearnConfig(spirits=20, steps=steps, teach=TeachConfig(lr=lr)))


ARMS = tuple(_arm(lr, steps) for lr in RATES for steps in STEPS if lr == USUAL[0] or steps == USUAL[1])
EXPERIMENT = Experiment(
    "choice", "rate and number of steps for learning from twenty spirits, one changed at a time", ARMS, (0, 1, 2), score
)
