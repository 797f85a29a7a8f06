"""The familiar. It is told where to go; the mind says what it answers; what the player thinks of that is a lesson.

The world hears only what follows: ("send", direction), then ("heed", True or False). A familiar that wasn't taught
answers every way with a better one. Praise keeps its answer; "do as I say" teaches it to go.
"""

from collections import deque
from dataclasses import dataclass, field

from game.journey.mind_client import MindClient
from game.realm.scene import View
from game.realm.talk import DIRECTION, TALK, Talk, Utterance, addressed, load_talk
from game.ui import words
from perception.messages import Lesson, Scene

NAME = "familiar"
SOURCE = "listen"  # of lessons in listening
HEEDS = ("accept",)  # acts that mean going
HARMED = "refuse"  # what is right where going did harm
JUDGED_WITHIN = 20.0  # s after an answer that it may be praised or corrected
LAST = 8  # answers remembered
ANSWERS = {
    "accept": "It looks where you point, and goes.",
    "suggest": "It sits down. It would rather go {other}, and says so.",
    "refuse": "It digs in its heels. Not there.",
    "offer": "It looks at you, then {other}, then at you. You choose.",
    "tell": "It tells you all about the {kind}. It doesn't move.",
    "chat": "It leans against your leg. It hadn't noticed that you wanted something.",
}
LOST = "It tilts its head. It hasn't understood."


@dataclass
class Order:
    """Where it was told to go. act: what it answered, empty until it has; until: s, the game's clock, till when it may
    be judged."""

    direction: str
    kind: str
    other: str  # the way that it likes better
    scene: Scene
    act: str = ""
    until: float = 0.0
    judged: bool = False


@dataclass
class Companion:
    """Orders, answers, lessons. acts: what it answered lately; lessons: in listening, on this journey."""

    mind_client: MindClient
    talk: Talk = field(default_factory=load_talk)
    order: Order | None = None
    acts: deque[str] = field(default_factory=lambda: deque(maxlen=LAST))
    lessons: int = 0
    _ticket: int = 0
    _told: int = 0

    @property
    def waiting(self) -> bool:
        """True while it thinks about an answer."""
        return self._ticket != 0

    def send(self, direction: str, view: View, kinds: dict[str, str]) -> bool:
        """Tells it to go to the place in a direction of this view; kinds: direction -> landmark. False: it can't be
        asked now, because it thinks or no mind is there."""
        if self.waiting or direction not in kinds:
            return False
        said = Utterance(DIRECTION, self._told % self.talk.trained[DIRECTION], direction)
        scene = addressed(view.scene, self.talk, said)
        self._ticket = self.mind_client.inquire(scene)
        if not self._ticket:
            return False
        ways = sorted(kinds)
        self._told += 1
        other = ways[(ways.index(direction) + 1 + self._told % max(1, len(ways) - 1)) % len(ways)]
        self.order = Order(direction, kinds[direction], other, scene)
        return True

    def hear(self, seconds: float) -> tuple[bool, str] | None:
        """Once per answer: (whether it goes, what the player sees of that). None while there is nothing new."""
        if not self._ticket or self.order is None:
            return None
        answer = self.mind_client.answered(self._ticket)
        if answer is None:
            if self.mind_client.awaited(self._ticket):
                return None
            self._ticket, self.order = 0, None
            return False, LOST
        self._ticket, order = 0, self.order
        order.act, order.until = answer.best(TALK, order.direction), seconds + JUDGED_WITHIN
        self.acts.append(order.act)
        return order.act in HEEDS, ANSWERS[order.act].format(other=order.other, kind=order.kind)

    def judge(self, right: bool, seconds: float) -> str:
        """Praises its last answer, or says that it should have gone. Returns what the player sees of that, or
        nothing.
        """
        order = self.order
        if not self.judgeable(seconds) or order is None:
            return ""
        order.judged = True
        self._teach(order, order.act if right else HEEDS[0])
        return "It is pleased with itself." if right else "It looks where you had pointed. It will remember."

    def judgeable(self, seconds: float) -> bool:
        """True while its last answer may be praised or corrected."""
        return self.order is not None and bool(self.order.act) and not self.order.judged and seconds < self.order.until

    def harmed(self) -> None:
        """It went where it should not have: that is the lesson."""
        if self.order is not None:
            self.order.judged = True
            self._teach(self.order, HARMED)

    def _teach(self, order: Order, act: str) -> None:
        self.lessons += 1
        self.mind_client.teach(Lesson(order.scene, (act,), SOURCE))

    def listens(self) -> str:
        """How well it has listened lately, in words."""
        if not self.acts:
            return "It waits to be told something."
        went = sum(act in HEEDS for act in self.acts)
        if len(self.acts) == 1:
            return "The last time it went where you said." if went else "The last time it did not go where you said."
        often = {0: "never", 1: "once", len(self.acts): "every time"}.get(went, f"{words.count(went)} times")
        return f"Of the last {words.count(len(self.acts))} times it went where you said {often}."
