"""Experiments: runs that resume after a kill, rates chosen by a sweep, refusals, and the score of equal learning."""

import json
import shutil
from contextlib import nullcontext
from dataclasses import replace

import pytest

from common.numbers import SEED_MAX
from main import main
from tests.kits.experimentkit import files_and_model, learned_at_once, steps_of
from training.config import LearnConfig, TeachConfig
from training.experiments import choice, learning, run, show, tables
from training.experiments.plan import Arm, Experiment, Outcome, merit
from training.experiments.planned_runs import RESULT
from training.experiments.pool import LocalPool, RunJob
from training.experiments.registry import EXPERIMENTS, experiment_named
from training.experiments.run import run_experiment
from training.heads.run_log import from_root
from training.learn import steps_to_see
from training.optim import shared_reads


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """Two arms, two seeds."""
    base = LearnConfig(model=str(files_and_model(tmp_path_factory.mktemp("home")) / "model"), steps=2, device="cpu")
    arms = (Arm("low", base), Arm("adam", replace(base, teach=TeachConfig(optimizer="adamw"))))
    return Experiment("small", "a test", arms, (0, 1), steps_of, {"low": (1e-3, 4e-3)}, sweep_steps=1)


@pytest.fixture(scope="module", autouse=True)
def calls():
    """Trainings that cost nothing: what they were called with."""
    calls = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "learn", learned_at_once(calls))
        yield calls


