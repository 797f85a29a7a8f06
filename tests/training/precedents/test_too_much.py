"""Prompts that are longer than a model reads, and tokens that it lacks: one line each, with the file and the line."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

import main
from perception.model import Model, save
from tests.kits.minds import GPT2, SMALL, plain_tokenizer, tiny
from training.precedents.corpus import text_corpus
from training.precedents.editor import prepare
from training.precedents.facts import Case
from training.precedents.line_file import file_lines
from training.precedents.prompts import beliefs, check_length, encode
from training.precedents.requests import known_fact
from training.precedents.scores import check, check_edited
from training.precedents.tasks import Line, task_of

torch.set_num_threads(1)
PLAIN = "the river goes on and the man waits there "
CASE = Case("{} is in", "the river", "the river", "the man", (), (("the man is in", "", "the river"),), where="f:2")


def short(kind: str = "gpt2", **sizes: int) -> Model:
    """A random model of plain English that reads 64 tokens, or of other sizes."""
    tokenizer, usual = plain_tokenizer(), GPT2 | {"n_positions": 64} if kind == "gpt2" else SMALL
    config = AutoConfig.for_model(kind, **(usual | {"vocab_size": len(tokenizer)} | sizes))
    torch.manual_seed(0)
    return Model(AutoModelForCausalLM.from_config(config).eval(), tokenizer, "plain", kind)


@pytest.fixture
def few(tmp_path: Path) -> Model:
    """A model whose tokenizer has more words than its embeddings have rows, in tmp_path / "few"."""
    model = short("llama", vocab_size=300)
    save(model, tmp_path / "few")
    return model


def command(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main.main([*map(str, words)]) == 2
    error = capsys.readouterr().err.strip()
    assert "\n" not in error
    return error


@pytest.mark.parametrize("flag", ["--fact", "--trace"])
def test_a_long_prompt_of_a_flag_is_refused_by_that_flag(flag: str) -> None:
    with pytest.raises(ValueError, match=rf"^{flag} 'Paris .* tokens, the model reads 64; shorten it"):
        known_fact(short(), "Paris is " + "the " * 200, "Paris", "", flag)


def test_a_long_prompt_of_a_command_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    save(short(), tmp_path / "short")
    (tmp_path / "text.txt").write_text(PLAIN * 100)
    words = ("--subject", "Paris", "--text", tmp_path / "text.txt", "--model", tmp_path / "short")
    assert "the model reads 64" in command(capsys, "edit", "--trace", "Paris is " + "the " * 200, *words)


def test_a_fact_that_is_too_long_is_named_by_its_line() -> None:
    model = short()
    check(model, [CASE], "")
    check_edited(model, [CASE], ["", PLAIN])
    for long in ("the " * 200 + "{}", "{} " + "x" * 65):
        with pytest.raises(ValueError, match=r"^f:2: .* the model reads 64; shorten it"):
            check(model, [replace(CASE, template=long)], "")
    with pytest.raises(ValueError, match=r"^f:2: .* the model reads 64; shorten it"):
        check_edited(model, [CASE], ["", PLAIN * 9])  # behind what its edit reads
    near = Case("{} is " + "in " * 20, *("the man",) * 3, (), ((("the " * 20) + "is", "", "the river"),), where="f:2")
    check(model, [near], "")
    with pytest.raises(ValueError, match=r"^f:2: .* the model reads 64; shorten it"):
        check_edited(model, [near], [""])  # a neighbour behind the edited sentence


def test_a_text_is_read_in_pieces_that_the_model_reads(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(PLAIN * 100)
    at = prepare(short(), text=tmp_path / "text.txt")
    assert {len(ids) for ids in at.corpus.sequences} == {64} and at.moment(0).isfinite().all()


def test_a_word_of_a_text_without_a_token_is_named_by_its_line(tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_text("the old\n" * 70 + "\nthe xylophone\n" + "the old\n" * 70)
    with pytest.raises(ValueError) as caught:
        text_corpus(tiny(), file)
    assert str(caught.value).startswith(f"{file}:72: the model has no token for 'xylophone'")
    file.write_text("the\n" * 257 + "xylophone\n" + "the\n" * 62)  # in no sequence, but in a piece that is read
    with pytest.raises(ValueError, match=r"text.txt:258: the model has no token"):
        text_corpus(tiny(), file, tokens=1, contexts=400)
    assert len(text_corpus(tiny(), file, tokens=1, contexts=400, used=1).contexts) == 400


def test_a_token_without_a_row_is_refused(few: Model) -> None:
    check_length(few.net, [(0, 299), ()])
    for sequences in ([(0, 300)], [(1, 2), (), (399,)]):
        with pytest.raises(ValueError, match="embeddings have 300 rows; give the model the tokenizer"):
            check_length(few.net, sequences)
    with pytest.raises(ValueError, match="a token 300"):
        beliefs(few.net, [((1, 2), (3, 300))])  # an answer's last token is never read, but looked up
    for line in (Line((1, 300), 2, (3,), (), "t"), Line((1,), 300, (3,), (), "t"), Line((1,), 2, (3, 300), (), "t"),
                 Line((1,), 2, (3,), ((300,),), "t")):  # fmt: skip
        with pytest.raises(ValueError, match=r"^--task own: the tokenizer has a token 300"):
            task_of("own", [line], few)


def test_a_command_with_a_foreign_tokenizer_is_one_line(
    few: Model, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text, facts, task = (tmp_path / name for name in ("text.txt", "facts.jsonl", "task.jsonl"))
    low = next(w for w in (chr(n) for n in range(97, 123)) if max(encode(few.tokenizer, f"{w} {w} " * 9)) < 300)
    text.write_text(f"{low} " * 200)
    fact: dict[str, Any] = {"prompt": "{} is in", "subject": "the", "target_true": "France", "target_new": "Spain"}
    facts.write_text("\n" + json.dumps(fact) + "\n")
    words = ("--text", text, "--model", tmp_path / "few")
    error = command(capsys, "edit", "--bench", "--facts", facts, "--out", tmp_path / "e", *words)
    assert error.startswith(f"main.py edit: {facts}:2: the tokenizer has a token")
    error = command(capsys, "edit", "--fact", "the is in", "--subject", "the", "--to", "Spain", *words)
    assert error.startswith("main.py edit: --fact 'the is in': the tokenizer has a token")
    high = "you and"  # its " and" has no row
    read: dict[str, Any] = {"prompt": "you the", "answer": "the", "other": "you", "corrupted": ["you the"]}
    for line in ({"prompt": high}, {"answer": "and"}, {"other": ["you", "and"]}, {"corrupted": ["you the", high]}):
        task.write_text(json.dumps(read | line) + "\n")
        error = command(capsys, "circuit", "--task", task, "--model", tmp_path / "few")
        assert error.startswith(f"main.py circuit: {task}:1: the tokenizer has a token")
    assert not (tmp_path / "e").exists()


def test_a_long_prompt_of_a_circuit_is_named_by_its_line(tmp_path: Path) -> None:
    task = tmp_path / "task.jsonl"
    task.write_text("\n" + json.dumps({"prompt": PLAIN * 9, "answer": "the", "other": "x", "corrupted": [PLAIN]}))
    with pytest.raises(ValueError, match=r"task.jsonl:2: .* the model reads 64; shorten it"):
        file_lines(short(), task, 4)
