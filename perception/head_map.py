"""Views of every head's matrices in one model, by the table of addresses.

Shape legend, used as suffixes: H heads, G key/value heads (H = G under plain attention), N = H // G, D head size,
M hidden size, B batch, T tokens, R decision rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from perception.addresses import ADDRESSES, GROUPS, PARTS, Address, check_known

MATRICES = ("q", "k", "v", "o")
EPSILON = 1e-5  # of norms that name none (OLMo)


@dataclass(frozen=True)
class Projection:
    """One of q, k, v, o in one layer: which parameter, and which of its blocks of D rows belong to which head.

    The blocks lie in `groups` runs of `span` blocks; in each run `inner` of them, from `first` on, are this matrix's.
    """

    parameter: str  # as in model.named_parameters()
    heads: int  # H, or G for k and v
    head_dim: int
    transpose: bool  # whether the stored matrix has its heads along the last dimension
    groups: int
    span: int
    first: int
    inner: int

    def per_head(self, matrix: Tensor) -> Tensor:
        """(heads, D, M) slices of `matrix`, which is the parameter or anything of its shape (a gradient, a change).

        A view, except of the queries of grouped heads that lie group after group (Falcon), which are copied.
        """
        return self.blocks(matrix.T if self.transpose else matrix)

    def blocks(self, rows: Tensor) -> Tensor:
        """The same of a tensor whose first dimension is the rows of heads: (rows, ...) -> (heads, D, ...)."""
        runs = rows.unflatten(0, (self.groups, self.span, self.head_dim))
        return runs[:, self.first : self.first + self.inner].reshape(self.heads, self.head_dim, *rows.shape[1:])

    def head(self, matrix: Tensor, head: int) -> Tensor:
        """One head's (D, M) slice of `matrix`, always a view."""
        rows = matrix.T if self.transpose else matrix
        run, place = divmod(head, self.inner)
        start = (run * self.span + self.first + place) * self.head_dim
        return rows[start : start + self.head_dim]


@dataclass(frozen=True)
class HeadMap:
    """The heads of one model: sizes, modules per layer, and the address of every head's matrices."""

    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    hidden: int
    blocks: tuple[nn.Module, ...]
    attentions: tuple[nn.Module, ...]
    norms: tuple[nn.Module, ...]  # () where none stands in front of the attention
    post_norms: tuple[nn.Module, ...]  # () where none follows the attention
    final_norm: nn.Module
    address: Address
    projections: tuple[dict[str, Projection], ...]
    model: nn.Module

    @property
    def group(self) -> int:
        """N: how many heads share one key/value head."""
        return self.heads // self.kv_heads

    @property
    def residual_scale(self) -> float:
        """What the attention's output is multiplied by on its way to the residual stream (Granite); else 1."""
        return float(getattr(self.model.config, "residual_multiplier", None) or 1.0)

    @property
    def logit_scale(self) -> float:
        """What logits are multiplied by behind the output embeddings (Cohere, Granite); else 1."""
        config: Any = self.model.config
        return float(getattr(config, "logit_scale", None) or 1.0) / float(
            getattr(config, "logits_scaling", None) or 1.0
        )

    def weight(self, layer: int, matrix: str) -> Tensor:
        """Head slices of W_q, W_k, W_v or W_o: (heads, D, M), kv_heads of k and v; see `Projection.per_head`."""
        projection = self.projections[layer][matrix]
        return projection.per_head(self.model.get_parameter(projection.parameter))

    def head(self, layer: int, matrix: str, head: int) -> Tensor:
        """One head's slice, a live view (D, M): write to it to change the head."""
        projection = self.projections[layer][matrix]
        return projection.head(self.model.get_parameter(projection.parameter), head)

    def written(self, layer: int, z_HD: Tensor) -> Tensor:
        """What each head writes into the residual stream, by its value mix: (..., H, D) -> (..., H, M)."""
        written_HM = head_outputs(z_HD, self.weight(layer, "o").detach())
        return written_HM if self.residual_scale == 1 else written_HM * self.residual_scale

    def on_residual(self, layer: int, listener: Callable[[Tensor], None]) -> RemovableHandle:
        """Call `listener` with the residual stream (B, T, M) that enters a layer, in every forward until removed."""
        module = self.norms[layer] if self.norms else self.blocks[layer]
        return module.register_forward_pre_hook(lambda _module, args: listener(args[0]))

    def entering(self, layer: int, residual_BTM: Tensor) -> Tensor:
        """What the attention of a layer reads, by the residual stream that enters the layer."""
        normed: Tensor = self.norms[layer](residual_BTM) if self.norms else residual_BTM
        return normed

    def norm_scale(self, norm: nn.Module, x_RM: Tensor) -> Tensor:
        """γ/σ of a norm at x, whose mean is already taken off where the norm takes it off: (..., M)."""
        epsilon = getattr(norm, "eps", None) or getattr(norm, "variance_epsilon", None) or EPSILON
        scale_R1 = torch.rsqrt(x_RM.pow(2).mean(-1, keepdim=True) + epsilon)
        weight = getattr(norm, "weight", None)
        return scale_R1.expand_as(x_RM) if weight is None else (weight.detach() + self.address.gain_offset) * scale_R1


