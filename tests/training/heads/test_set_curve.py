"""The curve of sets against a twin by hand: forwards of a model in which heads were put by plain arithmetic."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from game.realm.rules import load
from perception.head_map import addresses
from tests.kits.minds import tiny
from training.headlog.curves import curve_of, curve_records, overlaps
from training.headlog.records import Log
from training.heads import set_curve as module
from training.heads.head_probes import probe_loss
from training.heads.head_sets import each_swap
from training.heads.score import probes
from training.heads.set_curve import area, doubling, each_decision, greedy_order, set_curve

torch.set_num_threads(1)
EVERY = [(layer, head) for layer in range(2) for head in range(4)]
ORDER = [EVERY[at] for at in (5, 0, 3, 6, 1, 2, 7, 4)]


def moved(*heads):
    """(before, after, loss): the output matrices of these heads went down the loss's gradient."""
    model = tiny("llama", torch.float64)
    after, loss = copy.deepcopy(model.net), probe_loss(model, probes(3, 3, "terse", load()))
    loss(after).backward()
    parameters = dict(after.named_parameters())
    with torch.no_grad():
        for layer, head in heads:
            projection = addresses(after).projections[layer]["o"]
            step = projection.head(parameters[projection.parameter].grad, head)
            addresses(after).weight(layer, "o")[head].sub_(0.6 * step / step.norm())
    return model.net, after, loss


@pytest.fixture(scope="module")
def pair():
    return moved((1, 1), (0, 0), (1, 2))


@pytest.fixture(scope="module")
def curve(pair):
    before, after, loss = pair
    return set_curve(before, after, each_decision(loss), ORDER, seed=4, random=5)


def test_every_set_brings_what_a_swap_by_itself_says(pair, curve):
    before, after, loss = pair
    sets = [(str(len(point.heads)), point.heads) for point in curve.points]
    sets += [("random", heads) for point in curve.points for heads in point.random_heads]
    shares = [point.share[0] for point in curve.points]
    shares += [share for point in curve.points for share in point.random]
    swaps = each_swap(before, after, loss, sets, directions=("insert",))
    assert [swap.insert for swap in swaps] == pytest.approx(shares, abs=5e-4)  # float32 losses
    assert [len(point.heads) for point in curve.points] == [1, 2, 4, 8]
    assert all(set(a.heads) < set(b.heads) for a, b in zip(curve.points, curve.points[1:], strict=False))


def test_in_the_last_layer_the_curve_is_that_of_models_with_these_output_weights_put_in():
    """Nothing comes after a head there: a twin by weights, without any swap of outputs."""
    before, after, loss = moved((1, 1), (1, 2))
    order = [place for place in ORDER if place[0] == 1]
    curve = set_curve(before, after, each_decision(loss), order, random=2)
    with torch.no_grad():
        old, new = float(loss(before)), float(loss(after))
        for point in curve.points:
            mixed = copy.deepcopy(before)
            for layer, head in point.heads:
                addresses(mixed).weight(layer, "o")[head].copy_(addresses(after).weight(layer, "o")[head])
            assert point.share[0] == pytest.approx((old - float(loss(mixed))) / (old - new), abs=5e-4)
    assert [len(point.heads) for point in curve.points] == [1, 2, 4] and abs(curve.points[0].share[0]) > 0.01
    assert curve.decisions == len(each_decision(loss)(before)) and curve.heads == 4


def test_all_heads_bring_everything_where_only_heads_moved(curve):
    assert curve.points[-1].share == pytest.approx((1, 1, 1), abs=1e-5)
    assert curve.points[-1].random == ()


def test_random_sets_have_the_sets_layers_and_keep_apart_from_it_while_they_can(curve):
    for point in curve.points[:-1]:
        layers = sorted(layer for layer, _ in point.heads)
        assert len(point.random_heads) == len(point.random) == 5
        for heads in point.random_heads:
            assert sorted(layer for layer, _ in heads) == layers and len(set(heads)) == len(heads)
            assert overlaps(len(point.heads), 8) or not set(heads) & set(point.heads)
    assert [overlaps(size, 8) for size in (1, 2, 3, 4)] == [False, False, True, True]


def test_an_mlp_is_a_unit_like_a_head():
    model = tiny("llama", torch.float64)
    after, loss = copy.deepcopy(model.net), probe_loss(model, probes(3, 3, "terse", load()))
    weight = after.model.layers[1].mlp.down_proj.weight
    (step,) = torch.autograd.grad(loss(after), [weight])
    with torch.no_grad():
        weight.sub_(0.6 * step / step.norm())
    order = [(1, 4), *ORDER, (0, 4)]
    curve = set_curve(model.net, after, each_decision(loss), order, random=3)
    assert [point.share[0] for point in curve.points] == pytest.approx([1] * 5, abs=1e-3)
    assert [len(point.heads) for point in curve.points] == [1, 2, 4, 8, 10]
    for point in curve.points[:-1]:
        wanted = sum(column == 4 for _, column in point.heads)
        assert all(sum(column == 4 for _, column in heads) == wanted for heads in point.random_heads)
        assert all(len(set(heads)) == len(point.heads) for heads in point.random_heads)
    assert set(curve.points[0].random_heads) == {((0, 4),)} and curve.points[0].random[0] == pytest.approx(0, abs=1e-3)


