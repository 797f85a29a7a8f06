"""Finds what a report is made of: one run, or an experiment's arms and seeds, with its score and its verdict.

A path may be a log, a run's folder (log.msgpack), an experiment's (ARM/seed-S/log.msgpack, or base-K/ARM/seed-S/...,
score.json, verdict.msgpack), or a folder of logs named ARM-S.msgpack. Logs of killed runs are read as far as they go.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.headlog.log import read_log
from training.headlog.records import Log, LogError
from training.report.words import BEHAVIOURS, OWN, Behaviour

LOG, SCORE, PLAN, VERDICT = "log.msgpack", "score.json", "experiment.json", "verdict.msgpack"
RUNS_MAX = 400
JSON_MAX = 16 * 2**20  # bytes


@dataclass(frozen=True)
class Run:
    """One training. base: which pretrained model (from 0); role: "" for a true training, else the control's name."""

    arm: str
    seed: int
    base: int
    log: Log

    @property
    def role(self) -> str:
        """What its header says that it is a control of."""
        config = self.log.header.config
        named = config.get("control")
        return named if isinstance(named, str) and named else "shuffled" if config.get("shuffled") is True else ""


@dataclass(frozen=True)
class Material:
    """All of a report. kind: "run" or "experiment"; score: score.json as it is; verdict: the log that holds one."""

    name: str
    kind: str
    path: str
    runs: tuple[Run, ...]
    score: dict[str, Any] = field(default_factory=dict)
    verdict: Log | None = None
    faults: tuple[str, ...] = ()
    others: tuple[tuple[int, Log], ...] = ()  # of several base models: (base, the log of its verdict)
    registered: bool = False  # the experiment has a name by which it can be run again

    @property
    def arms(self) -> dict[str, tuple[Run, ...]]:
        """The runs by arm: true trainings first, then controls, each in the order of their names or the score's."""
        known = self.score.get("rates")
        order = list(known) if isinstance(known, dict) else []
        found: dict[str, list[Run]] = {}
        for run in self.runs:
            found.setdefault(run.arm, []).append(run)
        place = {name: order.index(name) if name in order else len(order) for name in found}
        names = sorted(found, key=lambda name: (found[name][0].role != "", place[name], name))
        return {name: tuple(found[name]) for name in names}

    @property
    def parts(self) -> dict[str, tuple[Run, ...]]:
        """The runs by arm and, of several base models, by base: runs of two models are draws of two populations."""
        if len(self.bases) == 1:
            return self.arms
        named = {run.base: run.log.header.model for run in self.runs}
        words = {base: f"base {base}" + (f" ({model})" if model else "") for base, model in named.items()}
        found = {
            f"{arm}, {words[base]}": tuple(run for run in runs if run.base == base)
            for arm, runs in self.arms.items()
            for base in self.bases
        }
        return {name: runs for name, runs in found.items() if runs}

    @property
    def behaviour(self) -> Behaviour:
        """What the scores of its behaviour are called."""
        names = {str(run.log.header.config.get("behaviour")) for run in self.runs}
        return BEHAVIOURS.get(min(names), OWN) if len(names) == 1 else OWN

    @property
    def main(self) -> tuple[Run, ...]:
        """The arm that the per-head figures show, on the first base: the first that is no control."""
        first = next(iter(self.arms.values()))
        return tuple(run for run in first if run.base == first[0].base)

    def control(self, role: str) -> tuple[Run, ...]:
        """The runs of a control ("shuffled", "rehearsal") on the main arm's base."""
        base = self.main[0].base
        return tuple(run for run in self.runs if run.role == role and run.base == base)

    @property
    def bases(self) -> tuple[int, ...]:
        """The base models that ran."""
        return tuple(sorted({run.base for run in self.runs}))


def gather(path: str | Path) -> Material:
    """Read everything under a path. Raises LogError if there is no log, or a single log can't be read at all."""
    place = Path(path)
    if not place.exists():
        raise LogError(f"{path}: no such run; give a run's folder, its log.msgpack, or an experiment's folder")
    single = place if place.is_file() else place / LOG
    if single.is_file():
        log = read_log(single, partial=True)
        run = Run(_named(log), next(iter(log.header.seeds.values()), 0), 0, log)
        verdict = log if _verdict_of(log) is not None else None
        faults = () if log.fault is None else (log.fault,)
        return Material(run.arm, "run", place.name, (run,), verdict=verdict, faults=faults)
    return _experiment(place)


