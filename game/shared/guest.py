"""One player in a shared realm, as the realm knows them: what they do next, what they know already."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from game.realm.differences import difference, digest
from game.realm.happenings import Action
from game.realm.seen import EACH, FOLK, OTHERS, Seen, SeenBody, SeenProgress, progress_of, seen_of
from game.realm.world import World
from game.shared.interest import Interest
from game.shared.messages import STAND, Deeds, FromRealm, Update, action_of, walk_of
from game.shared.shared_world import Place

WAITING_MAX = 64  # ticks of deeds that wait
LATE = 8  # of them that may wait before walks are left out, so that a player never lags behind
CREDIT_MAX = 4  # ticks of a player that one tick makes up for at most, if the line held them back
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
    hear, and with whom they want to compare; pairs: with whom they want an errand; said: the ticks of what they said
    lately."""

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
    pairs: set[int] = field(default_factory=set)
    said: deque[int] = field(default_factory=lambda: deque(maxlen=8))
    _inputs: deque[Input] = field(default_factory=deque)
    _credit: int = 0  # ticks of the realm for which the player has not lived one of theirs
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
        """What the player does in this tick; how they walk at its end is put into their place.

        A tick of theirs is lived in one of the realm's. Where the line held some back, they are made up for.
        """
        self._credit = min(self._credit + 1, CREDIT_MAX)
        deeds: list[Action] = []
        while len(self._inputs) > LATE:
            deeds += self._inputs.popleft().deeds
        walks = []
        while self._inputs and self._credit:
            lived = self._inputs.popleft()
            self._credit -= 1
            self.last = lived.number
            deeds += lived.deeds
            walks.append(lived.walk)
        self.place.walk = walks.pop() if walks else STAND
        return [*deeds[:WAITING_MAX], *(("move", *walk_of(code)) for code in walks if code != STAND)]

    def tell(self) -> None:
        """Sends what the player was told since the last time."""
        for entry in self.place.told:
            if entry.number > self._told:
                self.send(entry)
                self._told = entry.number
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
        others = [(number - OTHERS) // EACH for number in bodies if number >= OTHERS and number % EACH == 0]
        self.seen = seen_of(world, player, self.progress, bodies, {number: names[number] for number in others})
        return self.seen

    def _hold_back(self, old: Mapping[int, SeenBody], bodies: dict[int, SeenBody]) -> None:
        changed = [
            number
            for number, body in bodies.items()
            if number >= FOLK and (before := old.get(number)) is not None and before is not body
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
