"""Contexts that several trainings of one process read: arms of an experiment that draw the same scenes from one seed.

Packs are read whole and held whole, so that their keys and values are those of `encode_contexts`, bit for bit. When
there is no room left, further packs are read each time: a training asks for every pack once, in a fixed order, so what
came first is asked for again before what comes later. A control with shuffled answers dreams of other scenes, and
shares the probes alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import DynamicCache, PreTrainedModel

from perception.contexts import encode_contexts
from perception.packing import Packed
from training.optim.frozen import arithmetic, without_checkpointing
from training.optim.readers import reader_hash

BYTES_MAX = 2 * 2**30  # of keys and values, in one process
_Key = tuple[str, str, torch.device, tuple[tuple[int, ...], ...]]


class _Held:
    """What was read under one label."""

    def __init__(self, label: str) -> None:
        self.label, self.bytes = label, 0
        self.caches: dict[_Key, DynamicCache] = {}

    def add(self, key: _Key, cache: DynamicCache) -> None:
        """If there is room."""
        grids = [grid for layer in cache.layers for grid in (layer.keys, layer.values)]
        size = sum(grid.numel() * grid.element_size() for grid in grids)
        if self.bytes + size <= BYTES_MAX:
            self.caches[key] = cache
            self.bytes += size


class SharedContexts:
    """`Contexts` (`training.optim.frozen`) that readers of the same weights and config share while a label stands."""

    def __init__(self, reader: PreTrainedModel, precision: str, held: _Held) -> None:
        self._reader, self._precision, self._held = reader, precision, held
        self._known_by = reader_hash(reader)

    def read(self, packed: Packed) -> DynamicCache:
        """As `Contexts` says. Raises ValueError for one too long for the model."""
        lists = zip(packed.context_BC.tolist(), packed.lengths, strict=True)
        rows = tuple(tuple(tokens[:length]) for tokens, length in lists)
        key = (self._known_by, self._precision, packed.context_BC.device, rows)
        if (cache := self._held.caches.get(key)) is None:
            with arithmetic(self._reader, self._precision), without_checkpointing(self._reader):
                cache = encode_contexts(self._reader, packed)
            self._held.add(key, cache)
        return cache


_latest: _Held | None = None  # stays for the next training of the same label
_open = False


@contextmanager
def shared_reads(label: str) -> Iterator[None]:
    """A block in which contexts are held, and those are known that were read in the last block of this label."""
    global _latest, _open
    if _latest is None or _latest.label != label:
        _latest = _Held(label)
    _open = True
    try:
        yield
    finally:
        _open = False


def forget_reads() -> None:
    """Give the room back."""
    global _latest
    _latest = None


def shared_contexts(reader: PreTrainedModel | None, precision: str = "float32") -> SharedContexts | None:
    """Contexts as this model reads them, if there is one and a block is open. Its weights may not change any more."""
    if reader is None or not _open or _latest is None:
        return None
    return SharedContexts(reader, precision, _latest)
