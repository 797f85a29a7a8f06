"""What a report computes from logs: medians over seeds, shares of the gain, concentration, depth. Numpy alone.

Nothing here judges: the verdict's numbers come from the verdict's own record (`training.verdict.verdict`).

Shape suffixes: S seeds, C chunks of probes, H heads (layer * heads + head), L layers, T points in time.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.headlog.gains import head_gains
from training.headlog.records import HeadRow, Log
from training.report.gather import Run
from training.verdict.shares import core_size, excess

Array = NDArray[np.float64]
POINTS = 200  # of a curve that are drawn


def shape(runs: Sequence[Run]) -> tuple[int, int]:
    """(layers, heads) of the runs' model; of runs that disagree, the first's."""
    header = runs[0].log.header
    return header.layers, header.heads


def alike(runs: Sequence[Run]) -> list[Run]:
    """The runs whose model has as many heads as the first's."""
    return [run for run in runs if shape([run]) == shape(runs)]


def median(values: Iterable[float | None]) -> float:
    """The median of what is there and finite; NaN of nothing."""
    return spread(values)[0]


def spread(values: Iterable[float | None]) -> tuple[float, float, float]:
    """(median, least, most) of what is there and finite."""
    finite = [float(v) for v in values if v is not None and np.isfinite(v)]
    return (float(np.median(finite)), min(finite), max(finite)) if finite else (np.nan, np.nan, np.nan)


def mean(values: Iterable[float | None]) -> float:
    """The mean of what is there and finite; NaN of nothing."""
    finite = [float(v) for v in values if v is not None and np.isfinite(v)]
    return float(np.mean(finite)) if finite else float("nan")


def row_grid(log: Log, value_of: Callable[[HeadRow], float | None]) -> Array | None:
    """(L, H/L) of a number per head's row; NaN where a head has none; None if no head has one."""
    grid = np.full((log.header.layers, log.header.heads), np.nan)
    for row in log.rows:
        value = value_of(row)
        if value is not None and np.isfinite(value):
            grid[row.layer, row.head] = value
    return None if np.isnan(grid).all() else grid


def chunks(log: Log) -> Array | None:
    """(C, H) the gain per chunk of probes and head, along the path, or else the line; None if not measured."""
    records = log.allocations("path") or log.allocations("line")
    return np.array([np.ravel(record.heads) for record in records], float) if records else None


def gain_grid(log: Log) -> Array | None:
    """(L, H/L) nats of held-out loss that each head brought: the gain that counts (`training.headlog.gains`)."""
    gains = head_gains(log)
    if gains is None:
        return None
    grid = np.full((log.header.layers, log.header.heads), np.nan)
    for place, value in gains.heads.items():
        grid[place] = value
    return grid if np.isfinite(grid).any() else None


def median_grid(runs: Sequence[Run], grid_of: Callable[[Log], Array | None]) -> Array | None:
    """(L, H/L) median over runs of a grid; None if no run has one."""
    grids = [grid for run in alike(runs) if (grid := grid_of(run.log)) is not None]
    if not grids:
        return None
    stack = np.stack(grids)
    there = np.isfinite(stack).any(0)
    medians = np.full(stack.shape[1:], np.nan)
    medians[there] = np.nanmedian(np.where(np.isfinite(stack), stack, np.nan)[:, there], axis=0)
    return medians


def rows_median(runs: Sequence[Run], value_of: Callable[[HeadRow], float | None]) -> Array | None:
    """The same of a number per head's row."""
    return median_grid(runs, lambda log: row_grid(log, value_of))


def weight_change(row: HeadRow) -> float | None:
    """‖ΔW‖/‖W‖, the mean over Q, K, V and O of one head."""
    return float(np.mean(list(row.weights.values()))) if row.weights else None


def gradient_share(row: HeadRow) -> float | None:
    """A head's share of the gradient's energy, all its matrices together."""
    return float(sum(row.gradients.values())) if row.gradients else None


def seeds_gain(runs: Sequence[Run]) -> Array | None:
    """(S, H) gain per seed and head, nats."""
    grids = [grid.ravel() for run in alike(runs) if (grid := gain_grid(run.log)) is not None]
    return np.nan_to_num(np.stack(grids), posinf=0, neginf=0) if grids else None


