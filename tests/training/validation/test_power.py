"""Power: more seeds are drawn from those that were measured, with the spread of their population."""

import numpy as np
import pytest

from training.heads.head_sets import Shift
from training.validation.power import Experiment, enough, redrawn, right
from training.validation.simulated import CASES, World, simulate


def planted(name):
    rng = np.random.default_rng(4)
    return simulate(rng, CASES[name][1](rng), World())


def test_seeds_drawn_anew_keep_the_mean_and_the_populations_spread():
    measured = planted("uniform")
    many = redrawn(Experiment(measured), 4000, np.random.default_rng(0))
    own = measured.trained_SCH.sum(2).mean(1)
    drawn = many.trained_SCH.sum(2).mean(1)
    assert abs(drawn.mean() - own.mean()) < 5 * own.std(ddof=1) / np.sqrt(4000)
    assert np.isclose(drawn.std(), own.std(ddof=1), rtol=0.05)


def test_arms_of_the_same_scenes_are_drawn_together():
    rng = np.random.default_rng(4)
    measured = simulate(rng, CASES["uniform"][1](rng), World(paired=True))
    alike = redrawn(Experiment(measured), 12, np.random.default_rng(0))
    apart = redrawn(Experiment(planted("uniform")), 12, np.random.default_rng(0))

    centre = np.sqrt(7 / 8)
    trained, shuffled = (arm - arm.mean(0) for arm in (measured.trained_SCH, measured.shuffled_SCH))
    picked = [int(np.abs(centre * (one - measured.trained_SCH.mean(0)) - trained).sum((1, 2)).argmin())
              for one in alike.trained_SCH]  # fmt: skip
    partners = [int(np.abs(centre * (one - measured.shuffled_SCH.mean(0)) - shuffled).sum((1, 2)).argmin())
                for one in alike.shuffled_SCH]  # fmt: skip
    assert picked == partners
    assert apart.trained_SCH.shape[0] == apart.shuffled_SCH.shape[0] == 12


def test_a_clear_pattern_is_named_by_eight_seeds_and_nothing_stays_undecided(monkeypatch):
    monkeypatch.setattr("training.validation.power.RESAMPLES", 100)
    assert right(Experiment(planted("four heads")), "localized", 8, runs=3) == 1.0
    assert right(Experiment(planted("no effect")), "undecided", 8, runs=3) == 1.0
    assert right(Experiment(planted("four heads")), "distributed", 8, runs=3) == 0.0


def test_swaps_are_drawn_with_their_seeds():
    """Half of the seeds bring all, the other half nothing: drawn anew, the core's share stays, its cost varies."""

    def swaps(cost, gain):
        return [Shift(what, name, ((0, 0),), gain, cost, cost, 8) for what in ("output", "weight")
                for name in ("core", "core+halo")]  # fmt: skip

    measured = planted("uniform")
    experiment = Experiment(measured, [swaps(0.2 + 0.1 * n, 1.0) for n in range(8)], [swaps(0.0, 0.0)] * 8)
    drawn = [redrawn(experiment, 8, np.random.default_rng(n)).causal for n in range(200)]
    removes = np.array([causal.core_remove for causal in drawn])
    assert np.isclose(removes.mean(), 0.55, atol=0.02) and removes.std() > 0.04
    assert all(causal.random_insert == measured.causal.random_insert for causal in drawn)


def test_arms_that_share_no_scenes_are_swapped_by_their_own_seeds():
    def swaps(cost, gain):
        return [Shift(what, name, ((0, 0),), gain, cost, cost, 8) for what in ("output", "weight")
                for name in ("core", "core+halo")]  # fmt: skip

    experiment = Experiment(planted("uniform"), [swaps(0.8, 1.0)] * 8, [swaps(0.1 * n, 0.0) for n in range(8)])
    causal = experiment.causal([np.zeros(8, int), np.full(8, 3), np.zeros(8, int)])
    assert causal.core_remove == pytest.approx(0.8 - 0.3)


def test_a_number_of_seeds_is_enough_if_all_larger_ones_are():
    some = {"8": 0.95, "12": 0.85, "16": 0.9, "20": 0.95, "24": 1.0}
    assert enough({"a": some}) == 16
    assert enough({"a": some, "b": dict.fromkeys(some, 1.0)}) == 16
    assert enough({"a": some | {"24": 0.89}}) is None
