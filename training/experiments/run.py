"""Runs an experiment: every arm on every seed, in local processes, one thread each; resumable after a kill.

OUT/experiment.json says what runs there; OUT/ARM/seed-S/ holds log.msgpack and, written last, result.json. With
several base models that is OUT/base-K/ARM/seed-S/. A sweep's runs, OUT/sweep/ARM/seed-S/, choose by their scores: they
leave result.json alone, as a log takes longer than the training. A run without result.json is done again, so a killed
experiment loses no more than the runs that were under way. Then come the experiment's stage, if it has one, and
OUT/score.json. What a stage measured stands beside the runs, too: a finished experiment whose KEPT weights were thrown
away (they are large) is scored and judged anew from its logs by the same command, in seconds.
"""

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from common.files import write_whole
from training.config import LearnConfig
from training.experiments.plan import KEPT, Arm, Experiment, Outcome, Runs, settings
from training.experiments.pool import in_processes
from training.experiments.weight_delta import keep_trained
from training.heads.run_log import commit, from_root
from training.learn import learn
from training.progress import Report

PLAN, RESULT, LOG = "experiment.json", "result.json", "log.msgpack"
VERSION = 1


def run_experiment(
    experiment: Experiment, out: Path, workers: int = 1, report: Report = lambda what, done, of: None
) -> dict[str, Any]:
    """All runs, the stage, then the score: {experiment, runs, bases, commits, rates, score}; also in OUT/score.json.

    {some: those that ran}, too, where arms were left out. Raises ValueError if OUT holds another experiment or runs of
    other settings, before anything runs.
    """
    if workers < 1:
        raise ValueError(f"--workers {workers}: must be at least 1")
    if experiment.stage is not None:
        experiment.stage.check()
    _claim(out, experiment)
    bases = max(1, len(experiment.bases))
    folders = [out if bases == 1 else out / f"base-{base}" for base in range(bases)]
    sweep = [(arm, experiment.sweep_seed, out / "sweep", 0) for arm in experiment.sweep()]
    swept = _run_all(sweep, "result", workers, report, "choosing rates")
    chosen = replace(experiment, arms=experiment.chosen(swept))
    wanted = [
        (arm, seed, folder, base)
        for seed in experiment.seeds  # seed by seed: a broken-off experiment has whole seeds
        for base, folder in enumerate(folders)
        for arm in chosen.based(base).arms
    ]
    outcomes = _run_all(wanted, "weights" if experiment.keeps else "log", workers, report, "training")
    score = experiment.score(outcomes)
    if experiment.stage is not None:
        score = _joined(score, experiment.stage.run(Runs(chosen, outcomes, folders), workers, report))
    result = _result(chosen, swept, outcomes, score)
    write_whole(out / "score.json", (json.dumps(result, indent=1) + "\n").encode())
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
        raise KeyError(f"the experiment's score and its stage both tell {', '.join(both)}; rename one")
    return scored | staged


def finite(value: Any) -> Any:
    """The same with None for NaN and infinity, which are no JSON."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _swept(outcome: Outcome) -> dict[str, Any]:
    after = outcome.result["after"]
    return {"arm": outcome.arm} | {key: after[key] for key in ("hits", "false_alarms", "d_prime", "mundane")}


def _claim(out: Path, experiment: Experiment) -> None:
    """OUT becomes this experiment's, or is it already. Raises ValueError for anybody else's."""
    plan: dict[str, Any] = {"version": VERSION, "name": experiment.name, "seeds": list(experiment.seeds)}
    if experiment.some:
        plan["arms"] = [arm.name for arm in experiment.arms]
    if len(experiment.bases) > 1:
        plan["bases"] = [from_root(base) for base in experiment.bases]
    path = out / PLAN
    if path.exists():
        stored = _read(path)
        if stored != plan:
            raise ValueError(f"--out {out}: holds experiment {stored.get('name')} of other settings; give a new folder")
    elif out.exists() and any(out.iterdir()):
        raise ValueError(f"--out {out}: exists and holds no experiment; give a new folder")
    else:
        out.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(plan).encode())


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: can't be read ({error}); remove it, and the run will be done again") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: no JSON object; remove it, and the run will be done again")
    return content


Wanted = tuple[Arm, int, Path, int]  # an arm, a seed, the folder of its base's runs, and which base
Leaves = Literal["result", "log", "weights"]  # what a run leaves: its result alone, its log, too, or all it moved, too


def _run_all(wanted: Sequence[Wanted], leaves: Leaves, workers: int, report: Report, what: str) -> list[Outcome]:
    """Every wanted run that isn't there yet; all of them in the order of bases, arms and seeds."""
    if not wanted:
        return []
    places = {run: folder / arm.name / f"seed-{seed}" for run, (arm, seed, folder, _) in enumerate(wanted)}
    done = {
        run: outcome
        for run, (arm, seed, _, base) in enumerate(wanted)
        if (outcome := _finished(arm, seed, places[run], base))
    }
    report(what, len(done), len(wanted))
    jobs = {
        run: (one, (arm.name, arm.seeded(seed), places[run], base, leaves))
        for run, (arm, seed, _, base) in enumerate(wanted)
        if run not in done
    }
    before = len(done)
    done |= in_processes(jobs, workers, lambda count: report(what, before + count, len(wanted)))
    order = {name: number for number, name in enumerate(dict.fromkeys(arm.name for arm, *_ in wanted))}
    return sorted(done.values(), key=lambda outcome: (outcome.base, order[outcome.arm], outcome.seed))


def _finished(arm: Arm, seed: int, folder: Path, base: int) -> Outcome | None:
    """What a run left, if it came to its end. Raises ValueError if it was made with other settings."""
    path = folder / RESULT
    if not path.exists():
        return None
    stored = _read(path)
    shape = {"settings": dict, "result": dict, "commit": str}
    if any(not isinstance(stored.get(key), kind) for key, kind in shape.items()):
        raise ValueError(f"{path}: no result of a run; remove it, and the run will be done again")
    wanted_settings = json.loads(json.dumps(settings(arm.seeded(seed))))
    defaults = json.loads(json.dumps(settings(LearnConfig())))  # a setting added since then was its default
    stored_settings = {key: value for key, value in stored["settings"].items() if key in wanted_settings or value}
    if defaults | stored_settings != wanted_settings:
        raise ValueError(f"{folder}: was made with other settings; give a new --out, or remove that folder")
    return Outcome(arm.name, seed, stored["settings"], stored["result"], folder / LOG, stored["commit"], base)


def one(arm: str, config: LearnConfig, folder: Path, base: int = 0, leaves: Leaves = "log") -> Outcome:
    """One run in its folder, from nothing; result.json is written last, whole."""
    if folder.exists():
        shutil.rmtree(folder)
    learned = learn(replace(config, out=None if leaves == "result" else folder))
    if leaves == "weights":
        keep_trained(config.model, folder / "model", folder / KEPT)
    shutil.rmtree(folder / "model", ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    result = {key: value for key, value in learned.items() if key != "log"}
    outcome = Outcome(arm, config.seed, settings(config), result, folder / LOG, commit(), base)
    content = {
        "arm": arm,
        "seed": config.seed,
        "commit": outcome.commit,
        "settings": outcome.settings,
        "result": result,
    }
    write_whole(folder / RESULT, json.dumps(content).encode())
    return outcome
