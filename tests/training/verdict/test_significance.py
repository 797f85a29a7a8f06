"""The statistics: each agrees with scipy or printed tables, and is calibrated on noise."""

import numpy as np
import pytest

from training.verdict.significance import (
    auroc,
    benjamini_hochberg,
    incomplete_beta,
    permutation_p,
    student_sf,
    welch_p,
    wilson,
)


def test_students_tail_matches_printed_tables():
    for t, df, p in (
        (2.228, 10, 0.025),
        (1.812, 10, 0.05),
        (63.657, 1, 0.005),
        (1.960, 1e6, 0.025),
        (3.169, 10, 0.005),
    ):
        assert student_sf(t, df) == pytest.approx(p, rel=2e-3)
        assert student_sf(-t, df) == pytest.approx(1 - p, rel=2e-3)
    assert incomplete_beta(2, 3, 0.5) == pytest.approx(0.6875)
    assert incomplete_beta(0.5, 0.5, 0.5) == pytest.approx(0.5)


def test_welch_is_calibrated_on_noise_and_sees_a_shift():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, (8, 4000)), rng.normal(0, 2, (8, 4000))
    assert (welch_p(a, b) <= 0.05).mean() == pytest.approx(0.05, abs=0.015)
    assert (welch_p(a + 10, b) < 1e-4).mean() > 0.98
    assert welch_p(np.ones((3, 1)), np.zeros((3, 1)))[0] == 0.0
    assert welch_p(np.ones((3, 1)), np.ones((3, 1)))[0] == 1.0


def test_discoveries_are_those_of_benjamini_and_hochberg():
    p = np.array([0.01, 0.04, 0.03, 0.005, 0.5])  # their steps: .005<=.01, .01<=.02, .03<=.03, .04<=.04, .5>.05
    assert benjamini_hochberg(p, 0.05).tolist() == [True, True, True, True, False]
    assert not benjamini_hochberg(np.array([0.02, 0.9]), 0.01).any()


def test_permutation_is_calibrated_and_never_zero():
    rng = np.random.default_rng(0)
    ps = [permutation_p(rng.normal(size=8), rng.normal(size=8), k, 199) for k in range(400)]
    assert np.mean(np.array(ps) <= 0.05) == pytest.approx(0.05, abs=0.03)
    assert 0 < permutation_p(np.arange(8) + 100.0, np.arange(8.0)) <= 1e-3


@pytest.mark.parametrize(("above", "below", "area"), [((3, 4), (1, 2), 1.0), ((1, 2), (3, 4), 0.0), ((1,), (1,), 0.5)])
def test_auroc_is_the_share_of_pairs_in_order(above, below, area):
    assert auroc(np.array(above), np.array(below)) == area


def test_wilson_agrees_with_scipy():
    from scipy.stats import binomtest

    for successes, trials in ((0, 4), (3, 4), (22, 24), (24, 24)):
        expected = binomtest(successes, trials).proportion_ci(method="wilson")
        assert wilson(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-6)
