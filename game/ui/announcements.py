"""What is announced to the player, as data: speeches and their pace, places pointed at, first sights.

A journey makes these; overlays.py draws them.
"""

from dataclasses import dataclass

LETTERS_PER_S = 55.0
READING = 4.0  # s that a speech stays after it is told, and a share more per letter
POINTING = 7.0  # s that what a seer points at stays marked


@dataclass(frozen=True)
class Sighting:
    """Something believed that nobody revealed. until: s, the game's clock; first: the first of this journey."""

    place: int
    species: str
    until: float
    first: bool


@dataclass(frozen=True)
class Pace:
    """How fast speech appears, and whether it stays until the player goes on."""

    letters_per_s: float = LETTERS_PER_S
    waits: bool = False


@dataclass
class Speech:
    """Something said. It appears letter by letter. It goes by itself, or at a pace that waits when the player goes on.

    since: s, the game's clock.
    """

    who: str
    text: str
    since: float
    pace: Pace = Pace()
    _gone: bool = False

    @property
    def lasts(self) -> float:
        """s until all of it has been said."""
        return len(self.text) / self.pace.letters_per_s

    def so_far(self, now: float) -> str:
        """As much of the text as has been said."""
        return self.text[: int((now - self.since) * self.pace.letters_per_s) + 1]

    def whole(self, now: float) -> bool:
        """True when all of it has been said."""
        return now - self.since >= self.lasts

    def go_on(self, now: float) -> None:
        """The player's key: shows the rest at once; pressed again, lets the speech go."""
        if self.whole(now):
            self._gone = True
        else:
            self.since = now - self.lasts

    def over(self, now: float) -> bool:
        """True when it has been read."""
        if self.pace.waits or self._gone:
            return self._gone
        return now - self.since > READING + self.lasts + len(self.text) * 0.03


@dataclass(frozen=True)
class Pointed:
    """A place that was named: what the world says is there. until: s, the game's clock; x, y: px of the world."""

    x: int
    y: int
    answer: str
    until: float
    source: str
