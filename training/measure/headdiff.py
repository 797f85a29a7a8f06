"""Which heads changed between two models of one shape: the per-head table of MEASUREMENT.md, on fixed probes.

A head can change because its own weights moved (own change) or because earlier layers feed it something else
(inherited change); both are told apart by replaying single attention modules on recorded inputs. Norms describe;
what a verdict shares out is the gain (`training.measure.weights`).

Shape legend, used as suffixes: B batch, T tokens, R decision rows, L layers, H heads, D head size, M hidden size.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor, nn

from perception.heads import HeadMap, Record, Recorder, addresses, cue_mass, entropy, head_outputs
from training.measure.records import HeadRow
from training.measure.weights import Gain, Loss, gain_allocation, same_shape, weight_change

# What an attention module is told, less what belongs to one forward only (a cache would be written to).
TRANSIENT = ("hidden_states", "past_key_values", "past_key_value", "use_cache", "output_attentions")


@dataclass(frozen=True)
class ProbeBatch:
    """Contexts and decisions whose heads are compared; all of one batch padded to one length (pad on the right).

    input_ids, attention_mask: (B, T) int64. decision_rows: (B, R) int64, the token from which the answer is
    predicted, -1 pads. cue_mask: (B, R, T) bool, the labelled tokens of the asked place. answer_ids, rival_ids:
    (B, R) int64, first token of the right answer, and of the one it competes with ("nothing" at a spirit, the
    strongest spirit at an empty place). Raises ValueError if the shapes don't agree.
    """

    input_ids: Tensor
    attention_mask: Tensor
    decision_rows: Tensor
    cue_mask: Tensor
    answer_ids: Tensor
    rival_ids: Tensor

    def __post_init__(self) -> None:
        (batch, length), rows = self.input_ids.shape, self.decision_rows.shape[-1]
        wanted = {
            "attention_mask": (batch, length),
            "decision_rows": (batch, rows),
            "cue_mask": (batch, rows, length),
            "answer_ids": (batch, rows),
            "rival_ids": (batch, rows),
        }
        for name, shape in wanted.items():
            if tuple(getattr(self, name).shape) != shape:
                raise ValueError(f"probes: {name} is {tuple(getattr(self, name).shape)}, expected {shape}")

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
    """A model's layer inputs on the probes, kept so that later weights can be run on exactly these inputs.

    Memory: L * B * T * hidden numbers per batch of probes; the game's few probes take megabytes.
    """

    implementation: str
    inputs: tuple[_Inputs, ...]
    stream: Tensor  # (L,) mean residual norm at the decision rows
    outputs: tuple[tuple[Tensor, ...], ...] = field(default=())  # per probe batch and layer: (B, R, H, M)

    @classmethod
    def record(cls, model: nn.Module, probes: Sequence[ProbeBatch]) -> Self:
        """Run the probes once through `model` (no gradient; train or eval mode is restored)."""
        if not probes or not any(bool((probe.decision_rows >= 0).any()) for probe in probes):
            raise ValueError("no decision to measure: the probes hold no decision row")
        config: Any = model.config
        mode = model.training
        model.eval()
        try:
            inputs = tuple(_run(model, probe) for probe in probes)
        finally:
            model.train(mode)
        norms = [torch.stack([x.double().norm(dim=-1).sum() for x in entry.record.residual]) for entry in inputs]
        stream = torch.stack(norms).sum(0) / _count(inputs)
        baseline = cls(str(config._attn_implementation), inputs, stream.clamp_min(torch.finfo(torch.float64).tiny))
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
                    heads.attentions[layer](heads.norms[layer](x_BTM), **options)
            z = recorder.record().z
            written.append(tuple(head_outputs(z[layer], heads.weight(layer, "o")) for layer in range(heads.layers)))
        return tuple(written)

    def own_change(self, model: nn.Module) -> Tensor:
        """How far the heads' outputs moved because of their own layer's weights: (L, H) float64 on the CPU.

        ‖o_h(W1; x0) - o_h(W0; x0)‖, mean over decision rows, in units of the layer's mean residual norm
        (MEASUREMENT.md, own change). Exactly 0.0 for every head whose weights have not moved.
        """
        return self.distance(self.outputs, self.replay(model))

    def distance(self, a: tuple[tuple[Tensor, ...], ...], b: tuple[tuple[Tensor, ...], ...]) -> Tensor:
        """Mean L2 distance of two sets of head outputs, in residual norms: (L, H) float64 on the CPU."""
        per_batch = [
            torch.stack([(y - x).norm(dim=-1).sum((0, 1)) for x, y in zip(one, other, strict=True)])
            for one, other in zip(a, b, strict=True)
        ]
        return (torch.stack(per_batch).sum(0).double() / _count(self.inputs) / self.stream[:, None]).cpu()


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

    def told(_module: nn.Module, _args: tuple[Any, ...], given: dict[str, Any]) -> None:
        options.append({name: value for name, value in given.items() if name not in TRANSIENT})

    hooks = [norm.register_forward_pre_hook(lambda _m, args: residuals.append(args[0])) for norm in heads.norms]
    hooks += [module.register_forward_pre_hook(told, with_kwargs=True) for module in heads.attentions]
    hooks.append(heads.final_norm.register_forward_pre_hook(lambda _m, args: final.append(args[0])))
    try:
        yield residuals, options, final
    finally:
        for hook in hooks:
            hook.remove()


@dataclass(frozen=True)
class HeadDiff:
    """The per-head table: every field (L, H) float64 on the CPU; 0 = before, 1 = after (MEASUREMENT.md).

    own, inherited: residual norms. pattern: Jensen-Shannon divergence of attention rows, base 2, in [0, 1].
    cue_*: attention mass on the cues. entropy_*: in [0, 1]. direct_*: logits, answer - rival. weights: ‖ΔW‖/‖W‖ per
    q, k, v, o (k and v of a group are shown at each of its heads). gain: None unless a loss was given.
    """

    own: Tensor
    inherited: Tensor
    pattern: Tensor
    cue_before: Tensor
    cue_after: Tensor
    entropy_before: Tensor
    entropy_after: Tensor
    direct_before: Tensor
    direct_after: Tensor
    weights: dict[str, Tensor]
    gain: Gain | None = None

    def rows(self) -> list[HeadRow]:
        """The table as log records, layer by layer."""
        layers, heads = self.own.shape
        gain = None if self.gain is None else self.gain.heads.tolist()
        columns = {
            "own": self.own, "inherited": self.inherited, "pattern": self.pattern,
            "cue_mass_before": self.cue_before, "cue_mass_after": self.cue_after,
            "entropy_before": self.entropy_before, "entropy_after": self.entropy_after,
            "direct_before": self.direct_before, "direct_after": self.direct_after,
        }  # fmt: skip
        numbers = {name: column.tolist() for name, column in columns.items()}
        weights = {matrix: column.tolist() for matrix, column in self.weights.items()}
        return [
            HeadRow(
                layer=layer,
                head=head,
                gain=None if gain is None else gain[layer][head],
                weights={matrix: column[layer][head] for matrix, column in weights.items()},
                **{name: column[layer][head] for name, column in numbers.items()},
            )
            for layer in range(layers)
            for head in range(heads)
        ]


def head_diff(
    before: nn.Module, after: nn.Module, probes: Sequence[ProbeBatch], loss: Loss | None = None, points: int = 8
) -> HeadDiff:
    """Compare two models of one shape on the probes; with a `loss`, also share out the gain (see gain_allocation).

    Raises ValueError if the models differ in shape or the probes hold no decision.
    """
    same_shape(before, after)
    base, later = Baseline.record(before, probes), Baseline.record(after, probes)
    own_inputs = base.replay(after)
    shift = [
        [jensen_shannon(p, q) for p, q in zip(a.record.patterns, b.record.patterns, strict=True)]
        for a, b in zip(base.inputs, later.inputs, strict=True)
    ]
    return HeadDiff(
        own=base.distance(base.outputs, own_inputs),
        inherited=base.distance(own_inputs, later.outputs),
        pattern=_mean(base, shift),
        cue_before=_cues(base, probes),
        cue_after=_cues(later, probes),
        entropy_before=_entropies(base),
        entropy_after=_entropies(later),
        direct_before=direct_effect(before, base, probes),
        direct_after=direct_effect(after, later, probes),
        weights=weight_change(before, after),
        gain=None if loss is None else gain_allocation(before, after, loss, points),
    )


def jensen_shannon(p_BHRK: Tensor, q_BHRK: Tensor) -> Tensor:
    """Jensen-Shannon divergence of attention rows, base 2: (B, H, R) float64 in [0, 1]; 0 exactly if equal."""
    p, q = p_BHRK.double(), q_BHRK.double()
    middle = (p + q) / 2
    spread = [torch.xlogy(x, x).sum(-1) for x in (p, q, middle)]
    return (((spread[0] + spread[1]) / 2 - spread[2]) / torch.log(middle.new_tensor(2.0))).clamp(0, 1)


def _mean(base: Baseline, per_batch: list[list[Tensor]]) -> Tensor:
    """Mean over all valid decision rows of all batches: lists of (B, H, R) per layer -> (L, H)."""
    total = [
        torch.stack([(x * entry.record.valid[:, None]).sum((0, 2)) for x in layers])
        for entry, layers in zip(base.inputs, per_batch, strict=True)
    ]
    return (torch.stack(total).sum(0).double() / _count(base.inputs)).cpu()


def _cues(base: Baseline, probes: Sequence[ProbeBatch]) -> Tensor:
    pairs = zip(base.inputs, probes, strict=True)
    return _mean(base, [[cue_mass(p, probe.cue_mask.to(p.device)) for p in a.record.patterns] for a, probe in pairs])


def _entropies(base: Baseline) -> Tensor:
    records = [entry.record for entry in base.inputs]
    return _mean(base, [[entropy(p, v) for p, v in zip(r.patterns, r.visible, strict=True)] for r in records])


def direct_effect(model: nn.Module, base: Baseline, probes: Sequence[ProbeBatch]) -> Tensor:
    """(o_h ∘ γ/σ)·(W_U[answer] - W_U[rival]), mean over decision rows: (L, H) in logits (MEASUREMENT.md).

    `base` must have been recorded from `model`. The final norm's scale is frozen; LayerNorm centres first.
    """
    heads, out = addresses(model), model.get_submodule("lm_head").get_parameter("weight").detach()
    norm: Any = heads.final_norm
    centred = isinstance(norm, nn.LayerNorm)
    effects = []
    for entry, written, probe in zip(base.inputs, base.outputs, probes, strict=True):
        x = entry.final_BRM.to(torch.promote_types(entry.final_BRM.dtype, torch.float32))
        x = x - x.mean(-1, keepdim=True) if centred else x
        epsilon = norm.eps if centred else getattr(norm, "variance_epsilon", None) or norm.eps
        scale_BRM = (norm.weight.detach() + heads.gain_offset) * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + epsilon)
        pair = [ids.to(out.device).clamp_min(0) for ids in (probe.answer_ids, probe.rival_ids)]
        toward_BRM = scale_BRM * (out[pair[0]] - out[pair[1]])
        if centred:
            toward_BRM = toward_BRM - toward_BRM.mean(-1, keepdim=True)  # centring o is centring what it is read by
        effects.append([torch.einsum("brhm,brm->bhr", o, toward_BRM.to(o.dtype)) for o in written])
    return _mean(base, effects)
