"""What the attention heads of a language model do at the rows where it decides: the recorder, and its numbers.

`Recorder` listens during a forward through the attention registry of transformers, so that sdpa stays sdpa and
the logits keep every bit (sdpa itself returns no weights). Only decision rows are recorded: kilobytes, not every
pattern. Families that don't use the registry are heard at torch's sdpa or at the module's own method instead. Where
the heads live is `perception.head_map`.

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
from torch.overrides import TorchFunctionMode

from perception.addresses import METHOD, REGISTRY, SDPA
from perception.head_map import HeadMap, addresses
from perception.head_numbers import cue_mass, mean_over_rows
from perception.patterns import Layer, Patterns, Rows

# Attention implementations whose masks and arithmetic are known, by how a family is heard.
IMPLEMENTATIONS = {REGISTRY: ("sdpa", "eager"), SDPA: ("sdpa",), METHOD: ("eager",)}
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
    """Records what the heads of `model` do while the `with` block runs; afterwards the model is as it was.

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
        possible = IMPLEMENTATIONS[self._map.address.heard]
        if self.implementation not in possible:
            raise ValueError(
                f"cannot record heads under attention {self.implementation!r}: load the model with"
                f" attn_implementation={possible[0]!r}"
            )
        if rows.dim() != 2 or rows.dtype != torch.int64:
            raise ValueError(f"decision rows must be (batch, rows) int64, not {tuple(rows.shape)} {rows.dtype}")
        self._listener = _Listener(self.implementation, rows, rows_only)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:  # undone at once if anything below fails
            for layer, module in enumerate(self._map.attentions):
                if module in _LISTENING:
                    raise RuntimeError("another recorder is listening to this model; leave its block first")
                _LISTENING[module] = (self._listener, layer)
                stack.callback(_LISTENING.pop, module, None)
                if not self._listener.rows_only:
                    stack.callback(self._map.on_residual(layer, partial(self._listener.residuals, layer)).remove)
            {REGISTRY: self._hear_registry, SDPA: self._hear_sdpa, METHOD: self._hear_method}[self._map.address.heard](
                stack
            )
            self._stack = stack.pop_all()
        return self

    def _hear_registry(self, stack: ExitStack) -> None:
        name = _registered(self.implementation)
        configs: list[Any] = [module.config for module in (self._map.model, *self._map.attentions)]
        for config in {id(config): config for config in configs}.values():
            before = config._attn_implementation
            config._attn_implementation = name
            stack.callback(setattr, config, "_attn_implementation", before)

    def _hear_sdpa(self, stack: ExitStack) -> None:
        mode = stack.enter_context(_SdpaListener())
        for module in self._map.attentions:
            stack.callback(module.register_forward_pre_hook(mode.enter_module).remove)
            stack.callback(module.register_forward_hook(mode.leave_module, always_call=True).remove)

    def _hear_method(self, stack: ExitStack) -> None:
        for module in self._map.attentions:
            method = module._attn
            module._attn = partial(_attend_by_method, module, method)  # type: ignore[assignment]
            stack.callback(delattr, module, "_attn")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def record(self) -> Record:
        """What the heads did. Raises RuntimeError if no whole forward ran inside the block."""
        heard = self._listener
        if len(heard.z) < self._map.layers:
            raise RuntimeError("nothing recorded: no forward of the model ran inside the recorder's block")
        parts = (*heard.patterns.results(), heard.z, heard.residual)
        return Record(self._map, heard.rows.valid_BR, *(tuple(part[layer] for layer in sorted(part)) for part in parts))


class _Listener:
    """What the attention function needs of a Recorder. What all layers share is made once, for the first of them."""

    def __init__(self, implementation: str, rows_BR: Tensor, rows_only: bool) -> None:
        self.implementation, self.rows_only = implementation, rows_only
        self.rows = Rows(rows_BR)
        self.patterns = Patterns(self.rows)
        self.z: dict[int, Tensor] = {}
        self.residual: dict[int, Tensor] = {}

    def residuals(self, layer: int, residual_BTM: Tensor) -> None:
        """Keep the residual stream that enters a layer."""
        self.rows.fit(residual_BTM)
        self.residual[layer] = self.rows.keep(self.rows.of(residual_BTM.detach()))

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
        self.patterns.add(Layer(layer, self.rows.of(q_BTHD) * scaling, k_BGKD, mask, causal, softcap))


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
    own = partial(_own_attention(implementation, module), module, query, key, value, mask, **options)
    if module not in _LISTENING:  # a copy of the model made inside a recorder's block
        return own()
    return _overhear(module, query, key, value, mask, options, own)


