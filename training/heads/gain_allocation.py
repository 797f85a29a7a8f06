"""Which of what moved in the weights between two models brought the fall in loss.

Loss change allocation: gain = loss(W0) - loss(W1) = sum over parameters of the integral of -dL/dθ · dθ along a curve
from W0 to W1 (Lan 2019, arXiv 1909.01440), by quadrature on each straight piece of it. The curve is the straight line,
or the training's own path. The first pieces of a path cross most of the loss. One point there misses as much as the
gain itself, so points are added until heads, MLPs and rest sum to the fall. Each chunk of probes is shared out by
itself.

Shape legend, used as suffixes: M matrices (W_Q, W_K, W_V, W_O), L layers, H heads.
"""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean as mean
from typing import Any, Protocol

import numpy
import torch
from torch import Tensor, nn

from perception.head_map import MATRICES, HeadMap, addresses
from perception.mlp_map import Mlp, mlps

Loss = Callable[[Any], Tensor]  # a model -> a scalar with gradient
Refit = Callable[[Any], Iterable[Tensor]]  # a model -> every chunk's loss there, fitted on all chunks together
State = Mapping[str, Tensor]  # values of parameters, by name
POINTS = 8  # on a straight line from end to end
# Of the largest change of the loss: what the shares of a path of up to five pieces may miss, in equal parts, and what
# each piece of a longer one may.
TOLERANCE, TOLERANCE_EACH = 0.01, 0.002
DEPTH = 2  # how often a piece is halved at most
# Gauss's points 1 and 3 and Kronrod's 7, on [-1, 1], each set holding the one before (Patterson 1968).
_A, _B, _C = 0.7745966692414834, 0.4342437493468026, 0.9604912687080203
NESTED = (0.0, -_A, _A, -_B, _B, -_C, _C)
_V, _W = (0.45091653865847414, 0.26848808986833344), (0.4013974147759622, 0.10465622602646727)
NESTED_WEIGHTS = ((2.0,), (8 / 9, 5 / 9, 5 / 9), (_V[0], _V[1], _V[1], _W[0], _W[0], _W[1], _W[1]))


class HeldOut(Protocol):
    """A loss on held-out decisions. total: how many it is the mean of."""

    total: int

    def __call__(self, net: Any) -> Tensor: ...


@dataclass(frozen=True)
class Gain:
    """How a fall in loss is shared out. Signed; negative where a unit's change made things worse.

    heads: (L, H) float64, what each head's slices of W_Q, W_K, W_V, W_O brought; under grouped-query attention a
    group's K and V are shared equally among its heads. mlps: (L,) float64, what the parameters of each layer's MLP
    brought. rest: norms, embeddings, biases of attention. gain: loss before - loss after. residual: gain - heads - mlps
    - rest, the quadrature's error; trust the shares while |residual| <= 2 % of gain. Of chunks fitted together, each
    residual holds also what the fit on all of them brings to it. Over all chunks that is nothing. before: the
    loss that the gain is taken off. matrices: (4, L, H) float64, `heads` by W_Q, W_K, W_V and W_O, which sum to it.
    """

    heads: Tensor
    mlps: Tensor
    rest: float
    gain: float
    residual: float
    before: float
    matrices: Tensor


def gain_allocation(before: nn.Module, after: nn.Module, loss: Loss, points: int = POINTS) -> Gain:
    """Share out loss(before) - loss(after) over the heads, along the straight line of weights; see `allocate`."""
    return allocate(before, [dict(after.named_parameters())], [loss], points)[0]


def size_of(loss: Loss) -> int:
    """How many targets a chunk's loss is the mean of: its weight among the chunks. 1 if it does not say."""
    return int(getattr(loss, "total", 1))


