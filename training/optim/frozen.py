"""The context-frozen step: contexts are encoded without gradient; question and answer tokens learn against them.

`frozen_step` is the whole of it: contexts, decisions and a model in, loss and gradients out. Exact: they equal those of
a full forward in which every context key and value is detached; tests/training/optim/test_frozen_step.py compares the
two. `accumulate` is its core, part by part: training.teach goes through the same one. `full_loss` is the ordinary
gradient through everything, for comparison.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import DynamicCache, PreTrainedModel

from perception.contexts import context_cache, encode_contexts, runs_whole
from perception.deciding import decide, decide_at_once
from perception.head_map import addresses
from perception.mlp_map import mlps
from perception.packing import Decision, Packed, check_decisions, check_length, pack
from training.optim.nested import copied, floats
from training.optim.ranks import agreed, is_sharded, local
from training.optim.restricted import Restriction

TRAINABLE = ("q", "attention", "mlps", "all")
PRECISIONS = ("float32", "bfloat16")


def choose_parameters(net: PreTrainedModel, train: str) -> list[torch.nn.Parameter]:
    """Mark what trains (requires_grad) and return it, in the model's order.

    q: query projections; attention: q, k, v, o; mlps: every layer's MLP; all: everything but what a handful of lessons
    about few words would bend for all: the embeddings of words and positions, and the output embeddings with their
    bias. Where q, k, v are one fused matrix (GPT-2), `q` trains that matrix. Raises ValueError for another word. Chosen
    heads alone: `training.optim.restricted`.
    """
    if train not in TRAINABLE:
        raise ValueError(f"--train {train}: unknown; choose {', '.join(TRAINABLE)}")
    wanted = _named(net, train)
    tables = [module for module in net.modules() if isinstance(module, torch.nn.Embedding)]
    stays = {id(p) for module in (*tables, net.get_output_embeddings()) for p in module.parameters()}
    chosen = []
    for name, parameter in net.named_parameters():
        learns = id(parameter) not in stays if train == "all" else name in wanted
        parameter.requires_grad_(learns)
        if learns:
            chosen.append(parameter)
    return chosen


def _named(net: PreTrainedModel, train: str) -> set[str]:
    """The parameters, by name, that `train` names by their place."""
    if train == "mlps":
        return {name for mlp in mlps(net) for name in mlp.parameters}
    matrices = ("q",) if train == "q" else ("q", "k", "v", "o")
    wanted = {row[matrix].parameter for row in addresses(net).projections for matrix in matrices}
    return wanted | {name.removesuffix("weight") + "bias" for name in wanted}


def deal(
    contexts: Sequence[Sequence[int]], decisions: Sequence[Decision], parts: int
) -> list[tuple[Sequence[Sequence[int]], list[Decision]]]:
    """Contexts in `parts` runs of about equal length, each with the decisions about them, numbered anew.

    Raises ValueError unless every part gets a context.
    """
    if not 1 <= parts <= len(contexts):
        raise ValueError(f"--parts {parts}: must be from 1 to the number of scenes, {len(contexts)}")
    ends = [part * len(contexts) // parts for part in range(parts + 1)]
    return [
        (contexts[a:b], [replace(d, context=d.context - a) for d in decisions if a <= d.context < b])
        for a, b in pairwise(ends)
    ]


def arithmetic(net: PreTrainedModel, precision: str) -> torch.autocast:
    """A block in which matrices are multiplied in `precision`; weights, gradients and optimizer state stay as they are.

    Raises ValueError for another word than float32 and bfloat16.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"--precision {precision}: unknown; choose {', '.join(PRECISIONS)}")
    # Without autocast's memory of cast weights: what was cast where no gradient is kept must not serve where one is.
    return torch.autocast(net.device.type, torch.bfloat16, enabled=precision == "bfloat16", cache_enabled=False)


@contextmanager
def without_checkpointing(net: PreTrainedModel) -> Iterator[None]:
    """A block in which no layer of the net recomputes its activations (gradient checkpointing); as before after it.

    A checkpointed layer takes no cache, and a decision against a cache has no context to recompute.
    """
    modules = [module for module in net.modules() if getattr(module, "gradient_checkpointing", False) is True]
    for module in modules:
        module.gradient_checkpointing = False
    try:
        yield
    finally:
        for module in modules:
            module.gradient_checkpointing = True


