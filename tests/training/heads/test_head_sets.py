"""Sets of heads swapped: identities of the whole, planted heads, groups, random sets; context share."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from game.realm.rules import load
from perception.head_map import addresses
from perception.model import weights_hash
from perception.units import every_unit
from tests.kits.minds import tiny
from training.heads.context_share import context_share
from training.heads.head_probes import probe_loss
from training.heads.head_sets import by_layer, each_shift, each_swap, random_sets, singly, ungrouped
from training.heads.score import probes
from training.heads.swaps import patch_every_head
from training.heads.usable import usable_losses

torch.set_num_threads(1)
RULES = load()
KINDS = ("llama", "gpt2", "qwen2")
EVERY = [(layer, head) for layer in range(2) for head in range(4)]


def measure_swaps(*arguments, **options):
    return list(each_swap(*arguments, **options))


def pair(kind="llama", moved=None, matrices="o", size=0.3):
    """(before, after, loss): after differs in these matrices of `moved` (all that there is if None), and is better."""
    model = tiny(kind, torch.float64)
    after = copy.deepcopy(model.net)
    torch.manual_seed(5)
    with torch.no_grad():
        if moved is None:
            for parameter in after.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        else:
            for layer, head in moved:
                for m in matrices:
                    weight = addresses(after).weight(layer, m)
                    weight[head * len(weight) // 4].add_(size * torch.randn_like(weight[0]))
    loss = probe_loss(model, probes(3, 2, "terse", RULES))
    with torch.no_grad():
        better = float(loss(after)) < float(loss(model.net))
    return (model.net, after, loss) if better else (after, model.net, loss)


@pytest.mark.parametrize("what", ["output", "weight"])
@pytest.mark.parametrize("kind", KINDS)
def test_all_heads_carry_everything_where_only_heads_moved_and_none_carry_nothing(kind, what):
    before, after, loss = pair(kind, [(0, 1), (1, 3)], "qkvo")
    hashes = weights_hash(before), weights_hash(after)
    whole, moved, nothing = measure_swaps(
        before, after, loss, [("all", EVERY), ("moved", EVERY[1:]), ("none", [])], what
    )
    assert (whole.insert, whole.remove) == pytest.approx((1, 1), abs=1e-6)
    assert (nothing.insert, nothing.remove, nothing.heads) == (
        pytest.approx(0, abs=1e-6),
        pytest.approx(0, abs=1e-6),
        (),
    )
    assert (whole.what, whole.name, whole.heads, whole.decisions) == (what, "all", tuple(EVERY), loss.total)
    assert moved.insert == pytest.approx(1, abs=1e-6) or kind != "gpt2"  # (0, 0) moved with its group alone
    assert (weights_hash(before), weights_hash(after)) == hashes


@pytest.mark.parametrize("kind", KINDS)
def test_all_heads_and_the_rest_carry_everything_whatever_moved(kind):
    before, after, loss = pair(kind)
    some = [(0, 2), (1, 1)]
    units = every_unit(2, 4, True)
    whole, part = measure_swaps(before, after, loss, [("all+rest", units), ("two+rest", some)], "weight", rest=True)
    assert (whole.insert, whole.remove) == pytest.approx((1, 1), abs=1e-6)
    others = [unit for unit in units if unit not in some]
    (without,) = measure_swaps(before, after, loss, [("others", others)], "weight")
    assert part.insert == pytest.approx(1 - without.remove, abs=1e-6)  # everything but the others
    assert part.remove == pytest.approx(1 - without.insert, abs=1e-6)


def test_output_swaps_of_single_heads_are_those_of_the_causal_weight():
    before, after, loss = pair()
    swaps = measure_swaps(before, after, loss, singly(2, 4))
    *_, (_, result) = patch_every_head(before, after, loss)
    assert [swap.insert for swap in swaps] == pytest.approx(result.insert)
    assert [swap.remove for swap in swaps] == pytest.approx(result.remove)
    assert [swap.name for swap in swaps][:5] == ["head 0.0", "head 0.1", "head 0.2", "head 0.3", "head 1.0"]


def test_weights_in_the_last_layer_and_their_outputs_are_the_same_swap():
    """Nothing is computed anew from them: a head's outputs there are all that its weights do."""
    before, after, loss = pair("llama", [(1, 1)], "qo")
    outputs, weights = (
        measure_swaps(before, after, loss, [("head 1.1", [(1, 1)])], w)[0] for w in ("output", "weight")
    )
    assert outputs.insert == pytest.approx(weights.insert, abs=1e-6) == pytest.approx(1, abs=1e-6)


