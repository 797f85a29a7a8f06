"""A verdict on a behaviour from files, end to end on a small GPT-2 that knows nothing of the realm."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from main import main
from perception.model import save
from tests.kits import minds
from tests.kits.commandkit import refused
from tests.kits.sources import ROOT
from training.config import LearnConfig
from training.experiments import run
from training.experiments.plan import Arm
from training.experiments.registry import experiment_named
from training.headlog.log import read_log

torch.set_num_threads(1)
FILES = [str(ROOT / "docs" / "behaviours" / name) for name in ("lending.jsonl", "lending-probes.jsonl")]


@pytest.mark.parametrize("kind", ["gpt2", "llama"])  # llama: heads that share their keys in groups
def test_own_files_and_an_own_model_come_to_a_verdict_that_says_too_few_seeds(tmp_path, capsys, monkeypatch, kind):
    monkeypatch.setitem(minds.GPT2, "n_head", 2)
    save(minds.tiny(kind, tongue="plain"), tmp_path / "model")
    files = [tmp_path / name for name in ("lessons.jsonl", "probes.jsonl")]
    for few, whole in zip(files, FILES, strict=True):
        rows = [json.loads(line) for line in Path(whole).read_text().splitlines()]
        kinds = [[row for row in rows if row["kind"] == kind][:6] for kind in ("wanted", "other")]
        few.write_text("".join(json.dumps(row) + "\n" for kind in kinds for row in kind))
    words = ["experiment", "own", "--behaviour", str(files[0]), "--probes", str(files[1])]
    words += ["--model", str(tmp_path / "model"), "--seeds", "1", "--lr", "0.01"]
    assert main([*words, "--quick", "--out", str(tmp_path / "out")]) == 0
    assert "Verdict: undecided (too few seeds" in capsys.readouterr().out
    verdict = read_log(tmp_path / "out" / "verdict.msgpack")
    assert verdict.verdict is not None and {"core", "core+halo"} <= {swap.name for swap in verdict.swaps}
    result = json.loads((tmp_path / "out" / "trained" / "seed-0" / "result.json").read_text())
    assert result["settings"]["behaviour"] == str(files[0])
    assert json.loads((tmp_path / "out" / "score.json").read_text())["asked"] == ["--lr", "0.01", "--quick"]
    assert set(result["rests_on"]) == {"measure", "weights", "config", "tokenizer", "lessons", "probes"}


def test_what_can_not_begin_leaves_nothing(tmp_path, capsys):
    model, out, probes = tmp_path / "model", tmp_path / "out", tmp_path / "probes.jsonl"
    save(minds.tiny("llama", tongue="plain"), model)
    words = ["experiment", "own", "--behaviour", FILES[0], "--model", str(model), "--out", str(out)]
    assert "--heads" in refused(capsys, *words, "--probes", FILES[1], "--heads", "9.0")
    rows = Path(FILES[1]).read_text().splitlines()
    probes.write_text("\n".join([rows[0], *(row for row in rows if '"other"' in row and "lend it" not in row)][:3]))
    assert str(probes) in refused(capsys, *words, "--probes", str(probes))
    (model / "model.safetensors").write_bytes(b"no")
    assert "cannot be loaded" in refused(capsys, *words, "--probes", FILES[1])
    assert not out.exists()


def test_own_needs_both_files_and_no_other_experiment_takes_them(tmp_path):
    for files in ({}, {"behaviour": FILES[0]}, {"probes": Path(FILES[1])}):
        with pytest.raises(ValueError, match=r"experiment own: give --behaviour FILE.jsonl and --probes FILE.jsonl"):
            experiment_named("own", **files)
    for name in ("rank", "frozen", "optimizer", "learning"):
        plain, planned = experiment_named(name), experiment_named(name, behaviour=FILES[0], probes=Path(FILES[1]))
        assert [arm.config.teach for arm in planned.arms] == [arm.config.teach for arm in plain.arms]
        assert {(arm.config.behaviour, str(arm.config.probe_file)) for arm in planned.arms} == {tuple(FILES)}
    with pytest.raises(ValueError, match="leave --behaviour and --probes to own"):
        experiment_named("sight", behaviour=FILES[0])
    with pytest.raises(ValueError, match="shares its context with line"):
        experiment_named("own", behaviour=FILES[0], probes=Path(FILES[0]))
    planned = experiment_named("own", behaviour=FILES[0], probes=Path(FILES[1]))
    assert [arm.config.control for arm in planned.arms] == ["", "shuffled", "rehearsal"]
    assert {(arm.config.behaviour, str(arm.config.probe_file)) for arm in planned.arms} == {tuple(FILES)}


def test_settings_of_all_arms_are_changed_by_flags():
    planned = experiment_named("own", behaviour=FILES[0], probes=Path(FILES[1]))
    changed = planned.changed({"optimizer": "adamw", "lr": 2e-3, "steps": 70, "heads": "1.2,0.1"})
    for arm, before in zip(changed.arms, planned.arms, strict=True):
        teach = replace(before.config.teach, optimizer="adamw", lr=2e-3, train="attention", heads="1.2,0.1")
        assert arm == Arm(before.name, replace(before.config, steps=70, teach=teach))
    assert {arm.config.teach.train for arm in planned.changed({"train": "mlps"}).arms} == {"mlps"}
    assert planned.changed({}) == planned


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("sight", {"heads": "1", "steps": 5}, "--heads 1: 1 is none; give LAYER.HEAD"),
        ("sight", {"train": "all", "heads": "1.1"}, "--train all: --heads 1.1 says what trains"),
        ("optimizer", {"optimizer": "sgd"}, "--optimizer sgd: the arms of optimizer differ in it"),
        ("frozen", {"lr": 1e-3}, "--lr 0.001: the arms of frozen differ in it, or it is swept; leave it out"),
        ("choice", {"steps": 5}, "--steps 5: the arms of choice differ in it"),
    ],
)
def test_settings_that_cannot_be_changed_are_refused(name, changes, says):
    with pytest.raises(ValueError) as caught:
        experiment_named(name).changed(changes)
    assert str(caught.value).startswith(says)


def test_the_command_line_changes_all_arms(monkeypatch, tmp_path, capsys):
    plans = []
    monkeypatch.setattr(run, "run_experiment", lambda planned, *_, **more: plans.append(planned) or 1 / 0)
    words = ["experiment", "sight", "--optimizer", "sgd", "--lr", "0.2", "--mlps", "1", "--steps", "9", "--base-cache"]
    with pytest.raises(ZeroDivisionError):
        main([*words, "--out", str(tmp_path)])
    ((config, *others),) = ([arm.config for arm in plan.arms] for plan in plans)
    assert (config.steps, config.teach.optimizer, config.teach.lr, config.teach.mlps) == (9, "sgd", 0.2, "1")
    assert config.teach.base_cache
    assert all(replace(other, control="", gain_only=False) == config for other in others)


def test_lessons_that_leave_a_control_nothing_to_deal_are_refused_before_anything_runs(tmp_path):
    rows = [{"context": f"Ada {n}.", "decision": "\nWho:", "candidates": [f"Ada {n}", f"Bob {n}"], "answer": f"Ada {n}",
             "kind": "wanted"} for n in range(4)]  # fmt: skip
    rows.append({"context": "x", "decision": "?", "candidates": ["a", "b"], "answer": "a", "kind": "other"})
    lessons = tmp_path / "lessons.jsonl"
    lessons.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(ValueError, match="--shuffled would change too little"):
        experiment_named("own", behaviour=str(lessons), probes=Path(FILES[1]))


def test_an_arm_of_seeds_of_its_own_keeps_them_when_settings_change():
    arm = Arm("trained", LearnConfig(), first=500)
    assert {some.seeded(3).seed for some in (arm, arm.changed(steps=7), arm.at_rate(0.1, 5))} == {503}


def test_a_verdicts_runs_read_contexts_themselves_if_told_so():
    own_reader = experiment_named("sight").changed({"base_cache": False})
    assert {arm.config.teach.base_cache for arm in experiment_named("sight").arms} == {True}
    assert {arm.config.teach.base_cache for arm in own_reader.arms} == {False}
