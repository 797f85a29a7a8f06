"""The verdict: planted effects come out as planted, noise as undecided, every gate closes, and nothing else decides."""

from dataclasses import replace

import numpy as np
import pytest

from training.validation import simulated
from training.validation.simulated import CASES, World, simulate
from training.verdict.rule import DISTRIBUTED, HIERARCHICAL, LOCALIZED, NOT_IN_HEADS, UNDECIDED
from training.verdict.shares import bootstrap
from training.verdict.verdict import decide

FAST = 200  # resamples


def evidence(case, run=0, world=None):
    rng = np.random.default_rng([7, run])
    return simulate(rng, CASES[case][1](rng), world or World())


@pytest.mark.parametrize("case", CASES)
def test_what_was_planted_is_what_the_verdict_says(case):
    wanted = CASES[case][0].split("|")
    assert [decide(evidence(case, run), run, FAST).word in wanted for run in range(3)] == [True] * 3


def test_the_core_that_is_named_is_the_one_that_was_planted():
    rng = np.random.default_rng(1)
    shares = CASES["six heads + 5 % halo"][1](rng)
    verdict = decide(simulate(rng, shares, World()), 0, FAST)
    assert set(np.flatnonzero(shares > 0.1)) <= set(verdict.core)  # one more fits into a tenth of the units
    assert verdict.word == LOCALIZED
    assert "core holds" in verdict.reason


def test_a_serial_circuit_is_localized_by_insert_though_random_sets_remove_as_much():
    assert decide(evidence("four heads", 1, World(serial=True)), 0, FAST).word == LOCALIZED


def test_what_shuffled_answers_destroy_is_no_gain():
    """The excess over a control that unlearns two heads lies in these two, whatever true lessons did."""
    measured = evidence("uniform")
    harmed = measured.shuffled_SCH.copy()
    harmed[:, :, :2] -= 0.3 * measured.whole_SC.mean()
    verdict = decide(replace(measured, shuffled_SCH=harmed, shuffled_whole_SC=harmed.sum(2)), 0, FAST)
    assert (verdict.word, verdict.reason[:23]) == (UNDECIDED, "shuffled answers destro")
    assert any("destroy" in caveat for caveat in verdict.caveats)


def test_crumbs_make_no_halo_and_no_spread_however_sure_they_are():
    quiet = World(noise=0.001, probe_noise=0.01, seed_spread=0.01)
    for parts, word in (({6: 0.97, 66: 0.03}, LOCALIZED), ({16: 0.97, 56: 0.03}, UNDECIDED)):
        rng = np.random.default_rng(2)
        measured = simulate(rng, simulated._shares(rng, parts), quiet)
        sure = replace(measured.causal, core_insert=1.0, core_remove=0.05) if word == UNDECIDED else measured.causal
        assert decide(replace(measured, causal=sure), 0, FAST).word == word


def test_units_that_hold_little_of_the_gain_are_not_what_is_distributed():
    measured = evidence("uniform")
    most = replace(measured, whole_SC=measured.whole_SC / 0.3)
    assert decide(most, 0, FAST).word == DISTRIBUTED, "their swaps say that they bring all"
    causal = replace(measured.causal, both_insert=0.3, both_weights=0.3)
    assert decide(replace(most, causal=causal), 0, FAST).word == UNDECIDED


def test_too_few_seeds_are_said_so():
    verdict = decide(evidence("one head", 0, World(seeds=7)), 0, FAST)
    assert (verdict.word, verdict.reason[:13]) == (UNDECIDED, "too few seeds")


def test_one_network_is_a_caveat_and_three_are_none():
    few = decide(replace(evidence("uniform"), bases=1), 0, FAST)
    assert few.word == DISTRIBUTED
    assert "one network only" in few.caveats[0]
    assert decide(evidence("uniform"), 0, FAST).caveats == ()


def test_a_gain_that_the_control_has_too_decides_nothing():
    measured = evidence("one head")
    verdict = decide(replace(measured, shuffled_whole_SC=measured.whole_SC + 1e-3), 0, FAST)
    assert (verdict.word, verdict.reason[:41]) == (UNDECIDED, "the gain isn't above the shuffled control")


def test_a_gain_that_rehearsal_alone_has_too_decides_nothing():
    measured = evidence("one head")
    verdict = decide(replace(measured, rehearsal_whole_SC=measured.whole_SC + 1e-3), 0, FAST)
    assert (verdict.word, verdict.reason[:42]) == (UNDECIDED, "the gain isn't above the rehearsal control")


def test_heads_that_hold_no_more_than_a_controls_decide_nothing():
    measured = evidence("one head")
    verdict = decide(replace(measured, rehearsal_SCH=measured.trained_SCH + 1e-3), 0, FAST)
    assert (verdict.word, verdict.reason[:49]) == (UNDECIDED, "the heads' total isn't above the rehearsal contro")


