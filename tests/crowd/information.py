"""Mutual information of many features with many truths, against a null of permutations.

I(X; Y | G) is estimated by counting (plug-in), in nats, for each feature X and each truth Y, within groups G. Counting
is biased upwards, by as much for permuted truths as for real ones. Truths are permuted as whole rows within a group,
so that what hangs together stays together. Each value is standardised by mean and deviation for that pair, over the
null and the real one together: of many pairs one is always far from a mean that it isn't part of, so that the real one
would stand out of any null. The largest of all is compared with the largest ones of the null.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

RARE = 4  # values that come less often are one value
VALUES = 64  # at most of one feature; more tell no more than chance, and are left to their bits
FLOOR = 0.002  # nats; deviations below it are taken for it, so that a pair that nearly never differs can't stand out


@dataclass
class Verdict:
    """z: how far the largest stands out; p: share of permutations whose largest is as large; feature, place: where;
    nats: its information above the mean; features: how many were looked at."""

    z: float
    p: float
    feature: str
    place: int
    nats: float
    features: int
    places: int
    samples: int


def judge(
    features: Sequence[Mapping[str, object]], truth: np.ndarray, groups: Sequence[object], permutations: int, seed: int
) -> Verdict:
    """features: of each sample; truth: (samples, places), small numbers; groups: samples are compared within one."""
    names, columns = _table(features)
    kinds = int(truth.max()) + 1
    answers = (truth[:, :, None] == np.arange(kinds)).reshape(len(truth), -1).astype(np.float32)
    labels = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    members = [np.flatnonzero([labels[g] == number for g in groups]) for number in labels.values()]
    members = [rows for rows in members if len(rows) > 1]
    rng = np.random.default_rng(seed)
    parts = [(rows, _one_hot(columns[rows])) for rows in members]
    real = _information(parts, answers, kinds, len(names), None)
    null = np.stack([_information(parts, answers, kinds, len(names), rng) for _ in range(permutations)])
    both = np.concatenate([null, real[None]])
    mean, deviation = both.mean(0), np.maximum(both.std(0), FLOOR)
    z, peaks = (real - mean) / deviation, ((null - mean) / deviation).max((1, 2))
    feature, place = np.unravel_index(int(z.argmax()), z.shape)
    p = (1 + int((peaks >= z.max()).sum())) / (1 + permutations)
    above = float(real[feature, place] - mean[feature, place])
    return Verdict(
        round(float(z.max()), 2), round(p, 4), names[feature], int(place), round(above, 4), len(names),
        truth.shape[1], sum(len(rows) for rows in members),
    )  # fmt: skip


def _table(features: Sequence[Mapping[str, object]]) -> tuple[list[str], np.ndarray]:
    """Names, and (samples, features): the number of each value. Those that never differ are left out."""
    names, columns = [], []
    for name in sorted({name for sample in features for name in sample}):
        values = [sample.get(name, "(none)") for sample in features]
        counts: dict[object, int] = {}
        for value in values:
            counts[value] = counts.get(value, 0) + 1
        numbers = {value: number for number, value in enumerate(v for v, c in counts.items() if c >= RARE)}
        if len(numbers) <= VALUES and (len(numbers) > 1 or 0 < len(numbers) < len(counts)):
            names.append(name)
            columns.append([numbers.get(value, len(numbers)) for value in values])
    return names, np.array(columns, dtype=np.int64).reshape(len(names), len(features)).T


def _one_hot(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(samples, all values of all features), and where each feature's values begin."""
    blocks, starts, width = [], [], 0
    for column in columns.T:
        values, numbers = np.unique(column, return_inverse=True)
        blocks.append((numbers[:, None] == np.arange(len(values))).astype(np.float32))
        starts.append(width)
        width += len(values)
    return np.concatenate(blocks, axis=1), np.array(starts)


def _information(
    parts: Sequence[tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]],
    answers: np.ndarray,
    kinds: int,
    features: int,
    rng: np.random.Generator | None,
) -> np.ndarray:
    """(features, places) in nats. rng: permutes the answers within each group."""
    total, samples = np.zeros((features, answers.shape[1] // kinds)), 0
    for rows, (values, starts) in parts:
        own = answers[rows if rng is None else rng.permutation(rows)]
        counts = values.T @ own
        joint = np.add.reduceat(_n_log_n(counts), starts, axis=0).reshape(features, -1, kinds).sum(2)
        rows_part = np.add.reduceat(_n_log_n(values.sum(0)), starts)[:, None]
        answers_part = _n_log_n(own.sum(0)).reshape(-1, kinds).sum(1)[None]
        total += joint - rows_part - answers_part + _n_log_n(np.array(float(len(rows))))
        samples += len(rows)
    result: np.ndarray = total / max(1, samples)
    return result


def _n_log_n(counts: np.ndarray) -> np.ndarray:
    result: np.ndarray = counts * np.log(np.maximum(counts, 1.0))
    return result
