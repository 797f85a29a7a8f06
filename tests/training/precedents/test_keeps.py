"""What a model keeps of facts and names, beside the model that it was."""

import json

import pytest
import torch

from common.assets import NOVICE
from perception.model import load, save
from training.precedents import keeps
from training.precedents.facts import lore_cases

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    """Facts of the lore, as a file."""
    path = tmp_path_factory.mktemp("facts") / "lore.jsonl"
    lines = [
        {"prompt": case.template, "subject": case.subject, "target_true": case.true, "target_new": case.new}
        for case in lore_cases()[0][:20]
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_model_keeps_all_of_what_it_knows_and_one_without_attention_next_to_nothing(facts, tmp_path, capsys):
    model = load(str(NOVICE))
    for layer in model.net.model.layers:
        layer.self_attn.o_proj.weight.data.zero_()
    save(model, tmp_path / "deaf")
    out = tmp_path / "kept.json"
    models = [str(NOVICE), str(NOVICE), str(tmp_path / "deaf")]
    assert keeps.main([*models, "--facts", str(facts), "--stories", "40", "--out", str(out)]) == 0
    first, again, deaf = json.loads(out.read_text())["models"]
    assert first == again and first["kept"] == 1.0
    assert first["facts"] > 0.8 and first["stories"] > 0.8
    assert deaf["kept"] < 0.5 and deaf["stories"] < 0.75 and deaf["model"] == models[2]
    assert "of those known before 100.0%" in capsys.readouterr().out


def test_what_cannot_be_read_is_one_line(facts, tmp_path, capsys):
    for words, says in (
        (
            [str(NOVICE), "--facts", str(tmp_path / "none.jsonl")],
            "none.jsonl: no such file; give a FILE.jsonl",
        ),
        ([str(tmp_path), "--facts", str(facts)], "config.json"),
        ([str(NOVICE), "--facts", str(facts), "--stories", "0"], "--stories 0: give 1 to"),
        ([str(NOVICE), "--facts", str(facts), "--out", str(tmp_path)], str(tmp_path)),
    ):
        assert keeps.main(words) == 2
        error = capsys.readouterr().err
        assert says in error and error.count("\n") == 1


def test_a_wrong_flag_is_one_line(facts, capsys):
    with pytest.raises(SystemExit, match="2"):
        keeps.main([str(NOVICE), "--facts", str(facts), "--stories", "x"])
    error = capsys.readouterr().err
    assert "--stories" in error and error.count("\n") == 1
