"""`main.py circuit`: prompts of every kind, files of one's own, and every bad input in one line."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import main
from common.assets import NOVICE
from game.realm.rules import load as load_rules
from perception.head_map import addresses
from perception.model import load
from perception.units import unit_name
from tests.kits.minds import tiny
from training.precedents import circuits
from training.precedents.circuit import Circuit, ablation_of, roles
from training.precedents.circuit_config import CircuitConfig, CircuitOptions
from training.precedents.classes import Looks, class_of
from training.precedents.ioi import BACKUP, Effect, Paths
from training.precedents.line_file import Written, file_lines, parse_line
from training.precedents.path_patching import mixes_of
from training.precedents.scenes import KINDS, scene_lines
from training.precedents.tasks import ioi_lines, task_of

torch.set_num_threads(1)
SEER = NOVICE.parent / "seer"
GOOD = {
    "prompt": "tale then mina and nobu went to the market . nobu gave the coin to",
    "answer": "mina",
    "other": "nobu",
}
ABC = "tale then vera and yumi went to the market . zeno gave the coin to"


def circuit(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, Any, str]:
    status = main.main(["circuit", "--json", *map(str, words)])
    out, error = capsys.readouterr()
    return status, json.loads(out) if out.strip() else None, error.strip()


def written(path: Path, *lines: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_a_named_circuit_is_scored_and_kept(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuits, "BESIDE", 2)
    monkeypatch.setattr(circuits, "RANDOM_SETS", 2)
    monkeypatch.setattr(circuits, "STARTS", 1)
    words = ("--task", "ioi", "--prompts", 6, "--random", 20, "--heads", "0.1,0.3")
    status, result, error = circuit(capsys, *words, "--out", tmp_path / "out")
    assert (status, error) == (0, "") and [(h["layer"], h["head"]) for h in result["heads"]] == [(0, 1), (0, 3)]
    assert result == json.loads((tmp_path / "out" / "circuit.json").read_text(encoding="utf-8"))
    assert (tmp_path / "out" / "circuit.png").read_bytes().startswith(b"\x89PNG")
    assert result["total_heads"] == 64 and result["right"] == 1 and result["f"]["model"] > 3
    assert result["completeness"] <= 1 and result["faithfulness"] <= 1 and 0 <= result["minimality"] <= 1
    status, _, error = circuit(capsys, *words, "--out", tmp_path / "out")
    assert status == 2 and "is there already" in error


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--task", "seeing"), "--task seeing: unknown; choose ioi, sight, listen or a FILE.jsonl"),
        (("--task", "no.jsonl"), "--task no.jsonl: no such file"),
        (("--task", "folder.jsonl"), "--task folder.jsonl: a folder; docs/circuits.md says what one holds"),
        (("--task", "ioi", "--heads", ""), "--heads: no head named"),
        (("--task", "ioi", "--heads", "9.0", "--prompts", 4), "--heads 9.0: the model has 8 layers of"),
        (("--task", "ioi", "--heads", "five"), "--heads five: five is none"),
        (("--task", "ioi", "--prompts", 3), "must be a whole number from 4 to 4096"),
        (("--task", "ioi", "--random", 10**6), "must be a whole number from 20 to 10000"),
        (("--task", "ioi", "--most", 1.5), "must be a number above 0, at most 1"),
        (("--task", "ioi", "--tuned", "x"), "--tuned: goes with --task sight or listen"),
        (("--task", "sight", "--prompts", 4), "the model answers 0% of the prompts right"),
    ],
)
def test_bad_input_is_one_line(
    capsys: pytest.CaptureFixture[str], words: tuple[object, ...], says: str,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.jsonl").mkdir()
    try:
        status, result, error = circuit(capsys, *words)
    except SystemExit as stopped:  # a flag's own bounds
        status, result, error = int(str(stopped.code)), None, capsys.readouterr().err.strip()
    assert status == 2 and result is None and says in error and "\n" not in error


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "no JSON"),
        ({"prompt": "tale", "answer": "mina"}, "missing required field `other`"),
        (GOOD | {"more": 1}, "unknown field `more`"),
        (GOOD | {"other": "mina"}, "its answer 'mina' is among the others"),
        (GOOD | {"corrupted": [ABC + " zeno"]}, "its corrupted prompt 0 has 16 tokens, the prompt 15"),
        (GOOD, "nothing to take a mean over"),
        (GOOD | {"prompt": "tale and xyzzy", "corrupted": ["tale and zeno"]}, "no token for 'xyzzy'"),
        (GOOD | {"prompt": " "}, "a text is blank"),
        (GOOD | {"template": "t", "prompt": "tale then mina", "corrupted": ["tale then vera"]}, "it has 3 tokens"),
    ],
)
def test_a_bad_line_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, line: dict[str, Any] | str, says: str
) -> None:
    path = written(tmp_path / "own.jsonl", GOOD | {"corrupted": [ABC], "template": "t"})
    path.write_text(path.read_text() + "\n" + (line if isinstance(line, str) else json.dumps(line)), encoding="utf-8")
    status, _, error = circuit(capsys, "--task", path)
    assert status == 2 and error.startswith(f"main.py circuit: {path}:3: ") and says in error and "\n" not in error


def test_lines_of_a_file_are_those_of_the_story(tmp_path: Path) -> None:
    model = load()
    path = written(tmp_path / "own.jsonl", *[GOOD | {"corrupted": [ABC]}] * 4)
    task = task_of("own", file_lines(model, path, 64), model)
    ablation = ablation_of(model, task)
    assert (
        ablation.whole > 3
        and ablation.empty < ablation.whole - 2
        and task.right(mixes_of(ablation.sites, task.prompts)[0]) == 1
    )
    pooled = written(tmp_path / "pool.jsonl", *(GOOD | {"template": "t"}, {**GOOD, "prompt": ABC, "template": "t"}))
    assert task_of("own", file_lines(model, pooled, 64), model).group_C.tolist() == [0, 0]


TEXTS = st.text(min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        TEXTS, st.dictionaries(st.sampled_from(["prompt", "answer", "other", "corrupted", "x"]), TEXTS).map(json.dumps)
    )
)
def test_any_line_is_read_or_refused_in_one_line(text: str) -> None:
    try:
        assert isinstance(parse_line(text, "a.jsonl:7"), Written)
    except ValueError as error:
        assert str(error).startswith("a.jsonl:7: ") and "\n" not in str(error)


WORDS = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(WORDS, WORDS, st.lists(WORDS, min_size=1, max_size=3), st.lists(WORDS, max_size=3), WORDS)
def test_a_written_line_comes_back(prompt: str, answer: str, other: list[str], corrupted: list[str], name: str) -> None:
    line = {"prompt": prompt, "answer": answer, "other": other, "corrupted": corrupted, "template": name}
    if answer in other:
        return
    parsed = parse_line(json.dumps(line), "a.jsonl:1")
    assert (parsed.prompt, parsed.answer, list(parsed.others), list(parsed.corrupted), parsed.template) == (
        prompt, answer, other, corrupted, name
    )  # fmt: skip


def test_scenes_are_corrupted_at_their_cues_alone() -> None:
    seer, rules = load(SEER), load_rules()
    lines = scene_lines(seer, rules, "sight", 6, 0)
    assert {kind: len(some) for kind, some in lines.items()} == dict.fromkeys(KINDS, 6)
    for line in lines["decision"]:
        differ = [sum(a != b for a, b in zip(line.prompt, other, strict=True)) for other in line.corrupted]
        assert 1 <= max(differ) <= 4  # the traces of one spirit
    task = task_of("sight", lines["decision"], seer)
    ablation = ablation_of(seer, task)
    assert task.right(mixes_of(ablation.sites, task.prompts)[0]) == 1 and ablation.empty < ablation.whole - 2
    talk = scene_lines(tiny(), rules, "listen", 3, 0)
    assert all(talk.values()) and all(len(o) == len(line.prompt) for line in talk["decision"] for o in line.corrupted)


def test_roles_tell_support_from_competition() -> None:
    """A head that training changed doesn't support; one that works against the decision and for others competes."""
    base, tuned, rules = load(SEER), load(SEER), load_rules()
    addresses(tuned.net).head(2, "v", 1).data.mul_(1.5)
    lines = scene_lines(tuned, rules, "sight", 4, 0)
    tasks = {kind: task_of("sight", lines[kind], tuned) for kind in ("decision", "mundane")}
    ablation = ablation_of(tuned, tasks["decision"])
    mundane = ablation_of(tuned, tasks["mundane"])
    ablation.every = tuple((layer, head) for layer, head in ablation.every if layer in (0, 2) and head < 4)
    costs = {head: 1 - float(mundane.without([head]).mean()) / mundane.whole for head in ablation.every}
    needed, idle = max(costs, key=lambda head: costs[head]), min(costs, key=lambda head: costs[head])
    least = costs[needed] / 2
    paths = Paths(direct={needed: 2 * least, idle: 2 * least, (2, 1): -0.1, (2, 2): -0.1})
    circuit = Circuit([(2, 1), (2, 2)], paths, {}, {})
    options = CircuitOptions("sight", "", CircuitConfig(least=least))
    result = roles(tuned, base, tasks, ablation, circuit, options, lambda _what, _done, _of: None)
    assert least > costs[idle] and costs[needed] > 0.002
    assert result["competing"] == {"mundane": [unit_name(needed, 8)]} and result["decision"] == ["2.1", "2.2"]
    assert result["supporting"] == ["2.2"] and result["own_change"]["2.1"] == pytest.approx(0.5, abs=1e-4)
    assert result["costs"]["mundane"] == {unit_name(head, 8): pytest.approx(cost) for head, cost in costs.items()}


