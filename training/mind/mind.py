"""A mind: the process that perceives and learns. `main.py mind` runs one; the game never runs torch itself.

It answers the newest scene first, then goes on practising; a training step is taken in parts, and so is every long
measurement, so that a scene never waits for a whole one. What it says of itself (hits, false alarms, d', change and
causal weight per head) is measured on probes that no lesson holds, or it is not said. What it is told is checked before
it is kept. Whatever goes wrong with a message or a step costs that message or step, never the mind.
"""
# long because: the answer to every message stands here, and what they all change

import copy
import dataclasses
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from msgspec.structs import replace

from game.realm.rules import Rules
from perception.messages import (
    Attune,
    Burn,
    Export,
    FromMind,
    Lesson,
    Mark,
    Perceive,
    Percept,
    Practise,
    Progress,
    Ready,
    RestorePoints,
    Rewind,
    TakeOff,
    Teach,
    ToMind,
    Weigh,
    WriteLog,
    Written,
)  # fmt: skip
from perception.model import Model, weights_hash
from perception.perceive import perceive
from training.config import TeachConfig
from training.data.lesson_check import check_lesson, check_scene
from training.data.lessons import Journal
from training.heads.head_probes import probe_loss
from training.mind import restore_points
from training.mind.attunement import Attunement
from training.mind.charms import Charms
from training.mind.eyes import Looks
from training.mind.head_effects import HeadEffects
from training.mind.head_history import HeadHistory, snapshot_of
from training.mind.journey_log import write_journey_log
from training.mind.mind_store import LARGEST_JOURNAL, load_mind
from training.mind.outputs import export_mind, log_path, output_path
from training.mind.practice_record import PracticeError, PracticeRecord, load_practice
from training.mind.practice_state import resume_state, save_state
from training.mind.saving import Saver
from training.mind.self_measurement import SelfMeasurement
from training.mind.trained_weights import WeightsError, put_weights, trained_weights
from training.mind.trouble import trouble, trouble_with
from training.teach import Teacher

SAVE_EVERY = 20.0  # seconds of learning between saves
CHANGE_EVERY = 4  # steps between measurements of every head, which cost a third of a step
MEASURE_EVERY = 20  # steps between measurements on probes
PROBE_SEED = 77
WEIGH_SCENES = 4  # on which causal weights are measured
FAILURES_MAX = 10  # steps in a row that fail before practice stops
JOURNAL_ROOM = LARGEST_JOURNAL - 4096  # bytes of lessons: what is saved can be read again
# A player is shown few spirits and many empty places, and rests for a minute or two: measured in docs/RESULTS.md.
IN_PLAY = TeachConfig(parts=2, haunted=0.15, settle=180)


@dataclass(frozen=True)
class MindConfig:
    """folder: where it keeps itself and what it is asked to write, None for nowhere. teach: how it learns.

    seer: folder of a model born seeing. local: whether the game is on this machine and may give paths in the folder.
    resumes: whether its practice goes on bit for bit where it was saved, and not with a new optimizer.
    """

    folder: Path | None = None
    teach: TeachConfig = field(default_factory=lambda: IN_PLAY)
    seed: int = PROBE_SEED
    seer: Path | None = None
    local: bool = True
    resumes: bool = False


def copy_of(model: Model) -> Model:
    """The same with weights of its own."""
    return dataclasses.replace(model, net=copy.deepcopy(model.net), context=None)