def _overhear(
    module: nn.Module,
    q_BHTD: Tensor,
    k_BGKD: Tensor,
    v_BGKD: Tensor,
    mask: Tensor | None,
    options: dict[str, Any],
    own: Callable[[], tuple[Tensor, Tensor | None]],
) -> tuple[Tensor, Tensor | None]:
    """What `own` gives, a module's attention (B, T, H, D) and maybe weights, after its listener has heard it."""
    listener, layer = _LISTENING[module]
    with torch.no_grad():
        listener.hear(layer, q_BHTD, k_BGKD.detach(), mask, options)
        if listener.rows_only:
            pattern_BHRK = listener.patterns.results()[0][layer]
            v_BHKD = v_BGKD.repeat_interleave(q_BHTD.shape[1] // v_BGKD.shape[1], dim=1)
            listener.z[layer] = (pattern_BHRK.to(v_BGKD.dtype) @ v_BHKD).transpose(1, 2)
            return v_BGKD.new_zeros(()).expand(q_BHTD.transpose(1, 2).shape), None
    out_BTHD, weights = own()
    listener.z[layer] = listener.rows.keep(listener.rows.of(out_BTHD.detach()))
    return out_BTHD, weights


class _SdpaListener(TorchFunctionMode):
    """Overhears calls of torch's sdpa while an attention module runs, of families that call it themselves."""

    module: nn.Module | None = None

    def enter_module(self, module: nn.Module, _args: Any) -> None:
        """A pre-hook of the module."""
        self.module = module if module in _LISTENING else None

    def leave_module(self, _module: nn.Module, _args: Any, _out: Any) -> None:
        """A hook of the module."""
        self.module = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        own, options = partial(func, *args, **(kwargs or {})), dict(kwargs or {})
        if func is not nn.functional.scaled_dot_product_attention or self.module is None:
            return own()
        mask, scaling = options.get("attn_mask"), options.get("scale")
        query, key, value = args[:3]
        out_BTHD, _ = _overhear(
            self.module, query, key, value, mask, {"scaling": scaling}, lambda: (own().transpose(1, 2), None)
        )
        return out_BTHD.transpose(1, 2)


def _attend_by_method(
    module: nn.Module, own: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """GPT-J's `_attn`, which multiplies in float32: overheard, (B, H, T, D)."""
    weights: list[Tensor | None] = [None]

    def run() -> tuple[Tensor, None]:
        out_BHTD, weights[0] = own(query, key, value, mask)
        return out_BHTD.transpose(1, 2), None

    wide = torch.promote_types(query.dtype, torch.float32)
    out_BTHD, _ = _overhear(module, query.to(wide), key.to(wide), value, mask, {}, run)
    return out_BTHD.transpose(1, 2), weights[0]


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
        written_BRHM = record.map.written(layer, z_BRHD)
        written.append(vector_norm(written_BRHM.float(), dim=-1).transpose(1, 2))
        streams.append(vector_norm(residual_BRM.float(), dim=-1)[:, None])
    # all layers at once: small numbers, whose means would take longer one by one than the norms did
    norm_LH = mean_over_rows(torch.cat(written, 1), record.valid).unflatten(0, (len(streams), -1))
    stream_L = mean_over_rows(torch.cat(streams, 1), record.valid)
    shares: list[float] = (norm_LH / stream_L.clamp_min(torch.finfo(torch.float32).tiny)[:, None]).flatten().tolist()
    return shares


def attention_mass(record: Record, cue_BRK: Tensor) -> list[float]:
    """Mean attention on the asked place's events, per head: bool (B, R, K) -> L * H numbers in [0, 1]."""
    masses: list[float] = mean_over_rows(
        torch.cat([cue_mass(p, cue_BRK) for p in record.patterns], 1), record.valid
    ).tolist()
    return masses
