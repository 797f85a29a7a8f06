"""One who walks the realm by their own actions, and the two who walk with them."""

from collections import deque

from game.realm.actors import Seer
from game.realm.familiar import Familiar
from game.realm.state import Actor

TAIL = 20  # ticks that the familiar walks behind the player


class Player(Actor):
    """number: their index among the world's players; seer: the one who follows them.

    trail: where they walked (x, y px, facing); shown: (spirit, visit) that a seer has pointed at for them -> tick.
    """

    __slots__ = ("familiar", "familiar_with", "number", "resting", "seer", "shown", "trail")

    def __init__(self, number: int, spot: tuple[int, int], seer: Seer) -> None:
        super().__init__("player", *spot)
        self.number, self.seer = number, seer
        self.familiar, self.familiar_with = Familiar(self), False
        self.resting = False
        self.trail: deque[tuple[int, int, str]] = deque(maxlen=TAIL)
        self.shown: dict[tuple[int, int], int] = {}

    @property
    def party(self) -> tuple[Actor, ...]:
        """The player, and those who walk with them and can be seen."""
        return (self, self.seer, self.familiar) if self.familiar_with else (self, self.seer)

    def state(self) -> tuple[object, ...]:
        """All of it, for the state hash of a realm with several players."""
        bodies = [(who.x, who.y, who.facing, who.moving) for who in (self, self.seer, self.familiar)]
        way = (tuple(self.trail), tuple(self.shown.items()))
        return bodies, self.familiar.state(), self.seer.state(), self.familiar_with, self.resting, way
