"""What the behaviour, and the answers beside it, lose without a head: mean ablation in both models.

The head's z becomes its own mean over the real tokens of a forward. What the behaviour loses is counted in usable
information. Up to EXACT heads are ablated one by one, a forward of the loss each. Of more, all are estimated first by
attribution patching (Syed et al. 2023, arXiv 2310.10348): the first-order change of the loss, one forward and one
backward for all heads. The LARGEST estimates are then replaced by ablations. An estimate misses heads whose attention
is saturated, so of large models a head that isn't named may be needed all the same.

Shape suffixes: B batch, T tokens, D heads * head size, H heads (layer * heads + head), N decisions.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from perception.contexts import context_cache, encode_contexts
from perception.deciding import decide
from perception.head_map import HeadMap, addresses
from perception.language import read_answered
from perception.model import Model
from perception.packing import Decision, Packed, pack
from training.heads.head_probes import ProbeLoss
from training.heads.score import Probe
from training.heads.swaps import LEAST_GAIN, measured
from training.heads.usable import UsableLoss, joined
from training.heads.usable_information import Beliefs, calibrate

EXACT = 64  # so many heads are all ablated
LARGEST = 16  # of more, so many with the largest estimates


class AnswerProbability(ProbeLoss):
    """The mean probability of the right answers' tokens, as a fraction of 1."""

    @property
    def masks(self) -> list[list[Tensor]]:
        return [_real(packed, self._caches is not None) for packed in self.batches]

    def __call__(self, net: PreTrainedModel) -> Tensor:
        return torch.stack(list(self.terms(net))).sum()

    def terms(self, net: PreTrainedModel) -> Iterator[Tensor]:
        """What each batch adds to it, with gradient, in turn."""
        for packed, cache in zip(self.batches, self.caches(net), strict=True):
            logits_NV = decide(net, packed, cache)
            fine = logits_NV if logits_NV.dtype == torch.float64 else logits_NV.float()
            yield fine.softmax(-1).gather(1, packed.target_N[:, None]).sum() / self.total


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
def head_ablated(net: PreTrainedModel, layer: int, head: int, masks: Sequence[Sequence[Tensor]]) -> Iterator[None]:
    """Mean ablation: a head's z becomes its mean over a forward's real tokens.

    masks: (B, T) bool for each forward of a loss, batch by batch: which tokens are real.
    """
    at: HeadMap = addresses(net)
    each = [mask_BT for some in masks for mask_BT in some]
    forward = 0
    part = slice(head * at.head_dim, (head + 1) * at.head_dim)

    def flatten(_module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        nonlocal forward
        z_BTD, mask_BT = inputs[0].clone(), each[forward % len(each)]
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
        self.masks = [_real(batch.packed, batch.cache is not None) for batch in loss.batches]

    def __call__(self, net: PreTrainedModel) -> Tensor:
        return self._loss.of(joined(list(self._beliefs(net))))

    def terms(self, net: PreTrainedModel) -> Iterator[Tensor]:
        """What each batch adds to it, with gradient, in turn; biases and scale are fitted on all of them before."""
        with torch.no_grad():
            fitted = self._loss.held or calibrate(joined(list(self._beliefs(net))))
        for beliefs in self._beliefs(net):
            yield fitted.each(beliefs).sum() / self.total

    def _beliefs(self, net: PreTrainedModel) -> Iterator[Beliefs]:
        for batch in self._loss.batches:
            yield batch.beliefs(net, contexts=batch.cache or context_cache(net, batch.packed))


Level = UsableLevel | AnswerProbability
Models = tuple[PreTrainedModel, PreTrainedModel]  # before, after


def estimated_levels(net: PreTrainedModel, level: Level) -> list[float]:
    """`level` without each head in turn, to first order: its gradient at every z times the way of z to its mean.

    Costs a forward and a backward for all heads together.
    """
    at, mode = addresses(net), net.training
    whole, change_LH = 0.0, torch.zeros(at.layers, at.heads, dtype=torch.float64)
    net.eval()
    try:
        with torch.enable_grad(), _z_watched(at) as z_by_layer:
            for term, masks in zip(level.terms(net), level.masks, strict=True):
                slopes = torch.autograd.grad(term, [z for some in z_by_layer for z in some], allow_unused=True)
                places = [(layer, forward) for layer in range(at.layers) for forward in range(len(masks))]
                for (layer, forward), slope_BTD in zip(places, slopes, strict=True):
                    if slope_BTD is not None:  # nothing reads what the last layer makes of a context
                        z_BTD = z_by_layer[layer][forward]
                        change_LH[layer] += _first_order(z_BTD.detach(), slope_BTD, masks[forward], at.heads)
                for z_FBTD in z_by_layer:
                    z_FBTD.clear()
                whole += float(term.detach())
    finally:
        net.train(mode)
    return [whole + change for change in change_LH.flatten().tolist()]


def _first_order(z_BTD: Tensor, slope_BTD: Tensor, mask_BT: Tensor, heads: int) -> Tensor:
    """(H,) float64: what going from z to its mean over real tokens does, by the slope."""
    z_ND, slope_ND = z_BTD[mask_BT].double(), slope_BTD[mask_BT].double()
    return ((z_ND.mean(0) - z_ND) * slope_ND).unflatten(1, (heads, -1)).sum((0, 2)).cpu()


@contextmanager
def _z_watched(at: HeadMap) -> Iterator[list[list[Tensor]]]:
    """Each layer's z (B, T, D) of every forward, in turn, as parts of the graph."""
    z_by_layer: list[list[Tensor]] = [[] for _ in range(at.layers)]

    def watch(layer: int, _module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        z_BTD = inputs[0] if inputs[0].requires_grad else inputs[0].detach().requires_grad_()
        if torch.is_grad_enabled():  # not while biases and scale are fitted
            z_by_layer[layer].append(z_BTD)
        return (z_BTD, *inputs[1:])

    names = [at.projections[layer]["o"].parameter.removesuffix(".weight") for layer in range(at.layers)]
    handles = [
        at.model.get_submodule(name).register_forward_pre_hook(partial(watch, layer))
        for layer, name in enumerate(names)
    ]
    try:
        yield z_by_layer
    finally:
        for handle in handles:
            handle.remove()


def ablated_levels(net: PreTrainedModel, level: Level, heads: Iterable[int]) -> list[float]:
    """`level` without each of these heads in turn; costs a forward per head."""
    at = addresses(net)
    ablated = []
    for h in heads:
        with head_ablated(net, *divmod(h, at.heads), level.masks):
            ablated.append(measured(net, level))
    return ablated


def needs(
    before: PreTrainedModel, after: PreTrainedModel, wanted: UsableLoss, other: AnswerProbability | None
) -> dict[str, list[float]]:
    """What the ablation of each head in both models costs, one number per head.

    behaviour: the part of the gain in usable information that is gone, 1 - (gain without the head) / gain; NaN without
    a gain. mundane: the relative loss of the other answers' probability, the smaller one of both models ([] where there
    are none); of them nothing is learned, a base rate neither.
    """
    models = (before, after)
    behaviour = _lost_behaviour(models, UsableLevel(wanted))
    return {"behaviour": behaviour, "mundane": [] if other is None else _lost_answers(models, other)}


def _lost_behaviour(models: Models, level: UsableLevel) -> list[float]:
    old, new = (measured(net, level) for net in models)

    def lost(old_H: Sequence[float], new_H: Sequence[float]) -> list[float]:
        return [1 - (o - n) / (old - new) for o, n in zip(old_H, new_H, strict=True)]

    at = addresses(models[0])
    return _costs(models, level, lost) if old - new > LEAST_GAIN else [float("nan")] * (at.layers * at.heads)


def _lost_answers(models: Models, level: AnswerProbability) -> list[float]:
    old, new = (max(measured(net, level), 1e-9) for net in models)

    def lost(old_H: Sequence[float], new_H: Sequence[float]) -> list[float]:
        return [min(1 - o / old, 1 - n / new) for o, n in zip(old_H, new_H, strict=True)]

    return _costs(models, level, lost)


def _costs(models: Models, level: Level, lost: Callable[[list[float], list[float]], list[float]]) -> list[float]:
    """What `lost` makes of both models' levels without each head; see the module's docstring."""
    at = addresses(models[0])
    heads = range(at.layers * at.heads)
    if len(heads) <= EXACT:
        return lost(*(ablated_levels(net, level, heads) for net in models))
    costs = lost(*(estimated_levels(net, level) for net in models))
    largest = sorted(heads, key=lambda h: -costs[h])[:LARGEST]
    exact = lost(*(ablated_levels(net, level, largest) for net in models))
    for h, cost in zip(largest, exact, strict=True):
        costs[h] = cost
    return costs
