"""Where a pretraining stands, on disk: weights, AdamW's moments, the state, whole or not at all."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as pack
from transformers import PreTrainedModel

from common.files import write_whole
from perception.model import tensors_hash

CHECKPOINT = "checkpoint.safetensors"
TIED = "lm_head.weight"  # the output's weights are the embeddings'
State = TypeVar("State")


def save_checkpoint(
    folder: Path,
    net: PreTrainedModel,
    optimizer: torch.optim.Optimizer,
    state: Mapping[str, Any],
    config: Mapping[str, Any],
) -> None:
    """Write folder/CHECKPOINT whole or not at all. state, config: plain data. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"net.{name}": tensor for name, tensor in net.state_dict().items() if name != TIED}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"adam.{index}.{name}": value for name, value in moments.items()}
    notes = {"state": json.dumps(state), "config": json.dumps(config), "digest": tensors_hash(sorted(tensors.items()))}
    write_whole(folder / CHECKPOINT, pack(tensors, notes))


def load_checkpoint(
    folder: Path,
    net: PreTrainedModel,
    optimizer: torch.optim.Optimizer,
    config: Mapping[str, Any],
    make: Callable[..., State],
) -> State:
    """Put weights and moments back; returns make(**state).

    Raises ValueError in one line for a file that can't be read, that is not what was written, or that was made with
    other settings or for a network of another shape.
    """
    file = folder / CHECKPOINT
    try:
        with safe_open(file, "pt") as handle:
            notes = handle.metadata() or {}
        tensors = load_file(file)
        settings, state = json.loads(notes["config"]), make(**json.loads(notes["state"]))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file}: cannot be read ({error}); remove it to start anew") from error
    if settings != config:
        raise ValueError(f"{file}: made with other settings; give the same settings or another --out")
    if notes.get("digest") != tensors_hash(sorted(tensors.items())):
        raise ValueError(f"{file}: is damaged, its tensors are not those that were written; remove it to start anew")
    own = {name: tensor.shape for name, tensor in net.state_dict().items() if name != TIED}
    saved = {name[4:]: tensor for name, tensor in tensors.items() if name.startswith("net.")}
    if own != {name: tensor.shape for name, tensor in saved.items()}:
        raise ValueError(f"{file}: holds another shape or vocabulary; remove it to start anew")
    net.load_state_dict(saved, strict=False)
    whole = optimizer.state_dict()
    for name, tensor in tensors.items():
        if name.startswith("adam."):
            _, index, key = name.split(".")
            whole["state"].setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict(whole)
    return state
