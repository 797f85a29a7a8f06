"""Runs an experiment: every arm on every seed, one thread each, in local processes or on Ray; resumable after a kill.

OUT/experiment.json says what runs there. OUT/ARM/seed-S/ holds log.msgpack and, written last, result.json; with several
base models it is OUT/base-K/ARM/seed-S/. Runs of a sweep, OUT/sweep/ARM/seed-S/, choose by their scores; they leave
result.json alone, because a log takes longer than the training. A run without result.json is done again, so that a kill
costs no more than the runs under way. Then come the experiment's stage, if it has one, and OUT/score.json. What a stage
measured stands beside the runs. A finished experiment whose weight deltas were thrown away (they are large) is scored
and judged anew from its logs by the same command, in seconds.

A result notes what it rests on by content (`training.provenance`). A folder whose results rest on something
else than what is there today is refused. One process at a time works in a folder.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common.files import write_whole
from common.json_lines import half_surrogate
from common.locks import hold
from common.numbers import finite
from common.processes import WORKERS_MAX
from perception.model import Model, load
from training.behaviours.fit import check_begin
from training.config import LearnConfig
from training.experiments.plan import Experiment, Outcome, Runs, settings
from training.experiments.planned_runs import (
    LOG,
    RESULT,
    Leaves,
    Planned,
    Present,
    changes_in,
    left_by,
    read_object,
    reading_logs,
)
from training.experiments.pool import LocalPool, Pool, RunJob
from training.experiments.weight_delta import WEIGHT_DELTA, save_weight_delta
from training.heads.run_log import commit, from_root
from training.learn import learn
from training.optim.shared_reads import shared_reads
from training.progress import Report
from training.provenance import RestsOn, difference, of_file, rests_on

PLAN, SCORE = "experiment.json", "score.json"
VERSION = 1
VERDICTS = "**/verdict.msgpack"  # what a stage may have said of the runs


def run_experiment(
    experiment: Experiment,
    out: Path,
    workers: int = 1,
    report: Report = lambda what, done, of: None,
    pool: Pool | None = None,
    prepare: Callable[[], None] = lambda: None,
    tried: bool = False,
) -> dict[str, Any]:
    """All runs, the stage, then the score: {experiment, runs, bases, commits, rates, score}; also in OUT/score.json.

    pool: where runs are done, if not in `workers` local processes, which the stage takes in any case. {some: those that
    ran}, too, where arms were left out. prepare: what happens in OUT before its runs are looked for. tried: whether
    models and files are, before OUT becomes this experiment's.

    Before anything runs, it raises ValueError for settings that can't be, if OUT holds another experiment, or runs of
    other settings or of other data and models, and FolderInUse if another process works in OUT.
    """
    if not 1 <= workers <= WORKERS_MAX:
        raise ValueError(f"--workers {workers}: give at least 1, at most {WORKERS_MAX}")
    if experiment.stage is not None:
        experiment.stage.check()
    for base in range(max(1, len(experiment.bases))):
        for arm in (*experiment.based(base).arms, *experiment.sweep()):
            for seed in (*experiment.seeds, experiment.sweep_seed):
                arm.seeded(seed).check()
    present = Present(experiment)
    plan = _plan(experiment)
    check_free(out, plan)
    if tried and pool is None and not (out / PLAN).exists():  # elsewhere other models may lie under these names
        _check_begins(experiment)
    with hold(out):
        claim(out, plan)
        prepare()
        runner = _Runner(out, pool or LocalPool(workers), report, present)
        return _run(experiment, workers, runner)


def _check_begins(experiment: Experiment) -> None:
    """Raises ValueError for what would stop a training before its first step: files, models, missing heads."""
    for base in range(max(1, len(experiment.bases))):
        models: dict[str, Model] = {}
        unlike: dict[tuple[Any, ...], LearnConfig] = {}  # one of those that begin alike
        based = experiment.based(base)
        for arm in based.arms:
            config, teach = arm.seeded(experiment.seeds[0]), arm.config.teach
            data = (config.model, config.behaviour, config.probe_file, config.control)
            unlike.setdefault((*data, teach.train, teach.heads, teach.mlps, teach.full), config)
            if config.model not in models:
                models[config.model] = load(config.model)
        _check_full(based, models)
        for config in unlike.values():
            check_begin(config, models[config.model], not experiment.scores_alone)


def _check_full(experiment: Experiment, models: Mapping[str, Model]) -> None:
    """Raises ValueError, with what helps, for an arm that learns through contexts which another net reads."""
    full = [arm for arm in experiment.arms if arm.config.teach.full and models[arm.config.model].context is not None]
    if not full:
        return
    others = [arm.name for arm in experiment.arms if arm not in full]
    mend = "give a model that was trained without --base-cache"
    if others and (experiment.stage is None or getattr(experiment.stage, "any_arms", False)):
        mend += f", or the other arms alone: {' '.join(f'--arm {name}' for name in others)}"
    raise ValueError(
        f"--model {full[0].config.model}: decides on contexts that another net reads, and the arm {full[0].name} learns"
        f" through contexts; {mend}"
    )


def _run(experiment: Experiment, workers: int, runner: "_Runner") -> dict[str, Any]:
    out = runner.out
    bases = max(1, len(experiment.bases))
    folders = [out if bases == 1 else out / f"base-{base}" for base in range(bases)]
    sweep = [Planned(arm, experiment.sweep_seed, out / "sweep", 0, "result") for arm in experiment.sweep()]
    swept = runner.all(sweep, "choosing rates")
    chosen = replace(experiment, arms=experiment.chosen(swept))
    leaves: Leaves = "result" if experiment.scores_alone else "weights" if experiment.keeps_weights else "log"
    planned = [
        Planned(arm, seed, folder, base, leaves)
        for seed in experiment.seeds  # seed by seed: a broken-off experiment has whole seeds, but for those under way
        for base, folder in enumerate(folders)
        for arm in chosen.based(base).arms
    ]
    outcomes = runner.all(planned, "training")
    with reading_logs(outcomes):
        score = experiment.score(outcomes)
        if experiment.stage is not None:
            score = _joined(score, experiment.stage.run(Runs(chosen, outcomes, folders), workers, runner.report))
    result = _result(chosen, swept, outcomes, score)
    write_whole(out / SCORE, (json.dumps(result, indent=1) + "\n").encode())
    return result


def _result(
    chosen: Experiment, swept: Sequence[Outcome], outcomes: Sequence[Outcome], score: dict[str, Any]
) -> dict[str, Any]:
    """score.json of an experiment at its chosen rates."""
    content: dict[str, Any] = {
        "experiment": chosen.name,
        "runs": len(outcomes),
        "bases": [from_root(base) for base in chosen.bases],
        "commits": sorted({outcome.commit for outcome in (*swept, *outcomes)}),
        "rates": {arm.name: arm.config.teach.lr for arm in chosen.arms},
        "sweep": [_swept(outcome) for outcome in swept],
        "swept_on": from_root(chosen.arms[0].config.model) if swept else None,
        "score": finite(score),
    }
    content |= {"some": [arm.name for arm in chosen.arms]} if chosen.some else {}
    return content | ({"asked": list(chosen.asked)} if chosen.asked else {})


def _joined(scored: dict[str, Any], staged: dict[str, Any]) -> dict[str, Any]:
    """A score and what the stage adds to it. Raises KeyError where one would hide the other's numbers."""
    both = sorted(scored.keys() & staged.keys())
    if both:
        raise KeyError(f"the experiment's score and its stage both hold {', '.join(both)}; rename one")
    return scored | staged


