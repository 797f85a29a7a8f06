"""Small marks of what the Scene says was tracked or glimpsed at a place: prints in the mud, something in the air."""

import math
from functools import lru_cache

import pygame as pg

from game.play.palette import scaled
from game.play.pixels import from_grid
from game.play.sprites import colours, grids
from game.play.stage import Hint


@lru_cache(maxsize=64)
def mark(sense: str, thing: str) -> pg.Surface:
    """The picture of a thing that this sense met; things without a mark of their own share one."""
    table = grids("marks")[sense]
    entry = table.get(thing, table["other"])
    base = colours({"m": entry["colour"]})["m"]
    return from_grid(entry["rows"].split(), {"d": base, "m": base, "l": scaled(base, 1.3)})


def track(frame: pg.Surface, hint: Hint, x: int, y: int) -> None:
    """A mark on the ground below the place; (x, y) is the place's foot in px of the frame."""
    frame.blit(mark("track", hint.thing), (x - 7, y + 7))


def glimpse(frame: pg.Surface, hint: Hint, x: int, y: int, seconds: float) -> None:
    """Something seen from the corner of the eye: it shows for a moment now and then, drifting by."""
    phase = (seconds * 0.35 + (hint.x * 7 + hint.y * 13) % 97 / 97) % 1
    if phase > 0.45:
        return
    image = mark("glimpse", hint.thing)
    image.set_alpha(int(170 * math.sin(math.pi * phase / 0.45)))
    drift = round(12 * (phase - 0.2)), round(3 * math.sin(phase * 14))
    frame.blit(image, (x - 10 + drift[0], y - 20 + drift[1]))
