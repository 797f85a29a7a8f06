"""A journey: the realm, a mind, and what the player does. No pygame: keys come in as intentions, stages go out.

The world steps at its own fixed tick; frames in between are interpolated. What a mind believes is shown and never
enters the world.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from game.play import words
from game.play.firsts import Firsts
from game.play.guide import Guide
from game.play.sight import Mind, Sight
from game.play.stage import Ghost, Hint, Motion, Stage, haunt
from game.play.ui import POINTING, Pointed, Speech
from game.realm.replay import ActionLog
from game.realm.rules import NOTHING
from game.realm.scene import View, describe, lesson
from game.realm.world import (
    TICKS_PER_SECOND,
    Happening,
    Revealed,
    Said,
    World,
    beside_seer,
    nearest_place,
    step,
    within_reach,
)
from perception.messages import Keep

TICK = 1 / TICKS_PER_SECOND
MOST_TICKS = 5  # per frame: a slow frame slows the world down instead of piling up ticks
VIEW_EVERY = 1 / 8  # s: how often the senses are read
FAINTEST = 0.05  # beliefs below this are not drawn
SACRED = ("torii", "altar")  # landmarks at which one may rest
MEMORIES = 24
NEAR = 80  # px: what is sensed at a place so near is written below it
PICTURE = (290, 140)  # px: places so near in x and y are on the screen
BACK = "There you are again. The realm went nowhere without you. Walk with me."
OPENING = "You look past them all, child. Walk with me. When something hums and nobody is there, ask me: I will point."


@dataclass
class Journey:
    """Everything between the keys and the picture."""

    world: World
    mind: Mind
    past: ActionLog | None = None  # what led to this world, if the journey goes on
    sight: Sight = field(init=False)
    firsts: Firsts = field(default_factory=Firsts)
    guide: Guide = field(default_factory=Guide)
    log: ActionLog = field(init=False)
    motion: Motion = field(default_factory=Motion)
    speech: Speech | None = None
    pointed: list[Pointed] = field(default_factory=list)
    memories: "OrderedDict[int, tuple[str, float]]" = field(default_factory=OrderedDict)
    seconds: float = 0.0  # the clock of animations and speech
    attend: float = 0.0  # 0..1
    resting: bool = False
    shown: int = 0  # spirits that the seer pointed at
    view: View | None = None
    _queue: list[tuple] = field(default_factory=list)
    _late: float = 0.0
    _viewed: float = -1e9

    def __post_init__(self) -> None:
        self.sight = Sight(self.mind)
        self.log = self.past or ActionLog(self.world.seed)
        self.motion.note(self.world)
        self.speech = Speech(self.world.rules.seer_name, BACK if self.past else OPENING, 0.0)
        if self.past is not None:
            self.guide.skip()
        if self.world.resting:
            self._queue.append(("rest", False))

    def advance(self, dt: float, walk: tuple[int, int], attending: bool, now: float) -> None:
        """Lets dt seconds pass: ticks, beliefs, messages. walk: (dx, dy); now: s on the clock minds are asked by."""
        self.seconds += dt
        x, y = self.world.player.x, self.world.player.y
        self._late = min(self._late + dt, MOST_TICKS * TICK)
        while self._late >= TICK - 1e-9:
            self._late -= TICK
            self._tick((0, 0) if self.resting else walk)
        attending = attending and not self.resting
        self.attend += ((1.0 if attending else 0.0) - self.attend) * min(1.0, dt * 4)
        self.sight.practise(attending or self.resting)
        self.sight.hear()
        if self.seconds - self._viewed >= VIEW_EVERY:
            self._sense()
        if self.view is not None and self.sight.wants_scene(now):
            self.sight.ask(self.view, now)
        self.sight.settle(dt)
        self.firsts.watch(self._in_picture(), self.seconds)
        walked = abs(self.world.player.x - x) + abs(self.world.player.y - y)
        self.guide.advance(dt, walked, attending, self.resting, self.known)
        self.pointed = [spot for spot in self.pointed if spot.until > self.seconds]
        if self.speech and self.speech.over(self.seconds):
            self.speech = None

    def _in_picture(self) -> list[tuple[int, str, float]]:
        """(place, species, belief) of what is believed about places on the screen, a little way from its edge."""
        player, places = self.world.player, self.world.map.places
        return [
            (place, *self.sight.belief(place))
            for place in self.sight.places()
            if abs(places[place].x - player.x) < PICTURE[0] and abs(places[place].y - player.y) < PICTURE[1]
        ]

    @property
    def known(self) -> int:
        """Spirits shown on this journey, as far as game or mind remember."""
        return max(self.shown, self.sight.progress.shown if self.sight.progress else 0)

    def _tick(self, walk: tuple[int, int]) -> None:
        queued, self._queue = self._queue, []
        actions = tuple(queued) + ((("move", *walk),) if walk != (0, 0) else ())
        # Verbs are judged before anybody moves, so a lesson's scene is what stood there before the step.
        view = describe(self.world, self.sight.tongue) if queued else None
        happenings = step(self.world, actions)
        self.log.append(actions)
        self.motion.note(self.world)
        for happening in happenings:
            self._happened(happening, view)

    def _happened(self, happening: Happening, view: View | None) -> None:
        if isinstance(happening, Said):
            self.say(happening.who, happening.text)
        elif isinstance(happening, Revealed):
            places = self.world.map.places
            until = self.seconds + POINTING
            for place, answer in happening.truth:
                self.pointed.append(Pointed(*haunt(places[place]), answer, until, happening.source))
                touched = happening.source == "touch"
                found = self.firsts.reveal(place, answer, self.sight.belief(place), touched, self.seconds)
                if found and self.speech is not None:
                    self.say("", f"{self.speech.text} Nobody pointed: you saw it.")
                if touched and answer == NOTHING:
                    self.sight.prove_empty(place, self.seconds)
            self.shown += sum(answer != NOTHING for _, answer in happening.truth)
            taught = lesson(view, happening) if view else None
            if taught is not None:
                self.sight.teach(taught)

    def _sense(self) -> None:
        self._viewed = self.seconds
        self.view = describe(self.world, self.sight.tongue)
        for place in self.view.places.values():
            self.memories[place] = self.sight.belief(place)
            self.memories.move_to_end(place)
        while len(self.memories) > MEMORIES:
            self.memories.popitem(last=False)

    def say(self, who: str, text: str) -> None:
        """Shows a speech from now on."""
        self.speech = Speech(who, text, self.seconds)

    def context(self) -> str:
        """What the key for acting does now: ask, touch, rest, look or wake."""
        if self.resting:
            return "wake"
        world, place = self.world, nearest_place(self.world)
        near = (place.x - world.player.x) ** 2 + (place.y - world.player.y) ** 2
        seer = (world.seer.x - world.player.x) ** 2 + (world.seer.y - world.player.y) ** 2
        if within_reach(world, place) and not (beside_seer(world) and seer < near):
            believed = self.sight.belief(place.index)[1] >= words.UNSURE
            return "rest" if place.kind in SACRED and not believed else "touch"
        return "ask" if beside_seer(world) else "look"

    def act(self) -> None:
        """Does what `context` says."""
        verb = self.context()
        if verb == "ask":
            self._queue.append(("ask",))
        elif verb == "touch":
            self._queue.append(("touch", nearest_place(self.world).index))
        elif verb == "look":
            self.look()
        else:
            self.rest(verb == "rest")

    def look(self) -> None:
        """Tells what is sensed at the nearest place, and what is believed of it."""
        self._queue.append(("look",))
        place = nearest_place(self.world)
        view = describe(self.world, self.sight.tongue)
        where = next((word for word, index in view.places.items() if index == place.index), "")
        believed = words.believed(*self.sight.belief(place.index))
        self.say("", f"{words.sensed(view.scene.events, where)} {believed}")

    def whispers(self) -> tuple[int, int, str] | None:
        """(x, y, what is sensed) at the nearest place if it is near; x, y: px of the world, at its foot."""
        place = nearest_place(self.world)
        near = (place.x - self.world.player.x) ** 2 + (place.y - self.world.player.y) ** 2 <= NEAR**2
        if self.view is None or not near:
            return None
        where = next((word for word, index in self.view.places.items() if index == place.index), "")
        told = words.whispered(self.view.scene.events, where)
        return (place.x, place.y, told) if told else None

    def rest(self, on: bool) -> None:
        """Lies down to dream, or wakes."""
        if on == self.resting:
            return
        self.resting = on
        self._queue.append(("rest", on))
        if not on:
            self.mind.send(Keep())
            self.say("", "You wake. Look around you.")
        else:
            self.speech = None

    def stage(self) -> Stage:
        """What a frame shows now."""
        places = self.world.map.places
        bodies = self.motion.bodies(self.world, self._late / TICK)
        ghosts = []
        for place in self.sight.places():
            species, belief = self.sight.belief(place)
            if belief >= FAINTEST:
                wavering = self.sight.wavers(place, self.seconds)
                ghosts.append(Ghost(place, *haunt(places[place]), species, belief, wavering))
        hints = []
        if self.view is not None:
            for event in self.view.scene.events:
                if event.sense in ("glimpse", "track", "hear"):
                    spot = places[self.view.places[event.place]]
                    hints.append(Hint(spot.x, spot.y, event.sense, event.thing))
        hour, weather = self.world.hour, self.world.weather
        return Stage(hour, weather, self.seconds, bodies[0], bodies[1:], tuple(ghosts), tuple(hints), self.attend)
