"""Two finished models compared: what one trained head brings is found, and pairs that don't fit are refused."""

import contextlib
import copy
import io
import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from main import main
from perception.head_map import addresses
from perception.model import load, save
from tests.kits.commandkit import refused
from tests.kits.minds import tiny
from tests.kits.sources import ROOT
from training.behaviours.lines import read_lines
from training.compare import check_pair, read_probes
from training.headlog.curves import curve_of
from training.headlog.log import read_log
from training.heads.balanced import judged_chunks
from training.heads.same_function import settings_apart
from training.heads.usable import usable_losses

torch.set_num_threads(1)
PROBES = ROOT / "docs" / "behaviours" / "lending-probes.jsonl"  # those below: a few of these lines
HEAD = (1, 2)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Folders of a model, and of what its head 1.2 became by going down the probes' gradient."""
    folder = tmp_path_factory.mktemp("pair")
    rows = [json.loads(line) for line in PROBES.read_text().splitlines()]
    sorts = [[row for row in rows if row["kind"] == kind and ("lend it" in row["candidates"]) == tempts]
             for kind, tempts in (("wanted", True), ("other", True), ("other", False))]  # fmt: skip
    few = [*sorts[0][:5], *sorts[1][:4], sorts[2][0]]
    (folder / "probes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in few))
    model = tiny("gpt2", tongue="plain")
    save(model, folder / "base")
    trained = copy.deepcopy(model.net)
    loss = usable_losses(model, [read_probes(folder / "probes.jsonl", model)]).whole
    heads, parameters = addresses(trained), dict(trained.named_parameters())
    for _ in range(6):
        trained.zero_grad()
        loss(trained).backward()
        projection = heads.projections[HEAD[0]]["o"]
        step = projection.head(parameters[projection.parameter].grad, HEAD[1])
        with torch.no_grad():
            heads.weight(HEAD[0], "o")[HEAD[1]].sub_(step / step.norm())
    model.net = trained
    save(model, folder / "tuned")
    return folder


@pytest.fixture(scope="module")
def compared(pair):
    """Its folder, made by the command."""
    out = pair / "out"
    words = ["diff", str(pair / "base"), str(pair / "tuned"), "--probes", str(pair / "probes.jsonl"), "--seed", "3"]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert main([*words, "--out", str(out), "--device", "cpu", "--json"]) == 0
    return out, json.loads(printed.getvalue())


def test_the_one_head_that_trained_is_found_and_brings_all(compared):
    log = read_log(compared[0] / "log.msgpack")
    gains = {(row.layer, row.head): row.gain for row in log.rows}
    assert max(gains, key=lambda head: gains[head] or 0) == HEAD and log.summary.gain > 0.01
    assert sum(map(abs, gains.values())) == pytest.approx(gains[HEAD]) == pytest.approx(log.summary.gain, rel=0.01)
    assert {place for place in gains if any(r.own for r in log.rows if (r.layer, r.head) == place)} == {HEAD}
    curve = curve_of(log)
    assert [len(point.heads) for point in curve.points] == [1, 2, 4, 8] and curve.heads == 8
    assert curve.points[0].heads == (HEAD,)
    assert [point.share[0] for point in curve.points] == pytest.approx([1, 1, 1, 1], abs=1e-3)
    assert all(share == pytest.approx(0, abs=1e-3) for share in curve.points[0].random)
    assert len(curve.points[0].random) == 20
    assert curve.cpr[0] == pytest.approx(1 - 1 / 16, abs=1e-3) and curve.cmd[0] == pytest.approx(1 / 16, abs=1e-3)
    assert log.compared and log.verdict is None and log.header.config["tuned"].endswith("tuned")


def test_the_log_is_read_as_any_other_and_says_that_it_has_no_verdict(compared, capsys):
    assert main(["diff", str(compared[0] / "log.msgpack")]) == 0
    text = capsys.readouterr().out
    assert "no controls: no verdict" in text and "CPR 0.93" in text and "best 1" not in text
    assert main(["diff", str(compared[0] / "log.msgpack"), "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert table["verdict"]["verdict"] == "none" and len(table["heads"]) == 8
    assert [some["size"] for some in table["curve"]["sets"]] == [1, 2, 4, 8]


def test_the_command_prints_one_object_with_what_the_log_holds(pair, compared):
    out, result = compared
    assert result["log"] == str(out / "log.msgpack") and result["same_weights"] is False and result["notes"] == []
    curve = curve_of(read_log(out / "log.msgpack"))
    assert [some["random"] for some in result["curve"]["sets"]] == [list(point.random) for point in curve.points]
    assert result["curve"]["cpr"] == list(curve.cpr)
    assert set(result["before"]) >= {"hits", "false_alarms", "mundane"}


def test_the_same_weights_differ_by_nothing(pair, capsys):
    words = ["diff", str(pair / "base"), str(pair / "base"), "--probes", str(pair / "probes.jsonl")]
    assert main([*words, "--device", "cpu"]) == 0
    assert "the two folders hold the same weights: the difference is zero" in capsys.readouterr().out


def test_a_model_that_became_worse_has_no_gain_to_share_out(pair, capsys):
    words = ["diff", str(pair / "tuned"), str(pair / "base"), "--probes", str(pair / "probes.jsonl")]
    assert main([*words, "--device", "cpu"]) == 0
    assert "TUNED is not better on these probes" in capsys.readouterr().out


def saved(folder, change, kind="gpt2"):
    """The folder of a tiny model after a change."""
    model = tiny(kind, tongue="plain")
    change(model)
    save(model, folder)
    return str(folder)


def test_what_does_not_fit_is_one_line(pair, tmp_path, capsys):
    base, tuned, files = str(pair / "base"), str(pair / "tuned"), ["--probes", str(PROBES)]
    cpu = ["--device", "cpu"]
    other = saved(tmp_path / "llama", lambda model: None, "llama")
    assert "BASE is a gpt2 model, TUNED a llama model" in refused(capsys, "diff", base, other, *files, *cpu)
    log = str(tmp_path / "log.msgpack")
    (tmp_path / "log.msgpack").write_bytes(b"\x80")
    assert f"BASE {log}: a file; give a model's folder" in refused(capsys, "diff", log, tuned, *files)
    assert f"TUNED {log}: a file" in refused(capsys, "diff", base, log, *files)
    assert "BASE nowhere: no such folder" in refused(capsys, "diff", "nowhere", tuned, *files)
    assert "a model's folder; give the folder after it" in refused(capsys, "diff", base)
    assert "give the log in it" in refused(capsys, "diff", str(tmp_path))
    assert "--probes FILE.jsonl" in refused(capsys, "diff", base, tuned)
    assert "--probes: for two models" in refused(capsys, "diff", log, *files)
    for flags in (["--export", "csv"], ["--table", "gains"]):
        assert "of a log; give --out DIR" in refused(capsys, "diff", base, tuned, *files, *flags)
    assert "--seed 5: of random sets beside two models" in refused(capsys, "diff", log, "--seed", "5")
    assert "exists and is not empty" in refused(capsys, "diff", base, tuned, *files, "--out", base)


def test_a_model_that_overflows_is_one_line(pair, tmp_path, capsys):
    def damage(model):
        model.net.transformer.h[-1].mlp.c_proj.weight.data.mul_(1e38)

    damaged = saved(tmp_path / "damaged", damage, "gpt2")
    for two in ((str(pair / "base"), damaged), (damaged, str(pair / "base"))):
        assert "no number (NaN): " in refused(
            capsys, "diff", *two, "--probes", str(pair / "probes.jsonl"), "--device", "cpu"
        )


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("hidden_act", "relu", "hidden_act is silu and relu"),
        ("rms_norm_eps", 0.5, "rms_norm_eps is 1e-06 and 0.5"),
        (
            "rope_parameters",
            {"rope_type": "default", "rope_theta": 50.0},
            "rope_parameters.rope_theta is 10000.0 and 50.0",
        ),
    ],
)
def test_settings_that_no_weight_holds_have_to_be_the_same(tmp_path, capsys, setting, value, says):
    """The line of weights from one model to the other would be of neither function."""
    base = saved(tmp_path / "base", lambda model: None, "llama")
    other = saved(tmp_path / "other", lambda model: setattr(model.net.config, setting, value), "llama")
    words = ["diff", base, other, "--probes", str(PROBES), "--device", "cpu"]
    assert f"BASE and TUNED compute otherwise: {says}; give a model" in refused(capsys, *words)


def test_settings_that_no_forward_reads_may_differ(tmp_path):
    one, other = tiny("llama", tongue="plain"), tiny("llama", tongue="plain", seed=1)
    other.net.config.initializer_range, other.net.config.use_cache = 0.5, False
    assert settings_apart(one, other) is None


def test_windows_have_to_be_the_same_however_far_they_reach(tmp_path):
    one, other = (tiny("mistral", tongue="plain") for _ in range(2))
    one.net.config.sliding_window, other.net.config.sliding_window = None, 220
    assert settings_apart(one, other) == "sliding_window is None and 220"


def test_the_same_layers_have_to_have_the_window():
    one, other = (tiny("qwen2", tongue="plain") for _ in range(2))
    kinds = ["sliding_attention", "full_attention"]
    for model, layers in ((one, kinds), (other, kinds[::-1])):
        model.net.config.sliding_window, model.net.config.layer_types = 220, layers
    assert settings_apart(one, other) == "layer_types name other layers with a window"


def test_a_tokenizer_may_have_more_tokens_than_the_model():
    one, other = tiny("llama", tongue="plain"), tiny("llama", tongue="plain", seed=1)
    one.tokenizer = copy.deepcopy(one.tokenizer)
    one.tokenizer.add_tokens([f"<{number}>" for number in range(2_000)])
    assert settings_apart(one, other) is None


def test_contexts_are_read_by_the_net_that_reads_them_when_tuned_decides(pair, tmp_path, capsys):
    """As --base-cache leaves it: TUNED decides on what BASE has read."""
    tuned, probes = load(pair / "tuned"), str(pair / "probes.jsonl")
    with torch.no_grad():
        addresses(tuned.net).weight(0, "o")[0].mul_(3)  # who reads makes a difference only below the last layer
    tuned.context = load(pair / "base").net
    save(tuned, tmp_path / "tuned")
    words = ["diff", str(pair / "base"), str(tmp_path / "tuned"), "--probes", probes, "--device", "cpu", "--json"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    information = read_log(tmp_path / "out" / "log.msgpack").information
    losses = usable_losses(tuned, judged_chunks(read_probes(Path(probes), tuned), 2, 1_000), context=tuned.context)
    worth = losses.worth(losses.beliefs(tuned.net))
    assert information.calibrated_after == pytest.approx(worth.calibrated, abs=1e-6)
    alone = usable_losses(tuned, judged_chunks(read_probes(Path(probes), tuned), 2, 1_000))
    assert abs(alone.worth(alone.beliefs(tuned.net)).calibrated - worth.calibrated) > 1e-5
    capsys.readouterr()
    tuned.context = load(pair / "tuned").net
    save(tuned, tmp_path / "tuned")
    assert "decide on contexts that different nets have read" in refused(capsys, *words)
    assert "decide on contexts that different nets have read" in refused(
        capsys, "diff", str(tmp_path / "tuned"), str(pair / "tuned"), "--probes", probes, "--device", "cpu"
    )
    tuned.context = load(pair / "base").net
    tuned.context.config.layer_norm_epsilon = 5.0  # the same weights, which then read otherwise
    save(tuned, tmp_path / "tuned")
    said = refused(capsys, *words)
    assert "decide on contexts that were read otherwise: layer_norm_epsilon is 1e-05 and 5.0; give a model and" in said


def test_other_special_tokens_around_a_text_are_noted(pair):
    one, other = load(pair / "base"), load(pair / "tuned")
    inner = json.loads(other.tokenizer.backend_tokenizer.to_str())
    token = other.tokenizer.convert_ids_to_tokens(5)
    inner["post_processor"] = {
        "type": "TemplateProcessing", "pair": [{"Sequence": {"id": "A", "type_id": 0}}],
        "single": [{"SpecialToken": {"id": token, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "special_tokens": {token: {"id": token, "ids": [5], "tokens": [token]}},
    }  # fmt: skip
    other.tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(inner)))
    assert any("different special tokens around a text" in note for note in check_pair(one, other))


def test_tokenizers_that_differ_are_named(pair, tmp_path, capsys):
    renamed = tmp_path / "renamed"
    model = tiny("gpt2", tongue="plain")
    save(model, renamed)
    path = renamed / "tokenizer.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings["pre_tokenizer"]["add_prefix_space"] = True
    path.write_text(json.dumps(settings), encoding="utf-8")
    words = ["diff", str(pair / "base"), str(renamed), "--probes", str(PROBES), "--device", "cpu"]
    assert "different tokenizers: their pre-tokenizers split a text differently" in refused(capsys, *words)
    vocabulary = settings["model"]["vocab"]
    first, second = list(vocabulary)[10:12]
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
    path.write_text(json.dumps(settings), encoding="utf-8")
    assert f"'{first}' is token " in refused(capsys, *words) or first == "'"


def test_probes_with_one_answer_or_too_few_are_refused(pair, tmp_path, capsys):
    rows = [json.loads(line) for line in PROBES.read_text().splitlines()]
    wanted = [row for row in rows if row["kind"] == "wanted"]
    rest = [row for row in rows if row["kind"] == "other" and wanted[0]["answer"] not in row["candidates"]]
    file = tmp_path / "some.jsonl"
    words = ["diff", str(pair / "base"), str(pair / "tuned"), "--probes", str(file), "--device", "cpu"]
    for some, message in (
        (wanted + rest, f"{len(wanted)} wanted decisions have the one answer 'lend it'"),
        (wanted[:2] + [row for row in rows if row["kind"] == "other"][:3], "8 are needed"),
        (wanted, "no line of kind other"),
    ):
        file.write_text("".join(json.dumps(row) + "\n" for row in some))
        assert message in refused(capsys, *words)
    assert len(read_lines(PROBES)[0]) == len(rows)
