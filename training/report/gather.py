"""Finds what a report is made of: one run, or an experiment's arms and seeds, with its score and its verdict.

A path may be a log, a run's folder (log.msgpack), an experiment's (ARM/seed-S/log.msgpack, or base-K/ARM/seed-S/...,
score.json, verdict.msgpack), or a folder of logs named ARM-S.msgpack. Logs of killed runs are read as far as they go.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.files import read_json
from training.headlog.log import read_log
from training.headlog.records import Judgement, Log, LogError
from training.report.words import BEHAVIOURS, OWN, Behaviour

LOG, SCORE, PLAN, VERDICT = "log.msgpack", "score.json", "experiment.json", "verdict.msgpack"
CALIBRATION = "calibration.json"  # as the score of a calibration, beside the experiment that it is of
MEASURED = (f"docs/logs/calibration/{SCORE}", f"assets/{CALIBRATION}")
ROOT = Path(__file__).resolve().parents[2]
RUNS_MAX = 400
ON_METHODS = ("surgical", "sharpness")  # experiments without logs
JSON_MAX = 16 * 2**20  # bytes


@dataclass(frozen=True)
class Run:
    """One training. base: which pretrained model (from 0)."""

    arm: str
    seed: int
    base: int
    log: Log

    @property
    def role(self) -> str:
        """What its header says that it is a control of; "" for a true training."""
        config = self.log.header.config
        control = config.get("control")
        return control if isinstance(control, str) and control else "shuffled" if config.get("shuffled") is True else ""


@dataclass(frozen=True)
class Material:
    """All of a report. kind: "run", "experiment", or "methods" of an experiment that compares methods without logs.

    score: score.json as it is; verdict: the log that holds one.
    """

    name: str
    kind: str
    runs: tuple[Run, ...]
    score: dict[str, Any] = field(default_factory=dict)
    verdict: Log | None = None
    faults: tuple[str, ...] = ()
    others: tuple[tuple[int, Log], ...] = ()  # of several base models: (base, the log of its verdict)
    registered: bool = False  # the experiment has a name by which it can be run again
    calibration: dict[str, Any] = field(default_factory=dict)  # how often the rule is right, where it was measured
    seen: Mapping[int, bytes] = field(default_factory=dict)  # of a journey: pictures of its moments (PNG), by tick

    @property
    def judgement(self) -> Judgement | None:
        """The verdict's record."""
        return None if self.verdict is None else self.verdict.verdict

    @property
    def compared(self) -> bool:
        """Whether it is two finished models side by side (`training.compare`)."""
        return self.kind == "run" and self.runs[0].log.compared

    @property
    def arms(self) -> dict[str, tuple[Run, ...]]:
        """The runs by arm: true trainings first, then controls, each in the order of the score's or their names."""
        rates = self.score.get("rates")
        order = {name: at for at, name in enumerate(rates)} if isinstance(rates, dict) else {}
        by_arm: dict[str, list[Run]] = {}
        for run in self.runs:
            by_arm.setdefault(run.arm, []).append(run)
        names = sorted(by_arm, key=lambda name: (by_arm[name][0].role != "", order.get(name, len(order)), name))
        return {name: tuple(by_arm[name]) for name in names}

    @property
    def parts(self) -> dict[str, tuple[Run, ...]]:
        """The runs by arm and, of several base models, by base: runs of two models are draws of two populations."""
        if len(self.bases) == 1:
            return self.arms
        parts: dict[str, tuple[Run, ...]] = {}
        for arm, runs in self.arms.items():
            for base in self.bases:
                some = tuple(run for run in runs if run.base == base)
                name = f"{arm}, base {base} ({some[0].log.header.model or 'unnamed'})" if some else ""
                parts |= {name: some} if some else {}
        return parts

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
    if not single.is_file():
        return _methods(place) or _experiment(place)
    log = read_log(single, partial=True)
    run = Run(str(log.header.config.get("behaviour") or "run"), next(iter(log.header.seeds.values()), 0), 0, log)
    verdict = None if log.verdict is None else log
    return Material(run.arm, "run", (run,), verdict=verdict, faults=() if log.fault is None else (log.fault,))


