"""Causal weight of heads: their outputs swapped between two models of one shape, everything else left in place.

remove_S = [L(M1) - L(M1; S from M0)] / G, insert_S = [L(M0; S from M1) - L(M0)] / G, G = L(M1) - L(M0), with L the
mean loss on fixed decisions (MEASUREMENT.md, causal, output swap). What a head writes in the other model's own
forward replaces what it writes here, at every token, the context's too. remove of all heads and the rest is 1.
Any set of heads, weights as well as outputs: `training.heads.head_sets`.

Shape suffixes: B batch, T tokens, H heads, D head size, M hidden size.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from perception.addresses import HeadMap, addresses, head_outputs
from training.heads.gain_allocation import same_shape
from training.heads.head_probes import ProbeLoss

LEAST_GAIN = 1e-4  # nats: a gain below is no gain that could be shared out
Head = tuple[int, int]  # layer, head


@dataclass(frozen=True)
class Causal:
    """insert, remove: shares of the gain per head, layer by layer; all 0 if there is no gain. gain: nats."""

    gain: float
    insert: tuple[float, ...]
    remove: tuple[float, ...]


class ActivationCache:
    """What every head of a model hands to its output matrix, forward after forward, on the decisions of a loss."""

    def __init__(self, net: PreTrainedModel, loss: ProbeLoss) -> None:
        self.heads = addresses(net)
        self.z: list[list[Tensor]] = [[] for _ in range(self.heads.layers)]  # per layer and forward: (B, T, H * D)
        with _hooked(self.heads, range(self.heads.layers), self._keep):
            self.loss = measured(net, loss)

    def _keep(self, layer: int, _out: nn.Module, inputs: tuple[Any, ...], _written: Tensor) -> None:
        self.z[layer].append(inputs[0].detach())

    def written(self, layer: int, forward: int, heads: Sequence[int]) -> Tensor:
        """(B, T, M) what these heads write together."""
        return _written(self.heads, layer, self.z[layer][forward], heads)


def _written(at: HeadMap, layer: int, z_BT: Tensor, heads: Sequence[int]) -> Tensor:
    chosen = list(heads)
    z_BTHD = z_BT.unflatten(-1, (at.heads, at.head_dim))[..., chosen, :]
    return head_outputs(z_BTHD, at.weight(layer, "o").detach()[chosen]).sum(-2)


def swapped_loss(net: PreTrainedModel, loss: ProbeLoss, heads: Sequence[Head], cache: ActivationCache) -> float:
    """The loss of `net` when these heads write what they write in the tape's model. `net` is left as it was."""
    at = addresses(net)
    by_layer = {layer: [h for one, h in heads if one == layer] for layer in sorted({layer for layer, _ in heads})}
    forwards = dict.fromkeys(by_layer, 0)

    def swap(layer: int, _out: nn.Module, inputs: tuple[Any, ...], written_BTM: Tensor) -> Tensor:
        own = _written(at, layer, inputs[0].detach(), by_layer[layer])
        other = cache.written(layer, forwards[layer], by_layer[layer])
        forwards[layer] += 1
        return written_BTM + (other - own)

    with _hooked(at, by_layer, swap):
        return measured(net, loss)


@torch.no_grad()
def measured(net: PreTrainedModel, loss: ProbeLoss) -> float:
    """The loss in eval mode, without gradient; the mode is put back."""
    mode = net.training
    net.eval()
    try:
        return float(loss(net))
    finally:
        net.train(mode)


@contextmanager
def _hooked(at: HeadMap, layers: Any, hook: Any) -> Iterator[None]:
    """`hook(layer, module, inputs, output)` after the output matrix of each of these layers."""
    handles = []
    for layer in layers:
        name = at.projections[layer]["o"].parameter.removesuffix(".weight")
        module = at.model.get_submodule(name)
        handles.append(module.register_forward_hook(partial(hook, layer)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def causal(before: PreTrainedModel, after: PreTrainedModel, loss: ProbeLoss) -> Iterator[tuple[int, Causal | None]]:
    """Every head by itself, inserted and removed: yields (heads done, None) after each swap, at last with the result.

    Costs two forwards of the loss a head. Neither model may change until it is exhausted. Raises ValueError if the
    models differ in shape.
    """
    same_shape(before, after)
    old = ActivationCache(before, loss)
    yield 0, None
    new = ActivationCache(after, loss)
    yield 0, None
    gain, at = old.loss - new.loss, old.heads
    count = at.layers * at.heads
    if gain <= LEAST_GAIN:
        yield count, Causal(gain, (0.0,) * count, (0.0,) * count)
        return
    insert, remove = [], []
    for index in range(count):
        head = divmod(index, at.heads)
        insert.append((old.loss - swapped_loss(before, loss, [head], new)) / gain)
        yield index, None
        remove.append((swapped_loss(after, loss, [head], old) - new.loss) / gain)
        yield index + (index + 1 < count), None
    yield count, Causal(gain, tuple(insert), tuple(remove))