def _swept(outcome: Outcome) -> dict[str, Any]:
    after = outcome.result["after"]
    return {"arm": outcome.arm} | {key: after[key] for key in ("hits", "false_alarms", "d_prime", "mundane")}


def check_free(out: Path, plan: Mapping[str, Any]) -> None:
    """Raises ValueError if OUT is no folder, or holds something that is not this plan's, or is no UTF-8."""
    if half_surrogate(str(out)):
        raise ValueError(f"--out {str(out)!a}: the name is not UTF-8; give another")
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out}: is no folder; give a new folder")
    path = out / PLAN
    if path.exists():
        stored = read_object(path, "restore it, or give a new --out")
        if stored != plan:
            changes = changes_in(_flat(stored), _flat(plan))
            raise ValueError(f"--out {out}: holds an experiment of other settings; give a new folder ({changes})")
    elif out.exists() and any(file.name != ".lock" for file in out.iterdir()):
        raise ValueError(f"--out {out}: exists and holds no experiment; give a new folder")


def _flat(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A plan with the keys of its objects beside its own."""
    inner = [value for value in plan.values() if isinstance(value, dict)]
    own = {name: value for name, value in plan.items() if not isinstance(value, dict)}
    return own | {name: value for each in inner for name, value in each.items()}


def _plan(experiment: Experiment) -> dict[str, Any]:
    """What OUT/experiment.json says."""
    plan: dict[str, Any] = {"version": VERSION, "name": experiment.name, "seeds": list(experiment.seeds)}
    if experiment.some:
        plan["arms"] = [arm.name for arm in experiment.arms]
    if experiment.scores_alone:
        plan["scores_alone"] = True
    if len(experiment.bases) > 1:
        plan["bases"] = [from_root(base) for base in experiment.bases]
    return plan


def claim(out: Path, plan: Mapping[str, Any]) -> None:
    """OUT becomes this plan's, or is it already. Raises ValueError for anybody else's."""
    check_free(out, plan)  # once more, now that nobody else may write there
    if not (out / PLAN).exists():
        write_whole(out / PLAN, json.dumps(plan).encode())


@dataclass(frozen=True)
class _Runner:
    """Who does runs, in which folder."""

    out: Path
    pool: Pool
    report: Report
    present: Present

    def all(self, planned: Sequence[Planned], what: str) -> list[Outcome]:
        """Every planned run that isn't there yet; all of them in the order of bases, arms and seeds."""
        if not planned:
            return []
        outcomes = [left_by(run, self.present.of(run.config)) for run in planned]
        missing = [run for run, outcome in zip(planned, outcomes) if outcome is None]
        unknown = [outcome.folder for outcome in outcomes if outcome is not None and not outcome.rests_on]
        if missing and unknown:
            raise ValueError(
                f"{unknown[0]}: an older version made it, which didn't note the data and the model it rests on; "
                f"{len(missing)} runs are missing and can't be added to it; give a new --out"
            )
        before = len(planned) - len(missing)
        self.report(what, before, len(planned))
        if missing:
            for stale in (self.out / SCORE, *sorted(self.out.glob(VERDICTS))):  # of fewer runs
                stale.unlink(missing_ok=True)
            jobs = [self._job(run) for run in missing]
            self.pool(jobs, lambda count: self.report(what, before + count, len(planned)))
        order = {name: number for number, name in enumerate(dict.fromkeys(run.arm.name for run in planned))}
        return sorted(self._whole(planned), key=lambda outcome: (outcome.base, order[outcome.arm], outcome.seed))

    def _job(self, run: Planned) -> RunJob:
        group = run.folder.parent.relative_to(self.out).as_posix()
        arguments = (run.arm.name, run.config, run.base, run.leaves, self.present.of(run.config))
        kin = (run.base, run.config.seed) if run.config.teach.base_cache else run.folder  # or else nothing is shared
        return RunJob(group, run.folder.name, one, run.folder, arguments, kin)

    def _whole(self, planned: Sequence[Planned]) -> Iterator[Outcome]:
        """What all planned runs left, as it stands in their folders."""
        for run in planned:
            if (outcome := left_by(run, self.present.of(run.config))) is None:
                raise ValueError(f"{run.folder}: its result is gone; the same command does the run again")
            yield outcome


def one(folder: Path, arm: str, config: LearnConfig, base: int, leaves: Leaves, present: RestsOn) -> None:
    """One run in its folder, from nothing; result.json is written last, whole.

    present: what it rests on. Raises ValueError if that changes while it runs.
    """
    if folder.exists():
        shutil.rmtree(folder)
    files = {}
    try:
        with shared_reads(f"{present} {config.seed}"):  # arms of a seed that are taught alike draw the same scenes
            learned = learn(replace(config, out=None if leaves == "result" else folder))
        if leaves == "weights":
            files[WEIGHT_DELTA] = save_weight_delta(config.model, folder / "model", folder / WEIGHT_DELTA)
    finally:
        shutil.rmtree(folder / "model", ignore_errors=True)
    if changes := difference(present, rests_on(config)):
        raise ValueError(f"{folder}: while it ran, this changed: {changes}; the same command does the run again")
    folder.mkdir(parents=True, exist_ok=True)
    if leaves != "result":
        files[LOG] = of_file(folder / LOG)
    result = {key: value for key, value in learned.items() if key != "log"}
    content = {"arm": arm, "seed": config.seed, "commit": commit(), "settings": settings(config)}
    content |= {"result": result, "rests_on": present, "files": files}
    write_whole(folder / RESULT, json.dumps(content).encode())
