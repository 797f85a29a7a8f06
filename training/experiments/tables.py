"""Tables that experiments share: what was learned per arm, and how the heads' gain, norms and weights spread."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from training.experiments.plan import Outcome
from training.headlog.gains import chunk_weights
from training.headlog.log import read_log
from training.headlog.records import Allocation, Log
from training.heads.likeness import rank_correlation
from training.learn import steps_to_see
from training.verdict.analyses import interval, layer_shares, widths
from training.verdict.measured import Array

SCORES = ("hits", "hits_new_pairs", "hits_new_forms", "false_alarms", "d_prime", "mundane")


def by_arm(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """The runs of each arm, in the order in which arms first appear."""
    runs_by_arm: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        runs_by_arm.setdefault(outcome.arm, []).append(outcome)
    return runs_by_arm


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
    tables: dict[str, Any] = {"arms": {name: learned(runs) for name, runs in by_arm(outcomes).items()}}
    if len({outcome.base for outcome in outcomes}) > 1:
        tables["by_base"] = by_model(outcomes, lambda some: {arm: learned(runs) for arm, runs in by_arm(some).items()})
    return tables


def spread(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Per arm, means over seeds as (mean, lower, upper): how the heads' numbers spread.

    gain_*: of the gain allotted along the path (no control subtracted, so no verdict); weight_*: of ‖ΔW‖/‖W‖ (an
    optimizer's signature); effective: N_eff / H; top_tenth: share of the top tenth; centre: in layers from 0, layers
    that lost count as 0; gain: nats; held: the heads' part.
    """
    by_arm_name = {}
    for name, runs in by_arm(outcomes).items():
        rows = [_spread_of(read_log(run.log)) for run in runs]
        keys = [key for key in rows[0] if all(np.isfinite(row.get(key, np.nan)) for row in rows)]
        by_arm_name[name] = {key: interval([row[key] for row in rows]) for key in keys}
    return by_arm_name


def _spread_of(log: Log) -> dict[str, float]:
    numbers: dict[str, float] = {}
    if (gain := _gain(log)) is not None:
        e_H, whole = gain
        numbers = {f"gain_{key}": value for key, value in widths(e_H).items()}
        numbers |= {"gain": whole, "held": float(e_H.sum()) / whole if whole > 0 else float("nan")}
        numbers["gain_centre"] = float(layer_shares(e_H, log.header.layers) @ np.arange(log.header.layers))
    moved_H = np.array([np.sqrt(np.mean(np.square(list(row.weights.values())))) for row in log.rows if row.weights])
    if len(moved_H):
        numbers |= {f"weight_{key}": value for key, value in widths(moved_H).items()}
        numbers["weight_change"] = float(moved_H.mean())
    return numbers


def _gain(log: Log) -> tuple[Array, float] | None:
    """(H,) nats allotted to each head, mean over decisions, and the whole gain; None without an allocation."""
    chunks = _chunks(log)
    if not chunks:
        return None
    weights = chunk_weights(chunks)
    e_H: Array = np.average([np.ravel(c.heads) for c in chunks], 0, weights)
    return e_H, float(np.average([c.whole for c in chunks], weights=weights))


def alike(outcomes: Sequence[Outcome]) -> dict[str, dict[str, float]]:
    """Do arms gain by the same heads? Spearman's correlation of the gain's allocation over heads, arm against arm.

    Means over pairs of runs of different seeds, also within an arm: two arms can't be more alike than two seeds of one
    arm are. NaN without such a pair. Arms whose logs hold no allocation are left out.
    """
    gains = {
        name: {run.seed: gain[0] for run in runs if (gain := _gain(read_log(run.log))) is not None}
        for name, runs in by_arm(outcomes).items()
    }
    gains = {name: by_seed for name, by_seed in gains.items() if by_seed}
    return {a: {b: _between(one, other) for b, other in gains.items()} for a, one in gains.items()}


def _between(one: Mapping[int, Array], other: Mapping[int, Array]) -> float:
    pairs = [rank_correlation(x, y) for i, x in one.items() for j, y in other.items() if i != j]
    return float(np.mean(pairs)) if pairs else float("nan")


def layers(outcomes: Sequence[Outcome]) -> dict[str, dict[str, Any]]:
    """Per arm, each layer's share of what the heads gained: means over seeds as (mean, lower, upper), from layer 0."""
    by_arm_name: dict[str, dict[str, Any]] = {}
    for name, runs in by_arm(outcomes).items():
        logs = [read_log(run.log) for run in runs]
        by_layer = [gain[0].reshape(log.header.layers, -1).sum(1) for log in logs if (gain := _gain(log)) is not None]
        shares = [e_L / e_L.sum() for e_L in by_layer if e_L.sum() > 0]
        if shares:
            by_arm_name[name] = {f"layer_{n}": interval(column) for n, column in enumerate(np.array(shares).T)}
    return by_arm_name


def by_model(outcomes: Sequence[Outcome], table: Callable[[Sequence[Outcome]], dict[str, Any]]) -> dict[str, Any]:
    """A table of the runs; of several base models {model: the table of its runs}.

    Seeds of one base are draws of one population, seeds of several are not: no interval may span them.
    """
    models = {outcome.base: outcome.settings["model"] for outcome in outcomes}
    if len(models) == 1:
        return table(outcomes)
    return {model: table([run for run in outcomes if run.base == base]) for base, model in models.items()}


def both(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """`score`, and of the heads: each arm's `spread` ("heads"), `layers`, and how `alike` the arms' allocations are.

    gain_of: what the gain is counted in, "usable" information or "plain" cross-entropy.
    """
    parts = {"heads": spread, "layers": layers, "alike": alike}
    return score(outcomes) | {"gain_of": gain_of(outcomes)} | {n: by_model(outcomes, t) for n, t in parts.items()}


def gain_of(outcomes: Sequence[Outcome]) -> str | None:
    """What the logs of all runs count gains in; None without any. Raises ValueError where they differ."""
    kinds = {chunk.loss for run in outcomes for chunk in _chunks(read_log(run.log))}
    if len(kinds) > 1:
        raise ValueError("some runs tell gains in usable information, others in plain cross-entropy; give a new --out")
    return next(iter(kinds), None)


def _chunks(log: Log) -> list[Allocation]:
    """Along the path, or where that was not measured the straight line."""
    return log.allocations("path") or log.allocations("line")
