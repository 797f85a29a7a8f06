"""Who is near whom: the bodies that a player may see now, from one index of all of them that is made once a tick."""

from game.realm.player import Player
from game.realm.seen import EACH, FAMILIAR, FOLK, OTHERS, SEER, SeenBody
from game.realm.state import Actor
from game.realm.terrain import TILE
from game.realm.world import World

REACH_X, REACH_Y = 22 * TILE, 13 * TILE  # px: the picture, and a little beyond its edge
BODIES_MAX = 64  # bodies that a player sees at once, the nearest ones
Body = tuple[int, int, int, SeenBody]  # x, y (px), number, looks


class Interest:
    """An index of all bodies. A body that stays as it is keeps the same object, so that comparing it costs nothing."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._looks: dict[int, SeenBody] = {}
        self._cells: dict[tuple[int, int], list[Body]] = {}
        self._seers: dict[int, SeenBody] = {}

    def note(self, here: set[int]) -> None:
        """Makes the index anew. here: the numbers of the players who are in play; others are not seen."""
        world, self._cells = self.world, {}
        self._seers = {SEER + n: self._look(SEER + n, seer) for n, seer in enumerate(world.seers) if n}
        for number, worker in enumerate(world.folk):
            self._put(FOLK + number, worker)
        for index in here:
            player, number = world.players[index], OTHERS + EACH * index
            self._put(number, player)
            if player.familiar_with:
                self._put(number + 1, player.familiar)

    def _put(self, number: int, who: Actor) -> None:
        body = who.x, who.y, number, self._look(number, who)
        self._cells.setdefault((who.x // REACH_X, who.y // REACH_Y), []).append(body)

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
        px, py, own = player.x, player.y, OTHERS + EACH * player.number
        column, row = px // REACH_X, py // REACH_Y
        near: list[Body] = []
        for cell in [(column + dx, row + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]:
            near += [
                body
                for body in self._cells.get(cell, ())
                if -REACH_X <= body[0] - px <= REACH_X and -REACH_Y <= body[1] - py <= REACH_Y
            ]
        if len(near) > BODIES_MAX:
            near.sort(key=lambda body: (body[0] - px) ** 2 + (body[1] - py) ** 2)
            del near[BODIES_MAX:]
        bodies = {SEER: self._look(OTHERS + own, player.seer)} | self._seers
        if player.familiar_with:
            bodies[FAMILIAR] = self._look(own + 1, player.familiar)
        bodies |= {number: looks for _, _, number, looks in near if number != own and number != own + 1}
        return bodies
