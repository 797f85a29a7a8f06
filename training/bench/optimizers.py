"""One step of each optimizer on the matrices of a transformer, side by side: `main.py bench optimizers`.

The matrices: 8 layers of width 256, each q, k, v, o (256, 256), gate and up (688, 256), down (256, 688): 6.3 million
weights, float32, one thread, on a CPU unless `--device` names another. The contestants take turns in rounds, so that a
busy machine hits all alike; each has weights and gradients of its own and makes a step that doesn't count first.
Medians, so the one step in 200 that draws new projections doesn't show. Rank 1 is APOLLO-Mini: tensor scaling, scale
128, Gaussian. plain: Algorithm 1 of arXiv 2412.05270 as one writes it down, matrix by matrix: Gaussian, channel
scaling, what people would run without this.
"""

import statistics
import time
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from training.bench.timing import CPU, finish, row
from training.optim.apollo import Apollo, draw_projection, mix

SHAPES = [(256, 256)] * 4 + [(688, 256)] * 2 + [(256, 688)]  # of one layer
LAYERS, ROUNDS, STEPS = 8, 25, 2
GROWTH = 1.01


class Plain(torch.optim.Optimizer):
    """The tests' twin, but in float32 and without loops over channels: one matrix after the other, nothing stacked."""

    def __init__(self, params: Iterable[Tensor], lr: float = 1e-3, rank: int = 64, refresh: int = 200) -> None:
        super().__init__(params, {"lr": lr, "rank": rank, "refresh": refresh})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One update of every matrix; Apollo's with its seed 0 (tested)."""
        for group in self.param_groups:
            for index, weight in enumerate(group["params"]):
                self._update(weight, weight.grad, index, group)

    def _update(self, weight: Tensor, grad: Tensor, index: int, group: dict[str, Any]) -> None:
        state, wide = self.state[weight], grad.shape[0] <= grad.shape[1]
        rank, step = min(group["rank"], *grad.shape), state.setdefault("step", 0)
        if step % group["refresh"] == 0:
            count = mix(mix(0, index), step // group["refresh"])
            drawn = draw_projection("gaussian", rank, min(grad.shape), count)
            assert drawn is not None  # only a sketch at full rank needs none
            state["projection"] = drawn.to(grad)
        reduced = state["projection"] @ grad if wide else grad @ state["projection"].T
        if step == 0:
            state["first"], state["second"] = torch.zeros_like(reduced), torch.zeros_like(reduced)
        state["step"] = step + 1
        state["first"].mul_(0.9).add_(reduced, alpha=0.1)
        state["second"].mul_(0.999).addcmul_(reduced, reduced, value=0.001)
        first, second = state["first"] / (1 - 0.9 ** (step + 1)), state["second"] / (1 - 0.999 ** (step + 1))
        normal, channel = first / (second.sqrt() + 1e-8), 0 if wide else 1
        scales = normal.norm(dim=channel, keepdim=True) / (reduced.norm(dim=channel, keepdim=True) + 1e-8)
        update = grad * scales
        norm = update.norm()
        if "norm" in state and norm > GROWTH * state["norm"]:
            update *= GROWTH * state["norm"] / norm
            norm = GROWTH * state["norm"]
        state["norm"] = norm
        weight.sub_(update, alpha=group["lr"])


CONTESTANTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "adamw-fused": (torch.optim.AdamW, {"fused": True}),
    "adamw-default": (torch.optim.AdamW, {}),
    "sgd-fused": (torch.optim.SGD, {"fused": True}),
    "apollo-r1": (Apollo, {"rank": 1, "scaling": "tensor", "scale": 128.0}),
    "apollo-r64-gaussian": (Apollo, {"rank": 64}),
    "apollo-r64-sketch": (Apollo, {"rank": 64, "projection": "sketch"}),
    "apollo-r256-gaussian": (Apollo, {"rank": 256}),
    "apollo-r256-sketch": (Apollo, {"rank": 256, "projection": "sketch"}),
    "plain-r64": (Plain, {"rank": 64}),
    "plain-r256": (Plain, {"rank": 256}),
}
AGAINST_PLAIN = ("apollo-r64-gaussian", "apollo-r64-sketch", "apollo-r256-gaussian", "apollo-r256-sketch")


def matrices(seed: int, shapes: list[tuple[int, int]], device: torch.device = CPU) -> list[torch.nn.Parameter]:
    """Weights of spread 0.02 with gradients of spread 1e-3, the same for a seed on any device."""
    generator = torch.Generator().manual_seed(seed)
    parameters = [torch.nn.Parameter((0.02 * torch.randn(shape, generator=generator)).to(device)) for shape in shapes]
    for parameter in parameters:
        gradient: Tensor = 1e-3 * torch.randn(parameter.shape, generator=generator)
        parameter.grad = gradient.to(device)
    return parameters


def state_share(optimizer: torch.optim.Optimizer) -> float:
    """Numbers of saved state / numbers of weights."""
    saved = sum(v.numel() for state in optimizer.state.values() for v in state.values() if torch.is_tensor(v))
    return saved / sum(p.numel() for group in optimizer.param_groups for p in group["params"])


def race(
    contestants: dict[str, torch.optim.Optimizer], rounds: int, steps: int, device: torch.device = CPU
) -> dict[str, float]:
    """Median milliseconds of a step of each, in turns; the first step of a turn fills the caches and doesn't count."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds):
        # Another one begins each time: none always runs behind the same neighbour.
        names = list(contestants)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            contestants[name].step()
            for _ in range(steps):
                finish(device)
                began = time.perf_counter()
                contestants[name].step()
                finish(device)
                times[name].append(1000 * (time.perf_counter() - began))
    return {name: statistics.median(taken) for name, taken in times.items()}


def optimizers(
    model: str, seed: int, device: torch.device = CPU, layers: int = LAYERS, rounds: int = ROUNDS
) -> list[dict[str, Any]]:
    """Rows {name, value, unit, baseline, ratio}: ms a step against fused AdamW, again against plain, state sizes.

    model: not used, this area has matrices of its own. The thread count is put back as it was.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        contestants = {
            name: kind(matrices(seed, SHAPES * layers, device), lr=1e-3, **options)
            for name, (kind, options) in CONTESTANTS.items()
        }
        ms = race(contestants, rounds, STEPS, device)
    finally:
        torch.set_num_threads(threads)
    rows = [row(name, value, "ms", "adamw-fused", ms["adamw-fused"]) for name, value in ms.items()]
    for name in AGAINST_PLAIN:
        plain = "plain-" + name.split("-")[1]
        rows.append(row(f"{name}-to-plain", ms[name], "ms", plain, ms[plain]))
    shares = {name: state_share(contestants[name]) for name in ("adamw-fused", "apollo-r1", "apollo-r64-sketch")}
    shares |= {"apollo-r256-sketch": state_share(contestants["apollo-r256-sketch"])}
    rows += [row(f"{name}-state", n, "x weights", "adamw-fused", shares["adamw-fused"]) for name, n in shares.items()]
    return rows
