"""Tables that experiments share: what was learned per arm, and how the heads' gain, norms and weights spread."""

import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from training.experiments.plan import Outcome
from training.learn import steps_to_see
from training.measure.analyses import interval, widths
from training.measure.log import Log, read_log

SCORES = ("hits", "hits_new_pairs", "hits_new_forms", "false_alarms", "d_prime", "mundane")


def by_arm(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """The runs of each arm, in the order in which arms first appear."""
    found: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.arm, []).append(outcome)
    return found


def learned(runs: Sequence[Outcome]) -> dict[str, Any]:
    """Medians over the runs of an arm (fractions of 1; lost: the most that mundane accuracy fell; None: not scored)."""
    reached = [step for run in runs if (step := steps_to_see(run.result["curve"])) is not None]
    row: dict[str, Any] = {}
    for key in SCORES:
        values = [value for run in runs if (value := run.result["after"].get(key)) is not None]
        row[key] = statistics.median(values) if values else None
    row |= {
        "lost": max(run.result["before"]["mundane"] - run.result["after"]["mundane"] for run in runs),
        "seeds": len(runs),
        "reached": len(reached),
        "steps_to_see": statistics.median(reached) if reached else None,
        "ms_per_step": statistics.median(1000 * run.result["seconds"] / run.result["steps"] for run in runs),
        "lr": runs[0].settings["teach_lr"],
    }
    return row


def score(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """{"arms": what each arm learned}; of several base models {"by_base": the same for each, by its folder}, too."""
    told: dict[str, Any] = {"arms": {name: learned(runs) for name, runs in by_arm(outcomes).items()}}
    if len({outcome.base for outcome in outcomes}) > 1:
        told["by_base"] = by_model(outcomes, lambda some: {arm: learned(runs) for arm, runs in by_arm(some).items()})
    return told


def spread(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Per arm, means over seeds as (mean, lower, upper): how the heads' numbers spread.

    gain_*: of the gain allotted along the path (no control subtracted: shown, not judged); weight_*: of ‖ΔW‖/‖W‖ (an
    optimizer's signature); effective: N_eff / H; top_tenth: share of the top tenth; gain: nats; held: the heads' part.
    """
    told = {}
    for name, runs in by_arm(outcomes).items():
        rows = [_spread_of(read_log(run.log)) for run in runs]
        keys = [key for key in rows[0] if all(np.isfinite(row.get(key, np.nan)) for row in rows)]
        told[name] = {key: interval([row[key] for row in rows]) for key in keys}
    return told


def _spread_of(log: Log) -> dict[str, float]:
    chunks = log.allocations("path") or log.allocations("line")
    found = {}
    if chunks:
        e_H = np.mean([np.ravel(c.heads) for c in chunks], 0)
        whole = float(np.mean([c.whole for c in chunks]))
        found = {f"gain_{key}": value for key, value in widths(e_H).items()}
        found |= {"gain": whole, "held": float(e_H.sum()) / whole if whole > 0 else float("nan")}
    moved_H = np.array([np.sqrt(np.mean(np.square(list(row.weights.values())))) for row in log.rows if row.weights])
    if len(moved_H):
        found |= {f"weight_{key}": value for key, value in widths(moved_H).items()}
        found["weight_change"] = float(moved_H.mean())
    return found


def by_model(outcomes: Sequence[Outcome], told: Callable[[Sequence[Outcome]], dict[str, Any]]) -> dict[str, Any]:
    """What is told of the runs; of several base models {model: what is told of its runs}.

    Seeds of one base are draws of one population, seeds of several are not: no interval may span them.
    """
    models = {outcome.base: outcome.settings["model"] for outcome in outcomes}
    if len(models) == 1:
        return told(outcomes)
    return {model: told([run for run in outcomes if run.base == base]) for base, model in models.items()}


def both(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """`score` with each arm's `spread` beside it under "heads"."""
    return score(outcomes) | {"heads": by_model(outcomes, spread)}
