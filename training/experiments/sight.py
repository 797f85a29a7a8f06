"""Sight: which heads learn to see spirits, and may we say how? Eight seeds, two controls of eight, the verdict."""

from training.config import LearnConfig
from training.experiments.judge import REHEARSAL, SHUFFLED, TRAINED, Judge
from training.experiments.plan import PROBE_SEED, Arm, Experiment
from training.experiments.tables import score

ARMS = (
    Arm(TRAINED, LearnConfig(probe_seed=PROBE_SEED)),
    Arm(SHUFFLED, LearnConfig(probe_seed=PROBE_SEED, control="shuffled")),
    Arm(REHEARSAL, LearnConfig(probe_seed=PROBE_SEED, control="rehearsal")),
)
EXPERIMENT = Experiment(
    "sight", "which heads learn to see spirits: trained, shuffled and rehearsal, swaps, the verdict", ARMS,
    tuple(range(8)), score, keeps_weights=True, stage=Judge(),
)  # fmt: skip
