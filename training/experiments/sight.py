"""Sight: which heads learn to see spirits, and may we say how? Eight seeds, two controls of eight, the verdict."""

from dataclasses import replace

from training.config import LearnConfig, TeachConfig
from training.experiments.judge import REHEARSAL, SHUFFLED, TRAINED, Judge
from training.experiments.plan import PROBE_SEED, READING, Arm, Experiment
from training.experiments.tables import score

# Heads and MLPs train. With attention alone, "in the heads" would be so by construction.
WHOLE = LearnConfig(teach=TeachConfig(train="all", **READING), probe_seed=PROBE_SEED)
ARMS = (
    Arm(TRAINED, WHOLE),
    Arm(SHUFFLED, replace(WHOLE, control="shuffled")),
    Arm(REHEARSAL, replace(WHOLE, control="rehearsal")),
)
EXPERIMENT = Experiment(
    "sight", "which heads learn to see spirits: trained, shuffled and rehearsal, swaps, the verdict", ARMS,
    tuple(range(8)), score, keeps_weights=True, stage=Judge(),
)  # fmt: skip
