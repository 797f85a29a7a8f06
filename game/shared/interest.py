"""Who is near whom: the bodies that a player may see now, from one table of all of them that is made once a tick."""

import numpy as np

from game.realm.player import Player
from game.realm.seen import EACH, FAMILIAR, FOLK, OTHERS, SEER, SeenBody
from game.realm.state import Actor
from game.realm.terrain import TILE
from game.realm.world import World

REACH_X, REACH_Y = 22 * TILE, 13 * TILE  # px: the picture, and a little beyond its edge
BODIES_MAX = 64  # bodies that a player sees at once, the nearest ones


class Interest:
    """A table of all bodies. A body that stays as it is keeps the same object, so that comparing it costs nothing."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._looks: dict[int, SeenBody] = {}
        self._seers: dict[int, SeenBody] = {}
        self._bodies: list[tuple[int, SeenBody]] = []  # (number, looks)
        self._x = self._y = np.zeros(0, np.int32)  # px, in the order of the bodies

    def note(self, here: set[int]) -> None:
        """Makes the table anew. here: the numbers of the players who are in play; others are not seen."""
        world, self._bodies = self.world, []
        self._seers = {SEER + n: self._look(SEER + n, seer) for n, seer in enumerate(world.seers) if n}
        for number, worker in enumerate(world.folk):
            self._put(FOLK + number, worker)
        for index in sorted(here):
            player, number = world.players[index], OTHERS + EACH * index
            self._put(number, player)
            if player.familiar_with:
                self._put(number + 1, player.familiar)
        spots = np.array([(body.x, body.y) for _, body in self._bodies], np.int32).reshape(-1, 2)
        self._x, self._y = spots[:, 0].copy(), spots[:, 1].copy()

    def _put(self, number: int, who: Actor) -> None:
        self._bodies.append((number, self._look(number, who)))

    def _look(self, number: int, who: Actor) -> SeenBody:
        before = self._looks.get(number)
        if (
            before is None
            or before.x != who.x
            or before.y != who.y
            or before.facing != who.facing
            or before.moving != who.moving
        ):
            before = self._looks[number] = SeenBody(who.kind, who.x, who.y, who.facing, who.moving)
        return before

    def seen_by(self, player: Player) -> dict[int, SeenBody]:
        """The bodies that a player sees, by number: seers wherever they are, the others as far as the picture goes."""
        own = OTHERS + EACH * player.number
        across, down = np.abs(self._x - player.x), np.abs(self._y - player.y)
        near = np.flatnonzero((across <= REACH_X) & (down <= REACH_Y))
        if len(near) > BODIES_MAX + EACH:  # the player and their familiar are among them
            far = across[near] ** 2 + down[near] ** 2
            near = near[np.argsort(far, kind="stable")[: BODIES_MAX + EACH]]
        table = self._bodies
        bodies = dict([table[row] for row in near.tolist()])
        bodies.pop(own, None)
        bodies.pop(own + 1, None)
        bodies |= self._seers
        bodies[SEER] = self._look(OTHERS + own, player.seer)
        if player.familiar_with:
            bodies[FAMILIAR] = self._look(own + 1, player.familiar)
        return bodies
