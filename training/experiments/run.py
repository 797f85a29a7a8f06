"""Runs an experiment: every arm on every seed, in local processes, one thread each; resumable after a kill.

OUT/experiment.json says what runs there; OUT/ARM/seed-S/ holds log.msgpack and, written last, result.json. A run
without result.json is done again, so a killed experiment loses no more than the runs that were under way.
"""

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

from game.realm.replay import write_whole
from training.experiments.plan import Arm, Experiment, Outcome, settings
from training.learn import LearnConfig, learn
from training.runlog import commit

Report = Callable[[str, int, int], None]  # what is going on, how far, of how many
PLAN, RESULT, LOG = "experiment.json", "result.json", "log.msgpack"
VERSION = 1


def run_experiment(
    experiment: Experiment, out: Path, workers: int = 1, report: Report = lambda what, done, of: None
) -> dict[str, Any]:
    """All runs, then the score: {experiment, runs, commits, rates, score}; also written to OUT/score.json.

    Raises ValueError if OUT holds another experiment or runs of other settings, before anything runs.
    """
    if workers < 1:
        raise ValueError(f"--workers {workers}: must be at least 1")
    _claim(out, experiment)
    swept = _run_all(experiment.sweep(), (experiment.sweep_seed,), out / "sweep", workers, report, "choosing rates")
    arms = experiment.chosen(swept)
    outcomes = _run_all(arms, experiment.seeds, out, workers, report, "training")
    result = {
        "experiment": experiment.name,
        "runs": len(outcomes),
        "commits": sorted({outcome.commit for outcome in (*swept, *outcomes)}),
        "rates": {arm.name: arm.config.teach.lr for arm in arms},
        "sweep": [_swept(outcome) for outcome in swept],
        "score": experiment.score(outcomes),
    }
    write_whole(out / "score.json", (json.dumps(result, indent=1) + "\n").encode())
    return result


def _swept(outcome: Outcome) -> dict[str, Any]:
    after = outcome.result["after"]
    return {"arm": outcome.arm} | {key: after[key] for key in ("hits", "false_alarms", "d_prime", "mundane")}


def _claim(out: Path, experiment: Experiment) -> None:
    """OUT becomes this experiment's, or is it already. Raises ValueError for anybody else's."""
    plan = {"version": VERSION, "name": experiment.name, "seeds": list(experiment.seeds)}
    path = out / PLAN
    if path.exists():
        found = _read(path)
        if found != plan:
            raise ValueError(f"--out {out}: holds experiment {found.get('name')} of other settings; give a new folder")
    elif out.exists() and any(out.iterdir()):
        raise ValueError(f"--out {out}: exists and holds no experiment; give a new folder")
    else:
        out.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(plan).encode())


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: can't be read ({error}); remove it, and the run will be done again") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path}: no JSON object; remove it, and the run will be done again")
    return found


def _run_all(
    arms: Sequence[Arm], seeds: Sequence[int], out: Path, workers: int, report: Report, what: str
) -> list[Outcome]:
    """Every arm on every seed, seed by seed (a broken-off experiment has whole seeds); in the order of arms."""
    wanted = [(arm, seed, out / arm.name / f"seed-{seed}") for seed in seeds for arm in arms]
    done = {folder: found for arm, seed, folder in wanted if (found := _finished(arm, seed, folder))}
    missing = [run for run in wanted if run[2] not in done]
    if wanted:
        report(what, len(done), len(wanted))
    if missing:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(workers, len(missing)), context, initializer=_quiet) as pool:
            futures = {pool.submit(one, arm.name, arm.seeded(seed), folder): folder for arm, seed, folder in missing}
            try:
                for future in as_completed(futures):
                    done[futures[future]] = future.result()
                    report(what, len(done), len(wanted))
            except BrokenProcessPool as error:
                raise ValueError(f"{out}: a process was killed (memory?); the same command goes on") from error
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
    order = {arm.name: number for number, arm in enumerate(arms)}
    return sorted(done.values(), key=lambda outcome: (order[outcome.arm], outcome.seed))


def _finished(arm: Arm, seed: int, folder: Path) -> Outcome | None:
    """What a run left, if it came to its end. Raises ValueError if it was made with other settings."""
    path = folder / RESULT
    if not path.exists():
        return None
    found = _read(path)
    wanted = json.loads(json.dumps(settings(arm.seeded(seed))))
    defaults = json.loads(json.dumps(settings(LearnConfig())))  # a setting added since then was its default
    if defaults | found.get("settings", {}) != wanted:
        raise ValueError(f"{folder}: was made with other settings; give a new --out, or remove that folder")
    return Outcome(arm.name, seed, found["settings"], found["result"], folder / LOG, found["commit"])


def _quiet() -> None:
    """A worker's first act: one thread, and step back for whoever sits at the machine."""
    import torch

    torch.set_num_threads(1)
    if hasattr(os, "nice"):
        os.nice(5)


def one(arm: str, config: LearnConfig, folder: Path) -> Outcome:
    """One run in its folder, from nothing; result.json is written last, whole. The trained weights aren't kept."""
    if folder.exists():
        shutil.rmtree(folder)
    result = learn(replace(config, out=folder))
    shutil.rmtree(folder / "model", ignore_errors=True)
    result = {key: value for key, value in result.items() if key != "log"}
    outcome = Outcome(arm, config.seed, settings(config), result, folder / LOG, commit())
    kept = {"arm": arm, "seed": config.seed, "commit": outcome.commit, "settings": outcome.settings, "result": result}
    write_whole(folder / RESULT, json.dumps(kept).encode())
    return outcome
