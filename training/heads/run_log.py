"""A training -> its head-diff log: header, curve, history, the per-head table, the gain shared out, swaps, summary.

`RunLog` writes a headless run's log (`learn`) as the run goes, so that a killed run is readable up to its last whole
record; `write_training_log` writes a journey's (F2) whole. What is in a log: docs/log-format.md.
"""

import hashlib
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from perception.chat import frame_hash
from perception.mlp_map import mlps
from perception.model import Model, weights_hash
from training.data.lessons import LessonCounts
from training.headlog.log import Writer, write_log
from training.headlog.records import ITEMS_MAX, Curve, Header, HeadRow, Probes, Record, Snapshot, Summary
from training.heads.baseline import ProbeBatch
from training.heads.chunks import allocations, pooled
from training.heads.context_share import context_share
from training.heads.gain_allocation import POINTS, Gain, allocate
from training.heads.gain_records import measured_on, tensors_hash
from training.heads.head_diff import HeadDiff, head_diff
from training.heads.head_sets import by_layer, each_swap, singly
from training.heads.trajectory import Trajectory
from training.heads.usable import UsableChunks
from training.optim.gradients import Shares

ROOT = Path(__file__).resolve().parents[2]
EACH = 64  # decisions whose direct effects are logged one by one
SWAPPED = 4  # one in so many chunks (of both halves) is decided on in swaps of single heads and layers


@dataclass(frozen=True)
class Training:
    """What a log is written from, when the training is over.

    curve: dicts with Curve's fields. history: (step, grids by a snapshot's names, (L, H) each). gradients: (L, H) share
    of the gradient's energy since the entry before, one for each of `history`; shares: over all. trajectory: the states
    between which the gain is shared out, the start first; without one, only the straight line is measured.
    """

    before: Model
    after: Model
    config: dict[str, Any]
    seeds: dict[str, int]
    journal: LessonCounts
    curve: Sequence[dict[str, float | None]]
    scores: tuple[Any, Any]  # each has as_dict(): names to numbers
    steps: int
    seconds: float
    history: Sequence[tuple[int, Mapping[str, Tensor]]] = ()
    gradients: Sequence[Tensor] = ()
    shares: Shares | None = None
    trajectory: Trajectory | None = None


