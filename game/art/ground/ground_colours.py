"""The ground's colours: one byte a pixel. Water flows, rain wets the earth and a flood rises by palette alone.

A pixel is an entry of a table of 128 colours; SHADE added to it is the same colour in shadow. Water has an entry for
each depth and each of eight phases: a light that runs along the phases is the current. A flood takes BANK.
"""

import math
from functools import lru_cache

import numpy as np

from game.art.pixels.palette import RAMPS, Colour

NAMES = (
    "grass", "leaves", "moss", "gravel", "mud", "stone", "bark", "sakura", "gold", "marsh", "boards",
    "tatami", "wall", "red",
)  # fmt: skip
FIRST = {name: int(sum(len(RAMPS[n]) for n in NAMES[:i])) for i, name in enumerate(NAMES)}
DEPTHS, PHASES = 5, 8
WATER = sum(len(RAMPS[name]) for name in NAMES)  # entry of depth d and phase p: WATER + d * PHASES + p
BANK = WATER + DEPTHS * PHASES  # six steps of earth; water when the river is in flood
DARK = BANK + 6  # what lies outside of a room
SHADE = 128
SHIFTS = 12  # pictures a second that the water shows
LOOP = 132  # pictures after which it repeats: five waves at rest, nine in flood
_DRY = np.concatenate([RAMPS[name] for name in NAMES]).astype(np.float32)
_SHADOW = np.array((0.60, 0.62, 0.70), np.float32)
_WET = np.array((0.84, 0.87, 0.95), np.float32)
_BROWN = np.array((118, 104, 84), np.float32)  # what a flood carries


def _water(shift: int, flood: bool) -> np.ndarray:
    """(DEPTHS, PHASES, 3) float32: each depth's colour, lighter where the wave is."""
    ramp = RAMPS["water"].astype(np.float32)
    phase = np.arange(PHASES) / PHASES - shift / LOOP * (9 if flood else 5)
    crest = np.maximum(0, np.cos(phase * math.tau)) ** 3
    base, lighter = ramp[:DEPTHS, None], ramp[1 : DEPTHS + 1, None]
    colours: np.ndarray = base + (lighter - base) * np.float32(0.85) * crest[None, :, None].astype(np.float32)
    return colours * np.float32(0.62) + _BROWN * np.float32(0.38) if flood else colours


@lru_cache(maxsize=2 * LOOP)
def colours(shift: int, wet: bool, flood: bool) -> list[Colour]:
    """The 256 colours of a moment. shift: seconds x SHIFTS; wet: it rains; flood: the river is over its banks."""
    table = np.zeros((256, 3), np.float32)
    table[:WATER] = _DRY * _WET if wet else _DRY
    water = _water(shift, flood)
    table[WATER:BANK] = water.reshape(-1, 3)
    mud = RAMPS["mud"].astype(np.float32)
    table[BANK : BANK + 6] = water[3, [0, 1, 2, 4, 5, 7]] if flood else mud * _WET if wet else mud
    table[DARK] = (7, 6, 14)
    table[SHADE:] = table[:SHADE] * _SHADOW + np.array((3, 4, 11), np.float32)
    return [(int(red), int(green), int(blue)) for red, green, blue in table.clip(0, 255).tolist()]
