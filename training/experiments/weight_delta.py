"""What a training moved, kept beside its log: the trained parameters alone, float32, for swaps made later."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from common.files import write_whole
from perception.model import Model, load

MOST = 2**32  # bytes of a file that is read


def keep_trained(base: str, trained: Path, to: Path) -> None:
    """Write the parameters in which a trained folder differs from its base model."""
    before = dict(load(base).net.named_parameters())
    moved = {
        name: value.detach().to(torch.float32).contiguous()
        for name, value in load(trained).net.named_parameters()
        if not torch.equal(value, before[name])
    }
    write_whole(to, save(moved))


def trained(base: Model, delta: Path) -> Model:
    """A model like the base with what a training moved put in; the base itself is changed.

    Raises ValueError if the file can't be read or doesn't fit the base.
    """
    try:
        if delta.stat().st_size > MOST:
            raise ValueError(f"{delta}: larger than {MOST} bytes; this is no run's file")
        moved = load_file(delta)
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{delta}: can't be read ({error}); remove its folder, and the run is done again") from error
    parameters = dict(base.net.named_parameters())
    for name, value in moved.items():
        if name not in parameters or parameters[name].shape != value.shape:
            raise ValueError(f"{delta}: {name} doesn't fit the base model; it was trained from another one")
        with torch.no_grad():
            parameters[name].copy_(value)
    return base
