"""Which heads changed between two models of one shape: the per-head table, on fixed probes (docs/measurement.md).

Replaying single attention modules separates own from inherited change (`training.heads.baseline`). Norms describe. A
verdict rests on the gain (`training.heads.gain_allocation`).

Shape legend, used as suffixes: B batch, T tokens, R decision rows, C candidates, K keys, N decisions, L layers,
H heads, M hidden size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from perception.head_map import HeadMap, addresses
from perception.head_numbers import cue_lift, cue_mass, entropy
from training.headlog.records import HeadRow
from training.heads.baseline import Baseline, ProbeBatch
from training.heads.gain_allocation import (
    POINTS,
    Gain,
    Loss,
    gain_allocation,
    same_shape,
)
from training.heads.weight_change import product_change, weight_change


@dataclass(frozen=True)
class HeadDiff:
    """The per-head table: every field (L, H) float64 on the CPU; 0 = before, 1 = after.

    own, inherited: residual norms. pattern: Jensen-Shannon divergence of attention rows, base 2, in [0, 1].
    cue_*: attention mass on the cues; lift_*: over chance, among decisions that have a cue. entropy_*: in [0, 1].
    direct_*: logits, answer - rival. weights: ‖ΔW‖/‖W‖ per q, k, v, o (k and v of a group are shown at each of its
    heads); products: the same of vo and qk. each_*: (N, L * H), direct effects decision by decision. gain: None unless
    a loss was given.
    """

    own: Tensor
    inherited: Tensor
    pattern: Tensor
    cue_before: Tensor
    cue_after: Tensor
    lift_before: Tensor
    lift_after: Tensor
    entropy_before: Tensor
    entropy_after: Tensor
    direct_before: Tensor
    direct_after: Tensor
    each_before: Tensor
    each_after: Tensor
    weights: dict[str, Tensor]
    products: dict[str, Tensor]
    gain: Gain | None = None

    def rows(self, shared: Gain | None = None) -> list[HeadRow]:
        """The table as log records, layer by layer; shared: the gain, where it was shared out elsewhere."""
        layers, heads = self.own.shape
        allocation = shared or self.gain
        gain = None if allocation is None else allocation.heads.tolist()
        columns = {
            "own": self.own, "inherited": self.inherited, "pattern": self.pattern,
            "cue_mass_before": self.cue_before, "cue_mass_after": self.cue_after,
            "cue_lift_before": self.lift_before, "cue_lift_after": self.lift_after,
            "entropy_before": self.entropy_before, "entropy_after": self.entropy_after,
            "direct_before": self.direct_before, "direct_after": self.direct_after,
        }  # fmt: skip
        numbers = {name: column.tolist() for name, column in columns.items()}
        weights = {matrix: column.tolist() for matrix, column in self.weights.items()}
        products = {pair: column.tolist() for pair, column in self.products.items()}
        return [
            HeadRow(
                layer=layer,
                head=head,
                gain=None if gain is None else gain[layer][head],
                weights={matrix: column[layer][head] for matrix, column in weights.items()},
                products={pair: column[layer][head] for pair, column in products.items()},
                **{name: column[layer][head] for name, column in numbers.items()},
            )
            for layer in range(layers)
            for head in range(heads)
        ]


def head_diff(
    before: nn.Module, after: nn.Module, probes: Sequence[ProbeBatch], loss: Loss | None = None, points: int = POINTS
) -> HeadDiff:
    """Compare two models of one shape on the probes; with a `loss`, also share out the gain (see gain_allocation).

    Raises ValueError if the models differ in shape or the probes hold no decision.
    """
    same_shape(before, after)
    base, later = Baseline.record(before, probes), Baseline.record(after, probes)
    own_inputs = base.replay(after)
    direct = [direct_effects(*side, probes) for side in ((before, base), (after, later))]
    return HeadDiff(
        own=base.distance(base.outputs, own_inputs),
        inherited=base.distance(own_inputs, later.outputs),
        pattern=base.mean(_shifts(base, later)),
        cue_before=_cues(base, probes),
        cue_after=_cues(later, probes),
        lift_before=_lifts(base, probes),
        lift_after=_lifts(later, probes),
        entropy_before=_entropies(base),
        entropy_after=_entropies(later),
        direct_before=base.mean(direct[0]),
        direct_after=later.mean(direct[1]),
        each_before=_each(base, direct[0]),
        each_after=_each(later, direct[1]),
        weights=weight_change(before, after),
        products=product_change(before, after),
        gain=None if loss is None else gain_allocation(before, after, loss, points),
    )


def glance(base: Baseline, model: nn.Module, probes: Sequence[ProbeBatch]) -> dict[str, Tensor]:
    """What a training's history records, by a snapshot's names: own, pattern, cue_mass, entropy; (L, H) each.

    `base`: recorded on these probes from the model before. One forward of the probes, and a replay.
    """
    now = Baseline.record(model, probes, outputs=False)
    return {
        "own": base.own_change(model),
        "pattern": base.mean(_shifts(base, now)),
        "cue_mass": _cues(now, probes),
        "entropy": _entropies(now),
    }


def jensen_shannon(p_BHRK: Tensor, q_BHRK: Tensor) -> Tensor:
    """Jensen-Shannon divergence of attention rows, base 2: (B, H, R) float64 in [0, 1]; 0 exactly if equal."""
    p, q = p_BHRK.cpu().double(), q_BHRK.cpu().double()  # some devices have no float64
    middle = (p + q) / 2
    spread = [torch.xlogy(x, x).sum(-1) for x in (p, q, middle)]
    return (((spread[0] + spread[1]) / 2 - spread[2]) / torch.log(middle.new_tensor(2.0))).clamp(0, 1)


def _shifts(a: Baseline, b: Baseline) -> list[list[Tensor]]:
    """Divergence of the two models' attention rows: (B, H, R) per batch and layer."""
    return [
        [jensen_shannon(p, q) for p, q in zip(x.record.patterns, y.record.patterns, strict=True)]
        for x, y in zip(a.inputs, b.inputs, strict=True)
    ]


