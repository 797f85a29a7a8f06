"""Every registered experiment by name; `main.py experiment NAME` runs one."""

from training.experiments import learning
from training.experiments.plan import Experiment

EXPERIMENTS: dict[str, Experiment] = {module.EXPERIMENT.name: module.EXPERIMENT for module in (learning,)}


def experiment_named(name: str) -> Experiment:
    """Raises ValueError with the known names."""
    if name not in EXPERIMENTS:
        raise ValueError(f"experiment {name}: unknown; known: {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]
