"""Beside the verdict: depth, roles, rank and likeness come out as they were made."""

import copy

import numpy as np
import pytest
import torch

from game.realm.rules import load as load_rules
from perception.mlp_map import mlps
from tests.kits.minds import changed, tiny
from training.heads.head_probes import probe_loss
from training.heads.likeness import dealt_p, likeness, rank_correlation
from training.heads.score import probes
from training.heads.swaps import measured
from training.verdict.analyses import (
    depth,
    interval,
    rank_summary,
    ranks,
    roles,
    widths,
)
from training.verdict.measured import Evidence

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def probed():
    model = tiny()
    return model, probes(5, 2, "terse", load_rules())


def test_an_interval_holds_its_mean_and_shrinks_to_a_point():
    mean, low, high = interval([1.0, 2.0, 3.0, 6.0])
    assert mean == 3.0 and 1.0 <= low < 3.0 < high <= 6.0
    assert interval([2.0, 2.0]) == (2.0, 2.0, 2.0)


def test_depth_finds_the_layer_that_holds_the_gain():
    trained, shuffled = np.zeros((4, 4, 12)), np.zeros((4, 4, 12))
    trained[:, :, 8:] = 1.0 + np.random.default_rng(0).normal(0, 0.1, (4, 4, 4))
    trained[:, :, 0:4], shuffled[:, :, 0:4] = 5.0, 5.5  # the control has it, too
    place = depth(Evidence(trained, shuffled, shuffled, trained.sum(2), shuffled.sum(2)), 3)
    assert place["centre"] == (2.0, 2.0, 2.0)
    assert place["by_layer"][2][0] == 1.0 and place["by_layer"][0] == (0.0, 0.0, 0.0)


def test_depth_resamples_a_training_with_the_control_of_its_scenes():
    swell = np.linspace(1, 3, 6)[:, None, None]  # from seed to seed, in both arms alike
    shuffled = np.ones((6, 4, 8)) * swell
    trained = shuffled + np.repeat([1.0, 0.5], 4)
    arms = (trained, shuffled, shuffled, trained.sum(2), shuffled.sum(2))
    alone = depth(Evidence(*arms), 2)["centre"]
    paired = depth(Evidence(*arms, paired=True), 2)["centre"]
    assert paired == pytest.approx((1 / 3,) * 3) and alone[2] - alone[1] > 0.1


def test_the_spread_of_an_allocation():
    even, one = np.ones(20), np.eye(20)[3]
    assert widths(even) == {"effective": pytest.approx(1.0), "top_tenth": pytest.approx(0.1)}
    assert widths(one) == {"effective": pytest.approx(0.05), "top_tenth": 1.0}
    assert np.isnan(widths(-even)["effective"])


def test_a_change_of_rank_one_keeps_its_gain_in_one_singular_value(probed):
    model, probes = probed
    loss = probe_loss(model, probes)
    net = next(
        net for seed in range(20) if measured(net := changed(model, 1, seed=seed), loss) < measured(model.net, loss)
    )
    measured_ranks = ranks(model.net, net, loss)
    assert all(value == pytest.approx(1.0, abs=1e-4) for some in measured_ranks["stable"].values() for value in some)
    none, *some = measured_ranks["kept"].items()
    assert none == ("0", pytest.approx(0.0, abs=1e-3)), "attention is as it was, and nothing else moved"
    assert [share for _, share in some] == pytest.approx([1.0] * len(some), abs=1e-3)
    assert rank_summary([measured_ranks, measured_ranks])["kept"]["1"][0] == pytest.approx(1.0, abs=1e-3)


def with_mlps(net, seed):
    """The same, with other MLPs."""
    other, generator = copy.deepcopy(net), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for mlp in mlps(other):
            weight = other.get_parameter(mlp.parameter)
            weight.add_(0.05 * torch.randn(weight.shape, generator=generator))
    return other


def test_without_attentions_change_the_rest_keeps_its_own(probed):
    model, probes = probed
    loss = probe_loss(model, probes)
    old, seeds = measured(model.net, loss), range(20)
    seed = next(s for s in seeds if measured(with_mlps(changed(model, 1, seed=s), s), loss) < old - 0.01)
    net, alone = with_mlps(changed(model, 1, seed=seed), seed), with_mlps(model.net, seed)
    rest, whole = old - measured(alone, loss), old - measured(net, loss)
    assert ranks(model.net, net, loss)["kept"]["0"] == pytest.approx(rest / whole, abs=1e-3) and abs(rest) > 1e-3