class RunLog:
    """The log of a run under way; the file is there once `begin` was called.

    Raises LogError where it can't be written. A run that fails leaves what was written until then, without end record.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer: Writer | None = None

    def begin(self, before: Model, config: Mapping[str, Any], seeds: dict[str, int], journal: LessonCounts) -> None:
        """Write the header: what learns, from what, with which settings."""
        self._writer = Writer(self.path, log_header(before, config, seeds, journal))

    def point(
        self,
        point: Mapping[str, float | None],
        grids: Mapping[str, Tensor] | None = None,
        gradient: Tensor | None = None,
    ) -> None:
        """A point of the curve, and what the heads came to there (none at the start)."""
        self._write(_curve(point))
        if grids is not None:
            self._write(_during(int(point["step"] or 0), grids, gradient))

    def finish(self, training: Training, probes: Sequence[ProbeBatch] | None, losses: UsableChunks | None) -> None:
        """Compare, share out and swap; close the log with its end record. losses: of held-out probes, in chunks.

        probes: on which heads are compared; None: the gain is shared out along the path, and that is all. Without
        losses the scores are all.
        """
        assert self._writer is not None
        with self._writer as writer:
            records = gain_alone(training, losses) if probes is None else outcome(training, probes, losses, swaps=True)
            for record in records:
                writer.write(record)

    def close(self) -> None:
        """Close the file as it is."""
        if self._writer is not None:
            self._writer.close()

    def _write(self, record: Record) -> None:
        assert self._writer is not None
        self._writer.write(record)


def write_training_log(
    path: Path,
    training: Training,
    probes: Sequence[ProbeBatch],
    losses: UsableChunks | None,
    snapshots: Sequence[Snapshot] = (),
) -> None:
    """Measure every head before and after, and write the log whole. With losses, the gain is shared out too.

    snapshots: what else was measured along the way.

    Raises LogError or OSError; an existing file is replaced only by a whole one.
    """
    shares: Sequence[Tensor | None] = training.gradients or [None] * len(training.history)
    records: list[Record] = [_curve(point) for point in training.curve]
    along = zip(training.history, shares, strict=True)
    records += [_during(step, grids, share) for (step, grids), share in along]
    records += [*snapshots, *outcome(training, probes, losses, swaps=False)]
    write_log(path, log_header(training.before, training.config, training.seeds, training.journal), records)


def from_root(value: Any) -> Any:
    """A path inside this checkout as it is called from its root, so that a run may be read, and go on, elsewhere.

    Whatever else (another path, a behaviour's name, None) stays as it is.
    """
    path = Path(value) if isinstance(value, str | Path) else None
    return path.relative_to(ROOT).as_posix() if path is not None and path.is_relative_to(ROOT) else value


def at_root(model: str) -> str:
    """Where a model lies that `from_root` called so; what is no folder of this checkout stays as it is."""
    inside = ROOT / model
    return str(inside) if inside.is_dir() else model


def commit() -> str:
    """The commit that runs, with + if the tree was changed; "unknown" outside a checkout."""
    try:
        command = ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=10", "--dirty=+"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def log_header(before: Model, config: Mapping[str, Any], seeds: dict[str, int], journal: LessonCounts) -> Header:
    """A log's first record."""
    lessons = msgspec.msgpack.encode(journal.lessons)
    plain = {k: v if isinstance(v, str | int | float | bool | None) else str(v) for k, v in config.items()}
    return Header(
        model=before.name,
        model_hash=weights_hash(before.net),
        data_hash=hashlib.blake2b(lessons, digest_size=8).hexdigest(),
        commit=commit(),
        seeds=seeds,
        config=plain | {"frame_hash": frame_hash(before.tokenizer)},
        layers=before.layers,
        heads=before.heads,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _curve(point: Mapping[str, float | None]) -> Curve:
    return Curve(**{name: point[name] for name in Curve.__struct_fields__})  # type: ignore[arg-type]


def _grid(values: Tensor) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in values.tolist())


def _during(step: int, grids: Mapping[str, Tensor], gradient: Tensor | None) -> Snapshot:
    snapshot_grids: dict[str, Any] = {name: _grid(values) for name, values in grids.items()}
    return Snapshot(step=step, phase="during", gradient=() if gradient is None else _grid(gradient), **snapshot_grids)


def outcome(
    training: Training, probes: Sequence[ProbeBatch], losses: UsableChunks | None, swaps: bool
) -> Iterator[Record]:
    """What is measured when the training is over, record by record."""
    before, after = training.before.net, training.after.net
    diff = head_diff(before, after, probes)
    yield Probes(what="heads", hash=_hash_of_heads(probes), decisions=len(diff.each_before))
    yield from _ends(training, diff)
    gain, with_mlps = None, mlps_trained(training)
    if losses is not None:
        gains = allocate(before, [dict(after.named_parameters())], losses.chunks, POINTS, losses.refit)
        gain = pooled(gains, losses.chunks)
        yield from measured_on(before, after, losses, gains)
        yield from allocations("line", gains, losses.chunks, "usable", with_mlps)
        if training.trajectory is not None and len(training.trajectory) > 1:
            yield from allocations("path", _along(training, losses), losses.chunks, "usable", with_mlps)
    yield from (_with_gradients(row, training.shares) for row in diff.rows(gain))
    if losses is not None:
        if not losses.whole.based:
            yield from context_share(before, after, losses.whole)
        if swaps:
            sizes = (training.before.layers, training.before.heads, with_mlps)
            yield from each_swap(before, after, losses.part(SWAPPED), [*by_layer(*sizes), *singly(*sizes)])
    yield _summary(training, gain, with_mlps)


def gain_alone(training: Training, losses: UsableChunks | None) -> Iterator[Record]:
    """What a verdict rests on: the probes, the gain along the training's path, the summary. The last is all without
    losses."""
    with_mlps = mlps_trained(training)
    if losses is None:
        yield _summary(training, None, with_mlps)
        return
    gains = _along(training, losses)
    yield from measured_on(training.before.net, training.after.net, losses, gains)
    yield from allocations("path", gains, losses.chunks, "usable", with_mlps)
    yield _summary(training, pooled(gains, losses.chunks), with_mlps)


def _along(training: Training, losses: UsableChunks) -> list[Gain]:
    """Each chunk's gain along the training's own path."""
    assert training.trajectory is not None
    states = [state for _step, state in training.trajectory[1:]]
    return allocate(training.before.net, states, losses.chunks, refit=losses.refit)


def mlps_trained(training: Training) -> bool:
    """Whether a parameter of an MLP could move: it stands in the trajectory, or without one, it did move."""
    names = [name for mlp in mlps(training.before.net) for name in mlp.parameters]
    if training.trajectory:
        return any(name in training.trajectory[0][1] for name in names)
    old, new = training.before.net, training.after.net
    return any(not torch.equal(old.get_parameter(name), new.get_parameter(name)) for name in names)


def _ends(training: Training, diff: HeadDiff) -> Iterator[Snapshot]:
    still = torch.zeros_like(diff.own)
    ends = (
        ("before", 0, still, still, diff.cue_before, diff.entropy_before, diff.each_before),
        ("after", training.steps, diff.own, diff.pattern, diff.cue_after, diff.entropy_after, diff.each_after),
    )
    for phase, step, own, pattern, cue, entropy, each in ends:
        rows = each[:: -(-len(each) // EACH)] if each.shape[1] <= ITEMS_MAX else each[:0]
        yield Snapshot(
            step=step,
            phase=phase,  # type: ignore[arg-type]
            own=_grid(own),
            pattern=_grid(pattern),
            cue_mass=_grid(cue),
            entropy=_grid(entropy),
            each=_grid(rows),
        )


def _with_gradients(row: HeadRow, shares: Shares | None) -> HeadRow:
    if shares is None:
        return row
    by_matrix = {matrix: float(grid[row.layer, row.head]) for matrix, grid in shares.heads.items()}
    return msgspec.structs.replace(row, gradients=by_matrix)


def _hash_of_heads(probes: Sequence[ProbeBatch]) -> str:
    """The hash of the probes. Rivals are left out, because they are what a model believes."""
    return tensors_hash(
        [t for p in probes for t in (p.input_ids, p.attention_mask, p.decision_rows, p.cue_mask, p.answer_ids)]
    )


def _summary(training: Training, gain: Gain | None, with_mlps: bool) -> Summary:
    first, last = training.scores
    return Summary(
        before=first.as_dict(),
        after=last.as_dict(),
        gain=None if gain is None else gain.gain,
        rest=None if gain is None else gain.rest,
        residual=None if gain is None else gain.residual,
        mlps=float(gain.mlps.sum()) if gain is not None and with_mlps else None,
        steps=training.steps,
        seconds=training.seconds,
        spirits_shown=training.journal.spirits_shown,
        empties_shown=training.journal.empties_shown,
        lessons=len(training.journal.lessons),
        gradients={} if training.shares is None else training.shares.by_matrix(),
    )
