"""One player in a shared realm, as the realm knows them: what they do next, what they know already."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from game.realm.differences import difference, digest
from game.realm.happenings import Action
from game.realm.view import EACH, FOLK, OTHERS, Seen, SeenBody, SeenProgress, progress_of, seen_of
from game.realm.world import World
from game.shared.interest import Interest
from game.shared.messages import STAND, Deeds, FromRealm, Update, action_of
from game.shared.shared_world import Place

WAITING_MAX = 64  # ticks of deeds that wait
LATE = 8  # of them that may wait before walks are left out, so that a player never lags behind
HELD = 4  # ticks that a walk goes on while nothing arrives
MOVES_MAX = 16  # bodies of others that an update moves at most; the rest come next
SLOW = 15  # updates after which errands and pages are compared in any case


@dataclass
class Input:
    """One tick of a player's: how they walk, what they do."""

    number: int
    walk: int
    deeds: list[Action]


@dataclass
class Guest:
    """seen: what the player knows, None before they were welcomed; out: messages to be sent, in order; last: the
    number of the last tick of theirs that was lived; fresh: their errands may have moved since the last update; ready:
    the last update has left; gone: they left, or came back on another line. blocked, wants: players whom they don't
    hear, and with whom they want to compare; said: the ticks of what they said lately."""

    place: Place
    seen: Seen | None = None
    progress: SeenProgress | None = None
    out: deque[FromRealm] = field(default_factory=deque)
    last: int = 0
    fresh: bool = True
    ready: bool = True
    gone: bool = False
    blocked: set[int] = field(default_factory=set)
    wants: set[int] = field(default_factory=set)
    said: deque[int] = field(default_factory=lambda: deque(maxlen=8))
    _inputs: deque[Input] = field(default_factory=deque)
    _held: int = 0  # ticks walked without a word from the player, which count when it comes
    _turn: int = 0
    _told: int = 0  # the number of the last Told that was sent

    def send(self, message: FromRealm) -> None:
        """Puts a message in the row."""
        self.out.append(message)

    def take(self, deeds: Deeds) -> None:
        """Deeds have arrived. Those that were lived already, and those for which there is no room, are left out."""
        self.place.acknowledge(deeds.told)
        first = deeds.last - len(deeds.walks) + 1
        expected = self._inputs[-1].number if self._inputs else self.last
        done: dict[int, list[Action]] = {}
        for which, deed in deeds.deeds:
            action = action_of(deed)
            if action is not None:
                done.setdefault(first + which, []).append(action)
        for number, walk in enumerate(deeds.walks, first):
            if number > expected and len(self._inputs) < WAITING_MAX:
                self._inputs.append(Input(number, walk if walk < 9 else STAND, done.get(number, [])))

    def next(self) -> list[Action]:
        """What the player does in this tick; how they walk is put into their place."""
        deeds: list[Action] = []
        while self._inputs and (self._held or len(self._inputs) > LATE):
            early = self._inputs.popleft()
            self._held -= 1 if self._held else 0
            self.last = early.number
            deeds += early.deeds
        if self._inputs:
            now = self._inputs.popleft()
            self.last, self.place.walk = now.number, now.walk
            deeds += now.deeds
        elif self.place.walk != STAND:
            self._held += 1
            if self._held > HELD:
                self.place.walk, self._held = STAND, 0
        return deeds[:WAITING_MAX]

    def tell(self) -> None:
        """Sends what the player was told since the last time."""
        for told in self.place.told:
            if told.number > self._told:
                self.send(told)
                self._told = told.number
        self.fresh = True

    def heard(self, number: int) -> None:
        """The player has all that they were told up to this number."""
        self.place.acknowledge(number)
        self._told = number

    def look(self, world: World, interest: Interest, names: Mapping[int, str]) -> Seen:
        """What the player may know now. Of bodies that move, an update takes only so many along."""
        player, old = world.players[self.place.number], self.seen
        self._turn += 1
        if self.progress is None or self.fresh or self._turn % SLOW == 0:
            self.progress, self.fresh = progress_of(world, player), False
        bodies = interest.seen_by(player)
        if old is not None:
            self._hold_back(old.bodies, bodies)
        others = {(number - OTHERS) // EACH for number in bodies if number >= OTHERS}
        self.seen = seen_of(world, player, self.progress, bodies, {number: names[number] for number in others})
        return self.seen

    def _hold_back(self, old: Mapping[int, SeenBody], bodies: dict[int, SeenBody]) -> None:
        changed = [
            number
            for number, body in bodies.items()
            if number >= FOLK and (before := old.get(number)) is not None and before is not body and before != body
        ]
        if len(changed) > MOVES_MAX:
            start = self._turn * MOVES_MAX % len(changed)
            for number in (changed * 2)[start + MOVES_MAX : start + len(changed)]:
                bodies[number] = old[number]

    def update(self, world: World, interest: Interest, names: Mapping[int, str], checked: bool) -> None:
        """Sends what changed. checked: with a digest of all that the player knows then."""
        old = self.seen
        if old is not None:
            new = self.look(world, interest, names)
            self.send(Update(difference(old, new), self.last, digest(new) if checked else b""))
