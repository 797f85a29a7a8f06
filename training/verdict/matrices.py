"""Through which matrices the gain and the gradient reach the heads: W_Q, W_K, W_V, W_O, of the core and of all heads.

Of the gain, each matrix's part is the loss change allocation of a head's slice of it, in nats, so the parts sum to what
the heads gained. Of the gradient, it is the slices' part of the energy of all gradients over a run. Intervals are 95 %
percentile bootstraps over seeds, each arm by itself; the shuffled control stands beside the true trainings.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from perception.head_map import MATRICES
from training.headlog.gains import chunk_weights
from training.headlog.records import Log
from training.verdict.analyses import interval
from training.verdict.measured import Array

Place = tuple[int, int]  # layer, head


def gain_by_matrix(log: Log, along: str) -> Array | None:
    """(4, L, H) nats by W_Q, W_K, W_V, W_O and head, mean over decisions; None in a log that does not hold it."""
    chunks = log.allocations(along)
    if not chunks or not all(chunk.matrices for chunk in chunks):
        return None
    mean_MLH: Array = np.average([np.array(chunk.matrices, np.float64) for chunk in chunks], 0, chunk_weights(chunks))
    return mean_MLH


def gradient_by_matrix(log: Log) -> Array | None:
    """(4, L, H) shares of the gradient's energy over the run; None in a log that does not hold them."""
    grid_MLH = np.zeros((len(MATRICES), log.header.layers, log.header.heads))
    if not log.rows or not all(row.gradients for row in log.rows):
        return None
    for row in log.rows:
        grid_MLH[:, row.layer, row.head] = [row.gradients.get(matrix, 0.0) for matrix in MATRICES]
    return grid_MLH


def by_matrix(arms: Mapping[str, Sequence[Log]], core: Collection[Place], along: str = "path") -> dict[str, Any]:
    """{"gain", "gradient"} -> arm -> {"all", "core"} -> matrix -> (mean, lower, upper) over seeds.

    gain: nats; gradient: shares of the energy of all gradients. An arm whose logs don't hold them is left out, and so
    is the core where it has no heads.
    """
    numbers: dict[str, Any] = {"gain": {}, "gradient": {}}
    for arm, logs in arms.items():
        grids_by_kind = {
            "gain": [gain_by_matrix(log, along) for log in logs],
            "gradient": [gradient_by_matrix(log) for log in logs],
        }
        for kind, grids in grids_by_kind.items():
            if present := [grid for grid in grids if grid is not None]:
                numbers[kind][arm] = _of_sets(np.array(present), core)
    return numbers


def _of_sets(grids_SMLH: Array, core: Collection[Place]) -> dict[str, Any]:
    sets: dict[str, Array] = {"all": grids_SMLH.sum((2, 3))}
    if core:
        layers, heads = zip(*sorted(core), strict=True)
        sets["core"] = grids_SMLH[:, :, list(layers), list(heads)].sum(-1)
    return {
        name: {matrix: interval(sums_SM[:, number]) for number, matrix in enumerate(MATRICES)}
        for name, sums_SM in sets.items()
    }
