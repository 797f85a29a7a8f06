"""A night at the inn: the realm goes on quickly until dusk or dawn. Every tick is lived and logged like others."""

from dataclasses import dataclass
from typing import Protocol

from game.journey.tracking import room_at
from game.realm.view import PlayerView

INN = "inn"
PHASES = ("dusk", "dawn")  # until when one may sleep
TICKS = 60  # of the realm, in each frame that one sleeps through


class Sleeper(Protocol):
    """What a night needs of a journey."""

    world: PlayerView

    def tick(self) -> None:
        """One tick of the realm without an action of the player."""
        ...

    def rest(self, on: bool) -> None:
        """Lies down, or wakes."""
        ...


def at_the_inn(world: PlayerView) -> bool:
    """True where a bed can be had."""
    room = room_at(world, world.player.x, world.player.y)
    return room is not None and room.kind == INN


@dataclass
class Sleep:
    """until: the phase of the day that is slept for; empty while nobody sleeps like that."""

    until: str = ""
    _left: bool = False  # the phase in which one lay down is over

    def begin(self, world: PlayerView, phase: str) -> None:
        """From now on the realm goes on quickly, until that phase begins."""
        self.until, self._left = phase, world.phase != phase

    def advance(self, sleeper: Sleeper) -> None:
        """A frame of the night; wakes the sleeper when it is over."""
        for _ in range(TICKS if self.until else 0):
            sleeper.tick()
            self._left = self._left or sleeper.world.phase != self.until
            if self._left and sleeper.world.phase == self.until:
                self.until = ""
                sleeper.rest(False)
                return
