"""Significance tests, in numpy alone: Welch's t per head, false discovery, permutation of totals, areas and shares.

Shape suffixes: S seeds, H heads.
"""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PERMUTATIONS = 9_999  # so that the smallest p is 1e-4


def welch_p(a_SH: Array, b_SH: Array) -> Array:
    """One-sided p that a's mean is above b's, per column (Welch 1947): (H,). 1 where neither varies nor differs, and
    where an arm has a single row, which varies by nothing that is known."""
    if min(len(a_SH), len(b_SH)) < 2:
        return np.ones(a_SH.shape[1])
    mean = a_SH.mean(0) - b_SH.mean(0)
    va, vb = a_SH.var(0, ddof=1) / len(a_SH), b_SH.var(0, ddof=1) / len(b_SH)
    spread = va + vb
    p_H = np.where(mean > 0, 0.0, 1.0)
    for h in np.flatnonzero(spread > 0):
        df = spread[h] ** 2 / (va[h] ** 2 / (len(a_SH) - 1) + vb[h] ** 2 / (len(b_SH) - 1))
        p_H[h] = student_sf(mean[h] / math.sqrt(spread[h]), df)
    return p_H


def student_sf(t: float, df: float) -> float:
    """P(T > t) for Student's t with df degrees of freedom: half the incomplete beta I_x(df/2, 1/2), x = df/(df+t²)."""
    tail = 0.5 * incomplete_beta(df / 2, 0.5, df / (df + t * t))
    return tail if t > 0 else 1 - tail


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularised I_x(a, b) by its continued fraction (Lentz's method; Abramowitz & Stegun 26.5.8)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # where it converges fast
        return 1 - incomplete_beta(b, a, 1 - x)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    ) / a  # fmt: skip
    tiny, d = 1e-300, 1 - (a + b) * x / (a + 1)
    c, d = 1.0, 1 / (d if abs(d) > tiny else tiny)
    total = d
    for m in range(1, 500):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d, c = 1 + term * d, 1 + term / c
            d, c = 1 / (d if abs(d) > tiny else tiny), c if abs(c) > tiny else tiny
            total *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return front * total


def benjamini_hochberg(p_H: Array, rate: float) -> NDArray[np.bool_]:
    """Which of the hypotheses are discoveries at this false discovery rate (Benjamini & Hochberg 1995)."""
    order = np.argsort(p_H, kind="stable")
    below = np.flatnonzero(p_H[order] <= rate * np.arange(1, len(p_H) + 1) / len(p_H))
    discovered_H = np.zeros(len(p_H), bool)
    if len(below):
        discovered_H[order[: below[-1] + 1]] = True
    return discovered_H


def permutation_p(a_S: Array, b_S: Array, seed: int = 0, permutations: int = PERMUTATIONS) -> float:
    """One-sided p that a's mean is above b's, over random relabellings of the seeds; never 0."""
    rng = np.random.default_rng([seed, 0x9E37])
    pooled, observed = np.concatenate([a_S, b_S]), a_S.mean() - b_S.mean()
    drawn = rng.permuted(np.tile(pooled, (permutations, 1)), axis=1)
    shifts = drawn[:, : len(a_S)].mean(1) - drawn[:, len(a_S) :].mean(1)
    return float((1 + (shifts >= observed - 1e-12 * max(1.0, abs(observed))).sum()) / (1 + permutations))


def auroc(above: Array, below: Array) -> float:
    """P(one of `above` is larger than one of `below`), ties half (Mann & Whitney 1947); NaN where either is empty."""
    if not len(above) or not len(below):
        return math.nan
    differences = np.subtract.outer(above, below)
    return float((differences > 0).mean() + 0.5 * (differences == 0).mean())


def wilson(successes: int, trials: int, z: float = 1.959964) -> tuple[float, float]:
    """95 % interval of a share of so many trials (Wilson 1927)."""
    share, weight = successes / trials, z * z / trials
    middle = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / trials + weight / (4 * trials))
    return max(0.0, middle - half), min(1.0, middle + half)