def test_a_gain_that_others_than_heads_bring_is_called_that_though_heads_are_as_in_the_controls():
    measured, alike = evidence("one head"), evidence("no effect")
    verdict = decide(replace(alike, whole_SC=alike.trained_SCH.sum(2) + measured.whole_SC), 0, FAST)
    assert verdict.numbers["p_shuffled"] > 0.01
    assert verdict.word == NOT_IN_HEADS


def test_a_gain_outside_the_heads_is_called_that():
    measured = evidence("one head")
    verdict = decide(replace(measured, whole_SC=measured.whole_SC * 20), 0, FAST)
    assert verdict.word == NOT_IN_HEADS


def test_no_gain_is_no_verdict():
    measured = evidence("one head")
    verdict = decide(replace(measured, whole_SC=-measured.whole_SC), 0, FAST)
    assert (verdict.word, verdict.reason[:7]) == (UNDECIDED, "no gain")


def test_many_negative_heads_bar_a_verdict():
    measured = evidence("one head")
    worse = measured.trained_SCH.copy()
    worse[:, :, 32:] -= 0.7 * abs(worse.sum(2).mean()) / 32
    verdict = decide(replace(measured, trained_SCH=worse, whole_SC=worse.sum(2) + 1), 0, FAST)
    assert verdict.word == UNDECIDED


@pytest.mark.parametrize(
    ("case", "change"),
    [
        ("four heads", {"core_insert": 0.7}),
        ("four heads", {"core_weights": 0.7}),
        ("four heads", {"core_remove": 0.5}),
        ("four heads", {"random_insert": (1.2,) * 200}),
        ("four heads", {"random_insert": (0.1,) * 199}),
        ("core 4 (55 %) + halo 68", {"both_insert": 0.8}),
        ("core 4 (55 %) + halo 68", {"both_weights": 0.8}),
        ("core 4 (55 %) + halo 68", {"core_remove": 0.24, "random_remove": (0.0,) * 32}),
        ("core 4 (55 %) + halo 68", {"random_remove": (0.7,) * 32}),
        ("core 4 (55 %) + halo 68", {"random_remove": ()}),
        ("core 4 (55 %) + halo 68", {"core_insert": -1.0}),
        ("core 4 (55 %) + halo 68", {"random_insert": (0.7,) * 200}),
        ("core 4 (55 %) + halo 68", {"random_insert": (0.1,) * 199}),
        ("uniform", {"core_remove": 0.76}),
        ("uniform", {"both_insert": 0.89}),
        ("uniform", {"both_weights": 0.89}),
        ("log-normal 1", {"core_remove": 0.76}),
    ],
)
def test_swaps_that_disagree_make_it_undecided(case, change):
    measured = evidence(case, 1)
    assert decide(measured, 0, FAST).word in (LOCALIZED, HIERARCHICAL, DISTRIBUTED)
    verdict = decide(replace(measured, causal=replace(measured.causal, **change)), 0, FAST)
    assert verdict.word == UNDECIDED
    assert "swaps disagree" in verdict.reason


def test_a_core_that_surely_holds_half_is_a_core_though_spread_would_fit_too():
    """Shares that fit two patterns belong to the first, and what its swaps deny isn't called by the other's name."""
    rng = np.random.default_rng(3)
    quiet = World(noise=0.001, probe_noise=0.01, seed_spread=0.01)
    measured = simulate(rng, simulated._shares(rng, {4: 0.56, 68: 0.44}), quiet)
    verdict = decide(measured, 0, FAST)
    assert verdict.word == HIERARCHICAL and verdict.numbers["share_core"][2] <= 0.6
    causal = replace(measured.causal, core_remove=0.2)
    assert decide(replace(measured, causal=causal), 0, FAST).word == UNDECIDED


def test_without_swaps_nothing_is_decided():
    verdict = decide(replace(evidence("uniform"), causal=None), 0, FAST)
    assert (verdict.word, "no causal swaps" in verdict.reason) == (UNDECIDED, True)


def test_the_same_evidence_gives_the_same_numbers():
    a, b = decide(evidence("log-normal 1"), 3, FAST), decide(evidence("log-normal 1"), 3, FAST)
    assert a == b


@pytest.mark.parametrize("name", ["trained_SCH", "shuffled_SCH", "rehearsal_SCH", "whole_SC", "rehearsal_whole_SC"])
def test_numbers_that_are_not_finite_decide_nothing(name):
    measured = evidence("uniform")
    broken = getattr(measured, name).copy()
    broken.flat[3] = np.nan
    with pytest.raises(ValueError, match=f"{name} holds numbers that are not finite"):
        replace(measured, **{name: broken})


def test_swaps_that_are_not_finite_are_refused():
    causal = evidence("uniform").causal
    for change in ({"core_insert": np.nan}, {"random_insert": (0.1, np.inf)}):
        with pytest.raises(ValueError, match="is not finite"):
            replace(causal, **change)


