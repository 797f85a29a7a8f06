"""The table of `surgical`: what every method came to, means over seeds with their intervals; lines for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from statistics import fmean
from typing import Any

from training.experiments.show import aligned
from training.verdict.analyses import interval

NO_VERDICT = "no verdict"
NEAR = 0.05  # a gain within so much of the target counts as matched
COLUMNS = {  # of a row of the table: title, how it is written
    "gain": ("taught", "{:.2f}"), "held": ("held out", "{:.2f}"), "hits": ("hits", "{:.0%}"), "new": ("new", "{:.0%}"),
    "alarms": ("alarms", "{:.1%}"), "mundane": ("mundane", "{:.1%}"), "lore": ("lore", "{:.1%}"),
    "judgement": ("judged", "{:.1%}"), "width_change": ("w. change", "{:.0f}"), "width_gain": ("w. gain", "{:.0f}"),
    "norm": ("norm", "{:.2f}"), "worst": ("sharp", "{:.2f}"),
}  # fmt: skip


def row_of(runs: Sequence[Mapping[str, Any]], target: float) -> dict[str, Any]:
    """One method: means over seeds as (mean, lower, upper); of a seed's tasks their mean. None: not defined.

    matched: how many of the tasks came to the target.
    """
    by_seed: dict[str, list[float | None]] = {}
    for run in runs:
        tasks = run["tasks"]
        numbers: dict[str, float | None] = {"gain": fmean(task["gain"] for task in tasks)}
        for key in tasks[0]["held"]:
            values = [task["held"][key] for task in tasks if task["held"][key] is not None]
            numbers["held" if key == "gain" else key] = fmean(values) if values else None
        numbers |= run["retention"] | {f"width_{key}": run["width"][key] for key in ("change", "gain")}
        numbers |= {"norm": run["norm"], "worst": run["worst"], "steps": fmean(task["steps"] for task in tasks)}
        for key, value in numbers.items():
            by_seed.setdefault(key, []).append(value)
    row: dict[str, Any] = {}
    for key, seeds in by_seed.items():
        row[key] = interval_of_known(seeds)
    every = [task for run in runs for task in run["tasks"]]
    row |= {
        "matched": sum(abs(task["gain"] - target) <= NEAR for task in every),
        "tasks": len(every),
        "rate": runs[0]["rate"],
    }
    return row | {"verdict": NO_VERDICT}


def interval_of_known(values: Sequence[float | None]) -> tuple[float, float, float] | None:
    """(mean, lower, upper) over the seeds that have a finite number; None where none has."""
    known = [value for value in values if value is not None and isfinite(value)]
    return interval(known) if known else None


def untouched_of(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The same of the model before any method; no interval."""
    held = [task for run in runs for task in run["held"]]
    keys = {key: [task[key] for task in held if task[key] is not None] for key in held[0]}
    row: dict[str, Any] = {"held" if k == "gain" else k: fmean(v) if v else None for k, v in keys.items()}
    row |= {key: fmean(run["retention"][key] for run in runs) for key in runs[0]["retention"]}
    return row | {"gain": fmean(run["gain"] for run in runs)}


def score_of(
    rows: Mapping[str, Sequence[Mapping[str, Any]]], untouched: Sequence[Mapping[str, Any]], target: float
) -> dict[str, Any]:
    """One kind: {methods: a row each, untouched, units, commits}."""
    runs = [run for some in rows.values() for run in some]
    return {
        "methods": {name: row_of(some, target) for name, some in rows.items()}, "untouched": untouched_of(untouched),
        "units": runs[0]["width"]["units"], "commits": sorted({run["commit"] for run in runs}),
    }  # fmt: skip


def lines(result: Mapping[str, Any]) -> Iterator[str]:
    """A table a kind."""
    for kind, part in result["score"].items():
        yield f"{kind}: stopped at a gain of {result['target']:g}; {part['units']} units; no verdict without controls"
        cells = [["", *(title for title, _ in COLUMNS.values()), "matched"]]
        for name, row in (("untouched", part["untouched"]), *part["methods"].items()):
            values = [(form, row.get(key)) for key, (_, form) in COLUMNS.items()]
            numbers = [(form, v[0] if isinstance(v, list | tuple) else v) for form, v in values]
            of = f"{row['matched']}/{row['tasks']}" if "tasks" in row else ""
            cells.append([name, *("-" if v is None else form.format(v) for form, v in numbers), of])
        yield from aligned(cells)
