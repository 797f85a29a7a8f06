"""The game's side of the talk with a mind: questions, beliefs, and how far it has learnt.

A mind sends Ready and then Progress when it wakes. Its count of lessons tells the game which ones it lacks. Nothing
here waits. While a mind wakes, restarts or is dead, beliefs fade: without a mind nobody sees. Of a mind elsewhere that
comes back the last ones stay, and `age` says how old they are. The player may borrow other eyes for some seconds; what
those see is shown, but is no sight of the player's own.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from game.journey import answers
from game.journey.answers import Answer, Inquiries
from game.journey.belief_fader import BeliefFader
from game.journey.learning_curve import LearningCurve
from game.journey.mind_line import Mind
from game.realm.rules import NOTHING
from game.realm.scene import View
from game.realm.tongues import TONGUES
from perception.messages import (
    Export,
    Eyes,
    FromMind,
    Gaze,
    HeadActivity,
    Lesson,
    Mark,
    Perceive,
    Percept,
    Practise,
    Progress,
    Ready,
    RestorePoint,
    RestorePoints,
    Rewind,
    Scene,
    Teach,
    Trouble,
    Weigh,
    Weights,
    Written,
)  # fmt: skip

ASK_EVERY = 1 / 8  # s: at most so often
ASK_AGAIN = 1 / 4  # s: the same scene again, because the mind may have learnt meanwhile
PATIENCE = 6.0  # s: an answer that takes longer is given up
ASKED_MAX = 64  # scenes without an answer that are known
LONGEST_NOTE = 480  # letters of a mind's trouble that are shown
PROVEN = 20.0  # s: how long a phantom wavers after a touch proved its place empty
BORROWED = 8.0  # s that other eyes are lent
WARNINGS = {"grounding": "More of this practice blurs the ordinary. Walk, look and touch, or turn back to a rest."}
CLOUDED = "Your charms cloud the ordinary. A shrine takes them back."


@dataclass
class _Asked:
    view: View
    when: float
    eyes: Eyes = "you"


class MindClient:
    """Beliefs by place, and everything a mind has told. patience: s of play that an inquiry may take."""

    def __init__(self, mind: Mind, patience: float = answers.PATIENCE) -> None:
        self.mind = mind
        self.ready: Ready | None = None
        self.heads: HeadActivity | None = None  # your own
        self.others: dict[str, HeadActivity] = {}  # of borrowed eyes, as they were last
        self.head: int | None = None  # the head one looks into, and what it looks at
        self.gaze: Gaze | None = None
        self.weights: Weights | None = None  # the newest whole result, and how far the next one is
        self.weighing: Weights | None = None
        self.restore_points: tuple[RestorePoint, ...] = ()  # states one can turn back to, the day one came first
        self.progress: Progress | None = None
        self._curve = LearningCurve()
        self.notes: deque[str] = deque(maxlen=8)  # lines for the player: troubles, files written
        self.troubles = 0  # how many the mind has had
        self.journal: list[Lesson] = []
        self.answers = 0
        self.hides: Callable[[int], bool] = lambda place: False  # places about which other eyes tell nothing
        self._inquiries = Inquiries(mind.send, patience)
        self._borrowed: tuple[Eyes, float] = ("you", -1e9)  # whose eyes, until when
        self._asked: deque[_Asked] = deque(maxlen=ASKED_MAX)  # what isn't answered, newest last
        self._last: tuple[float, tuple] = (-1e9, ())
        self.view: View | None = None  # the scene that was answered last
        self.aim: dict[int, dict[str, float]] = {}  # its beliefs, by place: species -> 0..1
        self._seen = 0.0  # when it was sent
        self._fader = BeliefFader()
        self._proven: dict[int, float] = {}
        self._practising = False
        self._before: int | None = None  # lessons the mind held when it first woke
        self._owing = True  # it has not said yet how many it holds

    @property
    def tongue(self) -> str:
        """The tongue that the mind wants its scenes in; terse if the realm doesn't speak that."""
        return self.ready.tongue if self.ready and self.ready.tongue in TONGUES else "terse"

    def wants_scene(self, now: float) -> bool:
        """True when a scene may be sent: the mind is awake and owes no answer (now: s, monotonic). A mind elsewhere may
        have others to answer first: it takes the newest scene that waits, so that what it says is new."""
        if self._asked and now - self._asked[-1].when > PATIENCE:
            self._asked.clear()
        heard = self.mind.state == "awake" and self.ready is not None  # before Ready its tongue isn't known
        free = self.mind.keeps_lessons or not self._asked
        return heard and free and now - self._last[0] >= ASK_EVERY

    def ask(self, view: View, now: float) -> None:
        """Sends a scene, unless it is what was just asked."""
        sensed = frozenset((e.sense, e.place, e.thing) for e in view.scene.events)
        gist = (tuple(view.places.items()), sensed, self.head)  # another head is another question
        eyes: Eyes = self.borrowed(now) or "you"
        waits = bool(self._asked) and self._asked[-1].eyes == eyes
        if gist == self._last[1] and (waits or now - self._last[0] < ASK_AGAIN):
            return
        self._asked.append(_Asked(view, now, eyes))
        self._last = now, gist
        self.mind.send(Perceive(view.scene, eyes, head=self.head))

    def inquire(self, scene: Scene, eyes: Eyes = "you") -> int:
        """Asks any questions about any scene; nothing that is shown changes. A ticket, or 0 if nobody is there."""
        return self._inquiries.ask(scene, eyes) if self.mind.state == "awake" and self.ready is not None else 0

    def answered(self, ticket: int) -> Answer | None:
        """The answer to an inquiry, handed out once; None while it is awaited or when it is lost."""
        return self._inquiries.answered(ticket)

    def awaited(self, ticket: int) -> bool:
        """Whether an answer may still come."""
        return self._inquiries.awaited(ticket)

    def borrow(self, eyes: Eyes, now: float, seconds: float = BORROWED) -> bool:
        """Sees through other eyes until then; False if this mind has no such eyes. now: s, as for ask."""
        if self.ready is None or eyes not in self.ready.eyes or self.mind.state != "awake":
            return False
        self._borrowed, self._last = (eyes, now + seconds), (-1e9, ())
        return True

    def give_back(self) -> None:
        """Sees with the player's own eyes again."""
        self._borrowed, self._last = ("you", -1e9), (-1e9, ())

    def borrowed(self, now: float) -> Eyes | None:
        """Whose eyes are borrowed now; None with the player's own."""
        eyes, until = self._borrowed
        return eyes if now < until and eyes != "you" else None

    def weigh(self) -> None:
        """Asks what each head is worth, unless that is being measured."""
        if self.weighing is None and self.ready is not None and self.mind.state == "awake":
            self.weighing = Weights(self.ready.step, 0, self.ready.layers * self.ready.heads)
            self.mind.send(Weigh())

    def mark(self, label: str) -> None:
        """Lets the mind remember itself as it is now: a rest that it can be turned back to."""
        self.mind.send(Mark(label[:64]))

    def rewind(self, number: int) -> None:
        """Turns the mind back to a rest, or with 0 to the day it came."""
        self.mind.send(Rewind(number))

    def export(self, path: str) -> None:
        """Lets the mind write itself as a Hugging Face folder; notes tell when it is there."""
        self.mind.send(Export(path))

    @property
    def history(self) -> Sequence[Progress]:
        """The learning so far, oldest first; the newest is always there."""
        return self._curve.points

    @property
    def warning(self) -> str:
        """A line for the player when practice has begun to do harm, else ""."""
        words = WARNINGS.get(self.progress.warning, "") if self.progress else ""
        return CLOUDED if words and self.progress and self.progress.charms else words

    @property
    def grounded(self) -> float | None:
        """The share of ordinary questions that the mind answers rightly (0..1), as measured last."""
        return self.progress.mundane if self.progress else None

    def teach(self, lesson: Lesson) -> None:
        """Keeps a lesson in the journal and hands it to the mind; one that isn't there gets it when it wakes."""
        self.journal.append(lesson)
        if self.mind.keeps_lessons or (not self._owing and self.mind.state == "awake"):
            self.mind.send(Teach(lesson))

    def _catch_up(self, held: int) -> None:
        """A mind that woke says how many lessons it holds: what it missed, or lost when it died, is taught now."""
        self._owing = False
        if self.mind.keeps_lessons:
            return
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
            self._asked.clear()
            self.weighing = None
            if not (self.mind.keeps_lessons and self.mind.state == "restarting"):
                self.aim = {}
            self._inquiries.lose()
        for message in self.mind.poll():
            self._take(message)

    def _take(self, message: FromMind) -> None:
        if isinstance(message, Percept):
            self._perceived(message)
        elif isinstance(message, Progress):
            self._progressed(message)
        elif isinstance(message, Ready):
            self.ready, self._owing = message, True
            self._asked.clear()
            self.restore_points = (RestorePoint(0, 0, 0),)
            if message.tongue not in TONGUES:
                self.notes.append(f"The mind wants the tongue {message.tongue!r}; the realm speaks terse")
        elif isinstance(message, RestorePoints):
            self.restore_points = message.points
        elif isinstance(message, Weights):
            whole = message.done >= message.of
            self.weights, self.weighing = (message, None) if whole else (self.weights, message)
        elif isinstance(message, Written):
            self.notes.append(f"Written: {message.path}")
        elif isinstance(message, Trouble):
            self._troubled(message)

    def _troubled(self, trouble: Trouble) -> None:
        self.troubles += 1
        self._inquiries.lose(trouble.ticket)
        if any(query.eyes != "you" for query in self._asked):  # those eyes can't be looked through
            self._asked.clear()
            self.give_back()
        self.notes.append(trouble.text.splitlines()[0][:LONGEST_NOTE] if trouble.text.strip() else "trouble")

    def _progressed(self, progress: Progress) -> None:
        self.progress = progress
        self._curve.add(progress)
        if self._owing and self.ready is not None:
            self._catch_up(progress.lessons)

    def _perceived(self, percept: Percept) -> None:
        if percept.ticket:
            self._inquiries.take(percept)
            return
        if percept.eyes == "you":
            measured = percept.heads.activity or self.heads is None  # a mind with many players doesn't always say
            self.heads, self.gaze = percept.heads if measured else self.heads, percept.gaze
        else:
            self.others[percept.eyes] = percept.heads
        ids = [(query.view.scene.id, query.eyes) for query in self._asked]
        if (percept.scene, percept.eyes) not in ids:
            return
        for _ in range(ids.index((percept.scene, percept.eyes)) + 1):  # older ones were left out
            pending = self._asked.popleft()
        view = pending.view
        self.answers += 1
        aim = {}
        for question, belief in zip(view.scene.questions, percept.beliefs, strict=False):
            place = view.places.get(question.place)
            if question.ask == "sense" and place is not None and not (pending.eyes != "you" and self.hides(place)):
                known = zip(question.candidates, belief, strict=False)
                aim[place] = {word: p for word, p in known if word != NOTHING}
        self.view, self.aim, self._seen = view, aim, pending.when

    def settle(self, dt: float) -> None:
        """Lets what is shown follow what is believed; dt in s."""
        self._inquiries.settle(dt)
        self._fader.settle(self.aim, dt)

    def belief(self, place: int) -> tuple[str, float]:
        """The species most believed to be at a place and how much (0..1), as it is shown; ("", 0) if none."""
        return self._fader.belief(place)

    def age(self, now: float) -> float | None:
        """s since what is shown was seen, while the mind is away; None while it is there, or nothing is shown."""
        return now - self._seen if self.aim and self.mind.state != "awake" else None

    def places(self) -> list[int]:
        """Places about which something is believed."""
        return self._fader.places()

    def wavers(self, place: int, now: float) -> float | None:
        """s since a touch proved the place empty; None if none did, or long ago."""
        left = self._proven.get(place, -1e9) - now
        return PROVEN - left if left > 0 else None
