"""The layer inputs of a model on fixed probes, recorded so that later weights can be run on exactly these.

A head can change because its own weights moved, or because earlier layers feed it something else. Replaying single
attention modules on recorded inputs separates the two.

Shape legend, used as suffixes: B batch, T tokens, R decision rows, C candidates, L layers, H heads, D head size,
M hidden size.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor, nn

from perception.head_map import HeadMap, addresses
from perception.heads import Record, Recorder

# Arguments of an attention module that belong to one forward only (a cache would be written to).
TRANSIENT = ("hidden_states", "past_key_values", "past_key_value", "use_cache", "output_attentions")


@dataclass(frozen=True)
class ProbeBatch:
    """Contexts and decisions whose heads are compared; all of one batch padded to one length (pad on the right).

    input_ids, attention_mask: (B, T) int64. decision_rows: (B, R) int64, the token from which the answer is
    predicted, -1 pads. cue_mask: (B, R, T) bool, the labelled tokens of the asked place. answer_ids: (B, R) int64,
    first token of the right answer. rival_ids: (B, R, C) or (B, R) int64, first tokens of what it may compete with, -1
    pads: the one that a model believes most is its rival there ("nothing" at a spirit, the strongest spirit at an
    empty place). Raises ValueError if the shapes don't agree.
    """

    input_ids: Tensor
    attention_mask: Tensor
    decision_rows: Tensor
    cue_mask: Tensor
    answer_ids: Tensor
    rival_ids: Tensor

    def __post_init__(self) -> None:
        (batch, length), rows = self.input_ids.shape, self.decision_rows.shape[-1]
        expected = {
            "attention_mask": (batch, length),
            "decision_rows": (batch, rows),
            "cue_mask": (batch, rows, length),
            "answer_ids": (batch, rows),
            "rival_ids": (batch, rows),
        }
        for name, shape in expected.items():
            actual = tuple(getattr(self, name).shape)
            if actual != shape and not (name == "rival_ids" and actual[:2] == shape and len(actual) == 3):
                raise ValueError(f"probes: {name} is {actual}, expected {shape}")

    @property
    def rivals(self) -> Tensor:
        """(B, R, C) int64."""
        return self.rival_ids if self.rival_ids.dim() == 3 else self.rival_ids[..., None]

    def to(self, device: torch.device | str) -> "ProbeBatch":
        """The same probes on another device."""
        return ProbeBatch(**{name: value.to(device) for name, value in vars(self).items()})


@dataclass(frozen=True)
class _Inputs:
    """What entered each layer of one model on one batch of probes, and what came of it."""

    rows: Tensor  # (B, R)
    record: Record
    residual_BTM: tuple[Tensor, ...]
    options: tuple[dict[str, Any], ...]
    final_BRM: Tensor  # what enters the final norm at the decision rows


@dataclass
class Baseline:
    """A model's layer inputs on the probes, recorded so that later weights can be run on exactly these inputs.

    Memory: L * B * T * hidden numbers per batch of probes; the game's few probes take megabytes.
    """

    implementation: str
    inputs: tuple[_Inputs, ...]
    stream: Tensor  # (L,) mean residual norm at the decision rows
    outputs: tuple[tuple[Tensor, ...], ...] = field(default=())  # per probe batch and layer: (B, R, H, M)

    @classmethod
    def record(cls, model: nn.Module, probes: Sequence[ProbeBatch], outputs: bool = True) -> Self:
        """Run the probes once through `model` (no gradient; train or eval mode is restored).

        outputs: whether its heads' outputs are recorded too; distances are measured from them.
        """
        if not probes or not any(bool((probe.decision_rows >= 0).any()) for probe in probes):
            raise ValueError("no decision to measure: the probes hold no decision row")
        config: Any = model.config
        mode = model.training
        model.eval()
        try:
            inputs = tuple(_run(model, probe) for probe in probes)
        finally:
            model.train(mode)
        norms = [torch.stack([x.cpu().double().norm(dim=-1).sum() for x in entry.record.residual]) for entry in inputs]
        stream = torch.stack(norms).sum(0) / _count(inputs)
        baseline = cls(str(config._attn_implementation), inputs, stream.clamp_min(torch.finfo(torch.float64).tiny))
        if outputs:
            baseline.outputs = baseline.replay(model)
        return baseline

    @torch.no_grad()
    def replay(self, model: nn.Module) -> tuple[tuple[Tensor, ...], ...]:
        """What `model`'s heads write when its layers get the recorded inputs: per batch and layer (B, R, H, M).

        Only attention runs, and only for the decision rows; the same weights give the same bits every time.
        """
        heads = addresses(model)
        written = []
        for entry in self.inputs:
            with Recorder(model, entry.rows, rows_only=True, implementation=self.implementation) as recorder:
                for layer, (x_BTM, options) in enumerate(zip(entry.residual_BTM, entry.options, strict=True)):
                    heads.attentions[layer](heads.entering(layer, x_BTM), **options)
            z = recorder.record().z
            written.append(tuple(heads.written(layer, z[layer]) for layer in range(heads.layers)))
        return tuple(written)

    def own_change(self, model: nn.Module) -> Tensor:
        """How far the heads' outputs moved because of their own layer's weights: (L, H) float64 on the CPU.

        ‖o_h(W1; x0) - o_h(W0; x0)‖, mean over decision rows, in units of the layer's mean residual norm
        (docs/measurement.md). Exactly 0.0 for every head whose weights have not moved.
        """
        return self.distance(self.outputs, self.replay(model))

    def distance(self, a: tuple[tuple[Tensor, ...], ...], b: tuple[tuple[Tensor, ...], ...]) -> Tensor:
        """Mean L2 distance of two sets of head outputs, in residual norms: (L, H) float64 on the CPU."""
        per_batch = [
            torch.stack([(y - x).norm(dim=-1).sum((0, 1)) for x, y in zip(one, other, strict=True)])
            for one, other in zip(a, b, strict=True)
        ]
        return torch.stack(per_batch).sum(0).cpu().double() / _count(self.inputs) / self.stream[:, None]

    def mean(self, per_batch: Sequence[Sequence[Tensor]], rows: Sequence[Tensor] = ()) -> Tensor:
        """Mean over valid decision rows of all batches: (B, H, R) per batch and layer -> (L, H) float64 on the CPU.

        rows: (B, R) bool per batch, to take only these; zeros if there is none.
        """
        valid = [entry.record.valid for entry in self.inputs]
        taken = [v & r.to(v.device) for v, r in zip(valid, rows, strict=True)] if rows else valid
        total = [
            torch.stack([(x * v[:, None]).sum((0, 2)) for x in layers])
            for layers, v in zip(per_batch, taken, strict=True)
        ]
        return torch.stack(total).sum(0).cpu().double() / max(1, int(sum(v.sum() for v in taken)))


def _count(inputs: tuple[_Inputs, ...]) -> int:
    return int(sum(entry.record.valid.sum() for entry in inputs))


@torch.no_grad()
def _run(model: nn.Module, probe: ProbeBatch) -> _Inputs:
    """One forward on one batch of probes, keeping what enters every layer."""
    heads = addresses(model)
    probe = probe.to(next(model.parameters()).device)
    with _listening(heads) as (residuals, options, final), Recorder(model, probe.decision_rows) as recorder:
        model(input_ids=probe.input_ids, attention_mask=probe.attention_mask, use_cache=False)
    at = torch.arange(len(probe.input_ids), device=probe.input_ids.device)[:, None]
    final_BRM = final[0][at, probe.decision_rows.clamp_min(0)]
    return _Inputs(probe.decision_rows, recorder.record(), tuple(residuals), tuple(options), final_BRM)


@contextmanager
def _listening(heads: HeadMap) -> Iterator[tuple[list[Tensor], list[dict[str, Any]], list[Tensor]]]:
    residuals: list[Tensor] = []
    options: list[dict[str, Any]] = []
    final: list[Tensor] = []

    def keep_options(_module: nn.Module, _args: tuple[Any, ...], arguments: dict[str, Any]) -> None:
        options.append({name: value for name, value in arguments.items() if name not in TRANSIENT})

    hooks = [heads.on_residual(layer, residuals.append) for layer in range(heads.layers)]
    hooks += [module.register_forward_pre_hook(keep_options, with_kwargs=True) for module in heads.attentions]
    hooks.append(heads.final_norm.register_forward_pre_hook(lambda _m, args: final.append(args[0])))
    try:
        yield residuals, options, final
    finally:
        for hook in hooks:
            hook.remove()
