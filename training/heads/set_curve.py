"""The curve of sets: what share of the gain do the best 1, 2, 4, 8 ... heads bring, inserted together?

A unit is a head or a layer's MLP (`perception.units`). MLPs count as heads do where the order names them.
The units are put in order once, so that each set holds the one before (nested). Beside each set stand random sets of
its size with as many heads in every layer, and an interval over decisions. A share is insert (denoising), as in
`training.heads.swaps`: [L(M0) - L(M0; S from M1)] / [L(M0) - L(M1)].

Two areas sum the curve up (MIB, Mueller 2025, arXiv 2504.13151). f(k) is the share at k, the fraction of all heads,
from f(0) = 0 to all heads at k = 1. CPR is the area under f: higher is better, near 1 where one head brings all. CMD is
the area of |1 - f|: lower is better, and it counts what lies above 1 as well. Both are taken by the trapezoid rule over
the measured sizes alone, at their true places on the axis of fractions, not on a logarithm of it.

The order and the shares come from the same probes. That flatters the best sets; the random sets are not flattered.
The interval resamples decisions. A fitted loss keeps its offsets under resampling. It is no interval over seeds.

Shape suffixes: N decisions, S sets, R resamples.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from perception.contexts import context_cache
from perception.deciding import decide
from perception.head_map import addresses
from perception.units import Unit, is_mlp
from training.headlog.curves import SetCurve, SetPoint, overlaps
from training.heads.gain_allocation import HeldOut, same_shape
from training.heads.head_probes import ProbeLoss
from training.heads.head_sets import random_sets
from training.heads.swaps import LEAST_GAIN, ActivationCache, swapped_loss

Array = NDArray[np.float64]
RANDOM = 20  # sets beside each of the best
RESAMPLES = 1000
LIMITS = (2.5, 97.5)  # percentiles of an interval
GREEDY_MAX = 8  # heads of the largest set by greedy insertion
GREEDY_WIDTH = 8  # heads tried at each of its steps


class PerDecision:
    """A loss that also says what each decision came to in its last forward: `last`, (N,) float64 nats."""

    def __init__(self, each: Callable[[PreTrainedModel], Tensor]) -> None:
        self._each = each
        self.last: Array = np.zeros(0)

    def __call__(self, net: PreTrainedModel) -> Tensor:
        """The mean over decisions."""
        each_N = self._each(net)
        self.last = each_N.detach().cpu().double().numpy()
        return each_N.mean()


def each_decision(loss: ProbeLoss) -> Callable[[PreTrainedModel], Tensor]:
    """A model -> (N,) nats a decision: its answer's cross-entropy, summed over the answer's tokens."""

    def each(net: PreTrainedModel) -> Tensor:
        parts = []
        for packed in loss.batches:
            logits_NV = decide(net, packed, context_cache(net, packed)).float()
            nats = cross_entropy(logits_NV, packed.target_N, reduction="none")
            count = int(packed.owner_N.max()) + 1
            parts.append(nats.new_zeros(count).index_add(0, packed.owner_N, nats))
        return torch.cat(parts)

    return each


def doubling(heads: int) -> list[int]:
    """1, 2, 4, 8 ... and all of the heads."""
    sizes = [2**power for power in range(heads.bit_length()) if 2**power < heads]
    return [*sizes, heads]


def set_curve(
    before: PreTrainedModel,
    after: PreTrainedModel,
    each: Callable[[PreTrainedModel], Tensor],
    order: Sequence[Unit],
    seed: int = 0,
    random: int = RANDOM,
    greedy: Sequence[Unit] = (),
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> SetCurve | None:
    """Insert the first 1, 2, 4 ... heads of `order`, and as many random ones; None without a gain (LEAST_GAIN).

    each: a model -> (N,) nats a decision (`each_decision`). order: best first; it names every head of the curve once.
    greedy: another order, whose first sets are measured, too (`greedy_order`). seed: of random sets and resampling.
    Costs a forward a set. The models are left as they are. Raises ValueError for models of different shape.
    """
    same_shape(before, after)
    loss: Any = PerDecision(each)
    with_mlps = any(is_mlp(unit, addresses(before).heads) for unit in order)
    old = ActivationCache(before, loss, with_mlps)
    old_N, at = loss.last, old.heads
    new = ActivationCache(after, loss, with_mlps)
    new_N = loss.last
    if not old.loss - new.loss > LEAST_GAIN:
        return None
    best = [tuple(order[:size]) for size in doubling(len(order))]
    others = [tuple(greedy[:size]) for size in doubling(len(greedy))] if greedy else []
    beside = [_beside(some, order, random, seed, at.layers, at.heads) for some in best[:-1]] + [[]]
    every = [*best, *others, *(heads for drawn in beside for heads in drawn)]
    lost_SN = []
    for number, heads in enumerate(every):
        progress(number, len(every))
        swapped_loss(before, loss, heads, new)
        lost_SN.append(loss.last)
    progress(len(every), len(every))
    return _curve(old_N, new_N, np.stack(lost_SN), best, others, beside, seed)


def _beside(
    best: tuple[Unit, ...], order: Sequence[Unit], count: int, seed: int, layers: int, heads: int
) -> list[tuple[Unit, ...]]:
    """Random sets with as many heads in every layer: outside the best set while enough heads lie there, else of all."""
    if overlaps(len(best), len(order)):
        return list(_matched(best, order, heads, count, seed))
    return random_sets(best, layers, heads, count, seed)


def _matched(
    best: Sequence[Unit], order: Sequence[Unit], heads: int, count: int, seed: int
) -> Iterator[tuple[Unit, ...]]:
    """Sets with as many heads in every layer as the best has there, drawn from all heads, the best ones among them.

    MLPs are drawn among MLPs, of whatever layer, for a layer has but one.
    """

    def stratum(unit: Unit) -> int:
        return -1 if is_mlp(unit, heads) else unit[0]

    for number in range(count):
        rng = Random(f"{seed}/matched set/{number}")
        chosen: list[Unit] = []
        for layer in sorted({stratum(unit) for unit in best}):
            there = sorted(unit for unit in order if stratum(unit) == layer)
            chosen += rng.sample(there, sum(stratum(unit) == layer for unit in best))
        yield tuple(sorted(chosen))


def _curve(
    old_N: Array, new_N: Array, lost_SN: Array, best: Sequence[tuple[Unit, ...]], others: Sequence[tuple[Unit, ...]],
    beside: Sequence[Sequence[tuple[Unit, ...]]], seed: int,
) -> SetCurve:  # fmt: skip
    """Shares, intervals and areas from what every decision lost under every set: best, others, then beside."""
    fell_SN, gain_N = old_N - lost_SN, old_N - new_N
    share_S = fell_SN.sum(1) / gain_N.sum()
    nested = [*best, *others]
    weights_RN = _resampled(len(old_N), seed)
    gain_R = weights_RN @ gain_N
    with np.errstate(all="ignore"):
        ratio_RS = (weights_RN @ fell_SN[: len(nested)].T) / gain_R[:, None]
    ratio_RS[~(gain_R > LEAST_GAIN)] = np.nan
    shares = [(float(share), *limits(ratio_R)) for share, ratio_R in zip(share_S, ratio_RS.T, strict=False)]
    points, start = [], len(nested)
    for some, share, drawn in zip(best, shares, beside, strict=False):
        stop = start + len(drawn)
        points.append(SetPoint(some, share, tuple(share_S[start:stop].tolist()), tuple(drawn)))
        start = stop
    heads, count = len(best[-1]), len(best)
    sizes = [len(some) / heads for some in best]
    areas = [
        (area(sizes, share_S[:count], missed), *limits(np.array([area(sizes, f, missed) for f in ratio_RS[:, :count]])))
        for missed in (False, True)
    ]
    greedy = tuple(SetPoint(some, share) for some, share in zip(others, shares[count:], strict=True))
    return SetCurve(heads, len(old_N), tuple(points), areas[0], areas[1], greedy)


def area(fractions: Sequence[float], shares: Sequence[float] | Array, missed: bool = False) -> float:
    """The area under the curve from (0, 0) through these points; missed: of |1 - f| instead, from (0, 1)."""
    places, f = np.array([0.0, *fractions]), np.array([0.0, *shares])
    return float(np.trapezoid(np.abs(1 - f) if missed else f, places))


def _resampled(decisions: int, seed: int) -> Array:
    """(R, N) how often each decision is drawn in each resample, over N."""
    rng = np.random.default_rng([seed, 0xC0_5E75])
    return rng.multinomial(decisions, np.full(decisions, 1 / decisions), RESAMPLES) / decisions


def limits(values_R: Array) -> tuple[float, float]:
    """Percentiles over resamples; NaN in more than the tail's share of them leaves no bound."""
    if np.isnan(values_R).mean() > 1 - LIMITS[1] / 100:
        return (np.nan, np.nan)
    low, high = np.nanpercentile(values_R, LIMITS)
    return float(low), float(high)


def greedy_order(
    before: PreTrainedModel,
    after: PreTrainedModel,
    loss: HeldOut,
    alone: Mapping[Unit, float],
    most: int = GREEDY_MAX,
) -> list[Unit]:
    """Up to `most` heads, each the one that inserts best together with those before it.

    alone: what each head inserts by itself, a share of the gain. At each step the GREEDY_WIDTH best of them that are
    left are tried; ties go to the lower layer and head. Costs most * GREEDY_WIDTH forwards.
    """
    new = ActivationCache(after, loss, any(is_mlp(unit, addresses(before).heads) for unit in alone))
    chosen: list[Unit] = []
    while len(chosen) < min(most, len(alone)):
        left = sorted((head for head in alone if head not in chosen), key=lambda head: (-alone[head], head))
        losses = {head: swapped_loss(before, loss, [*chosen, head], new) for head in left[:GREEDY_WIDTH]}
        chosen.append(min(losses, key=lambda head: (losses[head], head)))
    return chosen
