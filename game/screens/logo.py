"""The name of the game in letters of our own: strokes of a broad nib, lit from above, the second word dissolving.

Letters are polylines in a box of their own (y up, base line at 0, small letters 1 high). A slanted nib is drawn along
them, so that strokes swell and thin as a brush's do.
"""

import math
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pygame as pg

from game.art.pixels.noise import THRESHOLDS, tiled
from game.art.pixels.palette import INK, ramp

Points = list[tuple[float, float]]
XHEIGHT = 27  # px of a small letter
FINE = 4  # the nib is drawn on a grid so much finer
NIB = (0.135, 0.05, math.radians(38))  # half its width and height, in small letters, and its slant
GAP = 0.27  # between letters
STEPS = 16  # stages of the second word
SOLID = ramp(8, (0.62, 0.97), (0.13, 0.05), (48, 96))
SPIRIT = ramp(8, (0.52, 0.95), (0.10, 0.05), (262, 205))


def _arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> Points:
    """Points along an ellipse, angles in degrees, counter-clockwise from the right."""
    count = max(8, int(abs(end - start) / 6))
    turns = (math.radians(start + (end - start) * i / count) for i in range(count + 1))
    return [(x + rx * math.cos(turn), y + ry * math.sin(turn)) for turn in turns]


def _arch(left: float) -> Points:
    return [(left, 0.55), *_arc(left + 0.35, 0.58, 0.35, 0.42, 180, 0), (left + 0.7, 0.1), (left + 0.8, 0.0)]


BOWL = _arc(0.42, 0.5, 0.42, 0.5, 40, 400)
LETTERS: dict[str, tuple[float, tuple[Points, ...]]] = {  # width and strokes
    "S": (
        0.95,
        (
            [
                (0.92, 1.32),
                *_arc(0.5, 1.2, 0.4, 0.4, 40, 180),
                *_arc(0.5, 1.2, 0.4, 0.36, 180, 250),
                *_arc(0.48, 0.44, 0.46, 0.44, 70, -150),
            ],
        ),
    ),
    "e": (0.84, ([(0.05, 0.52), (0.45, 0.56), (0.82, 0.66), *_arc(0.42, 0.5, 0.42, 0.5, 22, 318)],)),
    "c": (0.76, (_arc(0.42, 0.5, 0.42, 0.5, 48, 315),)),
    "o": (0.86, (BOWL,)),
    "n": (0.84, ([(0.0, 0.92), (0.06, 1.0), (0.06, 0.0)], _arch(0.06))),
    "d": (0.9, (BOWL, [(0.76, 1.62), (0.84, 1.66), (0.84, 0.12), (0.94, 0.0)])),
    "i": (0.24, ([(0.0, 0.9), (0.1, 1.0), (0.1, 0.12), (0.2, 0.0)],)),
    "g": (0.9, (BOWL, [(0.84, 1.0), (0.84, -0.18), *_arc(0.42, -0.2, 0.42, 0.36, 0, -150)])),
    "h": (0.84, ([(0.0, 1.56), (0.06, 1.66), (0.06, 0.0)], _arch(0.06))),
    "t": (0.66, ([(0.28, 1.42), (0.28, 0.3), *_arc(0.55, 0.28, 0.27, 0.28, 180, 310)], [(0.0, 0.98), (0.62, 0.98)])),
}
RISE, FALL = 1.85, 0.7  # of a word's box above and below the base line, in small letters


def _nib() -> np.ndarray:
    """The nib as (n, 2) offsets on the fine grid."""
    unit = XHEIGHT * FINE
    wide, high, slant = NIB[0] * unit, NIB[1] * unit, NIB[2]
    reach = math.ceil(wide) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    along, across = x * math.cos(slant) - y * math.sin(slant), x * math.sin(slant) + y * math.cos(slant)
    inside = (along / wide) ** 2 + (across / high) ** 2 <= 1
    return np.stack([x[inside], y[inside]], 1)


@lru_cache(maxsize=4)
def shape(word: str) -> np.ndarray:
    """(w, h) bool: the ink of a word, its base line RISE small letters below the top."""
    unit, nib = XHEIGHT * FINE, _nib()
    width = sum(LETTERS[mark][0] + GAP for mark in word) + 0.4
    fine = np.zeros((math.ceil(width * XHEIGHT) * FINE, math.ceil((RISE + FALL) * XHEIGHT) * FINE), bool)
    left = 0.3
    for mark in word:
        advance, strokes = LETTERS[mark]
        for stroke in strokes:
            line = np.array(stroke)
            for (ax, ay), (bx, by) in pairwise(line):
                count = max(2, int(math.hypot(bx - ax, by - ay) * unit / 2))
                for part in np.linspace(0, 1, count):
                    x, y = (left + ax + (bx - ax) * part) * unit, (RISE - ay - (by - ay) * part) * unit
                    fine[
                        (nib[:, 0] + int(x)).clip(0, len(fine) - 1), (nib[:, 1] + int(y)).clip(0, fine.shape[1] - 1)
                    ] = 1
        left += advance + GAP
    share = fine.reshape(fine.shape[0] // FINE, FINE, -1, FINE).mean((1, 3))
    return share > 0.42


def _lit(ink: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """(w, h, 3) uint8: bright above, dark below, a rim of light along upper edges."""
    width, height = ink.shape
    rows = np.flatnonzero(ink.any(0))
    down = (np.arange(height) - rows[0]) / max(1, rows[-1] - rows[0])
    grain = tiled(THRESHOLDS, width, height)
    value = (1 - down[None]) * (len(colours) - 2.2) + 0.4 + grain
    step = np.clip(value.astype(int), 0, len(colours) - 2)
    above = np.zeros_like(ink)
    above[:, 1:] = ink[:, :-1]
    step[ink & ~above] = len(colours) - 1
    return colours[step]


def _picture(word: str, colours: np.ndarray, belief: float, outline: bool) -> pg.Surface:
    ink = shape(word)
    wide = np.pad(ink, 2)
    around = np.zeros_like(wide)
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1, 2):
            around |= np.roll(wide, (dx, dy), (0, 1))
    width, height = wide.shape
    grain = tiled(THRESHOLDS, width, height)
    solid = grain < belief
    image = pg.Surface(wide.shape, pg.SRCALPHA)
    image.fill((*INK, 0))
    rgb, alpha = pg.surfarray.pixels3d(image), pg.surfarray.pixels_alpha(image)
    rgb[2:-2, 2:-2][ink] = _lit(ink, colours)[ink]
    alpha[around & ~wide] = 255 if outline else int(150 * belief)
    alpha[wide & solid] = 255
    del rgb, alpha  # unlocks the surface
    return image


@lru_cache(maxsize=1)
def second() -> pg.Surface:
    """The first word, whole."""
    return _picture("Second", SOLID, 1.0, True)


@lru_cache(maxsize=STEPS + 1)
def sight(level: int) -> pg.Surface:
    """The second word, `level` of STEPS visible."""
    return _picture("Sight", SPIRIT, level / STEPS, False)


def eye() -> tuple[float, float]:
    """Where the dot of the i belongs, in px of the second word's picture: an eye opens there."""
    return 2 + (0.3 + LETTERS["S"][0] + GAP + 0.1) * XHEIGHT, 2 + (RISE - 1.4) * XHEIGHT
