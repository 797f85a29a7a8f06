"""Activation patching between two models of one shape: what is a head's output worth?

The output that a set S of heads has in one model replaces its output in the other, at every token, also in the context.
All else stays in place. M0 is the model before training, M1 the model after. L is the mean loss on fixed decisions.

insert (denoising) patches trained outputs into the untrained model: [L(M0) - L(M0; S from M1)] / gain.
remove (noising) patches untrained outputs into the trained model: [L(M1; S from M0) - L(M1)] / gain.
gain = L(M0) - L(M1). The remove of all heads and all else together is 1 (docs/measurement.md).

Sets of heads, and swaps of weights instead of outputs: `training.heads.head_sets`.

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

from perception.head_map import HeadMap, addresses, head_outputs
from training.heads.gain_allocation import same_shape
from training.heads.head_probes import ProbeLoss

LEAST_GAIN = 1e-4  # nats; a smaller gain is not shared out
Head = tuple[int, int]  # layer, head


@dataclass(frozen=True)
class PatchingEffects:
    """insert, remove: shares of the gain per head, layer by layer; all 0 if there is no gain. gain: nats."""

    gain: float
    insert: tuple[float, ...]
    remove: tuple[float, ...]


class ActivationCache:
    """Activations of a model on the decisions of a loss: what every head hands to its output matrix, by forward."""

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
    """The loss of `net` when these heads write what they write in the cache's model. `net` is left as it was."""
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


def patch_every_head(
    before: PreTrainedModel, after: PreTrainedModel, loss: ProbeLoss
) -> Iterator[tuple[int, PatchingEffects | None]]:
    """Insert and remove every head by itself. Yields (heads done, None) after each swap, and the result at the end.

    Costs two forwards of the loss per head. Neither model may change until the iterator is exhausted. Raises ValueError
    if the models differ in shape.
    """
    same_shape(before, after)
    old = ActivationCache(before, loss)
    yield 0, None
    new = ActivationCache(after, loss)
    yield 0, None
    gain, at = old.loss - new.loss, old.heads
    count = at.layers * at.heads
    if gain <= LEAST_GAIN:
        yield count, PatchingEffects(gain, (0.0,) * count, (0.0,) * count)
        return
    insert, remove = [], []
    for index in range(count):
        head = divmod(index, at.heads)
        insert.append((old.loss - swapped_loss(before, loss, [head], new)) / gain)
        yield index, None
        remove.append((swapped_loss(after, loss, [head], old) - new.loss) / gain)
        yield index + (index + 1 < count), None
    yield count, PatchingEffects(gain, tuple(insert), tuple(remove))
