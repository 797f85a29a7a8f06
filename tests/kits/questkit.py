"""A hand that plays errands by actions alone: it walks tile by tile, through doors, and may know where guests are."""

from collections import deque

from game.realm.errand import Errand
from game.realm.happenings import Action, Turn
from game.realm.land import Room
from game.realm.replay import ActionLog, realm_mark
from game.realm.senses import in_sight
from game.realm.state import Actor
from game.realm.step import step
from game.realm.terrain import TILE
from game.realm.world import World

LONGEST = 30 * 60 * 4  # ticks that anything may take


def towards(player: Actor, column: int, row: int) -> tuple[int, int]:
    """The step towards the middle of the next tile of a way; (0, 0) there, and where a door led far from it."""
    dx, dy = column * TILE + TILE // 2 - player.x, row * TILE + TILE // 2 - player.y
    if abs(dx) + abs(dy) > 3 * TILE:
        return 0, 0
    return (dx > 2) - (dx < -2), (dy > 2) - (dy < -2)


class Hand:
    """Steps a world by actions and logs them."""

    def __init__(self, world: World) -> None:
        self.world, self.log = world, ActionLog(world.seed, realm_mark(world.rules))
        self.turns: list[Turn] = []

    def do(self, *actions: Action) -> tuple:
        """One tick."""
        happenings = step(self.world, actions)
        self.log.append(actions)
        self.turns += [turn for turn in happenings if isinstance(turn, Turn)]
        return happenings

    def wait(self, ticks: int) -> None:
        for _ in range(ticks):
            self.do()

    def errand(self, key: str) -> Errand:
        return self.world.quests.errands[key]

    def route(self, near: tuple[int, int], reach: int) -> list[tuple[int, int]]:
        """Tiles to one within `reach` px of a point, the shortest way; empty if there is none. Doors lead on."""
        world, land = self.world, self.world.map
        through = {room.door: room.inside for room in land.rooms} | {room.exit: room.outside for room in land.rooms}
        start = (world.player.x // TILE, world.player.y // TILE)
        came: dict[tuple[int, int], tuple[int, int] | None] = {start: None}
        queue = deque([start])
        while queue:
            tile = queue.popleft()
            x, y = tile[0] * TILE + TILE // 2, tile[1] * TILE + TILE // 2
            if (x - near[0]) ** 2 + (y - near[1]) ** 2 <= reach**2:
                path, at = [], tile
                while at is not None:
                    path.append(at)
                    at = came[at]
                return path[::-1]
            if tile in through and tile != start:
                beyond = (through[tile][0] // TILE, through[tile][1] // TILE)
                if beyond not in came:
                    came[beyond] = tile
                    queue.append(beyond)
                continue
            for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                other = (tile[0] + dx, tile[1] + dy)
                if other not in came and world.open(other[0] * TILE + 8, other[1] * TILE + 8):
                    came[other] = tile
                    queue.append(other)
        return []

    def walk(self, near: tuple[int, int], reach: int) -> None:
        """Walks to within `reach` px of a point."""
        path = self.route(near, reach)
        assert path, f"no way to {near}"
        for column, row in path[1:]:
            for _ in range(40):
                step_to = towards(self.world.player, column, row)
                if step_to == (0, 0):
                    break
                self.do(("move", *step_to))
        self.do()

    def talk(self, key: str) -> None:
        """Goes to whoever gives an errand and speaks to them."""
        quests = self.world.quests
        index = list(quests.book.people).index(self.errand(key).plan.giver)
        for _ in range(8):  # a seer may stroll away meanwhile
            who = quests.people[index]
            self.walk((who.x, who.y), 30)
            if quests.beside() == index:
                self.do(("talk", index))
                return
        raise AssertionError(f"{key}: the giver can't be spoken to")

    def hour(self, phase: str) -> None:
        """Waits for a phase of the day."""
        for _ in range(LONGEST * 4):
            if self.world.phase == phase:
                return
            self.do()

    def go(self, place: int, reach: int = 0) -> None:
        """To within `reach` px of a place; 0: as near as one can stand."""
        spot = self.world.map.places[place]
        near = [reach] if reach else [r for r in range(8, 28, 2) if self.route((spot.x, spot.y), r)][:1]
        self.walk((spot.x, spot.y), near[0])

    def approach(self, place: int) -> None:
        """Comes near enough to name who is there."""
        for reach in (160, 100, 60, 40):
            self.go(place, reach)
            if place in dict(in_sight(self.world)).values():
                return
        raise AssertionError("never in sight")

    def guest(self, key: str) -> int:
        """Where the guest of an errand is, once it has come."""
        for _ in range(30 * 10):
            if self.errand(key).at:
                return next(iter(self.errand(key).at))
            self.do()
        raise AssertionError(f"{key}: nobody comes")

    def answer(self, place: int) -> str:
        """Who is there: the hand may know."""
        number = self.world.traces.here[place]
        species = self.world.rules.species
        return species[number] if 0 <= number < len(species) else "nothing"

    def play(self, key: str) -> None:
        """An errand from its offer to its end."""
        errand = self.errand(key)
        if errand.plan.hours:
            index = list(self.world.quests.book.people).index(errand.plan.giver)
            who = self.world.quests.people[index]
            self.walk((who.x, who.y), 40)
            self.hour(errand.plan.hours[0])
        self.talk(key)
        assert errand.stage == "taken", self.turns[-1:]
        while errand.stage == "taken":
            self.once(key)
        if errand.stage == "ready":
            self.talk(key)
        assert errand.stage == "done"

    def once(self, key: str) -> None:
        """The right thing at the guest's place."""
        place, task = self.guest(key), self.errand(key).plan.task
        if task in ("name", "all"):
            self.approach(place)
            self.do(("name", place, self.answer(place)))
        elif task == "track":
            self.go(place)
            self.do(("touch", place))
        else:
            self.go(place)
            self.wait(30 * (self.errand(key).plan.seconds + 1))
            if self.errand(key).stage == "taken" and self.errand(key).at.get(place) is not None:
                raise AssertionError(f"{key}: stood by it in vain")


def into(world: World, room: Room) -> None:
    """Stands before a room's door and walks in."""
    world.player.x, world.player.y = room.outside
    for _ in range(30):
        step(world, (("move", 0, -1),))
        if world.spatial_index.room(world.player.x, world.player.y):
            return
