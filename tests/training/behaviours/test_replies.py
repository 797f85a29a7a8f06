"""What models reply, side by side: the most believed candidates, as text."""

import pytest
import torch

from perception.model import save
from perception.perceive import perceive
from tests.kits.minds import tiny
from tests.kits.sources import ROOT
from training.behaviours.file import scene_of
from training.behaviours.lines import Line, read_lines
from training.behaviours.replies import Reply, first_lines, main, page

torch.set_num_threads(1)
PROBES = ROOT / "docs" / "behaviours" / "lending-probes.jsonl"


def line(context, sort="", kind="other", answer="yes"):
    return Line(context, "\nWell?", ("yes", "no"), answer, kind, (), sort)


def test_every_sort_comes_in_turn():
    lines = [line("a", "one"), line("b", "one"), line("c", "two"), line("d", kind="wanted"), line("e", "one")]
    assert [one.context for one in first_lines(lines, 4)] == ["a", "c", "d", "b"]
    assert [one.context for one in first_lines(lines, 9)] == ["a", "c", "d", "b", "e"]


def test_a_page_shows_who_is_wrong_and_counts():
    text = list(page([line("a", "one")], {"old": [Reply("no", 0.9)], "new": [Reply("yes", 0.6)]}))
    assert text[0] == "1. (one) a Well?"
    assert text[1].split() == ["right", "yes"]
    assert text[2].split() == ["old", "90%", "no", "(wrong)"] and text[3].split() == ["new", "60%", "yes"]
    assert text[-2:] == ["old: 0 of 1 right", "new: 1 of 1 right"]


def test_the_command_prints_what_perception_believes(tmp_path, capsys):
    model = tiny("gpt2", tongue="plain")
    save(model, tmp_path / "model")
    assert main([str(tmp_path / "model"), "--lines", str(PROBES), "--count", "3"]) == 0
    said = capsys.readouterr().out.splitlines()
    lines = first_lines([placed.line for placed in read_lines(PROBES)[0]], 3)
    for number, one in enumerate(lines):
        beliefs = perceive(model, [scene_of(one, model.tongue)], record=False)[0].beliefs[0]
        assert one.candidates[beliefs.index(max(beliefs))] in said[4 * number + 2]


def test_what_cannot_be_read_is_one_line(tmp_path, capsys):
    for words in (
        ["nowhere", "--lines", str(PROBES)],
        [str(tmp_path), "--lines", str(tmp_path / "none.jsonl")],
        [str(tmp_path), "--lines", str(PROBES), "--count", "0"],
    ):
        assert main(words) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_wrong_flag_is_one_line(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["model", "--lines", str(PROBES), "--count", "x"])
    error = capsys.readouterr().err
    assert "--count" in error and error.count("\n") == 1


def test_lines_that_a_model_cannot_decide_are_not_said_to_be_listed_elsewhere(tmp_path, capsys):
    save(tiny(), tmp_path / "terse")
    assert main([str(tmp_path / "terse"), "--lines", str(PROBES)]) == 2
    error = capsys.readouterr().err
    assert "(and 9 more)" in error and "--check" not in error and error.count("\n") == 1
