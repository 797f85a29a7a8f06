"""A journey: the realm, a mind, and what the player does. No pygame: intentions come in, frame states go out.

The world steps at its own fixed tick; frames in between are interpolated. What a mind believes is shown and never
enters the world.
"""

from dataclasses import dataclass, field

from game.art.frame_state import Body, FrameState
from game.journey.chronicle import day_of
from game.journey.companion import Companion, companion_of, ways
from game.journey.company import Company
from game.journey.fellowship import Fellowship
from game.journey.guide import Guide
from game.journey.mind_client import MindClient
from game.journey.mind_line import Mind
from game.journey.motion import Motion
from game.journey.narrator import Narrator
from game.journey.practice import Practice
from game.journey.reading import Reading
from game.journey.sight import Sight, hints
from game.journey.sleep import Sleep
from game.journey.verbs import verb_here
from game.journey.whisper import Whisper
from game.realm.happenings import Action
from game.realm.realms import Realm
from game.realm.scene import View, describe
from game.realm.senses import nearest_place
from game.realm.step import TICKS_PER_SECOND
from game.realm.talk import DIRECTION
from game.realm.view import PlayerView
from game.shared.fellows import Fellows
from game.ui import words
from perception.messages import Keep

TICK = 1 / TICKS_PER_SECOND
MOST_TICKS = 5  # per frame: a slow frame slows the world down instead of piling up ticks
VIEW_EVERY = 1 / 8  # s: how often the senses are read
BACK = "There you are again. The realm went nowhere without you. Walk with me."
THEN = "You shut your eyes, and see as much as you did then."
NO_VOICE = "These eyes are lent to look with. Give them back, then say it."
BLIND = "You see what you saw on the day you came."
OPENING = "You look past them all, child. Walk with me. When something hums and nobody is there, ask me: I will point."


