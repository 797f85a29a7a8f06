"""All that can be said against a training without its model: its settings, both files, and the pair of them."""

from dataclasses import dataclass, field
from pathlib import Path

from training.behaviours.deal import dealt
from training.behaviours.lines import WANTED, BehaviourError, LineReader, Placed, counts, examine
from training.config import LearnConfig


@dataclass
class Check:
    """faults: one line each, none if nothing was found. counts: lessons, probes -> how many lines of each kind."""

    faults: list[str] = field(default_factory=list)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)


def check_files(config: LearnConfig, reader: LineReader | None = None) -> Check:
    """Look for every fault of settings and files, kind after kind, whatever was found before.

    reader: a model's, for what it finds wrong with the lines (training.behaviours.fit).
    """
    check = Check(config.faults())
    if config.from_files and config.probe_file is not None:
        sound_lessons, sound_probes, faults = examine(Path(config.behaviour), config.probe_file, reader)
        check.faults += [*faults, *_control_faults(config, sound_lessons)]
        check.counts = {"lessons": counts(sound_lessons), "probes": counts(sound_probes)}
    return check


def _control_faults(config: LearnConfig, lessons: list[Placed]) -> list[str]:
    """What hinders the answers to be dealt out anew."""
    if config.control != "shuffled" or not any(placed.line.kind == WANTED for placed in lessons):
        return []
    try:
        dealt(Path(config.behaviour), lessons, config.seed)
    except BehaviourError as error:
        return error.faults
    return []
