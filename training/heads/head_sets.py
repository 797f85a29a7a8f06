"""Swaps of sets of heads between two models of one shape, by outputs or by weights; and which sets to swap.

insert is denoising, remove is noising: `training.heads.swaps` has the formulae. A weight swap moves the heads' slices
of W_Q, W_K, W_V and W_O; later layers then compute with what follows from them. Under grouped-query attention every
head first gets its own copy of its group's K and V, so that it can be swapped without its neighbours. Biases, norms and
MLPs are the rest.
"""

import copy
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, Literal

import msgspec
import torch
from torch import nn
from transformers import PreTrainedModel

from perception.head_map import MATRICES, HeadMap, addresses
from training.headlog.records import Swap
from training.heads.gain_allocation import same_shape
from training.heads.head_probes import ProbeLoss
from training.heads.swaps import LEAST_GAIN, ActivationCache, Head, measured, swapped_loss

What = Literal["output", "weight"]
DIRECTIONS = ("insert", "remove")
GREEDY_WIDTH = 8  # heads tried at each step of a greedy search


class Shift(msgspec.Struct, frozen=True):
    """What swapping one set does to the loss, in nats.

    insert = L(M0) - L(M0; S from M1), remove = L(M1; S from M0) - L(M1), gain = L(M0) - L(M1). insert and remove are
    None where they were not measured.
    """

    what: What
    name: str
    heads: tuple[Head, ...]
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
    loss: ProbeLoss,
    sets: Sequence[tuple[str, Sequence[Head]]],
    what: What = "output",
    directions: Sequence[str] = DIRECTIONS,
    rest: bool = False,
) -> Iterator[Swap]:
    """`each_shift` as shares of the gain."""
    return (shift.shares() for shift in each_shift(before, after, loss, sets, what, directions, rest))


def each_shift(
    before: PreTrainedModel,
    after: PreTrainedModel,
    loss: ProbeLoss,
    sets: Sequence[tuple[str, Sequence[Head]]],
    what: What = "output",
    directions: Sequence[str] = DIRECTIONS,
    rest: bool = False,
) -> Iterator[Shift]:
    """Swap one named set after the other. It costs a forward of the loss per set and direction, and two before them.

    rest: everything that is no head's slice is swapped too (only with weights). Neither model is changed, and neither
    may change meanwhile. Raises ValueError for models of different shape, a head that isn't there, and unknown words.
    """
    if what not in ("output", "weight") or not set(directions) <= set(DIRECTIONS):
        raise ValueError(f"swap: {what} {', '.join(directions)}: unknown; choose output or weight, insert and remove")
    if rest and what != "weight":
        raise ValueError("swap: the rest goes along with weights only; choose weight")
    same_shape(before, after)
    at = addresses(before)
    for name, heads in sets:
        if not all(0 <= layer < at.layers and 0 <= head < at.heads for layer, head in heads):
            raise ValueError(f"swap {name}: a head is not among {at.layers} x {at.heads}")
    pair = _Outputs(before, after, loss) if what == "output" else _Weights(before, after, loss, rest)
    for name, heads in sets:
        chosen = tuple(sorted(set(heads)))
        insert = pair.old - pair.insert(chosen) if "insert" in directions else None
        remove = pair.remove(chosen) - pair.new if "remove" in directions else None
        yield Shift(what, name, chosen, pair.old - pair.new, insert, remove, loss.total)


class _Outputs:
    """Losses under output swaps: what heads write in the other model's own forward."""

    def __init__(self, before: PreTrainedModel, after: PreTrainedModel, loss: ProbeLoss) -> None:
        self._before, self._after, self._loss = before, after, loss
        self._caches = ActivationCache(before, loss), ActivationCache(after, loss)
        self.old, self.new = (cache.loss for cache in self._caches)

    def insert(self, heads: Sequence[Head]) -> float:
        return swapped_loss(self._before, self._loss, heads, self._caches[1])

    def remove(self, heads: Sequence[Head]) -> float:
        return swapped_loss(self._after, self._loss, heads, self._caches[0])


