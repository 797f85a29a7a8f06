"""The curve of sets: what share of the gain do the best 1, 2, 4, 8 ... heads bring, inserted together?

The heads are put in order once, so that each set holds the one before (nested). Beside each set stand random sets of
its size with as many heads in every layer, and an interval over decisions. A share is insert (denoising), as in
`training.heads.swaps`: [L(M0) - L(M0; S from M1)] / [L(M0) - L(M1)].

Two areas sum the curve up (MIB, Mueller 2025, arXiv 2504.13151). f(k) is the share at k, the fraction of all heads,
from f(0) = 0 to all heads at k = 1. CPR is the area under f: higher is better, 1 if the first head brings all. CMD is the
area of |1 - f|: lower is better, and it counts what lies above 1 as well. Both are taken by the trapezoid rule over
the measured sizes alone, at their true places on the axis of fractions, not on a logarithm of it.

The order and the shares come from the same probes. That flatters the best sets; the random sets are not flattered.
The interval resamples decisions. A fitted loss keeps its offsets under resampling. It is no interval over seeds.

Shape suffixes: N decisions, S sets, R resamples.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from perception.packing import context_cache, decide
from training.heads.gain_allocation import same_shape
from training.heads.head_probes import ProbeLoss
from training.heads.head_sets import random_sets
from training.heads.swaps import LEAST_GAIN, ActivationCache, Head, swapped_loss

Array = NDArray[np.float64]
Interval = tuple[float, float, float]  # estimate, lower, upper; NaN for a bound that can't be told
RANDOM = 20  # sets beside each of the best
RESAMPLES = 1000
LIMITS = (2.5, 97.5)  # percentiles of an interval
OUTSIDE = 2  # random sets lie outside the best one while so many times its size lies there


@dataclass(frozen=True)
class SetPoint:
    """A set of the curve. share: of the gain, with its interval; random: the shares of random sets of its size.

    overlapping: the random sets may share heads with the set, because too few heads lie outside it.
    """

    heads: tuple[Head, ...]
    share: Interval
    random: tuple[float, ...]
    random_heads: tuple[tuple[Head, ...], ...] = ()
    overlapping: bool = False


@dataclass(frozen=True)
class SetCurve:
    """The curve, smallest set first. gain: nats a decision; heads: how many the model has. cpr, cmd: see above."""

    gain: float
    heads: int
    decisions: int
    points: tuple[SetPoint, ...]
    cpr: Interval
    cmd: Interval


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
    order: Sequence[Head],
    seed: int = 0,
    random: int = RANDOM,
    sizes: Sequence[int] | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> SetCurve | None:
    """Insert the first 1, 2, 4 ... heads of `order`, and as many random ones; None without a gain (LEAST_GAIN).

    each: a model -> (N,) nats a decision (`each_decision`). order: best first; it names every head of the curve once.
    sizes: of the sets, rising; by default doubling, up to all of the order. seed: of random sets and resampling. Costs
    a forward a set. The models are left as they are. Raises ValueError for models of different shape.
    """
    same_shape(before, after)
    loss: Any = PerDecision(each)
    old = ActivationCache(before, loss)
    old_N, at = loss.last, old.heads
    new = ActivationCache(after, loss)
    new_N = loss.last
    if not old.loss - new.loss > LEAST_GAIN:
        return None
    sizes = doubling(len(order)) if sizes is None else sizes
    sets = [tuple(order[:size]) for size in sizes]
    drawn = [() if size == len(order) else _beside(best, order, random, seed, at.layers, at.heads)
             for size, best in zip(sizes, sets, strict=True)]  # fmt: skip
    every = [*sets, *(heads for some in drawn for heads in some)]
    lost_SN = []
    for number, heads in enumerate(every):
        swapped_loss(before, loss, heads, new)
        lost_SN.append(loss.last)
        progress(number + 1, len(every))
    return _curve(old_N, new_N, np.stack(lost_SN), sets, drawn, len(order), seed)


def _beside(
    best: tuple[Head, ...], order: Sequence[Head], count: int, seed: int, layers: int, heads: int
) -> list[tuple[Head, ...]]:
    """Random sets with as many heads in every layer: outside the best set while enough heads lie there, else of all."""
    if overlaps(len(best), len(order)):
        return list(_matched(best, order, count, seed))
    return random_sets(best, layers, heads, count, seed)


def overlaps(size: int, heads: int) -> bool:
    """Whether too few heads lie outside a set of this size for random sets to keep apart from it."""
    return heads - size < OUTSIDE * size


def _matched(best: Sequence[Head], order: Sequence[Head], count: int, seed: int) -> Iterator[tuple[Head, ...]]:
    """Sets with as many heads in every layer as the best has there, drawn from all heads, the best ones among them."""
    for number in range(count):
        rng = Random(f"{seed}/matched set/{number}")
        chosen: list[Head] = []
        for layer in sorted({layer for layer, _ in best}):
            there = sorted(place for place in order if place[0] == layer)
            chosen += rng.sample(there, sum(place[0] == layer for place in best))
        yield tuple(sorted(chosen))


def _curve(
    old_N: Array, new_N: Array, lost_SN: Array, sets: Sequence[tuple[Head, ...]], drawn: Sequence[Any], heads: int,
    seed: int,
) -> SetCurve:  # fmt: skip
    """Shares, intervals and areas from what every decision lost under every set; the best sets come first."""
    fell_SN, gain_N = old_N - lost_SN, old_N - new_N
    share_S = fell_SN.sum(1) / gain_N.sum()
    best = len(sets)
    weights_RN = _resampled(len(old_N), seed)
    gain_R = weights_RN @ gain_N
    with np.errstate(all="ignore"):
        ratio_RS = (weights_RN @ fell_SN[:best].T) / gain_R[:, None]
    ratio_RS[~(gain_R > LEAST_GAIN)] = np.nan
    sizes = [len(some) / heads for some in sets]
    points, start = [], best
    for at, (some, beside) in enumerate(zip(sets, drawn, strict=True)):
        stop = start + len(beside)
        share = (float(share_S[at]), *limits(ratio_RS[:, at]))
        overlapping = bool(beside) and overlaps(len(some), heads)
        points.append(SetPoint(some, share, tuple(share_S[start:stop].tolist()), tuple(beside), overlapping))
        start = stop
    spans = []
    for above in (False, True):
        resampled = np.array([area(sizes, row, above) for row in ratio_RS])
        spans.append((area(sizes, share_S[:best], above), *limits(resampled)))
    return SetCurve(float(gain_N.mean()), heads, len(old_N), tuple(points), spans[0], spans[1])


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
