"""The game's side of the talk with a mind: what it is asked, what it believes, how far it has learnt.

A mind says Ready and then Progress when it wakes: from its count of lessons the game knows which ones it lacks.
Nothing here waits. A mind that wakes, restarts or is dead only means that beliefs fade: without a mind nobody sees.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from game.realm.rules import NOTHING
from game.realm.scene import View
from game.realm.tongues import TONGUES
from perception.messages import (
    FromMind,
    HeadActivity,
    Lesson,
    Perceive,
    Percept,
    Practise,
    Progress,
    Ready,
    Teach,
    ToMind,
    Trouble,
    Written,
)

ASK_EVERY = 1 / 8  # s: at most so often
ASK_AGAIN = 1 / 4  # s: the same scene again, because the mind may have learnt meanwhile
PATIENCE = 6.0  # s: an answer that takes longer is given up
RISE = 0.3  # s: how fast what is shown follows what is believed
FADE = 0.9  # s: how fast a place that is out of the scene fades
HISTORY = 4000  # points of the learning curve kept
PROVEN = 20.0  # s: how long a phantom wavers after a touch proved its place empty


class Mind(Protocol):
    """What the game needs of a mind (perception.link.Link, or a stand-in). Nothing here may block."""

    @property
    def state(self) -> str:
        """waking, awake, restarting or dead."""
        ...

    def send(self, message: ToMind) -> object:
        """Leaves a message for the mind."""
        ...

    def poll(self) -> Sequence[FromMind]:
        """What has come since the last poll."""
        ...


@dataclass
class _Asked:
    view: View
    when: float


class Sight:
    """Beliefs by place, and everything a mind has told."""

    def __init__(self, mind: Mind) -> None:
        self.mind = mind
        self.ready: Ready | None = None
        self.heads: HeadActivity | None = None
        self.progress: Progress | None = None
        self.history: deque[Progress] = deque(maxlen=HISTORY)
        self.notes: deque[str] = deque(maxlen=8)  # lines for the player: troubles, files written
        self.journal: list[Lesson] = []
        self.answers = 0
        self._asked: _Asked | None = None
        self._last: tuple[float, tuple] = (-1e9, ())
        self.view: View | None = None  # the scene that was answered last
        self.aim: dict[int, dict[str, float]] = {}  # its beliefs, by place: species -> 0..1
        self._shown: dict[int, dict[str, float]] = {}
        self._proven: dict[int, float] = {}
        self._practising = False
        self._before: int | None = None  # lessons the mind held when it first woke
        self._owing = True  # it has not said yet how many it holds

    @property
    def tongue(self) -> str:
        """The tongue that the mind wants its scenes in; terse if the realm doesn't speak that."""
        return self.ready.tongue if self.ready and self.ready.tongue in TONGUES else "terse"

    def wants_scene(self, now: float) -> bool:
        """True when a scene may be sent: the mind is awake and owes no answer (now: s, monotonic)."""
        if self._asked and now - self._asked.when > PATIENCE:
            self._asked = None
        heard = self.mind.state == "awake" and self.ready is not None  # before Ready its tongue isn't known
        return heard and self._asked is None and now - self._last[0] >= ASK_EVERY

    def ask(self, view: View, now: float) -> None:
        """Sends a scene, unless it is what was just asked."""
        gist = (tuple(view.places.items()), frozenset((e.sense, e.place, e.thing) for e in view.scene.events))
        if gist == self._last[1] and now - self._last[0] < ASK_AGAIN:
            return
        self._asked, self._last = _Asked(view, now), (now, gist)
        self.mind.send(Perceive(view.scene))

    def teach(self, lesson: Lesson) -> None:
        """Keeps a lesson in the journal and hands it to the mind; one that isn't there gets it when it wakes."""
        self.journal.append(lesson)
        if not self._owing and self.mind.state == "awake":
            self.mind.send(Teach(lesson))

    def _catch_up(self, held: int) -> None:
        """A mind that woke says how many lessons it holds: what it missed, or lost when it died, is taught now."""
        self._owing = False
        self._before = held if self._before is None else self._before
        missing = min(self._before + len(self.journal) - held, len(self.journal))
        for lesson in self.journal[len(self.journal) - max(0, missing) :]:
            self.mind.send(Teach(lesson))

    def practise(self, on: bool) -> None:
        """Tells the mind to start or stop practising, if that is a change."""
        if on != self._practising:
            self._practising = on
            self.mind.send(Practise(on))

    def prove_empty(self, place: int, now: float) -> None:
        """A touch found nobody there: what is still believed there wavers."""
        self._proven[place] = now + PROVEN

    def hear(self) -> None:
        """Takes in what the mind has said."""
        if self.mind.state != "awake":
            self._asked = None
            self.aim = {}
        for message in self.mind.poll():
            self._take(message)

    def _take(self, message: FromMind) -> None:
        if isinstance(message, Percept):
            self._perceived(message)
        elif isinstance(message, Progress):
            self.progress = message
            self.history.append(message)
            if self._owing and self.ready is not None:
                self._catch_up(message.lessons)
        elif isinstance(message, Ready):
            self.ready, self._asked, self._owing = message, None, True
            if message.tongue not in TONGUES:
                self.notes.append(f"The mind wants the tongue {message.tongue!r}; the realm speaks terse")
        elif isinstance(message, Written):
            self.notes.append(f"Written: {message.path}")
        elif isinstance(message, Trouble):
            self.notes.append(message.text.splitlines()[0][:160] if message.text else "trouble")

    def _perceived(self, percept: Percept) -> None:
        self.heads = percept.heads
        if self._asked is None or percept.scene != self._asked.view.scene.id:
            return
        view, self._asked = self._asked.view, None
        self.answers += 1
        aim = {}
        for question, belief in zip(view.scene.questions, percept.beliefs, strict=False):
            if question.ask == "sense" and question.place in view.places:
                known = zip(question.candidates, belief, strict=False)
                aim[view.places[question.place]] = {word: p for word, p in known if word != NOTHING}
        self.view, self.aim = view, aim

    def settle(self, dt: float) -> None:
        """Lets what is shown follow what is believed; dt in s."""
        for place in set(self.aim) - set(self._shown):
            self._shown[place] = {}
        for place in sorted(self._shown):
            shown, aim = self._shown[place], self.aim.get(place)
            share = 1 - math.exp(-dt / (FADE if aim is None else RISE))
            for word in [*shown, *(w for w in aim or () if w not in shown)]:
                goal = (aim or {}).get(word, 0.0)
                shown[word] = shown.get(word, 0.0) + (goal - shown.get(word, 0.0)) * share
            if aim is None and max(shown.values(), default=0.0) < 0.01:
                del self._shown[place]

    def belief(self, place: int) -> tuple[str, float]:
        """The species most believed to be at a place and how much (0..1), as it is shown; ("", 0) if none."""
        shown = self._shown.get(place)
        if not shown:
            return "", 0.0
        species = max(shown, key=lambda word: shown[word])
        return species, shown[species]

    def places(self) -> list[int]:
        """Places about which something is believed."""
        return sorted(self._shown)

    def wavers(self, place: int, now: float) -> bool:
        """True for a while after a touch proved the place empty."""
        return now < self._proven.get(place, -1e9)
