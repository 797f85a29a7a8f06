"""Weights that a folder holds and its config builds nothing for: refused where they belong to the model."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from perception.errors import ModelError
from perception.model import load, save, weights_hash
from tests.kits.minds import tiny


@pytest.fixture
def folder(tmp_path):
    save(tiny(), tmp_path / "small")
    return tmp_path / "small"


def with_tensors(folder, **tensors):
    held = load_file(folder / "model.safetensors")
    save_file(held | tensors, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize("name", ["model.layers.0.self_attn.q_proj.bias", "model.layers.2.mlp.up_proj.weight"])
def test_weights_for_which_the_config_builds_nothing_are_refused(folder, name):
    """transformers leaves them out, and what is left is another model."""
    with_tensors(folder, **{name: torch.ones(32)})
    with pytest.raises(ModelError, match=f"its weights hold {name}, its config builds no such part"):
        load(folder)


def test_weights_of_other_parts_do_no_harm(folder):
    with_tensors(
        folder, **{"vision_tower.patch.weight": torch.ones(3), "model.layers.0.rotary_emb.inv_freq": torch.ones(4)}
    )
    assert weights_hash(load(folder).net) == weights_hash(tiny().net)