def allocate(
    before: nn.Module,
    states: Sequence[State],
    losses: Sequence[Loss],
    points: int | None = None,
    refit: Refit | None = None,
) -> list[Gain]:
    """Share out each loss's fall along straight pieces from `before` through all `states` in turn.

    states: values of parameters by name; what a state does not name stays. losses: one a chunk of held-out probes, each
    called with a copy of the model in eval mode (float32 at least). points: Gauss-Legendre points on each straight
    piece between states; by default as many as it takes (`_Walk.piece`), where the loss bends most. refit: gives the
    losses' values instead, fitted anew at every point (`UsableChunks.refit`). The model is not touched. Raises
    ValueError without states or points, or for a parameter that the model doesn't have.
    """
    if points is not None and points < 1:
        raise ValueError(f"points must be 1 or more, not {points}")
    if not states:
        raise ValueError("no states to share a gain out along; give at least one")
    model = copy.deepcopy(before).eval()
    if next(model.parameters()).dtype in (torch.float16, torch.bfloat16):
        model = model.float()
    walk = _Walk(model, states, losses, refit)
    corners = walk.corners(states)
    scale = max(abs(walk.mean(corners[0]) - walk.mean(corner)) for corner in corners)
    most = scale * max(TOLERANCE_EACH, TOLERANCE / len(states))
    for state, start, end in zip(states, corners, corners[1:], strict=False):
        walk.turn(state)
        if points is None:
            walk.piece(0.0, 1.0, start, end, most)
        else:
            walk.fixed(points)
        walk.move(1.0)
    return [total.gain(start, end) for total, start, end in zip(walk.sums, corners[0], corners[-1], strict=True)]


@dataclass
class _Sum:
    """One chunk's shares."""

    heads_MLH: Tensor
    mlps_L: Tensor
    rest: float = 0.0

    @property
    def whole(self) -> float:
        return float(self.heads_MLH.sum()) + float(self.mlps_L.sum()) + self.rest

    def add(self, other: "_Sum", weight: float) -> None:
        self.heads_MLH = self.heads_MLH + weight * other.heads_MLH
        self.mlps_L = self.mlps_L + weight * other.mlps_L
        self.rest += weight * other.rest

    def gain(self, start: float, end: float) -> Gain:
        missed = start - end - self.whole
        return Gain(self.heads_MLH.sum(0), self.mlps_L, self.rest, start - end, missed, start, self.heads_MLH)


class _Walk:
    """A model that goes through the states, and what every chunk has been allotted so far."""

    def __init__(self, model: nn.Module, states: Sequence[State], losses: Sequence[Loss], refit: Refit | None) -> None:
        self._model, self._losses, self._refit = model, losses, refit
        self._heads, self._mlps = addresses(model), mlps(model)
        self._parameters = dict(model.named_parameters())
        moved = _moved(self._parameters, states)
        for name, parameter in self._parameters.items():
            parameter.requires_grad_(name in moved)  # a weight that never moves has no share
            parameter.grad = None
        self._line: _Line = {}
        self.sums = self._nothing()

    def _nothing(self) -> list[_Sum]:
        layers, heads = self._heads.layers, self._heads.heads
        zeros_MLH = torch.zeros(len(MATRICES), layers, heads, dtype=torch.float64)
        return [_Sum(zeros_MLH, zeros_MLH.sum((0, 2))) for _ in self._losses]

    def mean(self, values: Sequence[float]) -> float:
        """The mean over chunks, each weighted by its decisions."""
        return mean(values, [size_of(loss) for loss in self._losses])

    def corners(self, states: Sequence[State]) -> list[list[float]]:
        """Every chunk's loss at the start and at each state; the model ends where it began."""
        start = {name: parameter.detach().clone() for name, parameter in self._parameters.items()}
        losses = [self.values()]
        for state in states:
            self.turn(state)
            self.move(1.0)
            losses.append(self.values())
        self.turn(start)
        self.move(1.0)
        return losses

    def turn(self, state: State) -> None:
        """From here on `move` goes straight to this state."""
        self._line = {}  # its room is needed
        self._line = _line(self._parameters, state)

    @torch.no_grad()
    def move(self, place: float) -> None:
        """To 0, the piece's start, 1, its end to the last bit, or between."""
        for parameter, start, end, change in self._line.values():
            parameter.copy_(end if place == 1 else torch.add(start, change, alpha=place))

    @torch.no_grad()
    def values(self) -> list[float]:
        """Every chunk's loss here."""
        return [float(value) for value in self._each()]

    def _each(self) -> Iterable[Tensor]:
        """Every chunk's loss here, with gradient unless that is off."""
        return (loss(self._model) for loss in self._losses) if self._refit is None else self._refit(self._model)

    def shares(self, place: float) -> list[_Sum]:
        """-∂L/∂θ · Δθ of every chunk at a place of this piece."""
        self.move(place)
        sums = self._nothing()
        for value, chunk_sum in zip(self._each() if self._line else (), sums, strict=bool(self._line)):
            value.backward()
            products = {  # in the gradients' own place, each as exact as the gradient; sums are taken in float64
                name: parameter.grad.mul_(change)
                for name, (parameter, _start, _end, change) in self._line.items()
                if parameter.grad is not None
            }
            chunk_sum.add(_by_unit(self._heads, self._mlps, products), -1)
            self._model.zero_grad()
        return sums

    def _add(self, nodes: Sequence[list[_Sum]], weights: Sequence[float]) -> None:
        for node, weight in zip(nodes, weights, strict=True):
            for total, one in zip(self.sums, node, strict=True):
                total.add(one, weight)

    def fixed(self, points: int) -> None:
        """Share out this piece with so many points."""
        places, weights = numpy.polynomial.legendre.leggauss(points)
        self._add([self.shares(place) for place in ((places + 1) / 2).tolist()], (weights / 2).tolist())

    def piece(self, low: float, high: float, start: list[float], end: list[float], most: float, depth: int = 0) -> None:
        """Share out a stretch of this piece, whose ends' losses are known, to an error of `most` nats.

        With 1, then 3, then 7 points, each set holding the one before, until the mean over chunks of what the shares
        miss of the fall is small enough; then in halves, DEPTH times. Where chunks are fitted together, each misses
        what the fit brings to it, so only all of them together count.
        """
        fall, half = [a - b for a, b in zip(start, end, strict=True)], (high - low) / 2
        nodes: list[list[_Sum]] = []
        for weights in NESTED_WEIGHTS:
            nodes += [self.shares(low + half * (1 + at)) for at in NESTED[len(nodes) : len(weights)]]
            allotted = [
                sum(half * weight * node[chunk].whole for weight, node in zip(weights, nodes, strict=True))
                for chunk in range(len(fall))
            ]
            missed = [a - b for a, b in zip(allotted, fall, strict=True)]
            if (abs(self.mean(missed)) if self._refit else self.mean([abs(miss) for miss in missed])) <= most:
                break
        else:
            if depth < DEPTH:
                middle = low + half
                self.move(middle)
                between = self.values()
                self.piece(low, middle, start, between, most / 2, depth + 1)
                self.piece(middle, high, between, end, most / 2, depth + 1)
                return
        self._add(nodes, [half * weight for weight in weights])


