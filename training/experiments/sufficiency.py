"""Sufficiency: can the core that a verdict named learn the behaviour by itself? A core that can't is no core.

The arms train the core alone, everything but the core, everything, and random sets of the core's size and layers. The
core comes from the judged experiment in a folder (`--of`), one base model at a time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.files import read_json
from perception.units import Unit
from training.config import TRAIN, TeachConfig, from_flat
from training.experiments.judge import VERDICT
from training.experiments.plan import Arm, Experiment, Outcome
from training.experiments.run import SCORE
from training.experiments.tables import both
from training.headlog.log import read_log
from training.headlog.records import Log
from training.heads.head_sets import random_sets
from training.heads.run_log import at_root
from training.verdict.analyses import interval
from training.verdict.units import Shape

CORE, REST, ALL, RANDOM = "core", "all-but-core", "all", "random"
SETS = 20
SEEDS = 4
REMEDY = "give the folder of a finished sight, listen or own"


def experiment_of(folder: Path, base: int = 0) -> Experiment:
    """The experiment on the core of a judged experiment's base model. Raises ValueError if nothing was judged there."""
    try:
        judged = read_json(folder / SCORE)["score"]["bases"]
        core = [(int(layer), int(column)) for layer, column in judged[base]["verdict"]["core"]]
    except (OSError, ValueError, LookupError, TypeError) as error:
        why = f"{folder / SCORE} can't be read as one" if isinstance(error, OSError | ValueError) else "none is there"
        raise ValueError(f"--of {folder}: no verdict on base model {base}, {why}; {REMEDY}") from error
    runs = folder if len(judged) == 1 else folder / f"base-{base}"
    # The log of a run says how it was trained; so does the verdict's, which a published experiment keeps.
    log = next(iter((*sorted(runs.glob("trained/seed-*/log.msgpack")), *runs.glob(VERDICT))), None)
    if not core or log is None:
        raise ValueError(f"--of {folder}: names no core, or its logs are gone; {REMEDY}")
    header = read_log(log).header
    judged_run = from_flat(header.config)
    shape = Shape(header.layers, header.heads, judged_run.teach.train == "all")
    settings = replace(judged_run, gain_only=True, measure_every=judged_run.steps)  # the whole gain is all that counts
    settings = replace(settings, model=at_root(judged_run.model))
    every = [(layer, column) for layer in range(shape.layers) for column in range(shape.columns)]
    sets = {CORE: core, REST: [unit for unit in every if unit not in set(core)]}
    drawn = random_sets(core, shape.layers, shape.heads, SETS, 0)
    sets |= {f"{RANDOM}-{number}": list(chosen) for number, chosen in enumerate(drawn)}
    arms = [Arm(ALL, settings)]
    arms += [Arm(name, replace(settings, teach=only(chosen, shape, settings.teach))) for name, chosen in sets.items()]
    about = f"whether the core of {folder} learns alone what everything learned"
    return Experiment("sufficiency", about, tuple(arms), tuple(range(SEEDS)), score)


def only(chosen: Iterable[Unit], shape: Shape, teach: TeachConfig) -> TeachConfig:
    """A training of these units alone, and in all else as `teach` says."""
    heads = [f"{layer}.{column}" for layer, column in chosen if column < shape.heads]
    mlps = [str(layer) for layer, column in chosen if column == shape.heads]
    return replace(teach, train=TRAIN, heads=",".join(heads), mlps=",".join(mlps))


def _gain(log: Log) -> float:
    """The whole gain in usable information, nats."""
    information = log.information
    if information is None:
        raise ValueError(f"{log.path}: doesn't say what its beliefs tell; measure the run again with this version")
    return information.calibrated_before - information.calibrated_after


def score(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What each arm learned, and the usable gain of the core beside that of everything, of the rest, of random sets.

    share: of what everything gained, means over seeds as (mean, lower, upper). above: the part of the random sets that
    the core's mean lies above.
    """
    gains: dict[str, list[float]] = {}
    for outcome in outcomes:
        gains.setdefault(outcome.arm, []).append(_gain(read_log(outcome.log)))
    whole = sum(gains.get(ALL, ())) / max(1, len(gains.get(ALL, ())))
    shares = {arm: interval([gain / whole for gain in some]) for arm, some in gains.items()} if whole > 0 else {}
    null = sorted(mean for arm, (mean, _, _) in shares.items() if arm.startswith(RANDOM))
    sufficient = {
        "share": {arm: shares[arm] for arm in (CORE, REST) if arm in shares},
        "random": null,
        "above": sum(mean < shares[CORE][0] for mean in null) / len(null) if null and CORE in shares else None,
    }
    return both(outcomes) | {"sufficiency": sufficient}