class _Weights:
    """Losses under weight swaps, in copies of both models that are put back after each."""

    def __init__(self, before: PreTrainedModel, after: PreTrainedModel, loss: ProbeLoss, rest: bool) -> None:
        self._before, self._after = ungrouped(before), ungrouped(after)
        self._loss, self._rest = loss, rest
        self.old, self.new = measured(self._before, loss), measured(self._after, loss)

    def insert(self, heads: Sequence[Head]) -> float:
        return self._with(self._before, self._after, heads)

    def remove(self, heads: Sequence[Head]) -> float:
        return self._with(self._after, self._before, heads)

    @torch.no_grad()
    def _with(self, net: PreTrainedModel, other: PreTrainedModel, heads: Sequence[Head]) -> float:
        state = {name: value.clone() for name, value in net.state_dict().items()}
        try:
            own, source = addresses(net), addresses(other)
            slices = [(layer, head, m) for layer, head in heads for m in MATRICES]
            if self._rest:  # all of the other model, less the heads that are not in the set
                net.load_state_dict(other.state_dict())
                every = {(layer, head) for layer in range(own.layers) for head in range(own.heads)}
                slices = [(layer, head, m) for layer, head in sorted(every - set(heads)) for m in MATRICES]
                for layer, head, m in slices:
                    projection = own.projections[layer][m]
                    own.head(layer, m, head).copy_(projection.head(state[projection.parameter], head))
            else:
                for layer, head, m in slices:
                    own.head(layer, m, head).copy_(source.head(layer, m, head))
            return measured(net, self._loss)
        finally:
            net.load_state_dict(state)


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


@torch.no_grad()
def _alike(net: PreTrainedModel, copied: PreTrainedModel) -> bool:
    """Whether both say the same; keys that are normed together (OLMo 2) have no copies that do."""
    tokens = torch.arange(3, 11, device=net.device)[None] % net.get_input_embeddings().weight.shape[0]
    try:
        return torch.allclose(copied(tokens).logits, net(tokens).logits, rtol=1e-3, atol=1e-3)
    except RuntimeError:  # the norm has another size
        return False


def by_layer(layers: int, heads: int) -> list[tuple[str, list[Head]]]:
    """Each layer's heads together, as sets named "layer 3"."""
    return [(f"layer {layer}", [(layer, head) for head in range(heads)]) for layer in range(layers)]


def singly(layers: int, heads: int) -> list[tuple[str, list[Head]]]:
    """Every head by itself, as sets named "head 3.5"."""
    return [(f"head {layer}.{head}", [(layer, head)]) for layer in range(layers) for head in range(heads)]


def random_sets(core: Sequence[Head], layers: int, heads: int, count: int, seed: int) -> list[tuple[Head, ...]]:
    """`count` sets with as many heads in each layer as the core has there, drawn outside the core.

    A layer with too few others gives what it has, and what is missing is drawn from all other layers. Each set depends
    on the seed and its number alone. Raises ValueError if fewer heads lie outside the core than in it.
    """
    inside = set(core)
    outside = [(layer, head) for layer in range(layers) for head in range(heads) if (layer, head) not in inside]
    if len(outside) < len(inside):
        raise ValueError(f"random sets: {len(outside)} heads lie outside a core of {len(inside)}; give a smaller core")
    drawn = []
    for number in range(count):
        rng = Random(f"{seed}/random set/{number}")
        chosen: list[Head] = []
        for layer in sorted({layer for layer, _ in inside}):
            there = [place for place in outside if place[0] == layer]
            wanted = sum(place[0] == layer for place in inside)
            chosen += rng.sample(there, min(wanted, len(there)))
        left = [place for place in outside if place not in set(chosen)]
        drawn.append(tuple(sorted(chosen + rng.sample(left, len(inside) - len(chosen)))))
    return drawn


def greedy_set(
    before: PreTrainedModel, after: PreTrainedModel, loss: ProbeLoss, size: int, width: int = GREEDY_WIDTH
) -> Shift:
    """The set of `size` heads found by greedy insertion of outputs: named "greedy", with its own remove.

    At each step the `width` heads that insert best by themselves, of those not yet chosen, are tried; ties go to the
    lower layer and head. Costs a forward a head, and size * width. Without a gain the set is empty.
    """
    same_shape(before, after)
    pair, at = _Outputs(before, after, loss), addresses(before)
    gain = pair.old - pair.new
    chosen: list[Head] = []
    if gain > LEAST_GAIN:
        every = [place for _, places in singly(at.layers, at.heads) for place in places]
        alone = {place: pair.insert([place]) for place in every}
        while len(chosen) < size:
            tried = sorted((place for place in every if place not in chosen), key=alone.__getitem__)[:width]
            losses = {place: pair.insert([*chosen, place]) for place in tried}
            chosen.append(min(sorted(losses), key=losses.__getitem__))
    insert, remove = pair.old - pair.insert(chosen), pair.remove(chosen) - pair.new
    return Shift("output", "greedy", tuple(sorted(chosen)), gain, insert, remove, loss.total)
