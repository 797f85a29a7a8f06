"""One measured training: baseline, train, after, diff. `main.py learn` runs it; so can a library call.

result = learn(LearnConfig(lessons=64, out="runs/first"))
result = learn(LearnConfig(model="DIR", behaviour="lessons.jsonl", probe_file="probes.jsonl"))
"""

import copy
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypedDict, cast

import torch

from common.files import OutputError
from game.realm.rules import Rules
from game.realm.rules import load as load_rules
from perception.model import Model, choose_device, load, save
from training.behaviours.behaviour import Behaviour
from training.behaviours.check import check_files
from training.behaviours.fit import begin
from training.behaviours.lines import BehaviourError
from training.behaviours.registry import behaviour_of
from training.checkpoint import Checkpoints, CurvePoint, RunState
from training.config import LearnConfig, flat
from training.data.lessons import LessonCounts
from training.headlog.records import LogError
from training.heads.head_probes import head_probes
from training.heads.run_log import RunLog, Training, from_root
from training.heads.score import Probe, Score
from training.heads.trajectory import Trajectory, add_state
from training.heads.usable import UsableChunks
from training.heads.watch import Watch
from training.optim.gradients import Shares
from training.progress import Report
from training.run_folder import CHECKPOINT, run_folder
from training.sharded import Ranks, ShardedTeacher
from training.teach import Teacher

SEEN_HITS, SEEN_ALARMS = 0.9, 0.05  # by which "steps to see" counts


class Scores(TypedDict):
    """One measurement (`Score`): shares of 1, d_prime in standard deviations. A behaviour may add its own."""

    hits: float
    hits_new_pairs: float | None
    false_alarms: float | None
    d_prime: float | None
    mundane: float


class LearnResult(TypedDict):
    """What a training came to; scripts rely on these keys (DESIGN.md). seconds: of practice alone. log: its path."""

    before: Scores
    after: Scores
    spirits_shown: int
    empties_shown: int
    curve: list[CurvePoint]
    steps_to_see: int | None
    gradients: dict[str, float]
    steps: int
    seconds: float
    steps_per_s: float
    lessons: int
    log: str | None


@dataclass
class Run:
    """What a training was measured on, and what came of it."""

    config: LearnConfig
    before: Model
    model: Model
    behaviour: Behaviour
    scores: dict[str, Score]
    curve: list[CurvePoint]
    history: list[tuple[int, dict[str, torch.Tensor]]]  # what the heads came to, by a snapshot's names
    seconds: float
    gradients: list[torch.Tensor] = field(default_factory=list)  # a share per head for each of `history`
    shares: Shares | None = None  # where the gradient went, over the whole run
    trajectory: Trajectory = field(default_factory=list)  # (step, what trains, on the CPU)
    losses: UsableChunks | None = None  # over which the gain is shared out, where a log tells of it

    @property
    def probes(self) -> list[Probe]:
        """What was measured before and after."""
        return self.behaviour.probes

    @property
    def judged(self) -> list[Probe]:
        """Those of them over which the gain is shared out."""
        return self.behaviour.judged

    @property
    def lesson_counts(self) -> LessonCounts:
        """What was taught."""
        return self.behaviour.lesson_counts

    def training(self) -> Training:
        """What the log is written from."""
        scores = (self.scores["before"], self.scores["after"])
        return Training(
            self.before,
            self.model,
            *_settings_and_seeds(self.config),
            self.lesson_counts,
            self.curve,
            scores,
            self.config.steps,
            self.seconds,
            self.history,
            self.gradients,
            self.shares,
            self.trajectory,
        )

    def result(self, log: str | None = None) -> LearnResult:
        """The numbers of the training. log: where its log is."""
        steps, counts = self.config.steps, self.lesson_counts
        before, after = (cast(Scores, self.scores[when].as_dict()) for when in ("before", "after"))
        return {
            "before": before, "after": after,
            "spirits_shown": counts.spirits_shown, "empties_shown": counts.empties_shown,
            "curve": self.curve,
            "steps_to_see": steps_to_see(self.curve),
            "gradients": {} if self.shares is None else self.shares.by_matrix(),
            "steps": steps,
            "seconds": self.seconds,
            "steps_per_s": steps / max(1e-9, self.seconds),
            "lessons": len(counts.lessons),
            "log": log,
        }  # fmt: skip


def learn(config: LearnConfig, report: Report = lambda what, done, of: None, ranks: Ranks | None = None) -> LearnResult:
    """Train and measure; with config.out, write the run folder (log.msgpack, model/).

    ranks: who trains it in shards, if this process is the first of several; the others `follow`. A folder whose run was
    killed goes on from its last checkpoint, if settings, data and model are the same; in shards there is none. Raises
    ValueError (settings, files, model) before anything is written, Broken if a step was not finite, and OSError where
    the folder is in use or can't be written; the log up to there stays.
    """
    if faults := check_files(config).faults:
        raise BehaviourError(faults)
    if config.out is None:
        return _run(config, report, None, ranks).result()
    if ranks is not None and (config.out / CHECKPOINT).exists():
        raise ValueError(f"--out {config.out}: holds an unfinished training, and shards have none; give a new --out")
    with run_folder(config.out):
        log, checkpoints = RunLog(config.out / "log.msgpack"), None if ranks else Checkpoints(config.out, config)
        run = _run(config, report, log, ranks, checkpoints)
        try:
            save(run.model, config.out / "model")
        except OSError as error:
            raise OutputError(f"{error}; the log is whole: {log.path}", error.errno) from error
        if checkpoints is not None:
            checkpoints.remove()
    report("comparing heads", 1, 1)
    return run.result(str(log.path))


