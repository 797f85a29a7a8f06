"""What moved in the weights between two models, and which of it brought the fall in loss.

Loss change allocation along the straight line between them: gain = loss(W0) - loss(W1) = sum over parameters of
the integral of -dL/dθ · Δθ (Lan 2019, arXiv 1909.01440), by Gauss-Legendre quadrature; with 8 points heads and rest
summed to the gain within 0.1 % (MEASUREMENT.md).

Shape legend, used as suffixes: L layers, H heads, G key/value heads, D head size, M hidden size.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy
import torch
from torch import Tensor, nn

from perception.heads import MATRICES, addresses

Loss = Callable[[Any], Tensor]  # a model -> a scalar with gradient


@dataclass(frozen=True)
class Gain:
    """How a fall in loss is shared out. Signed; negative where a head's change made things worse.

    heads: (L, H) float64, what each head's slices of W_Q, W_K, W_V, W_O brought; under grouped-query attention a
    group's K and V are shared equally among its heads. rest: biases, norms, MLPs, embeddings. gain: loss before -
    loss after. residual: gain - heads - rest, the quadrature's error; trust the shares while |residual| <= 2 % of gain.
    """

    heads: Tensor
    rest: float
    gain: float
    residual: float


def gain_allocation(before: nn.Module, after: nn.Module, loss: Loss, points: int = 8) -> Gain:
    """Share out loss(before) - loss(after) over the heads, along the straight line of weights.

    loss: called with a copy of the model in eval mode (float32 at least) at points + 2 places; a scalar tensor with
    gradient, the same held-out probes each time. Costs points forward and backward passes. Neither model is touched.
    """
    if points < 1:
        raise ValueError(f"points must be 1 or more, not {points}")
    model = copy.deepcopy(before).eval()
    if next(model.parameters()).dtype in (torch.float16, torch.bfloat16):
        model = model.float()
    line = _line(model, after)
    shares = {name: torch.zeros_like(change, dtype=torch.float64) for name, (_p, _s, change) in line.items()}
    moving = any(parameter.requires_grad for parameter, _s, _c in line.values())
    places, weights = numpy.polynomial.legendre.leggauss(points)
    for place, weight in zip((places + 1) / 2, weights / 2):
        _move(line, float(place))
        if moving:
            loss(model).backward()
        for name, (parameter, _start, change) in line.items():
            if parameter.grad is not None:
                shares[name] -= parameter.grad.double() * change.double() * float(weight)
                parameter.grad = None
    ends = []
    for place in (0.0, 1.0):
        _move(line, place)
        with torch.no_grad():
            ends.append(float(loss(model)))
    heads_LH, rest = _by_head(model, shares)
    gain = ends[0] - ends[1]
    return Gain(heads_LH, rest, gain, gain - float(heads_LH.sum()) - rest)


_Line = dict[str, tuple[nn.Parameter, Tensor, Tensor]]  # name: the parameter that moves, its start, its whole change


def _line(model: nn.Module, after: nn.Module) -> _Line:
    ends = dict(after.named_parameters())
    line = {}
    for name, parameter in model.named_parameters():
        start = parameter.detach().clone()
        change = ends[name].detach().to(parameter) - start
        parameter.requires_grad_(bool(change.any()))  # a weight that did not move has no share
        parameter.grad = None
        line[name] = (parameter, start, change)
    return line


@torch.no_grad()
def _move(line: _Line, place: float) -> None:
    for parameter, start, change in line.values():
        parameter.copy_(torch.add(start, change, alpha=place))


def _by_head(model: nn.Module, shares: dict[str, Tensor]) -> tuple[Tensor, float]:
    """(L, H) shares on the CPU, and what no head's matrices hold."""
    heads = addresses(model)
    total = sum(float(share.sum()) for share in shares.values())
    found_LH = torch.zeros(heads.layers, heads.heads, dtype=torch.float64)
    for layer, projections in enumerate(heads.projections):
        for matrix in MATRICES:
            projection = projections[matrix]
            share_H = projection.per_head(shares[projection.parameter]).sum((1, 2)).cpu()
            alike = heads.heads // projection.heads
            found_LH[layer] += share_H.repeat_interleave(alike) / alike
    return found_LH, total - float(found_LH.sum())


def weight_change(before: nn.Module, after: nn.Module) -> dict[str, Tensor]:
    """‖ΔW^h‖/‖W^h‖ per matrix q, k, v, o: (L, H) each. Shown, never judged: it is an optimizer's signature."""
    a, b = addresses(before), addresses(after)
    changes = {}
    for matrix in MATRICES:
        rows = []
        for layer in range(a.layers):
            old, new = a.weight(layer, matrix).detach().double(), b.weight(layer, matrix).detach().double()
            change = (new - old).flatten(1).norm(dim=1) / old.flatten(1).norm(dim=1).clamp_min(1e-30)
            rows.append(change.repeat_interleave(a.heads // len(change)))
        changes[matrix] = torch.stack(rows).cpu()
    return changes


def same_shape(before: nn.Module, after: nn.Module) -> None:
    """Raise ValueError unless both models have the same parameters, by name and shape."""
    a, b = ({name: tuple(p.shape) for name, p in model.named_parameters()} for model in (before, after))
    if a != b:
        odd = sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))[0]
        raise ValueError(f"the two models differ in shape at {odd}: {a.get(odd)} before, {b.get(odd)} after")
