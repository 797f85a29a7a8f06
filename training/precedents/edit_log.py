"""The log of one edit: what was changed, and the bytes that undo it. Without pickle: msgpack, bounded, checked.

A log belongs to one model: it notes the hash of all weights before and after. Undoing refuses any other weights, puts
the old matrix's bytes back, and checks that the weights are then those from before.
"""

from pathlib import Path
from typing import Annotated

import msgspec
import torch
from msgspec import Meta, Struct
from transformers import PreTrainedModel

from common.files import read_bytes, write_whole
from perception.model import weights_hash
from training.precedents.rome import Change, Request

NAME = "edit.msgpack"  # in the folder of an edited model
VERSION = 1
LARGEST = 2**32  # bytes of a log
DTYPES = {str(dtype): dtype for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16)}
Text = Annotated[str, Meta(max_length=4_096)]
Hash = Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]


class EditLog(Struct, frozen=True, forbid_unknown_fields=True):
    """One edit. before, after: hashes of all weights. old: the matrix that was replaced, its bytes in this dtype."""

    version: int
    template: Text
    subject: Text
    target: Text
    layer: Annotated[int, Meta(ge=0, le=65_536)]
    parameter: Text
    before: Hash
    after: Hash
    dtype: Text
    shape: Annotated[tuple[Annotated[int, Meta(ge=1, le=2**22)], ...], Meta(min_length=2, max_length=2)]
    old: bytes


def log_of(net: PreTrainedModel, before: str, request: Request, change: Change) -> EditLog:
    """The log of a change that was just made. before: `weights_hash` from before it."""
    raw = change.old.cpu().contiguous()
    return EditLog(
        VERSION, request.template, request.subject, request.target, change.layer, change.parameter, before,
        weights_hash(net), str(raw.dtype), tuple(raw.shape), raw.view(-1).view(torch.uint8).numpy().tobytes(),
    )  # fmt: skip


def write(path: Path, log: EditLog) -> None:
    """Write a log whole or not at all. Raises OutputError."""
    write_whole(path, msgspec.msgpack.encode(log))


def read(path: Path) -> EditLog:
    """Read a log. Raises ValueError in one line for a file that is none, OSError for one that can't be read."""
    raw = read_bytes(path, LARGEST)
    try:
        log = msgspec.msgpack.decode(raw, type=EditLog)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise ValueError(
            f"{path}: no log of an edit ({' '.join(str(error).split())}); give one that edit wrote"
        ) from error
    if log.version != VERSION:
        raise ValueError(f"{path}: version {log.version} of an edit's log; this program reads version {VERSION}")
    dtype = DTYPES.get(log.dtype)
    if dtype is None or len(log.old) != log.shape[0] * log.shape[1] * dtype.itemsize:
        raise ValueError(f"{path}: its matrix is damaged; restore the log")
    return log


@torch.no_grad()
def undo(net: PreTrainedModel, log: EditLog, where: Path | str = "the log") -> None:
    """Put the old matrix back, bit for bit.

    Raises ValueError, with the weights as they were, for another model's log.
    """
    if weights_hash(net) != log.after:
        hint = "it was never edited by this, or it was edited again since (undo the last edit first)"
        raise ValueError(f"{where}: the log of another model's edit, for weights {log.after}: {hint}")
    weight = dict(net.named_parameters()).get(log.parameter)
    old = torch.frombuffer(bytearray(log.old), dtype=DTYPES[log.dtype]).view(log.shape)
    if weight is None or weight.shape != old.shape or weight.dtype != old.dtype:
        raise ValueError(f"{where}: {log.parameter} is no {log.dtype} matrix of {log.shape} in this model")
    edited = weight.detach().clone()
    weight.copy_(old)
    if weights_hash(net) != log.before:
        weight.copy_(edited)
        raise ValueError(f"{where}: its matrix is not the one from before the edit; the log is damaged, restore it")
