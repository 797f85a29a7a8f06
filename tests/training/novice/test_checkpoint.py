"""Checkpoints of a pretraining: it resumes bit for bit, and refuses what is not what was written."""

import json
import math
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from common.files import write_whole
from perception.model import tensors_hash, weights_hash
from tests.kits.pretrainkit import SMALL, WORDS, run
from training.novice import checkpoint
from training.novice.checkpoint import CHECKPOINT
from training.novice.pretrain import build_net

torch.set_num_threads(1)


@pytest.mark.parametrize("until", [5, 10])
def test_an_interrupted_pretraining_resumes_to_the_same_bits(tmp_path, easy, until):
    whole, parted = [], []
    wanted = run(tmp_path / "whole", reports=whole)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parted", until=until, reports=parted)
    assert [path.name for path in (tmp_path / "parted").iterdir()] == ["checkpoint.safetensors"]
    saved_step = until // SMALL.save_every * SMALL.save_every
    again = []
    model = run(tmp_path / "parted", reports=again)
    resumed, *again = again
    assert resumed[0] == saved_step and math.isnan(resumed[2])  # so that a card knows, if no step is left
    assert again[0][0] == saved_step + 1
    assert parted[:saved_step] + again == whole  # every loss, to the last bit
    assert weights_hash(model.net) == weights_hash(wanted.net)
    assert weights_hash(model.net) != weights_hash(build_net(SMALL, len(WORDS)))
    assert not model.net.training


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
        (
            lambda tensors, notes: (shrunk(tensors), notes | {"digest": tensors_hash(sorted(shrunk(tensors).items()))}),
            "another shape or",
        ),
    ],
)
def test_a_damaged_checkpoint_is_refused_in_one_line(tmp_path, easy, damage, says):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, until=5)
    file = tmp_path / CHECKPOINT
    with safe_open(file, "pt") as handle:
        notes = handle.metadata()
    tensors, metadata = damage(load_file(file), notes)
    save_file(tensors, file, metadata)
    with pytest.raises(ValueError, match=says) as caught:
        run(tmp_path)
    assert "\n" not in str(caught.value) and "remove it to start anew" in str(caught.value)


def shrunk(tensors):
    """As if the vocabulary had been smaller."""
    return tensors | {"net.model.embed_tokens.weight": tensors["net.model.embed_tokens.weight"][1:].clone()}


def test_a_full_disk_costs_a_checkpoint_and_is_said_once_and_the_next_one_is_tried(tmp_path, easy, monkeypatch, capsys):
    tries = []

    def full_at_first(path, data):
        tries.append(path.name)
        if len(tries) < 3:
            raise OSError(28, "No space left on device")
        write_whole(path, data)

    monkeypatch.setattr(checkpoint, "write_whole", full_at_first)
    wanted = run(tmp_path / "whole")
    assert len(tries) >= 3
    assert [path.name for path in (tmp_path / "whole").iterdir()] == [CHECKPOINT]
    said = capsys.readouterr().err.splitlines()
    assert said == ["pretrain: goes on, and tries again later: [Errno 28] No space left on device"]
    monkeypatch.undo()
    assert weights_hash(run(tmp_path / "whole").net) == weights_hash(wanted.net), "what was written can be gone on from"


def test_checkpoints_call_a_setting_as_the_first_ones_did(tmp_path, easy):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, until=5)
    with safe_open(tmp_path / CHECKPOINT, "pt") as handle:
        config = json.loads(handle.metadata()["config"])
    assert config["kinship"] is True
    assert "trace_vectors" not in config
