"""A mind: the process that perceives and learns. `main.py mind` runs one; the game never runs torch itself.

It answers the newest scene first, then goes on practising; a training step is taken in parts, so that a scene never
waits for a whole step. What it says of itself (hits, false alarms, d', change per head) is measured on probes that
no lesson holds, or it is not said.
"""

import copy
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from game.realm.rules import Rules
from perception.messages import (
    FromMind,
    Perceive,
    Practise,
    Progress,
    Ready,
    Teach,
    ToMind,
    Trouble,
    WriteLog,
    Written,
)
from perception.model import Model, weights_hash
from perception.perceive import perceive
from training.frozen import Broken
from training.keep import Journey, load_mind, save_mind
from training.lessons import Journal, check_lesson
from training.measure.headdiff import Baseline
from training.measure.headprobes import head_probes, probe_loss
from training.measure.score import Score, answers_of, probes, score, tally
from training.runlog import Training, write_training_log
from training.teach import TeachConfig, Teacher

KEEP_EVERY = 20.0  # seconds of learning between saves
CHANGE_EVERY = 4  # steps between measurements of every head, which cost a third of a step
MEASURE_EVERY = 20  # steps between measurements on probes
PROBE_SEED = 77
AT_ONCE = 6  # probes scored between two scenes
LIVE_PROBES = 48  # scenes; about 300 places
LOG_ROWS, LOG_SCENES = (
    64,
    8,
)  # decisions compared, and scenes over which the gain is shared out, when a log is asked for
CHANGE_ROWS = 16  # decisions on which heads are compared with the baseline
# A player is shown few spirits and many empty places, and rests for a minute or two: measured in docs/RESULTS.md.
IN_PLAY = TeachConfig(parts=2, haunted=0.15, settle=180)


@dataclass(frozen=True)
class MindConfig:
    """folder: where it keeps itself, None for nowhere. teach: how it learns."""

    folder: Path | None = None
    teach: TeachConfig = field(default_factory=lambda: IN_PLAY)
    seed: int = PROBE_SEED


