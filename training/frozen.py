"""The context-frozen step: contexts are encoded without gradient; question and answer tokens learn against them.

Exact: loss and gradients equal those of a full forward in which every context key and value is detached
(tests/test_frozen.py compares). `full_loss` is the ordinary way, for comparison: gradient through everything.
"""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import DynamicCache, PreTrainedModel

from perception.addresses import addresses
from perception.packing import Packed, decide, encode_contexts

TRAINABLE = ("q", "attention", "all")


def choose_parameters(net: PreTrainedModel, train: str) -> list[torch.nn.Parameter]:
    """Mark what trains (requires_grad) and return it, in the model's order.

    q: query projections; attention: q, k, v, o; all: everything but the embeddings, which a handful of lessons about
    few words would bend for all. Where q, k, v are one fused matrix (GPT-2), `q` trains that matrix.
    Raises ValueError for another word.
    """
    if train not in TRAINABLE:
        raise ValueError(f"--train {train}: unknown; choose {', '.join(TRAINABLE)}")
    projections = addresses(net).projections
    wanted = {row[m].parameter for row in projections for m in (("q",) if train == "q" else ("q", "k", "v", "o"))}
    biases = {name.removesuffix("weight") + "bias" for name in wanted}
    tied = {id(net.get_input_embeddings().weight), id(net.get_output_embeddings().weight)}
    chosen = []
    for name, parameter in net.named_parameters():
        learns = id(parameter) not in tied if train == "all" else name in wanted or name in biases
        parameter.requires_grad_(learns)
        if learns:
            chosen.append(parameter)
    return chosen


def loss_of(logits_NV: Tensor, packed: Packed) -> Tensor:
    """Mean cross-entropy (nats) over the answers' tokens."""
    return cross_entropy(logits_NV if logits_NV.dtype == torch.float64 else logits_NV.float(), packed.target_N)


def frozen_loss(net: PreTrainedModel, packed: Packed, cache: DynamicCache | None = None) -> Tensor:
    """Loss of packed decisions against frozen contexts; backward() gives the context-frozen gradient.

    cache: contexts encoded before (with older weights, if the caller reuses it); it is not changed.
    """
    return loss_of(decide(net, packed, cache or encode_contexts(net, packed)), packed)


def full_loss(net: PreTrainedModel, packed: Packed) -> Tensor:
    """The same loss with gradient through the contexts too."""
    cache = net.base_model(input_ids=packed.context_BC, use_cache=True).past_key_values
    return loss_of(decide(net, packed, cache), packed)


class Broken(ValueError):
    """A step whose loss or gradient was not finite; the weights are as they were before it."""


def check_finite(loss: Tensor, parameters: Iterable[torch.nn.Parameter]) -> None:
    """Raise Broken before anything is changed, if the loss or a gradient is not finite."""
    grads = [p.grad for p in parameters if p.grad is not None]
    total = torch.stack([loss.detach().float(), *torch._foreach_norm(grads)]).sum() if grads else loss
    if not torch.isfinite(total):
        raise Broken("the step's loss or gradient is not finite; it was left out, the weights are as before")
