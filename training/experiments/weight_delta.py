"""The weight delta of a run: the parameters that its training moved, float32, beside its log, for swaps made later."""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from common.files import write_whole
from perception.model import Model, load, weights_hash
from training.experiments.plan import Outcome
from training.headlog.log import read_log
from training.provenance import of_file

WEIGHT_DELTA = "trained.safetensors"  # the file's name in a run's folder
BYTES_MAX = 2**32  # of a file that is read


def save_weight_delta(base: str, trained: Path, to: Path) -> str:
    """Write the parameters in which a trained folder differs from its base model. Returns the file's hash."""
    before = dict(load(base).net.named_parameters())
    moved = {
        name: value.detach().to(torch.float32).contiguous()
        for name, value in load(trained).net.named_parameters()
        if not torch.equal(value, before[name])
    }
    write_whole(to, save(moved))
    return of_file(to)


def apply_weight_delta(base: Model, path: Path, noted: str | None = None) -> Model:
    """Put what a training moved into a base model, which is changed and returned.

    noted: the file's hash as the run's result notes it; None is not checked. Raises ValueError if the file can't be
    read, is not the noted one, or doesn't fit the base.
    """
    again = "remove its folder, and the run is done again"
    try:
        if path.stat().st_size > BYTES_MAX:
            raise ValueError(f"{path}: larger than {BYTES_MAX} bytes; this is no run's file")
        if noted is not None and (present := of_file(path)) != noted:
            raise ValueError(f"{path}: is not the file of this run ({noted} then, {present} now); {again}")
        moved = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{path}: can't be read ({error}); {again}") from error
    parameters = dict(base.net.named_parameters())
    for name, value in moved.items():
        if name not in parameters or parameters[name].shape != value.shape:
            raise ValueError(f"{path}: {name} doesn't fit the base model; it was trained from another one")
    with torch.no_grad():
        for name, value in moved.items():
            parameters[name].copy_(value)
    return base


def with_delta(base: Model, run: Outcome) -> Model:
    """The base as this run left it; the base itself is changed. Raises ValueError as `apply_weight_delta` does."""
    return apply_weight_delta(base, run.folder / WEIGHT_DELTA, run.files.get(WEIGHT_DELTA))


def check_base(base: Model, source: str, runs: Sequence[Outcome]) -> None:
    """Raises ValueError unless the runs started from this model. source: where it was loaded from."""
    present = weights_hash(base.net)
    for run in runs:
        if (noted := read_log(run.log).header.model_hash) != present:
            raise ValueError(
                f"{run.folder}: started from other weights than {source} holds ({noted} then, {present} now); restore "
                "the model, or give a new --out"
            )
