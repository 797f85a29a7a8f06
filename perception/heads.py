"""What the attention heads of a language model do at the rows where it decides: the recorder, and its numbers.

`Recorder` listens during a forward through the attention registry of transformers, so that sdpa stays sdpa and
the logits keep every bit (MEASUREMENT.md, "sdpa returns no weights"). Only decision rows are recorded: kilobytes,
not every pattern. Where the heads live is `perception.addresses`, whose names this module hands on.

Shape legend, used as suffixes: B batch, T query tokens of this forward, K keys (cache + T), R decision rows,
L layers, H heads, G key/value heads (H = G under plain attention), D head size, M hidden size.
"""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.linalg import vector_norm

from perception.addresses import MATRICES, HeadMap, Projection, addresses, head_outputs
from perception.headnumbers import cue_lift, cue_mass, entropy, mean_over_rows
from perception.patterns import Layer, Patterns, Rows

__all__ = [
    "MATRICES", "HeadMap", "Projection", "Record", "Recorder",
    "activity", "addresses", "attention_mass", "cue_lift", "cue_mass", "entropy", "head_outputs",
]  # fmt: skip

IMPLEMENTATIONS = ("sdpa", "eager")  # those whose masks and arithmetic `_Listener` knows
FOREIGN = ("s_aux", "position_bias", "cache")  # softmax terms of some architectures, which it does not know
PREFIX = "second_sight_"  # of our names in the registries of transformers


@dataclass(frozen=True)
class Record:
    """What one forward did at its decision rows; one entry per layer. Padding rows hold zeros."""

    map: HeadMap
    valid: Tensor  # (B, R) bool: True where a decision row is, False at padding
    patterns: tuple[Tensor, ...]  # (B, H, R, K) float32, or float64: attention; each row sums to 1
    visible: tuple[Tensor, ...]  # (B, R) int64: how many keys the row may look at (t + 1 in a plain context)
    z: tuple[Tensor, ...]  # (B, R, H, D): value mixes, before W_o
    residual: tuple[Tensor, ...]  # (B, R, M): the layer's input; () when replaying


class Recorder:
    """Overhears the heads of `model` while the `with` block runs; afterwards the model is as it was.

    with Recorder(model, rows) as recorder:
        logits = model(...).logits        # bit for bit what it is without a recorder
    record = recorder.record()

    rows: (B, R) int64, positions among the query tokens of the forward (0 is its first token, whatever a cache
    holds before it); -1 pads ragged rows. Several forwards in one block: the last one counts.
    rows_only: attention is computed for the decision rows alone and the block's outputs are garbage: for replaying
    single attention modules (training.heads.head_diff). implementation: whose mask conventions to follow then.
    Raises ValueError for attention implementations other than sdpa and eager, for rows that do not fit, and for
    architectures with terms in their softmax that it does not know; RuntimeError if another recorder listens.
    """

    def __init__(
        self, model: nn.Module, rows: Tensor, *, rows_only: bool = False, implementation: str | None = None
    ) -> None:
        self._map = addresses(model)
        config: Any = model.config
        self.implementation = str(implementation or config._attn_implementation).removeprefix(PREFIX)
        if self.implementation not in IMPLEMENTATIONS:
            raise ValueError(
                f"cannot record heads under attention {self.implementation!r}: load the model with"
                f" attn_implementation={IMPLEMENTATIONS[0]!r}"
            )
        if rows.dim() != 2 or rows.dtype != torch.int64:
            raise ValueError(f"decision rows must be (batch, rows) int64, not {tuple(rows.shape)} {rows.dtype}")
        self._listener = _Listener(self.implementation, rows, rows_only)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:  # undone at once if anything below fails
            name = _registered(self.implementation)
            for layer, module in enumerate(self._map.attentions):
                if module in _LISTENING:
                    raise RuntimeError("another recorder is listening to this model; leave its block first")
                _LISTENING[module] = (self._listener, layer)
                stack.callback(_LISTENING.pop, module, None)
                if not self._listener.rows_only:
                    hook = self._map.norms[layer].register_forward_pre_hook(partial(self._listener.residuals, layer))
                    stack.callback(hook.remove)
            configs: list[Any] = [module.config for module in (self._map.model, *self._map.attentions)]
            for config in {id(config): config for config in configs}.values():
                before = config._attn_implementation
                config._attn_implementation = name
                stack.callback(setattr, config, "_attn_implementation", before)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def record(self) -> Record:
        """What was heard. Raises RuntimeError if no whole forward ran inside the block."""
        heard = self._listener
        if len(heard.z) < self._map.layers:
            raise RuntimeError("nothing recorded: no forward of the model ran inside the recorder's block")
        parts = (*heard.patterns.found(), heard.z, heard.residual)
        return Record(self._map, heard.rows.valid_BR, *(tuple(part[layer] for layer in sorted(part)) for part in parts))


