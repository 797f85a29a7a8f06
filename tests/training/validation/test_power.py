"""Power: more seeds are drawn from those that were measured, with the spread of their population."""

import numpy as np

from training.validation.power import redrawn, right
from training.validation.simulated import CASES, World, simulate


def planted(name):
    rng = np.random.default_rng(4)
    return simulate(rng, CASES[name][1](rng), World())


def test_seeds_drawn_anew_keep_the_mean_and_the_populations_spread():
    measured = planted("uniform")
    many = redrawn(measured, 4000, np.random.default_rng(0))
    own = measured.trained_SCH.sum(2).mean(1)
    drawn = many.trained_SCH.sum(2).mean(1)
    assert abs(drawn.mean() - own.mean()) < 5 * own.std(ddof=1) / np.sqrt(4000)
    assert np.isclose(drawn.std(), own.std(ddof=1), rtol=0.05)


def test_arms_of_the_same_scenes_are_drawn_together():
    rng = np.random.default_rng(4)
    measured = simulate(rng, CASES["uniform"][1](rng), World(paired=True))
    alike = redrawn(measured, 12, np.random.default_rng(0))
    apart = redrawn(planted("uniform"), 12, np.random.default_rng(0))

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
    assert right(planted("four heads"), "localized", 8, runs=3) == 1.0
    assert right(planted("no effect"), "undecided", 8, runs=3) == 1.0
    assert right(planted("four heads"), "distributed", 8, runs=3) == 0.0
