"""Contexts that are read once: the keys and values that decisions are made against.

Shape suffixes: B contexts, C context tokens.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer

from perception.packing import Packed, check_length

# Padded tokens of contexts encoded in one go. On a CPU their activations then stay in its cache: 32 contexts of 100 to
# 250 tokens, sorted by length, took two thirds of the time of one batch. A GPU wants as many as it can hold.
TOKENS_AT_ONCE = {"cpu": 2_048}
TOKENS_AT_ONCE_ELSEWHERE = 65_536
KEY_HEADS = "key_heads"  # attribute of a net whose heads were given keys of their own: how many it has


class _Whole(Exception):
    """Every layer's keys and values are there; what is left of the forward is of no use."""


class _Context(DynamicCache):
    """A cache that ends the forward as soon as its last layer is filled: nothing reads what comes after it."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self._last = layers - 1

    def update(self, keys: Tensor, values: Tensor, layer_idx: int, *args: Any, **options: Any) -> tuple[Tensor, Tensor]:
        layer: tuple[Tensor, Tensor] = super().update(keys, values, layer_idx, *args, **options)
        if layer_idx == self._last:
            raise _Whole
        return layer


def runs_whole(model: PreTrainedModel) -> bool:
    """Whether its forward must come to its end, and as often as on other processes: its weights are shards there."""
    return bool(getattr(model, "sharded", False))


def _encode(model: PreTrainedModel, context_BC: Tensor) -> DynamicCache:
    if runs_whole(model):
        cache = DynamicCache()
        model.base_model(input_ids=context_BC, past_key_values=cache, use_cache=True)
        return filled([(layer.keys, layer.values) for layer in cache.layers])
    cache = _Context(int(model.config.get_text_config().num_hidden_layers))
    with suppress(_Whole):
        model.base_model(input_ids=context_BC, past_key_values=cache, use_cache=True)
    return filled([(layer.keys, layer.values) for layer in cache.layers])


def context_cache(model: PreTrainedModel, packed: Packed) -> DynamicCache:
    """The contexts' keys and values as `encode_contexts` gives them, in one go and with their gradient.

    A cache that a model makes itself would forget, in layers with a window, what lies before it.
    """
    check_length(model, packed)
    cache = DynamicCache()
    model.base_model(input_ids=packed.context_BC, past_key_values=cache, use_cache=True)
    return cache


def _batches(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Rows in batches of about one length, each of `most` padded tokens at most (or of a single row)."""
    batches: list[list[int]] = [[]]
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if batches[-1] and (len(batches[-1]) + 1) * lengths[batches[-1][0]] > most:
            batches.append([])
        batches[-1].append(row)
    return batches


@torch.no_grad()
def encode_contexts(model: PreTrainedModel, packed: Packed) -> DynamicCache:
    """The contexts' keys and values, (B, key/value heads, C, head size) per layer.

    Padding lies to the right, where a causal model's real tokens never look. Contexts of about one length are encoded
    together, and the last layer only as far as its keys and values. Raises ValueError for one too long for the model.
    """
    check_length(model, packed)
    batches = _batches(packed.lengths, TOKENS_AT_ONCE.get(packed.context_BC.device.type, TOKENS_AT_ONCE_ELSEWHERE))
    if len(batches) == 1 or runs_whole(model):
        return _encode(model, packed.context_BC)
    whole: list[tuple[Tensor, Tensor]] = []
    for rows in batches:
        width = packed.lengths[rows[0]]
        index = torch.tensor(rows, device=packed.context_BC.device)
        part = _encode(model, packed.context_BC[index, :width])
        if not whole:  # zeros: the mask hides padding, but infinity or NaN would come through it
            whole = [_zeros(layer, packed.context_BC.shape) for layer in part.layers]
        for (keys, values), layer in zip(whole, part.layers, strict=True):
            keys[index, :, :width], values[index, :, :width] = layer.keys, layer.values
    return filled(whole)


def _zeros(layer: Any, sizes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    rows, tokens = sizes
    grids = (layer.keys, layer.values)
    keys, values = (grid.new_zeros(rows, grid.shape[1], tokens, grid.shape[3]) for grid in grids)
    return keys, values


def filled(layers: Sequence[tuple[Tensor, Tensor]]) -> DynamicCache:
    """A cache that holds these keys and values themselves, no copies."""
    cache = DynamicCache()
    for keys, values in layers:
        layer = DynamicLayer()
        layer.lazy_initialization(keys, values)
        layer.keys, layer.values = keys, values
        cache.layers.append(layer)
    return cache


def cache_for(model: PreTrainedModel, cache: DynamicCache) -> DynamicCache:
    """A cache with its own list of layers over the same tensors: deciding against it leaves the original as it was.

    Where the model's heads have keys of their own (KEY_HEADS), and the net that read the contexts shares them in
    groups, each of a group's heads gets a copy.
    """
    heads: int | None = getattr(model, KEY_HEADS, None)
    layers = [(layer.keys, layer.values) for layer in cache.layers]
    if heads is not None:
        layers = [tuple(grid.repeat_interleave(heads // grid.shape[1], 1) for grid in pair) for pair in layers]
    return filled(layers)
