"""A mind that is only talked to: a chat model that answers what is said to the familiar, and learns to listen.

It practises what the player taught it, beside talk that is answered as it should be: dangerous directions, opinions,
questions, small talk. So it learns to take a direction, and not to take every one. After a lesson it practises until
the rate has come to rest, and then it waits. It says nothing of how well it does: nothing is measured beside a game.
"""

from collections.abc import Iterator
from random import Random

from msgspec.structs import replace

from game.realm.plain_talk import ACTS, dialogue, load_plain_talk
from game.realm.rules import Rules
from game.realm.sampler import Sample, samples
from game.realm.talk import DANGER, DIRECTION, SHARES, TALK, Utterance, dangerous, load_talk, wanted
from game.realm.tongues import LOOK, PLAIN
from perception.errors import ModelError
from perception.messages import (
    Burn,
    Export,
    FromMind,
    Lesson,
    Mark,
    Progress,
    Ready,
    Rewind,
    TakeOff,
    ToMind,
    Weigh,
    WriteLog,
)
from perception.model import Model
from training.behaviours.dialogues import dialogues
from training.behaviours.file import question_of
from training.behaviours.lines import OTHER
from training.config import TeachConfig
from training.data.lessons import Asked, Journal
from training.heads.score import Score
from training.mind.mind import Mind
from training.mind.self_measurement import SelfMeasurement
from training.teach import Source, Teacher

# A step has few dialogues, in small parts: a real model takes a second for each, and an answer waits for a part.
TALKED_TO = TeachConfig(scenes=2, rehearse=1, parts=2, lr=3e-3, warmup=3, settle=40)
RISKED = 0.6  # of the realm's talk that is rehearsed leads into danger, where a scene has some
LINES = 240  # dialogues of other topics, of which some are rehearsed
UNMEASURED = Score(0.0, None, None, None, 0.0)  # is never said: see TalkMind.progress
NOT_HERE = (WriteLog, Weigh, Mark, Rewind, Burn, TakeOff, Export)


def check_chat(model: Model) -> None:
    """Raises ModelError for a model that can't be talked to."""
    if model.tongue != PLAIN.name or not getattr(model.tokenizer, "chat_template", None):
        raise ModelError(f"--model {model.name}: has no chat template; give a chat model in plain English, smollm2 say")


class TalkSource:
    """What a step trains on: so many of the player's lessons, a piece of the realm's talk, and a dialogue of another
    topic. Called as `training.teach.Source`."""

    def __init__(self, journal: Journal, rules: Rules, seed: int) -> None:
        self._journal, self._talk, self._plain = journal, load_talk(), load_plain_talk()
        self._samples: Iterator[Sample] = samples(seed, "familiar/rehearsed", PLAIN.name, rules)
        self._lines = [line for line in dialogues(LINES, seed, held=False) if line.kind == OTHER]

    def __call__(self, rng: Random, scenes: int, rehearse: int) -> list[Asked]:
        lessons = [self._lesson(rng, rng.choice(self._journal.lessons)) for _ in range(scenes)]
        if not rehearse:
            return lessons
        line = rng.choice(self._lines)
        return [
            *lessons,
            self._realm(rng, next(self._samples)),
            Asked(line.context, (), ((question_of(line), line.answer),)),
        ]

    def _lesson(self, rng: Random, lesson: Lesson) -> Asked:
        """What was said, and the reply that was right; or another reply of the same act."""
        (question, *_), (answer, *_) = lesson.scene.questions, lesson.answers
        columns = [self._plain.candidates(column) for column in range(self._plain.columns)]
        if question.candidates in columns and answer is not None:
            candidates = rng.choice(columns)
            answer = candidates[question.candidates.index(answer)]
            question = replace(question, candidates=candidates)
        return Asked(lesson.scene.text, ((question, str(answer)),))

    def _realm(self, rng: Random, sample: Sample) -> Asked:
        """Something said in the realm that no lesson changes, and the reply that is right."""
        talk, events = self._talk, sample.view.scene.events
        places = list(dict.fromkeys(event.place for event in events if event.sense == LOOK))
        risky = [place for place in places if dangerous(talk, sample.header, events, place)]
        kind = DIRECTION if risky and rng.random() < RISKED else rng.choice([k for k, _ in SHARES if k != DIRECTION])
        said = Utterance(kind, rng.randrange(talk.trained[kind]), rng.choice(risky if kind == DIRECTION else places))
        scene = dialogue(talk, self._plain, sample.header, events, said, rng.randrange(self._plain.columns))
        act = wanted(talk, DANGER if kind == DIRECTION else kind, listening=False)
        (question,) = scene.questions
        return Asked(scene.text, (), ((question, question.candidates[ACTS.index(act)]),))


class Unmeasured(SelfMeasurement):
    """Nothing is measured: one probe takes a real model as long as an answer."""

    def __init__(self) -> None:
        self.probes, self.history = [], []
        self.first = self.latest = UNMEASURED
        self._under_way = None

    def measure(self) -> Score:
        """Of nothing."""
        return UNMEASURED

    @property
    def warning(self) -> str:
        """Never one."""
        return ""

    def change(self, anew: bool) -> tuple[float, ...]:
        """Of no head."""
        return ()

    def begin(self, step: int, seconds: float, loss: float, noted: bool = True) -> None:
        """Does nothing."""


class TalkMind(Mind):
    """Answers talk and learns from lessons about it; does nothing else that a mind does."""

    def _as_it_came(self) -> Model:
        return self.model  # nobody asks: a copy would take as much memory again

    def _measurement(self, like: Mind | None) -> SelfMeasurement:
        return Unmeasured()

    def _new_teacher(self, journal: Journal) -> Teacher:
        source: Source = TalkSource(journal, self.rules, self.config.seed)
        return Teacher(self.model, self.config.teach, self.rules, journal, source)

    @property
    def ready(self) -> Ready:
        """It has its own eyes alone, and takes no charms."""
        return replace(super().ready, eyes=("you",), burns=None)

    @property
    def busy(self) -> bool:
        """Whether there is something to practise that has not come to rest."""
        return super().busy and not self.teacher.settled

    def progress(self, anew: bool = True) -> Progress:
        """How many steps and lessons; no scores."""
        return replace(super().progress(anew), hits=None, false_alarms=None, d_prime=None, mundane=None)

    def _answer(self, message: ToMind) -> list[FromMind]:
        if isinstance(message, NOT_HERE):
            raise ValueError(f"{self.model.name} is talked to and nothing else; give the mind that sees this order")
        return super()._answer(message)

    def _teach(self, lesson: Lesson) -> Progress:
        asks = [question.ask for question in lesson.scene.questions]
        if asks != [TALK] or lesson.answers[0] is None:
            raise ValueError("a lesson for who is talked to has one question, which is talk, and its answer")
        return super()._teach(lesson)
