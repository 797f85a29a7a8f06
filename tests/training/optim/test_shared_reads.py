"""Contexts that trainings of one seed share: read once, the same to the bit, and within a bound."""

import pytest
import torch

from perception.contexts import encode_contexts
from perception.packing import Decision, Packed, pack
from tests.kits.minds import tiny, tiny_with
from training.optim import shared_reads as shared
from training.optim.shared_reads import forget_reads, shared_contexts

torch.set_num_threads(1)


def packed_of(*contexts: list[int]) -> Packed:
    return pack(contexts, [Decision(row, (20, 21), (30,)) for row in range(len(contexts))], torch.float32)


FIRST, SECOND = packed_of([5, 6, 7, 8, 9, 10], [11, 12]), packed_of([5, 6, 7])


@pytest.fixture
def reads(monkeypatch):
    """What was really read, pack by pack."""
    read = []
    monkeypatch.setattr(shared, "_latest", None)
    monkeypatch.setattr(
        shared, "encode_contexts", lambda net, packed: read.append(packed.lengths) or encode_contexts(net, packed)
    )
    return read


def grids_of(cache):
    return [grid for layer in cache.layers for grid in (layer.keys, layer.values)]


def test_another_training_of_the_label_reads_nothing_again_and_gets_the_same_bits(reads):
    expected = encode_contexts(tiny().net, FIRST)
    for _ in range(2):  # two trainings, each with its own copy of the reader
        with shared.shared_reads("seed 0"):
            contexts = shared_contexts(tiny().net)
            for packed in (FIRST, SECOND):
                cache = contexts.read(packed)
                if packed is FIRST:
                    assert all(map(torch.equal, grids_of(cache), grids_of(expected)))
    assert reads == [FIRST.lengths, SECOND.lengths]


@pytest.mark.parametrize("other", ["weights", "config", "precision", "label", "forgotten"])
def test_what_is_not_the_same_is_read_again(reads, other):
    with shared.shared_reads("seed 0"):
        shared_contexts(tiny().net).read(FIRST)
    if other == "forgotten":
        forget_reads()
    with shared.shared_reads("seed 1" if other == "label" else "seed 0"):
        reader = tiny_with(rms_norm_eps=5.0) if other == "config" else tiny(seed=1 if other == "weights" else 0).net
        shared_contexts(reader, "bfloat16" if other == "precision" else "float32").read(FIRST)
    assert len(reads) == 2


def test_what_has_no_room_is_read_each_time(reads, monkeypatch):
    monkeypatch.setattr(shared, "BYTES_MAX", sum(grid.nbytes for grid in grids_of(encode_contexts(tiny().net, FIRST))))
    for _ in range(2):
        with shared.shared_reads("seed 0"):
            contexts = shared_contexts(tiny().net)
            contexts.read(FIRST)
            contexts.read(SECOND)
    assert reads == [FIRST.lengths, SECOND.lengths, SECOND.lengths]
    assert shared._latest.bytes == shared.BYTES_MAX


def test_a_reader_that_recomputes_its_layers_reads_all_the_same(reads):
    """Checkpointed layers take no cache: their keys would be missing, without a word."""
    expected, reader = encode_contexts(tiny().net, FIRST), tiny().net
    getattr(reader, "activation_checkpointing_enable", reader.gradient_checkpointing_enable)()
    reader.train()
    with shared.shared_reads("seed 0"):
        cache = shared_contexts(reader).read(FIRST)
    assert all(torch.equal(*pair) for pair in zip(grids_of(cache), grids_of(expected), strict=True))
    assert any(getattr(module, "gradient_checkpointing", False) for module in reader.modules())


def test_nothing_is_shared_outside_a_block_or_without_a_reader():
    assert shared_contexts(tiny().net) is None
    with shared.shared_reads("seed 0"):
        assert shared_contexts(None) is None
    assert shared_contexts(tiny().net) is None
