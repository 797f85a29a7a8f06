"""The very first sight of a journey, directed: one shape gathers while everything else steps back.

Until it has happened one belief alone is drawn of those that nobody pointed at: the strongest, and only as an inkling.
Once it is sure and steady it gathers over some seconds. Then it stands alone for a while, and then the others may come.
Nothing is drawn stronger than it is believed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from game.ui.words import SURE, UNSURE

INKLING = 0.18  # what is drawn of the strongest belief before the first sight: less than anybody would name
GATHERS = 3.6  # s that the shape takes
ALONE = 3.4  # s that it then stands alone
COMES = 2.5  # s over which the others come after that
STEPS_BACK = 0.8  # s over which everything else goes, and comes back
LOST = 0.6  # s that the belief may fail before the moment is given up


@dataclass
class Debut:
    """place: the one place that is drawn, or None; species: who is believed there; over: the first sight has happened
    before."""

    place: int | None = None
    species: str = ""
    over: bool = False
    _began: float | None = None  # s, the game's clock
    _ended: float = -1e9
    _failing: float = 0.0  # s that its belief has been too weak

    @property
    def going_on(self) -> bool:
        """True from the moment the shape begins to gather until the others may come."""
        return self._began is not None

    def choose(self, beliefs: Mapping[int, tuple[str, float]]) -> None:
        """Keeps to its place while that is believed; else takes the strongest. beliefs: place -> (species, 0..1) of
        what nobody pointed at."""
        if self.going_on or self.over:
            return
        best = max(beliefs, key=lambda place: (beliefs[place][1], -place), default=None)
        kept = beliefs.get(self.place, ("", 0.0))[1] if self.place is not None else 0.0
        if best is not None and (kept < UNSURE or beliefs[best][1] > 2 * kept or beliefs[best][1] >= SURE > kept):
            self.place, self.species = best, beliefs[best][0]
        elif kept < UNSURE:
            self.place = None

    def begin(self, place: int, species: str, seconds: float) -> None:
        """It is sure and steady: from now on it gathers."""
        self.place, self.species, self._began, self._failing = place, species, seconds, 0.0

    def advance(self, belief: float, dt: float, seconds: float) -> bool:
        """Lets dt s pass; belief: in its place, 0..1. True once, when the moment has to be given up: whoever was there
        is believed no more."""
        if self._began is None:
            return False
        self._failing = self._failing + dt if belief < UNSURE else 0.0
        if self._failing > LOST and seconds - self._began < GATHERS:
            self._began = self.place = None
            self._ended = seconds  # everything else comes back as gently as it went
            return True
        if seconds - self._began >= GATHERS + ALONE:
            self._began, self._ended, self.over = None, seconds, True
        return False

    def finish(self) -> None:
        """It happened long ago."""
        self.over, self._began, self._ended = True, None, -1e9

    def whole(self, seconds: float) -> bool:
        """True once the shape has gathered."""
        return self.over or (self._began is not None and seconds - self._began >= GATHERS)

    def stage(self, seconds: float) -> float:
        """0..1: how far everything else has stepped back."""
        if self._began is not None:
            return min(1.0, (seconds - self._began) / STEPS_BACK)
        return max(0.0, 1 - (seconds - self._ended) / STEPS_BACK)

    def drawn(self, place: int, belief: float, pointed: bool, seconds: float) -> float:
        """How much of a belief is drawn; pointed: somebody pointed at it lately."""
        if self._began is not None:
            part = min(1.0, (seconds - self._began) / GATHERS)
            gathered = INKLING + (1 - INKLING) * part * part * (3 - 2 * part)
            return min(belief, gathered) if place == self.place else 0.0
        if self.over:
            comes = min(1.0, (seconds - self._ended) / COMES)
            return belief if pointed or place == self.place else belief * comes
        return belief if pointed else min(belief, INKLING) if place == self.place else 0.0
