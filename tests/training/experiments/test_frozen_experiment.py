"""Frozen, full and base-cache side by side: what each costs is measured in fresh processes, once."""

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial

import pytest
import torch

from perception.model import save
from tests.kits.experimentkit import SMALL, TEACH, files_and_model, from_files
from tests.kits.minds import tiny
from tests.kits.sources import ROOT
from training.experiments import frozen
from training.experiments.plan import Arm, Runs
from training.experiments.registry import experiment_named

torch.set_num_threads(1)


def test_the_arms_differ_in_who_reads_the_context_alone():
    arms = {arm.name: arm.config for arm in frozen.ARMS}
    assert list(arms) == ["frozen", "full", "base-cache", "base-cache-reused"]
    assert replace(arms["full"], teach=replace(arms["full"].teach, full=False)) == arms["frozen"]
    assert replace(arms["base-cache"], teach=replace(arms["base-cache"].teach, base_cache=False)) == arms["frozen"]
    reused = arms["base-cache-reused"]
    assert reused.teach.reuse == frozen.REUSED > 1
    assert replace(reused, teach=replace(reused.teach, reuse=0)) == arms["base-cache"]
    assert [arm.name for arm in experiment_named("frozen").only("full", "base-cache").arms] == ["full", "base-cache"]


def test_a_process_tells_its_own_peak_of_memory_not_its_parents():
    """What a process had before it became another program stays in getrusage's peak, but is none of the other's."""
    parent = "import numpy, subprocess, sys; held = numpy.ones(150_000_000); subprocess.run(sys.argv[1:], check=True)"
    child = "import torch; from training.experiments.frozen import _peak; print(_peak(torch.device('cpu')))"
    command = [sys.executable, "-c", parent, sys.executable, "-c", child]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert 50 < float(printed) < 1000  # MB; the parent held 1200


def test_speed_and_memory_of_every_arm_stand_in_the_score(tmp_path, monkeypatch):
    save(tiny(), tmp_path / "model")
    arms = [
        Arm(arm.name, replace(
            arm.config, model=str(tmp_path / "model"), **SMALL,
            teach=replace(TEACH, full=arm.config.teach.full, base_cache=arm.config.teach.base_cache),
        ))
        for arm in frozen.ARMS[1:3]
    ]  # fmt: skip
    runs = Runs(replace(frozen.EXPERIMENT, arms=tuple(arms)), [], [tmp_path])
    cost = frozen.Cost().quick().run(runs, 1, lambda *_: None)["cost"]
    assert list(cost) == ["full", "base-cache"]
    for row in cost.values():
        assert row["steps_per_s"] > 0
        assert 20 < row["peak_mb"] < 20_000
    monkeypatch.setattr(frozen, "run_jobs", None)  # known by now
    assert frozen.Cost().quick().run(runs, 1, lambda *_: None)["cost"] == cost
    content = json.loads((tmp_path / frozen.COST).read_text())
    (tmp_path / frozen.COST).write_text(json.dumps(content)[:-9])
    with pytest.raises(ValueError, match=r"cost.json: can't be read \(.*\); remove it, and it will be measured again"):
        frozen.Cost().quick().run(runs, 1, lambda *_: None)
    first = next(iter(content["rows"]))
    for odd in ([], {"rows": 5}, content | {"rows": [{}]}, content | {"rows": {first: [{"peak_mb": 1.0}]}}):
        (tmp_path / frozen.COST).write_text(json.dumps(odd))
        with pytest.raises(ValueError, match=r"cost.json: can't be read \(.*\); remove it"):
            frozen.Cost().quick().run(runs, 1, lambda *_: None)
    fewer = content | {"rows": {first: content["rows"][first]}}  # an arm is missing: it is measured again
    (tmp_path / frozen.COST).write_text(json.dumps(fewer))
    assert (
        frozen._known(tmp_path / frozen.COST, {key: content[key] for key in ("steps", "rounds", "arms", "rests_on")})
        is None
    )


@pytest.fixture
def timed(tmp_path, monkeypatch):
    """A stage whose clock costs nothing: what measures, how often it did, its model's folder, its file."""
    measures = []
    monkeypatch.setattr(
        frozen,
        "run_jobs",
        lambda jobs, *rest, **more: measures.append(jobs) or {0: {"steps_per_s": 2.0, "peak_mb": None}},
    )
    plan = from_files(files_and_model(tmp_path / "home"))
    runs = Runs(plan, [], [tmp_path])
    run = partial(frozen.Cost().quick().run, runs, 1, lambda *_: None)
    run()
    return run, measures, tmp_path / "home", tmp_path / frozen.COST


@pytest.mark.parametrize("file", ["model/config.json", "model/model.safetensors", "probes.jsonl"])
def test_a_cost_on_other_files_of_the_same_names_is_measured_again(timed, file):
    run, measures, home, _ = timed
    run()
    assert len(measures) == 2, "one round of two arms, once"
    (home / file).write_text('{"rms_norm_eps": 5.0}')
    run()
    run()
    assert len(measures) == 4


@pytest.mark.parametrize("odd", [-1.0, 0.0, float("inf"), float("nan")])
@pytest.mark.parametrize("key", ["steps_per_s", "peak_mb"])
def test_a_cost_that_no_clock_tells_is_refused(timed, key, odd):
    run, _, _, place = timed
    content = json.loads(place.read_text())
    content["rows"]["dealt"][0][key] = odd
    place.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=rf"cost.json: can't be read \({odd} is no cost\); remove it"):
        run()


def test_a_cost_that_does_not_say_on_what_is_measured_again(timed):
    run, measures, _, place = timed
    content = json.loads(place.read_text())
    content.pop("rests_on", None)
    place.write_text(json.dumps(content))
    run()
    assert len(measures) == 4
