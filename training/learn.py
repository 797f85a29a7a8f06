"""One measured training: baseline, train, after, diff. `main.py learn` runs it; so can a library call.

result = learn(LearnConfig(lessons=64, out=Path("runs/first")))
result = learn(LearnConfig(model="DIR", behaviour="lessons.jsonl", probe_file=Path("probes.jsonl")))
"""

import copy
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from game.realm.rules import Rules
from game.realm.rules import load as load_rules
from perception.model import NOVICE, Model, choose_device, load, save
from training.behaviours.behaviour import Behaviour
from training.behaviours.registry import behaviour_of, check_behaviour
from training.data.lessons import LessonCounts
from training.heads.baseline import Baseline
from training.heads.head_diff import glance
from training.heads.head_probes import ProbeLoss, head_probes
from training.heads.run_log import RunLog, Training, from_root
from training.heads.score import Probe, Score
from training.heads.trajectory import Trajectory, keep_state
from training.optim.frozen import Broken
from training.optim.gradients import Shares
from training.progress import Report
from training.teach import TeachConfig, Teacher

CONTROLS = ("", "shuffled", "rehearsal")
CHANGE_ROWS = 32  # decisions on which each head's own change is followed along the way
SEEN_HITS, SEEN_ALARMS = 0.9, 0.05  # by which "steps to see" counts


@dataclass(frozen=True)
class LearnConfig:
    """Everything that decides a measured training; lr and the rest of how it learns stand in `teach`.

    behaviour: sight, listen, or the path of a FILE.jsonl (docs/behaviours.md); then its probes stand in probe_file, and
    all lines of both count, not `lessons` and `probes`. control: "shuffled" deals the answers out anew, "rehearsal"
    leaves the labelled decisions out of the loss, with the same scenes, steps and rates. probe_seed: of the scenes
    measured on; None for the run's own.
    """

    behaviour: str = "sight"
    model: str = str(NOVICE)
    teach: TeachConfig = field(default_factory=TeachConfig)
    lessons: int = 64  # scenes
    spirits: int = 0  # sight: no more lessons once so many spirits were shown; 0: only `lessons` counts
    steps: int = 300
    probes: int = 160  # scenes
    measure_every: int = 20  # steps
    control: str = ""
    probe_file: Path | None = None
    probe_seed: int | None = None
    device: str = "auto"
    seed: int = 0
    out: Path | None = None

    def check(self) -> None:
        """Raises ValueError in one line, before anything is made."""
        if self.control not in CONTROLS:
            raise ValueError(f"control {self.control!r}: unknown; choose among {', '.join(map(repr, CONTROLS))}")
        if self.control == "rehearsal" and not self.teach.rehearse:
            raise ValueError("--rehearsal-only with --no-rehearsal leaves nothing to learn; leave one of them out")
        for name in ("lessons", "steps", "probes", "measure_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name.replace('_', '-')} {getattr(self, name)}: must be at least 1")
        if self.spirits < 0 or (self.spirits and self.behaviour != "sight"):
            raise ValueError(f"--spirits {self.spirits}: a number of spirits to show, for --behaviour sight alone")
        self.teach.check()
        if self.out is not None and self.out.exists() and any(self.out.iterdir() if self.out.is_dir() else [self.out]):
            raise ValueError(f"--out {self.out}: exists and is not empty; give a new folder")
        check_behaviour(self)

    @property
    def probing(self) -> int:
        """The seed of the scenes measured on."""
        return self.seed if self.probe_seed is None else self.probe_seed


@dataclass
class Run:
    """What a training was measured on, and what came of it."""

    config: LearnConfig
    before: Model
    model: Model
    behaviour: Behaviour
    scores: dict[str, Score]
    curve: list[dict[str, float | None]]
    history: list[tuple[int, dict[str, torch.Tensor]]]  # what the heads came to, by a snapshot's names
    seconds: float
    gradients: list[torch.Tensor] = field(default_factory=list)  # a share per head for each of `history`
    shares: Shares | None = None  # where the gradient went, over the whole run
    path: Trajectory = field(default_factory=list)  # (step, what trains, on the CPU)

    @property
    def probes(self) -> list[Probe]:
        """What was measured before and after."""
        return self.behaviour.probes

    @property
    def judged(self) -> list[Probe]:
        """Those of them over which the gain is shared out."""
        return self.behaviour.judged

    @property
    def journal(self) -> LessonCounts:
        """What was taught."""
        return self.behaviour.shown

    def training(self) -> Training:
        """What the log is written from."""
        scores = (self.scores["before"], self.scores["after"])
        return Training(
            self.before,
            self.model,
            *_told(self.config),
            self.journal,
            self.curve,
            scores,
            self.config.steps,
            self.seconds,
            self.history,
            self.gradients,
            self.shares,
            self.path,
        )

    def result(self) -> dict[str, Any]:
        """The keys that scripts rely on (DESIGN.md)."""
        steps = self.config.steps
        return {
            "before": self.scores["before"].as_dict(),
            "after": self.scores["after"].as_dict(),
            "spirits_shown": self.journal.spirits_shown,
            "empties_shown": self.journal.empties_shown,
            "curve": self.curve,
            "steps_to_see": steps_to_see(self.curve),
            "gradients": {} if self.shares is None else self.shares.by_matrix(),
            "steps": steps,
            "seconds": self.seconds,
            "steps_per_s": steps / max(1e-9, self.seconds),
            "lessons": len(self.journal.lessons),
        }


