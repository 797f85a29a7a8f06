"""The head-diff log of a journey in play: what `learn` writes of a training, from a mind that is still awake."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from perception.messages import Charm
from perception.model import Model
from training.headlog.records import Snapshot
from training.heads.chunks import in_chunks
from training.heads.head_probes import head_probes
from training.heads.run_log import Training, write_training_log
from training.heads.usable import usable_losses
from training.mind.self_measurement import Measured, SelfMeasurement
from training.teach import Teacher

ROWS, SCENES = 64, 8  # decisions compared, and scenes over which the gain is shared out


def write_journey_log(
    path: Path,
    before: Model,
    teacher: Teacher,
    measured: SelfMeasurement,
    seed: int,
    seconds: float,
    snapshots: Sequence[Snapshot] = (),
    charms: Sequence[Charm] = (),
    attuned: str = "",
) -> None:
    """Write the log whole. before: the model as it came; seed: of the probes; seconds: of learning; snapshots: of the
    heads along the way; charms: those that are worn; attuned: the heads that practise alone, as LAYER.HEAD with commas.

    Raises OSError and LogError.
    """
    config: dict[str, Any] = {"behaviour": "sight", "in_play": True, "device": str(teacher.model.device)}
    if charms:
        config["charms"] = "; ".join(f"{one.species} at place {one.at}, layer {one.layer}" for one in charms)
    if attuned:
        config["attuned"] = attuned
    config |= {f"teach_{key}": value for key, value in asdict(teacher.config).items()}
    curve = [_point(point) for point in measured.history]
    training = Training(
        before,
        teacher.model,
        config,
        {"probes": seed, "teach": teacher.config.seed},
        teacher.journal,
        curve,
        (measured.first, measured.measure()),
        teacher.steps,
        seconds,
        shares=teacher.meter.shares(),
    )
    rows = head_probes(before, measured.probes, measured.rules, ROWS)
    chunks = in_chunks(measured.probes[:SCENES], 2)
    write_training_log(path, training, rows, usable_losses(before, chunks), snapshots)


def _point(point: Measured) -> dict[str, float | None]:
    """A point of the curve, by the log's names."""
    return {
        "step": point.step,
        "loss": point.loss,
        "seconds": point.seconds,
        "hits": point.score.hits,
        "false_alarms": point.score.false_alarms,
        "d_prime": point.score.d_prime,
        "mundane": point.score.mundane,
    }
