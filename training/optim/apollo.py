"""APOLLO: SGD's memory, Adam's pace. Gradients are scaled per channel; a low-rank sketch of them says by how much.

Clean-room from Algorithm 1 of Zhu 2024 (arXiv 2412.05270); one file, torch only. For a matrix gradient G (m x n,
m <= n): R = P G with P (r x m), Adam moments M, V of R, N = M / (sqrt V + eps), one scale per column
s_j = ‖N_j‖ / ‖R_j‖ (or one per matrix), step = lr sqrt(scale) s G, whose norm may grow by
`norm_growth` per step at most (Fira, arXiv 2410.01623); decoupled weight decay after it. P is drawn anew every
`refresh` steps, moments stay. Taller matrices are the same, transposed.

Fast: matrices of one shape are stacked and pass through the processor's cache a chunk at a time, and Adam is one
fused kernel. Weights and gradients stay where their owner keeps them: what is stacked is the moments, and small
gradients are copied into a buffer at each step, so that there is no alias of anything that could grow stale.

Shape legend, used as suffixes: B matrices of a stack, mn a matrix as stored, c channels (the larger side), d the
projected side (the other one), r rank <= d, g groups of channels that share a scale (c, or 1).
"""
# long because: it is one file that can be taken elsewhere: first the update, then the stacks, then the optimizer.

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import groupby
from math import isfinite, sqrt
from numbers import Integral, Real
from typing import Any, NamedTuple, overload

import torch
from torch import Tensor

SCALINGS = ("channel", "tensor")
PROJECTIONS = ("gaussian", "sketch")
# An update this much smaller than the last one is an empty batch, not a trend: the limiter forgets it. Remembered, an
# exactly-zero gradient would hold every later step down for ~1,500 steps of 1 % growth (ANCHORS.md).
COLLAPSE = 1e-2
STATE = ("first", "second", "norm")
STRUCTURE = ("rank", "scaling", "projection", "refresh")  # what a stack is built for
# Bytes of gradient worked on at a time: measured best where a core has 1 MB of cache; elsewhere, fill the device.
CHUNK_CPU, CHUNK = 2**20, 2**26
FEW = 8  # a sketch of so many parts adds them one by one; of more, by one product and one sum (measured)


def draw_projection(kind: str, rank: int, side: int, seed: int) -> Tensor | None:
    """A projection from `side` to `rank` dimensions, float32 on the CPU, the same on every machine for one seed.

    gaussian: P_rd ~ N(0, 1) / sqrt(r). sketch: a sign per row, (d,): row i is added to bucket i % r with its sign, so
    norms are kept on average, in O(mn) (count sketch, Charikar 2002). None at full rank: every row has its own bucket,
    nothing is lost, signs don't matter and refreshing would only tear the moments apart.
    """
    if kind == "sketch" and rank == side:
        return None
    generator = torch.Generator().manual_seed(seed)
    if kind == "sketch":
        return torch.randint(0, 2, (side,), generator=generator).mul_(2).sub_(1).float()
    return torch.randn(rank, side, generator=generator) / sqrt(rank)


def project(grad_Bmn: Tensor, weights: Tensor, tall: bool, work_Bmn: Tensor, out: Tensor) -> None:
    """R into `out`, (B, m, r) if tall, else (B, r, n): the projected side brought down to r.

    weights: (B, r, d), dense, or (B, d), of which number i weighs what is added to bucket i % r. work: overwritten.
    """
    if weights.dim() == 3 and weights.shape[1] == 1 and tall and len(out) > 1:
        weights = weights[:, 0]  # a batch of matrix-vector products this way round: six times slower than a sum
    if weights.dim() == 3:
        torch.bmm(grad_Bmn, weights.mT, out=out) if tall else torch.bmm(weights, grad_Bmn, out=out)
        return
    dim, factors = (2, weights[:, None, :]) if tall else (1, weights[:, :, None])
    rank, side = out.shape[dim], weights.shape[1]
    if side > FEW * rank:
        whole, weighed = side // rank * rank, torch.mul(grad_Bmn, factors, out=work_Bmn)
        torch.sum(weighed.narrow(dim, 0, whole).unflatten(dim, (-1, rank)), dim, out=out)
        if whole < side:
            out.narrow(dim, 0, side - whole).add_(weighed.narrow(dim, whole, side - whole))
        return
    (grad, factor), *others = zip(grad_Bmn.split(rank, dim), factors.split(rank, dim))
    torch.mul(grad, factor, out=out)
    for grad, factor in others:
        size = factor.shape[dim]
        (out if size == rank else out.narrow(dim, 0, size)).addcmul_(grad, factor)


