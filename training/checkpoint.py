"""Checkpoints of a training: a run that was killed goes on from the last one, bit for bit as if nothing had been.

OUT/checkpoint.safetensors holds what trains, the optimizer's state, the curve and what the heads came to, and what the
run rests on. OUT/checkpoint-STEP.safetensors holds one state of the trajectory. Every file is written whole, and the
first one last. Random streams are not kept: what the steps drew is drawn again, so that decks of cards lie as they lay.
"""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from common.files import read_bytes, write_whole
from perception.model import choose_device, tensors_hash
from training.config import LearnConfig, flat
from training.heads.run_log import RunLog, from_root
from training.heads.score import Score
from training.heads.trajectory import Trajectory, add_state
from training.optim.gradients import GradientMeter
from training.provenance import RestsOn, difference, rests_on
from training.run_folder import CHECKPOINT
from training.teach import Teacher

VERSION = 1
EVERY_STEPS, EVERY_S = 50, 30.0  # a checkpoint is written after so many steps or seconds, whichever comes first
BYTES_MAX = 2**34  # of a file that is read
ABOUT, DIGEST = "about", "digest"  # tensors of bytes: JSON, and the hash of all else

CurvePoint = dict[str, float | None]  # step, hits, false_alarms, mundane, d_prime, loss (nats), seconds


@dataclass
class RunState:
    """What a training has come to.

    before: the score at the start. mark: the gradient meter's sums at the last point of the curve. history: (step,
    grids by a snapshot's names). gradients: a share per head for each of `history`. seconds: of practice.
    """

    before: Score
    curve: list[CurvePoint]
    mark: Tensor
    step: int = 0
    seconds: float = 0.0
    history: list[tuple[int, dict[str, Tensor]]] = field(default_factory=list)
    gradients: list[Tensor] = field(default_factory=list)
    trajectory: Trajectory = field(default_factory=list)

    def note(self, point: CurvePoint, grids: dict[str, Tensor], meter: GradientMeter, net: nn.Module | None) -> None:
        """A point of the curve, what the heads came to, where the gradient went since then, the weights of `net`."""
        self.curve.append(point)
        self.history.append((self.step, grids))
        self.gradients.append(meter.shares(self.mark).per_head)
        self.mark = meter.mark()
        if net is not None:
            add_state(self.trajectory, self.step, net)

    def tell(self, log: RunLog) -> None:
        """Write all points so far to a log that was begun."""
        log.point(self.curve[0])
        for point, (_step, grids), gradient in zip(self.curve[1:], self.history, self.gradients, strict=True):
            log.point(point, grids, gradient)


