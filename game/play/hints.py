"""Small marks of what the Scene says was heard, tracked or glimpsed at a place: rings of sound, prints, a flicker."""

import math
from functools import lru_cache

import pygame as pg

from game.play.palette import scaled
from game.play.pixels import from_grid
from game.play.sprites import colours, grids
from game.play.stage import Hint

SOUND = (170, 190, 230)


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


def heard(frame: pg.Surface, hint: Hint, x: int, y: int, seconds: float) -> None:
    """A sound: three small arcs that open above the place and fade; each place at its own time."""
    beat = (seconds * 0.55 + (hint.x * 5 + hint.y * 11) % 89 / 89) % 1
    for ring in range(2):
        part = beat - 0.16 * ring
        if not 0 < part < 0.6:
            continue
        reach = 3 + 16 * part
        colour = scaled(SOUND, 0.8 * (1 - part / 0.6))
        for step in range(-4, 5):
            angle = step * 0.17
            for side in (-1, 1):
                spot = (x + round(side * reach * math.cos(angle)), y - 16 + round(reach * math.sin(angle)), 1, 1)
                frame.fill(colour, spot, special_flags=pg.BLEND_RGB_ADD)
