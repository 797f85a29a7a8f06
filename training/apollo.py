"""APOLLO: SGD's memory, Adam's pace. Gradients are scaled per channel; a low-rank sketch of them says by how much.

Clean-room from Algorithm 1 of Zhu 2024 (arXiv 2412.05270); one file, torch only. For a matrix gradient G (m x n,
m <= n): R = P G with P (r x m), Adam moments M, V of R, N = M / (sqrt V + eps), one scale per column
s_j = ‖N_j‖ / ‖R_j‖ (or one per matrix), step = lr sqrt(scale) s G, whose norm may grow by `norm_growth` per step at
most (Fira, arXiv 2410.01623); decoupled weight decay after it. P is drawn anew every `refresh` steps, moments stay.
Taller matrices are the same, transposed.

Shape legend, used as suffixes: c channels (the larger side), d the projected side (the smaller), r rank <= d.
"""

from collections.abc import Callable, Iterable
from math import isfinite, sqrt
from typing import Any, overload

import torch
from torch import Tensor

SCALINGS = ("channel", "tensor")
PROJECTIONS = ("gaussian", "sketch")
# An update this much smaller than the last one is an empty batch, not a trend: the limiter forgets it. Remembered, an
# exactly-zero gradient would hold every later step down for ~1,500 steps of 1 % growth (ANCHORS.md).
COLLAPSE = 1e-2
STATE = ("first", "second", "norm")


def draw_projection(kind: str, rank: int, side: int, seed: int) -> Tensor | None:
    """A projection from `side` to `rank` dimensions, float32 on the CPU, the same on every machine for one seed.

    gaussian: P_dr ~ N(0, 1) / sqrt(r). sketch: a sign per row, (d,): row i is added to bucket i % r with its sign, so
    norms are kept on average, in O(mn) (count sketch, Charikar 2002). None at full rank: every row has its own bucket,
    nothing is lost, signs don't matter and refreshing would only tear the moments apart.
    """
    if kind == "sketch" and rank == side:
        return None
    generator = torch.Generator().manual_seed(seed)
    if kind == "sketch":
        return torch.randint(0, 2, (side,), generator=generator).mul_(2).sub_(1).float()
    return (torch.randn(rank, side, generator=generator) / sqrt(rank)).T


def project(grad_cd: Tensor, projection: Tensor | None, rank: int) -> Tensor:
    """R_cr, contiguous: the gradient with its smaller side brought down to `rank` by a drawn projection."""
    if projection is None:
        return grad_cd.contiguous()
    if projection.dim() == 2:
        return grad_cd @ projection
    signed_cd, whole = grad_cd * projection, grad_cd.shape[1] // rank * rank
    reduced_cr = signed_cd[:, :whole].unflatten(1, (-1, rank)).sum(1)
    if whole < grad_cd.shape[1]:
        reduced_cr[:, : grad_cd.shape[1] - whole] += signed_cd[:, whole:]
    return reduced_cr.contiguous()


def adam_moments(
    grad: Tensor, first: Tensor, second: Tensor, step: int, betas: tuple[float, float], eps: float
) -> Tensor:
    """Adam's normalised gradient, bias-corrected (arXiv 1412.6980); moments change in place, step counts from 1."""
    first.lerp_(grad, 1 - betas[0])
    second.mul_(betas[1]).addcmul_(grad, grad, value=1 - betas[1])
    spread = (second / (1 - betas[1] ** step)).sqrt_().add_(eps)
    return torch.div(first, spread, out=spread).div_(1 - betas[0] ** step)


def channel_scales(
    grad_cd: Tensor, reduced_cr: Tensor, normal_cr: Tensor, last_norm: Tensor, options: dict[str, Any]
) -> Tensor:
    """The factors s, (c, 1) or () for tensor scaling, such that s * G is the update. Limited; no host sync.

    normal: Adam's normalised R. last_norm: 0-dim, the norm of the last update, 0 before the first; changed in place.
    options: Apollo's scaling, norm_growth, and eps, which is also the floor of ‖R_j‖.
    """
    eps, growth = options["eps"], options["norm_growth"]
    if options["scaling"] == "tensor":
        scales = torch.linalg.vector_norm(normal_cr) / (torch.linalg.vector_norm(reduced_cr) + eps)
        norm = torch.linalg.vector_norm(grad_cd) * scales
    else:
        scales = _row_norms(normal_cr) / (_row_norms(reduced_cr) + eps)
        norm = torch.linalg.vector_norm(_row_norms(grad_cd) * scales)
        scales = scales[:, None]
    if growth is None:
        return scales
    limit = torch.where(last_norm > 0, last_norm * growth, torch.inf)
    shrink = (limit / norm).clamp_(max=1)  # an update of norm 0 divides to inf: shrink 1
    norm = norm * shrink
    last_norm.copy_(torch.where(norm > last_norm * COLLAPSE, norm, last_norm))
    return scales * shrink


