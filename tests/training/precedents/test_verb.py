"""`main.py edit` as a command: an edit kept and undone, a trace with its picture, and every bad input in one line."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

import main
from perception.model import NOVICE, Model, load, save, weights_hash
from tests.kits.families import EXPERTS, LLAMA
from tests.kits.minds import tiny
from training.precedents import edit_log, verb
from training.precedents.requests import template_of
from training.precedents.rome import LAST, SUBJECT
from training.precedents.tracing import KINDS

torch.set_num_threads(1)
FACT = "amber spire was made by"  # thessa


def edit(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, Any, str]:
    status = main.main(["edit", "--json", *map(str, words)])
    out, error = capsys.readouterr()
    return status, json.loads(out) if out.strip() else None, error.strip()


def test_an_edit_is_kept_and_undone_bit_for_bit(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    edited, back, start = tmp_path / "edited", tmp_path / "back", weights_hash(load(NOVICE).net)
    status, result, _ = edit(capsys, "--fact", FACT, "--to", "orin", "--out", edited)
    assert status == 0 and result["old"] == "thessa" and result["before"] > 0.9
    assert result["after"]["new"] > 0.9 and result["weights"]["before"] == start
    assert weights_hash(load(edited).net) == result["weights"]["after"] != start
    log = edited / edit_log.NAME
    status, again, _ = edit(capsys, "--fact", FACT, "--to", "maud", "--model", edited)
    assert status == 0 and again["old"] == "orin" and again["prompt"] == "{} was made by" and again["out"] is None
    for model, out, says in (
        (NOVICE, back, "another model's edit"),
        (edited, edited, "is there already; give a new folder"),
    ):
        status, result, error = edit(capsys, "--undo", log, "--model", model, "--out", out)
        assert status == 2 and result is None and says in error and "\n" not in error and not back.exists()
    status, result, _ = edit(capsys, "--undo", log, "--model", edited, "--out", back)
    assert status == 0 and result["weights"] == start == weights_hash(load(back).net)


def test_a_trace_names_where_the_fact_is_carried(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    picture = tmp_path / "trace.png"
    status, result, _ = edit(capsys, "--trace", FACT, "--out", picture)
    assert status == 0 and result["answer"] == "thessa" and result["clean"] > 0.9 > 0.5 > result["corrupted"]
    assert result["tokens"] == ["lore", *FACT.split()] and result["subject"] == [1, 2]
    assert len(result["restored"]["mlp"]) == 8 and len(result["restored"]["mlp"][0]) == 6
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size < 50_000


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--fact", FACT), "give the new answer, too: --to OBJECT"),
        (("--to", "orin"), "give one of --fact"),
        (("--fact", FACT, "--to", "orin", "--bench"), "give one of --fact"),
        (("--fact", FACT, "--to", "orin", "--facts", "x.jsonl"), "--facts: a file of facts goes with --bench"),
        (("--bench", "--subject", "amber spire"), "--subject: goes with --fact or --trace"),
        (("--undo", "x.msgpack"), "give the folder for the model without the edit"),
        (("--fact", FACT, "--to", "thessa"), "--to thessa: the model says so already"),
        (("--fact", FACT, "--to", "Bob"), "the model has no token for 'Bob'"),
        (("--fact", FACT, "--to", "orin", "--layer", "8"), "--layer 8: the model has layers 0 to 7"),
        (("--fact", "who made it", "--to", "orin"), "its subject isn't clear; name it: --subject"),
        (("--fact", FACT, "--to", "orin", "--subject", "Paris"), "must stand once in"),
        (("--fact", "the Paris spire", "--to", "orin", "--subject", "Paris"), "no token for 'Paris'"),
        (("--undo", "no.msgpack", "--out", "there"), "--undo no.msgpack: no such file; give the edit.msgpack in the"),
        (("--undo", ".", "--out", "there"), "--undo .: a folder; give the edit.msgpack"),
        (("--fact", FACT, "--to", "orin", "--text", "no.txt"), "--text no.txt: no such file; give a text file"),
        (("--fact", FACT, "--to", "orin", "--text", "."), "--text .: a folder; give a text file"),
        (("--bench", "--facts", "no.jsonl"), "--facts no.jsonl: no such file; give a file of facts"),
        (("--bench", "--facts", "."), "--facts .: a folder; give a file of facts; docs/edit.md"),
        (("--trace", " "), "--trace: it is empty"),
        (("--trace", "xyz"), "--trace 'xyz': its subject isn't clear"),
        (("--trace", "a\udcff b", "--subject", "a"), "--trace: holds bytes that are not UTF-8"),
        (("--fact", FACT, "--to", "a\udcff"), "--to: holds bytes that are not UTF-8"),
        (("--fact", FACT, "--to", "orin", "--subject", "\udcff"), "--subject: holds bytes that are not UTF-8"),
    ],
)
def test_bad_input_is_one_line_and_two(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str) -> None:
    status, result, error = edit(capsys, *words)
    assert status == 2 and result is None and says in error and "\n" not in error


def test_models_that_cannot_be_edited_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    blank = tiny("llama")
    save(blank, tmp_path / "blank")
    status, _, error = edit(capsys, "--fact", FACT, "--to", "orin", "--model", tmp_path / "blank")
    assert status == 2 and "the model doesn't know this: its best answer is" in error and "\n" not in error
    sizes = LLAMA | EXPERTS | {"max_position_embeddings": 512, "vocab_size": len(blank.tokenizer)}
    net = AutoModelForCausalLM.from_config(AutoConfig.for_model("olmoe", **sizes)).float()
    save(Model(net, blank.tokenizer, "terse", "experts"), tmp_path / "experts")
    status, _, error = edit(capsys, "--fact", FACT, "--to", "orin", "--model", tmp_path / "experts")
    assert status == 2 and "its MLP is a set of experts, without one output matrix" in error
    status, _, error = edit(capsys, "--bench", "--model", tmp_path / "blank", "--out", tmp_path / "bench")
    assert status == 2 and "the model knows none of these facts" in error and not (tmp_path / "bench").exists()


def test_a_damaged_log_is_refused_with_the_weights_untouched(tmp_path: Path) -> None:
    net = tiny("llama").net
    weight = net.get_parameter("model.layers.0.mlp.down_proj.weight")
    raw = weight.detach().view(-1).view(torch.uint8).numpy().tobytes()
    now = weights_hash(net)
    log = edit_log.EditLog(
        1, "{} was", "amber spire", "orin", 0, "model.layers.0.mlp.down_proj.weight", "0" * 16, now, "torch.float32",
        tuple(weight.shape), raw,
    )  # fmt: skip
    for broken, says in (
        (log, "its matrix is not the one from before the edit"),
        (msgspec.structs.replace(log, parameter="lm_head.bias"), "is no torch.float32 matrix"),
        (msgspec.structs.replace(log, after="1" * 16), "the log of another model's edit"),
    ):
        with pytest.raises(ValueError, match=says):
            edit_log.undo(net, broken)
        assert weights_hash(net) == now
    file = tmp_path / "edit.msgpack"
    for content, says in (
        (b"\xc1", "no log of an edit"),
        (b"", "no log of an edit"),
        (msgspec.msgpack.encode(msgspec.structs.replace(log, old=raw[:-4])), "its matrix is damaged"),
        (msgspec.msgpack.encode(msgspec.structs.replace(log, dtype="torch.int8")), "its matrix is damaged"),
        (msgspec.msgpack.encode(msgspec.structs.replace(log, version=2)), "this program reads version 1"),
    ):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=says) as caught:
            edit_log.read(file)
        assert "\n" not in str(caught.value)
    edit_log.write(file, log)
    assert edit_log.read(file) == log


def test_a_fact_in_words_has_a_subject() -> None:
    assert template_of("where is silver ford ? in", None, True) == ("where is {} ? in", "silver ford")
    assert template_of("silver ford region", None, True)[0].count("{}") == 1
    assert template_of("The Eiffel Tower is in", "The Eiffel Tower", False) == ("{} is in", "The Eiffel Tower")
    with pytest.raises(ValueError, match="its subject isn't clear"):
        template_of("silver ford lies in", None, False)


def test_a_bench_is_a_table_for_people(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scores = {"score": 1.0, "efficacy": 2.0, "paraphrase": None, "neighbourhood": 4.0}
    method = {"facts": 3, "known": 0.75, "single": scores, "in_a_row": {"1": scores}, "prepended": scores}
    effects = {f"effect {kind} {token}": 0.5 for kind in KINDS for token in (SUBJECT, LAST)}
    rows = [{"layer": number, SUBJECT: scores, LAST: scores, **effects} for number in range(2)]
    monkeypatch.setattr(verb, "bench", lambda *_: scores | {"methods": {"rome": method}, "layers": rows})
    result, lines = verb.run(verb.EditOptions("m", bench=True, out=tmp_path), lambda *_: None)
    assert result["score"] == 1.0 and "2.0           -            4.0     1.0" in lines[1]
    assert lines[-2] == "3 facts; the model knows 75% of those it was given, others are left out"
    assert (tmp_path / "layers.png").read_bytes().startswith(b"\x89PNG")


def test_parts_of_a_bench_are_chosen_and_what_was_not_run_has_no_row(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scores = {"score": 1.0, "efficacy": 2.0, "paraphrase": None, "neighbourhood": 4.0}
    chosen: list[list[str]] = []

    def bench(_config: object, _out: Path, _report: object, _workers: int, parts: list[str]) -> dict[str, Any]:
        chosen.append(parts)
        return scores | {"methods": {"rome": {"in_a_row": {"1": scores}}}, "layers": []}

    monkeypatch.setattr(verb, "bench", bench)
    (tmp_path / "layers.png").write_bytes(b"of other settings")
    options = verb.EditOptions("m", bench=True, out=tmp_path, part=["rome-in-a-row", "layers"])
    _, lines = verb.run(options, lambda *_: None)
    assert chosen == [["layers", "rome-in-a-row"]] and len(lines) == 3 and lines[1].startswith("  1 in a row")
    assert not (tmp_path / "layers.png").exists(), "an earlier bench's picture is gone: it is not of these numbers"
    with pytest.raises(ValueError, match="--part: goes with --bench; leave it out"):
        verb.EditOptions("m", trace="x", part=["rome"]).check()
