"""One measured training: baseline, train, after, diff. `main.py learn` runs it; so can a library call.

result = learn(LearnConfig(lessons=64, out=Path("runs/first")))
"""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from game.realm.rules import Rules
from game.realm.rules import load as load_rules
from perception.model import NOVICE, Model, choose_device, load, save
from training.frozen import Broken
from training.gradients import Shares
from training.lessons import Journal, generated, held_out_pairs, shown_pairs
from training.measure.headdiff import Baseline
from training.measure.headprobes import head_probes, probe_loss
from training.measure.score import Probe, Score, new_pair_probes, probes, score
from training.runlog import Training, write_training_log
from training.teach import TeachConfig, Teacher

BEHAVIOURS = ("sight",)
CURVE_PROBES = 48  # scenes on which the curve is drawn; before and after are scored on all of them and more
CHANGE_ROWS = 32  # decisions on which each head's own change is followed along the way
GAIN_PROBES = 24  # scenes over which the gain is shared out
SEEN_HITS, SEEN_ALARMS = 0.9, 0.05  # by which "steps to see" counts

Report = Callable[[str, int, int], None]  # what is going on, how far, of how many


@dataclass(frozen=True)
class LearnConfig:
    """Everything that decides a measured training; lr and the rest of how it learns stand in `teach`."""

    behaviour: str = "sight"
    model: str = str(NOVICE)
    teach: TeachConfig = field(default_factory=TeachConfig)
    lessons: int = 64  # scenes
    steps: int = 300
    probes: int = 160  # scenes
    measure_every: int = 20  # steps
    shuffled: bool = False
    device: str = "auto"
    seed: int = 0
    out: Path | None = None

    def check(self) -> None:
        """Raises ValueError in one line, before anything is made."""
        if self.behaviour not in BEHAVIOURS:
            raise ValueError(f"--behaviour {self.behaviour}: not known yet; choose {', '.join(BEHAVIOURS)}")
        for name in ("lessons", "steps", "probes", "measure_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name.replace('_', '-')} {getattr(self, name)}: must be at least 1")
        self.teach.check()
        if self.out is not None and self.out.exists() and any(self.out.iterdir() if self.out.is_dir() else [self.out]):
            raise ValueError(f"--out {self.out}: exists and is not empty; give a new folder")


@dataclass
class Run:
    """What a training was measured on, and what came of it."""

    config: LearnConfig
    before: Model
    model: Model
    probes: list[Probe]
    journal: Journal
    scores: dict[str, Score]
    curve: list[dict[str, float | None]]
    own: list[tuple[int, torch.Tensor]]
    seconds: float
    gradients: list[torch.Tensor] = field(default_factory=list)  # a share per head for each of `own`
    shares: Shares | None = None  # where the gradient went, over the whole run

    def training(self) -> Training:
        """What the log is written from."""
        config = asdict(self.config) | {f"teach_{key}": value for key, value in asdict(self.config.teach).items()}
        config = {key: value for key, value in config.items() if key not in ("teach", "out")}
        scores = (self.scores["before"], self.scores["after"])
        seeds = {"lessons": self.config.seed, "teach": self.config.teach.seed}
        return Training(
            self.before,
            self.model,
            config,
            seeds,
            self.journal,
            self.curve,
            scores,
            self.config.steps,
            self.seconds,
            self.own,
            self.gradients,
            self.shares,
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
    run = train(config, load(config.model, choose_device(config.device)), rules, report)
    result = run.result() | {"log": None}
    if config.out is not None:
        config.out.mkdir(parents=True, exist_ok=True)
        report("comparing heads", 0, 1)
        found = head_probes(run.before, run.probes, rules)
        loss = probe_loss(run.before, run.probes[:GAIN_PROBES])
        write_training_log(config.out / "log.msgpack", run.training(), found, loss)
        save(run.model, config.out / "model")
        result["log"] = str(config.out / "log.msgpack")
        report("comparing heads", 1, 1)
    return result


def train(config: LearnConfig, model: Model, rules: Rules, report: Report) -> Run:
    """Baseline, lessons, steps, after. The model learns in place; a copy of how it was is kept."""
    before = Model(copy.deepcopy(model.net), model.tokenizer, model.tongue, model.name)
    lessons = generated(config.seed, config.lessons, model.tongue, rules, config.shuffled)
    taught = [pair for lesson in lessons for pair in shown_pairs(rules, lesson.scene, lesson.answers)]
    found = probes(config.seed, config.probes, model.tongue, rules)
    fresh = new_pair_probes(config.seed, model.tongue, rules, taught, held_out_pairs(rules, config.seed))
    teacher = Teacher(model, replace(config.teach, settle=config.steps), rules)
    for lesson in lessons:
        teacher.teach(lesson)
    report("measuring", 0, config.steps)
    scores = {"before": score(model, found, rules, fresh, taught)}
    curve = [_point(0, score(model, found[:CURVE_PROBES], rules), None, 0.0)]
    baseline = Baseline.record(model.net, head_probes(model, found, rules, CHANGE_ROWS))
    own: list[tuple[int, torch.Tensor]] = []
    gradients: list[torch.Tensor] = []
    seconds, mark = 0.0, teacher.meter.mark()
    for step in range(1, config.steps + 1):
        began = time.perf_counter()
        loss = teacher.step()
        seconds += time.perf_counter() - began
        report("learning", step, config.steps)
        if step % config.measure_every == 0 or step == config.steps:
            curve.append(_point(step, score(model, found[:CURVE_PROBES], rules), loss, seconds))
            own.append((step, baseline.own_change(model.net)))
            gradients.append(teacher.meter.shares(mark).per_head)
            mark = teacher.meter.mark()
    scores["after"] = score(model, found, rules, fresh, taught)
    shares = teacher.meter.shares()
    return Run(config, before, model, found, teacher.journal, scores, curve, own, seconds, gradients, shares)


def steps_to_see(curve: Sequence[dict[str, Any]]) -> int | None:
    """The first measured step with at least SEEN_HITS of the spirits named and at most SEEN_ALARMS false alarms."""
    seen = (p["step"] for p in curve if p["hits"] >= SEEN_HITS and p["false_alarms"] <= SEEN_ALARMS)
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


__all__ = ["Broken", "LearnConfig", "Run", "learn", "steps_to_see", "train"]
