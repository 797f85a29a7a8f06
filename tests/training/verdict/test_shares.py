"""How the gain is shared: known arrays, cross-fitting over seeds and probes, intervals that hold what is planted."""

import numpy as np
import pytest

from training.verdict.measured import Evidence
from training.verdict.shares import bootstrap, concentration, core_of, excess, steadied

FAST = 200  # resamples
HEADS_ALONE = np.ones(20, bool)


def arm(values_H, seeds=4, chunks=4):
    return np.tile(np.asarray(values_H, float), (seeds, chunks, 1))


def test_shares_of_known_arrays():
    few, even, nothing = np.zeros(20), np.full(20, 0.05), arm(np.zeros(20))
    few[:2] = 0.5
    assert concentration(arm(few), nothing, HEADS_ALONE) == (1.0, pytest.approx(2 / 20))
    assert concentration(arm(even), nothing, HEADS_ALONE) == (pytest.approx(2 / 20), pytest.approx(1.0))
    assert concentration(arm(3 * few), arm(few), HEADS_ALONE) == (1.0, pytest.approx(2 / 20))
    assert np.isnan(concentration(arm(-even), nothing, HEADS_ALONE)[0])
    assert np.isnan(concentration(arm(few, seeds=1), arm(np.zeros(20), seeds=1), HEADS_ALONE)).all()


@pytest.mark.parametrize("axis", ["seeds", "halves of the probes"])
def test_the_core_is_chosen_on_other_seeds_and_the_other_half(axis):
    trained = arm(np.zeros(20))
    for at in range(4):
        where = (at, slice(None)) if axis == "seeds" else (slice(None), at)
        trained[(*where, slice(2 * (at % 2), 2 * (at % 2) + 2) if axis != "seeds" else slice(2 * at, 2 * at + 2))] = 1.0
    share, _ = concentration(trained, arm(np.zeros(20)), HEADS_ALONE)
    assert share == 0.0, "each seed, or each half, has units of its own: what one chooses holds nothing on the other"


def test_a_seed_that_was_drawn_twice_is_left_out_twice():
    trained = arm(np.zeros(20))
    for seed in range(4):
        trained[seed, :, 2 * seed : 2 * seed + 2] = 1.0
    rows = np.array([0, 0, 1, 2])
    share, _ = concentration(trained[rows], arm(np.zeros(20)), HEADS_ALONE, (rows, rows))
    assert share == 0.0


def test_a_seed_that_was_drawn_often_weighs_as_much():
    trained = arm(np.zeros(20))
    trained[:, :, 0] = 1.0
    trained[2:, :, 9:19] = 0.1
    rows, other = np.array([0, 0, 0, 2]), np.array([0, 2, 2, 1])
    share, _ = concentration(trained[rows], arm(np.zeros(20)), HEADS_ALONE, (rows, other))
    assert share == pytest.approx((3 + 1.1) / (3 + 2), abs=0.03)


def test_a_seed_that_learned_nothing_chooses_and_weighs_little():
    few = np.zeros(20)
    few[3] = 1.0
    trained = arm(few, seeds=8)
    trained[5] = np.random.default_rng(0).normal(0, 0.01, trained[5].shape)
    assert concentration(trained, arm(np.zeros(20), seeds=8), HEADS_ALONE)[0] == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("spread", [0.2, 1.0, 2.0])
def test_intervals_hold_an_even_share_however_much_seeds_differ(spread):
    """Noise of seeds that both chooses the core and weighs it would say 0.18 to 0.26 here, and never 0.1."""
    inside = []
    for run in range(12):
        rng = np.random.default_rng([3, run])
        units = [mean + rng.normal(0, spread, (8, 1, 72)) + rng.normal(0, 0.3, (8, 16, 72)) for mean in (1.0, 0.0, 0.0)]
        trained, shuffled, rehearsal = units
        measured = Evidence(trained, shuffled, rehearsal, trained.sum(2), shuffled.sum(2), heads=8, columns=9)
        bounds = bootstrap(measured, run, FAST)
        inside.append(
            [bounds[name][0] <= truth <= bounds[name][1] for name, truth in (("share", 7 / 72), ("width", 1))]
        )
    assert (np.mean(inside, 0) >= 0.75).all()


def test_the_core_is_a_tenth_of_the_heads_and_a_tenth_of_the_mlps():
    is_head_H = np.arange(72) % 9 < 8
    e_H = np.where(is_head_H, 0.3 / 64, 0.7 / 8)  # MLPs hold more, each of its kind as much
    core = core_of(e_H, is_head_H)
    assert is_head_H[core].tolist() == [True] * 6 + [False]
    trained = arm(e_H, seeds=8)
    share, width = concentration(trained, 0 * trained, is_head_H)
    assert share == pytest.approx(6 * 0.3 / 64 + 0.7 / 8) and width == pytest.approx(1 / 72 / (e_H**2).sum())


def test_the_moves_of_base_rates_are_taken_away_and_nothing_else():
    rng = np.random.default_rng(5)
    truth = rng.lognormal(0, 1, 20) + rng.normal(0, 0.1, (8, 16, 20))
    move, by_unit = rng.normal(0, 1, (8, 16)), rng.lognormal(0, 0.5, 20)
    move -= move.mean(1, keepdims=True)
    by_unit /= by_unit.sum()
    allotted = truth + move[:, :, None] * by_unit
    calm = steadied(allotted, -move)
    assert calm.mean(1) == pytest.approx(allotted.mean(1)), "every seed's own mean stays"
    assert np.abs(calm - truth).max() < 0.05 < 0.3 < np.abs(allotted - truth).max()
    assert np.array_equal(steadied(truth, np.zeros((8, 16))), truth)


def test_the_control_is_subtracted_and_halves_are_even_and_odd_chunks():
    trained, shuffled = np.zeros((2, 4, 3)), np.ones((2, 4, 3))
    trained[:, 0::2, 0], trained[:, 1::2, 1] = 2.0, 3.0
    a, b = excess(trained, shuffled)
    assert a.tolist() == [1.0, -1.0, -1.0]
    assert b.tolist() == [-1.0, 2.0, -1.0]