class _Listener:
    """What the attention function needs of a Recorder. What all layers share is made once, for the first of them."""

    def __init__(self, implementation: str, rows_BR: Tensor, rows_only: bool) -> None:
        self.implementation, self.rows_only = implementation, rows_only
        self.rows = Rows(rows_BR)
        self.patterns = Patterns(self.rows)
        self.z: dict[int, Tensor] = {}
        self.residual: dict[int, Tensor] = {}

    def residuals(self, layer: int, _norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """A pre-hook of the layer's first norm: what enters it is the residual stream (B, T, M)."""
        self.rows.fit(inputs[0])
        self.residual[layer] = self.rows.keep(self.rows.of(inputs[0].detach()))

    def hear(self, layer: int, q_BHTD: Tensor, k_BGKD: Tensor, mask: Tensor | None, options: dict[str, Any]) -> None:
        """Keep what this layer's patterns follow from."""
        for name in FOREIGN:
            if options.get(name) is not None:
                raise ValueError(f"this architecture adds {name!r} to its attention, which the recorder does not know")
        softcap = options.get("softcap")
        if softcap is not None and self.implementation != "eager":
            raise ValueError("this model caps its attention scores, which sdpa can't: load it with eager attention")
        q_BTHD = q_BHTD.transpose(1, 2)
        self.rows.fit(q_BTHD)
        scaling = q_BHTD.shape[-1] ** -0.5 if options.get("scaling") is None else options["scaling"]
        # The alignment of transformers' sdpa_attention_forward: without a mask, row t sees keys 0..t.
        causal = mask is None and self.implementation == "sdpa" and q_BTHD.shape[1] > 1
        self.patterns.wait(Layer(layer, self.rows.of(q_BTHD) * scaling, k_BGKD, mask, causal, softcap))


_LISTENING: "WeakKeyDictionary[nn.Module, tuple[_Listener, int]]" = WeakKeyDictionary()


def _attend(
    implementation: str,
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    **options: Any,
) -> tuple[Tensor, Tensor | None]:
    """The registered attention function: the model's own one, overheard. Shapes as transformers passes them."""
    if module not in _LISTENING:  # a copy of the model made inside a recorder's block
        return _own_attention(implementation, module)(module, query, key, value, mask, **options)
    listener, layer = _LISTENING[module]
    with torch.no_grad():
        listener.hear(layer, query, key.detach(), mask, options)
        if listener.rows_only:
            pattern_BHRK = listener.patterns.found()[0][layer]
            value_BHKD = value.repeat_interleave(query.shape[1] // value.shape[1], dim=1)
            listener.z[layer] = (pattern_BHRK.to(value.dtype) @ value_BHKD).transpose(1, 2)
            return value.new_zeros(()).expand(query.transpose(1, 2).shape), None
    out_BTHD, weights = _own_attention(implementation, module)(module, query, key, value, mask, **options)
    listener.z[layer] = listener.rows.keep(listener.rows.of(out_BTHD.detach()))
    return out_BTHD, weights


def _own_attention(implementation: str, module: nn.Module) -> Callable[..., tuple[Tensor, Tensor | None]]:
    """The function that the module would have called without us."""
    if implementation == "sdpa":
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        return sdpa_attention_forward
    if getattr(module, "reorder_and_upcast_attn", False):  # a GPT-2 option that bypasses the registry
        return lambda own, query, key, value, mask, **_: own._upcast_and_reordered_attn(query, key, value, mask)
    own: Callable[..., tuple[Tensor, Tensor | None]] = sys.modules[type(module).__module__].eager_attention_forward
    return own


def _registered(implementation: str) -> str:
    """The registry name of the overheard implementation; registered the first time it is asked for."""
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    name = PREFIX + implementation
    if name not in ALL_ATTENTION_FUNCTIONS:
        ALL_ATTENTION_FUNCTIONS.register(name, partial(_attend, implementation))
        ALL_MASK_ATTENTION_FUNCTIONS.register(name, ALL_MASK_ATTENTION_FUNCTIONS[implementation])
    return name


def activity(record: Record) -> list[float]:
    """What each head writes: mean L2 norm at decision rows / mean residual norm there. L * H numbers, layer by layer.

    Uses the weights as they are now: call it before the next training step.
    """
    written, streams = [], []
    for layer, (z_BRHD, residual_BRM) in enumerate(zip(record.z, record.residual, strict=True)):
        written_BRHM = head_outputs(z_BRHD, record.map.weight(layer, "o").detach())
        written.append(vector_norm(written_BRHM.float(), dim=-1).transpose(1, 2))
        streams.append(vector_norm(residual_BRM.float(), dim=-1)[:, None])
    # all layers at once: small numbers, whose means would take longer one by one than the norms did
    norm_LH = mean_over_rows(torch.cat(written, 1), record.valid).unflatten(0, (len(streams), -1))
    stream_L = mean_over_rows(torch.cat(streams, 1), record.valid)
    found: list[float] = (norm_LH / stream_L.clamp_min(torch.finfo(torch.float32).tiny)[:, None]).flatten().tolist()
    return found


def attention_mass(record: Record, cue_BRK: Tensor) -> list[float]:
    """Mean attention on the asked place's events, per head: bool (B, R, K) -> L * H numbers in [0, 1]."""
    found: list[float] = mean_over_rows(
        torch.cat([cue_mass(p, cue_BRK) for p in record.patterns], 1), record.valid
    ).tolist()
    return found
