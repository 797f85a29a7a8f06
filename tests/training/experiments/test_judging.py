"""From runs to a verdict, end to end on a model small enough for a test: logs, weight deltas, swaps, resuming."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
import torch

from perception.model import load, weights_hash
from tests.kits.experimentkit import begun, small
from tests.kits.minds import tiny
from training.config import LearnConfig
from training.experiments import born, judge, listen, rank, sight
from training.experiments.judge import VERDICT, Judge
from training.experiments.registry import experiment_named
from training.experiments.run import _joined, run_experiment
from training.experiments.weight_delta import WEIGHT_DELTA, apply_weight_delta
from training.headlog.log import read_log
from training.heads.likeness import profile_of_log, rank_correlation
from training.validation.power import measured_in
from training.verdict.rule import REGISTERED
from training.verdict.verdict import Verdict


def test_two_bases_are_judged_apart_and_what_each_learned_stays(two_bases, bases):
    score, out = two_bases.result["score"], two_bases.out
    assert list(score["by_base"]) == [str(base) for base in bases]
    assert all(set(arms) == {"trained", "shuffled", "rehearsal"} for arms in score["by_base"].values())
    assert [row["model"] for row in score["bases"]] == [str(base) for base in bases]
    assert score["verdict"]["word"] == "undecided" and score["arms"]["trained"]["seeds"] == 2
    assert list(score["spread"]) == [str(base) for base in bases]  # no interval spans two populations
    assert {"gain", "held"} <= set(score["spread"][str(bases[1])]["trained"])
    assert all((out / f"base-{base}" / "verdict.msgpack").exists() for base in (0, 1))


def test_heads_that_are_named_support_nothing():
    rng = np.random.default_rng(0)
    noise = 0.01 * rng.standard_normal((2, 8, 4, 6))
    trained, shuffled = noise[0] + [1, 1, 0, 0, 0, 0], noise[1] + [0, 0, 0, 0, 1, 0]
    verdict = Verdict("undecided", "", {}, core=(0, 3), significant=(0, 1))
    measured = SimpleNamespace(trained_SCH=trained, shuffled_SCH=shuffled)
    assert judge.named(verdict, measured) == {0, 1, 3, 4}  # core, above the control, below it


def test_a_stage_may_not_hide_what_the_score_tells():
    with pytest.raises(KeyError, match="both hold arms"):
        _joined({"arms": 1, "heads": 2}, {"verdict": 3, "arms": 4})


def test_sight_runs_three_arms_and_judges(judged, bases):
    result, out, reports, _ = judged
    assert result["runs"] == 6 and result["bases"] == [str(bases[0])]
    assert reports[-1] == ("swapping heads", 2, 2) and ("training", 6, 6) in reports
    score = result["score"]
    assert set(score["arms"]) == {"trained", "shuffled", "rehearsal"}
    assert score["verdict"]["word"] == "undecided"
    assert [row["verdict"]["reason"][:13] for row in score["bases"]] == ["too few seeds"]
    assert score["bases"][0]["verdict"]["numbers"]["seeds"] == [2, 2, 2]
    assert {"depth", "roles", "rank"} <= set(score["bases"][0]["analyses"])
    assert json.loads((out / "score.json").read_text())["score"] == json.loads(json.dumps(score))


def test_the_verdict_is_a_log_with_the_swaps_it_rests_on(judged):
    _, out, _, _ = judged
    log = read_log(out / VERDICT)
    assert log.verdict is not None and log.verdict.word == "undecided" and len(log.verdict.core) == 1
    names = {(swap.what, swap.name) for swap in log.swaps}
    assert {("output", "core"), ("weight", "core"), ("output", "core+halo"), ("weight", "core+halo")} <= names
    assert sum(swap.name.startswith("random") for swap in log.swaps) == 4
    header = read_log(out / "trained" / "seed-0" / "log.msgpack").header
    assert log.header == header


def test_what_an_experiment_left_can_be_drawn_anew(judged):
    """As for a calibration: evidence, and the swaps of core and halo of each seed."""
    _, out, _, _ = judged
    experiment = measured_in(out, "")
    assert experiment.measured.trained_SCH.shape[0] == len(experiment.trained) == len(experiment.shuffled) == 2
    names = {shift.name for arm in (experiment.trained, experiment.shuffled) for seed in arm for shift in seed}
    assert names == {"core", "core+halo"}
    if experiment.measured.causal is not None:
        drawn = experiment.causal([np.arange(2)] * 3)
        assert drawn.core_remove == pytest.approx(experiment.measured.causal.core_remove)


def test_all_runs_of_a_base_are_measured_on_the_same_probes(judged):
    _, out, _, _ = judged
    hashes = {
        probes.hash
        for arm in ("trained", "shuffled", "rehearsal")
        for seed in (0, 1)
        for probes in read_log(out / arm / f"seed-{seed}" / "log.msgpack").probes
        if probes.what == "gain"
    }
    assert len(hashes) == 1


def test_a_weight_delta_is_what_the_training_came_to(judged, bases):
    _, out, _, _ = judged
    before = weights_hash(load(bases[0]).net)
    models = [
        apply_weight_delta(load(bases[0]), out / arm / "seed-0" / WEIGHT_DELTA) for arm in ("trained", "shuffled")
    ]
    assert len({before, *(weights_hash(model.net) for model in models)}) == 3
    base = dict(load(bases[0]).net.named_parameters())
    moved = {name for name, value in models[0].net.named_parameters() if not torch.equal(value, base[name])}
    assert moved and all("self_attn" in name for name in moved)


def test_a_weight_delta_of_another_run_or_model_is_refused(judged, bases, tmp_path):
    _, out, _, _ = judged
    noted = json.loads((out / "trained" / "seed-0" / "result.json").read_text())["files"][WEIGHT_DELTA]
    with pytest.raises(ValueError, match=r"is not the file of this run \(.* then, .* now\)"):
        apply_weight_delta(load(bases[0]), out / "shuffled" / "seed-0" / WEIGHT_DELTA, noted)
    with pytest.raises(ValueError, match="doesn't fit the base model"):
        apply_weight_delta(tiny("gpt2"), out / "trained" / "seed-0" / WEIGHT_DELTA)
    (tmp_path / WEIGHT_DELTA).write_bytes(b"no tensors")
    with pytest.raises(ValueError, match="can't be read"):
        apply_weight_delta(load(bases[0]), tmp_path / WEIGHT_DELTA)


def test_a_killed_judge_measures_only_the_seeds_that_are_missing(judged):
    result, out, _, plan = judged
    stays, lost = (out / "causal" / f"seed-{seed}.json" for seed in (0, 1))
    before, stamp = json.loads(lost.read_text()), stays.stat().st_mtime_ns
    lost.unlink()
    again = run_experiment(plan, out)
    assert msgspec.to_builtins(again["score"]) == msgspec.to_builtins(result["score"])
    assert json.loads(lost.read_text()) == before
    assert stays.stat().st_mtime_ns == stamp
    stays.write_text(stays.read_text()[:40])
    with pytest.raises(ValueError, match="remove it, and it will be measured again"):
        run_experiment(plan, out)
    stays.unlink()


def test_a_finished_experiment_is_judged_anew_without_its_weights(judged):
    result, out, _, plan = judged
    run_experiment(plan, out)
    weights = {path: path.read_bytes() for path in out.rglob(WEIGHT_DELTA)}
    assert len(weights) == 6
    for path in weights:
        path.unlink()
    try:
        again = run_experiment(plan, out)
        assert msgspec.to_builtins(again["score"]) == msgspec.to_builtins(result["score"])
        assert not list(out.rglob(WEIGHT_DELTA)), "nothing was trained again"
        (out / "causal" / "seed-1.json").unlink()
        with pytest.raises(ValueError, match="remove its folder, and the run is done again"):
            run_experiment(plan, out)
    finally:
        for path, held in weights.items():
            path.write_bytes(held)


def test_rank_cuts_every_runs_change(bases, tmp_path):
    plan = small(rank.EXPERIMENT, bases[0], seeds=(0,))
    plan = replace(plan, arms=(plan.arms[0], plan.arms[-1]))
    change = run_experiment(plan, tmp_path / "rank")["score"]["change"]
    assert set(change) == {"rank-1", "adamw"}
    assert set(change["rank-1"]["stable"]) == {"q", "k", "v", "o"}
    assert change["rank-1"]["stable"]["q"][0] >= 1
    for path in (tmp_path / "rank").rglob(WEIGHT_DELTA):
        path.unlink()
    assert run_experiment(plan, tmp_path / "rank")["score"]["change"] == change
    torn = tmp_path / "rank" / "adamw" / "seed-0" / rank.CUT
    torn.write_text("{")
    with pytest.raises(ValueError, match=r"cut\.json: can.t be read"):
        run_experiment(plan, tmp_path / "rank")


def test_born_trains_no_controls_on_further_novices():
    plan = born.EXPERIMENT.on("one", "two")
    assert [[arm.name for arm in plan.based(base).arms] for base in (0, 1)] == [
        ["trained", "shuffled", "rehearsal"],
        ["trained"],
    ]
    assert {arm.config.model for arm in plan.based(1).arms} == {"two"}


def test_born_compares_learners_with_the_seer_and_needs_one(two_bases, bases, tmp_path):
    seer_folder = Path(shutil.copytree(bases[1], tmp_path / "seer"))
    plan = small(born.EXPERIMENT, *bases, seeds=(0,))
    plan = replace(plan, stage=born.Compare(str(seer_folder), every=8))
    begun(tmp_path / "born", plan, two_bases.out)
    score = run_experiment(plan, tmp_path / "born")["score"]
    assert score["others"] == 1 and (tmp_path / "born" / "base-1" / "trained" / "seed-0" / "log.msgpack").exists()
    own_change = score["likeness"]["own"]
    assert -1 <= own_change["likeness"] <= 1 and 0 < own_change["p"] <= 1 and len(own_change["others"]) == 1
    own = tmp_path / "born" / "base-0"
    seer = json.loads((own / "seer.json").read_text())["profile"]["own"]
    for name in ("shuffled", "rehearsal"):
        profile = profile_of_log(read_log(own / name / "seed-0" / "log.msgpack"))["own"]
        assert own_change["controls"][name] == [pytest.approx(rank_correlation(profile, seer))]
    assert run_experiment(plan, tmp_path / "born")["score"]["likeness"] == score["likeness"]
    (seer_folder / "config.json").write_text((seer_folder / "config.json").read_text() + "\n")
    with pytest.raises(ValueError, match=r"seer.json: rests on .* seer's config \(.* then, .* now\); give a new --out"):
        run_experiment(plan, tmp_path / "born")
    with pytest.raises(ValueError, match="no born seer there"):
        run_experiment(replace(plan, stage=born.Compare(str(tmp_path))), tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_experiments_take_seeds_bases_and_a_seer():
    plan = experiment_named("sight")
    assert len(plan.seeds) == REGISTERED and plan.keeps_weights and plan.stage == Judge()
    assert plan.taking(3).seeds == (0, 1, 2)
    assert plan.taking(3).from_seed(7).seeds == (7, 8, 9) and plan.from_seed(7).quick().seeds == (7, 8)
    part = experiment_named("few").only("scenes-64", "spirits-20")
    assert [arm.name for arm in part.arms] == ["spirits-20", "scenes-64"] and part.some
    swept = experiment_named("frozen").only("full")
    assert {arm.name.split("-lr")[0] for arm in swept.quick().sweep()} == {"full"}, "a rate is chosen, if quickly"
    assert plan.from_seed(7).sweep_seed == 7 + plan.sweep_seed and plan.from_seed(0) == plan
    assert [arm.config.control for arm in listen.ARMS] == ["", "shuffled", "rehearsal"]
    assert {arm.config.behaviour for arm in listen.ARMS} == {"listen"}
    assert plan.on("a", "b").based(1).arms[0].config.model == "b"
    assert experiment_named("born", "there").stage.seer == "there"
    for wrong in (
        lambda: plan.taking(0),
        lambda: plan.from_seed(-1),
        lambda: plan.only("trained"),
        lambda: experiment_named("few").only("spirits-21"),
        lambda: plan.on("a", "a"),
        lambda: experiment_named("sight", "there"),
    ):
        with pytest.raises(ValueError, match="--"):
            wrong()


def test_every_arm_of_a_verdict_differs_by_its_control_alone():
    for plan in (sight.EXPERIMENT, listen.EXPERIMENT):
        alike = {replace(arm.config, control="", gain_only=False) for arm in plan.arms}
        assert len(alike) == 1 and next(iter(alike)).probe_seed is not None
        assert [arm.config.gain_only for arm in plan.arms] == [False, True, True], "only gains are asked of controls"
        assert not any(arm.config.gain_only for arm in born.EXPERIMENT.arms)
        assert {arm.config.gain_only for arm in plan.changed({"gain_only": True}).arms} == {True}
        assert LearnConfig().probe_seed is None