def total_gain(runs: Sequence[Run]) -> float:
    """What the runs' heads brought together, nats, mean over seeds; NaN if not measured."""
    gain_SH = seeds_gain(runs)
    return float("nan") if gain_SH is None else float(gain_SH.sum(1).mean())


def seeds_chunks(runs: Sequence[Run]) -> Array | None:
    """(S, C, H) if every run was measured on equally many chunks, two at least; else None."""
    measured = [chunks(run.log) for run in alike(runs)]
    there = [by_chunk for by_chunk in measured if by_chunk is not None]
    fits = len(there) == len(measured) and there and len({x.shape for x in there}) == 1 and len(there[0]) > 1
    return np.stack(there) if fits else None


def concentration_curve(order_H: Array, weighed_H: Array, total: float) -> Array:
    """(H + 1,) what the first 0, 1 ... H heads of an order hold of a total; the order is by falling `order_H`."""
    order = np.argsort(-order_H, kind="stable")
    return np.concatenate([[0.0], np.cumsum(weighed_H[order])]) / total


def cross_curve(trained_SCH: Array, control_SCH: Array | None) -> Array | None:
    """The concentration curve with the order from one half of the probes and the weights from the other, both ways."""
    if control_SCH is None or control_SCH.shape[1:] != trained_SCH.shape[1:]:
        control_SCH = np.zeros((1, *trained_SCH.shape[1:]))
    a, b = excess(trained_SCH, control_SCH)
    if not (a.sum() > 0 and b.sum() > 0):
        return None
    return (concentration_curve(a, b, float(b.sum())) + concentration_curve(b, a, float(a.sum()))) / 2


def effective(e_H: Array) -> float:
    """N_eff / H = (Σe)² / (H Σe²), within one sample: fewer heads than the truth where heads are noisy."""
    return float(e_H.sum() ** 2 / (e_H**2).sum() / len(e_H)) if (e_H**2).sum() > 0 else float("nan")


def core_share(e_H: Array) -> float:
    """What the K largest heads hold of the total, within one sample; NaN unless the total is above 0."""
    top = np.sort(e_H)[::-1][: core_size(len(e_H))]
    return float(top.sum() / e_H.sum()) if e_H.sum() > 0 else float("nan")


def by_layer(runs: Sequence[Run]) -> Array | None:
    """(S, L) nats that each layer's heads brought, per seed."""
    gain_SH = seeds_gain(runs)
    return None if gain_SH is None else gain_SH.reshape(len(gain_SH), *shape(runs)).sum(2)


def depth(layers_L: Array) -> float:
    """Where in the layers the gain lies: 0 all in the first, 1 all in the last; NaN unless the total is above 0."""
    total = layers_L.sum()
    places = np.arange(len(layers_L)) / max(1, len(layers_L) - 1)
    return float((layers_L * places).sum() / total) if total > 0 else float("nan")


def history(log: Log, name: str) -> list[tuple[int, Array]]:
    """[(step, (L, H/L))] of a snapshot's grid along the run, one per step, POINTS at most."""
    by_step = {snap.step: np.array(grid, float) for snap in log.snapshots if (grid := getattr(snap, name))}
    return thinned(sorted(by_step.items(), key=lambda pair: pair[0]))


def thinned(points: Sequence[Any]) -> list[Any]:
    """POINTS of the points at most, the first and the last among them."""
    if len(points) <= POINTS:
        return list(points)
    return [points[round(i * (len(points) - 1) / (POINTS - 1))] for i in range(POINTS)]


def curve(log: Log, name: str) -> list[tuple[int, float]]:
    """[(step, value)] of a learning curve, without what was not measured."""
    points = [(point.step, getattr(point, name)) for point in log.curve]
    return thinned([(step, float(value)) for step, value in points if value is not None and np.isfinite(value)])


def median_curve(runs: Sequence[Run], name: str) -> list[tuple[int, float]]:
    """The runs' median at the steps that all of them measured."""
    curves = [dict(curve(run.log, name)) for run in runs]
    shared = set.intersection(*(set(by_step) for by_step in curves)) if curves else set()
    return [(step, median(by_step[step] for by_step in curves)) for step in sorted(shared)]