def learn(config: LearnConfig, report: Report = lambda what, done, of: None) -> dict[str, Any]:
    """Train and measure; with config.out, write the run folder (log.msgpack, model/). Returns Run.result() + log.

    Raises ValueError (settings, model) before anything is written, Broken if a step was not finite.
    """
    config.check()
    rules = load_rules()
    log = None if config.out is None else RunLog(config.out / "log.msgpack")
    try:
        run = train(config, load(config.model, choose_device(config.device)), rules, report, log)
        result = run.result() | {"log": None}
        if log is not None:
            report("comparing heads", 0, 1)
            found = head_probes(run.before, run.probes, rules)
            log.finish(run.training(), found, run.behaviour.gain_losses())
    finally:
        if log is not None:
            log.close()
    if config.out is not None:
        save(run.model, config.out / "model")
        result["log"] = str(config.out / "log.msgpack")
        report("comparing heads", 1, 1)
    return result


def gain_losses(config: LearnConfig, model: Model, rules: Rules) -> list[ProbeLoss]:
    """The held-out losses over which a training of this model as it is shares out its gain, one a chunk of probes."""
    return behaviour_of(config, model, rules).gain_losses()


def _told(config: LearnConfig) -> tuple[dict[str, Any], dict[str, int]]:
    """What a log's header says of the settings, and the seeds."""
    flat = asdict(config) | {f"teach_{key}": value for key, value in asdict(config.teach).items()}
    flat = {key: from_root(value) for key, value in flat.items() if key not in ("teach", "out")}
    return flat, {"lessons": config.seed, "teach": config.teach.seed}


def train(config: LearnConfig, model: Model, rules: Rules, report: Report, log: RunLog | None = None) -> Run:
    """Baseline, lessons, steps, after. The model learns in place; a copy of how it was is kept.

    log: is begun, and told every point of the curve as the run goes.
    """
    before = Model(copy.deepcopy(model.net), model.tokenizer, model.tongue, model.name)
    behaviour = behaviour_of(config, before, rules)
    settled, labelled = replace(config.teach, settle=config.steps), config.control != "rehearsal"
    teacher = Teacher(model, settled, rules, behaviour.journal, behaviour.source, labelled)
    report("measuring", 0, config.steps)
    scores = {"before": behaviour.score(model)}
    curve = [_point(0, behaviour.glance(model), None, 0.0)]
    watched = head_probes(model, behaviour.probes, rules, CHANGE_ROWS)
    baseline = Baseline.record(model.net, watched)
    if log is not None:
        log.begin(before, *_told(config), behaviour.shown)
        log.point(curve[0])
    history: list[tuple[int, dict[str, torch.Tensor]]] = []
    gradients: list[torch.Tensor] = []
    path: Trajectory = []
    keep_state(path, 0, model.net)
    seconds, mark = 0.0, teacher.meter.mark()
    for step in range(1, config.steps + 1):
        began = time.perf_counter()
        loss = teacher.step()
        seconds += time.perf_counter() - began
        report("learning", step, config.steps)
        if step % config.measure_every == 0 or step == config.steps:
            curve.append(_point(step, behaviour.glance(model), loss, seconds))
            history.append((step, glance(baseline, model.net, watched)))
            gradients.append(teacher.meter.shares(mark).per_head)
            mark = teacher.meter.mark()
            keep_state(path, step, model.net)
            if log is not None:
                log.point(curve[-1], history[-1][1], gradients[-1])
    scores["after"] = behaviour.score(model)
    shares = teacher.meter.shares()
    return Run(config, before, model, behaviour, scores, curve, history, seconds, gradients, shares, path)


def steps_to_see(curve: Sequence[dict[str, Any]]) -> int | None:
    """The first measured step with at least SEEN_HITS of the spirits named and at most SEEN_ALARMS false alarms."""
    seen = (p["step"] for p in curve if p["hits"] >= SEEN_HITS and (p["false_alarms"] or 0.0) <= SEEN_ALARMS)
    return next(seen, None)


def _point(step: int, score: Score, loss: float | None, seconds: float) -> dict[str, float | None]:
    return {
        "step": step,
        "hits": score.hits,
        "false_alarms": score.false_alarms,
        "mundane": score.mundane,
        "d_prime": score.d_prime,
        "loss": loss,
        "seconds": seconds,
    }


__all__ = ["Broken", "LearnConfig", "Run", "gain_losses", "learn", "steps_to_see", "train"]