def test_a_held_share_on_both_sides_of_the_bar_is_undecided():
    measured = evidence("one head")
    apart = measured.whole_SC * np.where(np.arange(8)[:, None] % 2, 1.0, 5.0)  # seed by seed
    verdict = decide(replace(measured, whole_SC=apart), 0, FAST)
    low, high = verdict.numbers["held_by_heads"][1:]
    assert low < 0.2 < high
    assert (verdict.word, "20% is worth splitting" in verdict.reason) == (UNDECIDED, True)


def test_what_a_seed_does_to_both_arms_cancels_where_they_are_resampled_together():
    measured = evidence("uniform")
    luck = np.random.default_rng(3).normal(0, 4.0, (len(measured.trained_SCH), 1, measured.trained_SCH.shape[2]))
    shared = replace(measured, trained_SCH=measured.trained_SCH + luck, shuffled_SCH=measured.shuffled_SCH + luck)

    def spans(some):
        bounds = bootstrap(some, 0, FAST)
        return {name: bounds[name][1] - bounds[name][0] for name in ("share", "width", "held")}

    apart, together, without = spans(shared), spans(replace(shared, paired=True)), spans(replace(measured, paired=True))
    assert together == pytest.approx(without, rel=1e-9)
    assert not apart["held"] < 2 * together["held"], "wider, or no bound at all"
    with pytest.raises(ValueError, match="can't be paired"):
        replace(
            measured,
            shuffled_SCH=measured.shuffled_SCH[1:],
            shuffled_whole_SC=measured.shuffled_whole_SC[1:],
            paired=True,
        )


def test_more_seeds_than_were_registered_are_a_caveat():
    assert "adds seeds" in decide(evidence("uniform", world=World(seeds=73)), 0, FAST).caveats[-1]


def test_shapes_that_do_not_agree_are_refused():
    measured = evidence("uniform")
    with pytest.raises(ValueError, match="shuffled_SCH"):
        replace(measured, shuffled_SCH=measured.shuffled_SCH[:, :3])
    for name in ("whole_SC", "shuffled_whole_SC", "rehearsal_whole_SC"):
        with pytest.raises(ValueError, match=f"verdict: {name} is"):
            replace(measured, **{name: getattr(measured, name)[:3]})


def test_the_table_of_calibration_counts_words_and_goes_on_after_a_kill(monkeypatch, tmp_path):
    monkeypatch.setattr(simulated, "CASES", {"uniform": CASES["uniform"]})
    monkeypatch.setattr(simulated, "WORLDS", {"plain": World(), "serial": World(serial=True)})
    path = tmp_path / "deep" / "calibration.jsonl"
    rows = simulated.run(path, runs=2, resamples=100)
    assert [(row["world"], row["distributed"], row["right"]) for row in rows] == [("plain", 1, 1), ("serial", 1, 1)]
    whole = path.read_text()
    path.write_text(whole.splitlines(keepends=True)[0])
    assert simulated.run(path, runs=2, resamples=100) == rows and path.read_text() == whole
    with pytest.raises(ValueError, match="other settings; give a new file"):
        simulated.run(path, runs=3, resamples=100)
    monkeypatch.setattr(simulated, "WORLDS", {"plain": World(), "serial": World(serial=True, noise=0.5)})
    with pytest.raises(ValueError, match=r"serial was simulated as .*'noise': 0.15.* now it is .*'noise': 0.5"):
        simulated.run(path, runs=2, resamples=100)


def test_one_seed_is_too_few_and_no_error():
    one = evidence("one head", 0, World(seeds=1))
    assert decide(one, 0, FAST).reason.startswith("too few seeds: (1, 1, 1)")


def test_paired_arms_share_what_their_scenes_bring_and_are_resampled_together():
    quiet = {"noise": 0.0, "probe_noise": 0.0}
    shares = np.zeros(simulated.WIDTH)
    measured = simulate(np.random.default_rng(3), shares, World(paired=True, **quiet))
    assert measured.paired and np.array_equal(measured.trained_SCH, measured.shuffled_SCH)
    apart = simulate(np.random.default_rng(3), shares, World(**quiet))
    assert not apart.paired and not np.array_equal(apart.trained_SCH, apart.shuffled_SCH)


def test_heads_that_hold_little_beside_mlps_are_not_where_it_is():
    measured = evidence("MLPs alone")
    verdict = decide(measured, 0, FAST)
    assert verdict.word == NOT_IN_HEADS
    assert [unit % measured.columns == measured.heads for unit in verdict.core] == [False] * 6 + [True]
    as_heads = decide(replace(measured, heads=0, columns=0), 0, FAST)
    assert as_heads.word != NOT_IN_HEADS  # the same numbers, if every unit were a head


def test_units_that_fit_no_layer_are_refused():
    with pytest.raises(ValueError, match="no rows of 7"):
        replace(evidence("uniform"), columns=7)


def test_a_control_that_gains_much_is_a_caveat():
    caveats = decide(evidence("uniform", world=World(control=3.5)), 0, FAST).caveats
    assert any("shuffled answers gain" in caveat for caveat in caveats)
    assert not any("shuffled answers gain" in caveat for caveat in decide(evidence("uniform"), 0, FAST).caveats)
