"""What comes out of the world, as words, marks and lessons: what people say, what is revealed, first sights.

What goes into the world is in journey.py; a Journey has a Narrator.
"""

from collections import deque
from collections.abc import Callable, Sequence
from random import Random

from msgspec.structs import replace

from game.art.frame_state import haunt
from game.journey.charms import CharmBook
from game.journey.chronicle import Chronicle, Entry, day_of
from game.journey.companion import Companion
from game.journey.first_sights import Firsts
from game.journey.mind_client import MindClient
from game.journey.strangers import of_a_stranger
from game.realm.happenings import Action, Came, Happening, Revealed, Said, Turn
from game.realm.rules import NOTHING
from game.realm.scene import View, lesson
from game.realm.view import PlayerView
from game.ui import words
from game.ui.announcements import POINTING, Pace, Pointed, Sighting, Speech

SLIPPING, LOST = 0.97, 0.9  # groundedness (0..1) below which people notice, and below which they worry
STREAKS = (3, 5, 8, 12, 20, 30, 50)  # names right in a row that are worth a word
GREETED = ("idle", "told", "given", "early")  # when people find time to remark on how one looks at them
CAME = "It has come to the {kind}, and looks back to see whether you saw."
SWEPT = "The river takes it off its feet. Lower down it climbs out, and does not look at you."
FOUND = "Nobody pointed: you saw it."
DOUBT = "doubt"  # source of a lesson that a phantom's place is empty
PHANTOM = "What you saw there wavers, and bursts. You had imagined it. To know that is a lesson, too."
MIXED = 3.0  # names in speech that are mixed up, as a multiple of what is lacking of groundedness


