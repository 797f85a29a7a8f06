"""Swaps of sets of units between two models of one shape, by outputs or by weights; and which sets to swap.

A unit is a head or a layer's MLP (`perception.units`). insert is denoising, remove is noising: `training.heads.swaps`
has the formulae. A weight swap moves the heads' slices of W_Q, W_K, W_V and W_O, and all parameters of the MLPs; later
layers then compute with what follows from them. Under grouped-query attention every head first gets its own copy of its
group's K and V, so that it can be swapped without its neighbours. Where that can't be (keys that are normed together,
matrices that hold Q, K and V in one), a group's K and V go along with any of its heads. Norms, embeddings and biases of
attention are the rest.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any, Literal

import msgspec
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from perception.contexts import KEY_HEADS
from perception.head_map import MATRICES, HeadMap, addresses
from perception.mlp_map import Mlp, mlps
from perception.units import Unit, every_unit, is_mlp, unit_name
from training.headlog.records import Swap
from training.heads.gain_allocation import HeldOut, same_shape
from training.heads.swaps import LEAST_GAIN, ActivationCache, measured, swapped_loss

What = Literal["output", "weight"]
DIRECTIONS = ("insert", "remove")


class Shift(msgspec.Struct, frozen=True):
    """What swapping one set does to the loss, in nats.

    insert = L(M0) - L(M0; S from M1), remove = L(M1; S from M0) - L(M1), gain = L(M0) - L(M1). insert and remove are
    None where they were not measured. heads: the units; column H is a layer's MLP.
    """

    what: What
    name: str
    heads: tuple[Unit, ...]
    gain: float
    insert: float | None
    remove: float | None
    decisions: int

    def shares(self) -> Swap:
        """The same as shares of the gain: None for both without one (LEAST_GAIN)."""
        shares = {
            name: None if value is None or not self.gain > LEAST_GAIN else value / self.gain
            for name, value in (("insert", self.insert), ("remove", self.remove))
        }
        return Swap(what=self.what, name=self.name, heads=self.heads, decisions=self.decisions, **shares)


def each_swap(
    before: PreTrainedModel,
    after: PreTrainedModel,
    loss: HeldOut,
    sets: Sequence[tuple[str, Sequence[Unit]]],
    what: What = "output",
    directions: Sequence[str] = DIRECTIONS,
    rest: bool = False,
) -> Iterator[Swap]:
    """`each_shift` as shares of the gain."""
    return (shift.shares() for shift in each_shift(before, after, loss, sets, what, directions, rest))


def each_shift(
    before: PreTrainedModel,
    after: PreTrainedModel,
    loss: HeldOut,
    sets: Sequence[tuple[str, Sequence[Unit]]],
    what: What = "output",
    directions: Sequence[str] = DIRECTIONS,
    rest: bool = False,
) -> Iterator[Shift]:
    """Swap one named set after the other. It costs a forward of the loss per set and direction, and two before them.

    loss: one that fits itself (`UsableLoss`) is fitted anew for each swapped model. rest: everything that belongs to no
    unit is swapped too (only with weights). Neither model is changed, and neither may change meanwhile. Raises
    ValueError for models of different shape, a unit that isn't there, and unknown words.
    """
    if what not in ("output", "weight") or not set(directions) <= set(DIRECTIONS):
        raise ValueError(f"swap: {what} {', '.join(directions)}: unknown; choose output or weight, insert and remove")
    if rest and what != "weight":
        raise ValueError("swap: the rest goes along with weights only; choose weight")
    same_shape(before, after)
    at = addresses(before)
    for name, units in sets:
        if not all(0 <= layer < at.layers and 0 <= column <= at.heads for layer, column in units):
            raise ValueError(f"swap {name}: a head is not among {at.layers} x {at.heads}")
    with_mlps = any(is_mlp(unit, at.heads) for _name, units in sets for unit in units)
    pair = _Outputs(before, after, loss, with_mlps) if what == "output" else _Weights(before, after, loss, rest)
    for name, units in sets:
        chosen = tuple(sorted(set(units)))
        insert = pair.old - pair.insert(chosen) if "insert" in directions else None
        remove = pair.remove(chosen) - pair.new if "remove" in directions else None
        yield Shift(what, name, chosen, pair.old - pair.new, insert, remove, loss.total)


class _Outputs:
    """Losses under output swaps: what units write in the other model's own forward."""

    def __init__(self, before: PreTrainedModel, after: PreTrainedModel, loss: HeldOut, with_mlps: bool) -> None:
        self._before, self._after, self._loss = before, after, loss
        self._caches = ActivationCache(before, loss, with_mlps), ActivationCache(after, loss, with_mlps)
        self.old, self.new = (cache.loss for cache in self._caches)

    def insert(self, units: Sequence[Unit]) -> float:
        return swapped_loss(self._before, self._loss, units, self._caches[1])

    def remove(self, units: Sequence[Unit]) -> float:
        return swapped_loss(self._after, self._loss, units, self._caches[0])


