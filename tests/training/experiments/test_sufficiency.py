"""Sufficiency: the core alone, all but the core, and random sets train; the arms come from a verdict on disk."""

import json
import shutil

import pytest

from training.config import TeachConfig
from training.experiments import sufficiency
from training.experiments.registry import experiment_named
from training.verdict.units import Shape


def test_the_arms_are_the_core_the_rest_everything_and_random_sets(judged, monkeypatch):
    monkeypatch.setattr(sufficiency, "SETS", 2)
    plan = experiment_named("sufficiency", of=judged.out)
    core = [tuple(unit) for unit in judged.result["score"]["bases"][0]["verdict"]["core"]]
    by_name = {arm.name: arm.config.teach for arm in plan.arms}
    judged_config = judged.plan.arms[0].config
    for arm in plan.arms:  # all that the judged trainings had, but what trains
        assert (arm.config.lessons, arm.config.probes, arm.config.teach.rank) == (
            judged_config.lessons,
            judged_config.probes,
            judged_config.teach.rank,
        )
        assert not arm.config.faults()
        assert (
            arm.config.gain_only and arm.config.measure_every == arm.config.steps
        )  # the whole gain is all that counts
    assert list(by_name) == ["all", "core", "all-but-core", "random-0", "random-1"]
    model = by_name["core"]
    named = [*model.trained_heads, *((layer, 2) for layer in model.trained_mlps)]
    assert len(named) == len(core)
    both = {(layer, head) for name in ("core", "all-but-core") for layer, head in by_name[name].trained_heads}
    assert len(both) == len(by_name["core"].trained_heads) + len(by_name["all-but-core"].trained_heads)
    assert not set(by_name["random-0"].trained_heads) & set(by_name["core"].trained_heads)


def test_a_published_verdict_without_its_logs_is_enough(judged, tmp_path):
    for name in ("score.json", "verdict.msgpack"):
        shutil.copy(judged.out / name, tmp_path / name)
    published, whole = sufficiency.experiment_of(tmp_path), sufficiency.experiment_of(judged.out)
    assert (published.arms, published.seeds) == (whole.arms, whole.seeds)
    (tmp_path / "verdict.msgpack").unlink()
    with pytest.raises(ValueError, match="its logs are gone"):
        sufficiency.experiment_of(tmp_path)


def test_units_are_heads_and_mlps():
    judged_teach = TeachConfig(train="all", rank=7)
    teach = sufficiency.only([(0, 1), (1, 2), (2, 0)], Shape(3, 2, mlps=True), judged_teach)
    assert (teach.heads, teach.mlps, teach.rank, teach.faults()) == ("0.1,2.0", "1", 7, [])


def test_what_names_no_core_is_refused(tmp_path):
    for content in ("", "[]", "{}", json.dumps({"score": {"bases": []}}), json.dumps({"score": {"bases": [{}]}})):
        (tmp_path / "score.json").write_text(content)
        with pytest.raises(ValueError, match=r"no verdict on base model 0.*give the folder of a finished sight"):
            experiment_named("sufficiency", of=tmp_path)
    with pytest.raises(ValueError, match="no verdict on base model 0"):
        experiment_named("sufficiency", of=tmp_path / "nowhere")
    with pytest.raises(ValueError, match="give --of DIR"):
        experiment_named("sufficiency")
    with pytest.raises(ValueError, match=r"--of .* leave it out"):
        experiment_named("sight", of=tmp_path)
