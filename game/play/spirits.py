"""Six spirits as a mind sees them: a silhouette, its hue, and the dither that shows how much it is believed.

Nothing here knows where spirits are. What is drawn is a belief in 0..1 that somebody hands in.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pygame as pg

from game.play.palette import Colour, oklch, scaled
from game.play.pixels import LEVELS, dissolve_level, dissolved, from_grid, glow
from game.play.sprites import grids

FAINTEST = 0.05  # beliefs below this are not drawn: the novice's doubt would else be a haze of ghosts
SPECIES = ("kitsune", "tengu", "kodama", "yurei", "oni", "zashiki")


@dataclass(frozen=True)
class Spirit:
    """A species' art: levels[k] shows k / LEVELS of its pixels; hue colours its light."""

    levels: tuple[pg.Surface, ...]
    light: Colour

    def picture(self, belief: float) -> pg.Surface:
        """How it looks when believed this much: more pixels and more opaque, the more it is believed."""
        image = self.levels[dissolve_level(belief)]
        image.set_alpha(int(175 + 75 * min(1.0, max(0.0, belief))))
        return image


def _tinted(image: pg.Surface, marks: list[str], hue: float) -> pg.Surface:
    """White silhouettes coloured: a gradient from pale head to deep feet, shade and light parts along it."""
    height = image.get_height()
    pale, deep = np.array(oklch(0.95, 0.05, hue)), np.array(oklch(0.68, 0.15, hue + 25))
    down = np.linspace(0, 1, height)[:, None]
    body = pale * (1 - down) + deep * down
    colours = pg.surfarray.pixels3d(image)
    for y, row in enumerate(marks):
        for x, mark in enumerate(row):
            if mark == "w":
                colours[x, y] = body[y]
            elif mark == "s":
                colours[x, y] = body[y] * 0.58
            elif mark == "l":
                colours[x, y] = np.minimum(255, body[y] * 0.4 + 160)
    del colours  # unlocks the surface
    return image


def _spirit(entry: dict) -> Spirit:
    rows = entry["rows"].split()
    if entry.get("mirror"):
        rows = [row + row[::-1] for row in rows]
    accent = oklch(0.72, 0.16, entry["hue"] + 150)
    palette = {"w": (255, 255, 255), "s": (255, 255, 255), "l": (255, 255, 255), "k": (26, 20, 56), "r": accent}
    image = _tinted(from_grid(rows, palette), rows, entry["hue"])
    levels = tuple(dissolved(image, level) for level in range(LEVELS + 1))
    return Spirit(levels, oklch(0.76, 0.13, entry["hue"]))


def spirits() -> dict[str, Spirit]:
    """Every species -> its art."""
    return {name: _spirit(entry) for name, entry in grids("spirits").items()}


@lru_cache(maxsize=256)
def aura(light: Colour, level: int) -> tuple[pg.Surface, pg.Surface]:
    """A wide and a narrow glow to be added around a spirit; level 1..LEVELS is its belief."""
    belief = level / LEVELS
    wide = glow(int(12 + 34 * belief), scaled(light, 0.5 * belief), 2.2)
    return wide, glow(14, scaled(light, 0.55 * belief), 1.5)


def wavering(image: pg.Surface, seconds: float) -> pg.Surface:
    """The picture with its rows swaying: a phantom whose place was touched and found empty."""
    width, height = image.get_size()
    swayed = pg.Surface((width + 8, height), pg.SRCALPHA)
    rows = ((image, (4 + round(3 * np.sin(seconds * 7 + y * 0.7)), y), (0, y, width, 1)) for y in range(height))
    swayed.blits(list(rows))
    swayed.set_alpha(image.get_alpha())
    return swayed