def test_one_seed_gives_one_curve_and_another_gives_other_sets(pair, curve):
    before, after, loss = pair
    assert set_curve(before, after, each_decision(loss), ORDER, seed=4, random=5) == curve
    other = set_curve(before, after, each_decision(loss), ORDER, seed=5, random=5)
    assert [p.share[0] for p in other.points] == [p.share[0] for p in curve.points]
    for one, two in zip(other.points[:-1], curve.points[:-1], strict=True):
        assert one.random_heads != two.random_heads  # of each size, whichever way they are drawn
    assert other.points[0].share != curve.points[0].share  # its interval


def test_without_a_gain_there_is_no_curve(pair):
    before, after, loss = pair
    assert set_curve(before, before, each_decision(loss), ORDER) is None
    assert set_curve(after, before, each_decision(loss), ORDER) is None


def test_areas_are_those_computed_by_hand():
    halves = [0.5, 1.0]
    assert area(halves, [0.5, 1.0]) == pytest.approx(0.5)  # a straight line: a triangle
    assert area(halves, [0.5, 1.0], missed=True) == pytest.approx(0.5)
    assert area([0.25, 1.0], [1.0, 1.0]) == pytest.approx(0.25 / 2 + 0.75)  # a quarter of the heads brings all
    assert area([0.25, 1.0], [1.0, 1.0], missed=True) == pytest.approx(0.25 / 2)
    assert area(halves, [2.0, 1.0]) == pytest.approx(0.5 * 1 + 0.5 * 1.5)
    assert area(halves, [2.0, 1.0], missed=True) == pytest.approx(0.5 * 1 + 0.5 * 0.5)  # too much is missed, too


def test_an_interval_is_that_of_resampled_decisions():
    """A twin: decisions drawn one by one; and a curve whose decisions all say the same has no width."""
    rng = np.random.default_rng(0)
    old, new, kept = rng.uniform(2, 3, 40), rng.uniform(0, 1, 40), rng.uniform(1, 3, 40)
    drawn = [rng.integers(0, 40, 40) for _ in range(4000)]
    twin = np.percentile([(old[i] - kept[i]).sum() / (old[i] - new[i]).sum() for i in drawn], (2.5, 97.5))
    curve = module._curve(old, new, np.stack([kept, new]), [((0, 0),), ((0, 0), (0, 1))], [], [[], []], 3)
    estimate, low, high = curve.points[0].share
    assert estimate == pytest.approx((old - kept).sum() / (old - new).sum())
    assert (low, high) == pytest.approx(tuple(twin), abs=0.015) and low < estimate < high
    assert curve.cpr[0] == pytest.approx(0.5 * estimate / 2 + 0.5 * (estimate + 1) / 2)
    assert curve.cpr[1:] == pytest.approx([0.5 * x / 2 + 0.5 * (x + 1) / 2 for x in (low, high)])
    level = module._curve(np.full(9, 2.0), np.ones(9), np.full((1, 9), 1.5), [((0, 0),)], [], [[]], 3)
    assert level.points[0].share == pytest.approx((0.5, 0.5, 0.5))


def test_greedy_insertion_finds_what_trying_every_head_finds(pair, monkeypatch):
    """On eight heads, of which all are tried at each step."""
    before, after, loss = pair
    one_by_one = each_swap(before, after, loss, [(str(head), [head]) for head in EVERY], directions=("insert",))
    alone = {swap.heads[0]: float(swap.insert or 0) for swap in one_by_one}
    greedy = greedy_order(before, after, loss, alone, 3)
    assert len(greedy) == 3 and greedy[0] == max(alone, key=lambda head: alone[head])
    for size in (2, 3):
        tried = [(str(head), [*greedy[: size - 1], head]) for head in EVERY if head not in greedy[: size - 1]]
        best = max(each_swap(before, after, loss, tried, directions=("insert",)), key=lambda swap: swap.insert or 0)
        assert set(best.heads) == set(greedy[:size])
    monkeypatch.setattr(module, "GREEDY_WIDTH", 2)  # of many heads only the best alone are tried
    narrow = greedy_order(before, after, loss, alone, 1)
    assert narrow == greedy[:1] and greedy_order(before, after, loss, {h: -v for h, v in alone.items()}, 1) != narrow
    curve = set_curve(before, after, each_decision(loss), ORDER, random=2, greedy=greedy)
    assert [len(point.heads) for point in curve.greedy] == [1, 2, 3]
    assert curve.greedy[0].share[0] == pytest.approx(max(alone.values()), abs=5e-4)


def test_a_log_gives_the_curve_back(curve):
    twin = curve_of(Log("", None, tuple(curve_records(curve))))
    assert twin == replace(curve, points=tuple(replace(p, heads=q.heads) for p, q in zip(curve.points, twin.points)))
    assert curve_of(Log("", None, ())) is None


@given(st.integers(1, 700))
def test_sizes_double_up_to_all_heads(heads):
    sizes = doubling(heads)
    assert sizes[-1] == heads and sizes == sorted(set(sizes))
    assert all(2**power == size for power, size in enumerate(sizes[:-1]))
    assert not overlaps(1, max(heads, 3))
