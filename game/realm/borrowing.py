"""Borrowing a born seer's eyes: where they are lent, for how long, and what they cost.

They are lent at a shrine, or by the fox, once between two rests. Whoever looks through them can't name or touch, and
errands stand still meanwhile. What they show is decided elsewhere: a world knows no beliefs.
"""

from dataclasses import dataclass
from typing import Protocol

from game.realm.player import Player
from game.realm.population import Population
from game.realm.senses import Around, beside_seer, nearest_place, within_reach

SHRINES = ("torii", "altar")  # landmarks at which eyes are lent
LENDER = "fox"  # the seer who lends them elsewhere
LASTS = 8  # s that they are lent
SLEEP = 10  # s of rest after which they are lent again


class Clocked(Protocol):
    """Something that counts ticks."""

    tick: int


@dataclass
class Borrowing:
    """player: who borrows; until: the tick at which the eyes are given back; spent: they were borrowed since the last
    rest; lay_down: the tick at which the player lay down."""

    player: Player
    until: int = 0
    spent: bool = False
    lay_down: int = 0

    def state(self) -> tuple[object, ...]:
        """All of it, for the state hash. A journey on which nobody ever borrowed has nothing to tell."""
        return ((self.until, self.spent, self.lay_down),) if self.until else ()

    def lent(self, world: Clocked) -> bool:
        """True while the player looks through other eyes."""
        return world.tick < self.until

    def refusal(self, world: Around) -> str:
        """Why nobody lends their eyes here and now, for the player; empty if somebody does."""
        if self.spent:
            return "Eyes are lent once. Rest first: then they are lent again."
        seer, place = beside_seer(world, self.player), nearest_place(world, self.player)
        shrine = place.kind in SHRINES and within_reach(world, place, self.player)
        if shrine or (seer is not None and seer.key == LENDER):
            return ""
        return "Nobody lends eyes here. Go to a torii or an altar, or to the white fox in the forest."

    def borrow(self, world: Population, on: bool) -> None:
        """The player borrows eyes where they are lent, or gives them back."""
        if not on and self.lent(world):
            self.until = world.tick
        elif on and not self.lent(world) and not self.refusal(world):
            self.until, self.spent = world.tick + LASTS * world.rules.ticks_per_second, True

    def rest(self, world: Population, on: bool) -> None:
        """The player lies down or gets up; after a whole rest eyes are lent again."""
        if on:
            self.lay_down = world.tick
        elif world.tick - self.lay_down >= SLEEP * world.rules.ticks_per_second:
            self.spent = False
