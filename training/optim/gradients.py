"""Where the gradient goes: its energy (sum of squares) by matrix and head, over the steps of a training.

Shown, never judged (MEASUREMENT.md, "gradient share"). A few sums beside each step, 1 % of its time or less; nothing
waits for a GPU. Under grouped-query attention a key/value head's energy is shared equally among its group's heads.

Shape legend, used as suffixes: L layers, H heads, E entries (every matrix's heads in every layer, then the rest).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from perception.head_map import MATRICES, Projection, addresses
from perception.mlp_map import mlps
from training.optim.ranks import whole

REST = ("mlp", "norm", "bias", "other")


@dataclass(frozen=True)
class Shares:
    """Fractions of the whole energy, together 1. heads: (L, H) float64 per matrix q, k, v, o; rest: by kind."""

    heads: dict[str, Tensor]
    rest: dict[str, float]

    @property
    def per_head(self) -> Tensor:
        """(L, H) float64: a head's four matrices together."""
        return torch.stack(list(self.heads.values())).sum(0)

    def by_matrix(self) -> dict[str, float]:
        """The share of q, k, v, o, and of every kind of the rest that has any."""
        matrices = {matrix: float(grid.sum()) for matrix, grid in self.heads.items()}
        return matrices | {kind: share for kind, share in self.rest.items() if share}


class GradientMeter:
    """Adds up the energy of a net's gradients, step by step."""

    def __init__(self, net: nn.Module) -> None:
        self._map = addresses(net)
        self._net = net
        parts = [(layer, matrix) for matrix in MATRICES for layer in range(self._map.layers)]
        self._parts = [self._map.projections[layer][matrix] for layer, matrix in parts]
        inside = {projection.parameter for projection in self._parts}
        self._others: dict[str, list[nn.Parameter]] = {kind: [] for kind in REST}
        in_mlps = {name for mlp in mlps(net) for name in mlp.parameters}
        for name, parameter in net.named_parameters():
            if name not in inside:
                self._others["mlp" if name in in_mlps else _kind(name, parameter)].append(parameter)
        self._sizes = [projection.heads for projection in self._parts] + [1] * len(REST)
        device = next(net.parameters()).device
        exact = torch.float32 if device.type == "mps" else torch.float64  # mps has no float64
        self._total_E = torch.zeros(sum(self._sizes), dtype=exact, device=device)

    @torch.no_grad()
    def measure(self) -> Tensor:
        """(E,) energies of the gradients as they are now; a parameter without one has none."""
        energies = [self._of_heads(projection) for projection in self._parts]
        for parameters in self._others.values():
            grads = [p.grad for p in parameters if p.grad is not None]
            norms = torch.stack(torch._foreach_norm(grads)) if grads else self._total_E.new_zeros(1)
            energies.append(norms.square().sum()[None])
        return torch.cat([energy.to(self._total_E) for energy in energies])

    def add(self, energy_E: Tensor) -> None:
        """Count a step that was taken."""
        self._total_E = self._total_E + energy_E

    def mark(self) -> Tensor:
        """The sums so far; `shares(since=...)` looks only at what came after."""
        return self._total_E

    def go_on_from(self, total_E: Tensor) -> None:
        """Count from these sums on."""
        self._total_E = total_E.to(self._total_E, copy=True)

    def shares(self, since: Tensor | None = None) -> Shares:
        """The shares over all steps, or since a mark. All zero before the first step."""
        energy_E = (self._total_E if since is None else self._total_E - since).cpu().double()
        *heads, _, _, _, _ = (energy_E / energy_E.sum().clamp_min(1e-300)).split(self._sizes)
        rest = (energy_E[-len(REST) :] / energy_E.sum().clamp_min(1e-300)).tolist()
        grids = {}
        for index, matrix in enumerate(MATRICES):
            grid = torch.stack(heads[index * self._map.layers : (index + 1) * self._map.layers])
            alike = self._map.heads // grid.shape[1]
            grids[matrix] = grid.repeat_interleave(alike, 1) / alike
        return Shares(grids, dict(zip(REST, rest, strict=True)))

    def _of_heads(self, projection: Projection) -> Tensor:
        """(heads,) energies of one projection's slices."""
        grad = self._net.get_parameter(projection.parameter).grad
        if grad is None:
            return self._total_E.new_zeros(projection.heads)
        grad = whole(grad)
        rows = projection.per_head(grad)  # (heads, D, M)
        if rows.is_contiguous():
            return torch.linalg.vector_norm(rows.flatten(1), dim=1).square()
        if projection.transpose:  # sums of columns first: the slices lie far apart
            return projection.blocks(grad.square().sum(0)).sum(1)
        return rows.square().sum((1, 2))


def _kind(name: str, parameter: nn.Parameter) -> str:
    if name.endswith("bias"):
        return "bias"
    return "norm" if parameter.dim() == 1 else "other"
