"""A mind that is only talked to: a chat model that answers what is said to the familiar, and learns to listen.

It practises what the player taught it, beside talk that is answered as it should be: dangerous directions, opinions,
questions, small talk. So it learns to take a direction, and not to take every one. After a lesson it practises until
the rate has come to rest, and then it waits. It says nothing of how well it does: nothing is measured beside a game.
"""

from random import Random

from msgspec.structs import replace

from game.realm.plain_talk import ACTS, Remark, dialogue, load_plain_talk, remark_of, risk_of
from game.realm.rules import Rules
from game.realm.talk import DANGER, DIRECTION, SHARES, TALK, Utterance, load_talk, wanted
from game.realm.tongues import PLAIN
from perception.chat import check_frame
from perception.chat_files import check_window
from perception.errors import ModelError
from perception.messages import (
    Attune,
    Burn,
    Export,
    FromMind,
    Lesson,
    Mark,
    Progress,
    Ready,
    Rewind,
    Scene,
    TakeOff,
    ToMind,
    Weigh,
    WriteLog,
)
from perception.model import Model
from perception.windows import context_length
from training.behaviours.dialogues import dialogues
from training.behaviours.file import question_of
from training.behaviours.lines import OTHER
from training.config import TeachConfig
from training.data.lessons import Asked, Journal
from training.heads.score import Score
from training.mind.mind import Mind, MindConfig
from training.mind.self_measurement import SelfMeasurement
from training.teach import Source, Teacher

# A step has few dialogues, in small parts: a real model takes a second for each, and an answer waits for a part.
TALKED_TO = TeachConfig(scenes=2, rehearse=1, parts=2, lr=3e-3, warmup=3, settle=120)
REALM = 0.6  # of the other talk that is rehearsed is talk in the realm
LINES = 240  # dialogues of other topics, of which some are rehearsed
UNMEASURED = Score(0.0, None, None, None, 0.0)  # is never said: see TalkMind.progress
NOT_HERE = (WriteLog, Weigh, Mark, Rewind, Burn, TakeOff, Attune, Export)


def check_chat(model: Model) -> None:
    """Raises ModelError for a model that can't be talked to."""
    remedy = "give a chat model in plain English, smollm2 say"
    if not getattr(model.tokenizer, "chat_template", None):
        raise ModelError(f"--model {model.place}: has no chat template; {remedy}")
    if model.tongue != PLAIN.name:
        raise ModelError(f"--model {model.place}: is spoken to in the tongue {model.tongue!r}; {remedy}")
    check_window(context_length(model.net), model.place)
    check_frame(model.tokenizer, model.place)


class TalkSource:
    """What a step trains on: so many of the player's lessons, as many dangers of the realm, and other talk. Called as
    `training.teach.Source`."""

    def __init__(self, journal: Journal, rules: Rules, seed: int) -> None:
        self._journal, self._talk, self._plain = journal, load_talk(), load_plain_talk()
        self._directions = rules.directions
        self._things = sorted({thing for _, things in rules.places for thing in things})
        self._dangers = [(when, thing) for when, things in self._talk.danger.items() for thing in things]
        self._lines = [line for line in dialogues(LINES, seed, held=False) if line.kind == OTHER]

    def __call__(self, rng: Random, scenes: int, rehearse: int) -> list[Asked]:
        lessons = [self._lesson(rng, rng.choice(self._journal.lessons)) for _ in range(scenes)]
        dangers = [self._danger(rng) for _ in range(scenes)]  # as many: else it learns to take every direction
        return [*lessons, *dangers, self._other(rng)] if rehearse else lessons

    def _lesson(self, rng: Random, lesson: Lesson) -> Asked:
        """What was said and the reply that was right, dreamt: in other words, of another direction, at another hour and
        under another sky that make the place no more and no less dangerous. What isn't understood is repeated.
        """
        (question,), (answer,) = lesson.scene.questions, lesson.answers
        columns = [self._plain.candidates(column) for column in range(self._plain.columns)]
        remark = remark_of(self._talk, self._plain, lesson.scene)
        if remark is None or question.candidates not in columns:
            return Asked(lesson.scene.text, ((question, str(answer)),))
        risk = risk_of(self._talk, remark)
        skies = [Remark(time, weather, remark.thing, remark.said) for time, weather in self._skies]
        sky = rng.choice([one for one in skies if risk_of(self._talk, one) == risk])
        dream = Remark(sky.time, sky.weather, remark.thing, self._said(rng, remark.said.kind))
        scene, reply = self._replied(rng, dream, ACTS[question.candidates.index(str(answer))])
        return Asked(scene.text, ((scene.questions[0], reply),))

    def _danger(self, rng: Random) -> Asked:
        when, thing = rng.choice(self._dangers)
        skies = [(time, weather) for time, weather in self._skies if when in (time, weather)]
        return self._rehearsed(rng, Remark(*rng.choice(skies), thing, self._said(rng, DIRECTION)), DANGER)

    def _other(self, rng: Random) -> Asked:
        """An opinion asked for, a question or small talk, in the realm; or a dialogue of another topic."""
        if rng.random() >= REALM:
            line = rng.choice(self._lines)
            return Asked(line.context, (), ((question_of(line), line.answer),))
        kind = rng.choice([kind for kind, _ in SHARES if kind != DIRECTION])
        sky, thing = rng.choice(self._skies), rng.choice(self._things)
        return self._rehearsed(rng, Remark(*sky, thing, self._said(rng, kind)), kind)

    @property
    def _skies(self) -> list[tuple[str, str]]:
        return [(time, weather) for time in self._plain.time for weather in self._plain.sky]

    def _said(self, rng: Random, kind: str) -> Utterance:
        return Utterance(kind, rng.randrange(self._talk.trained[kind]), rng.choice(self._directions))

    def _rehearsed(self, rng: Random, remark: Remark, kind: str) -> Asked:
        scene, reply = self._replied(rng, remark, wanted(self._talk, kind, listening=False))
        return Asked(scene.text, (), ((scene.questions[0], reply),))

    def _replied(self, rng: Random, remark: Remark, act: str) -> tuple[Scene, str]:
        scene = dialogue(self._talk, self._plain, remark, rng.randrange(self._plain.columns))
        return scene, scene.questions[0].candidates[ACTS.index(act)]


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

    def __init__(self, model: Model, config: MindConfig, rules: Rules, like: Mind | None = None) -> None:
        super().__init__(model, config, rules, like)
        self.records = False  # nobody looks at its heads, and what they did takes a third of an answer's time

    def _as_it_came(self) -> Model:
        return self.model  # nobody asks: a copy would take as much memory again

    def _measurement(self, like: Mind | None) -> SelfMeasurement:
        return Unmeasured()

    def _new_teacher(self, journal: Journal) -> Teacher:
        source: Source = TalkSource(journal, self.rules, self.config.seed)
        return Teacher(self.model, self.config.teach, self.rules, journal, source)

    @property
    def ready(self) -> Ready:
        """It has its own eyes alone, takes no charms, and all its heads practise."""
        return replace(super().ready, eyes=("you",), burns=None, attunes=False)

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
        if asks != [TALK] or None in lesson.answers:
            raise ValueError("a lesson for who is talked to has one question, which is talk, and its answer")
        return super()._teach(lesson)
