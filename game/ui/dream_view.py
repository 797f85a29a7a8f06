"""The dream: remembered places drift by in pieces, over the heads and the d' curve."""

import math
from collections.abc import Sequence

import numpy as np
import pygame as pg

from game.art.frame_state import Ghost, haunt
from game.art.painter import SIZE, Painter
from game.art.pixels.drawing import disc, dissolved, glow
from game.art.pixels.palette import scaled
from game.ui import heads_grid
from game.ui.font import DIM, GOLD, PAPER, SKYBLUE, Pen
from perception.messages import HeadActivity, Progress, Ready

PIECE = (84, 76)  # px of a fragment
STEPS = 8  # stages of a fragment's dissolve
LIFE = 11.0  # s that a fragment drifts
MOST = 10  # fragments at once
NIGHT = (58, 56, 104)  # what the world is multiplied with while one dreams


class Dream:
    """One rest. memories: (place index, species, belief) of what was seen, newest last."""

    def __init__(self, painter: Painter, memories: Sequence[tuple[int, str, float]]) -> None:
        self._pieces = [self._piece(painter, *memory) for memory in memories[-MOST:]]
        self._stars = np.random.default_rng(5).uniform((0, 0, 0), (*SIZE, 6.28), (90, 3)).tolist()
        self._halo = glow(120, (30, 26, 66), 1.6)

    def _piece(self, painter: Painter, place: int, species: str, belief: float) -> list[pg.Surface]:
        """A remembered place: its ground, its landmark, and who was believed there, in a soft round piece."""
        spot = painter.land.places[place]
        camera = (spot.x - PIECE[0] // 2, spot.y - PIECE[1] + 22)
        image = pg.Surface(PIECE, pg.SRCALPHA)
        image.blit(painter.ground.picture, (-camera[0], -camera[1]))
        picture = painter.thing(spot.kind)
        image.blit(picture, (PIECE[0] // 2 - picture.get_width() // 2, spot.y - camera[1] - picture.get_height()))
        image.fill((150, 160, 235, 255), special_flags=pg.BLEND_RGBA_MULT)
        if species and belief > 0.15:
            painter.ghost(image, Ghost(place, *haunt(spot), species, belief), camera, 0.0)
        alpha = pg.surfarray.pixels_alpha(image)
        round_ = np.clip(disc(PIECE[0] // 2, 1.0) * 2.2, 0, 1)[:, 4 : 4 + PIECE[1]]
        alpha[:] = (round_ * 255).astype(np.uint8)
        del alpha  # unlocks the surface
        return [dissolved(image, step * 2) for step in range(STEPS + 1)]

    def paint(self, frame: pg.Surface, seconds: float, since: float) -> None:
        """Darkens the painted frame and lets the pieces drift over it; since: s asleep."""
        deep = min(1.0, since / 1.5)
        shade = tuple(int(255 + (value - 255) * deep) for value in NIGHT)
        frame.fill(shade, special_flags=pg.BLEND_RGB_MULT)
        for x, y, phase in self._stars:
            shine = 0.5 + 0.5 * math.sin(seconds * 1.3 + phase)
            spot = (int(x + 6 * math.sin(seconds * 0.2 + phase)), int((y - seconds * 5) % SIZE[1]), 1, 1)
            frame.fill(scaled((150, 160, 255), shine * deep), spot, special_flags=pg.BLEND_RGB_ADD)
        frame.blit(self._halo, (SIZE[0] // 2 - 120, SIZE[1] // 2 - 120), special_flags=pg.BLEND_RGB_ADD)
        for index, levels in enumerate(self._pieces):
            part = ((seconds + index * LIFE / max(1, len(self._pieces))) / LIFE) % 1
            angle = index * 2.4 + seconds * 0.05
            away = 150 + 60 * math.sin(index * 1.7)
            x = SIZE[0] / 2 + away * 1.55 * math.cos(angle) + 26 * (part - 0.5)
            y = SIZE[1] / 2 + away * 0.72 * math.sin(angle) - 34 * (part - 0.5)
            step = round(STEPS * math.sin(math.pi * part) * deep)
            frame.blit(levels[step], (int(x - PIECE[0] / 2), int(y - PIECE[1] / 2)))


def panel(
    pen: Pen,
    large: Pen,
    ready: Ready | None,
    activity: HeadActivity | None,
    history: Sequence[Progress],
    seconds: float,
    wake: str = "R",
    over: bool = False,
) -> None:
    """The sheet in the middle of a dream: heads and learning curve. Below it, in the letters of `large`, what goes on.
    wake: the key that ends it; over: it has run out.
    """
    progress = history[-1] if history else None
    x, y = 200, 52
    pen.panel(x, y, 240, 228)
    pen.text_centre("You dream", 320, y + 6, SKYBLUE)
    layers, heads = (ready.layers, ready.heads) if ready else (activity.layers, activity.heads) if activity else (0, 0)
    levels, change = heads_grid.values("activity", activity, progress)
    heads_grid.draw_cells(pen, heads_grid.cells(layers, heads, levels, change, "activity", x + 14, y + 24, 112))
    for line, (name, value) in enumerate(_rows(progress)):
        pen.text(name, x + 138, y + 22 + 28 * line, DIM)
        pen.text_right(value, x + 228, y + 34 + 28 * line, GOLD if line == 0 else PAPER)
    pen.text("how clearly", x + 14, y + 138, SKYBLUE)
    pen.text("how often", x + 92, y + 138, GOLD)
    heads_grid.curve(pen, history, x + 14, y + 152, 212, 70)
    dots = "." * (1 + int(seconds * 1.5) % 3)
    still = progress is None or not (progress.shown + progress.empties)
    below = "Nothing to dream of yet: be shown first" if still else f"What you were shown returns{dots}"
    if over:
        below = "There is no more to dream of: look at something new"
    if progress is not None and progress.warning:
        below = "! the ordinary begins to blur: wake"
    rimmed = large.rimmed()
    rimmed.text_centre(below, 320, y + 234, GOLD if progress is not None and progress.warning else PAPER)
    rimmed.text_centre(f"[{wake}] wake", 320, y + 236 + rimmed.line, GOLD)


def _rows(progress: Progress | None) -> list[tuple[str, str]]:
    """What a dreamer learns of their sight, in plain words."""
    known = progress or Progress(0, 0, 0, 0, False)

    def of_hundred(part: float | None) -> str:
        return "-" if part is None else f"{round(100 * part)} in 100"

    return [
        ("seen right", of_hundred(known.hits)),
        ("imagined", of_hundred(known.false_alarms)),
        ("ordinary things", of_hundred(known.mundane)),
        ("lessons", str(known.lessons)),
    ]