def _run(
    config: LearnConfig,
    report: Report,
    log: RunLog | None,
    ranks: Ranks | None = None,
    checkpoints: Checkpoints | None = None,
) -> Run:
    """Load, train and compare; the log is whole afterwards, or holds what came before a fault."""
    rules = load_rules()
    try:
        device = choose_device(config.device if ranks is None else "cpu")  # shards are elsewhere
        run = train(config, load(config.model, device), rules, report, log, ranks, checkpoints)
        if log is not None:
            report("comparing heads", 0, 1)
            probes = head_probes(run.before, run.probes, rules) if config.compares_heads else None
            log.finish(run.training(), probes, run.losses)
    except BaseException:
        if log is not None:
            with suppress(LogError):  # the first fault is the one to tell
                log.close()
        raise
    return run


def gain_losses(config: LearnConfig, model: Model, rules: Rules) -> UsableChunks:
    """The held-out losses over which a training of this model as it is shares out its gain, one a chunk of probes."""
    return behaviour_of(config, model, rules).gain_losses(model.read_by(config.teach.base_cache))


def _settings_and_seeds(config: LearnConfig) -> tuple[dict[str, Any], dict[str, int]]:
    """What a log's header says of the settings, and the seeds."""
    settings = {key: from_root(value) for key, value in flat(config).items()}
    return settings, {"lessons": config.seed, "teach": config.teach.seed}


def follow(config: LearnConfig, ranks: Ranks) -> None:
    """The steps of a training on a process that is not the first; nothing is measured. Raises what `learn` raises."""
    if faults := check_files(config).faults:
        raise BehaviourError(faults)
    rules, model = load_rules(), load(config.model)
    _, teacher = begin(config, model, model, rules, partial(ShardedTeacher, ranks))
    for step in range(1, config.steps + 1):
        teacher.step()
        if _measured(step, config):
            teacher.collect()


def _measured(step: int, config: LearnConfig) -> bool:
    return step % config.measure_every == 0 or step == config.steps


def _as_it_is(model: Model, base_cache: bool) -> Model:
    """A copy of a model; with `base_cache` it reads the contexts of both, unless another net does."""
    before = replace(model, net=copy.deepcopy(model.net))
    if base_cache and model.context is None:
        before.context = model.context = before.net
    return before


def train(
    config: LearnConfig,
    model: Model,
    rules: Rules,
    report: Report,
    log: RunLog | None = None,
    ranks: Ranks | None = None,
    checkpoints: Checkpoints | None = None,
) -> Run:
    """Baseline, lessons, steps, after. The model learns in place; a copy of how it was is kept.

    log: is begun, and told every point of the curve; without one no head is watched, no state of the weights kept.
    ranks: who trains it in shards. checkpoints: where it goes on, and whence. Bad probes are refused before any step.
    """
    before = _as_it_is(model, config.teach.base_cache)
    behaviour, teacher = begin(config, before, model, rules, partial(ShardedTeacher, ranks) if ranks else Teacher)
    losses = behaviour.gain_losses(model.context) if log is not None and not config.scores_only else None
    watch = Watch(model, behaviour.probes, rules) if config.compares_heads and log is not None else None
    run = _begun(config, behaviour, teacher, report, checkpoints)
    if log is not None:
        log.begin(before, *_settings_and_seeds(config), behaviour.lesson_counts)
        run.tell(log)
    while run.step < config.steps:
        began = time.perf_counter()
        loss = teacher.step()
        run.seconds += time.perf_counter() - began
        run.step += 1
        if _measured(run.step, config):
            teacher.collect()
            score = None if config.gain_only else behaviour.glance(model)
            point, grids = _point(run.step, score, loss, run.seconds), {} if watch is None else watch.grids(model.net)
            run.note(point, grids, teacher.meter, None if losses is None else model.net)
            if log is not None:
                log.point(run.curve[-1], run.history[-1][1], run.gradients[-1])
        if checkpoints is not None:
            checkpoints.after_step(teacher, run, last=run.step == config.steps)
        report("learning", run.step, config.steps)
    after = behaviour.glance(model) if config.gain_only else behaviour.score(model)
    return Run(config, before, model, behaviour, {"before": run.before, "after": after}, run.curve, run.history,
               run.seconds, run.gradients, teacher.meter.shares(), run.trajectory, losses)  # fmt: skip


def _begun(
    config: LearnConfig, behaviour: Behaviour, teacher: Teacher, report: Report, checkpoints: Checkpoints | None
) -> RunState:
    """A training where it left off; or, measured, at its start, of which a checkpoint is written."""
    trajectory: Trajectory = []
    add_state(trajectory, 0, teacher.model.net)
    if checkpoints is not None and (run := checkpoints.resume(teacher, trajectory[0][1])) is not None:
        return run
    report("measuring", 0, teacher.config.settle)
    start = behaviour.glance(teacher.model)
    before = start if config.gain_only else behaviour.score(teacher.model)
    run = RunState(before, [_point(0, start, None, 0.0)], teacher.meter.mark(), trajectory=trajectory)
    if checkpoints is not None:
        checkpoints.write(teacher, run)
    return run


def steps_to_see(curve: Sequence[dict[str, Any]]) -> int | None:
    """The first measured step with at least SEEN_HITS of the spirits named and at most SEEN_ALARMS false alarms."""
    scored = (p for p in curve if p["hits"] is not None)
    seen = (p["step"] for p in scored if p["hits"] >= SEEN_HITS and (p["false_alarms"] or 0.0) <= SEEN_ALARMS)
    return next(seen, None)


def _point(step: int, score: Score | None, loss: float | None, seconds: float) -> CurvePoint:
    """A point of the curve. score: None where none was taken."""
    scores = {key: getattr(score, key, None) for key in ("hits", "false_alarms", "mundane", "d_prime")}
    return {"step": step, **scores, "loss": loss, "seconds": seconds}