class Narrator:
    """What has been said and seen on a journey. companion: hears of harm that it came to; pace: of what is said from
    now on; speech: what is being said; pointed: places that were named lately; shown: spirits that a seer pointed at,
    or that were touched or named; seconds: the clock of animations and speech; wants: the screen that should open by
    itself, as a command, or nothing; charms: those that are worn, and whom one can have burned in.
    """

    def __init__(self, world: PlayerView, client: MindClient, companion: Companion) -> None:
        self.world, self.mind_client, self.companion = world, client, companion
        self.firsts = Firsts()
        self.charms = CharmBook(world, client)
        self.drawn: Callable[[int], tuple[str, float]] = client.belief  # (species, 0..1) as the screen shows a place
        self.chronicle = Chronicle()
        self.speech: Speech | None = None
        self.pace = Pace()
        self.pointed: list[Pointed] = []
        self.seconds = 0.0
        self.shown = 0
        self.wants = ""
        self._lines: deque[tuple[str, str]] = deque()
        self._noted: Sighting | None = None
        self.moments: list[str] = []  # what happened that the seer who follows may have a word for

    def advance(self) -> None:
        """Lets go of what has been read and of marks that are over; says the next line, and what charms did."""
        self.pointed = [spot for spot in self.pointed if spot.until > self.seconds]
        if self.speech and self.speech.over(self.seconds):
            self.speech = None
        if self.speech is None and self._lines:
            self.say(*self._lines.popleft())
        self.firsts.burned(self.charms.pairs(), self.seconds)
        of_charms = self.charms.advance(self.seconds)
        if of_charms:
            self.say("", of_charms)

    def say(self, who: str, text: str) -> None:
        """Shows a speech from now on."""
        self.speech = Speech(self._called(who), text, self.seconds, self.pace)

    @property
    def slips(self) -> bool:
        """True while the mind's hold on the ordinary slips."""
        grounded = self.mind_client.grounded
        return grounded is not None and grounded < SLIPPING

    def lasting(self, lent: bool) -> list[str]:
        """What goes on just now that the seer who follows may have a word for. lent: the eyes are another's."""
        now = {"lent": lent, "slipping": self.slips, "sight": self.firsts.any, "charmed": bool(self.charms.worn)}
        return [moment for moment, goes_on in now.items() if goes_on]

    def _called(self, who: str) -> str:
        """A speaker's name as the player takes it in: one whose hold on the ordinary slips mixes people up."""
        grounded = self.mind_client.grounded
        if not who or grounded is None or not self.slips:
            return who
        draw = Random(f"{self.world.seed}/{self.world.tick // 30}/{who}")
        if draw.random() >= MIXED * (1 - grounded):
            return who
        others = [person.name for person in self.world.quests.book.people.values() if person.name != who]
        return draw.choice(others)

    def tell(self, who: str, lines: Sequence[str]) -> None:
        """Shows several speeches, one after the other."""
        self._lines = deque((who, line) for line in lines[1:])
        self.say(who, lines[0])

    def _add(self, text: str) -> None:
        """Adds to what is being said, if that began in this very moment; else says it anew."""
        if text:
            fresh = self.speech is not None and self.speech.since == self.seconds and not self.speech.who
            self.say("", f"{self.speech.text} {text}" if fresh and self.speech else text)

    def hear(self, happening: Happening, view: View | None, actions: Sequence[Action]) -> None:
        """Takes what happened in the world. view: the scene before that tick; actions: what was done in it."""
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

    def _revealed(self, revealed: Revealed, view: View | None, actions: Sequence[Action]) -> None:
        """The world revealed the truth about places: marks, firsts, a lesson."""
        places = self.world.map.places
        until = self.seconds + POINTING
        guess = next((action[2] for action in actions if revealed.source == action[0] == "name"), None)
        for place, answer in revealed.truth:
            self._stranger(place, answer)
            self.pointed.append(Pointed(*haunt(places[place]), answer, until, revealed.source))
            proven = revealed.source == "touch" or guess == answer
            if self.firsts.reveal(place, answer, self.drawn(place), proven, self.seconds):
                self._chronicle(place, answer, True)
                self._add(FOUND)
            if revealed.source == "touch" and answer == NOTHING:
                self._touched_nobody(place)
        streak = self.world.quests.tally.streak
        if guess is not None and streak in STREAKS:
            self._add(f"{words.count(streak).capitalize()} names right in a row.")
            self.moments.append("streak")
        self.shown += sum(answer != NOTHING for _, answer in revealed.truth)
        if guess is not None:
            self.moments.append("right" if guess == revealed.truth[0][1] else "wrong")
        elif revealed.source == "seer":
            self.moments += ["pair", *(answer for _, answer in revealed.truth if answer != NOTHING)]
        if view:
            self.charms.remember(view, revealed)
        taught = lesson(view, revealed) if view else None
        if taught is not None:
            self.mind_client.teach(replace(taught, source=DOUBT) if "burst" in self.moments else taught)

    def _stranger(self, place: int, answer: str) -> None:
        """The seer who follows has a word about the first spirit of each species."""
        pages = self.world.quests.tally.pages
        said = of_a_stranger(pages, answer, self.drawn(place)) if answer != NOTHING else ""
        if said:
            self._lines.append((self.world.rules.seer_name, said))

    def _touched_nobody(self, place: int) -> None:
        """A hand met nobody where one may have seen somebody."""
        if self.mind_client.belief(place)[1] >= words.UNSURE:
            self._add(PHANTOM)
            self.moments.append("burst")
        self.mind_client.prove_empty(place, self.seconds)

    def _turned(self, turn: Turn) -> None:
        """An errand moved, or somebody answered."""
        if turn.stage == "ended":
            self.wants = "ending"
        elif turn.who:
            self.moments += ["errand"] if turn.stage == "given" else []
            remark = self._remark() if turn.stage in GREETED else ()
            self.tell(turn.who, (*remark, *turn.lines))
        else:
            self._add(turn.lines[0])

    def _remark(self) -> tuple[str, ...]:
        """What people say first to a player who misreads ordinary things."""
        grounded, remarks = self.mind_client.grounded, self.world.quests.book.remarks
        if grounded is None or grounded >= SLIPPING:
            return ()
        lines = remarks.lost if grounded < LOST else remarks.slipping
        return (lines[self.world.tick // 300 % len(lines)],)

    def note_sight(self) -> None:
        """Notes a first sight in the chronicle."""
        seen = self.firsts.now
        if seen is not None and seen is not self._noted:
            self._noted = seen
            self._chronicle(seen.place, seen.species, False)

    def _chronicle(self, place: int, species: str, proven: bool) -> None:
        spot, world = self.world.map.places[place], self.world
        d_prime = self.mind_client.progress.d_prime if self.mind_client.progress else None
        day = day_of(world, world.tick)
        self.chronicle.saw(Entry(species, day, world.hour, spot.kind, spot.region, d_prime, proven))
