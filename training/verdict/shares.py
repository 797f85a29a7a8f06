"""How the gain is shared: the units' excess over the control, the core's share, over how many units it spreads.

The core is chosen on one half of the probes and all seeds but one, and weighed on the other half and that seed, every
seed in its turn: no luck of either serves it twice. Halves of the probes are resampled by themselves.

Shape suffixes: S seeds, C chunks of probes (even ones are half A, odd ones half B), H units, F folds of seeds.
"""

import numpy as np
from numpy.typing import NDArray

from training.verdict.measured import Array, Evidence
from training.verdict.rule import CORE, INTERVAL, RESAMPLES

HALVES = (0, 1)
Rows = NDArray[np.int64]


def core_size(units: int) -> int:
    """K of one kind of units; one unit at least."""
    return max(1, round(CORE * units))


def core_of(e_H: Array, is_head_H: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Numbers of the core: the largest tenth of the heads, and of the MLPs if they are units; (..., K) of (..., H).

    Each kind by itself: an MLP has more weights than a head, and a tenth of all units would be MLPs where all learn
    alike.
    """
    kinds = [np.flatnonzero(is_head_H == kind) for kind in (True, False)]
    cores = [units[np.argsort(-e_H[..., units], axis=-1, kind="stable")[..., : core_size(len(units))]]
             for units in kinds if len(units)]  # fmt: skip
    return np.concatenate(cores, axis=-1)


def steadied(e_SCH: Array, missed_SC: Array) -> Array:
    """Allocations without what the fit of base rates deals out among chunks; (S, C, H), each seed's mean as before.

    missed_SC: what a chunk's loss fell by and no unit was allotted. On the way base rates move, and the fit for all
    chunks follows. Over all chunks that comes to nothing. A chunk whose answers come to be believed more often than
    others is allotted that, too, and misses as much. Both are seen: how a unit's allotment goes with what is missed is
    fitted over the chunks (a control variate: Owen 2013, Monte Carlo theory, section 8.9), and taken away.
    """
    missed_SC = missed_SC - missed_SC.mean(1, keepdims=True)
    power = float((missed_SC**2).sum())
    if not power > 0:
        return e_SCH
    slope_H = np.einsum("sc,sch->h", missed_SC, e_SCH) / power  # as what is missed is centred
    calm_SCH: Array = e_SCH - missed_SC[:, :, None] * slope_H
    return calm_SCH


def excess(trained_SCH: Array, shuffled_SCH: Array) -> tuple[Array, Array]:
    """e_h on the halves A and B of the probes: mean over seeds and chunks, minus the control's; (H,) each."""
    a, b = (trained_SCH[:, half::2].mean((0, 1)) - shuffled_SCH[:, half::2].mean((0, 1)) for half in HALVES)
    return a, b


def concentration(
    trained_SCH: Array, shuffled_SCH: Array, is_head_H: NDArray[np.bool_], rows: tuple[Rows, Rows] | None = None
) -> tuple[float, float]:
    """(T_K, N_eff / H), cross-fitted over seeds and halves of the probes.

    T_K: what cores hold of the parts on which they were not chosen, over these parts' total. N_eff = (Σe^1)(Σe^2) /
    Σ e^1 e^2 over two such parts. All sums run over all parts, so that one where few seeds learned weighs little. NaN
    where what divides isn't above 0, and of single seeds. rows: which seeds a resample's rows are, of both arms; a seed
    that was drawn twice is left out twice.
    """
    arms = (trained_SCH, shuffled_SCH)
    numbers = rows or (np.arange(len(trained_SCH)), np.arange(len(shuffled_SCH)))
    folds = min(len(arm) for arm in arms)
    own, others = [], []
    weight_F = np.ones(folds)
    for arm_SCH, row_S in zip(arms, numbers, strict=True):
        in_fold_FS = (row_S % folds == np.arange(folds)[:, None]).astype(float)
        halves_S2H = np.stack([arm_SCH[:, half::2].mean(1) for half in HALVES], 1)
        sum_F2H, count_F = np.einsum("fs,sah->fah", in_fold_FS, halves_S2H), in_fold_FS.sum(1)
        left_F = len(row_S) - count_F
        own.append(sum_F2H / np.maximum(count_F, 1)[:, None, None])
        others.append((sum_F2H.sum(0) - sum_F2H) / np.maximum(left_F, 1)[:, None, None])
        weight_F = weight_F * (count_F if arm_SCH is trained_SCH else count_F > 0) * (left_F > 0)
    weighed_F2H, chooses_F2H = own[0] - own[1], (others[0] - others[1])[:, ::-1]  # on the other half
    core_F2K = core_of(chooses_F2H, is_head_H)
    held_F = np.take_along_axis(weighed_F2H, core_F2K, 2).sum((1, 2))
    total = float(weight_F @ weighed_F2H.sum((1, 2)))
    product = float(weight_F @ (weighed_F2H * chooses_F2H).sum((1, 2)))
    sums = float(weight_F @ (weighed_F2H.sum(2) * chooses_F2H.sum(2)).sum(1))
    width = sums / product / len(is_head_H) if product > 0 else np.nan
    return float(weight_F @ held_F) / total if total > 0 else np.nan, width


def bootstrap(evidence: Evidence, seed: int = 0, resamples: int = RESAMPLES) -> dict[str, tuple[float, float]]:
    """95 % intervals of T_K, N_eff / H, the gain and the heads' share of it, over seeds and chunks (within halves).

    Arms that drew the same scenes, seed by seed, are resampled together (`Evidence.paired`).
    """
    rng = np.random.default_rng([seed, 0x5EED])
    trained, shuffled, is_head_H = evidence.trained_SCH, evidence.shuffled_SCH, evidence.is_head_H
    drawn: dict[str, list[float]] = {"share": [], "width": [], "gain": [], "held": []}
    chunks = trained.shape[1]
    for _ in range(resamples):
        i, j = rng.integers(0, len(trained), len(trained)), rng.integers(0, len(shuffled), len(shuffled))
        j = i if evidence.paired else j
        c = np.empty(chunks, np.int64)
        for half in HALVES:
            here = np.arange(half, chunks, 2)
            c[half::2] = rng.choice(here, len(here))
        few_SCH, control_SCH = trained[i][:, c], shuffled[j][:, c]
        share, width = concentration(few_SCH, control_SCH, is_head_H, (i, j))
        gain = float(evidence.whole_SC[i][:, c].mean())
        whole = gain - float(evidence.shuffled_whole_SC[j][:, c].mean())
        held = float(few_SCH[:, :, is_head_H].sum(2).mean() - control_SCH[:, :, is_head_H].sum(2).mean())
        drawn["share"].append(share)
        drawn["width"].append(width)
        drawn["gain"].append(gain)
        drawn["held"].append(held / whole if whole > 0 else np.nan)
    return {name: _interval(np.array(values)) for name, values in drawn.items()}


def _interval(values: Array) -> tuple[float, float]:
    """Percentiles; NaN in more than the tail's share of resamples leaves no bound (nan, nan)."""
    if np.isnan(values).mean() > 1 - INTERVAL[1] / 100:
        return (np.nan, np.nan)
    low, high = np.nanpercentile(values, INTERVAL)
    return float(low), float(high)
