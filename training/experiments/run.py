"""Runs an experiment: every arm on every seed, in local processes, one thread each; resumable after a kill.

OUT/experiment.json says what runs there. OUT/ARM/seed-S/ holds log.msgpack and, written last, result.json; with several
base models it is OUT/base-K/ARM/seed-S/. Runs of a sweep, OUT/sweep/ARM/seed-S/, choose by their scores; they leave
result.json alone, because a log takes longer than the training. A run without result.json is done again, so that a kill
costs no more than the runs under way. Then come the experiment's stage, if it has one, and OUT/score.json. What a stage
measured stands beside the runs. A finished experiment whose weight deltas were thrown away (they are large) is scored
and judged anew from its logs by the same command, in seconds.

A result notes what it rests on by content (`training.experiments.provenance`). A folder whose results rest on something
else than what is there today is refused. One process at a time works in a folder.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from common.files import read_text, write_whole
from common.locks import hold
from common.numbers import finite
from common.processes import WORKERS_MAX
from training.config import LearnConfig
from training.experiments.plan import Arm, Experiment, Outcome, Runs, settings
from training.experiments.pool import in_processes
from training.experiments.provenance import RestsOn, difference, of_file, of_model, rests_on
from training.experiments.weight_delta import WEIGHT_DELTA, save_weight_delta
from training.heads.run_log import commit, from_root
from training.learn import learn
from training.progress import Report

PLAN, RESULT, LOG, SCORE = "experiment.json", "result.json", "log.msgpack", "score.json"
VERSION = 1
VERDICTS = "**/verdict.msgpack"  # what a stage may have said of the runs
JSON_MAX = 16 * 2**20  # bytes of a file that is read
Leaves = Literal["result", "log", "weights"]  # what a run leaves: its result alone, its log too, its weight delta too


@dataclass(frozen=True)
class Planned:
    """One run that an experiment needs. root: of the base's runs; base: which base model."""

    arm: Arm
    seed: int
    root: Path
    base: int
    leaves: Leaves

    @property
    def folder(self) -> Path:
        return self.root / self.arm.name / f"seed-{self.seed}"

    @cached_property
    def config(self) -> LearnConfig:
        """Its settings."""
        return self.arm.seeded(self.seed)


class Present:
    """What runs of an experiment rest on today. Raises ValueError if two base models are the same files."""

    def __init__(self, experiment: Experiment) -> None:
        self._hashes: dict[tuple[str, str, Path | None], RestsOn] = {}
        for base in range(max(1, len(experiment.bases))):
            for arm in experiment.based(base).arms:
                self.of(arm.config)
        models: dict[tuple[str, ...], str] = {}
        for source, *_ in self._hashes:
            content = tuple(of_model(source).values())
            if models.setdefault(content, source) != source:
                raise ValueError(f"--model: {models[content]} and {source} hold the same model; give each model once")

    def of(self, config: LearnConfig) -> RestsOn:
        """The hashes for one training; files are read once."""
        key = (config.model, config.behaviour, config.probe_file)
        if key not in self._hashes:
            self._hashes[key] = rests_on(config)
        return self._hashes[key]


def run_experiment(
    experiment: Experiment, out: Path, workers: int = 1, report: Report = lambda what, done, of: None
) -> dict[str, Any]:
    """All runs, the stage, then the score: {experiment, runs, bases, commits, rates, score}; also in OUT/score.json.

    {some: those that ran}, too, where arms were left out. Before anything runs, it raises ValueError for settings that
    can't be, if OUT holds another experiment, or runs of other settings or of other data and models, and FolderInUse if
    another process works in OUT.
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
    _check_free(out, experiment)
    with hold(out):
        _claim(out, experiment)
        return _run(experiment, out, workers, report, present)


def _run(experiment: Experiment, out: Path, workers: int, report: Report, present: "Present") -> dict[str, Any]:
    bases = max(1, len(experiment.bases))
    folders = [out if bases == 1 else out / f"base-{base}" for base in range(bases)]
    sweep = [Planned(arm, experiment.sweep_seed, out / "sweep", 0, "result") for arm in experiment.sweep()]
    swept = _run_all(sweep, workers, report, "choosing rates", present, out)
    chosen = replace(experiment, arms=experiment.chosen(swept))
    planned = [
        Planned(arm, seed, folder, base, "weights" if experiment.keeps_weights else "log")
        for seed in experiment.seeds  # seed by seed: a broken-off experiment has whole seeds
        for base, folder in enumerate(folders)
        for arm in chosen.based(base).arms
    ]
    outcomes = _run_all(planned, workers, report, "training", present, out)
    score = experiment.score(outcomes)
    if experiment.stage is not None:
        score = _joined(score, experiment.stage.run(Runs(chosen, outcomes, folders), workers, report))
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
    return content | ({"some": [arm.name for arm in chosen.arms]} if chosen.some else {})


def _joined(scored: dict[str, Any], staged: dict[str, Any]) -> dict[str, Any]:
    """A score and what the stage adds to it. Raises KeyError where one would hide the other's numbers."""
    both = sorted(scored.keys() & staged.keys())
    if both:
        raise KeyError(f"the experiment's score and its stage both hold {', '.join(both)}; rename one")
    return scored | staged


def _swept(outcome: Outcome) -> dict[str, Any]:
    after = outcome.result["after"]
    return {"arm": outcome.arm} | {key: after[key] for key in ("hits", "false_alarms", "d_prime", "mundane")}