class _Weights:
    """Losses under weight swaps, in copies of both models that are put back after each."""

    def __init__(self, before: PreTrainedModel, after: PreTrainedModel, loss: HeldOut, rest: bool) -> None:
        try:
            self._before, self._after = ungrouped(before), ungrouped(after)
        except ValueError:
            if rest:  # what would be left of a group of which some heads go?
                raise
            self._before, self._after = (copy.deepcopy(net).eval() for net in (before, after))
        self._loss, self._rest = loss, rest
        self.old, self.new = measured(self._before, loss), measured(self._after, loss)

    def insert(self, units: Sequence[Unit]) -> float:
        return self._with(self._before, self._after, units)

    def remove(self, units: Sequence[Unit]) -> float:
        return self._with(self._after, self._before, units)

    @torch.no_grad()
    def _with(self, net: PreTrainedModel, other: PreTrainedModel, units: Sequence[Unit]) -> float:
        state = {name: value.clone() for name, value in net.state_dict().items()}
        try:
            at, layer_mlps = addresses(net), mlps(net)
            source, taken = dict(other.named_parameters()), list(units)
            if self._rest:  # all of the other model, less the units that are not in the set
                net.load_state_dict(other.state_dict())
                source = state
                taken = [unit for unit in every_unit(at.layers, at.heads, True) if unit not in set(units)]
            for unit in taken:
                _take(at, layer_mlps, unit, source)
            return measured(net, self._loss)
        finally:
            net.load_state_dict(state)


def _take(at: HeadMap, layer_mlps: Sequence[Mlp], unit: Unit, source: Mapping[str, Tensor]) -> None:
    """Give one unit of a model its parameters' values in `source`."""
    layer, column = unit
    if is_mlp(unit, at.heads):
        for name in layer_mlps[layer].parameters:
            at.model.get_parameter(name).copy_(source[name])
        return
    for matrix in MATRICES:
        projection = at.projections[layer][matrix]
        place = column // at.group if matrix in ("k", "v") else column
        at.head(layer, matrix, place).copy_(projection.head(source[projection.parameter], place))


def ungrouped(net: PreTrainedModel) -> PreTrainedModel:
    """A copy that computes the same, in which every head has K and V of its own.

    Raises ValueError for a model whose keys can't be given to each head alone.
    """
    copied = copy.deepcopy(net).eval()
    at = addresses(copied)
    if at.group == 1:
        return copied
    if not at.address.fused:
        _ungroup(copied, at)
    if at.address.fused or not _alike(net, copied):
        kind = copied.config.model_type
        raise ValueError(f"swap: heads of a {kind} model share keys that can't be given to each alone; swap outputs")
    return copied


