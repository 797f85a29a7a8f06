"""Contexts that one model has read, each of them once: for lessons from a file, which steps and seeds draw again.

A context is read by itself, so that its keys and values do not depend on what was asked for beside it, nor on what this
process did before. Padding is zeros, which masks hide.

Shape suffixes: B contexts, C tokens of the longest, H key/value heads, D head size.
"""

from collections import OrderedDict

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from perception.contexts import encode_contexts, filled
from perception.packing import Packed, pack
from training.optim.frozen import arithmetic, without_checkpointing
from training.optim.readers import reader_hash

BYTES_MAX = 3 * 2**30  # of keys and values; beyond, those that were longest not asked for are read again
Layers = list[tuple[Tensor, Tensor]]  # keys and values of one context, layer by layer: (H, its tokens, D)

_latest: "dict[tuple[str, str, torch.device], ContextStore]" = {}  # one a process: seeds of an experiment share it


class ContextStore:
    """What `reader` makes of contexts. most: bytes that are held.

    The reader may not change. Keys and values have the dtype that it gives them under `precision`.
    """

    def __init__(self, reader: PreTrainedModel, precision: str = "float32", most: int = BYTES_MAX) -> None:
        self.reader, self._precision, self._most = reader, precision, most
        self.bytes = 0
        self._known: OrderedDict[tuple[int, ...], Layers] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def read(self, packed: Packed) -> DynamicCache:
        """The contexts' keys and values, (B, H, C, D) per layer. Raises ValueError for one too long for the model."""
        rows = [self._row(tuple(row[:length])) for row, length in
                zip(packed.context_BC.tolist(), packed.lengths, strict=True)]  # fmt: skip
        width = packed.context_BC.shape[1]
        layers = range(len(rows[0]))
        return filled([(_padded([row[at][0] for row in rows], width), _padded([row[at][1] for row in rows], width))
                       for at in layers])  # fmt: skip

    def _row(self, tokens: tuple[int, ...]) -> Layers:
        if (layers := self._known.get(tokens)) is None:
            packed = pack([list(tokens)], [], self.reader.dtype).to(self.reader.device)
            with arithmetic(self.reader, self._precision), without_checkpointing(self.reader):
                cache = encode_contexts(self.reader, packed)
            layers = self._known[tokens] = [(layer.keys[0], layer.values[0]) for layer in cache.layers]
            self.bytes += _size(layers)
        self._known.move_to_end(tokens)
        while self.bytes > self._most and len(self._known) > 1:
            self.bytes -= _size(self._known.popitem(last=False)[1])
        return layers


def store_of(reader: PreTrainedModel, precision: str) -> ContextStore:
    """This process's store for a reader of these weights and config; another's, or another precision's, goes for it."""
    key = (reader_hash(reader), precision, reader.device)
    if key not in _latest:
        _latest.clear()
        _latest[key] = ContextStore(reader, precision)
    return _latest[key]


def _padded(grids: list[Tensor], width: int) -> Tensor:
    """(B, H, width, D), zeros at the right."""
    rows = [torch.nn.functional.pad(grid, (0, 0, 0, width - grid.shape[1])) for grid in grids]
    return torch.stack(rows)


def _size(layers: Layers) -> int:
    return sum(grid.numel() * grid.element_size() for pair in layers for grid in pair)
