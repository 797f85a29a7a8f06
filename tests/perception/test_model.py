"""Models on disk: what is refused and in how many words, what comes back, and how weights are told apart."""

import json
import shutil

import pytest
import torch
from msgspec import structs
from safetensors.torch import load_file, save_file
from transformers import ByT5Tokenizer, tokenization_utils_base

from game.realm.sampler import samples
from perception import model as models
from perception.errors import ModelError
from perception.model import NOVICE, choose_device, load, save, weights_hash
from perception.perceive import perceive
from tests.kits.minds import tiny


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "small"
    save(tiny(), folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "small")


def refused(source, says):
    with pytest.raises(ModelError, match=says) as caught:
        load(source)
    assert "\n" not in str(caught.value)
    assert f"--model {source}: " in str(caught.value)


def test_a_model_comes_back_as_it_was(folder):
    again = load(folder)
    assert weights_hash(again.net) == weights_hash(tiny().net)
    assert (again.name, again.tongue, again.layers, again.heads) == ("small", "terse", 2, 4)
    assert again.device.type == "cpu"
    assert not again.net.training
    words = tiny().tokenizer
    assert again.tokenizer.get_vocab() == words.get_vocab()
    assert again.tokenizer("hear north hum")["input_ids"] == words("hear north hum")["input_ids"]


def test_half_precision_halves_the_file_and_rounds_once(tmp_path, folder):
    model = tiny()
    save(model, tmp_path / "half", torch.bfloat16)
    stored = load_file(tmp_path / "half" / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.bfloat16}
    once = load(tmp_path / "half")
    for (name, mine), other in zip(model.net.named_parameters(), once.net.parameters(), strict=True):
        assert other.dtype == torch.float32
        assert torch.equal(mine.bfloat16().float(), other), name
    save(once, tmp_path / "again", torch.bfloat16)
    assert weights_hash(load(tmp_path / "again").net) == weights_hash(once.net)
    assert weights_hash(tiny().net) == weights_hash(model.net)


def test_saving_replaces_a_folder_whole(folder):
    (folder / "left over").write_text("from before")
    save(tiny(seed=5), folder)
    assert weights_hash(load(folder).net) == weights_hash(tiny(seed=5).net)
    assert not (folder / "left over").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["small"]


def test_saving_that_fails_leaves_the_old_folder(folder, monkeypatch):
    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("common.files.os.fsync", full)
    with pytest.raises(OSError, match="the disk is full"):
        save(tiny(seed=5), folder)
    monkeypatch.undo()
    assert weights_hash(load(folder).net) == weights_hash(tiny().net)


def test_a_folder_that_is_not_there_is_refused_at_once(tmp_path):
    refused(tmp_path / "nowhere", "no such folder; give a Hugging Face folder, or hub:org/name")
    refused(NOVICE.parent / "realm.toml", "no such folder")


def test_a_folder_without_a_config_is_refused(folder):
    (folder / "config.json").unlink()
    refused(folder, "no config.json in it")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"model_type": "dragon"}'])
def test_a_config_that_is_none_is_refused(folder, text):
    (folder / "config.json").write_text(text)
    refused(folder, "cannot be loaded")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_truncated_weights_are_refused(folder, share):
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: int(len(data) * share)])
    refused(folder, "cannot be loaded")


def test_weights_that_are_missing_are_refused(folder):
    (folder / "model.safetensors").unlink()
    refused(folder, "cannot be loaded")


def test_weights_without_one_of_the_tensors_are_refused(folder):
    whole = load_file(folder / "model.safetensors")
    whole.pop("model.layers.1.self_attn.q_proj.weight")
    save_file(whole, folder / "model.safetensors", {"format": "pt"})
    refused(folder, "q_proj.weight is not in its weights; the folder is damaged")


def test_weights_of_another_shape_are_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 48}))
    refused(folder, r"down_proj.weight is \(32, 64\), its config wants \(32, 48\); restore it")


