"""What the tests of the game share: a small map, a painter made once, and golden pictures with a side by side."""

import heapq
import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pygame as pg

from game.app.app_context import AppContext
from game.app.game_loop import Game
from game.app.playing import Options
from game.app.window import Window
from game.art.painter import Painter
from game.journey.journey import Journey
from game.journey.mind_line import Mind
from game.journey.save_slots import AutoSave
from game.realm.land import Decor, Map, Place
from game.realm.realms import LocalRealm
from game.realm.replay import state_hash
from game.realm.terrain import TILE, Ground
from game.realm.world import World, new_world
from game.screens.registry import OPENERS
from tests.kits.stub_mind import StubMind

HERE = Path(__file__).resolve().parents[1]
GOLDEN = HERE / "golden"
ARTEFACTS = HERE / "artefacts"
Tiles = list[tuple[int, int]]
ALIKE = 1.0  # mean difference per channel (0..255) that rounding on another machine may make
BLOCK, STRAY = 4, 4.0  # px, and how far the mean of one block may be off: the faintest sprite that is lost makes more


def open_display() -> None:
    """A window of the dummy driver, if there is none."""
    if not pg.display.get_surface():
        pg.display.init()
        pg.display.set_mode((640, 360))


@lru_cache(maxsize=1)
def small_map() -> Map:
    """48 x 32 tiles by hand: a road, a river, a bridge, a patch of each ground, a house, a lantern, a well, a torii."""
    width, height = 48, 32
    ground = np.full((height, width), Ground.GRASS, np.uint8)
    ground[2:10, 30:44] = Ground.LEAVES
    ground[2:8, 2:12] = Ground.MOSS
    ground[24:30, 30:44] = Ground.STONE
    ground[17:22] = Ground.MUD
    ground[18:21] = Ground.WATER
    ground[16:23, 22:25] = Ground.BRIDGE
    walkable = (ground != Ground.WATER).astype(np.uint8)
    places = (
        Place(0, "well", 300, 200, "village"),
        Place(1, "lantern", 360, 190, "village"),
        Place(2, "torii", 560, 440, "shrine"),
        Place(3, "bridge", 376, 312, "river"),
    )
    decor = (
        Decor("house", 230, 180, 0),
        Decor("tree", 420, 210, 1),
        Decor("sakura", 480, 420, 0),
        Decor("pine", 150, 240, 2),
    )
    river = tuple((x, 312) for x in range(-32, 832, 32))
    roads = (((376, 0), (370, 160), (376, 512)),)
    return Map(
        3, width, height, ground.tobytes(), walkable.tobytes(), river, 26, roads, decor, places, (350, 230), (560, 440)
    )  # fmt: skip


@lru_cache(maxsize=1)
def small_painter() -> Painter:
    """A painter of the small map."""
    open_display()
    return Painter(small_map())


_PAINTERS: dict[int, Painter] = {}


def game_of(mind: Mind, folder: Path, seed: int = 0, world: World | None = None, **options: object) -> Game:
    """A game whose painter is shared between tests of one seed: baking the ground is the slow part."""
    world = world or new_world(seed)
    fields: dict[str, object] = {
        "seed": seed,
        "log_path": folder / "log.msgpack",
        "shot_dir": folder / "shots",
        **options,
    }
    open_display()
    if seed not in _PAINTERS:
        _PAINTERS[seed] = Painter(world.map)
    context = AppContext(Window())
    return Game(LocalRealm(world), mind, context, Options(**fields), OPENERS, painter=_PAINTERS[seed])  # type: ignore[arg-type]


def key(code: int, down: bool = True) -> pg.Event:
    """A key event."""
    return pg.Event(pg.KEYDOWN if down else pg.KEYUP, key=code)


def play(game: Game, frames: int, events: Iterable[pg.Event] = (), dt: float = 1 / 60) -> None:
    """Posts events to pygame's queue and lets frames pass."""
    for event in events:
        pg.event.post(event)
    for _ in range(frames):
        game.frame(pg.event.get(), dt)


def tap(game: Game, code: int, frames: int = 3) -> None:
    """Presses and releases a key."""
    play(game, frames, [key(code)])
    play(game, 1, [key(code, False)])


def walked(folder: Path, seed: int = 0, ticks: int = 90) -> str:
    """Saves a short journey; returns the hash of its world."""
    journey = Journey(LocalRealm(new_world(seed)), StubMind())
    for tick in range(ticks):
        journey.advance(1 / 30, (1, 0) if tick % 3 else (0, 1), False, tick / 30)
    journey.rest(True)
    journey.advance(1 / 30, (0, 0), False, 99.0)
    AutoSave(folder).close(journey.realm.log)
    return state_hash(journey.realm.world)


def check_golden(name: str, picture: pg.Surface) -> None:
    """Compares with golden/NAME.png; on a mismatch writes expected, actual and difference side by side.

    SECOND_SIGHT_GOLDEN=write renews the golden pictures.
    """
    path = GOLDEN / f"{name}.png"
    if os.environ.get("SECOND_SIGHT_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        pg.image.save(picture, path)
        return
    assert path.exists(), f"{path.name} is missing: run the tests with SECOND_SIGHT_GOLDEN=write and look at it"
    wanted = pg.image.load(path)
    assert wanted.get_size() == picture.get_size()
    expected, actual = (pg.surfarray.array3d(image).astype(int) for image in (wanted, picture))
    gap = np.abs(expected - actual)
    if gap.mean() <= ALIKE and _worst_block(gap) <= STRAY:
        return
    ARTEFACTS.mkdir(exist_ok=True)
    side = np.concatenate([expected, actual, np.minimum(255, gap * 3)]).astype(np.uint8)
    sheet = pg.Surface(side.shape[:2])
    pg.surfarray.blit_array(sheet, side)
    pg.image.save(pg.transform.scale_by(sheet, 2), ARTEFACTS / f"{name}.png")
    raise AssertionError(
        f"{name} differs by {gap.mean():.1f} a channel, {_worst_block(gap):.1f} at its worst block: "
        f"see {ARTEFACTS.name}/{name}.png (expected, actual, difference)"
    )


def _worst_block(gap: np.ndarray) -> float:
    """The largest mean difference of a block of BLOCK x BLOCK px; gap: (w, h, 3), zeros beyond its edges."""
    width, height = (-(-side // BLOCK) * BLOCK for side in gap.shape[:2])
    whole = np.zeros((width, height, 3))
    whole[: gap.shape[0], : gap.shape[1]] = gap
    blocks = whole.reshape(width // BLOCK, BLOCK, height // BLOCK, BLOCK, 3)
    return float(blocks.mean(axis=(1, 3, 4)).max())


def route(world: World, goal: tuple[int, int]) -> Tiles:
    """Tiles from the player to a goal tile, shortest way; empty if there is none."""
    land = world.map
    start = (world.player.x // TILE, world.player.y // TILE)
    came: dict[tuple[int, int], tuple[int, int] | None] = {start: None}
    front = [(0, start)]
    while front:
        cost, tile = heapq.heappop(front)
        if tile == goal:
            break
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            x, y = tile[0] + dx, tile[1] + dy
            if (
                (x, y) in came
                or not (0 <= x < land.width and 0 <= y < land.height)
                or not land.walkable[y * land.width + x]
            ):
                continue
            came[(x, y)] = tile
            heapq.heappush(front, (cost + 1, (x, y)))
    path: Tiles = []
    at: tuple[int, int] | None = goal if goal in came else None
    while at is not None:
        path.append(at)
        at = came[at]
    return path[::-1]
