"""One realm with many players: who has which place in it, what they do, what they are told. All of it is written down.

The journal holds the realm's seed and secret, who came first, and what was done at every tick; so it can be lived
through again. Walking is written when it changes. A snapshot beside it, made every minute, spares most of that when the
realm goes on after an end of any kind. What somebody was told is written before it is sent.
"""

import hashlib
import hmac
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from game.realm.happenings import Action, Happening, Revealed
from game.realm.player import Player
from game.realm.replay import is_action
from game.realm.senses import in_sight
from game.realm.step import step_players
from game.realm.world import PLAYERS_MAX, World
from game.shared.journal import Journal
from game.shared.messages import STAND, Moment, Told, walk_of
from game.shared.pair_errands import PairErrands, Word

BEAT = 30  # ticks: at most so many pass without a record
TOLD_MAX = 512  # of one player, that wait for their acknowledgement


class RealmError(ValueError):
    """A realm that can't go on: one line, where, what, how to mend it."""


@dataclass
class Place:
    """A player's place in the realm. claim: a digest of the key that claims it; count: how much they were told;
    told: what they haven't acknowledged; walk: the code of how they walk now."""

    number: int
    name: str
    claim: bytes
    count: int = 0
    told: deque[Told] = field(default_factory=lambda: deque(maxlen=TOLD_MAX))
    walk: int = STAND

    def acknowledge(self, number: int) -> None:
        """Forgets what has arrived."""
        while self.told and self.told[0].number <= number:
            self.told.popleft()


def claim_of(key: bytes) -> bytes:
    """What is written down of a key."""
    return hashlib.blake2b(key, digest_size=16).digest()