def adam_moments(
    grads: list[Tensor],
    firsts: list[Tensor],
    seconds: list[Tensor],
    steps: list[Tensor],
    outs: list[Tensor],
    options: dict[str, Any],
) -> None:
    """Adam's normalised gradients, bias-corrected (arXiv 1412.6980), into outs; moments change in place.

    All contiguous. steps: 0-dim, counted from 1. torch's fused AdamW writes weight - lr N: from a weight of 0 at a
    rate of -1 comes N, in one pass over memory instead of seven.
    """
    torch._foreach_zero_(outs)
    (beta1, beta2), eps = map(float, options["betas"]), float(options["eps"])
    kernel: dict[str, Any] = {"beta1": beta1, "beta2": beta2, "eps": eps, "weight_decay": 0.0}
    torch._fused_adamw_(outs, grads, firsts, seconds, [], steps, lr=-1.0, amsgrad=False, maximize=False, **kernel)


def measure_channels(x_Bmn: Tensor, tall: bool, work_Bmn: Tensor, out_Bc: Tensor) -> None:
    """‖x_j‖ of every row j if tall, else ‖x_j‖² of every column. work is overwritten; it may be x."""
    if tall:
        torch.linalg.vector_norm(x_Bmn, dim=2, out=out_Bc)
    else:  # vector_norm over a dimension that is not the last one takes eight times as long
        torch.sum(torch.mul(x_Bmn, x_Bmn, out=work_Bmn), 1, out=out_Bc)


def group_scales(
    whole_Bc: Tensor, reduced_Bc: Tensor, normal_Bc: Tensor, last_B: Tensor, groups: int, options: dict[str, Any]
) -> Tensor:
    """The factors s, (B, c) or (B, 1), such that s G is the update; limited, without a host sync.

    From the channels' norms of G, R and N. groups: c for a factor ‖N_g‖ / ‖R_g‖ per channel, 1 for one per matrix.
    last: the norm of the last update, 0 before the first; changed in place.
    options: Apollo's norm_growth, and eps, which is also the floor of ‖R_g‖.
    """
    channels, growth = whole_Bc.shape[1], options["norm_growth"]
    if groups < channels:
        whole_Bc, reduced_Bc, normal_Bc = (
            torch.linalg.vector_norm(x, dim=1, keepdim=True) for x in (whole_Bc, reduced_Bc, normal_Bc)
        )
    scales_Bg = normal_Bc / (reduced_Bc + options["eps"])
    if growth is not None:
        norm_B = torch.linalg.vector_norm(whole_Bc * scales_Bg, dim=1)
        limit_B = torch.where(last_B > 0, last_B * growth, torch.inf)
        shrink_B = (limit_B / norm_B).clamp_(max=1)  # an update of norm 0 divides to inf: shrink 1
        norm_B *= shrink_B
        last_B.copy_(torch.where(norm_B > last_B * COLLAPSE, norm_B, last_B))
        scales_Bg *= shrink_B[:, None]
    return scales_Bg


def _change(weights: list[Tensor], group: dict[str, Any], update: Callable[[list[Tensor]], None]) -> None:
    """Update weights in place, at least in float32, rounded once; then decay them."""
    exact = _exact(weights[0].dtype)
    wide = weights if weights[0].dtype == exact else [weight.to(exact) for weight in weights]
    update(wide)
    if group["weight_decay"]:
        # Not mul_(1 - lr * decay): in float32 that factor rounds, every step the same way.
        torch._foreach_add_(wide, wide, alpha=-_rate(group) * float(group["weight_decay"]))
    if wide is not weights:
        torch._foreach_copy_(weights, wide)


def _rate(group: dict[str, Any]) -> float:
    """The learning rate as a plain number: schedulers set tensors and numpy's numbers, too."""
    return float(group["lr"])


def _exact(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)


class Layout(NamedTuple):
    """How Algorithm 1 sees a matrix: channels are rows if tall, else columns; the other side is projected."""

    tall: bool
    channels: int
    side: int
    rank: int
    groups: int

    @classmethod
    def of(cls, shape: Sequence[int], group: dict[str, Any]) -> "Layout":
        rows, columns = shape
        tall = rows > columns
        channels, side = (rows, columns) if tall else (columns, rows)
        groups = channels if group["scaling"] == "channel" else 1
        return cls(tall, channels, side, min(int(group["rank"]), side), groups)

    def moment(self) -> tuple[int, int]:
        """The shape of R, so of each moment."""
        return (self.channels, self.rank) if self.tall else (self.rank, self.channels)