def _named(log: Log) -> str:
    behaviour = log.header.config.get("behaviour")
    return behaviour if isinstance(behaviour, str) and behaviour else "run"


def _verdict_of(log: Log) -> object:
    return getattr(log, "verdict", None)


def _experiment(folder: Path) -> Material:
    faults: list[str] = []
    runs: list[Run] = []
    for arm, seed, base, file in _places(folder):
        if len(runs) == RUNS_MAX:
            faults.append(f"{folder.name}: more than {RUNS_MAX} runs; the others are left out")
            break
        try:
            log = read_log(file, partial=True)
        except LogError as error:
            faults.append(_within(folder, str(error)))
            continue
        if log.fault is not None:
            faults.append(_within(folder, log.fault))
        runs.append(Run(arm, seed, base, log))
    if not runs:
        why = f": {faults[0]}" if faults else ""
        raise LogError(f"{folder}: no log of a run in it{why}; give a run's or an experiment's folder")
    verdicts = _verdicts(folder, sorted({run.base for run in runs}), faults)
    verdict = verdicts[0][1] if verdicts else None
    score = _json(folder / SCORE, faults)
    plan = _json(folder / PLAN, faults)
    name = next((x for x in (score.get("experiment"), plan.get("name")) if isinstance(x, str) and x), folder.name)
    registered = name != folder.name or bool(score or plan)
    return Material(
        name, "experiment", folder.name, tuple(runs), score, verdict, tuple(faults), tuple(verdicts[1:]), registered
    )


def _verdicts(folder: Path, bases: list[int], faults: list[str]) -> list[tuple[int, Log]]:
    """(base, log) of every verdict; the experiment's own counts for its first base."""
    found = []
    for base in bases:
        places = [folder] * (base == bases[0]) + [folder / f"base-{base}"]
        file = next((place / VERDICT for place in places if (place / VERDICT).is_file()), None)
        if file is not None:
            try:
                found.append((base, read_log(file, partial=True)))
            except LogError as error:
                faults.append(_within(folder, str(error)))
    return found


def _within(folder: Path, told: str) -> str:
    """A fault without the way to the folder, which is nobody's business."""
    return told.replace(f"{folder}/", "")


def _json(file: Path, faults: list[str]) -> dict[str, Any]:
    """A JSON object, or {} and a fault; {} if there is no such file."""
    if not file.is_file():
        return {}
    try:
        if file.stat().st_size > JSON_MAX:
            raise ValueError(f"larger than {JSON_MAX} bytes")
        found = json.loads(file.read_text(encoding="utf-8"), parse_int=_integer)
    except (OSError, ValueError, RecursionError) as error:
        faults.append(f"{file.name}: can't be read ({error}); run the experiment's command again")
        return {}
    if isinstance(found, dict):
        return found
    faults.append(f"{file.name}: no JSON object; run the experiment's command again")
    return {}


def _integer(digits: str) -> int | float:
    """Longer than 64 bits it is no count of ours: a float, which may be infinite and is then shown as missing."""
    return int(digits) if len(digits) < 20 else float(digits)


def _places(folder: Path) -> Iterator[tuple[str, int, int, Path]]:
    """(arm, seed, base, file) of every log, in order."""
    bases = sorted(
        (int(m[1]), place) for place in folder.iterdir() if (m := re.fullmatch(r"base-(\d{1,6})", place.name))
    )
    for base, home in bases or [(0, folder)]:
        nested = []
        for file in home.glob(f"*/seed-*/{LOG}"):
            seed = re.fullmatch(r"seed-(\d{1,9})", file.parent.name)
            if seed is not None and file.parents[1].name != "sweep":
                nested.append((file.parents[1].name, int(seed[1]), base, file))
        yield from sorted(nested)
        if nested or bases:
            continue
        flat = []
        for file in home.glob("*.msgpack"):
            name = re.fullmatch(r"(.+)-(\d{1,9})", file.stem)
            if name is not None:
                flat.append((name[1], int(name[2]), base, file))
        yield from sorted(flat)
