"""Analyses that the verdict doesn't rest on: depth of the core, supporting and competing heads, rank of the change.

Depth rests on the evidence of all runs. Supporting and competing heads are found in each trained seed by mean ablation
of a head in both models: its output becomes its own mean over the tokens of that forward. What the behaviour loses is
counted in usable information. Rank is that of the change in
the weights. Intervals are 95 % percentile bootstraps over seeds.

Shape suffixes: S seeds, C chunks of probes, L layers, H heads (layer * heads + head) or units of an allocation.
"""

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from perception.contexts import context_cache, encode_contexts
from perception.deciding import decide
from perception.head_map import MATRICES, HeadMap, addresses
from perception.language import read_answered
from perception.model import Model
from perception.packing import Decision, Packed, pack
from training.heads.gain_allocation import HeldOut
from training.heads.head_probes import ProbeLoss
from training.heads.score import Probe
from training.heads.swaps import LEAST_GAIN, measured
from training.heads.usable import UsableLoss, joined
from training.verdict.measured import Array, Evidence
from training.verdict.rule import INTERVAL, RESAMPLES

NEEDED = 0.2  # a head whose removal costs a smaller part than this supports nothing
RANKS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def interval(values_S: Sequence[float] | Array, seed: int = 0) -> tuple[float, float, float]:
    """(mean, lower, upper) over seeds."""
    values = np.asarray(values_S, np.float64)
    drawn = np.random.default_rng([seed, 0xA11]).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.percentile(values[drawn].mean(1), INTERVAL)
    return float(values.mean()), float(low), float(high)


def layer_shares(e_H: Array, layers: int) -> Array:
    """(L,) each layer's share of an allocation over units; layers below 0 count as 0. NaN where none is above."""
    e_L = np.maximum(e_H.reshape(layers, -1).sum(1), 0)
    share_L: Array = e_L / e_L.sum() if e_L.sum() > 0 else np.full(layers, np.nan)
    return share_L


def depth(evidence: Evidence, layers: int, seed: int = 0) -> dict[str, Any]:
    """Where in the layers the gain lies: by_layer (shares) and centre, in layers from 0 (first) to L - 1 (last).

    Layers that hold less than the control count as 0. Each number is (estimate, lower, upper), over seeds and chunks; a
    true training and its control of the same scenes are resampled together, as for the verdict.
    """
    rng = np.random.default_rng([seed, 0xDE9])
    trained, shuffled = evidence.trained_SCH, evidence.shuffled_SCH
    rows = []
    for turn in range(RESAMPLES + 1):
        i, j, c = (rng.integers(0, n, n) for n in (len(trained), len(shuffled), trained.shape[1]))
        if turn == 0:
            i, j, c = np.arange(len(trained)), np.arange(len(shuffled)), np.arange(trained.shape[1])
        j = i if evidence.paired else j
        e_H = trained[i][:, c].mean((0, 1)) - shuffled[j][:, c].mean((0, 1))
        share_L = layer_shares(e_H, layers)
        rows.append([*share_L, float((share_L * np.arange(layers)).sum())])
    grid = np.array(rows)
    low, high = np.nanpercentile(grid[1:], INTERVAL, axis=0) if np.isfinite(grid[1:]).any() else grid[:2]
    intervals = [tuple(map(float, row)) for row in zip(grid[0], low, high, strict=True)]
    return {"centre": intervals[-1], "by_layer": intervals[:-1]}


class AnswerProbability(ProbeLoss):
    """The mean probability of the right answers' tokens, as a fraction of 1."""

    @property
    def masks(self) -> list[Tensor]:
        return [mask for packed in self.batches for mask in _real(packed, self._caches is not None)]

    def __call__(self, net: PreTrainedModel) -> Tensor:
        parts = []
        for packed, cache in zip(self.batches, self.caches(net), strict=True):
            logits_NV = decide(net, packed, cache).float()
            parts.append(logits_NV.softmax(-1).gather(1, packed.target_N[:, None]).sum())
        return torch.stack(parts).sum() / self.total


