"""Surgical against distributed: sight, listening and facts, each taught by edits and by trainings, at matched gain.

Every method starts from the same weights. It stops where what it taught has reached the same gain (`surgical_match`),
or stays as near as it comes. A pilot on seeds of its own chooses rates, traces layers, and names the core: the heads
that hold most of the held-out gain of an APOLLO training. What is scored comes from other seeds.

OUT/pilot/KIND.json is the pilot. OUT/KIND/seed-S/METHOD.json is what a method came to on a seed, and
METHOD.safetensors the weights that it moved; of several facts of a seed, the first one's. Each is written whole, so
that the same command goes on after a kill. No arm is a control with dealt-out answers, so no method gets a verdict.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from common.files import read_json, write_whole
from common.locks import hold
from common.numbers import finite
from common.processes import WORKERS_MAX
from perception.model import Model, load_alone
from training.experiments.pool import in_processes
from training.experiments.run import SCORE, check_free, claim
from training.experiments.surgical_bench import Bench, Pilot, SurgicalConfig, block_matrices, changed_by_unit, width
from training.experiments.surgical_match import weights_of
from training.experiments.surgical_methods import NAMED, Method, methods_of
from training.experiments.surgical_pilot import pilot_of, run_pilot
from training.experiments.surgical_score import score_of
from training.experiments.surgical_tasks import FactTask, Task
from training.heads.gain_allocation import gain_allocation
from training.heads.run_log import commit, from_root
from training.heads.sharpness import Place, worst_case
from training.progress import Report
from training.provenance import of_model

NAME, PILOT = "surgical", "pilot"
VERSION = 1


def _details(bench: Bench, task: Task, before: Model) -> dict[str, Any]:
    """What is measured on one task of a seed: retention, width of change and gain, norm, sharpness."""
    config, model = bench.config, bench.model
    changed = [(task.case.subject, task.case.true)] if isinstance(task, FactTask) else []
    squares = changed_by_unit(model, bench.start)
    shared = gain_allocation(before.net, model.net, task.shared_loss(), config.points)
    gains = np.concatenate([shared.heads.flatten().numpy(), shared.mlps.numpy()])
    place = Place(model.net, task.fixed_loss(), block_matrices(model))
    generator = torch.Generator().manual_seed(bench.seed)
    return {
        "retention": task.retention.measure(model, changed),
        "width": {"change": width(squares), "gain": width(gains), "units": len(squares)},
        "norm": float(np.sqrt(squares.sum())),
        "worst": worst_case(place, config.radius, config.ascent, generator),
    }


def run_method(bench: Bench, before: Model, tasks: Sequence[Task], method: Method, pilot: Pilot, to: Path) -> None:
    """One method on all tasks of a seed; the weights beside, then the numbers."""
    rows, details = [], dict[str, Any]()
    layer, heads = bench.units(method, pilot)
    for number, task in enumerate(tasks):
        bench.again()
        reached = bench.change(method, task, pilot)
        rows.append({"task": task.label, "gain": reached.gain, "reached": reached.reached, "steps": reached.steps,
                     "scale": reached.scale, "held": task.held()})  # fmt: skip
        if number == 0:
            details = _details(bench, task, before)
            moved = {n: p for n, p in weights_of(bench.model.net).items() if not torch.equal(p, bench.start[n])}
            content = {f"weight/{name}": value for name, value in moved.items()}
            content |= {f"update/{name}": value for name, value in reached.update.items() if name in moved}
            write_whole(to.with_suffix(".safetensors"), save(content))
    units = {"layer": layer} if method.layer else {"heads": heads} if method.heads else {}
    rate = pilot.rates.get(method.like or method.name)
    content_json = {"method": method.name, "seed": bench.seed, "rate": rate, "commit": commit(), "tasks": rows}
    write_whole(to, (json.dumps(finite(content_json | units | details)) + "\n").encode())
    bench.again()


def run_seed(config: SurgicalConfig, kind: str, seed: int, pilot: Pilot, folder: Path) -> None:
    """Every method of a kind on one seed, in a process of its own; those that are there already are not done again."""
    missing = [method for method in methods_of(kind) if not (folder / f"{method.name}.json").exists()]
    if not missing:
        return
    folder.mkdir(parents=True, exist_ok=True)
    bench, before = Bench(config, seed), load_alone(config.model, "cpu")
    tasks = bench.tasks(kind)
    untouched = {"held": [task.held() for task in tasks], "gain": fmean(task.gain() for task in tasks),
                 "retention": bench.retention.measure(bench.model)}  # fmt: skip
    write_whole(folder / "untouched.json", (json.dumps(finite(untouched)) + "\n").encode())
    for method in missing:
        run_method(bench, before, tasks, method, pilot, folder / f"{method.name}.json")


def surgical(config: SurgicalConfig, out: Path, workers: int, report: Report) -> dict[str, Any]:
    """The pilots, every method on every seed, then OUT/score.json, which is returned.

    Raises ValueError for settings that can't be, and where OUT holds something else; FolderInUse.
    """
    config.check()
    if not 1 <= workers <= WORKERS_MAX:
        raise ValueError(f"--workers {workers}: give at least 1, at most {WORKERS_MAX}")
    plan = plan_of(config)
    check_free(out, plan)
    with hold(out):
        claim(out, plan)
        homes = {kind: out / PILOT / f"{kind}.json" for kind in config.kinds}
        (out / PILOT).mkdir(exist_ok=True)
        jobs: dict[Any, Any] = {k: (run_pilot, (config, k, to)) for k, to in homes.items() if not to.exists()}
        in_processes(jobs, workers, partial(_done, report, "pilots", len(jobs)))
        pilots = {kind: pilot_of(to) for kind, to in homes.items()}
        each = [(seed, kind) for kind in config.kinds for seed in config.seeds]
        jobs = {(s, k): (run_seed, (config, k, s, pilots[k], out / k / f"seed-{s}")) for s, k in each}
        in_processes(jobs, workers, partial(_done, report, "seeds of a kind", len(jobs)))
        content = finite(result_of(config, out))
        write_whole(out / SCORE, (json.dumps(content, indent=1) + "\n").encode())
    return dict(content)


def _done(report: Report, what: str, of: int, done: int) -> None:
    report(what, done, of)


def plan_of(config: SurgicalConfig) -> dict[str, Any]:
    """What a folder's experiment.json says: settings, and hashes of the model."""
    settings: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    settings["model"] = from_root(config.model)
    return {"version": VERSION, "name": NAME, "settings": settings, "rests_on": of_model(config.model)}


def result_of(config: SurgicalConfig, out: Path) -> dict[str, Any]:
    """score.json from the files of the folder."""
    read: Callable[[Path], Any] = read_json
    kinds = {}
    for kind in config.kinds:
        seeds = [out / kind / f"seed-{seed}" for seed in config.seeds]
        rows = {m.name: [read(seed / f"{m.name}.json") for seed in seeds] for m in methods_of(kind)}
        kinds[kind] = score_of(rows, [read(seed / "untouched.json") for seed in seeds], config.target)
        kinds[kind]["pilot"] = read(out / PILOT / f"{kind}.json")
    return {
        "experiment": NAME, "model": from_root(config.model), "seeds": list(config.seeds), "target": config.target,
        "radius": config.radius, "commits": sorted({c for kind in kinds.values() for c in kind.pop("commits")}),
        "about": {name: method.about for name, method in NAMED.items()}, "score": kinds,
    }  # fmt: skip