def _check_free(out: Path, experiment: Experiment) -> None:
    """Raises ValueError if OUT is no folder, or holds something that is not this experiment's."""
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out}: is no folder; give a new folder")
    path = out / PLAN
    if path.exists():
        stored = _read(path)
        if stored != _plan(experiment):
            raise ValueError(f"--out {out}: holds experiment {stored.get('name')} of other settings; give a new folder")
    elif out.exists() and any(file.name != ".lock" for file in out.iterdir()):
        raise ValueError(f"--out {out}: exists and holds no experiment; give a new folder")


def _plan(experiment: Experiment) -> dict[str, Any]:
    """What OUT/experiment.json says."""
    plan: dict[str, Any] = {"version": VERSION, "name": experiment.name, "seeds": list(experiment.seeds)}
    if experiment.some:
        plan["arms"] = [arm.name for arm in experiment.arms]
    if len(experiment.bases) > 1:
        plan["bases"] = [from_root(base) for base in experiment.bases]
    return plan


def _claim(out: Path, experiment: Experiment) -> None:
    """OUT becomes this experiment's, or is it already. Raises ValueError for anybody else's."""
    _check_free(out, experiment)  # once more, now that nobody else may write there
    if not (out / PLAN).exists():
        write_whole(out / PLAN, json.dumps(_plan(experiment)).encode())


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_text(path, JSON_MAX))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: can't be read ({error}); remove it, and the run will be done again") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: no JSON object; remove it, and the run will be done again")
    return content


def _run_all(
    planned: Sequence[Planned], workers: int, report: Report, what: str, present: Present, out: Path
) -> list[Outcome]:
    """Every planned run that isn't there yet; all of them in the order of bases, arms and seeds."""
    if not planned:
        return []
    finished = {
        number: outcome
        for number, run in enumerate(planned)
        if (outcome := _finished(run, present.of(run.config))) is not None
    }
    jobs = {
        number: (one, (run.arm.name, run.config, run.folder, run.base, run.leaves, present.of(run.config)))
        for number, run in enumerate(planned)
        if number not in finished
    }
    unknown = [outcome.folder for outcome in finished.values() if not outcome.rests_on]
    if jobs and unknown:
        raise ValueError(
            f"{unknown[0]}: an older version made it, which didn't note the data and the model it rests on; "
            f"{len(jobs)} runs are missing and can't be added to it; give a new --out"
        )
    report(what, len(finished), len(planned))
    if jobs:  # a score of fewer runs is stale
        for stale in (out / SCORE, *sorted(out.glob(VERDICTS))):
            stale.unlink(missing_ok=True)
    before = len(finished)
    finished |= in_processes(jobs, workers, lambda count: report(what, before + count, len(planned)))
    order = {name: number for number, name in enumerate(dict.fromkeys(run.arm.name for run in planned))}
    return sorted(finished.values(), key=lambda outcome: (outcome.base, order[outcome.arm], outcome.seed))


def _finished(run: Planned, present: RestsOn) -> Outcome | None:
    """What a run left, if it came to its end.

    Raises ValueError if it was made with other settings, rests on something else than what is there today, or if its
    log is another run's.
    """
    folder, path = run.folder, run.folder / RESULT
    if not path.exists():
        return None
    stored = _read(path)
    shape = {"settings": dict, "result": dict, "commit": str}
    noted, files = stored.get("rests_on", {}), stored.get("files", {})
    if any(not isinstance(stored.get(key), kind) for key, kind in shape.items()) or not (
        isinstance(noted, dict) and isinstance(files, dict)
    ):
        raise ValueError(f"{path}: no result of a run; remove it, and the run will be done again")
    planned = json.loads(json.dumps(settings(run.config)))
    defaults = json.loads(json.dumps(settings(LearnConfig())))  # a setting added since then was its default
    made_with = {key: value for key, value in stored["settings"].items() if key in planned or value}
    if defaults | made_with != planned:
        raise ValueError(f"{folder}: was made with other settings; give a new --out, or remove that folder")
    if noted and (changes := difference(noted, present)):
        raise ValueError(f"{folder}: rests on something else than what is there now: {changes}; give a new --out")
    log = folder / LOG
    if LOG in files and log.exists() and (hash_now := of_file(log)) != files[LOG]:
        raise ValueError(
            f"{log}: is not the log of this run ({files[LOG]} then, {hash_now} now); remove that folder, and the run "
            "will be done again"
        )
    return Outcome(run.arm.name, run.seed, stored["settings"], stored["result"], log, stored["commit"], run.base,
                   noted, files)  # fmt: skip


def one(arm: str, config: LearnConfig, folder: Path, base: int, leaves: Leaves, present: RestsOn) -> Outcome:
    """One run in its folder, from nothing; result.json is written last, whole.

    present: what it rests on. Raises ValueError if that changes while it runs.
    """
    if folder.exists():
        shutil.rmtree(folder)
    files = {}
    try:
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
    outcome = Outcome(arm, config.seed, settings(config), result, folder / LOG, commit(), base, present, files)
    content = {"arm": arm, "seed": config.seed, "commit": outcome.commit, "settings": outcome.settings}
    content |= {"result": result, "rests_on": present, "files": files}
    write_whole(folder / RESULT, json.dumps(content).encode())
    return outcome
