"""A realm made by hand for pictures: a quarter for each region, a river with a bridge, and three rooms.

It doesn't come from worldgen, so that golden pictures stay when the realm's generator changes.
"""

from functools import lru_cache

import numpy as np
import pygame as pg

from game.art.frame_state import Body, FrameState, Ghost, Hint
from game.art.painter import Painter
from game.realm.land import Decor, Map, Place, Room
from game.realm.terrain import OUTDOORS, TILE, Ground
from tests.kits.playkit import open_display

WIDTH, HEIGHT = 64, OUTDOORS + 12
VIEWS = {"village": (224, 300), "forest": (776, 250), "river": (420, 640), "shrine": (800, 1000)}  # px of the world
SPECIES = ("kitsune", "tengu", "kodama", "yurei", "oni", "zashiki")


def _ground() -> tuple[np.ndarray, np.ndarray]:
    """Tiles (HEIGHT, WIDTH) and where one can walk."""
    ground = np.full((HEIGHT, WIDTH), Ground.GRASS, np.uint8)
    ground[0:34, 36:] = Ground.MOSS
    ground[6:20, 42:60] = Ground.LEAVES
    ground[24:30, 4:14] = Ground.FIELD
    ground[36:50, 16:40] = Ground.MARSH
    ground[38:46] = Ground.MUD
    ground[39:44] = Ground.WATER
    ground[37:47, 19:22] = Ground.BRIDGE
    ground[54:64, 42:60] = Ground.STONE
    ground[64:76, 48:52] = Ground.STAIRS
    ground[OUTDOORS:] = Ground.VOID
    for left in (0, 16, 32):
        ground[OUTDOORS : OUTDOORS + 9, left : left + 12] = Ground.WALL
        ground[OUTDOORS + 2 : OUTDOORS + 8, left + 1 : left + 11] = Ground.FLOOR
        ground[OUTDOORS + 8, left + 6] = Ground.FLOOR
    walkable = ~np.isin(ground, (Ground.WATER, Ground.WALL, Ground.VOID))
    return ground, walkable.astype(np.uint8)


def _places() -> tuple[Place, ...]:
    spots = [
        ("well", 300, 280, "village", -1), ("lantern", 190, 250, "village", -1), ("cart", 120, 330, "village", -1),
        ("scarecrow", 160, 470, "village", -1), ("oak", 700, 200, "forest", -1), ("hollow", 850, 300, "forest", -1),
        ("stump", 760, 330, "forest", -1), ("bridge", 328, 672, "river", -1), ("willow", 520, 620, "river", -1),
        ("boat", 450, 596, "river", -1), ("reeds", 380, 600, "river", -1), ("torii", 800, 1090, "shrine", -1),
        ("altar", 840, 950, "shrine", -1), ("bell", 730, 960, "shrine", -1), ("statue", 880, 1010, "shrine", -1),
    ]  # fmt: skip
    for room, kinds in enumerate((("hearth", "futon", "shelf", "table"), ("altar", "mirror", "candle", "scroll"),
                                  ("millstone", "sack", "basket", "chest"))):  # fmt: skip
        for index, kind in enumerate(kinds):
            x, y = (room * 16 + (2, 9, 2, 9)[index]) * TILE + 8, (OUTDOORS + (3, 3, 6, 6)[index]) * TILE + 12
            spots.append((kind, x, y, "room", room))
    return tuple(Place(index, kind, x, y, region, room) for index, (kind, x, y, region, room) in enumerate(spots))


def _decor() -> tuple[Decor, ...]:
    rng = np.random.default_rng(4)
    decor = [
        Decor("house", 248, 224, 0), Decor("inn", 120, 224, 0), Decor("kura", 420, 360, 0), Decor("mill", 560, 580, 0),
        Decor("hut", 620, 400, 0), Decor("hall", 800, 890, 0), Decor("arch", 800, 1060, 0), Decor("arch", 800, 1140, 0),
        Decor("toro", 740, 1050, 0), Decor("toro", 860, 1050, 0), Decor("sakura", 680, 940, 0),
        Decor("sakura", 940, 1060, 1), Decor("cattail", 420, 640, 1), Decor("bamboo", 840, 200, 2),
    ]  # fmt: skip
    for x, y in rng.integers((600, 60), (1000, 400), (26, 2)).tolist():
        decor.append(Decor(("tree", "pine", "bamboo", "bush", "rock")[(x + y) % 5], x, y, x % 4))
    for x, y in ((60, 270), (350, 210), (380, 260), (90, 420), (300, 380), (640, 1000), (960, 930), (500, 560)):
        decor.append(Decor("tree" if x % 20 else "pine", x, y, y % 4))
    return tuple(decor)


@lru_cache(maxsize=1)
def region_map() -> Map:
    """64 x 96 tiles in the open and three rooms."""
    ground, walkable = _ground()
    rooms = tuple(
        Room(index, kind, left, OUTDOORS, 12, 9, ((left + 6) * TILE + 8, (OUTDOORS + 7) * TILE + 8), outside,
             (outside[0] // TILE, outside[1] // TILE - 1), (left + 6, OUTDOORS + 8), house)
        for index, (kind, left, outside, house) in enumerate(
            (("house", 0, (248, 236), 0), ("hall", 16, (800, 902), 5), ("mill", 32, (560, 592), 3))
        )
    )  # fmt: skip
    river = tuple((x, 672) for x in range(-32, WIDTH * TILE + 64, 32))
    roads = (((-20, 300), (120, 306), (330, 300), (330, 620)), ((330, 720), (420, 900), (700, 1180), (800, 1230)))
    return Map(
        5, WIDTH, HEIGHT, ground.tobytes(), walkable.tobytes(), river, 36, roads, _decor(), _places(), (224, 300),
        (800, 960), rooms,
    )  # fmt: skip


@lru_cache(maxsize=1)
def region_painter() -> Painter:
    """A painter of the hand-made realm."""
    open_display()
    return Painter(region_map())


def shot(
    at: tuple[int, int], hour: float, weather: str = "clear", belief: float = 0.0, size: tuple[int, int] = (208, 128),
    seconds: float = 2.0, bodies: tuple[Body, ...] = (), flood: float = 0.0, hints: tuple[Hint, ...] = (),
    **flags: bool,
) -> pg.Surface:  # fmt: skip
    """What is painted around a point, `size` px of it, with two spirits that are believed this much."""
    open_display()
    frame = pg.Surface((640, 360)).convert()
    ghosts = tuple(
        Ghost(k, at[0] + (-48, 56)[k], at[1] + (16, 22)[k], SPECIES[(at[0] + k) % 6], belief) for k in range(2)
    )
    stage = FrameState(hour, weather, seconds, Body("player", *at, "s", False), bodies, ghosts, hints, flood=flood)
    camera = region_painter().paint(frame, stage, **flags)
    corner = at[0] - camera[0] - size[0] // 2, at[1] - camera[1] - size[1] * 2 // 3
    return frame.subsurface(pg.Rect(corner, size).clamp(frame.get_rect())).copy()


def sheet(rows: list[list[pg.Surface]]) -> pg.Surface:
    """Pictures of one size side by side, a row for each list."""
    width, height = rows[0][0].get_size()
    whole = pg.Surface((width * len(rows[0]), height * len(rows)))
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            whole.blit(picture, (x * width, y * height))
    return whole