class Mind:
    """A model that perceives and learns, and measures itself."""

    def __init__(self, model: Model, config: MindConfig, rules: Rules) -> None:
        self.model, self.config, self.rules = model, config, rules
        self.origin = weights_hash(model.net)
        self.before = Model(copy.deepcopy(model.net), model.tokenizer, model.tongue, model.name)
        self.probes = probes(config.seed, LIVE_PROBES, model.tongue, rules)
        self.baseline = Baseline.record(model.net, head_probes(model, self.probes, rules, CHANGE_ROWS))
        self.teacher = Teacher(model, config.teach, rules, Journal())
        self.practising = False
        self.history: list[tuple[int, float, float, Score]] = []  # step, seconds, loss, score
        self.first = self.latest = score(model, self.probes, rules)
        self.learned_s = 0.0
        self._times: deque[float] = deque(maxlen=20)
        self._going: Iterator[None] | None = None
        self._measuring: Iterator[None] | None = None
        self._kept_at = 0.0
        self._change: tuple[float, ...] = ()
        if config.folder is not None:
            self._wake(config.folder)

    def _wake(self, folder: Path) -> None:
        journey = load_mind(folder, self.model.net, self.origin)
        if journey is not None:
            for lesson in journey.lessons:
                self.teacher.journal.add(lesson)
            self.teacher.steps, self.teacher.taught_at = journey.steps, journey.taught_at
            self.latest = score(self.model, self.probes, self.rules)

    @property
    def ready(self) -> Ready:
        m = self.model
        return Ready(m.name, str(m.device.type), m.layers, m.heads, m.tongue, self.teacher.steps)

    def progress(self, anew: bool = True) -> Progress:
        """How far it has come. anew: change per head is measured now, else it is what it was a moment ago."""
        journal, teacher, latest = self.teacher.journal, self.teacher, self.latest
        gaps = [b - a for a, b in zip(self._times, list(self._times)[1:], strict=False)]
        loss = None if teacher.loss != teacher.loss else teacher.loss
        if anew:
            self._change = tuple(self.baseline.own_change(self.model.net).flatten().tolist())
        return Progress(
            teacher.steps,
            len(journal.lessons),
            journal.spirits_shown,
            journal.empties_shown,
            self.practising,
            loss,
            len(gaps) / sum(gaps) if gaps and self.practising else None,
            latest.hits,
            latest.false_alarms,
            latest.d_prime,
            latest.mundane,
            self._change,
        )

    def keep(self) -> None:
        """Save weights and journal, if there is a place for them."""
        self._kept_at = self.learned_s
        if self.config.folder is not None:
            teacher = self.teacher
            lessons = tuple(teacher.journal.lessons)
            journey = Journey(self.origin, teacher.steps, lessons, taught_at=teacher.taught_at)
            save_mind(self.config.folder, self.model.net, journey)

    def write_log(self, path: Path) -> None:
        """The head-diff log of the journey so far (F2)."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._measuring = self._measured(whole=True)
        steps = self.teacher.steps
        config: dict[str, Any] = {"behaviour": "sight", "in_play": True, "device": str(self.model.device)}
        config |= {f"teach_{key}": value for key, value in asdict(self.config.teach).items()}
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
            for step, seconds, loss, s in self.history
        ]
        training = Training(
            self.before,
            self.model,
            config,
            {"probes": self.config.seed, "teach": self.config.teach.seed},
            self.teacher.journal,
            curve,
            (self.first, score(self.model, self.probes, self.rules)),
            steps,
            self.learned_s,
        )
        rows = head_probes(self.before, self.probes, self.rules, LOG_ROWS)
        write_training_log(path, training, rows, probe_loss(self.before, self.probes[:LOG_SCENES]))

    def handle(self, message: ToMind) -> list[FromMind]:
        """Answer one message. Raises nothing for what a scene or a path may hold: it says Trouble."""
        try:
            if isinstance(message, Perceive):
                return list(perceive(self.model, [message.scene]))
            if isinstance(message, Teach):
                check_lesson(self.model.tokenizer, message.lesson, self.rules)
                self.teacher.teach(message.lesson)
                self.keep()
                return [self.progress()]
            if isinstance(message, Practise):
                self.practising = message.on
                self._times.clear()
                return [self.progress()]
            if isinstance(message, WriteLog):
                self.write_log(Path(message.path))
                return [Written(message.path)]
            self.keep()
        except (ValueError, OSError) as error:  # ValueError: LanguageError, LogError
            return [Trouble(str(error))]
        return []

    def _measure(self, step: int, loss: float) -> Iterator[None]:
        """Scores itself a few probes at a time, so that no scene waits for all of them."""
        answers: list[list[str]] = []
        for start in range(0, len(self.probes), AT_ONCE):
            answers += answers_of(self.model, self.probes[start : start + AT_ONCE])
            yield
        self.latest = tally(self.probes, answers)
        self.history.append((step, self.learned_s, loss, self.latest))

    def _measured(self, whole: bool = False) -> Iterator[None] | None:
        """A bit more of the measurement under way, or all that is left of it; None when it is done."""
        while self._measuring is not None:
            try:
                next(self._measuring)
            except StopIteration:
                return None
            if not whole:
                break
        return self._measuring

    def practise(self) -> list[FromMind]:
        """A part of a training step, and what there is to say after it. Does nothing without memories."""
        if not self.teacher.journal.memories:
            return []
        if self._measuring is not None:
            self._measuring = self._measured()
            return []
        began = time.perf_counter()
        self._going = self._going or self.teacher.parts()
        try:
            next(self._going)
            self.learned_s += time.perf_counter() - began
            return []
        except StopIteration:
            self._going = None
        except Broken as error:
            self._going = None
            return [Trouble(str(error))]
        self.learned_s += time.perf_counter() - began
        self._times.append(time.perf_counter())
        steps = self.teacher.steps
        if steps % MEASURE_EVERY == 0:
            self._measuring = self._measure(steps, self.teacher.loss)
        said: list[FromMind] = [self.progress(anew=steps % CHANGE_EVERY == 0)]
        if self.learned_s - self._kept_at > KEEP_EVERY:
            try:
                self.keep()
            except OSError as error:  # a full disk: it goes on, and tries again later
                said.append(Trouble(str(error)))
        return said
