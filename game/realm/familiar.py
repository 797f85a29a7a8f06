"""The animal that follows the player once it is theirs, and that may be sent to a place.

The mind decides whether it goes where it was sent. That decision is logged as an action, and the world carries it out.
"""

from game.realm.actors import BESIDE
from game.realm.route import route, tile_beside
from game.realm.state import Actor, RealmState
from game.realm.terrain import TILE, Point
from game.realm.traces import NOBODY

PACE = 2  # px a tick
WAITS, SWEPT = 20, 15  # s that it stays where it was sent; s that the river keeps it


class Familiar(Actor):
    """asked: the place it was sent to and has not yet answered; goal: the place it goes to or is at; NOBODY: none.

    away: it is not at the player's side. swept: the river has it.
    """

    __slots__ = ("_path", "_player", "asked", "away", "goal", "swept", "until")

    def __init__(self, player: Actor) -> None:
        super().__init__("familiar", player.x, player.y)
        self._player = player
        self.asked = self.goal = NOBODY
        self.away = self.swept = False
        self.until = 0
        self._path: list[Point] = []  # px, the next one last

    def set_out(self, world: RealmState) -> bool:
        """Sets out for the place it was asked to go to; False if there is no way."""
        goal = tile_beside(world, self.asked)
        path = route(world, self.x, self.y, goal) if goal else []
        if not path:
            return False
        self.goal, self.away, self._path = self.asked, True, path
        self.until = 0
        return True

    def call(self, world: RealmState) -> None:
        """Comes back to the player: by a route, or at once where there is none."""
        self.goal, self.until = NOBODY, 0
        self._path = route(world, self.x, self.y, (self._player.x // TILE, self._player.y // TILE))
        if not self._path:
            self.join()

    def join(self) -> None:
        """Is at the player's side."""
        self.x, self.y = self._player.x, self._player.y
        self.away = self.swept = self.moving = False
        self.goal, self._path = NOBODY, []

    def step(self, world: RealmState) -> str:
        """One tick away from the player. Returns what happened: came, swept or nothing."""
        if self._path:
            self._walk()
            if not self._path and self.goal != NOBODY:
                self.until = (
                    world.tick + (SWEPT if world.dangerous(self.goal) else WAITS) * world.rules.ticks_per_second
                )
                self.swept = world.dangerous(self.goal)
                return "swept" if self.swept else "came"
            if not self._path:  # back where the player was when it was called
                near = max(abs(self._player.x - self.x), abs(self._player.y - self.y)) <= BESIDE
                self.join() if near else self.call(world)
        elif self.goal != NOBODY and world.tick >= self.until:
            self.join() if self.swept else self.call(world)
        return ""

    def _walk(self) -> None:
        x, y = self._path[-1]
        dx, dy = max(-PACE, min(PACE, x - self.x)), max(-PACE, min(PACE, y - self.y))
        self.x, self.y = self.x + dx, self.y + dy
        self.facing = ("e" if dx > 0 else "w") if abs(dx) > abs(dy) else "s" if dy > 0 else "n"
        if (self.x, self.y) == (x, y):
            self._path.pop()
        self.moving = bool(self._path)

    def state(self) -> tuple[object, ...]:
        """All of it, for the state hash."""
        return self.asked, self.goal, self.away, self.swept, self.until, tuple(self._path)
