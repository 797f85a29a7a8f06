"""A mind that needs no model: it answers scenes by a function, on a script. For tests of the game and for its bot."""

import math
from collections import deque
from collections.abc import Callable

from game.realm.rules import Rules
from perception.messages import (
    Attune,
    Export,
    Eyes,
    FromMind,
    Gaze,
    Glance,
    HeadActivity,
    Mark,
    Perceive,
    Percept,
    Practise,
    Progress,
    Question,
    Ready,
    RestorePoint,
    RestorePoints,
    Rewind,
    Scene,
    Teach,
    ToMind,
    Weigh,
    Weights,
    WriteLog,
    Written,
)

LAYERS, HEADS = 8, 8
Believe = Callable[[Scene], list[dict[str, float]]]


def blind(scene: Scene) -> list[dict[str, float]]:
    """Believes in nothing."""
    return [{} for _ in scene.questions]


def everywhere(species: str, belief: float) -> Believe:
    """Believes in one species everywhere, this much."""
    return lambda scene: [{species: belief} for _ in scene.questions]


def by_traces(rules: Rules) -> Believe:
    """Believes what two traces of one species at a place mean: what a mind is to learn."""
    omens = rules.omens()

    def believe(scene: Scene) -> list[dict[str, float]]:
        beliefs = []
        for question in scene.questions:
            owners = [omens.get(event.thing) for event in scene.events if event.place == question.place]
            counts = {name: owners.count(name) for name in rules.species}
            best = max(counts, key=lambda name: counts[name])
            beliefs.append({best: 0.96} if counts[best] > 1 else {best: 0.1} if counts[best] else {})
        return beliefs

    return believe