@pytest.mark.parametrize("bad", [float("nan"), float("-inf")])
def test_weights_that_are_not_finite_are_refused(folder, bad):
    whole = load_file(folder / "model.safetensors")
    whole["model.layers.1.mlp.up_proj.weight"][3, 4] = bad
    save_file(whole, folder / "model.safetensors", {"format": "pt"})
    refused(folder, "up_proj.weight holds NaN or infinity; the folder is damaged")


def test_a_folder_without_a_tokenizer_is_refused(folder):
    for file in folder.glob("tokenizer*"):
        file.unlink()
    refused(folder, "cannot be loaded")


def test_tokens_that_the_weights_lack_are_refused_when_they_are_used_and_not_before(folder):
    file = folder / "tokenizer.json"
    tokenizer = json.loads(file.read_text())
    tokenizer["model"]["vocab"]["unheard"] = 10_000
    file.write_text(json.dumps(tokenizer))
    scene = next(iter(samples(3, "test"))).view.scene
    model = load(folder)
    assert perceive(model, [scene])
    with pytest.raises(ValueError, match=r"token 10000 is none of the model's [0-9]+; give the tokenizer"):
        perceive(model, [structs.replace(scene, text=scene.text + " unheard")])


def test_loading_and_saving_say_nothing(folder, tmp_path, capfd, monkeypatch):
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"model_max_length": 99}))
    model = load(folder)
    monkeypatch.setattr(tokenization_utils_base.logger, "warning", print)
    assert len(model.tokenizer("a " * 100)["input_ids"]) == 100
    save(model, tmp_path / "again")
    assert capfd.readouterr() == ("", "")


def test_a_tokenizer_that_does_not_say_where_tokens_stand_is_refused(folder):
    for file in folder.glob("tokenizer*"):
        file.unlink()
    ByT5Tokenizer().save_pretrained(folder)
    refused(folder, "ByT5Tokenizer doesn't say where tokens stand; give it a tokenizer.json")


def test_a_model_that_names_no_tongue_is_spoken_to_in_english(folder):
    config = json.loads((folder / "config.json").read_text())
    config.pop("tongue")
    (folder / "config.json").write_text(json.dumps(config))
    assert load(folder).tongue == "plain"


def test_devices(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    for name in ("cuda", "mps"):
        with pytest.raises(ModelError, match=f"--device {name}: not available on this machine"):
            choose_device(name)
    with pytest.raises(ModelError, match="--device gpu: unknown; choose auto, cpu, cuda or mps"):
        choose_device("gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda")


def test_the_hash_changes_with_any_weight():
    net = tiny().net
    whole = weights_hash(net)
    assert whole == weights_hash(tiny().net) != weights_hash(tiny(seed=1).net)
    assert len(whole) == 16
    for parameter in net.parameters():
        with torch.no_grad():
            value = parameter.flatten()[-1].clone()
            parameter.view(-1)[-1] += 1e-6 + abs(value) * 1e-3
            assert weights_hash(net) != whole
            parameter.view(-1)[-1] = value
    assert weights_hash(net) == whole


def test_the_hash_tells_names_apart():
    one, other = (torch.nn.ParameterDict({name: torch.zeros(3)}) for name in ("q", "k"))
    assert weights_hash(one) != weights_hash(other)


CODE = {"AutoConfig": "configuration_mychat.MyConfig", "AutoModelForCausalLM": "modeling_mychat.MyLM"}


@pytest.mark.parametrize(
    ("file", "settings"),
    [
        ("config.json", {"auto_map": CODE, "model_type": "mychat"}),
        ("config.json", {"auto_map": CODE}),
        ("config.json", {"text_config": {"auto_map": CODE}}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["tokenization_mychat.MyTokenizer", None]}}),
        ("processor_config.json", {"auto_map": {"AutoProcessor": "processing_mychat.MyProcessor"}}),
        ("generation_config.json", {"custom_generate": "somebody/generation"}),
    ],
)
def test_a_folder_with_code_of_its_own_is_refused_before_transformers_sees_it(folder, file, settings, monkeypatch):
    for name in ("AutoConfig", "AutoTokenizer", "AutoModelForCausalLM", "PreTrainedTokenizerFast"):
        monkeypatch.setattr(models, name, None)
    monkeypatch.setattr("builtins.input", None)
    path = folder / file
    before = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(before | settings))
    key = "custom_generate" if "custom_generate" in settings else "auto_map"
    refused(folder, rf"{file} names code of its own \({key}\), which is never run here")