def test_in_a_serial_circuit_weights_and_outputs_differ():
    before, after, loss = pair("llama", [(0, 1), (1, 2)], "qkvo", 1.0)
    one = [("head 1.2", [(1, 2)])]
    outputs, weights = (measure_swaps(before, after, loss, one, what)[0] for what in ("output", "weight"))
    assert abs(outputs.insert - weights.insert) > 1e-4


def test_a_head_is_swapped_without_its_group():
    """Under grouped-query attention both heads of a group read the moved V; each alone brings its own part."""
    before, after, loss = pair("llama", [(1, 2)], "v", 1.0)  # the last layer: parts add up in the residual stream
    one, other, both, apart = measure_swaps(
        before, after, loss, [("2", [(1, 2)]), ("3", [(1, 3)]), ("both", [(1, 2), (1, 3)]), ("0", [(1, 0)])], "weight"
    )
    assert both.insert == pytest.approx(1, abs=1e-6)
    assert apart.insert == pytest.approx(0, abs=1e-6)
    assert 1e-3 < abs(one.insert) != pytest.approx(other.insert)


@pytest.mark.parametrize("kind", KINDS)
def test_ungrouped_computes_the_same(kind):
    model = tiny(kind, torch.float64)
    wide, ids = ungrouped(model.net), torch.arange(3, 23).reshape(2, 10)
    assert addresses(wide).group == 1
    with torch.no_grad():
        assert (model.net(ids).logits - wide(ids).logits).abs().max() < 1e-9
    assert model.net.config == tiny(kind, torch.float64).net.config


def test_a_way_that_is_not_asked_for_and_no_gain_are_none():
    before, after, loss = pair()
    (swap,) = measure_swaps(before, after, loss, [("x", [(0, 0)])], directions=("insert",))
    assert swap.insert is not None
    assert swap.remove is None
    for what in ("output", "weight"):
        (swap,) = measure_swaps(before, copy.deepcopy(before), loss, [("x", [(0, 0)])], what)
        assert (swap.insert, swap.remove) == (None, None)


def test_bad_swaps_are_refused():
    before, after, loss = pair()
    for options, what in (
        ({"what": "soul"}, "soul insert, remove: unknown"),
        ({"directions": ("eat",)}, "unknown; choose"),
        ({"rest": True}, "weights only"),
        ({"sets": [("far", [(2, 0)])]}, "swap far: a head is not among 2 x 4"),
    ):
        with pytest.raises(ValueError, match=what):
            measure_swaps(before, after, loss, **({"sets": [("x", [(0, 0)])]} | options))
    with pytest.raises(ValueError, match="differ in shape"):
        measure_swaps(before, tiny("gpt2").net, loss, [])


def test_layers_are_sets_and_so_is_every_unit():
    assert by_layer(2, 3)[1] == ("layer 1", [(1, 0), (1, 1), (1, 2)])
    assert by_layer(2, 3, True)[1] == ("layer 1", [(1, 0), (1, 1), (1, 2), (1, 3)])
    assert [name for name, _ in singly(2, 1, True)] == ["head 0.0", "head 1.0", "mlp 0", "mlp 1"]
    assert dict(singly(2, 1, True))["mlp 1"] == [(1, 1)]


@settings(max_examples=30)
@given(st.sets(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=6), st.integers(0, 99))
def test_random_sets_have_the_cores_layers_and_lie_outside_it(core, seed):
    sets = random_sets(sorted(core), 4, 6, 9, seed)
    assert sets == random_sets(sorted(core), 4, 6, 12, seed)[:9]
    for drawn in sets:
        assert len(set(drawn)) == len(drawn) == len(core)
        assert not set(drawn) & core
        if all(sum(layer == at for layer, _ in core) <= 3 for at in range(4)):
            assert sorted(layer for layer, _ in drawn) == sorted(layer for layer, _ in core)


@settings(max_examples=30)
@given(st.sets(st.tuples(st.integers(0, 3), st.integers(0, 6)), min_size=1, max_size=8), st.integers(0, 99))
def test_random_sets_have_as_many_mlps_as_the_core_while_there_are_any(core, seed):
    core_mlps = {unit for unit in core if unit[1] == 6}
    for drawn in random_sets(sorted(core), 4, 6, 5, seed):
        assert len(set(drawn)) == len(drawn) == len(core)
        assert not set(drawn) & core
        mlps = [unit for unit in drawn if unit[1] == 6]
        assert len(mlps) == min(len(core_mlps), 4 - len(core_mlps))


