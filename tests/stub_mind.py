"""A mind that needs no model: it answers scenes by a function, on a script. For tests of the game and for its bot."""

import math
from collections import deque
from collections.abc import Callable

from game.realm.rules import Rules
from perception.messages import (
    FromMind,
    HeadActivity,
    Perceive,
    Percept,
    Practise,
    Progress,
    Ready,
    Scene,
    Teach,
    ToMind,
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
    """Answers at once (or after `delay` polls). `learning`: beliefs grow with practice, as a real mind's might."""

    def __init__(self, believe: Believe = blind, state: str = "awake", delay: int = 0, learning: bool = False) -> None:
        self.believe, self.state, self.delay, self.learning = believe, state, delay, learning
        self.sent: list[ToMind] = []
        self._ready: deque[FromMind] = deque()
        self._waiting: deque[tuple[int, Percept]] = deque()
        self._polls = 0
        self._step = self._lessons = self._shown = self._empties = 0
        self._practising = False
        if state == "awake":
            self._ready += [Ready("stub", "cpu", LAYERS, HEADS, "terse", 0), self._progress()]

    @property
    def skill(self) -> float:
        """0..1: how much of what it was taught it has learnt."""
        return (1 - math.exp(-self._step / 60)) * min(1.0, self._shown / 10) if self.learning else 1.0

    def send(self, message: ToMind) -> bool:
        """Takes a message; answers appear at later polls."""
        self.sent.append(message)
        if self.state != "awake":
            return False
        if isinstance(message, Perceive):
            self._waiting.append((self._polls + self.delay, self._percept(message.scene)))
        elif isinstance(message, Teach):
            answers = [answer for answer in message.lesson.answers if answer]
            self._lessons += 1
            self._shown += sum(answer != "nothing" for answer in answers)
            self._empties += sum(answer == "nothing" for answer in answers)
            self._ready.append(self._progress())
        elif isinstance(message, Practise):
            self._practising = message.on
        elif isinstance(message, WriteLog):
            self._ready.append(Written(message.path))
        return True

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

    def _percept(self, scene: Scene) -> Percept:
        beliefs = []
        for question, believed in zip(scene.questions, self.believe(scene), strict=True):
            known = {word: p * self.skill for word, p in believed.items()}
            rest = 1 - sum(known.values())
            beliefs.append(tuple(known.get(word, rest if word == "nothing" else 0.0) for word in question.candidates))
        return Percept(scene.id, tuple(beliefs), self._heads(), 0.05)

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
        )  # fmt: skip
