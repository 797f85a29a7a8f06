"""A circuit on prompts that its search did not see."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from perception.model import NOVICE, load
from training.precedents import circuit as verb
from training.precedents import circuits
from training.precedents.circuit import ablation_of, on_others
from training.precedents.circuit_config import CircuitConfig, CircuitOptions
from training.precedents.line_file import file_lines
from training.precedents.tasks import ioi_lines, task_of
from training.precedents.unseen import on_unseen, unseen_lines

torch.set_num_threads(1)
STORY = "tale then {} and {} went to the market . {} gave the coin to"
NAMES = ("mina", "nobu", "vera", "yumi", "zeno", "orin")
PAIRS = [(one, other) for one in NAMES for other in NAMES if one != other]


def options(task: str, prompts: int = 4) -> CircuitOptions:
    return CircuitOptions(task, "novice", CircuitConfig(prompts=prompts))


def line(one: str, other: str, **more: Any) -> dict[str, Any]:
    return {"prompt": STORY.format(one, other, other), "answer": one, "other": other, **more}


def written(path: Path, *lines: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    return path


def test_other_stories_are_drawn_and_none_that_was_seen() -> None:
    model = load()
    others = unseen_lines(options("ioi"), model, ioi_lines(model, 4, 0))
    assert len(others) == 64 and others == unseen_lines(options("ioi"), model, [])
    assert unseen_lines(options("ioi"), model, others[:9]) == others[9:], "what was seen is left out"


def test_of_a_file_the_next_lines_are_unseen(tmp_path: Path) -> None:
    model = load()
    path = written(tmp_path / "t.jsonl", *(line(one, other, template="t") for one, other in PAIRS[:12]))
    seen = file_lines(model, path, 8)
    others = unseen_lines(options(str(path), 8), model, seen)
    assert [*seen, *others] == file_lines(model, path, 12) and len(others) == 4
    assert unseen_lines(options(str(path), 12), model, file_lines(model, path, 12)) == []


def test_a_line_that_has_nothing_to_average_alone_is_left_out(tmp_path: Path) -> None:
    model = load()
    seen = [line(*PAIRS[n], template=name) for n, name in enumerate("ttuu")]
    unseen = [line(*PAIRS[4], template="t"), line(*PAIRS[5], template="u"), line(*PAIRS[6], template="u")]
    corrupted = line(*PAIRS[7], corrupted=[STORY.format("vera", "yumi", "zeno")])
    path = written(tmp_path / "u.jsonl", *seen, *unseen, corrupted)
    others = unseen_lines(options(str(path), 4), model, file_lines(model, path, 4))
    assert others == file_lines(model, path, 8)[5:]


def test_all_heads_do_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuits, "BESIDE", 2)
    model = load()
    ablation = ablation_of(model, task_of("ioi", ioi_lines(model, 6, 1), model))
    every = on_unseen(ablation, ablation.every, 0, lambda *_: None)
    assert every["share"] == pytest.approx([1, 1, 1]) and every["faithfulness"] == pytest.approx(1)
    assert every["f"]["circuit"] == pytest.approx(every["f"]["model"]) and every["matched_p95"] == pytest.approx(1)
    some = on_unseen(ablation, [(0, 1), (7, 3)], 0, lambda *_: None)
    share, low, high = some["share"]
    assert low <= share <= high and share < 0.9
    of = some["f"]
    assert share == pytest.approx((of["circuit"] - of["empty"]) / (of["model"] - of["empty"]))


def test_where_no_head_matters_there_is_no_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuits, "BESIDE", 2)
    model = load()
    ablation = ablation_of(model, task_of("ioi", ioi_lines(model, 6, 1), model))
    whole_B = ablation.without(())
    monkeypatch.setattr(ablation, "without", lambda heads: whole_B)
    nothing = on_unseen(ablation, [(0, 1)], 0, lambda *_: None)
    assert np.isnan(nothing["share"]).all() and np.isnan(nothing["matched_p95"])
    assert on_others(nothing | {"prompts": 6, "share": [None] * 3, "matched_p95": None}) == [
        "on 6 other prompts: no head matters, faithfulness 100.0%"
    ]
    assert on_others(None) == []


def test_a_bad_line_behind_the_seen_ones_is_refused_before_the_search(tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl", *(line(*pair, template="t") for pair in PAIRS[:5]), {"prompt": "x"})
    with pytest.raises(ValueError, match=r"t.jsonl:6: "):
        unseen_lines(options(str(path), 5), load(), [])


def test_what_the_model_cannot_read_of_them_is_refused_before_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    short = ioi_lines(load(), 4, 1)
    monkeypatch.setattr(verb, "unseen_lines", lambda *_: [replace(one, prompt=one.prompt * 500) for one in short])
    monkeypatch.setattr(verb, "find", None)
    with pytest.raises(ValueError, match=r"tokens, the model reads \d+; shorten it"):
        verb.run(CircuitOptions("ioi", str(NOVICE), CircuitConfig(prompts=4)), lambda *_: None)