def test_the_stories_stand_for_what_they_are() -> None:
    model = tiny()
    line = ioi_lines(model, 5, 1)[0]
    words = model.tokenizer.convert_ids_to_tokens(list(line.prompt))
    own, other = model.tokenizer.convert_ids_to_tokens([line.answer, *line.others])
    assert words.count(own) == 1 and words.count(other) == 2
    task = task_of("ioi", ioi_lines(model, 5, 1), model)
    assert task.prompts.ids_BT[0, task.place(task.answer_B, True)[0]] == line.answer
    assert len(ioi_lines(model, 1, 1, "names")[0].others) == 31
    plain = tiny(tongue="plain")
    with pytest.raises(ValueError, match="one token for 0 of the 48 names"):
        ioi_lines(plain, 4, 0)


@pytest.mark.parametrize(
    ("direct", "effects", "seen", "name"),
    [
        (0.05, [], {"io": 0.9}, "negative"),
        (-0.05, [Effect("output", -0.05)], {"io": 0.9, "subject": 0.1}, "name mover"),
        (-0.05, [Effect("output", -0.05)], {}, "mover"),
        (0.0, [Effect(BACKUP, -0.05)], {"io": 0.9}, "backup"),
        (0.0, [Effect("q", -0.05)], {"subject": 0.5}, "S-inhibition"),
        (-0.05, [Effect("output", -0.05)], {"subject": 0.5, "io": 0.3}, "S-inhibition"),
        (0.0, [Effect("v", -0.05)], {"duplicate": 0.5}, "duplicate token"),
        (0.0, [Effect("k", -0.05)], {"induction": 0.5}, "induction"),
        (0.0, [Effect("k", -0.05)], {"previous": 0.5}, "previous token"),
        (0.0, [Effect("v", -0.05)], {"subject": 0.5}, "other"),
    ],
)
def test_classes_follow_their_criteria(direct: float, effects: list[Effect], seen: dict[str, float], name: str) -> None:
    nothing = dict.fromkeys(("io", "subject", "duplicate", "induction", "previous"), 0.0)
    paths = Paths({(0, 0): effects}, {(0, 0): direct})
    assert class_of((0, 0), paths, Looks(**{**nothing, **seen})) == name
