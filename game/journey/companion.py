"""The familiar. It is told where to go; the mind says what it answers; what the player thinks of that is a lesson.

The world hears only what follows: ("send", direction), then ("heed", True or False). A familiar that wasn't taught
answers every way with a better one. Praise keeps its answer; "do as I say" teaches it to go.

It has the player's mind, or a mind of its own: a chat model that is spoken to in plain English and answers in whole
sentences. That one takes seconds for an answer. Whatever is said meanwhile last is what it hears next.
"""

from collections import deque
from dataclasses import dataclass, field

from game.journey.mind_client import MindClient
from game.journey.mind_line import Mind
from game.realm.plain_talk import ACTS, dialogue, load_plain_talk, remark_at
from game.realm.scene import describe, header
from game.realm.senses import in_sight
from game.realm.talk import DIRECTION, TALK, Talk, Utterance, addressed, load_talk
from game.realm.talk import words as spoken
from game.realm.tongues import PLAIN
from game.realm.view import PlayerView
from game.ui import words
from perception.messages import Lesson, Scene

NAME = "familiar"
SOURCE = "listen"  # of lessons in listening
HEEDS = ("accept",)  # acts that mean going
HARMED = "refuse"  # what is right where going did harm
JUDGED_WITHIN = 20.0  # s after an answer that it may be praised or corrected
LAST = 8  # answers remembered
PATIENCE = 300.0  # s of play that a mind of its own may take for an answer
ANSWERS = {
    "accept": "It looks where you point, and goes.",
    "suggest": "It sits down. It would rather go {other}, and says so.",
    "refuse": "It digs in its heels. Not there.",
    "offer": "It looks at you, then {other}, then at you. You choose.",
    "tell": "It tells you all about the {kind}. It doesn't move.",
    "chat": "It leans against your leg. It hadn't noticed that you wanted something.",
}
LOST = "It tilts its head. It hasn't understood."
THINKS = "It looks at you, and thinks ..."  # behind what was said
ASLEEP = "It blinks at you. It is not quite awake yet."
GONE = "It doesn't hear you. Who speaks for it is not there."


@dataclass
class Order:
    """What was said to it. act: what it answered, empty until it has; until: s, the game's clock, till when it may be
    judged."""

    said: Utterance
    kind: str
    other: str  # the way that it likes better
    scene: Scene
    acts: tuple[str, ...]  # of the question's candidates
    act: str = ""
    reply: str = ""  # the candidate that it chose
    until: float = 0.0
    judged: bool = False

    def candidate(self, act: str) -> str:
        """How this question's answers call an act."""
        return self.scene.questions[0].candidates[self.acts.index(act)]


@dataclass
class Companion:
    """Orders, answers, lessons. mind_client: of the mind that speaks for it; own: whether that is its own. acts: what
    it answered lately; lessons: in listening, on this journey."""

    mind_client: MindClient
    own: bool = False
    talk: Talk = field(default_factory=load_talk)
    order: Order | None = None
    acts: deque[str] = field(default_factory=lambda: deque(maxlen=LAST))
    lessons: int = 0
    _ticket: int = 0
    _told: int = 0
    _next: Order | None = None  # what was said while it thought
    _heard: float = 0.0  # s, the game's clock

    @property
    def notes(self) -> deque[str]:
        """Lines for the player from a mind of its own."""
        return self.mind_client.notes if self.own else deque()

    @property
    def waiting(self) -> bool:
        """True while it thinks about an answer."""
        return self._ticket != 0

    def say(self, world: PlayerView, direction: str, talk: str = DIRECTION) -> tuple[bool, str]:
        """Says something of this kind of talk about the place in a direction, if it is at the player's side. Whether it
        heard, and what the player sees of that, or nothing.
        """
        kinds, beside = ways(world), world.familiar_with and not world.familiar.away
        if direction not in kinds or not beside or (self.waiting and not self.own):
            return False, ""
        seen = describe(world, self.mind_client.tongue).scene
        said = Utterance(talk, self._told % self.talk.trained[talk], direction)
        scene, acts = addressed(seen, self.talk, said), self.talk.acts
        if self.own:
            remark = remark_at(header(world), seen.events, said)
            scene, acts = dialogue(self.talk, load_plain_talk(), remark, self._told, seen.id), ACTS
        others = sorted(kinds)
        step = 1 + (self._told + 1) % max(1, len(others) - 1)
        other = others[(others.index(direction) + step) % len(others)]
        order = Order(said, kinds[direction], other, scene, acts)
        if self.waiting:
            self._next = order
        elif not self._ask(order):
            return False, (GONE if self.mind_client.mind.state == "dead" else ASLEEP) if self.own else ""
        self._told += 1
        return True, f'"{spoken(PLAIN, self.talk, said)}" {THINKS}' if self.own else ""

    def _ask(self, order: Order) -> bool:
        self._ticket = self.mind_client.inquire(order.scene)
        self.order = order if self._ticket else self.order
        return self._ticket != 0

    def hear(self, seconds: float) -> tuple[bool | None, str] | None:
        """Once per answer: (whether it goes, what the player sees of that); None for whether, if it wasn't sent
        anywhere. None while there is nothing new. A mind of its own practises by itself."""
        if self.own:
            self.mind_client.practise(True)
            self.mind_client.hear()
            self.mind_client.settle(seconds - self._heard)
        self._heard = seconds
        if not self._ticket or self.order is None:
            return None
        answer, order = self.mind_client.answered(self._ticket), self.order
        if answer is None and self.mind_client.awaited(self._ticket):
            return None
        self._ticket, later, self._next = 0, self._next, None
        if later is not None and self._ask(later):
            return None
        if answer is None:
            self.order = None
            return False, LOST
        order.reply = answer.best(TALK, order.said.place)
        order.act = order.acts[order.scene.questions[0].candidates.index(order.reply)]
        order.until = seconds + JUDGED_WITHIN
        return self._answered(order)

    def _answered(self, order: Order) -> tuple[bool | None, str]:
        seen = ANSWERS[order.act].format(other=order.other, kind=order.kind)
        if order.said.kind != DIRECTION:
            return None, f'"{order.reply}"'
        self.acts.append(order.act)
        return order.act in HEEDS, f'"{order.reply}" {seen}' if self.own else seen

    def judge(self, right: bool, seconds: float) -> str:
        """Praises its last answer, or says what it should have been. Returns what the player sees of that, or
        nothing."""
        order = self.order
        if not self.judgeable(seconds) or order is None:
            return ""
        order.judged = True
        wanted = HEEDS[0] if order.said.kind == DIRECTION else self.talk.base[order.said.kind]
        self._teach(order, order.act if right else wanted)
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
        self.mind_client.teach(Lesson(order.scene, (order.candidate(act),), SOURCE))

    def listens(self) -> str:
        """How well it has listened lately, in words."""
        if not self.acts:
            return "It waits to be told something."
        went = sum(act in HEEDS for act in self.acts)
        if len(self.acts) == 1:
            return "The last time it went where you said." if went else "The last time it did not go where you said."
        often = {0: "never", 1: "once", len(self.acts): "every time"}.get(went, f"{words.count(went)} times")
        return f"Of the last {words.count(len(self.acts))} times it went where you said {often}."


def companion_of(player: MindClient, own: Mind | None) -> Companion:
    """A familiar that a mind of its own speaks for, or the player's."""
    return Companion(player) if own is None else Companion(MindClient(own, PATIENCE), own=True)


def ways(world: PlayerView) -> dict[str, str]:
    """Direction -> landmark, of the places in sight: where the familiar can be sent."""
    return {direction: world.map.places[index].kind for direction, index in in_sight(world)}
