"""The runs that an experiment plans, what they rest on, and what they left in their folders."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from common.files import read_text
from training.config import LearnConfig
from training.experiments.plan import Arm, Experiment, Outcome, settings
from training.headlog.records import LogError
from training.provenance import RestsOn, difference, of_file, of_model, rests_on

RESULT, LOG = "result.json", "log.msgpack"
JSON_MAX = 16 * 2**20  # bytes of a file that is read
SAID_MAX = 300  # characters of what has changed
Leaves = Literal["result", "log", "weights"]  # what a run leaves: its result alone, its log too, its weight delta too


class _Scores(msgspec.Struct):
    """What every table reads of a measurement; a behaviour may have more."""

    hits: float | None
    false_alarms: float | None
    d_prime: float | None
    mundane: float
    hits_new_pairs: float | None = None
    hits_new_forms: float | None = None


class _Point(msgspec.Struct):
    step: int
    hits: float | None
    false_alarms: float | None


class _Result(msgspec.Struct):
    """What tables read of a run; its other keys are not looked at."""

    before: _Scores
    after: _Scores
    curve: list[_Point]
    seconds: float
    steps: Annotated[int, msgspec.Meta(ge=1)]


class _Stored(msgspec.Struct):
    """A result.json."""

    settings: dict[str, Any]
    result: _Result
    commit: str
    rests_on: dict[str, str] = {}
    files: dict[str, str] = {}


@dataclass(frozen=True)
class Planned:
    """One run that an experiment needs. root: of the base's runs; base: which base model."""

    arm: Arm
    seed: int
    root: Path
    base: int
    leaves: Leaves

    @property
    def folder(self) -> Path:
        return self.root / self.arm.name / f"seed-{self.seed}"

    @cached_property
    def config(self) -> LearnConfig:
        """Its settings."""
        return self.arm.seeded(self.seed)


class Present:
    """What runs of an experiment rest on today. Raises ValueError if two base models are the same files."""

    def __init__(self, experiment: Experiment) -> None:
        self._hashes: dict[tuple[str, str, Path | None], RestsOn] = {}
        for base in range(max(1, len(experiment.bases))):
            for arm in experiment.based(base).arms:
                self.of(arm.config)
        models: dict[tuple[str, ...], str] = {}
        for source, *_ in self._hashes:
            content = tuple(of_model(source).values())
            if models.setdefault(content, source) != source:
                raise ValueError(f"--model: {models[content]} and {source} hold the same model; give each model once")

    def of(self, config: LearnConfig) -> RestsOn:
        """The hashes for one training; files are read once."""
        key = (config.model, config.behaviour, config.probe_file)
        if key not in self._hashes:
            self._hashes[key] = rests_on(config)
        return self._hashes[key]


def changes_in(noted: Mapping[str, Any], planned: Mapping[str, Any]) -> str:
    """Which settings are not as they were, with then and now; empty where all agree."""
    missing = object()
    names = [n for n in dict.fromkeys((*noted, *planned)) if noted.get(n, missing) != planned.get(n, missing)]
    words = ", ".join(f"{name}: {noted.get(name, 'none')} then, {planned.get(name, 'none')} now" for name in names)
    return words if len(words) <= SAID_MAX else f"{words[:SAID_MAX]}..."


def read_object(path: Path, mend: str = "remove it, and the run will be done again") -> dict[str, Any]:
    """A JSON object from a file. mend: what to do where it is none. Raises ValueError."""
    try:
        content = json.loads(read_text(path, JSON_MAX))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: can't be read ({error}); {mend}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: no JSON object; {mend}")
    return content


def left_by(run: Planned, present: RestsOn) -> Outcome | None:
    """What a run left, if it came to its end.

    Raises ValueError if it was made with other settings, rests on something else than what is there today, or if its
    log is another run's.
    """
    folder, path = run.folder, run.folder / RESULT
    if not path.exists():
        return None
    stored = read_object(path)
    try:
        msgspec.convert(stored, _Stored)
    except msgspec.ValidationError as error:
        raise ValueError(f"{path}: no result of a run ({error}); remove it, and the run will be done again") from error
    noted, files = stored.get("rests_on", {}), stored.get("files", {})
    planned = json.loads(json.dumps(settings(run.config)))
    defaults = json.loads(json.dumps(settings(LearnConfig())))  # a setting added since then was its default
    made_with = {key: value for key, value in stored["settings"].items() if key in planned or value}
    if changes := changes_in(defaults | made_with, planned):
        raise ValueError(f"{folder}: was made with other settings; give a new --out, or remove that folder ({changes})")
    if noted and (changes := difference(noted, present)):
        raise ValueError(f"{folder}: rests on something else than what is there now: {changes}; give a new --out")
    log = folder / LOG
    if LOG in files and log.exists() and (hash_now := of_file(log)) != files[LOG]:
        raise ValueError(
            f"{log}: is not the log of this run ({files[LOG]} then, {hash_now} now); remove that folder, and the run "
            "will be done again"
        )
    return Outcome(run.arm.name, run.seed, defaults | stored["settings"], stored["result"], log, stored["commit"],
                   run.base, noted, files)  # fmt: skip


@contextmanager
def reading_logs(outcomes: Sequence[Outcome]) -> Iterator[None]:
    """A block that reads these runs' logs. For one that can't be read, ValueError says how its run is done again.

    Such logs may be gone where nothing reads them: an experiment that is scored without them doesn't miss them.
    """
    try:
        yield
    except LogError as error:
        run = next((run for run in outcomes if str(error).startswith(f"{run.log}: ")), None)
        if run is None:
            raise
        fault = str(error).rpartition("; ")[0] or str(error)  # the log's own advice helps nobody here
        what = fault if run.log.exists() else f"{run.log}: is gone"
        raise ValueError(f"{what}; remove {run.folder}, and the same command does that run again") from error