class StubMind:
    """Answers at once (or after `delay` polls). `learning`: beliefs grow with practice, as a real mind's might.
    seer: what a born seer believes, if there is one to borrow eyes from.
    """

    keeps_lessons = False

    def __init__(
        self,
        believe: Believe = blind,
        state: str = "awake",
        delay: int = 0,
        learning: bool = False,
        seer: Believe | None = None,
    ) -> None:
        self.believe, self.state, self.delay, self.learning = believe, state, delay, learning
        self.seer = seer
        self.talk = "suggest"  # how it answers a direction
        self.misread: dict[str, str] = {}  # what it reads instead of what is there
        self._rests: list[RestorePoint] = [RestorePoint(0, 0, 0)]
        self.sent: list[ToMind] = []
        self._ready: deque[FromMind] = deque()
        self._waiting: deque[tuple[int, Percept]] = deque()
        self._polls = 0
        self._step = self._lessons = self._shown = self._empties = 0
        self._practising, self._attuned = False, tuple[int, ...]()
        if state == "awake":
            eyes: tuple[Eyes, ...] = ("you", "blind", "seer") if seer else ("you", "blind")
            self._ready += [Ready("stub", "cpu", LAYERS, HEADS, "terse", 0, eyes, attunes=True), self._progress()]

    @property
    def skill(self) -> float:
        """0..1: how much of what it was taught it has learnt."""
        return (1 - math.exp(-self._step / 15)) * min(1.0, self._shown / 8) if self.learning else 1.0

    def send(self, message: ToMind) -> bool:
        """Takes a message; answers appear at later polls."""
        self.sent.append(message)
        if self.state != "awake":
            return False
        if isinstance(message, Perceive):
            self._waiting.append((self._polls + self.delay, self._percept(message)))
        elif isinstance(message, Teach):
            answers = [answer for answer in message.lesson.answers if answer]
            self._lessons += 1
            self._shown += sum(answer != "nothing" for answer in answers)
            self._empties += sum(answer == "nothing" for answer in answers)
            self._ready.append(self._progress())
        elif isinstance(message, Practise):
            self._practising = message.on
        elif isinstance(message, WriteLog | Export):
            self._ready.append(Written(message.path))
        elif isinstance(message, Attune):
            self._attuned = message.heads
            self._ready.append(self._progress())
        elif isinstance(message, Mark | Rewind):
            self._turn(message)
        elif isinstance(message, Weigh):
            count = LAYERS * HEADS
            worth = tuple(0.3 * self.skill * (0.5 + 0.5 * math.sin(i * 1.7)) ** 10 for i in range(count))
            self._ready += [Weights(self._step, 12, count), Weights(self._step, count, count, 0.8, worth, worth[::-1])]
        return True

    def _turn(self, message: Mark | Rewind) -> None:
        if isinstance(message, Mark):
            self._rests.append(RestorePoint(self._rests[-1].number + 1, self._step, self._lessons, message.label))
        else:
            self._step = next(rest.step for rest in self._rests if rest.number == message.to)
            self._ready.append(self._progress())
        self._ready.append(RestorePoints(tuple(self._rests)))

    def poll(self) -> list[FromMind]:
        """What has come; practises a step per poll while told to."""
        self._polls += 1
        if self.state != "awake":
            return []
        if self._practising and self.learning and self._polls % 6 == 0:
            self._step += 1
            if self._step % 5 == 0:
                self._ready.append(self._progress())
        while self._waiting and self._waiting[0][0] <= self._polls:
            self._ready.append(self._waiting.popleft()[1])
        heard = list(self._ready)
        self._ready.clear()
        return heard

    def close(self) -> None:
        """Ends it."""
        self.state = "dead"

    def _percept(self, message: Perceive) -> Percept:
        scene, beliefs = message.scene, []
        by_eyes: dict[str, Believe] = {"you": self.believe, "blind": blind, "seer": self.seer or blind}
        skill = self.skill if message.eyes == "you" else 1.0
        for question, believed in zip(scene.questions, by_eyes[message.eyes](scene), strict=True):
            if question.ask != "sense":
                believed, share = {self._ordinary(scene, question): 1.0}, 1.0
            else:
                share = skill
            known = {word: p * share for word, p in believed.items()}
            rest = 1 - sum(known.values())
            beliefs.append(tuple(known.get(word, rest if word == "nothing" else 0.0) for word in question.candidates))
        seen = None if message.head is None else self._gaze(scene, message.head)
        return Percept(scene.id, tuple(beliefs), self._heads(), 0.05, message.eyes, message.ticket, seen)

    def _ordinary(self, scene: Scene, question: Question) -> str:
        """What is there to be read, as this mind reads it; and what it says when it is talked to."""
        if question.ask == "talk":
            return self.talk
        things = {event.sense: event.thing for event in scene.events if event.place == question.place}
        word = things.get(question.ask, "none")
        return self.misread.get(word, word)

    def _gaze(self, scene: Scene, head: int) -> Gaze:
        """A head that looks at the questions place, the more the higher its index is."""
        places = tuple(dict.fromkeys(event.place for event in scene.events))
        own = 0.2 + 0.6 * head / (LAYERS * HEADS)
        mass = {place: tuple(own if other == place else 0.02 for other in places) for place in places}
        questions = [question for question in scene.questions if question.place in mass]
        glances = tuple(Glance(question.ask, question.place, mass[question.place]) for question in questions)
        return Gaze(head, places, glances, (("hum", own / 2), (".", 0.1)))

    def _heads(self) -> HeadActivity:
        count = LAYERS * HEADS
        activity = tuple(0.02 + 0.25 * (0.5 + 0.5 * math.sin(i * 2.3 + self._polls * 0.03)) ** 4 for i in range(count))
        cue = tuple((0.5 + 0.5 * math.sin(i * 1.3)) ** 6 for i in range(count))
        return HeadActivity(LAYERS, HEADS, activity, cue, self._change())

    def _change(self) -> tuple[float, ...]:
        return tuple(
            0.3 * self.skill * (0.5 + 0.5 * math.sin(i * 1.9)) ** 8 if self.learning else 0.0 for i in range(64)
        )

    def _progress(self) -> Progress:
        skill = self.skill
        return Progress(
            self._step, self._lessons, self._shown, self._empties, self._practising, 2.3 * (1 - skill), 4.2,
            0.02 + 0.9 * skill, 0.02 + 0.02 * skill, 3.4 * skill, 0.995 - 0.005 * skill, self._change(),
            attuned=self._attuned,
        )  # fmt: skip