def _row_norms(x_cd: Tensor) -> Tensor:
    # vector_norm over a dimension that is not the last one is 36 times slower than this sum (ANCHORS.md).
    return torch.linalg.vector_norm(x_cd, dim=1) if x_cd.stride(1) == 1 else x_cd.square().sum(1).sqrt_()


class Apollo(torch.optim.Optimizer):
    """Algorithm 1 as a torch optimizer. Matrices by APOLLO; parameters of 1 or of more than 2 dimensions by AdamW.

    lr: step size. rank: r, cut to the smaller side of each matrix. scale: the paper's alpha, of which the root counts.
    scaling: 'channel', or 'tensor' (APOLLO-Mini is rank 1, tensor, scale 128). projection: 'gaussian' as in the paper,
    or 'sketch', cheaper, and at full rank exactly channel-wise Adam. eps: Adam's own 1e-8, because a loss averaged
    over few answers has gradients near 1e-6 per weight, which a larger one (1e-6 is common) would damp. weight_decay:
    decoupled, after the update. refresh: steps between projections (200, arXiv 2412.05270). norm_growth: 1.01 (Fira),
    or None for no limit. seed: with a parameter's position and the refresh count it alone decides the projections,
    whatever torch's global generator does.

    State: (larger side) * r * 2 floats per matrix, float32 for half-precision weights. state_dict holds seeds, not
    projections, loads with weights_only=True, and resumes bit for bit. Raises ValueError for an impossible option,
    and, before anything changes, for a sparse or complex gradient.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        rank: int = 64,
        scale: float = 1.0,
        scaling: str = "channel",  # or "tensor"
        projection: str = "gaussian",  # or "sketch"
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        refresh: int = 200,
        norm_growth: float | None = 1.01,
        seed: int = 0,
    ) -> None:
        self._projections: dict[Tensor, tuple[int, Tensor | None]] = {}  # parameter: (refresh count, P); never saved
        options = {
            "lr": lr, "rank": rank, "scale": scale, "scaling": scaling, "projection": projection, "betas": betas,
            "eps": eps, "weight_decay": weight_decay, "refresh": refresh, "norm_growth": norm_growth, "seed": seed,
        }  # fmt: skip
        super().__init__(params, options)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own; raises ValueError for an impossible option."""
        _check(self.defaults | param_group)
        super().add_param_group(param_group)

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One update of every parameter that has a gradient. A closure is run with gradient, and its value returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        listed = [(parameter, group) for group in self.param_groups for parameter in group["params"]]
        for parameter, _group in listed:
            if parameter.grad is not None and (parameter.grad.layout != torch.strided or parameter.grad.is_complex()):
                raise ValueError("APOLLO needs dense real gradients; keep sparse or complex parameters out of it")
        for index, (parameter, group) in enumerate(listed):
            if parameter.grad is not None and parameter.numel():
                self._update(parameter, parameter.grad, index, group)
        return loss

    def _update(self, parameter: Tensor, grad: Tensor, index: int, group: dict[str, Any]) -> None:
        lr, decay = group["lr"], group["weight_decay"]
        exact = torch.promote_types(parameter.dtype, torch.float32)
        weight, grad = parameter.to(exact), grad.to(exact)  # the same tensors unless in half precision
        if parameter.dim() == 2:
            weight.addcmul_(grad, self._scales(parameter, grad, index, group), value=-lr * sqrt(group["scale"]))
        else:
            state = self._state(parameter, grad, index, group)
            state["step"] += 1
            step = adam_moments(grad, state["first"], state["second"], state["step"], group["betas"], group["eps"])
            weight.add_(step, alpha=-lr)
        if decay:
            # Not mul_(1 - lr * decay): in float32 that factor rounds, every step the same way.
            weight.add_(weight, alpha=-lr * decay)
        if weight is not parameter:
            parameter.copy_(weight)

    def _scales(self, parameter: Tensor, grad: Tensor, index: int, group: dict[str, Any]) -> Tensor:
        """Moments and scales of one matrix; returns factors that broadcast over its gradient."""
        tall = grad.shape[0] > grad.shape[1]
        grad_cd = grad if tall else grad.T
        rank = min(group["rank"], grad_cd.shape[1])
        state = self._state(parameter, grad_cd[:, :rank], index, group)
        projection = self._projection(parameter, state, group["projection"], rank, group["refresh"])
        state["step"] += 1
        reduced_cr = project(grad_cd, projection, rank)
        normal_cr = adam_moments(
            reduced_cr, state["first"], state["second"], state["step"], group["betas"], group["eps"]
        )
        scales = channel_scales(grad_cd, reduced_cr, normal_cr, state["norm"], group)
        return scales if tall or not scales.dim() else scales.T

    def _state(self, parameter: Tensor, like: Tensor, index: int, group: dict[str, Any]) -> dict[str, Any]:
        state = self.state[parameter]
        if not state:
            state["step"] = 0
            state["seed"] = mix(group["seed"], index)
            state["first"] = torch.zeros_like(like, memory_format=torch.contiguous_format)
            state["second"] = torch.zeros_like(state["first"])
            state["norm"] = like.new_zeros(())
        return state

    def _projection(
        self, parameter: Tensor, state: dict[str, Any], kind: str, rank: int, refresh: int
    ) -> Tensor | None:
        """The projection of this step: from memory, or drawn again from its seed after a refresh or a resume."""
        count = state["step"] // refresh
        if self._projections.get(parameter, (-1, None))[0] != count:
            drawn = draw_projection(kind, rank, min(parameter.shape), mix(state["seed"], count))
            drawn = drawn if drawn is None else drawn.to(state["first"])
            self._projections[parameter] = (count, drawn)
        return self._projections[parameter][1]

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a saved state; raises ValueError if it does not fit the parameters or holds impossible options."""
        for group in state_dict["param_groups"]:
            _check(group)
        super().load_state_dict(state_dict)
        self._projections.clear()
        saved = [key for group in state_dict["param_groups"] for key in group["params"]]
        mine = [parameter for group in self.param_groups for parameter in group["params"]]
        for key, parameter in zip(saved, mine, strict=True):
            if key in state_dict["state"]:  # torch casts state to the weights' dtype; half precision would lose moments
                kept = state_dict["state"][key]
                self.state[parameter].update({name: kept[name].to(parameter.device, copy=True) for name in STATE})

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._projections = {}


def mix(seed: int, number: int) -> int:
    """Spread two integers over 63 bits (SplitMix64, Steele 2014), so that near seeds give unrelated streams."""
    x = (seed * 0x9E3779B97F4A7C15 + number + 1) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    x = (x ^ x >> 27) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
    return (x ^ x >> 31) >> 1


def _check(options: dict[str, Any]) -> None:
    """Raise ValueError, naming the option, unless Algorithm 1 can run with these."""
    growth, betas = options["norm_growth"], options["betas"]
    wanted: dict[str, tuple[bool, str]] = {
        "lr": (_number(options["lr"]) and options["lr"] >= 0, "a number, 0 or above"),
        "weight_decay": (_number(options["weight_decay"]) and options["weight_decay"] >= 0, "a number, 0 or above"),
        "scale": (_number(options["scale"]) and options["scale"] > 0, "a number above 0"),
        "eps": (_number(options["eps"]) and options["eps"] > 0, "a number above 0"),
        "rank": (isinstance(options["rank"], int) and options["rank"] >= 1, "an integer of at least 1"),
        "refresh": (isinstance(options["refresh"], int) and options["refresh"] >= 1, "an integer of at least 1"),
        "seed": (isinstance(options["seed"], int), "an integer"),
        "scaling": (options["scaling"] in SCALINGS, f"one of {', '.join(SCALINGS)}"),
        "projection": (options["projection"] in PROJECTIONS, f"one of {', '.join(PROJECTIONS)}"),
        "betas": (len(betas) == 2 and all(_number(beta) and 0 <= beta < 1 for beta in betas), "two numbers in [0, 1)"),
        "norm_growth": (growth is None or (_number(growth) and growth >= 1), "a number of at least 1, or None"),
    }
    for name, (fine, what) in wanted.items():
        if not fine:
            raise ValueError(f"Apollo: {name} must be {what}, not {options[name]!r}")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and isfinite(value)
