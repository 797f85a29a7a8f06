"""How far one errand of a player is."""

from dataclasses import dataclass, field

from game.realm.actors import NEVER
from game.realm.questbook import Plan
from game.realm.traces import NOBODY

BEGUN = 15  # ticks from which on somebody who stands still is staring


@dataclass
class Errand:
    """How far one errand is. stage: open, taken, ready (the giver has to be told), done. at: place -> number of the
    spirit held there, or NOBODY where nobody is the answer; area: the places that count; due: when a guest is called,
    or time is up (tick); began, ended: ticks.
    """

    key: str
    plan: Plan
    stage: str = "open"
    count: int = 0
    wrongs: int = 0
    area: tuple[int, ...] = ()
    at: dict[int, int] = field(default_factory=dict)
    last: int = NOBODY  # where the last guest was
    due: int = NEVER
    still: int = 0  # ticks that the player has stood at `beside`; below 0 until they move
    beside: int = NOBODY
    began: int = NEVER
    ended: int = NEVER

    @property
    def asks(self) -> bool:
        """True while a guest is there to be told, or nobody is and that is the answer."""
        return bool(self.at)

    def state(self) -> tuple[object, ...]:
        """All of it that decides the future, for the state hash."""
        way = self.stage, self.count, self.wrongs, self.area, tuple(self.at.items()), self.last
        return self.key, *way, self.due, self.still, self.beside, self.ended

    def listen(self) -> None:
        """Somebody speaks to the player. Who hasn't begun to stare isn't staring: they have to walk first."""
        if self.plan.task == "stay" and self.still < BEGUN:
            self.still, self.beside = -1, NOBODY

    def hold_still(self, moving: bool) -> None:
        """A tick that doesn't count: what is due is due a tick later, and only walking ends a stare."""
        self.due += self.due != NEVER
        if moving:
            self.still, self.beside = 0, NOBODY


@dataclass
class KnownErrand(Errand):
    """What a player may know of one of their errands: not who is where. `at` stays empty; asked: whether a guest is
    there to be told."""

    asked: bool = False

    @property
    def asks(self) -> bool:
        """True while a guest is there to be told, or nobody is and that is the answer."""
        return self.asked