def _methods(folder: Path) -> Material | None:
    """What an experiment on methods came to: its score holds all of it. None for any other folder."""
    faults: list[str] = []
    score = _json(folder / SCORE, faults)
    name = score.get("experiment")
    return Material(str(name), "methods", (), score, registered=True) if name in ON_METHODS else None


def _experiment(folder: Path) -> Material:
    faults: list[str] = []
    runs: list[Run] = []
    for arm, seed, base, file in _places(folder):
        if len(runs) == RUNS_MAX:
            faults.append(f"{folder.name}: more than {RUNS_MAX} runs; the others are left out")
            break
        log = _log(file, folder, faults)
        runs += [] if log is None else [Run(arm, seed, base, log)]
    if not runs:
        why = f": {faults[0]}" if faults else ""
        raise LogError(f"{folder}: no log of a run in it{why}; give a run's or an experiment's folder")
    bases, verdicts = sorted({run.base for run in runs}), []
    for base in bases:  # the experiment's own verdict counts for its first base
        places = [folder] * (base == bases[0]) + [folder / f"base-{base}"]
        files = [place / VERDICT for place in places if (place / VERDICT).is_file()]
        logs = [_log(file, folder, faults) for file in files[:1]]
        verdicts += [(base, log) for log in logs if log is not None]
    score, plan = (_json(folder / name, faults) for name in (SCORE, PLAN))
    name = next((x for x in (score.get("experiment"), plan.get("name")) if isinstance(x, str) and x), folder.name)
    verdict, others = (verdicts[0][1], tuple(verdicts[1:])) if verdicts else (None, ())
    calibration = _calibration(folder, faults) if verdict is not None else {}
    known = bool(score or plan)
    return Material(name, "experiment", tuple(runs), score, verdict, tuple(faults), others, known, calibration)


def _calibration(folder: Path, faults: list[str]) -> dict[str, Any]:
    """The rule's error rates: beside the experiment, or as this project measured them; {} where nobody did."""
    places = [folder / CALIBRATION, folder.parent / "calibration" / SCORE, *(ROOT / place for place in MEASURED)]
    return next((_json(place, faults) for place in places if place.is_file()), {})


def _log(file: Path, folder: Path, faults: list[str]) -> Log | None:
    """A log, or None; what is wrong with it is told without the way to the folder, which is nobody's business."""
    try:
        log = read_log(file, partial=True)
    except LogError as error:
        faults.append(str(error).replace(f"{folder}/", ""))
        return None
    faults += [] if log.fault is None else [log.fault.replace(f"{folder}/", "")]
    return log


def _json(file: Path, faults: list[str]) -> dict[str, Any]:
    """A JSON object, or {} and a fault; {} if there is no such file."""
    if not file.is_file():
        return {}
    try:
        value = read_json(file, JSON_MAX)
    except (OSError, ValueError) as error:
        faults.append(f"{file.name}: can't be read ({str(error).rpartition(f'{file}')[2].lstrip(': ')})")
        return {}
    if not isinstance(value, dict):
        faults.append(f"{file.name}: no JSON object; run the experiment's command again")
        return {}
    return value


def _places(folder: Path) -> Iterator[tuple[str, int, int, Path]]:
    """(arm, seed, base, file) of every log, in order."""
    named = ((re.fullmatch(r"base-(\d{1,6})", place.name), place) for place in folder.iterdir())
    bases = sorted((int(match[1]), place) for match, place in named if match)
    for base, home in bases or [(0, folder)]:
        nested = []
        for file in home.glob(f"*/seed-*/{LOG}"):
            seed = re.fullmatch(r"seed-(\d{1,9})", file.parent.name)
            if seed is not None and file.parents[1].name != "sweep":
                nested.append((file.parents[1].name, int(seed[1]), base, file))
        yield from sorted(nested)
        if not nested and not bases:
            files = ((re.fullmatch(r"(.+)-(\d{1,9})", file.stem), file) for file in home.glob("*.msgpack"))
            yield from sorted((match[1], int(match[2]), base, file) for match, file in files if match)
