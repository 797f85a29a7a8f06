"""Own: which heads learn a behaviour that two files describe? Arms, controls and verdict of `sight`, on any model."""

from dataclasses import replace
from pathlib import Path

from training.behaviours.deal import dealt
from training.behaviours.lines import read_pair
from training.experiments import sight
from training.experiments.plan import Arm, Experiment

EXPERIMENT = replace(
    sight.EXPERIMENT, name="own", about="which heads learn a behaviour of your own (docs/behaviours.md), on your model"
)


def on_files(experiment: Experiment, behaviour: str, probes: Path) -> Experiment:
    """The experiment with these lessons and probes.

    Raises BehaviourError for files that can't be learned from, or that leave a control nothing to deal out.
    """
    taught, _ = read_pair(Path(behaviour), probes)
    if any(arm.config.control == "shuffled" for arm in experiment.arms):
        dealt(Path(behaviour), taught, 0)
    changes = {"behaviour": behaviour, "probe_file": probes, "probe_seed": None}
    arms = [Arm(arm.name, replace(arm.config, **changes)) for arm in experiment.arms]  # type: ignore[arg-type]
    return replace(experiment, arms=tuple(arms))