def test_random_sets_of_heads_alone_are_drawn_as_they_always_were():
    assert random_sets([(0, 0), (0, 1), (1, 2)], 2, 4, 2, 7) == [((0, 2), (0, 3), (1, 1)), ((0, 2), (0, 3), (1, 0))]


def test_random_sets_differ_by_number_and_seed_and_need_room():
    core = [(0, 0), (1, 0), (2, 0)]
    assert len(set(random_sets(core, 3, 8, 20, 1))) > 10
    assert random_sets(core, 3, 8, 5, 1) != random_sets(core, 3, 8, 5, 2)
    with pytest.raises(ValueError, match="3 heads lie outside a core of 5"):
        random_sets([(0, head) for head in range(4)] + [(1, 0)], 2, 4, 1, 0)


def test_context_share_is_one_where_the_context_reads_as_before():
    """Only the last layer's query and output matrices moved: no key or value of the context did."""
    before, after, loss = pair("llama", [(1, 1), (1, 2)], "qo")
    share, other = context_share(before, after, loss)
    assert (share.name, other.name) == ("context_share", "decision_share")
    assert share.value == pytest.approx(1, abs=1e-9)
    assert other.value == pytest.approx(0, abs=1e-9)
    assert "old contexts" in share.about


def test_context_share_tells_reading_from_deciding_and_leaves_the_models_as_they_were():
    before, after, loss = pair("llama")
    before.train()
    share, other = context_share(before, after, loss)
    assert before.training
    assert not after.training
    assert abs(share.value - 1) > 1e-3
    assert abs(other.value) > 1e-3
    assert [whole.value for whole in context_share(after, copy.deepcopy(after), loss)] == [None, None]


@pytest.mark.parametrize("kind", ["phi3", "olmo2"])
def test_heads_whose_keys_cannot_be_given_to_each_alone_are_swapped_with_their_groups(kind):
    """phi3 keeps queries and keys in one matrix, olmo2 norms all keys together."""
    with pytest.raises(ValueError, match=f"heads of a {kind} model share keys .* swap outputs"):
        ungrouped(tiny(kind).net)
    before, after, loss = pair(kind, [(0, 1), (1, 3)], "qo")
    sets = [("all", EVERY), ("moved", [(0, 1), (1, 3)]), ("others", [(0, 0), (1, 2)]), ("none", [])]
    whole, moved, others, nothing = measure_swaps(before, after, loss, sets, "weight")
    assert [swap.insert for swap in (whole, moved, others, nothing)] == pytest.approx([1, 1, 0, 0], abs=1e-6)
    before, after, loss = pair(kind, [(1, 2)], "v")  # one group's: heads 2 and 3 read it
    swaps = measure_swaps(before, after, loss, singly(2, 4), "weight")
    assert [swap.insert for swap in swaps] == pytest.approx([0, 0, 0, 0, 0, 0, 1, 1], abs=1e-6)
    with pytest.raises(ValueError, match="swap outputs"):
        measure_swaps(before, after, loss, [("one", [(0, 0)])], "weight", rest=True)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "phi3"])
def test_weights_are_swapped_against_contexts_that_the_old_model_has_read(kind):
    """A verdict's runs decide so. Each head gets its group's keys of the contexts, as it gets those of its weights."""
    before, after, _ = pair(kind, [(0, 1), (1, 2)], "qvo")
    model = tiny(kind, torch.float64)
    chunks = [probes(seed, 30, "terse", RULES) for seed in (3, 4)]
    loss = usable_losses(model, chunks, context=before).whole
    whole, nothing = each_shift(before, after, loss, [("all", EVERY), ("none", [])], "weight")
    assert abs(whole.gain) > 1e-4
    assert [whole.insert, whole.remove] == pytest.approx([whole.gain] * 2, abs=1e-9)
    assert [nothing.insert, nothing.remove] == pytest.approx([0, 0], abs=1e-9)
    if kind != "phi3":
        with torch.no_grad():
            assert float(loss(ungrouped(after))) == pytest.approx(float(loss(after)), abs=1e-9)
