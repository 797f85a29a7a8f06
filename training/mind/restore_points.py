"""The states a mind can be turned back to: what it had learned at each rest, and the day it came.

Of each rest only the weights that train are kept: one safetensors file in the mind's folder, whose header says what
it is, so that no list can fall out of step with the files. Without a folder they are kept in memory.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor
from transformers import PreTrainedModel

from common.files import write_whole
from perception.messages import RestorePoint

MOST = 12  # rests kept, the day it came not counted
LARGEST = 2**30  # bytes of all of them together; at least one is kept
FOLDER, SUFFIX = "rests", ".safetensors"


class RestorePointError(ValueError):
    """A rest that is not there or cannot be read: one line."""


def learned(net: PreTrainedModel) -> dict[str, Tensor]:
    """A copy of the weights that train, on the CPU."""
    return {name: p.detach().cpu().clone().contiguous() for name, p in net.named_parameters() if p.requires_grad}


@torch.no_grad()
def put(net: PreTrainedModel, weights: Mapping[str, Tensor]) -> None:
    """Put weights back. Raises RestorePointError, with the net unchanged, if one of them does not fit."""
    own = dict(net.named_parameters())
    for name, tensor in weights.items():
        if name not in own or own[name].shape != tensor.shape or not tensor.isfinite().all():
            raise RestorePointError(f"this rest does not fit the model at {name}; it was kept of another one")
    for name, tensor in weights.items():
        own[name].copy_(tensor)


class RestorePointStore:
    """The rests of one mind. model: weights_hash of the one it started from; others' rests are left alone."""

    def __init__(self, folder: Path | None, model: str) -> None:
        self._folder = None if folder is None else folder / FOLDER
        self._model = model
        self._held: dict[int, bytes] = {}  # without a folder
        self._sizes: dict[int, int] = {}
        self.rests: list[RestorePoint] = []  # oldest first
        for path in sorted(self._folder.glob(f"*{SUFFIX}")) if self._folder and self._folder.is_dir() else ():
            rest = self._header(path)
            if rest is not None:
                self.rests.append(rest)
                self._sizes[rest.number] = path.stat().st_size
        self.rests.sort(key=lambda rest: rest.number)

    def _header(self, path: Path) -> RestorePoint | None:
        """What a file says it is; None for one that cannot be read or is another model's."""
        try:
            with safe_open(path, "pt") as file:
                told = file.metadata() or {}
            rest = msgspec.json.decode(told.get("rest", ""), type=RestorePoint)
        except (OSError, SafetensorError, ValueError):  # ValueError: msgspec's own
            return None
        return rest if told.get("model") == self._model and path == self._path(rest.number) else None

    def _path(self, number: int) -> Path:
        return (self._folder or Path()) / f"{number:06d}{SUFFIX}"

    def add(self, rest: RestorePoint, net: PreTrainedModel) -> None:
        """Remember the net as it is; `rest` gets the next number. Nothing is added if no step was taken since the
        last rest. Raises OSError.
        """
        if self.rests and (self.rests[-1].step, self.rests[-1].lessons) == (rest.step, rest.lessons):
            return
        number = self.rests[-1].number + 1 if self.rests else 1
        rest = msgspec.structs.replace(rest, number=number)
        told = {"model": self._model, "rest": msgspec.json.encode(rest).decode()}
        data = save(learned(net), told)
        if self._folder is None:
            self._held[number] = data
        else:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(self._path(number), data)
        self.rests.append(rest)
        self._sizes[number] = len(data)
        while len(self.rests) > 1 and (len(self.rests) > MOST or sum(self._sizes.values()) > LARGEST):
            self._drop(self._least())

    def _least(self) -> RestorePoint:
        """The one that is missed least: its neighbours lie closest together. Never the newest."""
        steps = [0, *(rest.step for rest in self.rests)]
        gaps = [abs(steps[i + 2] - steps[i]) for i in range(len(self.rests) - 1)]
        return self.rests[gaps.index(min(gaps))]

    def _drop(self, rest: RestorePoint) -> None:
        self.rests.remove(rest)
        self._held.pop(rest.number, None)
        self._sizes.pop(rest.number)
        if self._folder is not None:
            self._path(rest.number).unlink(missing_ok=True)

    def find(self, number: int) -> tuple[RestorePoint, dict[str, Tensor]]:
        """A rest and its weights. Raises RestorePointError."""
        rest = next((rest for rest in self.rests if rest.number == number), None)
        if rest is None:
            known = ", ".join(str(rest.number) for rest in self.rests) or "none but 0"
            raise RestorePointError(f"rest {number}: not remembered; known: {known}")
        try:
            data = self._held[number] if self._folder is None else self._path(number).read_bytes()
            return rest, load(data)
        except (OSError, SafetensorError, ValueError) as error:
            raise RestorePointError(f"rest {number}: cannot be read ({' '.join(str(error).split())})") from error