class Checkpoints:
    """The checkpoints of one run folder. They note the settings, the device and what the run rests on by content.

    Make it before the training reads its files: what they hold then is what the run rests on.
    """

    def __init__(self, out: Path, config: LearnConfig) -> None:
        self._out, self._path, self._config = out, out / CHECKPOINT, config
        self._rests_on: RestsOn = {}
        with suppress(OSError, ValueError):  # whoever loads the model says what is wrong with it
            self._rests_on = rests_on(config)
        self._hashes: dict[int, str] = {}  # of the trajectory's states that lie in the folder, by step
        self._written_s, self._written_step = time.monotonic(), 0

    @cached_property
    def _settings(self) -> dict[str, Any]:
        device = {"device": choose_device(self._config.device).type}
        settings = {key: from_root(value) for key, value in flat(self._config).items()} | device
        return {key: str(value) if isinstance(value, Path) else value for key, value in settings.items()}

    def after_step(self, teacher: Teacher, run: RunState, last: bool) -> None:
        """Write a checkpoint if it is time. A set of scenes that serves several steps is never torn apart."""
        due = run.step - self._written_step >= EVERY_STEPS or time.monotonic() - self._written_s >= EVERY_S
        if last or (due and teacher.between_sets):
            self.write(teacher, run)

    def write(self, teacher: Teacher, run: RunState) -> None:
        """Write the run as it is now. Raises OutputError; then the last checkpoint is still there."""
        for step, state in run.trajectory[1:]:  # the first is the model as it was
            if step not in self._hashes:
                self._hashes[step] = _write(self._state_path(step), {}, state)
        plain, tensors = teacher.state()
        about = {
            "version": VERSION, "settings": self._settings, "rests_on": self._rests_on, "teacher": plain,
            "before": asdict(run.before), "curve": run.curve, "step": run.step, "seconds": run.seconds,
            "history": [step for step, _grids in run.history],
            "trajectory": [[step, self._hashes.get(step, "")] for step, _state in run.trajectory],
        }  # fmt: skip
        tensors = {f"teacher/{name}": tensor for name, tensor in tensors.items()} | {"mark": run.mark}
        for number, (_step, grids) in enumerate(run.history):
            tensors |= {f"history/{number}/{name}": grid for name, grid in grids.items()}
        tensors |= {f"gradient/{number}": grid for number, grid in enumerate(run.gradients)}
        _write(self._path, about, tensors)
        self._written_s, self._written_step = time.monotonic(), run.step

    def resume(self, teacher: Teacher, start: Mapping[str, Tensor]) -> RunState | None:
        """The run as it was, and the teacher as it was then; None where there is no checkpoint.

        start: the trajectory's first state. Call it once all files have been read. Raises ValueError, in one line,
        where they changed meanwhile, for a checkpoint of other settings, data or model, and for a damaged one.
        """
        self._check_unchanged()
        if not self._path.exists():
            return None
        about, tensors = self._read(self._path)
        self._check_same(about)
        try:
            trajectory: Trajectory = [(0, dict(start))]
            for step, noted in about["trajectory"][1:]:
                state = self._read(self._state_path(step), noted)[1]
                trajectory.append((step, {name: state[name] for name in start}))  # sums follow the model's order
                self._hashes[step] = noted
            run = RunState(
                Score(**about["before"]), about["curve"], tensors["mark"].to(teacher.model.device), about["step"],
                about["seconds"],
                [(step, _under(f"history/{number}/", tensors)) for number, step in enumerate(about["history"])],
                [tensors[f"gradient/{number}"] for number in range(len(about["history"]))],
                trajectory,
            )  # fmt: skip
            teacher.go_on_from(about["teacher"], _under("teacher/", tensors))
        except (KeyError, TypeError, IndexError, AttributeError, RuntimeError) as error:
            raise self._damaged(self._path, f"{type(error).__name__}: {error}") from error
        self._written_step = run.step
        return run

    def remove(self) -> None:
        """The run is whole: nothing has to go on any more."""
        for path in (self._path, *sorted(self._out.glob(f"{self._path.stem}-*{self._path.suffix}"))):
            path.unlink(missing_ok=True)

    def _state_path(self, step: int) -> Path:
        return self._path.with_name(f"{self._path.stem}-{int(step)}{self._path.suffix}")

    def _check_unchanged(self) -> None:
        """What was read may be neither what was there at first nor what is there now; no run may rest on that."""
        if changes := difference(self._rests_on, rests_on(self._config)):
            raise ValueError(f"--out {self._out}: while its training began, this changed: {changes}; the same command"
                             " begins again")  # fmt: skip

    def _check_same(self, about: dict[str, Any]) -> None:
        if about.get("version") != VERSION:
            raise ValueError(f"{self._path}: another version wrote it; remove {self._out}, or give a new --out")
        present = json.loads(json.dumps(self._settings))
        noted = json.loads(json.dumps(flat(LearnConfig()))) | about["settings"]  # what was added since was its default
        if other := [key for key in dict.fromkeys((*noted, *present)) if noted.get(key) != present.get(key)]:
            changes = ", ".join(f"{key} ({noted.get(key)} then, {present.get(key)} now)" for key in other[:3])
            raise ValueError(f"--out {self._out}: holds an unfinished training of other settings: {changes}; give a new"
                             " --out")  # fmt: skip
        if changes := difference(about["rests_on"], self._rests_on):
            raise ValueError(f"--out {self._out}: its unfinished training rests on something else than what is there"
                             f" now: {changes}; give a new --out")  # fmt: skip

    def _read(self, path: Path, noted: str | None = None) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """What stands in a file. noted: its digest, where it is known."""
        try:
            tensors = load(read_bytes(path, BYTES_MAX))
            digest = _text(tensors.pop(DIGEST))
            if digest != tensors_hash(sorted(tensors.items())) or noted not in (None, digest):
                raise self._damaged(path, "its bytes are not those that were written")
            about = json.loads(_text(tensors.pop(ABOUT)))
        except (OSError, SafetensorError, KeyError, TypeError) as error:
            raise self._damaged(path, f"{type(error).__name__}: {error}") from error
        return about, tensors

    def _damaged(self, path: Path, reason: str) -> ValueError:
        said = " ".join(reason.split())[:200]
        return ValueError(f"{path}: can't go on from it ({said}); remove {self._out} and begin anew")


def _under(start: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def _write(path: Path, about: dict[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """A whole file of tensors; returns its digest."""
    whole = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    whole[ABOUT] = _bytes(json.dumps(about))
    digest = tensors_hash(sorted(whole.items()))
    write_whole(path, save(whole | {DIGEST: _bytes(digest)}))
    return digest


def _bytes(text: str) -> Tensor:
    return torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)


def _text(data: Tensor) -> str:
    return bytes(data.tolist()).decode()
