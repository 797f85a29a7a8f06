"""The states a mind can be turned back to: what it had learned at each restore point, and the day it came.

Of each only the weights that train are kept: one safetensors file in the mind's folder, whose header says what it is,
so that no list can fall out of step with the files. Without a folder they are kept in memory.
"""

from pathlib import Path

import msgspec
from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers import PreTrainedModel

from common.files import write_whole
from perception.messages import RestorePoint
from training.heads.score import Score
from training.mind.trained_weights import WeightsError, pack_weights, trained_weights, unpack_weights

MOST = 12  # restore points kept, the day it came not counted
LARGEST = 2**30  # bytes of all of them together; at least one is kept
FOLDER, SUFFIX = "rests", ".safetensors"


class RestorePointError(ValueError):
    """A restore point that is not there or cannot be read: one line."""


def describe(
    step: int, lessons: int, label: str, score: Score, charms: tuple[int, ...] = (), attuned: tuple[int, ...] = ()
) -> RestorePoint:
    """A restore point that has no number yet. charms: numbers of those that are worn; attuned: heads that practise
    alone.
    """
    measured = (score.hits, score.false_alarms, score.d_prime, score.mundane)
    return RestorePoint(0, step, lessons, label, *measured, charms, attuned)


def score_of(point: RestorePoint) -> Score:
    """What a mind scored at a restore point."""
    return Score(point.hits or 0.0, None, point.false_alarms or 0.0, point.d_prime or 0.0, point.mundane or 0.0)


class RestorePointStore:
    """The restore points of one mind. model: weights_hash of the one it started from; others' files are left alone."""

    def __init__(self, folder: Path | None, model: str) -> None:
        self._folder = None if folder is None else folder / FOLDER
        self._model = model
        self._held: dict[int, bytes] = {}  # without a folder
        self._sizes: dict[int, int] = {}
        self.points: list[RestorePoint] = []  # oldest first
        for path in sorted(self._folder.glob(f"*{SUFFIX}")) if self._folder and self._folder.is_dir() else ():
            point = self._header(path)
            if point is not None:
                self.points.append(point)
                self._sizes[point.number] = path.stat().st_size
        self.points.sort(key=lambda point: point.number)

    def _header(self, path: Path) -> RestorePoint | None:
        """What a file says it is; None for one that cannot be read or is another model's."""
        try:
            with safe_open(path, "pt") as file:
                notes = file.metadata() or {}
            point = msgspec.json.decode(notes.get("rest", ""), type=RestorePoint)
        except (OSError, SafetensorError, ValueError):  # ValueError: msgspec's own
            return None
        return point if notes.get("model") == self._model and path == self._path(point.number) else None

    def _path(self, number: int) -> Path:
        return (self._folder or Path()) / f"{number:06d}{SUFFIX}"

    def add(self, point: RestorePoint, net: PreTrainedModel) -> None:
        """Remember the net as it is; `point` gets the next number. Nothing is added if neither step nor lesson nor
        charm came since the last one, and the same heads practise. Raises OSError.
        """
        last = self.points[-1] if self.points else None
        now = (point.step, point.lessons, point.charms, point.attuned)
        if last and (last.step, last.lessons, last.charms, last.attuned) == now:
            return
        number = self.points[-1].number + 1 if self.points else 1
        point = msgspec.structs.replace(point, number=number)
        notes = {"model": self._model, "rest": msgspec.json.encode(point).decode()}
        data = pack_weights(trained_weights(net), notes)
        if self._folder is None:
            self._held[number] = data
        else:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(self._path(number), data)
        self.points.append(point)
        self._sizes[number] = len(data)
        while len(self.points) > 1 and (len(self.points) > MOST or sum(self._sizes.values()) > LARGEST):
            self._drop(self._least())

    def _least(self) -> RestorePoint:
        """The one that is missed least: its neighbours lie closest together. Never the newest."""
        steps = [0, *(point.step for point in self.points)]
        gaps = [abs(steps[i + 2] - steps[i]) for i in range(len(self.points) - 1)]
        return self.points[gaps.index(min(gaps))]

    def _drop(self, point: RestorePoint) -> None:
        self.points.remove(point)
        self._held.pop(point.number, None)
        self._sizes.pop(point.number)
        if self._folder is not None:
            self._path(point.number).unlink(missing_ok=True)

    def find(self, number: int) -> tuple[RestorePoint, dict[str, Tensor]]:
        """A restore point and its weights. Raises RestorePointError."""
        point = next((point for point in self.points if point.number == number), None)
        if point is None:
            known = ", ".join(str(point.number) for point in self.points) or "none but 0"
            raise RestorePointError(f"rest {number}: not remembered; known: {known}")
        try:
            data = self._held[number] if self._folder is None else self._path(number).read_bytes()
            return point, unpack_weights(data)[0]
        except WeightsError as error:
            raise RestorePointError(f"choose another rest: number {number} {error}") from error
        except OSError as error:
            raise RestorePointError(
                f"choose another rest: number {number} cannot be read ({error.strerror})"
            ) from error
