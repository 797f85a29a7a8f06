"""The scene behind the title: a small realm at dusk, drawn by the game's painter and slowly panned.

Somebody stands on the road and looks at a gate. Now and then a spirit appears there.
"""

import math

import numpy as np
import pygame as pg

from game.art.frame_state import Body, FrameState, Ghost
from game.art.painter import SIZE, Painter
from game.realm.land import Decor, Map, Place
from game.realm.terrain import TILE, Ground

WIDTH, HEIGHT = 54, 26  # tiles
PAN = 96.0  # px to either side
TURN = 75.0  # s of a pan there and back
COMES = 26.0  # s between a spirit's visits
HOURS = (19.1, 19.9)  # the scene drifts between these
GATE = (610, 232)
SPECIES = ("kitsune", "kodama", "yurei", "tengu", "oni", "zashiki")
FOLK = (("seer", 556, 268, "e", False), ("cat", 352, 246, "w", False), ("player", 574, 262, "e", False))
TREES = (  # kind, x, y, variant: a dark wood behind, cherry trees at the gate, a few beside the road
    [("pine" if i % 3 else "tree", 14 + i * 37 + (i * 53) % 17, 62 + (i * 29) % 34, i % 4) for i in range(24)]
    + [("tree" if i % 2 else "pine", 30 + i * 47, 116 + (i * 37) % 22, (i + 1) % 4) for i in range(6)]
    + [("pine" if i % 2 else "tree", 560 + i * 52, 128 + (i * 31) % 20, i % 4) for i in range(6)]
    + [("sakura", 700, 214, 0), ("sakura", 744, 250, 1), ("sakura", 520, 188, 2), ("sakura", 800, 226, 3)]
    + [("pine", 150, 300, 1), ("tree", 84, 262, 2), ("pine", 214, 372, 3), ("tree", 42, 330, 0)]
    + [("bush", 446, 286, 0), ("bush", 660, 268, 1), ("rock", 640, 300, 2), ("tree", 270, 292, 1)]
    + [("pine", 786, 392, 0), ("sakura", 850, 316, 2), ("pine", 836, 404, 2), ("bush", 300, 240, 1)]
)


def land() -> Map:
    """The small realm. The same each time."""
    ground = np.full((HEIGHT, WIDTH), Ground.GRASS, np.uint8)
    ground[:7] = Ground.MOSS
    ground[7:9, :20] = Ground.LEAVES
    ground[9:15, 39:47] = Ground.STONE
    ground[11:14, 41:45] = Ground.MOSS
    river = tuple((x, round(366 - 34 * math.sin(x / 150) - x / 60)) for x in range(-32, WIDTH * TILE + 33, 16))
    for x, y in river:
        if 0 <= x < WIDTH * TILE:
            ground[max(0, y // TILE - 1) : y // TILE + 2, x // TILE] = Ground.WATER
    walkable = (ground != Ground.WATER).astype(np.uint8)
    road = ((-20, 262), (180, 250), (330, 256), (470, 272), (560, 262), GATE, (628, 160))
    lane = ((420, 214), (416, 240), (430, 268))
    yard = ((326, 226), (330, 256))
    places = (
        Place(0, "torii", *GATE, "shrine"),
        Place(1, "lantern", 520, 250, "village"),
        Place(2, "lantern", 372, 238, "village"),
        Place(3, "well", 476, 244, "village"),
        Place(4, "lantern", 650, 226, "shrine"),
        Place(5, "lantern", 236, 240, "village"),
        Place(6, "altar", 690, 196, "shrine"),
    )
    decor = (Decor("house", 326, 214, 0), Decor("house", 420, 202, 1), *(Decor(*tree) for tree in TREES))
    return Map(
        seed=11,
        width=WIDTH,
        height=HEIGHT,
        ground=ground.tobytes(),
        walkable=walkable.tobytes(),
        river=river,
        river_half_width=26,
        roads=(road, lane, yard),
        decor=decor,
        places=places,
        start=(574, 262),
        shrine=GATE,
    )


class _Still(Painter):
    """A painter whose camera follows nobody."""

    left = 0

    def camera(self, x: int, y: int, free: int = SIZE[0]) -> tuple[int, int]:
        """Where the pan is now."""
        return self.left, 26


class Vista:
    """The scene. Needs an open display."""

    def __init__(self) -> None:
        self.painter = _Still(land())
        self._shade = _shade()

    def paint(self, frame: pg.Surface, seconds: float, calm: bool = False, safe: bool = False) -> None:
        """One frame, SIZE px. calm: nothing pans."""
        swing = 0.0 if calm else math.sin(math.tau * seconds / TURN)
        self.painter.left = round((WIDTH * TILE - SIZE[0]) / 2 + PAN * swing)
        hour = HOURS[0] + (HOURS[1] - HOURS[0]) * (0.5 - 0.5 * math.cos(math.tau * seconds / 180))
        belief = min(1.0, max(0.0, 1.5 * math.sin(math.tau * (seconds - 5) / COMES) - 0.2))
        ghosts: tuple[Ghost, ...] = ()
        if belief > 0.02 and seconds > 5:
            species = SPECIES[int((seconds - 5) / COMES) % len(SPECIES)]
            ghosts = (Ghost(0, GATE[0] + 4, GATE[1] + 6, species, belief),)
        bodies = [Body(*folk) for folk in FOLK]
        frame_state = FrameState(hour, "clear", seconds, bodies[-1], tuple(bodies[:-1]), ghosts)
        self.painter.advance()
        self.painter.paint(frame, frame_state, calm, safe)
        frame.blit(self._shade, (0, 0), special_flags=pg.BLEND_RGB_MULT)


def _shade() -> pg.Surface:
    """The left side lies in the dark, for words to be read there; corners a little too."""
    across, down = np.linspace(0, 1, SIZE[0])[:, None], np.linspace(-1, 1, SIZE[1])[None]
    left = 0.30 + 0.70 * np.clip((across - 0.10) / 0.46, 0, 1) ** 0.8
    dim = left * (1 - 0.25 * down**4) * (1 - 0.2 * np.clip((across - 0.8) / 0.2, 0, 1) ** 2)
    tint = np.array([0.86, 0.90, 1.0])
    values = dim[..., None] ** (1.1 - 0.25 * tint) * 255
    shade = pg.Surface(SIZE)
    pg.surfarray.blit_array(shade, values.astype(np.uint8))
    return shade.convert()
