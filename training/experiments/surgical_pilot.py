"""The pilot of `surgical`: on seeds that are not scored, it traces layers, names the core, and chooses rates."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from common.files import read_json, write_whole
from common.numbers import finite
from perception.model import load_alone
from training.experiments.surgical_bench import Bench, Pilot, SurgicalConfig
from training.experiments.surgical_methods import NAMED, methods_of
from training.experiments.surgical_tasks import FACT, Task
from training.heads.gain_allocation import gain_allocation

CORE_SHARE = 0.1  # of the heads


def run_pilot(config: SurgicalConfig, kind: str, to: Path) -> None:
    """The traced layer, the core and the rates of a kind, on the pilot's seeds, in a process of its own."""
    apollo, before = NAMED["apollo-64"], load_alone(config.model, "cpu")
    middle = apollo.rates[kind][len(apollo.rates[kind]) // 2]
    effects, gains = [], []
    first: tuple[Bench, list[Task]] | None = None
    blank = Pilot(0, [], {apollo.name: middle})
    for seed in config.pilots:
        bench = Bench(config, seed)
        tasks = bench.tasks(kind, pilot=True)
        first = first or (bench, tasks)
        for task in tasks:
            if kind == FACT:
                effects.append(task.effects())
            bench.change(apollo, task, blank)
            if kind != FACT:
                effects.append(task.effects())
            gains.append(gain_allocation(before.net, bench.model.net, task.shared_loss(), config.points).heads)
            bench.again()
    assert first is not None
    heads_LH, effect_L = torch.stack(gains).mean(0), torch.stack(effects).mean(0)
    count = max(1, round(CORE_SHARE * heads_LH.numel()))
    order = heads_LH.flatten().argsort(descending=True)[:count].tolist()
    core = sorted(divmod(int(unit), heads_LH.shape[1]) for unit in order)
    pilot = Pilot(int(effect_L.argmax()), core, {})
    tried = _rates(*first, kind, pilot)
    rates = {name: best_rate(some) for name, some in tried.items()}
    content = {"layer": pilot.layer, "core": core, "rates": rates, "tried": tried, "effects": effect_L.tolist(),
               "gains": heads_LH.tolist()}  # fmt: skip
    write_whole(to, (json.dumps(finite(content)) + "\n").encode())


def best_rate(tried: Sequence[Mapping[str, Any]]) -> float:
    """The rate of the greatest merit among those that reached the target; among all, if none did."""
    best = max(tried, key=lambda row: (bool(row["reached"]), float(row["merit"])))
    return float(best["rate"])


def _rates(bench: Bench, tasks: Sequence[Task], kind: str, pilot: Pilot) -> dict[str, list[dict[str, Any]]]:
    """Every rate of every method: the merit is the held-out gain, less what mundane accuracy lost."""
    tried: dict[str, list[dict[str, Any]]] = {}
    mundane = bench.retention.mundane(bench.model)
    for method in methods_of(kind):
        for rate in method.rates.get(kind, ()):
            merits, steps, matched = [], [], []
            for task in tasks:
                bench.again()
                reached = bench.change(method, task, replace(pilot, rates={method.name: rate}))
                lost = mundane - bench.retention.mundane(bench.model)
                merits.append(task.held_gain() - lost)
                steps.append(reached.steps)
                matched.append(reached.reached)
            row = {"rate": rate, "merit": fmean(merits), "steps": fmean(steps), "reached": all(matched)}
            tried.setdefault(method.name, []).append(row)
    bench.again()
    return tried


def pilot_of(path: Path) -> Pilot:
    """What a pilot chose. Raises ValueError for a file that can't be read."""
    content = read_json(path)
    core = [(int(layer), int(head)) for layer, head in content["core"]]
    return Pilot(int(content["layer"]), core, {name: float(rate) for name, rate in content["rates"].items()})