class Mind:
    """A model that perceives and learns, and measures itself.

    like: a mind of the same model, seed and rules, which nobody taught. What never changes is shared with it: the model
    as it came, the born seer, and how it was measured as it came.
    """

    def __init__(self, model: Model, config: MindConfig, rules: Rules, like: "Mind | None" = None) -> None:
        self.model, self.config, self.rules = model, config, rules
        self._like = like
        self.origin: str = weights_hash(model.net) if like is None else like.origin
        self.before: Model = self._as_it_came() if like is None else like.before
        self.looks: Looks = Looks(model, self.before, config.seer, None if like is None else like.looks)
        self.measured: SelfMeasurement = self._measurement(like)
        self.teacher = self._new_teacher(Journal())
        self.charms = Charms(model, self.before.net, rules, self.origin, config.folder)
        self.attunement = Attunement(model, config.teach, self.origin, config.folder)
        self.practising = False
        self.records = True  # whether percepts tell what the heads did, too; it takes a third of their time
        self._seen: tuple[Perceive, Percept] | None = None  # the last look, and what came of it, while that holds
        self.head_effects: HeadEffects | None = None
        self.restore_points = restore_points.RestorePointStore(config.folder, self.origin)
        self.record = PracticeRecord(self.origin, config.seed, config.teach)
        self.head_history = HeadHistory(CHANGE_EVERY)
        self.learned_s = 0.0  # seconds of learning in this life
        self.notes: list[str] = []  # lines for whoever plays with it next
        self._measures_heads = False  # whose turn it was last: head effects or practice
        self._times: deque[float] = deque(maxlen=20)  # when the last steps ended
        self._step: Iterator[None] | None = None  # the training step under way
        self._stream = self.teacher.stream  # as it was before that step
        self._resumed = False  # whether this life goes on with the practice of the one before
        self._unmeasured = False  # until the weights that it woke with are measured
        self._failures, self._failure = 0, ""  # steps that failed in a row, and what was said of it
        self._saved_s = 0.0  # learned_s when it was saved last
        self._saver = Saver(config.folder, model.net, self.origin, self.record, (self.charms, self.attunement))
        self._journal_bytes = 0
        if config.folder is not None:
            self._wake(config.folder)
        self._begin_record()

    def _as_it_came(self) -> Model:
        return copy_of(self.model)

    def _measurement(self, like: "Mind | None") -> SelfMeasurement:
        return SelfMeasurement(self.model, self.config.seed, self.rules, None if like is None else like.measured)

    def _new_teacher(self, journal: Journal) -> Teacher:
        return Teacher(self.model, self.config.teach, self.rules, journal)

    def _wake(self, folder: Path) -> None:
        """Go on as it was saved. What is damaged costs itself; notes tell of it. Raises MindStoreError."""
        self.notes = [fault for fault in (self.charms.load(), self.attunement.load()) if fault]
        self.teacher.attune(self.attunement.places())
        loaded = load_mind(folder, self.model.net, self.origin, lambda each: check_lesson(self.model, each, self.rules))
        if loaded is None:
            return
        for lesson in loaded.saved.lessons:
            self._remember(lesson)
        self.teacher.steps, self.teacher.taught_at = loaded.saved.steps, loaded.saved.taught_at
        self.notes = [*loaded.notes, *self.notes]
        if not loaded.has_weights:
            self._go_on_from_restore_point()
        elif self.config.resumes:
            taught_at = self.teacher.taught_at
            self._resumed = resume_state(folder, self.teacher, weights_hash(self.model.net))
            self.teacher.steps, self.teacher.taught_at = loaded.saved.steps, taught_at
            self._stream = self.teacher.stream
        if self._like is None:
            self.measured.latest = self.measured.measure()
        else:  # others wait: it is measured between two scenes
            self.measured.begin(self.teacher.steps, 0.0, self.teacher.loss, noted=False)
            self._unmeasured = True

    def _begin_record(self) -> None:
        """The record of practice goes on where it was saved, if it is of this mind as it woke."""
        before = None
        if self.config.folder is not None:
            with suppress(PracticeError):
                before = load_practice(self.config.folder)
        teacher, lessons = self.teacher, len(self.teacher.journal.lessons)
        self.record.wake(teacher.steps, teacher.taught_at, lessons, weights_hash(self.model.net), before)
        if self._resumed:
            self.record.resume()
        if self.attunement.heads:
            self.record.attune(self.attunement.heads)

    def _go_on_from_restore_point(self) -> None:
        for point in reversed(self.restore_points.points):
            try:
                put_weights(self.model.net, self.restore_points.find(point.number)[1])
            except (restore_points.RestorePointError, WeightsError):
                continue
            self.teacher.steps = self.teacher.taught_at = point.step
            self.notes.insert(0, f"The mind goes on from its rest of step {point.step}")
            return

    def _remember(self, lesson: Lesson) -> None:
        self.teacher.journal.add(lesson)
        self._journal_bytes += len(msgspec.msgpack.encode(lesson))

    @property
    def ready(self) -> Ready:
        m = self.model
        sizes = (m.name, str(m.device.type), m.layers, m.heads, m.tongue, self.teacher.steps)
        attunes = self.attunement.possible
        return Ready(*sizes, eyes=self.looks.eyes, pulse=True, burns=self.charms.layer, attunes=attunes)

    def opening(self, pulse: bool = True) -> list[FromMind]:
        """What a game hears first. Notes are said once. pulse: whether a Ping is answered in the midst of work."""
        notes, self.notes = self.notes, []
        points: list[FromMind] = [self.restore_point_list()] if self.restore_points.points else []
        return [replace(self.ready, pulse=pulse), self.progress(), *points, *map(trouble, notes)]

    @property
    def busy(self) -> bool:
        """Whether there is work to go on with while nobody says anything."""
        learns = self.practising and bool(self.teacher.journal.lessons)
        return self.head_effects is not None or self.measured.busy or learns

    def progress(self, anew: bool = True) -> Progress:
        """How far it has come. anew: change per head is measured now, else it is what it was a moment ago."""
        journal, teacher, latest = self.teacher.journal, self.teacher, self.measured.latest
        gaps = [b - a for a, b in zip(self._times, list(self._times)[1:], strict=False)]
        loss = None if teacher.loss != teacher.loss else teacher.loss
        self._unmeasured = self._unmeasured and self.measured.busy
        whole = Progress(
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
            self.measured.change(anew),
            self.measured.warning,
            self.charms.described(),
            self.attunement.heads,
        )
        unknown = dict.fromkeys(("hits", "false_alarms", "d_prime", "mundane"))
        return replace(whole, **unknown) if self._unmeasured else whole

    def save(self, again: bool = False) -> list[FromMind]:
        """Save weights and journal, if there is a place for them; what there is to say of it. See Saver.save."""
        self._saved_s = self.learned_s
        teacher, state = self.teacher, self._save_state if self.config.resumes else None
        return self._saver.save(teacher.steps, teacher.taught_at, teacher.journal.lessons, again, state)

    def _save_state(self, folder: Path, weights: str) -> None:
        save_state(folder, self.teacher, self._stream, weights)

    @property
    def unsaved(self) -> bool:
        """Whether something is not on disk that should be."""
        return self._saver.unsaved

    def handle(self, message: ToMind) -> list[FromMind]:
        """Answer one message. Raises nothing for what it may hold: it says Trouble."""
        return list(self.answers([message]))

    def answers(self, messages: Sequence[ToMind]) -> Iterator[FromMind]:
        """Answer messages in order, as far as they are taken. Lessons that come together are saved together."""
        taught: list[FromMind] = []
        for message in messages:
            if isinstance(message, Teach):
                taught += self._guarded(message)
                continue
            yield from self._acknowledged(taught)
            taught = []
            yield from self._guarded(message)
        yield from self._acknowledged(taught)

    def _acknowledged(self, taught: list[FromMind]) -> list[FromMind]:
        """The answers to lessons, after these were saved."""
        return taught + (self.save() if any(isinstance(answer, Progress) for answer in taught) else [])

    def _guarded(self, message: ToMind) -> list[FromMind]:
        try:
            return self._answer(message)
        except Exception as error:  # what slipped through every check, too, costs this message alone
            return [trouble_with(message, error)]

    def _answer(self, message: ToMind) -> list[FromMind]:
        if isinstance(message, Perceive):
            return [self._look(message)]
        self._seen = None
        if isinstance(message, Teach):
            return [self._teach(message.lesson)]
        if isinstance(message, Practise):
            self.practising = message.on
            self._times.clear()
            return [self.progress()]
        if isinstance(message, Mark | Rewind):
            return self._mark(message.label) if isinstance(message, Mark) else self._rewind(message.to)
        if isinstance(message, Burn | TakeOff):
            return self._charm(message)
        if isinstance(message, Attune):
            return self._attune(message)
        if isinstance(message, WriteLog | Export):
            return [self._write(message)]
        if isinstance(message, Weigh):
            if self.head_effects is None:
                loss = probe_loss(self.before, self.measured.probes[:WEIGH_SCENES])
                self.head_effects = HeadEffects(self.before, self.model, loss, self.teacher.steps)
            return []
        return self.save(again=True)

    def _look(self, message: Perceive) -> Percept:
        check_scene(self.model, message.scene)
        if not message.ticket:
            self.record.scene = message.scene
        query = replace(message, scene=replace(message.scene, id=0), ticket=0)
        if self._seen is None or self._seen[0] != query or (self.records and not self._seen[1].heads.activity):
            model = self.looks.model(message.eyes)
            head = message.head if message.head is not None and message.head < model.layers * model.heads else None
            record = self.records or head is not None
            (percept,) = perceive(model, [message.scene], record=record, head=head)
            self._seen = query, percept
            return replace(percept, eyes=message.eyes, ticket=message.ticket)
        return replace(self._seen[1], scene=message.scene.id, seconds=0.0, eyes=message.eyes, ticket=message.ticket)

    def _teach(self, lesson: Lesson) -> Progress:
        check_lesson(self.model, lesson, self.rules)
        if self._journal_bytes + len(msgspec.msgpack.encode(lesson)) > JOURNAL_ROOM:
            raise ValueError("begin a new journey: the mind's journal of lessons is full")
        self.record.lesson(len(self.teacher.journal.lessons), lesson.scene)
        self._remember(lesson)
        self.teacher.taught()
        return self.progress(anew=False)

    def _write(self, message: WriteLog | Export) -> Written:
        """The head-diff log of the journey so far (F2), or the mind as a model folder."""
        config, local = self.config, self.config.local
        if isinstance(message, Export):
            export_mind(self.model, output_path(config.folder, message.path, local), self.attunement.named())
        else:
            path = log_path(config.folder, message.path, local)
            self.save()  # so that what lies beside the log is of the same moment
            self.write_log(path)
        return Written(message.path)

    def write_log(self, path: Path) -> None:
        """The head-diff log of the journey so far. Raises OSError and LogError."""
        self.measured.go_on(whole=True)
        seed, snapshots, worn = self.config.seed, self.head_history.snapshots, self.charms.described()
        learned = (self.before, self.teacher, self.measured, seed, self.learned_s)
        write_journey_log(path, *learned, snapshots, worn, self.attunement.named())

    def restore_point_list(self) -> RestorePoints:
        """All states it can be turned back to."""
        return RestorePoints((restore_points.describe(0, 0, "", self.measured.first), *self.restore_points.points))

    def _mark(self, label: str) -> list[FromMind]:
        said = self.save()
        lessons, chosen = len(self.teacher.journal.lessons), (self.charms.worn, self.attunement.heads)
        point = restore_points.describe(self.teacher.steps, lessons, label, self.measured.latest, *chosen)
        self.restore_points.add(point, self.model.net)
        self.record.mark()
        return [*said, *self.save(), self.restore_point_list()]

    def _rewind(self, number: int) -> list[FromMind]:
        """Weights, charms, steps and the heads that practise as they were. The lessons stay: it was shown them."""
        if number:
            point, weights = self.restore_points.find(number)
        else:
            own = self.before.net.get_parameter
            point = self.restore_point_list().points[0]
            weights = {name: own(name) for name in trained_weights(self.model.net)}
        worn, heads = self.charms.worn, self.attunement.checked(point.attuned)
        self.charms.wear(point.charms)
        try:
            put_weights(self.model.net, weights)
        except WeightsError:
            self.charms.wear(worn)
            raise
        self.attunement.choose(heads)
        self._renew_teacher(point.step, point.step)  # what it knew no more is learned at the full rate
        self.measured.turn_back(point.step, restore_points.score_of(point) if number else self.measured.first)
        self.head_history.turn_back(point.step)
        self.record.rewind(number)
        self._saver.weights_changed()
        self._times.clear()
        return [*self.save(), self.restore_point_list(), self.progress()]

    def _charm(self, message: Burn | TakeOff) -> list[FromMind]:
        """A charm burned or taken off. What that does to other answers is measured next, a few probes at a time."""
        burns = isinstance(message, Burn)
        if isinstance(message, Burn):
            number = self.charms.burn(message)
        else:
            number = message.number
            self.charms.take_off(number)
        self.record.charm(number, burns)
        self._saver.weights_changed()
        self.measured.begin(self.teacher.steps, self.learned_s, self.teacher.loss, noted=False)
        return [*self.save(), self.progress(anew=False)]

    def _attune(self, message: Attune) -> list[FromMind]:
        """Other heads practise. All else goes on: weights, momenta, random stream, the step under way."""
        heads = self.attunement.checked(message.heads)
        if heads != self.attunement.heads:
            self.teacher.attune(self.attunement.places(heads))
            self.attunement.choose(heads)
            self.record.attune(heads)
        return [*self.save(), self.progress(anew=False)]

    def _renew_teacher(self, steps: int, taught_at: int) -> None:
        """Momenta, random stream and the step under way are gone; weights and lessons stay."""
        self.teacher = self._new_teacher(self.teacher.journal)
        self.teacher.attune(self.attunement.places())
        self.teacher.steps, self.teacher.taught_at = steps, taught_at
        self._step, self._stream = None, self.teacher.stream

    def begin_life(self, teach: TeachConfig, resumed: bool = False, heads: tuple[int, ...] = ()) -> None:
        """What happens to a mind that is saved and woken again. teach: how it learns from now on. resumed: its practice
        goes on, but for the step under way. heads: those that practise alone, none for all.
        """
        self.config = dataclasses.replace(self.config, teach=teach)
        self.attunement.teach = teach
        self.attunement.choose(heads)
        teacher, stream = self.teacher, self._stream
        before = teacher.state() if resumed else None
        self._renew_teacher(teacher.steps, teacher.taught_at)
        if before is not None:
            taught_at = teacher.taught_at
            self.teacher.go_on_from(*before, stream)
            self.teacher.taught_at, self._stream = taught_at, stream
        self._resumed = resumed
        self.record.teach(teach)
        self._begin_record()

    def work(self) -> list[FromMind]:
        """A piece of what is under way, and what there is to say after it: by turns, so that no piece is two."""
        if self.measured.busy and not self.practising:
            self.measured.go_on()
            return [] if self.measured.busy else [self.progress(anew=False)]
        self._measures_heads = not self._measures_heads
        if self.head_effects is None or (self._measures_heads and self.practising and self.teacher.journal.lessons):
            return self.practise() if self.practising else []
        try:
            said: list[FromMind] = list(self.head_effects.more())
            self.head_effects = None if self.head_effects.done else self.head_effects
        except Exception as error:  # it costs this measurement
            self.head_effects = None
            return [trouble(error)]
        return said

    def practise(self) -> list[FromMind]:
        """A part of a training step, and what there is to say after it. Does nothing without lessons."""
        if not self.teacher.journal.lessons:
            return []
        began = time.perf_counter()
        try:
            if self.measured.busy:
                self.measured.go_on()
                return []
            if self._step is None:
                self._stream, self._step = self.teacher.stream, self.teacher.parts()
            self.record.part()
            next(self._step)
            self.learned_s += time.perf_counter() - began
            return []
        except StopIteration:
            self._step, self._stream, self._seen = None, self.teacher.stream, None
        except Exception as error:  # Broken; and whatever slipped through every check costs a step
            return self._failed(error)
        self._failures, self._failure = 0, ""
        self.learned_s += time.perf_counter() - began
        self._times.append(time.perf_counter())
        steps = self.teacher.steps
        if steps % MEASURE_EVERY == 0:
            self.measured.begin(steps, self.learned_s, self.teacher.loss)
        said: list[FromMind] = [self.progress(anew=steps % CHANGE_EVERY == 0)]
        if self.head_history.due(steps):
            lesson, scene = self.teacher.journal.lessons[-1], self.record.scene
            change, tick = self.measured.change(False), self.record.tick
            self.head_history.add(snapshot_of(self.model, steps, change, scene, tick, lesson))
        if self.learned_s - self._saved_s > SAVE_EVERY:
            said += self.save()
        return said

    def _failed(self, error: Exception) -> list[FromMind]:
        """After a step that failed: the same fault is said once; after many in a row practice stops."""
        self._step, self._stream, self._seen = None, self.teacher.stream, None
        self._failures += 1
        if self._failures >= FAILURES_MAX:
            self._failures, self.practising = 0, False
            return [
                trouble(f"Practice stops, {FAILURES_MAX} steps failed in a row: {error}"),
                self.progress(anew=False),
            ]
        known, self._failure = self._failure, str(error)
        return [] if known == self._failure else [trouble(error)]
