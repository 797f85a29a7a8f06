"""Analyses that the verdict doesn't rest on: depth of the core, supporting and competing heads, rank of the change.

Depth rests on the evidence of all runs. Supporting and competing heads follow from what the ablation of each head costs
in each trained seed (`training.verdict.ablations`). Rank is that of the change in the weights. Intervals are 95 %
percentile bootstraps over seeds.

Shape suffixes: S seeds, C chunks of probes, L layers, H heads (layer * heads + head) or units of an allocation.
"""

import copy
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from perception.head_map import MATRICES, addresses
from training.heads.gain_allocation import HeldOut
from training.heads.swaps import LEAST_GAIN, measured
from training.verdict.measured import Array, Evidence
from training.verdict.rule import INTERVAL, RESAMPLES

NEEDED = 0.2  # a head whose removal costs a smaller part than this supports nothing
RANKS = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256)


def interval(values_S: Sequence[float] | Array, seed: int = 0) -> tuple[float, float, float]:
    """(mean, lower, upper) over seeds."""
    values = np.asarray(values_S, np.float64)
    drawn = np.random.default_rng([seed, 0xA11]).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.percentile(values[drawn].mean(1), INTERVAL)
    return float(values.mean()), float(low), float(high)


def layer_shares(e_H: Array, layers: int) -> Array:
    """(L,) each layer's share of an allocation over units; layers below 0 count as 0. NaN where none is above."""
    e_L = np.maximum(e_H.reshape(layers, -1).sum(1), 0)
    share_L: Array = e_L / e_L.sum() if e_L.sum() > 0 else np.full(layers, np.nan)
    return share_L


def depth(evidence: Evidence, layers: int, seed: int = 0) -> dict[str, Any]:
    """Where in the layers the gain lies: by_layer (shares) and centre, in layers from 0 (first) to L - 1 (last).

    Layers that hold less than the control count as 0. Each number is (estimate, lower, upper), over seeds and chunks; a
    true training and its control of the same scenes are resampled together, as for the verdict.
    """
    rng = np.random.default_rng([seed, 0xDE9])
    trained, shuffled = evidence.trained_SCH, evidence.shuffled_SCH
    rows = []
    for turn in range(RESAMPLES + 1):
        i, j, c = (rng.integers(0, n, n) for n in (len(trained), len(shuffled), trained.shape[1]))
        if turn == 0:
            i, j, c = np.arange(len(trained)), np.arange(len(shuffled)), np.arange(trained.shape[1])
        j = i if evidence.paired else j
        e_H = trained[i][:, c].mean((0, 1)) - shuffled[j][:, c].mean((0, 1))
        share_L = layer_shares(e_H, layers)
        rows.append([*share_L, float((share_L * np.arange(layers)).sum())])
    grid = np.array(rows)
    low, high = np.nanpercentile(grid[1:], INTERVAL, axis=0) if np.isfinite(grid[1:]).any() else grid[:2]
    intervals = [tuple(map(float, row)) for row in zip(grid[0], low, high, strict=True)]
    return {"centre": intervals[-1], "by_layer": intervals[:-1]}


def roles(needs_S: Sequence[Mapping[str, Sequence[float]]], named: Collection[int], heads: int) -> dict[str, Any]:
    """Supporting and competing heads from each seed's `needs`: [layer, head, mean, lower, upper], strongest first.

    Supporting: the behaviour needs it (lower bound above NEEDED), but its allocation is not unlike the control's: it is
    none of the `named`. Competing: the same for the other answers.
    """
    heads_by_role, size = {}, len(needs_S[0]["behaviour"])
    for role, kind in (("supporting", "behaviour"), ("competing", "mundane")):
        grid_SH = np.array([seed[kind] for seed in needs_S if seed[kind]], np.float64).reshape(-1, size)
        rows = []
        for h in range(size if len(grid_SH) else 0):
            mean, low, high = interval(grid_SH[:, h])
            if low > NEEDED and h not in named:
                rows.append([*divmod(h, heads), mean, low, high])
        heads_by_role[role] = sorted(rows, key=lambda row: -row[2])
    return heads_by_role


@torch.no_grad()
def ranks(before: PreTrainedModel, after: PreTrainedModel, loss: HeldOut) -> dict[str, Any]:
    """stable: per matrix q, k, v, o a stable rank ‖ΔW‖_F² / ‖ΔW‖_2² a layer (0 if it did not move).

    kept: the part of the gain that is left when the change of every attention matrix is cut to its first k singular
    values, by k. All else that moved stays moved, so k = 0 is what the rest keeps alone, with attention as it was. {}
    without a gain.
    """
    own, late = addresses(before), addresses(after)
    pairs = [(layer, m) for layer in range(own.layers) for m in MATRICES]
    changes = {pair: (late.weight(*pair) - own.weight(*pair)).flatten(0, 1).double() for pair in pairs}
    parts = {pair: torch.linalg.svd(change, full_matrices=False) for pair, change in changes.items()}
    stable: dict[str, list[float]] = {m: [] for m in MATRICES}
    for (_layer, m), (_u, s, _v) in parts.items():
        stable[m].append(float(s.pow(2).sum() / s[0] ** 2) if s[0] > 0 else 0.0)
    old, new = measured(before, loss), measured(after, loss)
    kept_by_rank: dict[str, float] = {}
    if old - new > LEAST_GAIN:
        trial = copy.deepcopy(after)
        at = addresses(trial)
        for k in RANKS:
            for pair, (u, s, v) in parts.items():
                cut = (u[:, :k] * s[:k]) @ v[:k]
                whole = own.weight(*pair)
                for head, values in enumerate(whole + cut.to(whole.dtype).reshape(whole.shape)):
                    at.head(*pair, head).copy_(values)
            kept_by_rank[str(k)] = (old - measured(trial, loss)) / (old - new)
    return {"stable": stable, "kept": kept_by_rank}


def rank_summary(ranks_S: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Over seeds, (mean, lower, upper): stable rank by matrix (mean over layers), and the gain kept by k."""
    stable = {m: interval([float(np.mean(seed["stable"][m])) for seed in ranks_S]) for m in MATRICES}
    kept_by_rank = {k: interval([seed["kept"][k] for seed in ranks_S if k in seed["kept"]]) for k in ranks_S[0]["kept"]}
    return {"stable": stable, "kept": kept_by_rank}


def widths(e_H: Array) -> dict[str, float]:
    """How a signed allocation spreads over heads: N_eff / H of its positive part, and the top tenth's share of it."""
    up = np.maximum(e_H, 0)
    total = up.sum()
    if not total > 0:
        return {"effective": float("nan"), "top_tenth": float("nan")}
    top = np.sort(up)[::-1][: max(1, round(0.1 * len(up)))].sum()
    return {"effective": float(total**2 / (up**2).sum() / len(up)), "top_tenth": float(top / total)}
