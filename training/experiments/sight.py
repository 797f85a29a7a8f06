"""Sight: which heads learn to see spirits, and may we say how? Twelve seeds, two controls of twelve, the verdict."""

from dataclasses import replace

from training.config import LearnConfig, TeachConfig
from training.experiments.judge import REHEARSAL, SHUFFLED, TRAINED, Judge
from training.experiments.plan import EVERY, PROBE_SEED, PROBES, READING, STEPS, Arm, Experiment
from training.experiments.tables import score
from training.verdict.rule import REGISTERED

# Heads and MLPs train. With attention alone, "in the heads" would be so by construction. Steps are as many as in the
# trainings by which the rule is calibrated. Of the controls nothing but the gain is asked.
WHOLE = LearnConfig(
    teach=TeachConfig(train="all", **READING), steps=STEPS, measure_every=EVERY, probes=PROBES, probe_seed=PROBE_SEED
)
CONTROL = replace(WHOLE, gain_only=True)
ARMS = (
    Arm(TRAINED, WHOLE),
    Arm(SHUFFLED, replace(CONTROL, control="shuffled")),
    Arm(REHEARSAL, replace(CONTROL, control="rehearsal")),
)
EXPERIMENT = Experiment(
    "sight", "which heads learn to see spirits: trained, shuffled and rehearsal, swaps, the verdict", ARMS,
    tuple(range(REGISTERED)), score, keeps_weights=True, stage=Judge(),
)  # fmt: skip
