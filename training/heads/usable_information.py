"""Usable information: what a model's beliefs tell about the truth, in nats, beyond how often each answer comes.

L_cal(M) = min over b and s > 0 of mean CE(softmax(s·z + b), answer) + ridge, with z the candidates' log-probabilities,
b one bias a candidate of a kind of question, s one scale. H(answers) - L_cal is the usable information (Xu 2020,
arXiv 2002.10689, V-information; the family is Platt's: Guo 2017, arXiv 1706.04599). A model that only learned how often
each answer comes gains nothing by it.

By the envelope theorem the gradient of L_cal is that of the cross-entropy at the best b and s, held fixed. So loss
change allocation and swaps work as with any loss. This module is the arithmetic on beliefs; `training.heads.usable`
makes beliefs of a model.

Shape suffixes: N decisions, C candidates (the most that any decision has), K kinds of question, X numbers to fit.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy, pad

RIDGE_BIAS, RIDGE_SCALE = 1e-4, 1e-2  # small against any information: they only keep the fit finite
NEVER = -1e4  # the log-probability of a candidate that a decision doesn't have
FREE = -1  # the kind of questions whose candidates have no bias, because they are asked too seldom
STEPS_MAX, HALVINGS_MAX = 200, 40
TINY = 1e-12  # added to all second derivatives, so that they can be solved for
FLAT_BELIEFS = 0.1  # nats by which a decision's beliefs differ: below, a second valley is looked for
FLAT = 1e-16  # nats  # the largest slope at which the fit is taken for done
NO_NUMBER = "what the model believes is no number (NaN): it overflows; give another model, or train at a lower --lr"
Array = NDArray[Any]


@dataclass(frozen=True)
class Beliefs:
    """What a model believes of every decision. z_NC: log-probabilities of the candidates, NEVER where there is none.

    answer_N: number of the right candidate. kind_N: number of the kind of question, FREE for one without biases.
    kinds: how many kinds have biases.
    """

    z_NC: Tensor
    answer_N: Tensor
    kind_N: Tensor
    kinds: int

    def at(self, rows: Tensor) -> "Beliefs":
        """The beliefs of some decisions."""
        return Beliefs(self.z_NC[rows], self.answer_N[rows], self.kind_N[rows], self.kinds)

    def plain(self) -> Tensor:
        """Mean cross-entropy among the candidates, nats."""
        return cross_entropy(self.z_NC, self.answer_N)


@dataclass(frozen=True)
class Calibration:
    """The fitted family: bias_KC per candidate of a kind, log_scale of all; float64 on the CPU, without gradient."""

    bias_KC: Tensor
    log_scale: Tensor

    def loss(self, beliefs: Beliefs) -> Tensor:
        """Mean cross-entropy of calibrated beliefs plus the ridge, with gradient through the beliefs alone; nats."""
        return cross_entropy(self.scores(beliefs), beliefs.answer_N) + self.ridge

    def each(self, beliefs: Beliefs) -> Tensor:
        """(N,) what each decision adds to the loss; their mean is `loss`."""
        return cross_entropy(self.scores(beliefs), beliefs.answer_N, reduction="none") + self.ridge

    def scores(self, beliefs: Beliefs) -> Tensor:
        """(N, C) calibrated logits, in the precision of the beliefs."""
        z_NC = beliefs.z_NC
        bias_KC = pad(self.bias_KC, (0, 0, 0, 1)).to(z_NC)  # FREE, the last row, is zeros
        return torch.where(z_NC > NEVER, z_NC * float(self.log_scale.exp()) + bias_KC[beliefs.kind_N], NEVER)

    @property
    def ridge(self) -> float:
        """What keeps the fit finite, nats."""
        return float(RIDGE_BIAS * self.bias_KC.square().sum() + RIDGE_SCALE * self.log_scale.square())


def calibrate(beliefs: Beliefs) -> Calibration:
    """The biases and the scale that lower the loss most. The beliefs keep no gradient of it.

    Newton's steps in float64, each shortened until the loss falls. It takes a few milliseconds for hundreds of
    decisions. The same beliefs give the same fit to the last bit. Raises ValueError for beliefs that are not finite.
    """
    if not bool(beliefs.z_NC.isfinite().all()):
        raise ValueError(NO_NUMBER)
    z_NC = beliefs.z_NC.detach().cpu().double().numpy()
    fit = _Fit(z_NC, beliefs.answer_N.cpu().numpy(), beliefs.kind_N.cpu().numpy(), beliefs.kinds)
    x_X = fit.best()
    bias_KC = x_X[:-1].reshape(beliefs.kinds, z_NC.shape[1])
    return Calibration(torch.from_numpy(bias_KC.copy()), torch.tensor(np.log(x_X[-1])))


class _Fit:
    """The loss as a function of x_X: all biases, kind after kind, then s. The cross-entropy is convex in it."""

    def __init__(self, z_NC: Array, answer_N: Array, kind_N: Array, kinds: int) -> None:
        count, candidates = z_NC.shape
        self._there_NC = z_NC > NEVER
        self._z_NC = np.where(self._there_NC, z_NC, 0.0)
        self._absent_NC = np.where(self._there_NC, 0.0, -np.inf)
        self._right_NC = np.arange(candidates) == answer_N[:, None]
        self._kind_NK = (np.arange(kinds) == kind_N[:, None]) / count  # each decision's weight in its kind
        self._kind_N, self._count, self._shape = kind_N, count, (kinds, candidates)

    def _beliefs(self, x_X: Array) -> tuple[float, Array]:
        """(loss, probabilities)."""
        bias_KC = np.vstack([x_X[:-1].reshape(self._shape), np.zeros((1, self._shape[1]))])
        score_NC = self._z_NC * x_X[-1] + bias_KC[self._kind_N] + self._absent_NC
        score_NC -= score_NC.max(1, keepdims=True)
        power_NC = np.exp(score_NC)
        sum_N = power_NC.sum(1)
        loss = float(np.log(sum_N).sum() - score_NC[self._right_NC].sum()) / self._count
        ridge = RIDGE_BIAS * float(x_X[:-1] @ x_X[:-1]) + RIDGE_SCALE * float(np.log(x_X[-1])) ** 2
        return loss + ridge, power_NC / sum_N[:, None]

    def _slopes(self, x_X: Array, p_NC: Array) -> tuple[Array, Array]:
        """The gradient and the matrix of second derivatives, of the ridge on s at least what a square would have."""
        off_NC, candidates, s = p_NC - self._right_NC, self._shape[1], x_X[-1]
        away_NC = p_NC * (self._z_NC - (p_NC * self._z_NC).sum(1, keepdims=True))
        slope_X = np.append((self._kind_NK.T @ off_NC).ravel(), (off_NC * self._z_NC).sum() / self._count)
        slope_X[:-1] += 2 * RIDGE_BIAS * x_X[:-1]
        slope_X[-1] += 2 * RIDGE_SCALE * np.log(s) / s
        bend_XX = np.diag(np.full(len(x_X), 2 * RIDGE_BIAS))
        bend_XX[-1, :-1] = bend_XX[:-1, -1] = (self._kind_NK.T @ away_NC).ravel()
        bend_XX[-1, -1] = (away_NC * self._z_NC).sum() / self._count
        bend_XX[-1, -1] += 2 * RIDGE_SCALE * max(1 - np.log(s), 0.0) / s**2
        for kind in range(self._shape[0]):
            weighted_NC = p_NC * self._kind_NK[:, kind, None]
            block = slice(kind * candidates, (kind + 1) * candidates)
            bend_XX[block, block] += np.diag(weighted_NC.sum(0)) - weighted_NC.T @ p_NC
        return slope_X, bend_XX

    def _starts(self, s: float = 1.0) -> list[Array]:
        """The beliefs at this scale, and with each candidate as likely on the whole as it is right."""
        right_KC, there_KC = self._kind_NK.T @ self._right_NC, self._kind_NK.T @ self._there_NC
        often_KC = np.log((right_KC + 0.5 / self._count) / np.maximum(self._kind_NK.sum(0), 1e-9)[:, None])
        bias_KC = often_KC - s * (self._kind_NK.T @ self._z_NC) / np.maximum(there_KC, 1e-9)
        bias_KC = np.where(there_KC > 0, bias_KC, 0.0)
        return [np.append(some.ravel(), s) for some in (np.zeros(self._shape), bias_KC)]

    def best(self) -> Array:
        """x_X where the loss is least.

        The ridge on s bends the other way where s is large. Beliefs that hardly differ may have two valleys there: one
        near s = 1, one where s makes up for their flatness. Both are gone down.
        """
        starts = [min(self._starts(), key=lambda start: self._beliefs(start)[0])]
        spread = self._spread()
        if 0 < spread < FLAT_BELIEFS:
            starts.append(self._starts(1 / spread)[1])
        return min((self._descended(start) for start in starts), key=lambda x_X: self._beliefs(x_X)[0])

    def _spread(self) -> float:
        """How much the beliefs in one decision differ, as a standard deviation, nats."""
        there_N = np.maximum(self._there_NC.sum(1), 1)
        away_NC = np.where(self._there_NC, self._z_NC - (self._z_NC.sum(1) / there_N)[:, None], 0.0)
        return float(np.sqrt((away_NC**2).sum() / there_N.sum()))

    def _descended(self, x_X: Array) -> Array:
        loss, p_NC = self._beliefs(x_X)
        for _ in range(STEPS_MAX):
            slope_X, bend_XX = self._slopes(x_X, p_NC)
            step_X = np.linalg.solve(bend_XX + TINY * np.eye(len(x_X)), slope_X)
            fall = float(slope_X @ step_X)  # twice what is left to gain, near the lowest place
            if fall < FLAT:
                break
            length = min(1.0, 0.9 * x_X[-1] / step_X[-1]) if step_X[-1] > 0 else 1.0  # s stays above 0
            for _ in range(HALVINGS_MAX):
                tried = self._beliefs(x_X - length * step_X)
                if tried[0] < loss - 1e-4 * length * fall:
                    break
                length /= 2
            else:
                break  # float64 knows no lower loss
            x_X, (loss, p_NC) = x_X - length * step_X, tried
        return x_X


def prior_entropy(beliefs: Beliefs) -> float:
    """H(answers) in nats: of each kind's answers as they come, weighted by how often the kind comes.

    Where candidates have no biases, nothing is told by an even chance for each candidate.
    """
    total = 0.0
    for kind in range(beliefs.kinds):
        counts = torch.bincount(beliefs.answer_N[beliefs.kind_N == kind]).double()
        counts = counts[counts > 0]
        total += float(-(counts * (counts / counts.sum()).log()).sum())
    free_NC = beliefs.z_NC[beliefs.kind_N == FREE] > NEVER
    total += float(free_NC.sum(1).double().log().sum())
    return total / len(beliefs.answer_N)


@dataclass(frozen=True)
class Worth:
    """What beliefs are worth, nats a decision. plain: cross-entropy among the candidates; calibrated: L_cal without the
    ridge; entropy: H(answers); crossed: the calibrated loss of each half, fitted on the other; None without halves."""

    plain: float
    calibrated: float
    entropy: float
    crossed: float | None

    @property
    def usable(self) -> float:
        """H(answers) - L_cal."""
        return self.entropy - self.calibrated

    @property
    def share(self) -> float:
        """Of all that there is to know."""
        return self.usable / self.entropy if self.entropy else 0.0


def worth(beliefs: Beliefs, half_N: Tensor) -> Worth:
    """What beliefs are worth; half_N: bool, the decisions of half A. Without one of the halves nothing is crossed."""
    fine = Beliefs(beliefs.z_NC.detach().double(), beliefs.answer_N, beliefs.kind_N, beliefs.kinds)
    fitted, crossed = calibrate(fine), 0.0
    whole = bool(half_N.any()) and not bool(half_N.all())
    for rows in (half_N, ~half_N) if whole else ():
        other, scored = calibrate(fine.at(~rows)), fine.at(rows)
        crossed += float(cross_entropy(other.scores(scored), scored.answer_N, reduction="sum"))
    calibrated = float(fitted.loss(fine)) - fitted.ridge
    return Worth(float(fine.plain()), calibrated, prior_entropy(fine), crossed / len(fine.answer_N) if whole else None)
