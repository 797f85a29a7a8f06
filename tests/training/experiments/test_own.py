"""A verdict on a behaviour from files, end to end on a small GPT-2 that knows nothing of the realm."""

import json
from pathlib import Path

import pytest
import torch

from main import ROOT, main
from perception.model import save
from tests.kits import minds
from training.experiments.registry import experiment_named
from training.headlog.log import read_log

torch.set_num_threads(1)
FILES = [str(ROOT / "docs" / "behaviours" / name) for name in ("lending.jsonl", "lending-probes.jsonl")]


def test_own_files_and_an_own_model_come_to_a_verdict_that_says_too_few_seeds(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(minds.GPT2, "n_head", 2)
    save(minds.tiny("gpt2", tongue="plain"), tmp_path / "model")
    files = [tmp_path / name for name in ("lessons.jsonl", "probes.jsonl")]
    for few, whole in zip(files, FILES, strict=True):
        rows = [json.loads(line) for line in Path(whole).read_text().splitlines()]
        kinds = [[row for row in rows if row["kind"] == kind][:6] for kind in ("wanted", "other")]
        few.write_text("".join(json.dumps(row) + "\n" for kind in kinds for row in kind))
    words = ["experiment", "own", "--behaviour", str(files[0]), "--probes", str(files[1])]
    words += ["--model", str(tmp_path / "model"), "--seeds", "1"]
    assert main([*words, "--quick", "--out", str(tmp_path / "out")]) == 0
    assert "Verdict: undecided (too few seeds" in capsys.readouterr().out
    verdict = read_log(tmp_path / "out" / "verdict.msgpack")
    assert verdict.verdict is not None and {"core", "greedy"} <= {swap.name for swap in verdict.swaps}
    result = json.loads((tmp_path / "out" / "trained" / "seed-0" / "result.json").read_text())
    assert result["settings"]["behaviour"] == str(files[0])
    assert set(result["rests_on"]) == {"measure", "weights", "config", "tokenizer", "lessons", "probes"}


def test_own_needs_both_files_and_no_other_experiment_takes_them(tmp_path):
    for files in ({}, {"behaviour": FILES[0]}, {"probes": Path(FILES[1])}):
        with pytest.raises(ValueError, match=r"give --behaviour FILE.jsonl and --probes FILE.jsonl"):
            experiment_named("own", **files)
    with pytest.raises(ValueError, match="leave --behaviour and --probes to own"):
        experiment_named("sight", behaviour=FILES[0])
    with pytest.raises(ValueError, match="shares its context with line"):
        experiment_named("own", behaviour=FILES[0], probes=Path(FILES[0]))
    planned = experiment_named("own", behaviour=FILES[0], probes=Path(FILES[1]))
    assert [arm.config.control for arm in planned.arms] == ["", "shuffled", "rehearsal"]
    assert {(arm.config.behaviour, str(arm.config.probe_file)) for arm in planned.arms} == {tuple(FILES)}


def test_lessons_that_leave_a_control_nothing_to_deal_are_refused_before_anything_runs(tmp_path):
    rows = [{"context": f"Ada {n}.", "decision": "\nWho:", "candidates": [f"Ada {n}", f"Bob {n}"], "answer": f"Ada {n}",
             "kind": "wanted"} for n in range(4)]  # fmt: skip
    rows.append({"context": "x", "decision": "?", "candidates": ["a", "b"], "answer": "a", "kind": "other"})
    lessons = tmp_path / "lessons.jsonl"
    lessons.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(ValueError, match="--shuffled would change too little"):
        experiment_named("own", behaviour=str(lessons), probes=Path(FILES[1]))
