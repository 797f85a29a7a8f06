"""Every registered experiment by name; `main.py experiment NAME` runs one."""

from dataclasses import replace

from training.experiments import born, choice, few, frozen, learning, listen, optimizer, rank, sight
from training.experiments.plan import Experiment

EXPERIMENTS: dict[str, Experiment] = {
    module.EXPERIMENT.name: module.EXPERIMENT
    for module in (learning, few, choice, sight, listen, rank, frozen, optimizer, born)
}


def experiment_named(name: str, seer: str | None = None) -> Experiment:
    """seer: the born seer's folder, for the experiment that has one. Raises ValueError with the known names."""
    if name not in EXPERIMENTS:
        raise ValueError(f"experiment {name}: unknown; known: {', '.join(EXPERIMENTS)}")
    planned = EXPERIMENTS[name]
    if seer is None:
        return planned
    if not isinstance(planned.stage, born.Compare):
        raise ValueError(f"--seer {seer}: experiment {name} has no born seer; leave it out")
    return replace(planned, stage=replace(planned.stage, seer=seer))
