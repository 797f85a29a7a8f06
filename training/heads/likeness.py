"""Do two minds use the same heads? Profiles of what every head does, compared index by index, against three nulls.

A profile has one number per head. Comparing by index makes sense only for minds of one initialisation. A born seer and
the novice that learned start from the same weights. Null 1 permutes the heads within each layer, so that layers alone
don't count as likeness. Null 2: learners of other initialisations, whose head h is another head. Null 3: controls that
start from the same weights and don't learn the behaviour. All profiles are differences from that start, and that alone
makes them alike.

Shape suffixes: H heads (layer * heads + head), S seeds.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception.model import Model
from training.headlog.records import HeadRow, Log, Swap
from training.heads.baseline import ProbeBatch
from training.heads.gain_allocation import Gain, HeldOut, gain_allocation
from training.heads.head_diff import head_diff
from training.heads.head_sets import each_swap, singly

DEALS = 9_999  # so that the smallest p is 1e-4
KINDS = ("gain", "own", "cue", "direct", "insert")
Array = NDArray[np.float64]
Profile = Mapping[str, Sequence[float]]


def profile_of_log(log: Log) -> dict[str, list[float]]:
    """A learner's profile from its log: gain allotted (straight line), own change, rise of cue mass and of direct
    effect, insert of the head alone. A kind that the log lacks is left out."""
    return _profile(log.rows, [s for s in log.swaps if s.what == "output" and s.name.startswith("head ")])


def profile_of_models(
    before: Model, after: Model, probes: Sequence[ProbeBatch], loss: HeldOut, swapped: HeldOut
) -> dict[str, list[float]]:
    """The same of any two models of one shape. Raises ValueError if they differ in shape."""
    diff = head_diff(before.net, after.net, probes)
    gain: Gain = gain_allocation(before.net, after.net, loss)
    every = singly(before.layers, before.heads)
    return _profile(diff.rows(gain), list(each_swap(before.net, after.net, swapped, every, directions=("insert",))))


def _profile(rows: Sequence[HeadRow], swaps: Sequence[Swap]) -> dict[str, list[float]]:
    profile = {
        "own": [row.own for row in rows],
        "cue": [row.cue_mass_after - row.cue_mass_before for row in rows],
        "direct": [row.direct_after - row.direct_before for row in rows],
    }
    if rows and all(row.gain is not None for row in rows):
        profile["gain"] = [float(row.gain or 0.0) for row in rows]
    inserts = {swap.heads[0]: swap.insert for swap in swaps if swap.insert is not None}
    if rows and len(inserts) == len(rows):
        profile["insert"] = [inserts[row.layer, row.head] for row in rows]
    return profile


def rank_correlation(a_H: Sequence[float] | Array, b_H: Sequence[float] | Array) -> float:
    """Spearman's, ties at their mean rank; NaN where one of them does not vary."""
    a, b = (ranked(np.asarray(x, np.float64)) for x in (a_H, b_H))
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def ranked(x_H: Array) -> Array:
    """Ranks from 0, ties at their mean rank."""
    _, place_H, count = np.unique(x_H, return_inverse=True, return_counts=True)
    ranks: Array = (np.cumsum(count) - (count + 1) / 2)[place_H]
    return ranks


def likeness(
    learners: Sequence[Profile],
    seer: Profile,
    others: Sequence[Profile],
    layers: int,
    controls: Mapping[str, Sequence[Profile]] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Per kind: how like the seer's heads the learners' are.

    likeness: Spearman's correlation of the learners' mean profile with the seer's; p: of null 1, one-sided; each: every
    learner's; others: of null 2, every other learner's; among: the learners with each other (as like as can be hoped);
    over_others: the share of null 2 that the likeness exceeds, None without others. controls: of null 3, by control,
    every one's; excess: that of the learners' mean profile less the control's, by control.
    """
    return {
        kind: _of_kind(kind, learners, seer, others, layers, controls or {}, seed)
        for kind in KINDS
        if kind in seer and all(kind in learner for learner in learners)
    }


def _of_kind(
    kind: str,
    learners: Sequence[Profile],
    seer: Profile,
    others: Sequence[Profile],
    layers: int,
    controls: Mapping[str, Sequence[Profile]],
    seed: int,
) -> dict[str, Any]:
    """One kind's entry of `likeness`."""
    seer_H = np.asarray(seer[kind], np.float64)
    learners_SH = np.array([learner[kind] for learner in learners], np.float64)
    controls_SH = {
        name: np.array([control[kind] for control in arm], np.float64)
        for name, arm in controls.items()
        if arm and all(kind in control for control in arm)
    }
    mean_H = learners_SH.mean(0)
    correlation = rank_correlation(mean_H, seer_H)
    null = [rank_correlation(other[kind], seer_H) for other in others if kind in other]
    pairs = [rank_correlation(learners_SH[i], learners_SH[j]) for i in range(len(learners_SH)) for j in range(i)]
    return {
        "likeness": correlation,
        "p": dealt_p(mean_H, seer_H, layers, seed),
        "each": [rank_correlation(row_H, seer_H) for row_H in learners_SH],
        "among": float(np.mean(pairs)) if pairs else None,
        "others": null,
        "over_others": float(np.mean(correlation > np.array(null))) if null else None,
        "controls": {name: [rank_correlation(row_H, seer_H) for row_H in arm] for name, arm in controls_SH.items()},
        "excess": {name: rank_correlation(mean_H - arm.mean(0), seer_H) for name, arm in controls_SH.items()},
    }


def dealt_p(a_H: Array, b_H: Array, layers: int, seed: int = 0, deals: int = DEALS) -> float:
    """One-sided p of the rank correlation, over deals of a's heads within their layers; never 0."""
    rng = np.random.default_rng([seed, 0x11CE])
    a, b = ranked(a_H), ranked(b_H)
    a, b = a - a.mean(), b - b.mean()
    dealt = rng.permuted(np.tile(a.reshape(layers, -1), (deals, 1, 1)), axis=2).reshape(deals, -1)
    return float((1 + (dealt @ b >= a @ b - 1e-9).sum()) / (1 + deals))
