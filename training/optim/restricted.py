"""Restricted training: chosen heads and MLPs learn; every other weight stays bit for bit, or follows at a lower rate.

A head is its slices of W_q, W_k, W_v and W_o, and its slices of the biases of q, k and v. The bias of o is nobody's.
Under grouped-query attention the key and value of a group learn if any of its heads does, at the highest of their
rates. An MLP is all of its parameters in one layer, without the norms. Norms and embeddings stand still.

Attuned training is narrower for a while: what trains is marked as before, and chosen heads alone move.

Gradients are masked before the optimizer, so that its norms and moments never see what stands still. Where a unit
follows at a share of the rate, the update is scaled, not the gradient: an optimizer may not notice a gradient's size.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from perception.head_map import MATRICES, HeadMap, Projection, addresses
from perception.mlp_map import mlps

Place = tuple[int, int]  # layer, head


@dataclass(frozen=True)
class Slices:
    """How fast one parameter learns, by its rows (dim 0) or columns (dim 1). share: (size of dim,) in [0, 1]."""

    parameter: nn.Parameter
    dim: int
    share: Tensor
    still: Tensor  # int64: where the share is 0

    @property
    def slowed(self) -> bool:
        """Whether some of it learns at a part of the rate."""
        return bool(((self.share > 0) & (self.share < 1)).any())


class Restriction:
    """What trains in a net, and how much of the rate each slice of it gets.

    parameters: all that learn at all, in the model's order. An optimizer's step over exactly these goes: `mask`,
    the optimizer, `slow`. holds: what stands still is put back after the step: an optimizer that remembers other
    gradients would move it on.
    """

    def __init__(self, slices: Sequence[Slices], holds: bool = False) -> None:
        self.parameters = [one.parameter for one in slices]
        self._held = [(number, one) for number, one in enumerate(slices) if holds and len(one.still)]
        self._masked = [one for one in slices if len(one.still)]
        self._slowed = [(number, one) for number, one in enumerate(slices) if one.slowed]

    @torch.no_grad()
    def mask(self) -> None:
        """Set the gradient of all that stands still to exactly 0. Written, not multiplied: a NaN there goes, too."""
        for one in self._masked:
            if one.parameter.grad is not None:
                one.parameter.grad.index_fill_(one.dim, one.still, 0)

    @torch.no_grad()
    def slow(self, before: Sequence[Tensor]) -> None:
        """Take back a part of the step that was just made. before: the parameters' values in front of it, in order."""
        for number, one in self._held:
            weight = one.parameter.data
            weight.index_copy_(one.dim, one.still, before[number].index_select(one.dim, one.still))
        for number, one in self._slowed:
            weight, share = one.parameter.data, one.share.to(one.parameter)
            share = share[:, None] if one.dim == 0 and weight.dim() == 2 else share
            part = before[number] + share * (weight - before[number])
            weight.copy_(torch.where(share == 1, weight, part))


def restrict(net: PreTrainedModel, heads: Sequence[Place], layers: Sequence[int], others: float = 0.0) -> Restriction:
    """Mark what trains (requires_grad): these heads and these layers' MLPs; every other unit at `others` of the rate.

    A unit is a head or an MLP. Raises ValueError for a head or a layer that the model doesn't have.
    """
    head_map = addresses(net)
    check_units(head_map, heads, layers)
    shares = torch.full((head_map.layers, head_map.heads), float(others))
    for layer, head in heads:
        shares[layer, head] = 1.0
    vectors = _of_heads(head_map, net, shares)
    for layer, mlp in enumerate(mlps(net)):
        share = 1.0 if layer in layers else float(others)
        for name in mlp.parameters:
            vectors[name] = (0, torch.full((net.get_parameter(name).shape[0],), share))
    slices = []
    for name, parameter in net.named_parameters():
        dim, share_D = vectors.get(name, (0, torch.zeros(0)))
        learns = bool((share_D > 0).any())
        parameter.requires_grad_(learns)
        if learns:
            device_share = share_D.to(parameter.device)
            slices.append(Slices(parameter, dim, device_share, (device_share == 0).nonzero()[:, 0]))
    return Restriction(slices)


def attuned(net: PreTrainedModel, heads: Sequence[Place]) -> Restriction:
    """These heads alone move, of all that is marked to train; the marks stay, and so does what others learned.

    Raises ValueError for a head that the model doesn't have, and where nothing of these heads trains.
    """
    head_map = addresses(net)
    check_units(head_map, heads, ())
    shares = torch.zeros(head_map.layers, head_map.heads)
    for layer, head in heads:
        shares[layer, head] = 1.0
    vectors, slices = _of_heads(head_map, net, shares), []
    for name, parameter in net.named_parameters():
        if parameter.requires_grad:
            dim, share_D = vectors.get(name, (0, torch.zeros(parameter.shape[0])))
            share_D = share_D.to(parameter.device)
            slices.append(Slices(parameter, dim, share_D, (share_D == 0).nonzero()[:, 0]))
    if not any(bool(one.share.any()) for one in slices):
        raise ValueError("nothing of these heads trains; let attention train, or choose others")
    return Restriction(slices, holds=True)


def check_units(head_map: HeadMap, heads: Sequence[Place], layers: Sequence[int]) -> None:
    """Raise ValueError, in one line that says how many there are, for a head or layer that isn't there."""
    for layer, head in heads:
        if layer >= head_map.layers or head >= head_map.heads:
            last = f"{head_map.layers - 1}.{head_map.heads - 1}"
            raise ValueError(
                f"--heads {layer}.{head}: there is none; the model has {head_map.layers} layers of {head_map.heads}"
                f" heads, 0.0 to {last}"
            )
    for layer in layers:
        if layer >= head_map.layers:
            raise ValueError(
                f"--mlps {layer}: there is none; the model has {head_map.layers} layers, 0 to {head_map.layers - 1}"
            )


def _of_heads(head_map: HeadMap, net: PreTrainedModel, shares_LH: Tensor) -> dict[str, tuple[int, Tensor]]:
    """Parameter name -> the dimension that its heads lie along, and the share of each place there."""
    biases = {name for name, _ in net.named_parameters() if name.endswith(".bias")}
    vectors: dict[str, tuple[int, Tensor]] = {}
    for layer, row in enumerate(head_map.projections):
        for matrix in MATRICES:
            projection = row[matrix]
            dim = 1 if projection.transpose else 0
            size = net.get_parameter(projection.parameter).shape[dim]
            share = vectors.setdefault(projection.parameter, (dim, torch.zeros(size)))[1]
            _fill(share, projection, shares_LH[layer])  # of one fused matrix, each of q, k and v fills its own blocks
            bias = projection.parameter.removesuffix("weight") + "bias"
            if matrix != "o" and bias in biases:
                vectors[bias] = (0, share)
    return vectors


def _fill(share: Tensor, projection: Projection, shares_H: Tensor) -> None:
    """Write the share of each head of one projection at the rows of its block; of a group, its heads' highest."""
    rows_HD = projection.blocks(torch.arange(len(share)))
    of_blocks = shares_H.reshape(projection.heads, -1).amax(1)
    share[rows_HD] = of_blocks[:, None].expand_as(rows_HD)
