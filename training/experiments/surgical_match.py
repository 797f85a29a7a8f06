"""Matched gain: a change of weights is made until what was taught has reached a target, and cut there.

Gain is a number of the net as it is now, 1 at most. A training is measured every few steps. Where it has passed the
target, the weights go back along the straight line to the measurement before, to the place where the target is met. An
edit is scaled in the same way. What never reaches the target is left where its gain was greatest.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Gain = Callable[[], float]
Weights = dict[str, Tensor]
TOLERANCE, HALVINGS = 0.02, 6  # of the gain; how often a stretch is halved at most
SCALES = (1.0, 1.5, 2.0, 0.75, 0.5, 0.25)  # of an edit, tried in this order


@dataclass(frozen=True)
class Reached:
    """gain: where it ended. reached: whether that is the target. steps: of the optimizer; 0 for an edit.

    scale: of an edit, the part of it that was made. update: what moved last, by name.
    """

    gain: float
    reached: bool
    steps: int
    scale: float
    update: Weights


def weights_of(net: nn.Module, names: Sequence[str] | None = None) -> Weights:
    """Copies of these parameters, or of all."""
    return {n: p.detach().clone() for n, p in net.named_parameters() if names is None or n in names}


@torch.no_grad()
def put(net: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Give these parameters these values."""
    parameters = dict(net.named_parameters())
    for name, value in weights.items():
        parameters[name].copy_(value)


def between(start: Weights, end: Weights, part: float) -> Weights:
    """Weights on the straight line: 0 is the start, 1 the end; beyond 1 the line goes on."""
    return {name: torch.lerp(start[name], end[name], part) for name in end}


def met_on_line(net: nn.Module, start: Weights, end: Weights, gain: Gain, target: float) -> tuple[float, float]:
    """Put the net where the target is met on a line from below it to above it: (part of the line, gain there)."""
    low, high, part, value = 0.0, 1.0, 1.0, float("nan")
    for _ in range(HALVINGS):
        part = (low + high) / 2
        put(net, between(start, end, part))
        value = gain()
        if abs(value - target) <= TOLERANCE:
            break
        low, high = (part, high) if value < target else (low, part)
    return part, value


def train_until(
    net: nn.Module, step: Callable[[], object], gain: Gain, target: float, most: int, every: int
) -> Reached:
    """Train until the gain meets the target, `most` steps at most. Measured every `every` steps."""
    names = [name for name, p in net.named_parameters() if p.requires_grad]
    last = weights_of(net, names)
    best: tuple[float, int, Weights, Weights] = (gain(), 0, last, last)  # gain, steps, weights, those before
    for number in range(1, most + 1):
        step()
        if number % every and number != most:
            continue
        value, here = gain(), weights_of(net, names)
        if value >= target:
            if value > target + TOLERANCE:
                value = met_on_line(net, last, here, gain, target)[1]
            there = weights_of(net, names)
            return Reached(value, True, number, 1.0, {name: there[name] - last[name] for name in names})
        if value > best[0]:
            best = (value, number, here, last)
        last = here
    value, number, here, last = best
    put(net, here)
    return Reached(value, False, number, 1.0, {name: here[name] - last[name] for name in names})


def scale_until(net: nn.Module, start: Weights, gain: Gain, target: float) -> Reached:
    """Scale the edit that leads from `start` to the net as it is, until the gain meets the target.

    The first of SCALES that reaches it is cut back; if none does, the best of them stays.
    """
    end = weights_of(net, [name for name, p in net.named_parameters() if not torch.equal(p, start[name])])
    before = {name: start[name] for name in end}
    tried: list[tuple[float, float]] = []
    for scale in SCALES:
        far = between(before, end, scale)
        put(net, far)
        value = gain()
        tried.append((value, scale))
        if value >= target:
            part = 1.0
            if value > target + TOLERANCE:
                part, value = met_on_line(net, before, far, gain, target)
            return Reached(value, True, 0, scale * part, _moved(net, before))
    value, scale = max(tried)
    put(net, between(before, end, scale))
    return Reached(value, False, 0, scale, _moved(net, before))


def _moved(net: nn.Module, before: Weights) -> Weights:
    return {name: value - before[name] for name, value in weights_of(net, list(before)).items()}