@pytest.fixture(scope="module")
def ran(calls, plan, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "small"
    reports = []
    return run_experiment(plan, out, 1, lambda *report: reports.append(report)), out, reports


def test_every_arm_runs_on_every_seed_after_a_sweep_of_rates(ran, plan):
    result, out, reports = ran
    assert result["score"] == {"low/0": 2, "low/1": 2, "adam/0": 2, "adam/1": 2}
    assert [row["arm"] for row in result["sweep"]] == ["low-lr0.001", "low-lr0.004"]
    assert result["rates"] == {"low": 4e-3, "adam": None}
    assert result["swept_on"] == from_root(plan.arms[0].config.model)
    assert reports[-1] == ("training", 4, 4) and ("choosing rates", 2, 2) in reports
    assert json.loads((out / "score.json").read_text())["score"] == result["score"]


def test_runs_are_trained_with_the_settings_of_their_arm_and_seed(ran, calls):
    trained = {
        (call.out.parent.name, call.seed, call.teach.seed, call.teach.lr, call.steps) for call in calls if call.out
    }
    assert trained == {("low", 0, 0, 4e-3, 2), ("low", 1, 1, 4e-3, 2), ("adam", 0, 0, None, 2), ("adam", 1, 1, None, 2)}
    assert {(call.seed, call.teach.lr, call.steps) for call in calls if not call.out} == {
        (100, 1e-3, 1),
        (100, 4e-3, 1),
    }


def test_the_sweep_runs_on_a_seed_that_is_not_scored(ran, plan):
    _, out, _ = ran
    assert plan.sweep_seed not in plan.seeds
    assert [path.name for path in (out / "sweep" / "low-lr0.001").iterdir()] == [f"seed-{plan.sweep_seed}"]


def test_a_sweep_leaves_scores_and_measures_no_heads(ran, plan):
    folder = ran[1] / "sweep" / "low-lr0.001" / f"seed-{plan.sweep_seed}"
    assert [path.name for path in folder.iterdir()] == [RESULT]


def test_a_killed_experiment_goes_on_and_comes_to_the_same_end(ran, plan):
    result, out, _ = ran
    stays, lost = out / "low" / "seed-0" / RESULT, out / "low" / "seed-1" / RESULT
    before, stamp = lost.read_text(), stays.stat().st_mtime_ns
    lost.unlink()
    again = run_experiment(plan, out)
    assert again["score"] == result["score"]
    assert stays.stat().st_mtime_ns == stamp, "a finished run is left alone"
    assert json.loads(lost.read_text())["result"]["after"] == json.loads(before)["result"]["after"]


def test_a_folder_of_something_else_is_refused(ran, plan, tmp_path):
    _, out, _ = ran
    with pytest.raises(ValueError, match="other settings; give a new folder"):
        run_experiment(replace(plan, seeds=(0, 1, 2)), out)
    changed = replace(plan, arms=(plan.arms[0], Arm("adam", replace(plan.arms[1].config, lessons=5))))
    with pytest.raises(ValueError, match="made with other settings"):
        run_experiment(changed, out)
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds no experiment"):
        run_experiment(plan, tmp_path)
    with pytest.raises(ValueError, match="at least 1"):
        run_experiment(plan, tmp_path / "new", workers=0)
    assert not (tmp_path / "new").exists()


def test_some_arms_alone_are_an_experiment_of_their_own(ran, plan, tmp_path):
    _, out, _ = ran
    part = replace(plan, rates={}).only("adam")
    with pytest.raises(ValueError, match="other settings; give a new folder"):
        run_experiment(part, out)
    shutil.copytree(out / "adam", tmp_path / "part" / "adam")
    (tmp_path / "part" / "experiment.json").write_text(
        json.dumps(json.loads((out / "experiment.json").read_text()) | {"arms": ["adam"]})
    )
    result = run_experiment(part, tmp_path / "part")
    assert result["some"] == ["adam"] and result["score"] == {"adam/0": 2, "adam/1": 2}


def test_a_result_that_was_torn_is_named(ran, plan):
    _, out, _ = ran
    path = out / "adam" / "seed-0" / RESULT
    whole = path.read_text()
    path.write_text(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="remove it, and the run will be done again"):
        run_experiment(plan, out)
    stored, parts = json.loads(whole), ({"curve": 0}, {"steps": 0}, {"after": {}}, {"before": 3}, {"seconds": "x"})
    results = [None, 3, *(stored["result"] | part for part in parts)]
    for content in ({}, {"settings": [1]}, stored | {"commit": 5}, *(stored | {"result": r} for r in results)):
        path.write_text(json.dumps(content))
        with pytest.raises(ValueError, match=r"no result of a run \(.*\); remove it"):
            run_experiment(plan, out)
    path.write_text(whole)


def outcome(arm, seed=0, hits=0.9, alarms=0.02, mundane=1.0, d_prime=3.0, curve=(), **settings):
    after = {
        "hits": hits, "hits_new_pairs": hits, "false_alarms": alarms, "d_prime": d_prime, "mundane": mundane,
    }  # fmt: skip
    result = {"before": after | {"mundane": 1.0}, "after": after, "curve": curve, "seconds": 3.0, "steps": 30}
    return Outcome(arm, seed, {"teach_lr": 1.0} | settings, result, None, "c0ffee")


def test_a_rate_is_chosen_by_d_prime_unless_the_mundane_suffers():
    plain = Experiment("x", "", (Arm("a"),), (0,), steps_of, {"a": (1.0, 2.0, 3.0)})
    swept = [
        outcome("a-lr1", d_prime=3.0, teach_lr=1.0),
        outcome("a-lr2", d_prime=3.2, teach_lr=2.0),
        outcome("a-lr3", d_prime=3.9, mundane=0.97, teach_lr=3.0),
    ]
    assert plain.chosen(swept)[0].config.teach.lr == 2.0
    assert merit(swept[2]) == pytest.approx(3.9 - 2.0)
    all_hit, none = (outcome("a", hits=hits, d_prime=None, mundane=m) for hits, m in ((1.0, 0.97), (0.05, 0.99)))
    assert merit(all_hit) == pytest.approx(4.0 - 2.0)
    assert merit(all_hit) > merit(none)
    little = outcome("a", mundane=0.5, d_prime=3.0)
    little.result["before"]["mundane"] = 0.13
    assert merit(little) == 3.0, "it had less before"


def test_scores_alone_leave_no_logs_and_no_stage_that_needs_them(ran, plan, tmp_path):
    result = ran[0]
    alone = replace(plan, rates={}).without_logs(plan.score)
    again = run_experiment(alone, tmp_path / "alone")
    assert again["score"].keys() == result["score"].keys() and again["runs"] == result["runs"]
    assert list((tmp_path / "alone").glob("*/seed-*/result.json")) and not list(
        (tmp_path / "alone").rglob("log.msgpack")
    )
    with pytest.raises(ValueError, match="holds an experiment of other settings"):
        run_experiment(replace(alone, scores_alone=False), tmp_path / "alone")
    ranks = experiment_named("rank").without_logs(plan.score)
    assert ranks.stage is None and not ranks.keeps_weights
    assert experiment_named("frozen").without_logs(plan.score).stage is not None, "cost needs no logs"
    with pytest.raises(ValueError, match="--scores-only: sight compares what heads did"):
        experiment_named("sight").without_logs(plan.score)


def test_runs_that_read_the_same_contexts_are_kin_and_share_them(plan, tmp_path, monkeypatch):
    jobs, labels = [], []
    monkeypatch.setattr(run, "shared_reads", lambda label: labels.append(label) or nullcontext())

    def pool(some, finished):
        jobs.extend(some)
        LocalPool(1)(some, finished)

    cached = replace(plan, rates={}).changed({"base_cache": True})
    run_experiment(cached, tmp_path / "cached", pool=pool)
    assert [job.kin for job in jobs] == [(0, 0), (0, 0), (0, 1), (0, 1)]
    assert [labels.index(label) for label in labels] == [0, 0, 2, 2], "one label a seed"
    jobs.clear()
    run_experiment(replace(plan, rates={}), tmp_path / "plain", pool=pool)
    assert len({job.kin for job in jobs}) == 4, "nothing is shared"


def test_what_runs_shared_is_given_back(tmp_path):
    def hold(folder):
        with shared_reads.shared_reads("seed"):
            pass

    LocalPool(1)([RunJob("arm", "seed-0", hold, tmp_path, ())], lambda count: None)
    assert shared_reads._latest is None


FLAGS = [([], False, 150), (["--scores-only"], True, 150), (["--sweep-steps", "0"], False, None),
         (["--sweep-steps", "7"], False, 7)]  # fmt: skip


@pytest.mark.parametrize(("words", "alone", "sweep"), FLAGS)
def test_flags_reach_the_plan(monkeypatch, tmp_path, words, alone, sweep):
    planned = []
    monkeypatch.setattr(
        run, "run_experiment", lambda experiment, *rest, **more: planned.append(experiment) or {"score": {}}
    )
    monkeypatch.setattr(show, "lines", lambda result: [])
    assert main(["experiment", "rank", "--out", str(tmp_path / "out"), *words]) == 0
    assert planned[0].scores_alone is alone
    assert {arm.config.steps for arm in planned[0].sweep()} == ({sweep} if sweep else set())


def test_a_sweep_is_shortened_or_left_out():
    plain = Experiment("x", "", (Arm("a"),), (0,), steps_of, {"a": (1.0, 2.0)})
    assert {arm.config.steps for arm in plain.sweeping(7).sweep()} == {7}
    assert plain.sweeping(0).sweep() == () and plain.sweeping(0).changed({"lr": 0.5}).arms[0].config.teach.lr == 0.5
    with pytest.raises(ValueError, match=r"--sweep-steps -1: must be 0 or more"):
        plain.sweeping(-1)
    with pytest.raises(ValueError, match=r"--sweep-steps 5: x sweeps no rates"):
        plain.sweeping(0).sweeping(5)


def test_the_step_at_which_it_sees_needs_hits_and_few_false_alarms_at_once():
    curve = [
        {"step": 20, "hits": 0.95, "false_alarms": 0.2},
        {"step": 40, "hits": 0.80, "false_alarms": 0.01},
        {"step": 60, "hits": 0.90, "false_alarms": 0.05},
    ]
    assert steps_to_see(curve) == 60
    assert steps_to_see(curve[:2]) is None


def test_the_score_of_equal_learning_takes_medians_over_seeds():
    seen = [{"step": 60, "hits": 0.95, "false_alarms": 0.0}]
    runs = [outcome("a", 0, 0.9, curve=seen), outcome("a", 1, 0.7, mundane=0.99), outcome("a", 2, 0.8, curve=seen)]
    row = learning.score(runs)["a"]
    assert row["hits"] == 0.8 and row["seeds"] == 3 and row["reached"] == 2 and row["steps_to_see"] == 60
    assert row["lost"] == pytest.approx(0.01) and row["ms_per_step"] == pytest.approx(100)


def test_several_bases_are_scored_apart_and_together():
    one, two = outcome("a", 0, 0.9), replace(outcome("a", 0, 0.5), base=1, settings={"model": "other", "teach_lr": 1})
    one = replace(one, settings={"model": "novice", "teach_lr": 1})
    score = tables.score([one, two])
    assert score["arms"]["a"]["hits"] == 0.7
    assert {model: arms["a"]["hits"] for model, arms in score["by_base"].items()} == {"novice": 0.9, "other": 0.5}
    assert "by_base" not in tables.score([one])


def test_few_and_choice_compare_what_they_say():
    arms = {arm.name: arm.config for arm in EXPERIMENTS["few"].arms}
    assert {name: (config.spirits, config.teach.dreams) for name, config in arms.items()} == {
        "spirits-20": (20, True), "scenes-64": (0, True), "spirits-20-awake": (20, False), "scenes-64-awake": (0, False)
    }  # fmt: skip
    plain = LearnConfig(spirits=20)
    for arm in EXPERIMENTS["choice"].arms:
        changed = (arm.config.steps != plain.steps) + (arm.config.teach.lr != choice.USUAL[0])
        assert changed <= 1 and arm.config.spirits == 20


def test_equal_learning_compares_what_it_says():
    arms = {arm.name: arm.config.teach for arm in learning.EXPERIMENT.arms}
    assert len(arms) == 8 and set(learning.RATES) == set(arms)
    assert sum(teach.full for teach in arms.values()) == 2
    assert len(learning.EXPERIMENT.seeds) == 5 and len(learning.EXPERIMENT.sweep()) == 35
    assert {teach.optimizer for teach in arms.values()} == {"apollo", "adamw", "sgd"}


def test_a_quick_experiment_is_small_and_keeps_its_arms():
    for planned in EXPERIMENTS.values():
        quick = planned.quick()
        assert [arm.name for arm in quick.arms] == [arm.name for arm in planned.arms]
        assert len(quick.seeds) == (1 if planned.stage is None else 2)
        assert all(arm.config.steps <= 4 for arm in quick.arms)


def test_an_unknown_experiment_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match="known: learning"):
        experiment_named("lerning")


def test_settings_that_cannot_be_are_refused_before_anything_runs(plan, calls, tmp_path):
    before = len(calls)
    arms = (plan.arms[0], replace(plan.arms[1], config=replace(plan.arms[1].config, steps=0)))
    with pytest.raises(ValueError, match="--steps 0"):
        run_experiment(replace(plan, arms=arms, rates={}), tmp_path / "out")
    with pytest.raises(ValueError, match="9223372036854775808: must be"):
        run_experiment(replace(plan, seeds=(0, SEED_MAX + 1)), tmp_path / "out")
    with pytest.raises(ValueError, match=r"--seed \d+: must be from 0 to \d+"):
        plan.from_seed(SEED_MAX - 5)
    with pytest.raises(ValueError, match="--seeds 100000000: must be from 1 to 10000"):
        plan.taking(10**8)
    assert len(calls) == before and not (tmp_path / "out").exists()