class SharedWorld:
    """The realm, its places and its journal (realm_folder opens both). journal: None while a realm is only lived
    through again; here: the numbers of those who are in play."""

    def __init__(self, world: World, journal: Journal | None = None) -> None:
        self.world, self.journal = world, journal
        self.places: list[Place] = []
        self.named: dict[str, Place] = {}
        self.here: set[int] = set()
        self.pairs = PairErrands(world)
        self._walks: dict[int, int] = {}  # as they were written last
        self._recorded = world.tick  # the tick up to which all is written

    def refusal(self, name: str, key: bytes) -> str:
        """Why nobody can come by this name with this key, in one line; empty if they can."""
        place = self.named.get(name.casefold())
        if not key:
            return "a name needs a key that claims its place; update your program"
        if place is not None and not hmac.compare_digest(claim_of(key), place.claim):
            return f"the name {place.name} is somebody else's in this realm; choose another --name"
        if place is None and len(self.places) >= PLAYERS_MAX:
            return f"all {PLAYERS_MAX} places of this realm are taken; ask its keeper for another realm"
        return ""

    def claim(self, name: str, key: bytes) -> Place:
        """The place of this name, a new one if it has none. Raises RealmError."""
        refusal = self.refusal(name, key)
        if refusal:
            raise RealmError(refusal)
        place = self.named.get(name.casefold())
        if place is None:
            place = self._seat(name, claim_of(key))
            self._write(["place", self.world.tick, name, place.claim])
        return place

    def _seat(self, name: str, claim: bytes) -> Place:
        if self.places:
            self.world.add_player()  # the world has its first player from the beginning
        place = Place(len(self.places), name, claim)
        self.add(place)
        return place

    def add(self, place: Place) -> None:
        """A place that the world has a player for."""
        self.places.append(place)
        self.named[place.name.casefold()] = place
        self._walks[place.number] = place.walk

    def come(self, place: Place) -> None:
        """A player comes, or comes back."""
        self.here.add(place.number)
        self._write(["here", self.world.tick, place.number, True])

    def go(self, place: Place) -> list[Place]:
        """A player goes. They stand where they are, unseen, and their errands stand still until they come back. Returns
        who was told something."""
        self.here.discard(place.number)
        place.walk = STAND
        self._write(["here", self.world.tick, place.number, False])
        return self._say(self.pairs.leave(place.number, self.names))

    @property
    def names(self) -> list[str]:
        """The players' names, by number."""
        return [place.name for place in self.places]

    def begin_pair(self, one: Place, other: Place) -> bool:
        """Gives two players an errand for two. False if they know the same spirits."""
        wants = self.pairs.wants(one.number, other.number)
        if wants:
            self._write(["pair", self.world.tick, wants])
            self._say(self.pairs.begin(wants, self.names))
            if self.journal is not None:
                self.journal.flush()
        return bool(wants)

    def _say(self, words: Iterable[Word], moments: Mapping[int, Moment] = MappingProxyType({})) -> list[Place]:
        """Tells players what comes of errands for two. Returns who was told something."""
        addressed = []
        for number, happenings in words:
            self._tell(self.places[number], (), happenings, moments.get(number))
            addressed.append(self.places[number])
        return addressed

    def tick(self, deeds: Mapping[int, Sequence[Action]]) -> list[Place]:
        """One tick: everybody walks as their place says, and does these deeds. Returns who was told something."""
        written = self._walks
        walks = {place.number: place.walk for place in self.places if written[place.number] != place.walk}
        if walks or deeds:
            self._write(["tick", self.world.tick, walks, {number: list(acts) for number, acts in deeds.items()}])
            self._walks |= walks
        addressed = self._live(deeds)
        if addressed or self.world.tick - self._recorded >= BEAT:
            self._write(["beat", self.world.tick])
        if self.journal is not None:
            self.journal.flush()
        return addressed

    def _live(self, deeds: Mapping[int, Sequence[Action]]) -> list[Place]:
        world, actions, moments = self.world, [], {}
        for place in self.places:
            own = tuple(deeds.get(place.number, ()))
            if any(action[0] in ("ask", "touch", "name") for action in own):
                pair = self.pairs.of(place.number)
                for number in pair.wants if pair is not None else (place.number,):
                    moments[number] = self._moment(world.players[number])
            actions.append((*own, ("move", *walk_of(place.walk))) if place.walk != STAND else own)
        addressed: list[Place] = []
        words: list[Word] = []
        for place, happenings in zip(self.places, step_players(world, actions), strict=False):
            if happenings:
                done = deeds.get(place.number, ())
                self._tell(place, done, happenings, moments.get(place.number))
                addressed.append(place)
                words += self.pairs.lived(place.number, done, happenings, self.names)
        return addressed + self._say([*words, *self.pairs.pass_time()], moments)

    @staticmethod
    def _tell(place: Place, deeds: Sequence[Action], happenings: Sequence[Happening], moment: Moment | None) -> None:
        place.count += 1
        taught = any(isinstance(one, Revealed) for one in happenings)
        others = [list(deed) for deed in deeds if deed[0] != "move"]
        place.told.append(Told(place.count, others, list(happenings), moment if taught else None))

    def _moment(self, player: Player) -> Moment:
        world = self.world
        sensed = {place: world.traces.sensed[place] for _, place in in_sight(world, player)}
        return Moment(world.tick, player.x, player.y, world.phase, world.weather, sensed)

    def _write(self, record: list[Any]) -> None:
        self._recorded = record[1]
        if self.journal is not None:
            self.journal.append(record)

    def take(self, record: Any) -> None:
        """Lives through a record of a journal. Raises RealmError for one that this realm can't have written."""
        try:
            kind, tick, *rest = record
            if not self.world.tick <= tick <= self.world.tick + BEAT:
                raise ValueError(f"tick {tick} after {self.world.tick}")
            while self.world.tick < tick:
                self._live({})
            if kind == "place":
                self._seat(str(rest[0]), bytes(rest[1]))
            elif kind == "tick":
                for number, code in rest[0].items():
                    self.places[number].walk = self._walks[number] = int(code)
                if not all(is_action(action) for acts in rest[1].values() for action in acts):
                    raise ValueError("no actions")
                self._live(rest[1])
            elif kind == "pair":
                self._say(
                    self.pairs.begin({range(len(self.places))[n]: str(s) for n, s in rest[0].items()}, self.names)
                )
            elif kind == "here" and not rest[1]:
                self._say(self.pairs.leave(int(rest[0]), self.names))
            elif kind not in ("here", "beat"):
                raise ValueError(f"{kind!r}")
            self._recorded = self.world.tick
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise RealmError(f"a journal that no realm wrote ({str(error)[:100]}); take it from a backup") from error
