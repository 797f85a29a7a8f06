"""What is told of a journey: what people say, what the world reveals and what that means, first sights, lessons.

Journey builds on it; here is what comes out of the world, there what goes in.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from game.art.frame_state import haunt
from game.journey.chronicle import Chronicle, Entry
from game.journey.companion import Companion
from game.journey.first_sights import Firsts
from game.journey.mind_client import Mind, MindClient
from game.realm.happenings import Action, Came, Happening, Revealed, Said, Turn
from game.realm.replay import ActionLog
from game.realm.rules import NOTHING
from game.realm.scene import View, lesson
from game.realm.world import World
from game.ui import words
from game.ui.announcements import POINTING, Pace, Pointed, Sighting, Speech

SLIPPING, LOST = 0.97, 0.9  # groundedness (0..1) below which people notice, and below which they worry
STREAKS = (3, 5, 8, 12, 20, 30, 50)  # names right in a row that are worth a word
GREETED = ("idle", "told", "given", "early")  # when people find time to remark on how one looks at them
CAME = "It has come to the {kind}, and looks back to see whether you saw."
SWEPT = "The river takes it off its feet. Lower down it climbs out, and does not look at you."
FOUND = "Nobody pointed: you saw it."


@dataclass
class Narrator:
    """World and mind, and what has been said and seen between them."""

    world: World
    mind: Mind
    past: ActionLog | None = None  # what led to this world, if the journey goes on
    sight: MindClient = field(init=False)
    firsts: Firsts = field(default_factory=Firsts)
    chronicle: Chronicle = field(default_factory=Chronicle)
    companion: Companion = field(init=False)
    speech: Speech | None = None
    pace: Pace = field(default_factory=Pace)  # of what is said from now on
    pointed: list[Pointed] = field(default_factory=list)
    seconds: float = 0.0  # the clock of animations and speech
    shown: int = 0  # spirits that a seer pointed at, or that were touched or named
    lent: bool = False  # one looks through other eyes just now
    wants: str = ""  # a screen that should open by itself: "ending"
    _lines: "deque[tuple[str, str]]" = field(default_factory=deque)
    _noted: Sighting | None = None

    def __post_init__(self) -> None:
        self.sight = MindClient(self.mind)
        self.companion = Companion(self.sight)

    @property
    def known(self) -> int:
        """Spirits shown on this journey, as far as game or mind remember."""
        return max(self.shown, self.sight.progress.shown if self.sight.progress else 0)

    def day(self, tick: int) -> int:
        """Which day of the journey a tick belongs to, from 1."""
        rules = self.world.rules
        hours = tick / (rules.ticks_per_second * rules.seconds_per_hour)
        return int((self.world.start_hour + hours) // 24) + 1

    def say(self, who: str, text: str) -> None:
        """Shows a speech from now on."""
        self.speech = Speech(who, text, self.seconds, self.pace)

    def tell(self, who: str, lines: Sequence[str]) -> None:
        """Shows several speeches, one after the other."""
        self._lines = deque((who, line) for line in lines[1:])
        self.say(who, lines[0])

    def _add(self, text: str) -> None:
        """Says one thing more, in the same breath if something is being said in this very moment."""
        if text:
            fresh = self.speech is not None and self.speech.since == self.seconds and not self.speech.who
            self.say("", f"{self.speech.text} {text}" if fresh and self.speech else text)

    def _read_on(self) -> None:
        """A speech that is over makes room for the next."""
        if self.speech and self.speech.over(self.seconds):
            self.speech = None
        if self.speech is None and self._lines:
            self.say(*self._lines.popleft())

    def _happened(self, happening: Happening, view: View | None, actions: Sequence[Action]) -> None:
        """view: the scene before the tick in which this happened, and what was done in it."""
        named = any(action[0] == "name" for action in actions)
        if isinstance(happening, Said):
            self._lines.clear()
            self.say("" if named else happening.who, happening.text)
        elif isinstance(happening, Revealed):
            self._revealed(happening, view, actions)
        elif isinstance(happening, Turn):
            self._turned(happening)
        elif isinstance(happening, Came):
            if happening.swept:
                self.companion.harmed()
            text = SWEPT if happening.swept else CAME
            self.say("", text.format(kind=self.world.map.places[happening.place].kind))

    def _revealed(self, told: Revealed, view: View | None, actions: Sequence[Action]) -> None:
        """The world told the truth about places: marks, firsts, a lesson."""
        places = self.world.map.places
        until = self.seconds + POINTING
        guess = next((action[2] for action in actions if told.source == action[0] == "name"), None)
        for place, answer in told.truth:
            self.pointed.append(Pointed(*haunt(places[place]), answer, until, told.source))
            proven = told.source == "touch" or guess == answer
            if self.firsts.reveal(place, answer, self.sight.belief(place), proven, self.seconds):
                self._chronicle(place, answer, True)
                self._add(FOUND)
            if told.source == "touch" and answer == NOTHING:
                self.sight.prove_empty(place, self.seconds)
        streak = self.world.quests.tally.streak
        if guess is not None and streak in STREAKS:
            self._add(f"{words.count(streak).capitalize()} names right in a row.")
        self.shown += sum(answer != NOTHING for _, answer in told.truth)
        taught = lesson(view, told) if view else None
        if taught is not None:
            self.sight.teach(taught)

    def _turned(self, turn: Turn) -> None:
        """An errand moved, or somebody answered."""
        if turn.stage == "ended":
            self.wants = "ending"
        elif turn.who:
            remark = self._remark() if turn.stage in GREETED else ()
            self.tell(turn.who, (*remark, *turn.lines))
        else:
            self._add(turn.lines[0])

    def _remark(self) -> tuple[str, ...]:
        """What people say first to somebody who misreads the ordinary."""
        grounded, remarks = self.sight.grounded, self.world.quests.book.remarks
        if grounded is None or grounded >= SLIPPING:
            return ()
        lines = remarks.lost if grounded < LOST else remarks.slipping
        return (lines[self.world.tick // 300 % len(lines)],)

    def _note_sight(self) -> None:
        """The chronicle follows first sights."""
        seen = self.firsts.now
        if seen is not None and seen is not self._noted:
            self._noted = seen
            self._chronicle(seen.place, seen.species, False)

    def _chronicle(self, place: int, species: str, proven: bool) -> None:
        spot, world = self.world.map.places[place], self.world
        d_prime = self.sight.progress.d_prime if self.sight.progress else None
        day = self.day(world.tick)
        self.chronicle.saw(Entry(species, day, world.hour, spot.kind, spot.region, d_prime, proven))
