"""APOLLO on weights that several processes hold in shards of rows (FSDP2): the same update, no matrix ever whole.

A matrix is split by rows, and a row is never cut. What Algorithm 1 needs of a whole matrix is then little:

- tall (rows are channels, columns are projected): R = G P^T, its moments and each channel's scale belong to rows. Every
  process computes those of its own rows. Only the norms over the whole matrix are summed: the limiter's, and with
  tensor scaling those of R and N.
- otherwise (columns are channels, rows are projected): R = P G is a sum over rows. Every process adds its rows' part,
  and the sum over processes is R, (rank x columns). The squares of the columns are summed beside it. Moments of R stand
  on every process, equal bit for bit, since all get the same sum. The update is each process's own rows.

So a step sends rank x columns numbers a matrix, not rows x columns. The only difference to `Apollo` is the order of
additions. A sketch at full rank projects nothing; its moments belong to rows in both cases. Parameters of one or of
more than two dimensions are AdamW's, part by part.
"""

from collections.abc import Callable, Iterable
from math import sqrt
from typing import Any

import torch
from torch import Tensor

from training.optim.apollo import COLLAPSE, Layout, adam_moments, draw_projection, mix
from training.optim.ranks import is_sharded, summed

Sum = Callable[[Tensor], Tensor]


class ShardedApollo(torch.optim.Optimizer):
    """`training.optim.apollo.Apollo` for DTensors whose rows are dealt out. Options as there; all step at once.

    State of each parameter: step, the moments of this process's part, and the norm of the last update of the whole.
    """

    def __init__(self, params: Iterable[Any], lr: float, rank: int, scaling: str, projection: str, seed: int) -> None:
        options = {
            "lr": lr, "rank": rank, "scaling": scaling, "projection": projection, "seed": seed, "scale": 1.0,
            "betas": (0.9, 0.999), "eps": 1e-8, "refresh": 200, "norm_growth": 1.01,
        }  # fmt: skip
        self._drawn: dict[int, tuple[int, Tensor | None]] = {}  # parameter -> refresh count, its part of the projection
        super().__init__(params, options)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        index = -1
        for group in self.param_groups:
            for parameter in group["params"]:
                index += 1
                if parameter.grad is not None:
                    state = self.state[parameter]
                    state["step"] = state.get("step", 0) + 1
                    part = _Part(parameter)
                    update = self._matrix if parameter.dim() == 2 else self._loose
                    update(part, state, group, index)
                    part.store()

    def _loose(self, part: "_Part", state: dict[str, Any], group: dict[str, Any], index: int) -> None:
        grad = part.grad
        part.weight.add_(_normalised(grad, state, group), alpha=-float(group["lr"]))

    def _matrix(self, part: "_Part", state: dict[str, Any], group: dict[str, Any], index: int) -> None:
        layout, grad = Layout.of(part.shape, group), part.grad
        weights = self._projection(part, layout, state["step"] - 1, group, index)
        dim = 1 if layout.tall else 0  # over which a channel's norm goes
        over_rows: Sum = _alone if layout.tall else part.sum  # sums over rows lie on all processes
        over_channels: Sum = part.sum if layout.tall else _alone
        squares_c = over_rows(grad.square().sum(dim))
        if weights is None:
            reduced, reduced_c = grad, squares_c
        else:
            reduced = grad @ weights.T if layout.tall else part.sum(weights @ grad)
            reduced_c = reduced.square().sum(dim)
        normal_c = _normalised(reduced, state, group).square().sum(dim)
        normal_c = over_rows(normal_c) if weights is None else normal_c
        if layout.groups == 1:
            reduced_c, normal_c = over_channels(reduced_c.sum()[None]), over_channels(normal_c.sum()[None])
        scales = normal_c.sqrt() / (reduced_c.sqrt() + group["eps"])
        norm = over_channels((squares_c * scales.square()).sum()[None]).sqrt()
        scales = scales * _limit(norm, state, group["norm_growth"])
        factors = scales * (-float(group["lr"]) * sqrt(group["scale"]))
        part.weight.addcmul_(grad, factors[:, None] if layout.tall else factors[None, :])

    def _projection(
        self, part: "_Part", layout: Layout, steps: int, group: dict[str, Any], index: int
    ) -> Tensor | None:
        """P, (rank, side), or of a matrix that is not tall the columns of its own rows; None where nothing is lost."""
        count = steps // int(group["refresh"])
        if self._drawn.get(index, (-1, None))[0] != count:
            kind = group["projection"]
            drawn = draw_projection(kind, layout.rank, layout.side, mix(mix(int(group["seed"]), index), count))
            if drawn is not None and kind == "sketch":  # row i is added to bucket i % rank
                signs, drawn = drawn, torch.zeros(layout.rank, layout.side)
                places = torch.arange(layout.side)
                drawn[places % layout.rank, places] = signs
            if drawn is not None:
                drawn = drawn if layout.tall else drawn[:, part.start : part.start + len(part.weight)]
                drawn = drawn.to(part.weight).contiguous()
            self._drawn[index] = (count, drawn)
        return self._drawn[index][1]


class _Part:
    """What this process holds of one parameter: weight and gradient (float32 or finer), and where its rows begin."""

    def __init__(self, parameter: Any) -> None:
        self.shape, self.sharded = parameter.shape, is_sharded(parameter)
        self._stored: Tensor = parameter.to_local() if self.sharded else parameter
        exact = torch.promote_types(parameter.dtype, torch.float32)
        self.weight = self._stored if parameter.dtype == exact else self._stored.to(exact)
        grad = parameter.grad.to_local() if self.sharded else parameter.grad
        self.grad: Tensor = grad.to(exact).contiguous()
        self.start = 0
        if self.sharded:
            mesh = parameter.device_mesh
            self.start = min(mesh.get_local_rank() * -(-self.shape[0] // mesh.size()), self.shape[0])

    def store(self) -> None:
        """Round the weight once, where it is kept in less."""
        if self.weight is not self._stored:
            self._stored.copy_(self.weight)

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over all processes."""
        return summed(tensor.contiguous()) if self.sharded else tensor


def _alone(tensor: Tensor) -> Tensor:
    """A sum to which no other process has anything to add."""
    return tensor


def _normalised(x: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Tensor:
    """Adam's N of x; the moments in state change in place."""
    if "first" not in state:
        state.update(first=torch.zeros_like(x), second=torch.zeros_like(x))
    normal = torch.zeros_like(x)
    if x.numel():
        now = x.new_full((), state["step"])
        adam_moments([x], [state["first"]], [state["second"]], [now], [normal], group)
    return normal


def _limit(norm: Tensor, state: dict[str, Any], growth: float) -> Tensor:
    """(1,): by what an update of this norm is shortened, so that norms grow by `growth` at most."""
    last = state.setdefault("norm", torch.zeros_like(norm))
    limit = torch.where(last > 0, last * growth, torch.inf)
    shrink = (limit / norm).clamp(max=1)  # an update of norm 0 divides to inf: 1
    now = norm * shrink
    state["norm"] = torch.where(now > last * COLLAPSE, now, last)
    return shrink
