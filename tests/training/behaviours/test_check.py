"""The check of a training: every fault at once, and the same answer as `learn` gives."""

import json
from dataclasses import replace

import pytest
import torch

from main import main
from perception.model import save
from tests.kits.minds import tiny
from tests.kits.sources import ROOT
from training.behaviours.check import check_files
from training.behaviours.fit import check_training
from training.behaviours.lines import read_lines
from training.config import LearnConfig, TeachConfig
from training.learn import learn

torch.set_num_threads(1)
DOCS = ROOT / "docs" / "behaviours"
GOOD = {"context": "It rains.", "decision": " Go?", "candidates": ["yes", "no"], "answer": "yes", "kind": "wanted"}
TEACH = TeachConfig(rank=2, scenes=2, warmup=1)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "small"
    save(tiny("gpt2", tongue="plain"), folder)
    return str(folder)


def written(path, *rows):
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def pair(tmp_path, model):
    """A sound training from two files."""
    rows = [GOOD, GOOD | {"context": "It snows.", "answer": "no", "kind": "other"}]
    lessons = written(tmp_path / "lessons.jsonl", *rows)
    again = [row | {"context": word + row["context"]} for word in ("Now ", "Today ", "Here ") for row in rows]
    probes = written(tmp_path / "probes.jsonl", *again)
    return LearnConfig(
        behaviour=str(lessons), probe_file=probes, model=model, teach=TEACH, steps=1, device="cpu", seed=1
    )


def test_faults_of_settings_files_pair_and_model_are_said_in_one_go(tmp_path, pair, model):
    lessons = written(
        tmp_path / "lessons.jsonl",
        GOOD,
        "{",
        GOOD | {"context": "rain " * 3_000},
        GOOD | {"context": "It snows.", "answer": "no", "kind": "other"},
    )
    probes = written(
        tmp_path / "probes.jsonl",
        GOOD | {"context": "it  RAINS."},
        GOOD | {"context": "Hail.", "answer": "perhaps"},
        GOOD | {"context": "Sun.", "candidates": ["keep it", "keep it back"], "answer": "keep it"},
        GOOD | {"context": "Moon.", "kind": "other"},
    )
    check = check_training(replace(pair, teach=replace(TEACH, rank=0), seed=-1))
    assert [fault.partition(": ")[0] for fault in check.faults] == [
        "--seed -1", "--rank 0", f"{lessons}:2", f"{lessons}:3", f"{probes}:2", f"{probes}:3", f"{probes}:1",
    ]  # fmt: skip
    assert "tokens, the model reads 512; shorten the context" in check.faults[3]
    assert "candidate 'keep it back' begins as 'keep it'" in check.faults[5]
    assert "shares its context with line 1 of the lessons" in check.faults[6]


def faulty(pair, name):
    """The training with one fault that a check without the model doesn't see, or any other that `learn` refuses."""
    lessons, rows = pair.probe_file.with_name("other.jsonl"), None
    if name == "words":
        return replace(pair, model=LearnConfig.model)  # the novice knows none of them
    if name == "control":
        rows = [GOOD, GOOD | {"context": "x", "candidates": ["a", "b"], "answer": "a", "kind": "other"}]
        return replace(pair, behaviour=written(lessons, *rows), control="shuffled")
    if name == "tokens":
        return replace(pair, probe_file=written(lessons, GOOD | {"context": "\u2063It rains."}, GOOD))
    if name in ("few", "one answer"):
        lines = pair.probe_file.read_text().splitlines()
        probes = written(
            lessons,
            *(
                lines[:5]
                if name == "few"
                else [*lines[::2], *(line.replace("Here ", f"{n} ") for n, line in enumerate(lines[4:5] * 3))]
            ),
        )
        return replace(pair, probe_file=probes, out=lessons.parent / "run")
    if name == "out":
        return replace(pair, out=lessons.parent)
    return replace(pair, model=str(lessons.parent))  # no model there


@pytest.mark.parametrize("name", ["words", "control", "tokens", "out", "model", "few", "one answer"])
def test_what_learn_refuses_the_check_refuses_too(pair, name):
    config = faulty(pair, name)
    check = check_training(config)
    assert check.faults and all("\n" not in fault for fault in check.faults)
    with pytest.raises(ValueError) as caught:
        learn(config)
    assert str(caught.value).startswith(check.faults[0])


def test_what_the_check_passes_learn_begins(pair):
    check = check_training(pair)
    assert check.faults == []
    assert check.counts == {"lessons": {"wanted": 1, "other": 1}, "probes": {"wanted": 3, "other": 3}}
    assert learn(pair)["lessons"] == 2


def test_the_command_checks_the_model_too_and_trains_nothing(pair, capsys, model):
    words = ["learn", "--behaviour", pair.behaviour, "--probes", str(pair.probe_file), "--check"]
    assert main([*words, "--model", model, "--json"]) == 0
    printed = capsys.readouterr()
    assert (json.loads(printed.out)["probes"], printed.err) == ({"wanted": 3, "other": 3}, "")
    assert main([*words, "--model", str(ROOT / "assets" / "novice")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 8  # the novice lacks the words of every line
    assert main([*words, "--spirits", "3"]) == 2
    assert "--spirits 3: a number of spirits to show" in capsys.readouterr().err


def test_without_a_model_files_and_settings_are_checked(pair):
    assert check_files(replace(pair, model="/nowhere")).faults == []
    assert check_files(replace(pair, spirits=2)).faults == [
        "--spirits 2: a number of spirits to show, for --behaviour sight alone"
    ]
    (fault,) = check_files(faulty(pair, "control")).faults
    assert "--shuffled would change too little" in fault


def test_a_key_of_any_length_is_said_in_a_few_words(tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_text(json.dumps(GOOD | {"k" * 5_000: 1}))
    (fault,) = read_lines(path)[1]
    assert len(fault) < 300 + len(str(path)) and "...; docs/behaviours.md says what a line holds" in fault