def _cues(base: Baseline, probes: Sequence[ProbeBatch]) -> Tensor:
    pairs = zip(base.inputs, probes, strict=True)
    return base.mean([[cue_mass(p, probe.cue_mask.to(p.device)) for p in a.record.patterns] for a, probe in pairs])


def _lifts(base: Baseline, probes: Sequence[ProbeBatch]) -> Tensor:
    lifts = []
    for entry, probe in zip(base.inputs, probes, strict=True):
        record, cues = entry.record, probe.cue_mask.to(entry.record.valid.device)
        lifts.append([cue_lift(p, cues, v) for p, v in zip(record.patterns, record.visible, strict=True)])
    return base.mean(lifts, [probe.cue_mask.any(-1) for probe in probes])


def _entropies(base: Baseline) -> Tensor:
    records = [entry.record for entry in base.inputs]
    return base.mean([[entropy(p, v) for p, v in zip(r.patterns, r.visible, strict=True)] for r in records])


@torch.no_grad()
def direct_effects(model: nn.Module, base: Baseline, probes: Sequence[ProbeBatch]) -> list[list[Tensor]]:
    """(o_h ∘ γ/σ)·(W_U[answer] - W_U[rival]): (B, H, R) in logits per batch and layer.

    `base` must have been recorded from `model`. The final norm's scale is frozen; LayerNorm centres first. The rival is
    the candidate that this model believes most.
    """
    heads, net = addresses(model), cast(PreTrainedModel, model)
    out, bias = unembedding(net), getattr(net.get_output_embeddings(), "bias", None)
    norm, centred = heads.final_norm, heads.address.centred
    effects = []
    for entry, written, probe in zip(base.inputs, base.outputs, probes, strict=True):
        x = entry.final_BRM.to(torch.promote_types(entry.final_BRM.dtype, torch.float32))
        x = x - x.mean(-1, keepdim=True) if centred else x
        scale_BRM = heads.norm_scale(norm, x) * heads.logit_scale
        answer_BR, rivals_BRC = (ids.to(out.device) for ids in (probe.answer_ids, probe.rivals))
        logits_BRC = torch.einsum("brm,brcm->brc", norm(entry.final_BRM), out[rivals_BRC.clamp_min(0)])
        logits_BRC = logits_BRC if bias is None else logits_BRC + bias.detach()[rivals_BRC.clamp_min(0)]
        strongest_BR1 = logits_BRC.masked_fill(rivals_BRC < 0, float("-inf")).argmax(-1, keepdim=True)
        rival_BR = rivals_BRC.gather(-1, strongest_BR1)[..., 0].clamp_min(0)
        toward_BRM = scale_BRM * (out[answer_BR.clamp_min(0)] - out[rival_BR])
        if centred:
            toward_BRM = toward_BRM - toward_BRM.mean(-1, keepdim=True)  # centring o is centring what it is read by
        effects.append([
            torch.einsum("brhm,brm->bhr", o, (toward_BRM * _passed(heads, layer, o)).to(o.dtype))
            for layer, o in enumerate(written)
        ])  # fmt: skip
    return effects


def unembedding(net: PreTrainedModel) -> Tensor:
    """(V, M) what makes logits of the final norm's output; OPT's narrow words are behind one matrix more."""
    out = net.get_output_embeddings().weight.detach()
    narrow = getattr(getattr(net.base_model, "decoder", None), "project_out", None)
    return out if narrow is None else out @ narrow.weight.detach()


def _passed(heads: HeadMap, layer: int, written_BRHM: Tensor) -> Tensor | float:
    """What a norm behind the attention multiplies heads' outputs by, its scale frozen as the final norm's; else 1."""
    if not heads.post_norms:
        return 1.0
    output = heads.model.get_submodule(heads.projections[layer]["o"].parameter.removesuffix(".weight"))
    bias = getattr(output, "bias", None)
    whole_BRM = written_BRHM.sum(2)
    return heads.norm_scale(heads.post_norms[layer], whole_BRM if bias is None else whole_BRM + bias.detach())


def _each(base: Baseline, effects: Sequence[Sequence[Tensor]]) -> Tensor:
    """(N, L * H) float64 on the CPU: the effects of every valid decision, batch after batch."""
    effect_rows = [
        torch.stack(list(layers)).permute(1, 3, 0, 2)[entry.record.valid].flatten(1)
        for entry, layers in zip(base.inputs, effects, strict=True)
    ]
    return torch.cat(effect_rows).cpu().double()
