"""The head-diff log of a journey in play: what `learn` writes of a training, from a mind that is still awake."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.heads.head_probes import head_probes, probe_loss
from training.heads.run_log import Training, write_training_log
from training.heads.score import score

if TYPE_CHECKING:
    from training.mind.mind import Mind

ROWS, SCENES = 64, 8  # decisions compared, and scenes over which the gain is shared out


def write_journey_log(mind: "Mind", path: Path) -> None:
    """Write the log whole. Raises OSError and LogError."""
    config: dict[str, Any] = {"behaviour": "sight", "in_play": True, "device": str(mind.model.device)}
    config |= {f"teach_{key}": value for key, value in asdict(mind.config.teach).items()}
    curve: list[dict[str, float | None]] = [
        {
            "step": step,
            "loss": loss,
            "seconds": seconds,
            "hits": s.hits,
            "false_alarms": s.false_alarms,
            "d_prime": s.d_prime,
            "mundane": s.mundane,
        }
        for step, seconds, loss, s in mind.history
    ]
    training = Training(
        mind.before,
        mind.model,
        config,
        {"probes": mind.config.seed, "teach": mind.config.teach.seed},
        mind.teacher.journal,
        curve,
        (mind.first, score(mind.model, mind.probes, mind.rules)),
        mind.teacher.steps,
        mind.learned_s,
        shares=mind.teacher.meter.shares(),
    )
    rows = head_probes(mind.before, mind.probes, mind.rules, ROWS)
    write_training_log(path, training, rows, probe_loss(mind.before, mind.probes[:SCENES]))
