"""A training -> its head-diff log: header, curve, snapshots before and after, the per-head table, summary.

One writer for a headless run (`learn`) and for a journey in play (F2).
"""

import hashlib
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import torch

from perception.model import Model, weights_hash
from training.gradients import Shares
from training.lessons import Journal
from training.measure.headdiff import HeadDiff, ProbeBatch, head_diff
from training.measure.log import Curve, End, Header, HeadRow, Record, Snapshot, Summary, write_log
from training.measure.score import Score
from training.measure.weights import Loss

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Training:
    """What a log is written from. curve: dicts with Curve's fields; own: (step, (L, H) own change) along the way.

    gradients: (L, H) share of the gradient's energy since the entry before, one for each of `own`; shares: over all.
    """

    before: Model
    after: Model
    config: dict[str, Any]
    seeds: dict[str, int]
    journal: Journal
    curve: Sequence[dict[str, float | None]]
    scores: tuple[Score, Score]
    steps: int
    seconds: float
    own: Sequence[tuple[int, torch.Tensor]] = ()
    gradients: Sequence[torch.Tensor] = ()
    shares: Shares | None = None


def commit() -> str:
    """The commit that runs, with + if the tree was changed; "unknown" outside a checkout."""
    try:
        command = ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=10", "--dirty=+"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _header(training: Training) -> Header:
    lessons = msgspec.msgpack.encode(training.journal.lessons)
    plain = {k: v if isinstance(v, str | int | float | bool | None) else str(v) for k, v in training.config.items()}
    return Header(
        model=training.before.name,
        model_hash=weights_hash(training.before.net),
        data_hash=hashlib.blake2b(lessons, digest_size=8).hexdigest(),
        commit=commit(),
        seeds=training.seeds,
        config=plain,
        layers=training.before.layers,
        heads=training.before.heads,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _grid(values: torch.Tensor) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in values.tolist())


def _snapshots(training: Training, diff: HeadDiff) -> list[Snapshot]:
    still = torch.zeros_like(diff.own)
    shares: Sequence[torch.Tensor | None] = training.gradients or [None] * len(training.own)
    return [
        Snapshot(
            step=0,
            phase="before",
            own=_grid(still),
            cue_mass=_grid(diff.cue_before),
            entropy=_grid(diff.entropy_before),
            pattern=_grid(still),
        ),
        *(
            Snapshot(step=step, phase="during", own=_grid(own), gradient=() if share is None else _grid(share))
            for (step, own), share in zip(training.own, shares, strict=True)
        ),
        Snapshot(
            step=training.steps,
            phase="after",
            own=_grid(diff.own),
            cue_mass=_grid(diff.cue_after),
            entropy=_grid(diff.entropy_after),
            pattern=_grid(diff.pattern),
        ),
    ]


def _with_gradients(row: HeadRow, shares: Shares | None) -> HeadRow:
    if shares is None:
        return row
    found = {matrix: float(grid[row.layer, row.head]) for matrix, grid in shares.heads.items()}
    return msgspec.structs.replace(row, gradients=found)


def write_training_log(path: Path, training: Training, probes: Sequence[ProbeBatch], loss: Loss | None) -> None:
    """Measure every head before and after, and write the log whole. With a loss, the gain is shared out too.

    Raises LogError or OSError; an existing file is replaced only by a whole one.
    """
    diff = head_diff(training.before.net, training.after.net, probes, loss)
    gain = diff.gain
    first, last = training.scores
    records: list[Record] = [Curve(**point) for point in training.curve]  # type: ignore[arg-type]
    records += [*_snapshots(training, diff), *(_with_gradients(row, training.shares) for row in diff.rows())]
    records.append(
        Summary(
            before=first.as_dict(),
            after=last.as_dict(),
            gain=None if gain is None else gain.gain,
            rest=None if gain is None else gain.rest,
            residual=None if gain is None else gain.residual,
            steps=training.steps,
            seconds=training.seconds,
            spirits_shown=training.journal.spirits_shown,
            empties_shown=training.journal.empties_shown,
            lessons=len(training.journal.lessons),
            gradients={} if training.shares is None else training.shares.by_matrix(),
        )
    )
    write_log(path, _header(training), [*records, End()])
