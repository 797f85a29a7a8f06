"""Frozen: what is learned, by which heads and at what cost, if the gradient stops at the context, goes through it, or
if the context is read by the model as it was before (base-cache)? Four seeds each.

A base-cache mind learns and decides on the old model's contexts: what is encoded once serves all steps and all minds.
In the fourth arm a set of scenes serves REUSED steps. Elsewhere such a cache grows stale; there it is exact.
"""

import json
import math
import re
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, TypedDict

import msgspec
import torch

from common.files import read_text, write_whole
from common.processes import run_jobs
from game.realm.rules import load as load_rules
from perception.model import choose_device, load
from training.behaviours.fit import begin
from training.config import LearnConfig, TeachConfig
from training.experiments.plan import PROBE_SEED, Arm, Experiment, Runs, settings
from training.experiments.pool import one_thread
from training.experiments.tables import both
from training.progress import Report
from training.provenance import RestsOn, rests_on

COST = "cost.json"
WARM = 3  # steps before the clock runs
REUSED = 5  # steps that a set of scenes serves


class Row(TypedDict):
    """The cost of one process's steps. peak_mb: None where the system does not tell it."""

    steps_per_s: float
    peak_mb: float | None


@dataclass(frozen=True)
class Cost:
    """The stage: speed and peak memory of each arm's steps, each in a fresh process, in turn. rounds: of all arms."""

    any_arms: ClassVar[bool] = True  # it compares nothing that a left-out arm would be missing from
    no_logs: ClassVar[bool] = True
    steps: int = 30
    rounds: int = 3

    def quick(self) -> "Cost":
        """A single step."""
        return Cost(1, 1)

    def check(self) -> None:
        """Nothing more than the runs is needed."""

    def run(self, runs: Runs, workers: int, report: Report) -> dict[str, Any]:
        """{"cost": arm -> steps_per_s, and peak_mb of the whole process, medians over the rounds}; on the first base.

        peak_mb is None where the system does not tell it. On a GPU it is the GPU's.
        """
        arms = runs.experiment.based(0).arms
        place = runs.folders[0] / COST
        by_arm = {arm.name: settings(arm.config) for arm in arms}
        plain = {"steps": self.steps, "rounds": self.rounds, "arms": by_arm, "rests_on": _inputs(arms)}
        identity = json.loads(json.dumps(plain))
        if (rows := _known(place, identity)) is None:
            rows = {arm.name: [] for arm in arms}
            for done in range(self.rounds * len(arms)):
                report("measuring cost", done, self.rounds * len(arms))
                arm = arms[done % len(arms)]
                rows[arm.name].append(run_jobs({0: (cost, (arm.seeded(0), self.steps))}, 1, prepare=one_thread)[0])
            write_whole(place, json.dumps(identity | {"rows": rows}).encode())
        report("measuring cost", self.rounds * len(arms), self.rounds * len(arms))
        return {"cost": {name: _medians(some) for name, some in rows.items()}}


def _inputs(arms: Sequence[Arm]) -> dict[str, RestsOn]:
    """What each arm's steps rest on by content, by the arm's name; what arms share is read once."""
    hashes: dict[tuple[str, str, Path | None], RestsOn] = {}
    by_name = {}
    for arm in arms:
        key = (arm.config.model, arm.config.behaviour, arm.config.probe_file)
        if key not in hashes:
            hashes[key] = rests_on(arm.config)
        by_name[arm.name] = hashes[key]
    return by_name


def cost(config: LearnConfig, steps: int) -> Row:
    """Steps a second, and the peak of memory in MB, of a training in this process, which should be fresh."""
    rules, model = load_rules(), load(config.model, choose_device(config.device))
    _, teacher = begin(replace(config, steps=WARM + steps), model, model, rules)
    for _ in range(WARM):
        teacher.step()
    began = time.perf_counter()
    for _ in range(steps):
        teacher.step()
    return {"steps_per_s": steps / (time.perf_counter() - began), "peak_mb": _peak(model.device)}


def _peak(device: torch.device) -> float | None:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    status = Path("/proc/self/status")
    if status.exists():  # Linux, whose getrusage tells of the process that began this one, too
        peak = re.search(r"VmHWM:\s*(\d+) kB", read_text(status))
        return None if peak is None else int(peak[1]) / 2**10
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 2**10  # macOS counts bytes, others KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def _medians(rows: Sequence[Row]) -> dict[str, float | None]:
    columns = {
        "steps_per_s": [row["steps_per_s"] for row in rows],
        "peak_mb": [peak for row in rows if (peak := row["peak_mb"]) is not None],
    }
    return {key: statistics.median(values) if values else None for key, values in columns.items()}


def _known(place: Path, identity: dict[str, Any]) -> dict[str, list[Row]] | None:
    """What was measured before of these arms on this content; None if it was not.

    Raises ValueError if the file is torn, or holds what no clock and no memory tells.
    """
    if not place.exists():
        return None
    try:
        content = msgspec.convert(json.loads(read_text(place)), dict[str, Any])
        rows = msgspec.convert(content.pop("rows", None), dict[str, list[Row]])
        costs = [(row["steps_per_s"], row["peak_mb"]) for some in rows.values() for row in some]
        if odd := [n for pair in costs for n in pair if n is not None and not 0 < n < math.inf]:
            raise ValueError(f"{odd[0]} is no cost")
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{place}: can't be read ({error}); remove it, and it will be measured again") from error
    whole = list(rows) == list(identity["arms"]) and all(len(some) == identity["rounds"] for some in rows.values())
    return rows if whole and content == identity else None


def _arm(name: str, **teach: Any) -> Arm:
    return Arm(name, LearnConfig(teach=TeachConfig(**teach), probe_seed=PROBE_SEED))


ARMS = (
    _arm("frozen"),
    _arm("full", full=True),
    _arm("base-cache", base_cache=True),
    _arm("base-cache-reused", base_cache=True, reuse=REUSED),
)
RATES = {arm.name: (6e-3, 1.2e-2) for arm in ARMS}  # among which `learning` found the best of each
EXPERIMENT = Experiment(
    "frozen", "contexts frozen, learned through, or read by the old model: what is learned, where, and at what cost",
    ARMS, (0, 1, 2, 3), both, RATES, stage=Cost(),
)  # fmt: skip
