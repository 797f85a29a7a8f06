"""Where the attention heads of a language model live: an address table, and views of every head's matrices.

The table is data, one row per family of architectures (a habit of pyvene, ANCHORS.md); everything that measures
or changes a head goes through it. Supported: plain and grouped-query attention whose output is a sum over heads. Where
a norm follows the attention (Gemma 2 and 3), what a head writes is counted before it.

Shape legend, used as suffixes: H heads, G key/value heads (H = G under plain attention), N = H // G,
D head size, M hidden size.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

MATRICES = ("q", "k", "v", "o")


@dataclass(frozen=True)
class Address:
    """Where one family of architectures keeps its attention: attribute paths, as data."""

    layers: str
    norm: str
    attention: str
    q: str
    k: str
    v: str
    o: str
    final_norm: str
    fused: bool = False  # q, k and v are consecutive parts of one matrix
    transposed: bool = False  # Conv1D keeps (in, out); Linear keeps (out, in)
    gain_offset: float = 0.0  # norms multiply by weight + this
    post_norm: str = ""  # what the attention's output goes through on its way to the residual stream


_LLAMA = ("model.layers", "input_layernorm", "self_attn", "q_proj", "k_proj", "v_proj", "o_proj", "model.norm")
ADDRESSES = {
    "llama": Address(*_LLAMA),
    "mistral": Address(*_LLAMA),
    "qwen2": Address(*_LLAMA),
    "qwen3": Address(*_LLAMA),
    "gemma": Address(*_LLAMA, gain_offset=1.0),
    "gemma2": Address(*_LLAMA, gain_offset=1.0, post_norm="post_attention_layernorm"),
    "gemma3_text": Address(*_LLAMA, gain_offset=1.0, post_norm="post_attention_layernorm"),
    "gpt2": Address(
        "transformer.h", "ln_1", "attn", "c_attn", "c_attn", "c_attn", "c_proj", "transformer.ln_f", True, True
    ),
}


@dataclass(frozen=True)
class Projection:
    """One of q, k, v, o in one layer: which parameter, and which part of it belongs to which head."""

    parameter: str  # as in model.named_parameters()
    heads: int  # H, or G for k and v
    head_dim: int
    start: int  # first row of this projection in a fused matrix, else 0
    transpose: bool  # whether the stored matrix has its heads along the last dimension

    def per_head(self, matrix: Tensor) -> Tensor:
        """A (heads, D, M) view of `matrix`, which is the parameter or anything of its shape (a gradient, a change)."""
        rows = matrix.T if self.transpose else matrix
        return rows[self.start : self.start + self.heads * self.head_dim].unflatten(0, (self.heads, self.head_dim))


@dataclass(frozen=True)
class HeadMap:
    """The heads of one model: sizes, modules per layer, and the address of every head's matrices."""

    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    hidden: int
    attentions: tuple[nn.Module, ...]
    norms: tuple[nn.Module, ...]
    post_norms: tuple[nn.Module, ...]  # () where none follows the attention
    final_norm: nn.Module
    gain_offset: float
    projections: tuple[dict[str, Projection], ...]
    model: nn.Module

    @property
    def group(self) -> int:
        """N: how many heads share one key/value head."""
        return self.heads // self.kv_heads

    def weight(self, layer: int, matrix: str) -> Tensor:
        """Head slices of W_q, W_k, W_v or W_o: a live view (heads, D, M); k and v have kv_heads of them."""
        projection = self.projections[layer][matrix]
        return projection.per_head(self.model.get_parameter(projection.parameter))


def check_known(config: Any) -> None:
    """Raise ValueError for a model, by its config, whose heads have no address or can't be measured; it says why."""
    kind = str(config.model_type)
    if kind not in ADDRESSES:
        raise ValueError(
            f"model type {kind!r}: no address of its heads is known; add a row to ADDRESSES in perception/addresses.py"
            f" (known: {', '.join(sorted(ADDRESSES))})"
        )


def addresses(model: nn.Module) -> HeadMap:
    """Find the heads of a causal language model of transformers.

    Raises ValueError for an architecture that ADDRESSES does not list, or that does not look as it says.
    """
    config: Any = model.config
    kind = str(config.model_type)
    check_known(config)
    at = ADDRESSES[kind]
    try:
        blocks: list[nn.Module] = list(model.get_submodule(at.layers).children())
        attentions = tuple(block.get_submodule(at.attention) for block in blocks)
        norms = tuple(block.get_submodule(at.norm) for block in blocks)
        post_norms = tuple(block.get_submodule(at.post_norm) for block in blocks) if at.post_norm else ()
        final_norm = model.get_submodule(at.final_norm)
    except AttributeError as error:
        raise ValueError(f"model type {kind!r} is not laid out as ADDRESSES says: {error}") from None
    heads, hidden = int(config.num_attention_heads), int(config.hidden_size)
    kv_heads = int(getattr(config, "num_key_value_heads", None) or heads)
    head_dim = int(getattr(config, "head_dim", None) or hidden // heads)
    projections = tuple(_projections(at, layer, heads, kv_heads, head_dim) for layer in range(len(blocks)))
    sizes = (len(blocks), heads, kv_heads, head_dim, hidden)
    return HeadMap(*sizes, attentions, norms, post_norms, final_norm, at.gain_offset, projections, model)


def _projections(at: Address, layer: int, heads: int, kv_heads: int, head_dim: int) -> dict[str, Projection]:
    counts = {"q": heads, "k": kv_heads, "v": kv_heads, "o": heads}
    starts = {"q": 0, "k": heads * head_dim, "v": (heads + kv_heads) * head_dim, "o": 0}
    found = {}
    for matrix in MATRICES:
        name = f"{at.layers}.{layer}.{at.attention}.{getattr(at, matrix)}.weight"
        # A head is a block of *outputs* of q, k, v, but a block of *inputs* of o.
        transpose = at.transposed != (matrix == "o")
        found[matrix] = Projection(name, counts[matrix], head_dim, starts[matrix] if at.fused else 0, transpose)
    return found


def head_outputs(z_HD: Tensor, w_o_HDM: Tensor) -> Tensor:
    """What each head writes into the residual stream: (..., H, D) and W_o slices (H, D, M) -> (..., H, M).

    Summed over H, plus the projection's bias, it is the attention's output (tested to 1e-6 in float64).
    """
    rows, (heads, size) = z_HD.shape[:-2], z_HD.shape[-2:]
    z_HND = z_HD.movedim(-2, 0).reshape(heads, rows.numel(), size)
    # bmm: einsum took twice as long over the few rows of a scene, and matmul would copy W_o for every context
    return torch.bmm(z_HND, w_o_HDM).reshape(heads, *rows, w_o_HDM.shape[-1]).movedim(0, -2)
