"""Activation patching between two models of one shape: what is a unit's output worth?

A unit is a head or a layer's MLP (`perception.units`). The output that a set S of units has in one model replaces its
output in the other, at every token, also in the context. An MLP's output is what it writes to the residual stream.
All else stays in place. M0 is the model before training, M1 the model after. L is the mean loss on fixed decisions.

insert (denoising) patches trained outputs into the untrained model: [L(M0) - L(M0; S from M1)] / gain.
remove (noising) patches untrained outputs into the trained model: [L(M1; S from M0) - L(M1)] / gain.
gain = L(M0) - L(M1). The remove of all units and all else together is 1 (docs/measurement.md).

Sets of units, and swaps of weights instead of outputs: `training.heads.head_sets`.

Shape suffixes: B batch, T tokens, H heads, D head size, M hidden size.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from perception.head_map import HeadMap, addresses, head_outputs
from perception.mlp_map import mlps
from perception.units import Unit, is_mlp
from training.heads.gain_allocation import HeldOut, same_shape

LEAST_GAIN = 1e-4  # nats; a smaller gain is not shared out


@dataclass(frozen=True)
class PatchingEffects:
    """insert, remove: shares of the gain per head, layer by layer; all 0 if there is no gain. gain: nats."""

    gain: float
    insert: tuple[float, ...]
    remove: tuple[float, ...]


class ActivationCache:
    """Activations of a model on the decisions of a loss, by forward: what every head hands to its output matrix.

    with_mlps: also what every MLP writes.
    """

    def __init__(self, net: PreTrainedModel, loss: HeldOut, with_mlps: bool = False) -> None:
        self.heads = addresses(net)
        layers = range(self.heads.layers)
        self.z: list[list[Tensor]] = [[] for _ in layers]  # per layer and forward: (B, T, H * D)
        self.mlps: list[list[Tensor]] = [[] for _ in layers]  # the same: (B, T, M)
        with _hooked(self.heads, layers, self._keep), _hooked_mlps(net, layers if with_mlps else (), self._keep_mlp):
            self.loss = measured(net, loss)

    def _keep(self, layer: int, _out: nn.Module, inputs: tuple[Any, ...], _written: Tensor) -> None:
        self.z[layer].append(inputs[0].detach())

    def _keep_mlp(self, layer: int, _mlp: nn.Module, _inputs: tuple[Any, ...], written: Any) -> None:
        self.mlps[layer].append(_tensor(written).detach().clone())  # some models add to it in place

    def written(self, layer: int, forward: int, heads: Sequence[int]) -> Tensor:
        """(B, T, M) what these heads write together."""
        return _written(self.heads, layer, self.z[layer][forward], heads)


def _written(at: HeadMap, layer: int, z_BT: Tensor, heads: Sequence[int]) -> Tensor:
    chosen = list(heads)
    z_BTHD = z_BT.unflatten(-1, (at.heads, at.head_dim))[..., chosen, :]
    return head_outputs(z_BTHD, at.weight(layer, "o").detach()[chosen]).sum(-2)


def _tensor(output: Any) -> Tensor:
    """What a module writes; experts return their router's logits beside it."""
    written: Tensor = output[0] if isinstance(output, tuple) else output
    return written


def swapped_loss(net: PreTrainedModel, loss: HeldOut, units: Sequence[Unit], cache: ActivationCache) -> float:
    """The loss of `net` when these units write what they write in the cache's model. `net` is left as it was.

    For MLPs the cache must have been made with them.
    """
    at = addresses(net)
    heads: dict[int, list[int]] = {}
    for layer, head in units:
        if head < at.heads:
            heads.setdefault(layer, []).append(head)
    forwards = dict.fromkeys(heads, 0)
    mlp_forwards = {layer: 0 for layer, column in units if is_mlp((layer, column), at.heads)}

    def swap(layer: int, _out: nn.Module, inputs: tuple[Any, ...], written_BTM: Tensor) -> Tensor:
        own = _written(at, layer, inputs[0].detach(), heads[layer])
        other = cache.written(layer, forwards[layer], heads[layer])
        forwards[layer] += 1
        return written_BTM + (other - own)

    def swap_mlp(layer: int, _mlp: nn.Module, _inputs: tuple[Any, ...], written: Any) -> Any:
        other = cache.mlps[layer][mlp_forwards[layer]].clone()
        mlp_forwards[layer] += 1
        return (other, *written[1:]) if isinstance(written, tuple) else other

    with _hooked(at, heads, swap), _hooked_mlps(net, mlp_forwards, swap_mlp):
        return measured(net, loss)


@torch.no_grad()
def measured(net: PreTrainedModel, loss: HeldOut) -> float:
    """The loss in eval mode, without gradient; the mode is put back."""
    mode = net.training
    net.eval()
    try:
        return float(loss(net))
    finally:
        net.train(mode)


def _hooked(at: HeadMap, layers: Iterable[int], hook: Any) -> AbstractContextManager[None]:
    """`hook(layer, module, inputs, output)` after the output matrix of each of these layers."""
    names = {layer: at.projections[layer]["o"].parameter.removesuffix(".weight") for layer in layers}
    return _hooks({layer: at.model.get_submodule(name) for layer, name in names.items()}, hook)


def _hooked_mlps(net: PreTrainedModel, layers: Iterable[int], hook: Any) -> AbstractContextManager[None]:
    """`hook(layer, module, inputs, output)` after the MLP of each of these layers."""
    chosen = list(layers)
    every = mlps(net) if chosen else ()
    return _hooks({layer: every[layer].output for layer in chosen}, hook)


@contextmanager
def _hooks(modules: Mapping[int, nn.Module], hook: Any) -> Iterator[None]:
    handles = [module.register_forward_hook(partial(hook, layer)) for layer, module in modules.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def patch_every_head(
    before: PreTrainedModel, after: PreTrainedModel, loss: HeldOut
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