def _ungroup(copied: PreTrainedModel, at: HeadMap) -> None:
    for layer, attention in enumerate(at.attentions):
        for m in ("k", "v"):
            name = at.projections[layer][m].parameter.removesuffix(".weight")
            module: Any = copied.get_submodule(name)
            weight = at.weight(layer, m).detach().repeat_interleave(at.group, dim=0).flatten(0, 1)
            wide = nn.Linear(weight.shape[1], weight.shape[0], module.bias is not None, weight.device, weight.dtype)
            wide.weight.data.copy_(weight)
            if module.bias is not None:
                bias = module.bias.detach().unflatten(0, (at.kv_heads, at.head_dim))
                wide.bias.data.copy_(bias.repeat_interleave(at.group, dim=0).flatten())
            setattr(attention, name.rpartition(".")[2], wide)
        attention.num_key_value_groups = 1  # type: ignore[assignment]
        if hasattr(attention, "num_key_value_heads"):
            attention.num_key_value_heads = at.heads  # type: ignore[assignment]
    copied.config.num_key_value_heads = at.heads
    setattr(copied, KEY_HEADS, at.heads)


@torch.no_grad()
def _alike(net: PreTrainedModel, copied: PreTrainedModel) -> bool:
    """Whether both say the same; keys that are normed together (OLMo 2) have no copies that do."""
    tokens = torch.arange(3, 11, device=net.device)[None] % net.get_input_embeddings().weight.shape[0]
    try:
        return torch.allclose(copied(tokens).logits, net(tokens).logits, rtol=1e-3, atol=1e-3)
    except RuntimeError:  # the norm has another size
        return False


def by_layer(layers: int, heads: int, with_mlps: bool = False) -> list[tuple[str, list[Unit]]]:
    """Each layer's heads together, with its MLP if that counts, as sets named "layer 3"."""
    columns = range(heads + with_mlps)
    return [(f"layer {layer}", [(layer, column) for column in columns]) for layer in range(layers)]


def singly(layers: int, heads: int, with_mlps: bool = False) -> list[tuple[str, list[Unit]]]:
    """Every head by itself, as sets named "head 3.5"; then, if they count, every MLP, as "mlp 3"."""
    units = sorted(every_unit(layers, heads, with_mlps), key=lambda unit: is_mlp(unit, heads))
    return [(("" if is_mlp(unit, heads) else "head ") + unit_name(unit, heads), [unit]) for unit in units]


def random_sets(core: Sequence[Unit], layers: int, heads: int, count: int, seed: int) -> list[tuple[Unit, ...]]:
    """`count` sets with as many heads and as many MLPs in each layer as the core has there, drawn outside the core.

    A layer with too few others gives what it has. What is missing is drawn from all other layers, of the same kind
    while there are any, then of the other kind. A core of heads alone is compared with heads alone. Each set depends
    on the seed and its number alone. Raises ValueError if fewer units lie outside the core than in it.
    """
    inside = set(core)
    with_mlps = any(is_mlp(unit, heads) for unit in inside)
    outside = [unit for unit in every_unit(layers, heads, with_mlps) if unit not in inside]
    if len(outside) < len(inside):
        what = "units" if with_mlps else "heads"
        raise ValueError(f"random sets: {len(outside)} {what} lie outside a core of {len(inside)}; give a smaller core")
    drawn = []
    for number in range(count):
        rng = Random(f"{seed}/random set/{number}")
        chosen: list[Unit] = []
        for kind in (False, True):
            wanted = [unit for unit in sorted(inside) if is_mlp(unit, heads) is kind]
            chosen += _drawn(rng, wanted, [unit for unit in outside if is_mlp(unit, heads) is kind])
        left = [unit for unit in outside if unit not in set(chosen)]
        drawn.append(tuple(sorted(chosen + rng.sample(left, len(inside) - len(chosen)))))
    return drawn


def _drawn(rng: Random, wanted: Sequence[Unit], outside: Sequence[Unit]) -> list[Unit]:
    """As many units of one kind as are wanted, in the same layers while these have any, or all there are."""
    chosen: list[Unit] = []
    for layer in sorted({layer for layer, _ in wanted}):
        there = [unit for unit in outside if unit[0] == layer]
        chosen += rng.sample(there, min(sum(unit[0] == layer for unit in wanted), len(there)))
    left = [unit for unit in outside if unit not in set(chosen)]
    return chosen + rng.sample(left, min(len(wanted) - len(chosen), len(left)))
