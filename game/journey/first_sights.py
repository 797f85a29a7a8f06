"""First sights: what the mind sees that nobody pointed out. The game is about them.

Nothing here knows the truth. It knows what is believed, and what the world has revealed. A first sight may be wrong; a
touch tells.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from game.realm.rules import NOTHING
from game.ui.announcements import Sighting
from game.ui.words import SURE, UNSURE

STEADY = 0.8  # s: a belief has to hold so long
REMEMBERED = 120.0  # s: so long a spirit that was pointed out counts as pointed out (it stays 100 s at most)
SHOWN_FIRST, SHOWN = 14.0, 3.0  # s that the very first sight is announced, and later ones


@dataclass
class Firsts:
    """Watches beliefs. found: spirits that nobody pointed out, seen, and proven by a touch or a name."""

    found: int = 0
    now: Sighting | None = None
    _any: bool = False
    _since: dict[tuple[int, str], float] = field(default_factory=dict)  # believed since (s, the game's clock)
    _revealed: dict[tuple[int, str], float] = field(default_factory=dict)  # when
    _announced: dict[tuple[int, str], float] = field(default_factory=dict)

    def recall(self, count: int, seen: bool) -> None:
        """For a journey that goes on. count: how many were found on it before; seen: its first sight of all was made
        before.
        """
        self.found, self._any = count, seen or count > 0

    def reveal(self, place: int, answer: str, believed: tuple[str, float], proven: bool, seconds: float) -> bool:
        """The world told who is at a place; believed: (species, 0..1) as it was seen; proven: the player's own hand, or
        a right name, drew it out. True if it was found unaided."""
        pointed = (place, answer) in self._revealed
        self._revealed[place, answer] = seconds
        if (
            answer != believed[0] and believed[1] >= UNSURE
        ):  # whoever is still believed there was told to be somebody else, or nobody
            self._announced[place, believed[0]] = seconds
        self.now = None if self.now and self.now.place == place else self.now
        unaided = proven and answer != NOTHING and believed[0] == answer and believed[1] >= UNSURE and not pointed
        self.found += unaided
        return unaided

    @property
    def any(self) -> bool:
        """True once the first sight of all has come, or came on an earlier evening."""
        return self._any

    def pointed(self, place: int, species: str) -> bool:
        """True if somebody told lately that this species is at this place."""
        return (place, species) in self._revealed

    def forget(self) -> None:
        """What was just announced was nothing: the first sight of all is still to come."""
        if self.now is not None:
            self._announced.pop((self.now.place, self.now.species), None)
            self._any = self._any and not self.now.first
        self.now, self._since = None, {}

    def lend(self, beliefs: Iterable[tuple[int, str, float]], seconds: float) -> None:
        """What other eyes show (place, species, belief 0..1) counts as pointed out."""
        self.now, self._since = None, {}
        self._revealed.update({(place, species): seconds for place, species, belief in beliefs if belief >= UNSURE})

    def burned(self, pairs: Iterable[tuple[int, str]], seconds: float) -> None:
        """What a charm shows (place, species) counts as pointed out, as long as it is worn."""
        self._revealed.update(dict.fromkeys(pairs, seconds))

    def watch(self, beliefs: Iterable[tuple[int, str, float]], seconds: float) -> None:
        """Call every frame with (place, species, belief 0..1); sets `now` when something new is seen."""
        for known in (self._revealed, self._announced):
            for key in [key for key, when in known.items() if seconds - when > REMEMBERED]:
                del known[key]
        sure = [(place, species) for place, species, belief in beliefs if belief >= SURE]
        self._since = {key: self._since.get(key, seconds) for key in sure}
        if self.now is not None and (seconds > self.now.until or (self.now.first and not sure)):
            self.now = None
        if self.now is not None:
            return
        for key in sure:
            if seconds - self._since[key] >= STEADY and key not in self._revealed and key not in self._announced:
                self._announced[key] = seconds
                self.now = Sighting(*key, seconds + (SHOWN if self._any else SHOWN_FIRST), not self._any)
                self._any = True
                return
