"""A mind: the process that perceives and learns. `main.py mind` runs one; the game never runs torch itself.

It answers the newest scene first, then goes on practising; a training step is taken in parts, and so is every long
measurement, so that a scene never waits for a whole one. What it says of itself (hits, false alarms, d', change and
causal weight per head) is measured on probes that no lesson holds, or it is not said.
"""

import copy
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from game.realm.rules import Rules
from perception.messages import (
    Export,
    FromMind,
    Mark,
    Perceive,
    Percept,
    Practise,
    Progress,
    Ready,
    RestorePoint,
    RestorePoints,
    Rewind,
    Teach,
    ToMind,
    Trouble,
    Weigh,
    WriteLog,
    Written,
)  # fmt: skip
from perception.model import Model, weights_hash
from perception.perceive import perceive
from training.config import TeachConfig
from training.data.lessons import Journal, check_lesson
from training.heads.baseline import Baseline
from training.heads.head_probes import head_probes, probe_loss
from training.heads.score import Score, answers_of, probes, score, tally
from training.mind import restore_points
from training.mind.eyes import Looks
from training.mind.head_effects import HeadEffects
from training.mind.journey_log import write_journey_log
from training.mind.mind_store import SavedMind, export_mind, load_mind, save_mind
from training.optim.frozen import Broken
from training.teach import Teacher

KEEP_EVERY = 20.0  # seconds of learning between saves
CHANGE_EVERY = 4  # steps between measurements of every head, which cost a third of a step
MEASURE_EVERY = 20  # steps between measurements on probes
PROBE_SEED = 77
AT_ONCE = 6  # probes scored between two scenes
LIVE_PROBES = 48  # scenes; about 300 places
CHANGE_ROWS = 16  # decisions on which heads are compared with the baseline
WEIGH_SCENES = 4  # on which causal weights are measured
BLUR = 0.02  # mundane answers lost since the best, from which on practice does harm: 6 of the 288 that are measured
# A player is shown few spirits and many empty places, and rests for a minute or two: measured in docs/RESULTS.md.
IN_PLAY = TeachConfig(parts=2, haunted=0.15, settle=180)


@dataclass(frozen=True)
class MindConfig:
    """folder: where it keeps itself, None for nowhere. teach: how it learns. seer: folder of a model born seeing."""

    folder: Path | None = None
    teach: TeachConfig = field(default_factory=lambda: IN_PLAY)
    seed: int = PROBE_SEED
    seer: Path | None = None