def addresses(model: nn.Module) -> HeadMap:
    """Find the heads of a causal language model of transformers.

    Raises ValueError for an architecture that ADDRESSES does not list, or that does not look as it says.
    """
    config: Any = model.config
    check_known(config)
    kind = str(config.model_type)
    at = ADDRESSES[kind]
    try:
        blocks = tuple(model.get_submodule(at.layers).children())
        attentions = tuple(block.get_submodule(at.attention) for block in blocks)
        norms = tuple(_one_of(block, at.norm) for block in blocks) if at.norm else ()
        post_norms = tuple(block.get_submodule(at.post_norm) for block in blocks) if at.post_norm else ()
        final_norm = model.get_submodule(at.final_norm)
    except AttributeError as error:
        raise ValueError(f"model type {kind!r} is not laid out as ADDRESSES says: {error}") from None
    heads, hidden = int(config.num_attention_heads), int(config.hidden_size)
    kv_heads, head_dim = _sizes(model, at, heads, kind)
    projections = tuple(_projections(at, layer, heads, kv_heads, head_dim) for layer in range(len(blocks)))
    head_map = HeadMap(
        len(blocks), heads, kv_heads, head_dim, hidden, blocks, attentions, norms, post_norms, final_norm, at,
        projections, model,
    )  # fmt: skip
    _check_shapes(head_map, kind)
    return head_map


def _one_of(block: nn.Module, names: str) -> nn.Module:
    """The first of these submodules ("a|b") that there is. Raises AttributeError."""
    there = [name for name in names.split("|") if hasattr(block, name)]
    return block.get_submodule(there[0] if there else names.rpartition("|")[2])


def _sizes(model: nn.Module, at: Address, heads: int, kind: str) -> tuple[int, int]:
    """G and D, by the shapes of the first layer's matrices: configs name them in many ways."""
    first = f"{at.layers}.0.{at.attention}"
    try:
        o, k = (model.get_parameter(f"{first}.{name}.weight").shape for name in (at.o, at.k))
    except AttributeError as error:
        raise ValueError(f"model type {kind!r} is not laid out as ADDRESSES says: {error}") from None
    head_dim = o[0 if at.transposed else 1] // heads
    blocks = k[1 if at.transposed else 0] // max(1, head_dim)
    kv_heads = (blocks - heads) // 2 if at.fused else blocks
    if kv_heads < 1 or heads % kv_heads:
        raise ValueError(f"model type {kind!r}: {heads} heads can't share {kv_heads} keys and values")
    return kv_heads, head_dim


def _check_shapes(head_map: HeadMap, kind: str) -> None:
    """Raise ValueError unless every matrix is as large as its heads are together."""
    for row in head_map.projections:
        for matrix, projection in row.items():
            try:
                shape = head_map.model.get_parameter(projection.parameter).shape
            except AttributeError as error:
                raise ValueError(f"model type {kind!r} is not laid out as ADDRESSES says: {error}") from None
            rows, columns = reversed(shape) if projection.transpose else shape
            wanted = (projection.groups * projection.span * projection.head_dim, head_map.hidden)
            if (rows, columns) != wanted:
                raise ValueError(
                    f"model type {kind!r} is not laid out as ADDRESSES says: {projection.parameter} has {rows} rows of"
                    f" {columns} for {matrix}, not {wanted[0]} of {wanted[1]}"
                )


def _projections(at: Address, layer: int, heads: int, kv_heads: int, head_dim: int) -> dict[str, Projection]:
    group = heads // kv_heads
    # matrix -> runs, blocks in each, the first of this matrix, and how many of them
    places = {"q": (1, heads, 0, heads), "k": (1, kv_heads, 0, kv_heads), "v": (1, kv_heads, 0, kv_heads)}
    if at.fused == PARTS:
        whole = heads + 2 * kv_heads
        places = {
            "q": (1, whole, 0, heads), "k": (1, whole, heads, kv_heads), "v": (1, whole, heads + kv_heads, kv_heads)
        }  # fmt: skip
    elif at.fused == GROUPS:
        span = group + 2
        places = {"q": (kv_heads, span, 0, group), "k": (kv_heads, span, group, 1), "v": (kv_heads, span, group + 1, 1)}
    places["o"] = (1, heads, 0, heads)
    row = {}
    for matrix, (groups, span, first, inner) in places.items():
        name = f"{at.layers}.{layer}.{at.attention}.{getattr(at, matrix)}.weight"
        # A head is a block of *outputs* of q, k, v, but a block of *inputs* of o.
        transpose = at.transposed != (matrix == "o")
        row[matrix] = Projection(name, groups * inner, head_dim, transpose, groups, span, first, inner)
    return row


def head_outputs(z_HD: Tensor, w_o_HDM: Tensor) -> Tensor:
    """The outputs of heads by their value mixes and slices of W_o: (..., H, D) and (H, D, M) -> (..., H, M).

    Summed over H, plus the projection's bias, it is the attention's output (tested to 1e-6 in float64).
    """
    rows, (heads, size) = z_HD.shape[:-2], z_HD.shape[-2:]
    z_HND = z_HD.movedim(-2, 0).reshape(heads, rows.numel(), size)
    # bmm: einsum took twice as long over the few rows of a scene, and matmul would copy W_o for every context
    return torch.bmm(z_HND, w_o_HDM).reshape(heads, *rows, w_o_HDM.shape[-1]).movedim(0, -2)
