"""Every registered experiment by name; `main.py experiment NAME` runs one."""

from dataclasses import replace
from pathlib import Path

from training.experiments import born, choice, few, frozen, learning, listen, optimizer, own, rank, sight, sufficiency
from training.experiments.plan import Experiment

EXPERIMENTS: dict[str, Experiment] = {
    module.EXPERIMENT.name: module.EXPERIMENT
    for module in (learning, few, choice, sight, listen, own, rank, frozen, optimizer, born)
}
SUFFICIENCY = "sufficiency"  # made from another experiment's verdict
FILES = tuple(
    module.EXPERIMENT.name for module in (own, rank, frozen, optimizer, learning)
)  # they take lessons from files
BESIDE = (SUFFICIENCY, "calibration", "surgical", "sharpness")  # experiments that are no single plan


def experiment_named(
    name: str,
    seer: str | None = None,
    behaviour: str | None = None,
    probes: Path | None = None,
    of: Path | None = None,
    base: int = 0,
) -> Experiment:
    """seer: the born seer's folder, for the experiment that has one; behaviour, probes: files, which `own` needs
    and some others take; of, base: the judged experiment whose core `sufficiency` trains alone.

    Raises ValueError with the known names, and for what an experiment doesn't take.
    """
    if name == SUFFICIENCY:
        if of is None:
            raise ValueError("experiment sufficiency: give --of DIR, a finished sight, listen or own")
        return sufficiency.experiment_of(of, base)
    if of is not None or base:
        flag = f"--base {base}" if of is None else f"--of {of}"
        raise ValueError(f"{flag}: experiment {name} names its units itself; leave it out")
    if name not in EXPERIMENTS:
        raise ValueError(f"experiment {name}: unknown; known: {', '.join((*EXPERIMENTS, *BESIDE))}")
    planned = EXPERIMENTS[name]
    if name == own.EXPERIMENT.name or behaviour is not None or probes is not None:
        if name not in FILES:
            raise ValueError(
                f"experiment {name}: has a behaviour of its own; leave --behaviour and --probes to {', '.join(FILES)}"
            )
        if behaviour is None or probes is None:
            raise ValueError(
                f"experiment {name}: give --behaviour FILE.jsonl and --probes FILE.jsonl (docs/behaviours.md)"
            )
        planned = own.on_files(planned, behaviour, probes)
    if seer is None:
        return planned
    if not isinstance(planned.stage, born.Compare):
        raise ValueError(f"--seer {seer}: experiment {name} has no born seer; leave it out")
    return replace(planned, stage=replace(planned.stage, seer=seer))