class Mind:
    """A model that perceives and learns, and measures itself."""

    def __init__(self, model: Model, config: MindConfig, rules: Rules) -> None:
        self.model, self.config, self.rules = model, config, rules
        self.origin = weights_hash(model.net)
        self.before = Model(copy.deepcopy(model.net), model.tokenizer, model.tongue, model.name)
        self.looks = Looks(model, self.before, config.seer)
        self.probes = probes(config.seed, LIVE_PROBES, model.tongue, rules)
        self.baseline = Baseline.record(model.net, head_probes(model, self.probes, rules, CHANGE_ROWS))
        self.teacher = Teacher(model, config.teach, rules, Journal())
        self.practising = False
        self.weighing: HeadEffects | None = None
        self._turn = False
        self.rests = restore_points.RestorePointStore(config.folder, self.origin)
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
        sizes = (m.name, str(m.device.type), m.layers, m.heads, m.tongue, self.teacher.steps)
        return Ready(*sizes, eyes=self.looks.eyes, pulse=True)

    @property
    def busy(self) -> bool:
        """Whether there is work to go on with while nobody says anything."""
        return self.weighing is not None or (self.practising and bool(self.teacher.journal.lessons))

    @property
    def warning(self) -> str:
        """ "grounding" when the mundane has fallen since it was at its best."""
        best = max([self.first.mundane, *(s.mundane for *_, s in self.history)])
        return "grounding" if self.latest.mundane < best - BLUR else ""

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
            self.warning,
        )

    def keep(self) -> None:
        """Save weights and journal, if there is a place for them."""
        self._kept_at = self.learned_s
        if self.config.folder is not None:
            teacher = self.teacher
            lessons = tuple(teacher.journal.lessons)
            journey = SavedMind(self.origin, teacher.steps, lessons, taught_at=teacher.taught_at)
            save_mind(self.config.folder, self.model.net, journey)

    def write_log(self, path: Path) -> None:
        """The head-diff log of the journey so far (F2)."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._measuring = self._measured(whole=True)
        write_journey_log(self, path)

    def handle(self, message: ToMind) -> list[FromMind]:
        """Answer one message. Raises nothing for what a scene or a path may hold: it says Trouble."""
        try:
            return self._answer(message)
        except (
            ValueError,
            OSError,
        ) as error:  # ValueError: LanguageError, LogError, MindStoreError, RestorePointError, EyesError
            return [Trouble(str(error), message.ticket if isinstance(message, Perceive) else 0)]

    def _answer(self, message: ToMind) -> list[FromMind]:
        if isinstance(message, Perceive):
            return [self._look(message)]
        if isinstance(message, Teach):
            check_lesson(self.model.tokenizer, message.lesson, self.rules)
            self.teacher.teach(message.lesson)
            self.keep()
            return [self.progress()]
        if isinstance(message, Practise):
            self.practising = message.on
            self._times.clear()
            return [self.progress()]
        if isinstance(message, Mark | Rewind):
            return self._mark(message.label) if isinstance(message, Mark) else self._rewind(message.to)
        if isinstance(message, WriteLog | Export):
            path = Path(message.path)
            self.write_log(path) if isinstance(message, WriteLog) else export_mind(self.model, path)
            return [Written(message.path)]
        if isinstance(message, Weigh):
            if self.weighing is None:
                loss = probe_loss(self.before, self.probes[:WEIGH_SCENES])
                self.weighing = HeadEffects(self.before, self.model, loss, self.teacher.steps)
            return []
        self.keep()
        return []

    def _look(self, message: Perceive) -> Percept:
        model = self.looks.model(message.eyes)
        head = message.head if message.head is not None and message.head < model.layers * model.heads else None
        (percept,) = perceive(model, [message.scene], head=head)
        return replace(percept, eyes=message.eyes, ticket=message.ticket)

    def rested(self) -> RestorePoints:
        """All states it can be turned back to."""
        return RestorePoints((_rest(0, 0, "", self.first), *self.rests.rests))

    def _mark(self, label: str) -> list[FromMind]:
        self.keep()
        self.rests.add(_rest(self.teacher.steps, len(self.teacher.journal.lessons), label, self.latest), self.model.net)
        return [self.rested()]

    def _rewind(self, number: int) -> list[FromMind]:
        """Weights and steps as they were. The lessons stay: what it was shown, it was shown."""
        if number:
            rest, weights = self.rests.find(number)
        else:
            own = self.before.net.get_parameter
            rest, weights = self.rested().rests[0], {name: own(name) for name in restore_points.learned(self.model.net)}
        restore_points.put(self.model.net, weights)
        journal = self.teacher.journal
        self.teacher = Teacher(self.model, self.config.teach, self.rules, journal)  # momenta are of other weights
        self.teacher.steps = self.teacher.taught_at = rest.step  # what it knew no more is learned at the full rate
        self.history = [entry for entry in self.history if entry[0] <= rest.step]
        self.latest = _score(rest) if number else self.first
        self._going = self._measuring = None
        self._times.clear()
        self.keep()
        return [self.rested(), self.progress()]

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

    def work(self) -> list[FromMind]:
        """A piece of what is under way, and what there is to say after it: by turns, so that no piece is two."""
        self._turn = not self._turn
        if self.weighing is None or (self._turn and self.practising and self.teacher.journal.lessons):
            return self.practise() if self.practising else []
        said: list[FromMind] = list(self.weighing.more())
        self.weighing = None if self.weighing.done else self.weighing
        return said

    def practise(self) -> list[FromMind]:
        """A part of a training step, and what there is to say after it. Does nothing without lessons."""
        if not self.teacher.journal.lessons:
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


def _rest(step: int, lessons: int, label: str, found: Score) -> RestorePoint:
    return RestorePoint(0, step, lessons, label, found.hits, found.false_alarms, found.d_prime, found.mundane)


def _score(rest: RestorePoint) -> Score:
    return Score(rest.hits or 0.0, None, rest.false_alarms or 0.0, rest.d_prime or 0.0, rest.mundane or 0.0)
