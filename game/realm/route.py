"""Ways over open ground, tile by tile, for whoever walks by a plan."""

from collections import deque

from game.realm.actors import STEPS
from game.realm.state import RealmState
from game.realm.terrain import TILE, Point

FAR = 2500  # tiles that are looked at before a way is given up


def route(world: RealmState, x: int, y: int, goal: tuple[int, int]) -> list[Point]:
    """A shortest way from (x, y) px to a goal tile that leads through no door: the middles of its tiles (px), the next
    one last. Empty if the goal is too far or shut off; the point itself if the goal is its own tile."""
    start = (x // TILE, y // TILE)
    came, front = {goal: goal}, deque([goal])
    while front and start not in came and len(came) < FAR:
        column, row = front.popleft()
        for dx, dy, _ in STEPS:
            tile = (column + dx, row + dy)
            left, top = tile[0] * TILE, tile[1] * TILE
            if tile not in came and (tile == start or (world.open(left, top) and not world.is_door(left, top))):
                came[tile] = (column, row)
                front.append(tile)
    if start not in came:
        return []
    path, at = [], start
    while at != goal:
        at = came[at]
        path.append((at[0] * TILE + TILE // 2, at[1] * TILE + TILE // 2))
    return path[::-1] or [(x, y)]


def tile_beside(world: RealmState, place: int) -> tuple[int, int] | None:
    """An open tile beside a place, the one below it first; the place's own tile last; None if all are shut."""
    column, row = world.map.places[place].x // TILE, world.map.places[place].y // TILE
    beside = [(column + dx, row + dy) for dx, dy in ((0, 1), (1, 0), (-1, 0), (0, -1), (0, 0))]
    return next((tile for tile in beside if world.open(tile[0] * TILE, tile[1] * TILE)), None)