# By name: the parameter that moves, its start, its end, and end - start.
_Line = dict[str, tuple[nn.Parameter, Tensor, Tensor, Tensor]]


def _moved(parameters: Mapping[str, nn.Parameter], states: Sequence[State]) -> set[str]:
    """The parameters that some state gives another value."""
    moved = set()
    for state in states:
        for name, value in state.items():
            if name not in parameters:
                raise ValueError(f"a state names the parameter {name!r}, which the model doesn't have")
            if name not in moved and not torch.equal(value.detach().to(parameters[name]), parameters[name].detach()):
                moved.add(name)
    return moved


def _line(parameters: Mapping[str, nn.Parameter], state: State) -> _Line:
    """From where the parameters stand now to the state; what does not move on this piece is left out."""
    line = {}
    for name, value in state.items():
        start = parameters[name].detach().clone()
        end = value.detach().to(start)
        if not torch.equal(start, end):
            line[name] = (parameters[name], start, end, end - start)
    return line


def _by_unit(heads: HeadMap, layer_mlps: Sequence[Mlp], shares: Mapping[str, Tensor]) -> _Sum:
    """Shares of heads and MLPs on the CPU, and what no unit's parameters hold."""
    sums = {name: float(share.cpu().sum(dtype=torch.float64)) for name, share in shares.items()}
    share_MLH = torch.zeros(len(MATRICES), heads.layers, heads.heads, dtype=torch.float64)
    for layer, projections in enumerate(heads.projections):
        for number, matrix in enumerate(MATRICES):
            projection = projections[matrix]
            if projection.parameter in shares:
                share_H = projection.per_head(shares[projection.parameter]).cpu().sum((1, 2), dtype=torch.float64)
                alike = heads.heads // projection.heads
                share_MLH[number, layer] = share_H.repeat_interleave(alike) / alike
    in_mlps = [sum(sums.get(name, 0.0) for name in mlp.parameters) for mlp in layer_mlps]
    share_L = torch.tensor(in_mlps, dtype=torch.float64)
    return _Sum(share_MLH, share_L, sum(sums.values()) - float(share_MLH.sum()) - sum(in_mlps))


def same_shape(before: nn.Module, after: nn.Module) -> None:
    """Raise ValueError unless both models have the same parameters, by name and shape."""
    a, b = ({name: tuple(p.shape) for name, p in model.named_parameters()} for model in (before, after))
    if a != b:
        odd = sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))[0]
        raise ValueError(f"the two models differ in shape at {odd}: {a.get(odd)} before, {b.get(odd)} after")
