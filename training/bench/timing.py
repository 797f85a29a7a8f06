"""How the benches measure: contestants take turns in one run, so that a busy machine hits all alike."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

Row = dict[str, Any]  # name, value, unit, baseline (another row's name), ratio to it; without a value: note
Work = Callable[[], object]
CPU = torch.device("cpu")


def row(name: str, value: float, unit: str, baseline: str, against: float) -> Row:
    """One line of the table; ratio = value / the baseline row's value."""
    return {"name": name, "value": value, "unit": unit, "baseline": baseline, "ratio": value / against}


def missing_row(name: str, unit: str, baseline: str, why: str) -> Row:
    """A line of the table for what can't be measured here, with the reason."""
    return {"name": name, "value": None, "unit": unit, "baseline": baseline, "ratio": None, "note": why}


def finish(device: torch.device) -> None:
    """Wait until a device has done what it was told: a GPU's call returns before its work is over."""
    if device.type != "cpu":
        getattr(torch, device.type).synchronize()


def in_turns(works: dict[str, Work], rounds: int, device: torch.device = CPU) -> dict[str, float]:
    """Median milliseconds of each on `device`; one call each to warm up, then all of them once a round."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            finish(device)
            began = time.perf_counter()
            work()
            finish(device)
            if number:
                times[name].append(1000 * (time.perf_counter() - began))
    return {name: statistics.median(taken) for name, taken in times.items()}


def least_in_turns(works: dict[str, Work], rounds: int) -> dict[str, float]:
    """The least milliseconds of the processor's time of each; every round begins with another one, the first warms up.

    Neighbours only add to the processor's time, by more than what some benches measure.
    """
    times: dict[str, list[float]] = {name: [] for name in works}
    names = list(works)
    for number in range(rounds + 1):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            began = time.process_time()
            works[name]()
            if number:
                times[name].append(1000 * (time.process_time() - began))
    return {name: min(taken) for name, taken in times.items()}


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    """Median wall seconds of one call, on the CPU."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)