def other_answers(
    model: Model, probes: Sequence[Probe], context: PreTrainedModel | None = None
) -> AnswerProbability | None:
    """The probability of the right answers to all other questions (mundane ones); None where the probes hold none.

    context: a model that reads the contexts, whoever decides; by default the model itself.
    """
    contexts: list[list[int]] = []
    decisions: list[Decision] = []
    for probe in probes:
        rest = list(zip(probe.scene.questions, probe.answers, strict=False))[probe.places :]
        if rest:
            context_ids, pairs = read_answered(model.tokenizer, probe.scene.text, rest, f"scene {probe.scene.id}")
            decisions += [Decision(len(contexts), question_ids, ids) for question_ids, ids in pairs]
            contexts.append(context_ids)
    if not decisions:
        return None
    batches = [pack(contexts, decisions).to(model.device)]
    return AnswerProbability(batches, None if context is None else [encode_contexts(context, p) for p in batches])


@contextmanager
def head_ablated(net: PreTrainedModel, layer: int, head: int, masks: Sequence[Tensor]) -> Iterator[None]:
    """Mean ablation: a head's z becomes its mean over a forward's real tokens.

    masks: (B, T) bool for each forward of a loss, in turn: which tokens are real.
    """
    at: HeadMap = addresses(net)
    forward = 0
    part = slice(head * at.head_dim, (head + 1) * at.head_dim)

    def flatten(_module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        nonlocal forward
        z_BTD, mask_BT = inputs[0].clone(), masks[forward % len(masks)]
        forward += 1
        z_BTD[..., part] = z_BTD[..., part][mask_BT].mean(0)
        return (z_BTD, *inputs[1:])

    name = at.projections[layer]["o"].parameter.removesuffix(".weight")
    handle = net.get_submodule(name).register_forward_pre_hook(flatten)
    try:
        yield
    finally:
        handle.remove()


def _real(packed: Packed, was_read: bool) -> list[Tensor]:
    """Which tokens are no padding: of the contexts unless they were read beforehand, and of the decisions.

    Decisions' positions begin behind a context.
    """
    width = torch.arange(packed.context_BC.shape[1], device=packed.context_BC.device)
    contexts = [] if was_read else [width < packed.lengths_B[:, None]]
    return [*contexts, packed.position_BD > 0]


class UsableLevel:
    """A usable loss in the forwards that `head_ablated` expects.

    Contexts that were read beforehand stay as they are: a head is ablated where it decides. All others go through a
    model in one forward of all layers.
    """

    def __init__(self, loss: UsableLoss) -> None:
        self.total, self._loss = loss.total, loss
        self.masks = [mask for batch in loss.batches for mask in _real(batch.packed, batch.cache is not None)]

    def __call__(self, net: PreTrainedModel) -> Tensor:
        parts = [
            batch.beliefs(net, contexts=batch.cache or context_cache(net, batch.packed)) for batch in self._loss.batches
        ]
        return self._loss.of(joined(parts))


def ablated_levels(net: PreTrainedModel, level: UsableLevel | AnswerProbability) -> tuple[float, list[float]]:
    """`level` with all heads, and without each head in turn; costs a forward per head."""
    at = addresses(net)
    ablated = []
    for index in range(at.layers * at.heads):
        with head_ablated(net, *divmod(index, at.heads), level.masks):
            ablated.append(measured(net, level))
    return measured(net, level), ablated


def needs(
    before: PreTrainedModel, after: PreTrainedModel, wanted: UsableLoss, other: AnswerProbability | None
) -> dict[str, list[float]]:
    """What the ablation of each head in both models costs, one number per head.

    behaviour: the part of the gain in usable information that is gone, 1 - (gain without the head) / gain; NaN without
    a gain. mundane: the relative loss of the other answers' probability, the smaller one of both models ([] where there
    are none); of them nothing is learned, a base rate neither.
    """
    level = UsableLevel(wanted)
    (old, old_H), (new, new_H) = (ablated_levels(net, level) for net in (before, after))
    gain = old - new
    lost = [1 - (o - n) / gain if gain > LEAST_GAIN else float("nan") for n, o in zip(new_H, old_H, strict=True)]
    if other is None:
        return {"behaviour": lost, "mundane": []}
    pairs = [ablated_levels(net, other) for net in (before, after)]
    drops = [[1 - one / max(whole, 1e-9) for one in some] for whole, some in pairs]
    return {"behaviour": lost, "mundane": [min(both) for both in zip(*drops, strict=True)]}


def roles(needs_S: Sequence[Mapping[str, Sequence[float]]], named: Collection[int], heads: int) -> dict[str, Any]:
    """Supporting and competing heads from each seed's `needs`: [layer, head, mean, lower, upper], strongest first.

    Supporting: the behaviour needs it (lower bound above NEEDED), but its allocation is not unlike the control's: it is
    none of the `named`. Competing: the same for the other answers.
    """
    heads_by_role, size = {}, len(needs_S[0]["behaviour"])
    for role, kind in (("supporting", "behaviour"), ("competing", "mundane")):
        grid_SH = np.array([seed[kind] for seed in needs_S if seed[kind]], np.float64).reshape(-1, size)
        rows = []
        for h in range(size if len(grid_SH) else 0):
            mean, low, high = interval(grid_SH[:, h])
            if low > NEEDED and h not in named:
                rows.append([*divmod(h, heads), mean, low, high])
        heads_by_role[role] = sorted(rows, key=lambda row: -row[2])
    return heads_by_role


@torch.no_grad()
def ranks(before: PreTrainedModel, after: PreTrainedModel, loss: HeldOut) -> dict[str, Any]:
    """stable: per matrix q, k, v, o a stable rank ‖ΔW‖_F² / ‖ΔW‖_2² a layer (0 if it did not move).

    kept: the part of the gain that is left when the change of every attention matrix is cut to its first k singular
    values, by k. All else that moved stays moved. {} without a gain.
    """
    own, late = addresses(before), addresses(after)
    pairs = [(layer, m) for layer in range(own.layers) for m in MATRICES]
    changes = {pair: (late.weight(*pair) - own.weight(*pair)).flatten(0, 1).double() for pair in pairs}
    parts = {pair: torch.linalg.svd(change, full_matrices=False) for pair, change in changes.items()}
    stable: dict[str, list[float]] = {m: [] for m in MATRICES}
    for (_layer, m), (_u, s, _v) in parts.items():
        stable[m].append(float(s.pow(2).sum() / s[0] ** 2) if s[0] > 0 else 0.0)
    old, new = measured(before, loss), measured(after, loss)
    kept_by_rank: dict[str, float] = {}
    if old - new > LEAST_GAIN:
        trial = copy.deepcopy(after)
        at = addresses(trial)
        for k in RANKS:
            for pair, (u, s, v) in parts.items():
                cut = (u[:, :k] * s[:k]) @ v[:k]
                whole = own.weight(*pair)
                for head, values in enumerate(whole + cut.to(whole.dtype).reshape(whole.shape)):
                    at.head(*pair, head).copy_(values)
            kept_by_rank[str(k)] = (old - measured(trial, loss)) / (old - new)
    return {"stable": stable, "kept": kept_by_rank}


def rank_summary(ranks_S: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Over seeds, (mean, lower, upper): stable rank by matrix (mean over layers), and the gain kept by k."""
    stable = {m: interval([float(np.mean(seed["stable"][m])) for seed in ranks_S]) for m in MATRICES}
    kept_by_rank = {k: interval([seed["kept"][k] for seed in ranks_S if k in seed["kept"]]) for k in ranks_S[0]["kept"]}
    return {"stable": stable, "kept": kept_by_rank}


def widths(e_H: Array) -> dict[str, float]:
    """How a signed allocation spreads over heads: N_eff / H of its positive part, and the top tenth's share of it."""
    up = np.maximum(e_H, 0)
    total = up.sum()
    if not total > 0:
        return {"effective": float("nan"), "top_tenth": float("nan")}
    top = np.sort(up)[::-1][: max(1, round(0.1 * len(up)))].sum()
    return {"effective": float(total**2 / (up**2).sum() / len(up)), "top_tenth": float(top / total)}
