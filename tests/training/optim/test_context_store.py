"""Contexts that are read once: the same keys and values in any company, in any order, within any bound."""

import random

import pytest
import torch

from perception.contexts import encode_contexts
from perception.deciding import decide
from perception.model import weights_hash
from perception.packing import Decision, Packed, pack
from tests.kits.minds import tiny, tiny_with
from training.optim import context_store
from training.optim.context_store import ContextStore, store_of

torch.set_num_threads(1)
CONTEXTS = [[5, 6, 7, 8, 9, 10], [11, 12, 13, 14], [7], [5, 6, 7, 8, 9, 11, 12, 13]]
OTHERWISE = ({"rms_norm_eps": 5.0}, {"rope_parameters": {"rope_theta": 30.0, "rope_type": "default"}})


def packed_of(*contexts: list[int]) -> Packed:
    return pack(contexts, [Decision(row, (20, 21), (30,)) for row in range(len(contexts))], torch.float64)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_decisions_are_those_on_contexts_that_were_read_together(kind):
    net = tiny(kind, torch.float64).net
    packed, store = packed_of(*CONTEXTS), ContextStore(net)
    with torch.no_grad():
        expected = decide(net, packed, encode_contexts(net, packed))
        torch.testing.assert_close(decide(net, packed, store.read(packed)), expected, rtol=1e-9, atol=1e-10)
        torch.testing.assert_close(decide(net, packed, store.read(packed)), expected, rtol=1e-9, atol=1e-10)
    assert len(store) == len(CONTEXTS)


def test_a_context_is_the_same_to_the_bit_whatever_was_read_before_or_beside_it():
    net, rng = tiny().net, random.Random(0)
    orders = [rng.sample(CONTEXTS, 4) for _ in range(3)]
    grids = []
    for order in orders:
        store = ContextStore(net)
        store.read(packed_of(*order[:2]))
        cache = store.read(packed_of(*order))
        row = order.index(CONTEXTS[1])
        grids.append([(layer.keys[row, :, :4], layer.values[row, :, :4]) for layer in cache.layers])
        assert all(float(layer.keys[row, :, 4:].abs().sum()) == 0 for layer in cache.layers)
    for other in grids[1:]:
        for (keys, values), (other_keys, other_values) in zip(grids[0], other, strict=True):
            assert torch.equal(keys, other_keys) and torch.equal(values, other_values)


def test_each_context_is_read_once_while_there_is_room(monkeypatch):
    net, reads = tiny().net, []
    monkeypatch.setattr(
        context_store,
        "encode_contexts",
        lambda net, packed: reads.append(packed.lengths) or encode_contexts(net, packed),
    )
    store = ContextStore(net)
    for _ in range(3):
        store.read(packed_of(*CONTEXTS))
    assert reads == [(6,), (4,), (1,), (8,)]
    assert store.bytes > 0
    one = ContextStore(net, most=1)  # room for one alone
    one.read(packed_of(*CONTEXTS))
    assert len(one) == 1
    one.read(packed_of(CONTEXTS[3]))
    assert len(reads) == 8  # the last one was still there
    one.read(packed_of(CONTEXTS[0]))
    assert len(reads) == 9 and one.bytes < store.bytes


def test_what_was_longest_not_asked_for_goes_first():
    net = tiny().net
    size = ContextStore(net)
    size.read(packed_of(CONTEXTS[0], CONTEXTS[1], CONTEXTS[2]))
    store = ContextStore(net, most=size.bytes)  # room for these three
    for number in (0, 1, 2, 0):
        store.read(packed_of(CONTEXTS[number]))
    store.read(packed_of([9, 9]))
    assert [list(tokens) for tokens in store._known] == [CONTEXTS[2], CONTEXTS[0], [9, 9]]


def test_a_process_shares_its_store_among_models_of_the_same_weights_alone():
    first = store_of(tiny().net, "float32")
    assert store_of(tiny().net, "float32") is first
    assert store_of(tiny().net, "bfloat16") is not first
    assert store_of(tiny(seed=1).net, "float32") is not first


@pytest.mark.parametrize("settings", OTHERWISE, ids=["epsilon", "positions"])
def test_a_model_of_the_same_weights_that_computes_otherwise_gets_a_store_of_its_own(settings):
    """Weights alone don't decide keys and values: a base model's stood in for another's."""
    one, other = tiny().net, tiny_with(**settings)
    assert weights_hash(one) == weights_hash(other)
    packed = packed_of(*CONTEXTS)
    with torch.no_grad():
        before = store_of(one, "float32").read(packed)
        cache, own = store_of(other, "float32").read(packed), ContextStore(other).read(packed)
    assert torch.equal(cache.layers[1].keys, own.layers[1].keys)
    assert not torch.equal(cache.layers[1].keys, before.layers[1].keys)


def test_where_a_model_was_loaded_from_makes_no_other_reader():
    one, other = tiny().net, tiny().net
    other.config._name_or_path = "elsewhere"
    assert store_of(other, "float32") is store_of(one, "float32")