def loss_of(logits_NV: Tensor, packed: Packed) -> Tensor:
    """Mean cross-entropy (nats) over the answers' tokens."""
    return cross_entropy(logits_NV if logits_NV.dtype == torch.float64 else logits_NV.float(), packed.target_N)


def frozen_loss(net: PreTrainedModel, packed: Packed, cache: DynamicCache | None = None) -> Tensor:
    """Loss of packed decisions against frozen contexts; backward() gives the context-frozen gradient.

    cache: contexts encoded before (with older weights, if the caller reuses it); it is not changed.
    """
    with without_checkpointing(net):
        return loss_of(decide(net, packed, cache or encode_contexts(net, packed)), packed)


def full_loss(net: PreTrainedModel, packed: Packed) -> Tensor:
    """The same loss with gradient through the contexts too.

    Of weights in shards in one forward, whose backward pass goes through every layer's end: there it is made whole.
    """
    check_length(net, packed)
    with without_checkpointing(net):
        if runs_whole(net):
            return loss_of(decide_at_once(net, packed), packed)
        cache = context_cache(net, packed)
        return loss_of(decide(net, packed, cache), packed)


class Contexts(Protocol):
    """What gives packs' contexts, read by a model whose weights don't change. No cache of it may be changed."""

    def read(self, packed: Packed) -> DynamicCache:
        """The contexts' keys and values, as `encode_contexts` gives them."""


def accumulate(
    net: PreTrainedModel,
    packs: Sequence[Packed],
    caches: list[DynamicCache | None] | None = None,
    precision: str = "float32",
    full: bool = False,
    reader: PreTrainedModel | None = None,
    answers: float | None = None,
    contexts: Contexts | None = None,
) -> Iterator[Tensor]:
    """Add the gradient of one pack after the other to .grad; after each one the loss so far (nats, 0-dim).

    Each pack weighs as many answers as it holds: gradient and last loss don't depend on how many packs there are.
    caches: one a pack, to be reused; None in it is replaced by what is encoded here. full: gradient through the
    contexts, too, without caches. reader: the net that reads the contexts, by default this one. answers: what
    they are counted against, if not the packs' own number of them.
    contexts: what gives a pack's contexts instead, one pack after the other.
    """
    total = torch.zeros((), device=net.device)
    targets = answers or sum(len(packed.target_N) for packed in packs)
    for index, packed in enumerate(packs):
        with arithmetic(net, precision):
            cache = None if caches is None else caches[index]
            if contexts is not None:
                cache = contexts.read(packed)
            elif cache is None and (caches is not None or reader is not None) and not full:
                with without_checkpointing(reader or net):
                    cache = encode_contexts(reader or net, packed)
                if caches is not None:
                    caches[index] = cache
            loss = full_loss(net, packed) if full else frozen_loss(net, packed, cache)
        loss = loss * (len(packed.target_N) / targets)
        loss.backward()
        total = total + loss.detach()
        yield total


class Broken(ValueError):
    """A step whose loss, gradient or outcome was not finite; weights and optimizer state are as they were before it."""


@dataclass(frozen=True)
class Step:
    """What a step found: loss (nats), gradients by parameter name (the parameters' own .grad), caches to reuse."""

    loss: float
    gradients: dict[str, Tensor]
    caches: tuple[DynamicCache, ...]