def test_a_model_of_the_hub_with_code_of_its_own_is_refused_before_its_weights_come(folder, monkeypatch):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": CODE}))

    def cached(name, file, **options):
        assert name == "org/name" and not options["_raise_exceptions_for_missing_entries"]
        return str(folder / file) if (folder / file).exists() else None

    monkeypatch.setattr("transformers.utils.cached_file", cached)
    refused("hub:org/name", "config.json names code of its own")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "consolidated.00.pth"])
def test_a_folder_with_pickles_alone_is_told_how_to_convert_them(folder, name):
    (folder / "model.safetensors").rename(folder / name)
    refused(folder, rf"{name} is a pickle, .* never opened here; convert it .*save_pretrained")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"num_hidden_layers": 10**8}, "num_hidden_layers = 1e.08, which must be from 1 to 1024"),
        ({"num_hidden_layers": 0}, "num_hidden_layers = 0, which must be from 1"),
        ({"num_hidden_layers": -3}, "num_hidden_layers = -3, which must be from 1"),
        ({"num_hidden_layers": 1_000}, "its config needs .* weights at least"),
        ({"hidden_size": 10**9}, "hidden_size = 1e.09"),
        ({"vocab_size": 0}, "vocab_size = 0"),
        ({"vocab_size": 4_000_000}, "its config needs .* weights at least"),
        ({"num_attention_heads": 10**7}, "num_attention_heads"),
        ({"num_attention_heads": 0}, "num_attention_heads"),
        ({"num_key_value_heads": 10**7}, "num_key_value_heads"),
        ({"head_dim": 10**12}, "head_dim"),
        ({"intermediate_size": 10**12}, "intermediate_size"),
        ({"num_local_experts": 10**8}, "num_local_experts"),
        ({"max_position_embeddings": 10**15}, "max_position_embeddings"),
        ({"model_type": "gpt2", "n_positions": 10**6}, r"n_positions = 1e.06, which must be from 0 to 32768"),
        ({"num_hidden_layers": "many"}, "cannot be loaded"),
        ({"num_key_value_heads": 3}, "cannot be loaded"),
        ({"hidden_size": None}, "cannot be loaded"),
    ],
)
def test_numbers_that_no_folder_could_fill_are_refused_before_anything_is_built(folder, change, says):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    refused(folder, says)


def test_a_tokenizer_without_words_is_refused(folder):
    file = folder / "tokenizer.json"
    tokenizer = json.loads(file.read_text())
    tokenizer["model"]["vocab"], tokenizer["added_tokens"] = {}, []
    file.write_text(json.dumps(tokenizer))
    refused(folder, "cannot be loaded|has no words")


def test_a_tokenizer_that_names_no_end_of_text_serves(folder):
    file = folder / "tokenizer_config.json"
    settings = {key: value for key, value in json.loads(file.read_text()).items() if not key.endswith("_token")}
    file.write_text(json.dumps(settings))
    again = load(folder)
    assert again.tokenizer.eos_token is None
    scene = next(iter(samples(3, "test"))).view.scene
    assert perceive(again, [scene])[0].beliefs == perceive(tiny(), [scene])[0].beliefs


def test_a_type_of_model_whose_heads_are_not_known_is_refused_at_once(folder, monkeypatch):
    monkeypatch.setattr(models, "AutoModelForCausalLM", None)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "mpt", "architectures": ["MptForCausalLM"]}))
    refused(folder, "model type 'mpt'")