@dataclass
class Journey:
    """Everything between the keys and the picture. world: what the player may know of the realm; goes_on: it was played
    before; fellows: the other players of a shared realm; familiar: the mind that speaks for it, None for the player's;
    attend: how deep the player is in attending, 0..1; choosing: the place that a screen points at.
    """

    realm: Realm
    mind: Mind
    goes_on: bool = False
    fellows: Fellows | None = None
    fellowship: Fellowship | None = None
    familiar: Mind | None = None
    world: PlayerView = field(init=False)
    mind_client: MindClient = field(init=False)
    companion: Companion = field(init=False)
    narrator: Narrator = field(init=False)
    guide: Guide = field(default_factory=Guide)
    reading: Reading = field(init=False)
    motion: Motion = field(default_factory=Motion)
    whisper: Whisper = field(default_factory=Whisper)
    sleep: Sleep = field(default_factory=Sleep)
    practice: Practice = field(default_factory=Practice)
    sight: Sight = field(init=False)
    company: Company = field(init=False)
    attend: float = 0.0
    resting: bool = False
    view: View | None = None
    choosing: int | None = None
    _queue: list[Action] = field(default_factory=list)
    _late: float = 0.0
    _viewed: float = -1e9
    _warned: str = ""

    def __post_init__(self) -> None:
        self.world = self.realm.view
        self.mind_client = MindClient(self.mind)
        self.companion = companion_of(self.mind_client, self.familiar)
        self.narrator = Narrator(self.world, self.mind_client, self.companion)
        self.sight = Sight(self.world, self.mind_client, self.narrator)
        self.company = Company(self.world, self.world.quests.book.ume)
        self.reading = Reading(self.mind_client, self.world.rules)
        if self.fellows is not None:
            self.fellowship = Fellowship(self.fellows, self.world, self.mind_client, self.narrator)
        self.motion.note(self.world)
        self.narrator.say(self.world.rules.seer_name, BACK if self.goes_on else OPENING)
        if self.goes_on:
            self.guide.skip()
            pages = self.world.quests.tally.pages.values()
            self.narrator.shown = sum(page.shown + page.touched + page.named + page.missed for page in pages)
        if self.world.resting:
            self._queue.append(("rest", False))

    @property
    def seconds(self) -> float:
        """The clock of animations and speech (s)."""
        return self.narrator.seconds

    @property
    def lent(self) -> bool:
        """True while the player looks through other eyes."""
        return self.sight.lent

    @property
    def known(self) -> int:
        """Spirits shown on this journey, as far as game or mind remember."""
        return max(self.narrator.shown, self.mind_client.progress.shown if self.mind_client.progress else 0)

    def advance(self, dt: float, walk: tuple[int, int], attending: bool, now: float) -> None:
        """Lets dt seconds pass: ticks, beliefs, messages. walk: (dx, dy); now: s on the clock minds are asked by."""
        self.realm.refresh()
        self.narrator.seconds += dt
        x, y = self.world.player.x, self.world.player.y
        self._wait()
        self._late = min(self._late + dt, MOST_TICKS * TICK)
        while self._late >= TICK - 1e-9:
            self._late -= TICK
            self.tick((0, 0) if self.resting else walk)
        self.sleep.advance(self)
        attending = attending and not self.resting
        self.attend += ((1.0 if attending else 0.0) - self.attend) * min(1.0, dt * 4)
        self.practice.advance(self.mind_client, self.narrator, attending, self.resting)
        self.mind_client.hear()
        if self.seconds - self._viewed >= VIEW_EVERY:
            self._sense()
        if self.view is not None and self.mind_client.wants_scene(now):
            self.mind_client.ask(self.view, now)
        self.mind_client.settle(dt)
        self.whisper.advance(dt, self.world, self.view)
        self._see(dt, now)
        if self.fellowship is not None:
            self.fellowship.advance(self.view)
        self._answers()
        walked = abs(self.world.player.x - x) + abs(self.world.player.y - y)
        has_errand = any(errand.stage != "open" for errand in self.world.quests.errands.values())
        self.guide.advance(dt, walked, attending, self.resting, self.known, has_errand)
        self.narrator.advance()
        self._companion_talks(dt)

    def _companion_talks(self, dt: float) -> None:
        """The seer who follows says something by herself now and then. A mind whose hold slips misreads signs."""
        narrator = self.narrator
        for moment in (*narrator.moments, *narrator.lasting(self.lent)):
            self.company.note(moment)
        narrator.moments.clear()
        busy = narrator.speech is not None or self.sight.debut.going_on or self.lent or not self.guide.quiet
        said = self.company.advance(dt, busy, self.resting)
        if said:
            narrator.say(self.world.rules.seer_name, said)
        if narrator.slips and self.view is not None:
            self.reading.pass_by(self.view, nearest_place(self.world).index)

    def _wait(self) -> None:
        """Errands stand still while somebody speaks."""
        quests, said = self.world.quests, self.narrator.speech
        waits = quests.under_way and said is not None and bool(said.who)
        action = ("wait", waits)
        if waits != quests.waits and action not in self._queue and not self.realm.awaits(action):
            self._queue.append(action)

    def _see(self, dt: float, now: float) -> None:
        """Notes first sights. What the player sees through other eyes is none of them."""
        borrows = ("borrow", True)
        borrowing = borrows in self._queue or self.realm.awaits(borrows)
        action = self.sight.watch(dt, self.resting, now, borrowing)
        if action is not None and action not in self._queue and not self.realm.awaits(action):
            self._queue.append(action)
        if self.mind_client.warning not in ("", self._warned):
            self.mind_client.notes.append(self.mind_client.warning)
        self._warned = self.mind_client.warning

    def borrow(self, now: float) -> str:
        """Borrows a born seer's eyes, or gives them back; a line for the player. now: s, as for advance."""
        self.realm.refresh()
        action, line = self.sight.borrow(now)
        self._queue += [action] if action is not None else []
        return line

    def _answers(self) -> None:
        """Takes the mind's answers: what the player reads at a place, where the familiar goes."""
        read = self.reading.heard()
        if read is not None and not read.silent:
            believed = words.believed(*self.mind_client.belief(read.place))
            self.narrator.say("", f"{words.sensed(read.events, read.where)} {believed}")
        reply = self.companion.hear(self.seconds)
        if reply is not None:
            self._queue += [] if reply[0] is None else [("heed", reply[0])]
            self.narrator.say("", reply[1])

    def tick(self, walk: tuple[int, int] = (0, 0)) -> None:
        """One tick of the realm."""
        queued, self._queue = self._queue, []
        actions = tuple(queued) + ((("move", *walk),) if walk != (0, 0) else ())
        heard = self.realm.tick(actions, bool(queued), self.mind_client.tongue)
        self.motion.note(self.world)
        for one in heard:
            for happening in one.happenings:
                self.narrator.hear(happening, one.view, one.actions)

    def _sense(self) -> None:
        self._viewed = self.seconds
        self.view = describe(self.world, self.mind_client.tongue)
        self.sight.remember(self.view)

    def context(self) -> str:
        """What the key for acting does now: talk, ask, touch, rest, look, wake, or give borrowed eyes back."""
        self.realm.refresh()
        if self.resting:
            return "wake"
        return "give the eyes back" if self.lent else verb_here(self.world, self.mind_client)

    def act(self) -> None:
        """Does what `context` says."""
        verb = self.context()
        if self.lent:
            self.narrator.say("", self.borrow(0.0))
        elif verb == "talk":
            self._queue.append(("talk", self.world.quests.beside()))
        elif verb == "ask":
            self._queue.append(("ask",))
        elif verb == "touch":
            self._queue.append(("touch", nearest_place(self.world).index))
        elif verb == "look":
            self.look()
        else:
            self.rest(verb == "rest")

    def look(self) -> None:
        """Reads, in the mind's words, what is sensed at the nearest place and what is believed of it."""
        self._queue.append(("look",))
        self.reading.look(describe(self.world, self.mind_client.tongue), nearest_place(self.world).index)
        self._answers()

    def name(self, place: int, species: str) -> None:
        """Says who is at a place in sight: a species or "nothing". Who looks through other eyes has no voice."""
        if self.lent:
            self.narrator.say("", NO_VOICE)
        else:
            self._queue.append(("name", place, species))

    def nameable(self) -> tuple[str, ...]:
        """The species that the player has met or was asked about: only those can be named."""
        quests = self.world.quests
        guests = [guest for e in quests.errands.values() if e.stage != "open" for guest in e.plan.guests]
        return tuple(name for name, page in quests.tally.pages.items() if page.known or name in guests)

    def ways(self) -> dict[str, str]:
        """Direction -> landmark, of the places in sight: where the familiar can be sent."""
        return ways(self.world)

    def send(self, direction: str, talk: str = DIRECTION) -> None:
        """Tells the familiar to go somewhere, or says something else about a place. It answers when the mind does."""
        heard, seen = self.companion.say(self.world, direction, talk)
        self._queue += [("send", direction)] if heard and talk == DIRECTION else []
        if seen:
            self.narrator.say("", seen)

    def call(self) -> None:
        """Calls the familiar back to the player's side."""
        self._queue.append(("call",))

    def judge(self, right: bool) -> None:
        """Praises the familiar's last answer, or says that it should have gone."""
        if said := self.companion.judge(right, self.seconds):
            self.narrator.say("", said)

    def rewind(self, number: int) -> None:
        """Turns the mind back to a rest, or with 0 to its first day. The world goes on."""
        self.mind_client.rewind(number)
        self.narrator.say("", THEN if number else BLIND)
        self.narrator.moments.append("rewound")

    def rest(self, on: bool) -> None:
        """Lies down to dream, or wakes."""
        if on == self.resting:
            return
        self.resting, self.sleep.until = on, ""
        self._queue.append(("rest", on))
        if not on:
            self.mind.send(Keep())
            self.mind_client.mark(f"day {day_of(self.world, self.world.tick)}, {self.world.phase}")
            self.narrator.say("", "You wake. Look around you.")
            self.narrator.moments.append("dream")
        else:
            self.narrator.speech = None

    def frame_state(self) -> FrameState:
        """What a frame shows now."""
        bodies = self.motion.bodies(self.world, self._late / TICK)
        bodies += tuple(Body(who.kind, who.x, who.y, who.facing, False) for who in self.world.quests.standing)
        hour, weather = self.world.hour, self.world.weather
        seen = self.sight.ghosts(), hints(self.view, self.world.map.places)
        return FrameState(hour, weather, self.seconds, bodies[0], bodies[1:], *seen, self.attend, self.world.flood)