class _Chunk(NamedTuple):
    """Views for neighbours in a stack that are worked on at once."""

    members: list[Tensor]
    copied_Bmn: Tensor
    work_Bmn: Tensor
    reduced: Tensor
    normal: Tensor
    first: Tensor
    second: Tensor
    whole_Bc: Tensor
    reduced_Bc: Tensor
    normal_Bc: Tensor


class _Stack:
    """Matrices of one shape, type, device and param group: their moments are one tensor each, their states views."""

    def __init__(self, members: list[Tensor], states: list[dict[str, Any]], group: dict[str, Any]) -> None:
        self.members, self.states, self.group, self.layout = members, states, group, Layout.of(members[0].shape, group)
        device, shape = members[0].device, members[0].shape
        stacked = [torch.stack([s[name].to(device, _exact(members[0].dtype)) for s in states]) for name in STATE]
        for state, *views in zip(states, *stacked):
            state.update(zip(STATE, views))
        self.first, self.second, self.norm = stacked
        bytes_each = shape.numel() * self.first.element_size()
        self.size = min(max(1, (CHUNK_CPU if device.type == "cpu" else CHUNK) // bytes_each), len(members))
        self.norms = self.first.new_empty(3, len(members), self.layout.channels)
        self.drawn = [-1] * len(members)  # the refresh count each projection was drawn for
        self.weights: Tensor | None = None  # the projections; never saved, their seeds are
        self.chunks: dict[tuple[int, int], _Chunk] = {}

    def numel(self) -> int:
        """Numbers of scratch that the largest chunk needs: copied gradients, a product of their size, and R."""
        return self.size * (2 * self.members[0].numel() + self.layout.channels * self.layout.rank)

    def update(self, scratch: Tensor) -> None:
        """One step of every member that has a gradient. Neighbours with as many steps behind them go together."""
        behind = [-1 if p.grad is None else state["step"] for p, state in zip(self.members, self.states)]
        stop = 0
        for step, same in groupby(behind):
            start, stop = stop, stop + len(list(same))
            if step < 0:
                continue
            now = self.first.new_full((), step + 1)
            self._draw(start, stop, step)
            for at in range(start, stop, self.size):
                self._measure(at, min(at + self.size, stop), now, scratch)
            self._write(start, stop)
            for state in self.states[start:stop]:
                state["step"] = step + 1

    def _draw(self, start: int, stop: int, step: int) -> None:
        """The projections of this step: from memory, or drawn again from their seeds after a refresh or a resume."""
        kind, (_tall, _channels, side, rank, _groups) = self.group["projection"], self.layout
        count = step // int(self.group["refresh"])
        for index in range(start, stop):
            if self.drawn[index] != count:
                drawn = draw_projection(kind, rank, side, mix(self.states[index]["seed"], count))
                if drawn is not None:
                    drawn = drawn[None] if rank == 1 and kind == "sketch" else drawn
                    if self.weights is None:
                        self.weights = self.first.new_empty(len(self.members), *drawn.shape)
                    self.weights[index] = drawn
                self.drawn[index] = count

    def _measure(self, start: int, stop: int, now: Tensor, scratch: Tensor) -> None:
        """Gradients of one chunk into moments, and their norms, R's and N's into self.norms."""
        chunk, tall = self.chunks.get((start, stop)) or self._chunk(start, stop, scratch), self.layout.tall
        grads = [p.grad for p in chunk.members if p.grad is not None]
        if len(grads) == 1 and grads[0].dtype == chunk.work_Bmn.dtype and grads[0].is_contiguous():
            whole = grads[0][None]
        else:
            whole = chunk.copied_Bmn
            torch._foreach_copy_(list(whole.unbind()), grads)
        measure_channels(whole, tall, chunk.work_Bmn, chunk.whole_Bc)
        reduced = whole
        if self.weights is not None:
            reduced = chunk.reduced
            project(whole, self.weights[start:stop], tall, chunk.work_Bmn, reduced)
        adam_moments([reduced], [chunk.first], [chunk.second], [now], [chunk.normal], self.group)
        measure_channels(chunk.normal, tall, chunk.normal, chunk.normal_Bc)
        if self.weights is not None:
            measure_channels(reduced, tall, reduced, chunk.reduced_Bc)

    def _write(self, start: int, stop: int) -> None:
        """Limit what was measured, and write the weights."""
        norms = self.norms[:, start:stop]
        whole, reduced, normal = (norms if self.layout.tall else norms.sqrt_()).unbind()
        reduced = whole if self.weights is None else reduced
        scales = group_scales(whole, reduced, normal, self.norm[start:stop], self.layout.groups, self.group)
        scales = scales * (-_rate(self.group) * sqrt(self.group["scale"]))
        factors, exact = scales[:, :, None] if self.layout.tall else scales[:, None, :], scales.dtype
        pace = stop - start if self.members[0].dtype == exact else self.size  # wide copies of a few at a time
        for at in range(0, stop - start, pace):
            members, few = self.members[start + at : min(start + at + pace, stop)], factors[at : at + pace].unbind()
            grads = [p.grad.to(exact) for p in members if p.grad is not None]
            _change(members, self.group, partial(torch._foreach_addcmul_, tensor1=grads, tensor2=few))

    def _chunk(self, start: int, stop: int, scratch: Tensor) -> _Chunk:
        here, first = slice(start, stop), self.first[start:stop]
        shape = (stop - start, *self.members[0].shape)
        whole, few = (stop - start) * self.members[0].numel(), first.numel()
        copied, work, reduced = (scratch[:whole], scratch[whole : 2 * whole], scratch[2 * whole : 2 * whole + few])
        chunk = _Chunk(
            self.members[here], copied.view(shape), work.view(shape), reduced.view_as(first),
            work[:few].view_as(first), first, self.second[here], *self.norms[:, here].unbind(),
        )  # fmt: skip
        if len(self.chunks) > 4 * len(self.members):  # gradients that come and go make ever new ones
            self.chunks.clear()
        self.chunks[start, stop] = chunk
        return chunk


class _Loose:
    """Parameters of one type, device and param group that are no matrices: AdamW."""

    def __init__(self, members: list[Tensor], states: list[dict[str, Any]], group: dict[str, Any]) -> None:
        self.members, self.states, self.group = members, states, group
        for parameter, state in zip(members, states):
            state.update({name: state[name].to(parameter.device, _exact(parameter.dtype)) for name in STATE})

    def numel(self) -> int:
        """It needs no scratch."""
        return 0

    def update(self, scratch: Tensor) -> None:
        """One step of every member that has a gradient."""
        active = [(p, p.grad, state) for p, state in zip(self.members, self.states) if p.grad is not None]
        if not active:
            return
        weights, raw_grads, states = (list(column) for column in zip(*active))
        grads = [grad.to(_exact(grad.dtype)).contiguous() for grad in raw_grads]
        for state in states:
            state["step"] += 1
        firsts, seconds = [state["first"] for state in states], [state["second"] for state in states]
        steps, normals = [f.new_full((), s["step"]) for f, s in zip(firsts, states)], [f.clone() for f in firsts]
        adam_moments(grads, firsts, seconds, steps, normals, self.group)
        _change(weights, self.group, lambda wide: torch._foreach_add_(wide, normals, alpha=-_rate(self.group)))


class Apollo(torch.optim.Optimizer):
    """Algorithm 1 as a torch optimizer. Matrices by APOLLO; parameters of 1 or of more than 2 dimensions by AdamW.

    lr: step size. rank: r, cut to the projected side of each matrix. scale: the paper's alpha, of which the root
    counts. scaling: 'channel' or 'tensor' (APOLLO-Mini is rank 1, tensor, scale 128). projection: 'gaussian'
    as in the paper, or 'sketch', cheaper, and at full rank exactly channel-wise Adam. eps: Adam's own 1e-8, because a
    loss averaged over few answers has gradients near 1e-6 per weight, which a larger one (1e-6 is common) would damp.
    weight_decay: decoupled, after the update. refresh: steps between projections (200, arXiv 2412.05270).
    norm_growth: 1.01 (Fira), or None for no limit. seed: with a parameter's position and the refresh count it alone
    decides the projections, whatever torch's global generator does. guard: look at all gradients first, at the price
    of one more pass and one host sync per step, and raise before anything changes if one is not finite.

    State: (channels) * r * 2 numbers per matrix, at least float32. state_dict holds seeds, not projections, loads with
    weights_only=True, and resumes bit for bit. Raises ValueError for an impossible option, for weights that are not
    finite or not real, and, before anything changes, for a sparse gradient.
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
        guard: bool = False,
    ) -> None:
        self._built: list[Any] | None = None  # what _stacks was built for
        options = {
            "lr": lr, "rank": rank, "scale": scale, "scaling": scaling, "projection": projection, "betas": betas,
            "eps": eps, "weight_decay": weight_decay, "refresh": refresh, "norm_growth": norm_growth, "seed": seed,
            "guard": guard,
        }  # fmt: skip
        super().__init__(params, options)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own; raises ValueError for an option or a weight that cannot be."""
        _check(self.defaults | param_group)
        super().add_param_group(param_group)
        self._built = None
        try:
            _check_weights(self.param_groups[-1])
        except ValueError:
            self.param_groups.pop()
            raise

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
        _check_grads(self.param_groups)
        # Compared at every step: weights may be moved, cast or get their first gradient, and options change, between.
        wanted: list[Any] = [[group[name] for name in STRUCTURE] for group in self.param_groups]
        for group in self.param_groups:
            wanted += [(p.grad is not None or p in self.state, p.shape, p.dtype, p.device) for p in group["params"]]
        if wanted != self._built:
            self._build()
            self._built = wanted
        for stack, scratch in self._stacks:
            stack.update(scratch)
        return loss

    def _build(self) -> None:
        """Stack what belongs together among the parameters that have, or had, a gradient; on common scratch memory."""
        alike: dict[Any, tuple[list[Tensor], list[dict[str, Any]], dict[str, Any]]] = {}
        listed = [(number, group, p) for number, group in enumerate(self.param_groups) for p in group["params"]]
        for index, (number, group, parameter) in enumerate(listed):
            if parameter.numel() and (parameter.grad is not None or parameter in self.state):
                shape = parameter.shape if parameter.dim() == 2 else None
                key = (number, shape, parameter.dtype, parameter.device)
                members, states, _group = alike.setdefault(key, ([], [], group))
                members.append(parameter)
                states.append(self._state(parameter, index, group))
        stacks = [(_Loose if shape is None else _Stack)(*parts) for (_n, shape, _t, _d), parts in alike.items()]
        memory: dict[Any, Tensor] = {}
        for (_number, _shape, dtype, device), stack in zip(alike, stacks):
            if (device, _exact(dtype)) not in memory or memory[device, _exact(dtype)].numel() < stack.numel():
                memory[device, _exact(dtype)] = torch.empty(stack.numel(), dtype=_exact(dtype), device=device)
        self._stacks = [(stack, memory[d, _exact(t)]) for (_n, _s, t, d), stack in zip(alike, stacks)]

    def _state(self, parameter: Tensor, index: int, group: dict[str, Any]) -> dict[str, Any]:
        state, shape = self.state[parameter], _moment(parameter, group)
        if not state:
            like: dict[str, Any] = {"dtype": _exact(parameter.dtype), "device": parameter.device}
            state.update({"step": 0, "seed": mix(int(group["seed"]), index), "norm": torch.zeros((), **like)})
            state.update(first=torch.zeros(shape, **like), second=torch.zeros(shape, **like))
        elif state["first"].shape != shape:
            raise ValueError(
                f"Apollo: parameter {index} has moments {tuple(state['first'].shape)}, but its options want {shape};"
                " keep the rank as it was, or start with a new optimizer"
            )
        return state

    def state_dict(self) -> dict[str, Any]:
        """The state to save; options are plain numbers, whoever set them."""
        saved = super().state_dict()
        saved["param_groups"] = [{name: _plain(value) for name, value in g.items()} for g in saved["param_groups"]]
        return saved

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a saved state; raises ValueError if it does not fit the parameters or holds impossible options."""
        saved_groups = state_dict["param_groups"]
        for group in saved_groups:
            _check(self.defaults | group)
        saved = [(key, group) for group in saved_groups for key in group["params"]]
        mine = [parameter for group in self.param_groups for parameter in group["params"]]
        for (key, group), parameter in zip(saved, mine):
            moments = state_dict["state"].get(key)
            if moments and moments["first"].shape != _moment(parameter, self.defaults | group):
                raise ValueError(f"Apollo: the saved moments of parameter {key} don't fit; load what this model saved")
        super().load_state_dict(state_dict)
        for (key, _group), parameter in zip(saved, mine, strict=True):
            if key in state_dict["state"]:  # torch casts state to the weights' dtype; half precision would lose moments
                moments = state_dict["state"][key]
                self.state[parameter].update({name: moments[name].to(parameter.device, copy=True) for name in STATE})

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._built = None
        for group in self.param_groups:  # saved before an option existed: as now by default
            for name, value in self.defaults.items():
                group.setdefault(name, value)


def _moment(parameter: Tensor, group: dict[str, Any]) -> tuple[int, ...]:
    return Layout.of(parameter.shape, group).moment() if parameter.dim() == 2 else tuple(parameter.shape)


def mix(seed: int, number: int) -> int:
    """Spread two integers over 63 bits (SplitMix64, Steele 2014), so that near seeds give unrelated streams."""
    x = (seed * 0x9E3779B97F4A7C15 + number + 1) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    x = (x ^ x >> 27) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
    return (x ^ x >> 31) >> 1


def _check_weights(group: dict[str, Any]) -> None:
    """Raise ValueError unless every weight of the group is real and finite."""
    for index, parameter in enumerate(group["params"]):
        if not parameter.is_floating_point() or not torch.isfinite(parameter.detach()).all():
            raise ValueError(f"Apollo: parameter {index} of the group holds numbers that are not real and finite")


def _check_grads(groups: list[dict[str, Any]]) -> None:
    """Raise ValueError for a sparse gradient, and for one that is not finite where the group has a guard."""
    for group in groups:
        grads = [p.grad for p in group["params"] if p.grad is not None]
        if any(grad.layout != torch.strided for grad in grads):
            raise ValueError("Apollo: needs dense real gradients; keep sparse parameters out of it")
    guarded = [p.grad for group in groups if group["guard"] for p in group["params"] if p.grad is not None]
    if guarded:
        norms = [norm.to(guarded[0].device, torch.float32) for norm in torch._foreach_norm(guarded)]
        if not torch.isfinite(torch.stack(norms).sum()):
            raise ValueError("Apollo: a gradient is not finite; nothing was changed; leave this step out")


def _check(options: dict[str, Any]) -> None:
    """Raise ValueError, naming the option, unless Algorithm 1 can run with these."""
    growth, betas = options["norm_growth"], options["betas"]
    wanted: dict[str, tuple[bool, str]] = {
        "lr": (_number(options["lr"]) and options["lr"] >= 0, "a number, 0 or above"),
        "weight_decay": (_number(options["weight_decay"]) and options["weight_decay"] >= 0, "a number, 0 or above"),
        "scale": (_number(options["scale"]) and options["scale"] > 0, "a number above 0"),
        "eps": (_number(options["eps"]) and options["eps"] > 0, "a number above 0"),
        "rank": (_whole(options["rank"]) and options["rank"] >= 1, "an integer of at least 1"),
        "refresh": (_whole(options["refresh"]) and options["refresh"] >= 1, "an integer of at least 1"),
        "seed": (_whole(options["seed"]), "an integer"),
        "scaling": (options["scaling"] in SCALINGS, f"one of {', '.join(SCALINGS)}"),
        "projection": (options["projection"] in PROJECTIONS, f"one of {', '.join(PROJECTIONS)}"),
        "betas": (len(betas) == 2 and all(_number(beta) and 0 <= beta < 1 for beta in betas), "two numbers in [0, 1)"),
        "norm_growth": (growth is None or (_number(growth) and growth >= 1), "a number of at least 1, or None"),
        "guard": (isinstance(options["guard"], bool), "True or False"),
    }
    for name, (fine, what) in wanted.items():
        if not fine:
            raise ValueError(f"Apollo: {name} must be {what}, not {options[name]!r}")


def _number(value: Any) -> bool:
    """Whether this is one finite real number, Python's, numpy's or a tensor's: schedulers set all of them."""
    if isinstance(value, Tensor):
        return value.numel() == 1 and not value.is_complex() and isfinite(value)
    return isinstance(value, Real) and isfinite(value)


def _whole(value: Any) -> bool:
    return isinstance(value, Integral)


def _plain(value: Any) -> Any:
    """An option as Python's own number, so that a saved state loads with weights_only=True; tensors stay."""
    if isinstance(value, tuple | list):
        return type(value)(_plain(item) for item in value)
    if isinstance(value, bool | Tensor):
        return value
    return int(value) if isinstance(value, Integral) else float(value) if isinstance(value, Real) else value
