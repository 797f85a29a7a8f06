"""Pictures of the six spirits: a silhouette that breathes, its hue, and the order in which its pixels appear.

Nothing here knows where spirits are. A caller hands in a belief in 0..1. The belief is the share of the silhouette's
pixels that show; the species decides which of them come first.
"""

from functools import lru_cache

import numpy as np
import pygame as pg

from game.art import spirit_shapes
from game.art.pixels.drawing import LEVELS, dissolve_level, from_grid, glow, surface
from game.art.pixels.palette import Colour, oklch, scaled
from game.art.sprites import entry_of, grids

FAINTEST = 0.05  # weaker beliefs are not drawn: the novice's doubts would fill the screen with ghosts
SPECIES = ("kitsune", "tengu", "kodama", "yurei", "oni", "zashiki")
PACE = 5.0  # idle pictures a second
INK = (26, 20, 56)


class Spirit:
    """A species' art. light: the colour of its glow; glyph: a sign of its own, for eyes that can't use its hue."""

    def __init__(self, name: str, entry: dict, safe: bool) -> None:
        self.name = name
        hue = entry["safe"] if safe else entry["hue"]
        self.light: Colour = oklch(0.76, 0.13, hue)
        self.glyph = from_grid(entry["glyph"].split(), {"#": oklch(0.92, 0.09, hue)})
        rows = entry["rows"].split()
        self.rows = tuple(row + row[::-1] for row in rows) if entry.get("mirror") else tuple(rows)
        self._hue, self._turn = float(hue), float(entry.get("turn", 25))
        self._accent = float(entry.get("accent", self._hue + 150))
        self._colours: dict[int, np.ndarray] = {}
        self._made: dict[tuple[int, int], pg.Surface] = {}

    def picture(self, belief: float, seconds: float = 0.0) -> pg.Surface:
        """How it looks when believed this much: more pixels and more opaque, the more it is believed."""
        image = self.shown(dissolve_level(belief), int(seconds * PACE) % spirit_shapes.IDLE)
        image.set_alpha(int(175 + 75 * min(1.0, max(0.0, belief))))
        return image

    def shown(self, level: int, step: int = 0) -> pg.Surface:
        """Idle picture `step` with level / LEVELS of its pixels, in the order in which the species gathers."""
        key = (level, step)
        if key not in self._made:
            marks, order = spirit_shapes.gathered(self.name, self.rows, step)
            visible = (marks != ".") & (order < level / LEVELS)
            if step not in self._colours:
                self._colours[step] = self._coloured(marks)
            self._made[key] = surface(self._colours[step], visible * np.uint8(255))
        return self._made[key]

    def _coloured(self, marks: np.ndarray) -> np.ndarray:
        """Bodies fade from a pale head to deep feet; shade and light run along."""
        hue = self._hue
        pale, deep = np.array(oklch(0.95, 0.05, hue)), np.array(oklch(0.66, 0.155, hue + self._turn))
        down = np.linspace(0, 1, marks.shape[1])[None, :, None] ** 0.9
        body = pale * (1 - down) + deep * down + np.zeros((*marks.shape, 1))
        mark = marks[..., None]
        colours = np.where(mark == "s", body * 0.58, body)
        colours = np.where(mark == "l", np.minimum(255, body * 0.4 + 160), colours)
        colours = np.where(mark == "k", np.array(INK), colours)
        colours = np.where(mark == "r", np.array(oklch(0.66, 0.17, self._accent)), colours)
        return colours.astype(np.uint8)


def spirits(safe: bool = False) -> dict[str, Spirit]:
    """Every species -> its art; safe: hues that most eyes can tell apart."""
    arts = {}
    for name, entry in grids("spirits").items():
        with entry_of("spirits", name):
            arts[name] = Spirit(name, entry, safe)
            spirit_shapes.figure(name, arts[name].rows, 0.0)
    return arts


@lru_cache(maxsize=256)
def aura(light: Colour, level: int) -> tuple[pg.Surface, pg.Surface]:
    """A wide and a narrow glow to be added around a spirit; level 1..LEVELS is its belief."""
    belief = level / LEVELS
    wide = glow(int(14 + 38 * belief), scaled(light, 0.46 * belief), 2.2)
    return wide, glow(18, scaled(light, 0.5 * belief), 1.5)


def wavering(image: pg.Surface, seconds: float) -> pg.Surface:
    """The picture with its rows swaying: a phantom whose place was touched and found empty."""
    width, height = image.get_size()
    swayed = pg.Surface((width + 8, height), pg.SRCALPHA)
    rows = ((image, (4 + round(3 * np.sin(seconds * 7 + y * 0.7)), y), (0, y, width, 1)) for y in range(height))
    swayed.blits(list(rows))
    swayed.set_alpha(image.get_alpha())
    return swayed
