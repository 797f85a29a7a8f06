"""Rank: of what rank must APOLLO's statistics be, and of what rank is the change that it makes? Four seeds each.

Wider than the model's matrices a rank is cut to them: at hidden 128, ranks 128 and above are the same. AdamW stands
beside them: it has statistics for every weight.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from common.files import read_text, write_whole
from game.realm.rules import load as load_rules
from perception.model import load
from training.behaviours.registry import behaviour_of
from training.config import LearnConfig, TeachConfig
from training.experiments.plan import PROBE_SEED, Arm, Experiment, Outcome, Runs
from training.experiments.pool import in_processes
from training.experiments.tables import both, by_arm, by_model
from training.experiments.weight_delta import check_base, with_delta
from training.progress import Report
from training.provenance import of_file
from training.verdict.analyses import rank_summary, ranks

CUT = "cut.json"  # in a run's folder: what its change came to
RANKS = (1, 4, 16, 64, 256)
ADAMW = Arm("adamw", LearnConfig(teach=TeachConfig(optimizer="adamw"), probe_seed=PROBE_SEED))
ARMS = (
    *(Arm(f"rank-{r}", LearnConfig(teach=TeachConfig(rank=r), probe_seed=PROBE_SEED)) for r in RANKS),
    ADAMW,
)
RATES = {
    "rank-1": (1.2e-2, 2.4e-2, 4.8e-2, 9.6e-2),
    "rank-4": (6e-3, 1.2e-2, 2.4e-2, 4.8e-2),
    "rank-16": (3e-3, 6e-3, 1.2e-2, 2.4e-2),
    "rank-64": (3e-3, 6e-3, 1.2e-2, 2.4e-2),
    "rank-256": (2e-3, 4e-3, 8e-3, 1.6e-2),
    "adamw": (2.5e-4, 5e-4, 1e-3, 2e-3),
}


@dataclass(frozen=True)
class Cut:
    """The stage: every run's change cut to its first singular values. every: of the probes' chunks, one in so many."""

    any_arms: ClassVar[bool] = True  # it compares nothing that a left-out arm would be missing from
    every: int = 2

    def quick(self) -> "Cut":
        """On fewer probes."""
        return Cut(8)

    def check(self) -> None:
        """Nothing more than the runs is needed."""

    def run(self, runs: Runs, workers: int, report: Report) -> dict[str, Any]:
        """{"change": arm -> stable ranks, and the gain kept by the number of singular values}, each base by itself."""
        bases = range(len(runs.folders))
        arms = {(base, arm.name): arm for base in bases for arm in runs.experiment.based(base).arms}
        places = [outcome.folder / CUT for outcome in runs.outcomes]
        jobs = {
            place: (cut, (arms[o.base, o.arm].seeded(o.seed), o, place, self.every))
            for o, place in zip(runs.outcomes, places, strict=True)
            if _known(place, self.every, o) is None
        }
        known = len(places) - len(jobs)
        report("cutting changes", known, len(places))
        in_processes(jobs, workers, lambda done: report("cutting changes", known + done, len(places)))
        pairs = zip(runs.outcomes, places, strict=True)
        by_folder = {o.folder: _known(place, self.every, o) or {} for o, place in pairs}

        def change(outcomes: Sequence[Outcome]) -> dict[str, Any]:
            return {name: rank_summary([by_folder[o.folder] for o in some]) for name, some in by_arm(outcomes).items()}

        return {"change": by_model(runs.outcomes, change)}


def _known(path: Path, every: int, run: Outcome) -> dict[str, Any] | None:
    """What a run's change came to; None if it wasn't measured, on other probes, or of another run.

    Raises ValueError if the file is torn.
    """
    if not path.exists():
        return None
    try:
        content = json.loads(read_text(path))
        same = content["every"] == every and content.get("run") in (None, of_file(run.log))
        rank_summary([content["ranks"]])  # raises what others would stumble over
        return dict(content["ranks"]) if same else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path}: can't be read ({error}); remove it, and it will be measured again") from error


def cut(config: LearnConfig, run: Outcome, to: Path, every: int) -> None:
    """`analyses.ranks` of one run, in a process of its own; written whole."""
    before, after = load(config.model), with_delta(load(config.model), run)
    check_base(before, config.model, [run])
    reader = before.read_by(config.teach.base_cache)
    losses = behaviour_of(config, before, load_rules()).gain_losses(reader)
    measured = ranks(before.net, after.net, losses.part(every))
    write_whole(to, json.dumps({"every": every, "run": of_file(run.log), "ranks": measured}).encode())


EXPERIMENT = Experiment(
    "rank", "APOLLO's rank from 1 to 256, and AdamW: what is learned, by which heads, of what rank the change is",
    ARMS, (0, 1, 2, 3), both, RATES, keeps_weights=True, stage=Cut(),
)  # fmt: skip
