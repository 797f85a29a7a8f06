"""Experiments small enough for a test: tiny trainings of tiny models in this process, and runs that cost nothing."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from training.config import LearnConfig, TeachConfig
from training.experiments.plan import Arm, Experiment, Outcome

SMALL: dict[str, Any] = {"lessons": 4, "steps": 2, "probes": 4, "measure_every": 2, "device": "cpu"}
TEACH = TeachConfig(rank=2, scenes=2, rehearse=1, warmup=1)
SCORES = {"hits": 0.5, "hits_new_pairs": None, "false_alarms": 0.0, "d_prime": 1.0, "mundane": 1.0}


def small(experiment: Experiment, *models: Path, seeds: tuple[int, ...] = (0, 1)) -> Experiment:
    """The experiment with tiny trainings of these models."""
    arms = tuple(Arm(arm.name, replace(arm.config, teach=TEACH, **SMALL)) for arm in experiment.arms)
    stage = None if experiment.stage is None else experiment.stage.quick()
    return replace(experiment, arms=arms, seeds=seeds, rates={}, stage=stage).on(*map(str, models))


def begun(out: Path, experiment: Experiment, runs: Path) -> Path:
    """A folder in which this experiment goes on from runs that another one of the same arms left under `runs`."""
    out.mkdir(parents=True)
    plan: dict[str, Any] = {"version": 1, "name": experiment.name, "seeds": list(experiment.seeds)}
    if len(experiment.bases) > 1:
        plan["bases"] = list(experiment.bases)
    (out / "experiment.json").write_text(json.dumps(plan))
    for result in sorted(runs.rglob("result.json")):
        shutil.copytree(result.parent, out / result.parent.relative_to(runs))
    return out


def steps_of(outcomes: list[Outcome]) -> dict[str, Any]:
    """A score that tells the runs apart."""
    return {f"{outcome.arm}/{outcome.seed}": outcome.result["steps"] for outcome in outcomes}


def learned_at_once(calls: list[LearnConfig]) -> Callable[[LearnConfig], dict[str, Any]]:
    """Stands for `learn`: leaves a log of a few bytes, and notes what it was called with."""

    def learn(config: LearnConfig) -> dict[str, Any]:
        calls.append(config)
        if config.out is not None:
            config.out.mkdir(parents=True)
            (config.out / "log.msgpack").write_text(f"log {len(calls)}")
        after = SCORES | {"d_prime": 1.0 + 100 * (config.teach.lr or 0.0)}  # the higher the rate, the better
        return {"before": SCORES, "after": after, "curve": [], "steps": config.steps, "seconds": 1.0, "log": None}

    return learn


def from_files(folder: Path, seeds: tuple[int, ...] = (0, 1), **changes: Any) -> Experiment:
    """Two arms that learn a behaviour from lessons.jsonl and probes.jsonl in a folder, from the model beside them."""
    config = LearnConfig(
        behaviour=str(folder / "lessons.jsonl"), probe_file=folder / "probes.jsonl", model=str(folder / "model"),
        steps=3, device="cpu",
    )  # fmt: skip
    arms = (Arm("plain", config), Arm("dealt", replace(config, control="shuffled")))
    return Experiment("files", "a test", arms, seeds, steps_of, **changes)


def files_and_model(folder: Path) -> Path:
    """What `from_files` learns from, as far as its content is looked at."""
    model = folder / "model"
    model.mkdir(parents=True)
    contents = {
        folder / "lessons.jsonl": "one\ntwo\n", folder / "probes.jsonl": "three\n", model / "config.json": "{}",
        model / "model.safetensors": "weights", model / "tokenizer.json": "{}",
        model / "tokenizer_config.json": '{"chat_template": "x"}', model / "README.md": "a model",
    }  # fmt: skip
    for path, text in contents.items():
        path.write_text(text)
    return folder