def frozen_step(
    net: PreTrainedModel,
    contexts: Sequence[Sequence[int]],
    decisions: Sequence[Decision],
    *,
    parts: int = 1,
    caches: Sequence[DynamicCache] | None = None,
    precision: str = "float32",
    reader: PreTrainedModel | None = None,
) -> Step:
    """Loss and gradients of decisions (question, answer; loss on the answer's tokens) about contexts, as token ids.

    Gradients are of what has requires_grad (`choose_parameters`), with every context key and value held constant. They
    replace what .grad held. Contexts and decisions may have any lengths. parts: gradient accumulation, the activations
    of one part in memory at a time; the result is the same. caches: of an earlier step on the same contexts and parts;
    they are not changed, and what their age costs is in docs/RESULTS.md. reader: the net that reads the contexts; by
    default this one.
    Raises ValueError for an empty context or decision, one longer than the model's window, or weights that are not
    finite, before anything changes; Broken, with no gradients left, if loss or gradient is not finite.
    """
    check_weights(net)
    packs = _packs(net, contexts, decisions, parts)
    arithmetic(net, precision)  # refuses an unknown one
    reused = list(caches) if caches else [None] * len(packs)
    if len(reused) != len(packs):
        raise ValueError(f"caches: {len(reused)} of them for {len(packs)} parts; give those of the same contexts")
    learning = {name: p for name, p in net.named_parameters() if p.requires_grad}
    net.zero_grad()
    *_, total = accumulate(net, packs, reused, precision, reader=reader)
    try:
        check_finite(total, learning.values())
    except Broken:
        net.zero_grad()
        raise
    return Step(
        float(total), {n: p.grad for n, p in learning.items() if p.grad is not None}, tuple(filter(None, reused))
    )


def _packs(
    net: PreTrainedModel, contexts: Sequence[Sequence[int]], decisions: Sequence[Decision], parts: int
) -> list[Packed]:
    """The parts of a step that have decisions, checked, on the net's device."""
    check_decisions(contexts, decisions)
    dealt = [part for part in deal(contexts, decisions, parts) if part[1]]
    if not dealt:
        raise ValueError("a step needs at least one decision")
    packs = [pack(*part, net.dtype).to(net.device) for part in dealt]
    for packed in packs:
        check_length(net, packed)
    return packs


def check_weights(net: PreTrainedModel) -> None:
    """Raise ValueError, naming the parameter, if a weight is NaN or infinite."""
    named = list(net.named_parameters())
    if _finite([parameter.detach() for _, parameter in named]):
        return
    for name, parameter in named:
        if not parameter.isfinite().all():
            raise ValueError(f"{name} holds NaN or infinity; nothing was learned, load the model anew")


def check_finite(loss: Tensor, parameters: Iterable[torch.nn.Parameter]) -> None:
    """Raise Broken before anything is changed, if the loss or a gradient is not finite."""
    if not _finite([loss.detach(), *(p.grad for p in parameters if p.grad is not None)]):
        raise Broken("the step's loss or gradient is not finite; it was left out, the weights are as before")


def _finite(tensors: Iterable[Tensor]) -> bool:
    """Whether all are finite: one number comes back from a GPU, whatever their number and size.

    A tensor whose sum of squares overflows counts as infinite: an optimizer's second moments would be. Of sharded
    tensors every process looks at its own part, and all of them come to the same answer.
    """
    all_tensors = list(tensors)
    parts = local([tensor.detach() for tensor in all_tensors])
    norms = torch._foreach_norm([part for part in parts if part.numel()])
    fine = torch.stack([norm.to(norms[0]) for norm in norms]).isfinite().all()
    return bool(agreed(fine) if any(map(is_sharded, all_tensors)) else fine)


def guarded_step(optimizer: torch.optim.Optimizer, loss: Tensor, restriction: Restriction | None = None) -> None:
    """The optimizer's step, or none: if loss, gradient, or what comes of them is not finite, Broken is raised.

    restriction: what of the weights stands still or is slowed; its parameters are the optimizer's, in their order.

    Weights and optimizer state are then bit for bit what they were, also after any other error. They are copied for as
    long as the step lasts, when the activations are gone already: the peak of memory stays where it was.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    if restriction is not None:
        restriction.mask()
    check_finite(loss, parameters)
    weights = [p.detach().clone() for p in parameters]
    state = copied(optimizer.state_dict())
    try:
        optimizer.step()
        if restriction is not None:
            restriction.slow(weights)
        if not _finite([*parameters, *floats(optimizer.state_dict()["state"])]):
            raise Broken(
                "the optimizer's step gave weights or a state that are not finite; both are as before, lower the rate"
            )
    except BaseException:
        torch._foreach_copy_(local([p.data for p in parameters]), local(weights))
        optimizer.load_state_dict(state)
        raise