def test_a_change_of_higher_rank_needs_more_than_one(probed):
    model, probes = probed
    loss = probe_loss(model, probes)
    net = next(
        net for seed in range(20) if measured(net := changed(model, 6, seed=seed), loss) < measured(model.net, loss)
    )
    measured_ranks = ranks(model.net, net, loss)
    assert min(measured_ranks["stable"]["q"]) > 1.5
    assert measured_ranks["kept"]["8"] == pytest.approx(1.0, abs=1e-3) and abs(measured_ranks["kept"]["1"] - 1) > 1e-3


def test_roles_are_of_heads_that_are_needed_but_hold_no_gain():
    seeds = [{"behaviour": [0.9, 0.8, 0.0, spread], "mundane": [0.0, 0.0, 0.5, 0.1]} for spread in (-1.0, 1.8) * 4]
    by_role = roles(seeds, named=(0,), heads=2)
    assert [row[:2] for row in by_role["supporting"]] == [[0, 1]]
    assert [row[:2] for row in by_role["competing"]] == [[1, 0]]
    assert roles([{"behaviour": [0.0] * 4, "mundane": []}], (), 2) == {"supporting": [], "competing": []}


def test_rank_correlation_of_known_lists():
    assert rank_correlation([1, 2, 3, 4], [10, 20, 30, 99]) == pytest.approx(1.0)
    assert rank_correlation([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1.0)
    assert np.isnan(rank_correlation([1, 1, 1], [1, 2, 3]))
    assert rank_correlation([0, 0, 1, 0], [1, 0, 0, 0]) == pytest.approx(-1 / 3)  # ties have no order
    rng = np.random.default_rng(0)
    for a, b in rng.integers(0, 5, (20, 2, 12)):  # scipy's definition, the slow way
        ranks = [[sum(y < x for y in some) + (sum(y == x for y in some) - 1) / 2 for x in some] for some in (a, b)]
        assert rank_correlation(a, b) == pytest.approx(np.corrcoef(*ranks)[0, 1])


def test_learners_with_the_seers_heads_are_told_from_others():
    rng = np.random.default_rng(1)
    seer = rng.normal(size=64)
    mine = [{"own": list(seer + rng.normal(0, 0.5, 64))} for _ in range(4)]
    others = [{"own": list(rng.normal(size=64))} for _ in range(8)]
    similarity = likeness(mine, {"own": list(seer), "gain": [0.0] * 64}, others, 8)
    assert set(similarity) == {"own"}
    assert similarity["own"]["likeness"] > 0.8 and similarity["own"]["p"] == pytest.approx(1e-4)
    assert similarity["own"]["over_others"] == 1.0 and similarity["own"]["among"] > 0.5
    alone = likeness(others[:4], {"own": list(seer)}, [], 8)["own"]
    assert alone["p"] > 0.01 and alone["over_others"] is None


def test_what_the_same_start_alone_makes_alike_shows_in_the_controls():
    rng = np.random.default_rng(3)
    start, lesson = rng.normal(size=(2, 64))
    seer = {"own": list(start + lesson)}

    def near(what):
        return [{"own": list(what + rng.normal(0, 0.1, 64))} for _ in range(4)]

    controls = {"shuffled": near(start), "rehearsal": near(rng.normal(size=64))}
    learnt = likeness(near(start + lesson), seer, [], 8, controls)["own"]
    assert min(learnt["controls"]["shuffled"]) > 0.5 > max(learnt["controls"]["rehearsal"])
    assert learnt["excess"]["shuffled"] == pytest.approx(rank_correlation(lesson, seer["own"]), abs=0.1)
    idle = likeness(near(start), seer, [], 8, controls)["own"]
    against_seer = [rank_correlation(one["own"], seer["own"]) for one in controls["shuffled"]]
    assert idle["controls"]["shuffled"] == pytest.approx(against_seer) and max(against_seer) < 0.9
    assert idle["likeness"] > 0.5 and abs(idle["excess"]["shuffled"]) < 0.3, "alike, and nothing of it learnt"
    assert likeness(near(start), seer, [], 8)["own"]["controls"] == {}


def test_layers_alone_are_no_likeness():
    rng = np.random.default_rng(2)
    steps = np.repeat(np.arange(8.0), 8) * 100
    assert dealt_p(steps + rng.normal(size=64), steps + rng.normal(size=64), 8) > 0.01
