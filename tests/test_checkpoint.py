"""Checkpoints of a pretraining: it resumes bit for bit, and refuses what is not what was written."""

import math
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from game.realm.rules import load
from perception.model import weights_hash
from training import pretrain
from training.checkpoint import CHECKPOINT, digest
from training.pretrain import PretrainConfig, build_net, build_tokenizer

torch.set_num_threads(1)
RULES = load()
WORDS = build_tokenizer(RULES)
CPU = torch.device("cpu")
SMALL = PretrainConfig(layers=2, heads=2, hidden=16, head_dim=8, mlp=24, batch=4, steps=6, save_every=4)


@pytest.fixture
def easy(monkeypatch):
    """Every stage is solved at once, so that a few steps go through all of them."""
    monkeypatch.setattr(pretrain, "SOLVED", -1.0)
    monkeypatch.setattr(pretrain, "FAIR", -1.0)
    monkeypatch.setattr(pretrain, "LASTS", {})


def run(folder, config=SMALL, until=None, told=None):
    """Pretrain; with `until`, be killed after so many steps."""

    def report(state, loss):
        if told is not None:
            told.append((state.step, state.stage, loss))
        if state.step == until:
            raise KeyboardInterrupt

    return pretrain.pretrain(config, folder, CPU, report, RULES)


@pytest.mark.parametrize("until", [5, 10])
def test_an_interrupted_pretraining_resumes_to_the_same_bits(tmp_path, easy, until):
    whole, parted = [], []
    wanted = run(tmp_path / "whole", told=whole)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parted", until=until, told=parted)
    assert [path.name for path in (tmp_path / "parted").iterdir()] == ["checkpoint.safetensors"]
    kept = until // SMALL.save_every * SMALL.save_every
    again = []
    found = run(tmp_path / "parted", told=again)
    resumed, *again = again
    assert resumed[0] == kept and math.isnan(resumed[2])  # so that a card knows, if no step is left
    assert again[0][0] == kept + 1
    assert parted[:kept] + again == whole  # every loss, to the last bit
    assert weights_hash(found.net) == weights_hash(wanted.net)
    assert weights_hash(found.net) != weights_hash(build_net(SMALL, len(WORDS)))
    assert not found.net.training


def test_a_checkpoint_of_other_settings_is_refused_and_kept(tmp_path, easy):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, until=5)
    file = tmp_path / "checkpoint.safetensors"
    before = file.read_bytes()
    with pytest.raises(ValueError, match="made with other settings; give the same settings or another --out"):
        run(tmp_path, replace(SMALL, lr=1e-3))
    assert file.read_bytes() == before
    file.write_bytes(before[: len(before) // 2])
    with pytest.raises(ValueError, match="cannot be read") as caught:
        run(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda tensors, notes: (tensors, {}), "cannot be read"),
        (lambda tensors, notes: (tensors, notes | {"state": "[]"}), "cannot be read"),
        (lambda tensors, notes: (dict(list(tensors.items())[1:]), notes), "is damaged"),
        (lambda tensors, notes: ({name: tensor + 1 for name, tensor in tensors.items()}, notes), "is damaged"),
        (lambda tensors, notes: (shrunk(tensors), notes | {"digest": digest(shrunk(tensors))}), "another shape or"),
    ],
)
def test_a_damaged_checkpoint_is_refused_in_one_line(tmp_path, easy, damage, says):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, until=5)
    file = tmp_path / CHECKPOINT
    with safe_open(file, "pt") as handle:
        notes = handle.metadata()
    tensors, told = damage(load_file(file), notes)
    save_file(tensors, file, told)
    with pytest.raises(ValueError, match=says) as caught:
        run(tmp_path)
    assert "\n" not in str(caught.value) and "remove it to start anew" in str(caught.value)


def shrunk(tensors):
    """As if the vocabulary had been smaller."""
    return tensors | {"net.model.embed_tokens.weight": tensors["net.model.embed_tokens.weight"][1:].clone()}
