"""Draws beliefs: a spirit's glow, its dither, and the particles around it. All of them follow the belief."""

import math
from collections.abc import Callable, Sequence

import pygame as pg

from game.art import light_map, spirits
from game.art.frame_state import Ghost
from game.art.pixels.drawing import LEVELS, dissolve_level
from game.art.pixels.palette import Colour, scaled

FLYING = 9  # sparks, feathers, leaves about a spirit that is believed wholly
Spark = tuple[float, float, int, int, float]  # dx, dy from the foot, width, height, strength 0..1


def _kitsune(index: int, belief: float, seconds: float) -> Sequence[Spark]:
    """Fox fires that circle it."""
    angle = index * math.tau / FLYING + seconds * 0.8
    x, y = 30 * math.cos(angle), -20 + 11 * math.sin(angle)
    lick = math.sin(seconds * 9 + index * 2)
    return ((x - 1, y, 3, 3, 0.9), (x, y - 2, 1, 2, 0.8), (x, y - 4 - (lick > 0), 1, 2, 0.45))


def _tengu(index: int, belief: float, seconds: float) -> Sequence[Spark]:
    """Feathers from afar that gather into its wings."""
    part = (seconds * 0.21 + index / FLYING) % 1
    reach = 12 + 26 * (1 - part) * (1.2 - 0.4 * belief)
    angle = index * 2.4 + part * 4
    x, y = reach * math.cos(angle), -26 + 0.6 * reach * math.sin(angle)
    flip = math.sin(seconds * 4 + index)
    return ((x, y, 3 if flip > 0 else 2, 1, 0.9), (x + 1, y + 1, 2, 1, 0.5))


def _kodama(index: int, belief: float, seconds: float) -> Sequence[Spark]:
    """Sprouts around its feet and spores that rise."""
    x = (index - FLYING / 2 + 0.5) * 6.5
    part = (seconds * 0.3 + index * 0.37) % 1
    high = 2 + round(2 * belief) + index % 2
    return (
        (x, -high + 2 + index % 3, 1, high, 0.6),
        (x - 1, -high + 1 + index % 3, 1, 1, 0.9),
        (x + 1, -high + 2 + index % 3, 1, 1, 0.9),
        (x + 4 * math.sin(part * 6 + index), -4 - 30 * part, 1, 1, 1 - part),
    )


def _yurei(index: int, belief: float, seconds: float) -> Sequence[Spark]:
    """Mist that creeps from below her."""
    part = (seconds * 0.13 + index / FLYING) % 1
    x = (index - FLYING / 2) * 6 + 7 * math.sin(seconds * 0.5 + index)
    wide = 9 + index % 4 * 3
    faint = 0.34 * math.sin(math.pi * part)
    return ((x - wide / 2, -2 - 5 * part, wide, 1, faint), (x - wide / 3, -3 - 5 * part, wide * 2 // 3, 1, faint))


def _oni(index: int, belief: float, seconds: float) -> Sequence[Spark]:
    """Embers that rise and go out."""
    part = (seconds * (0.4 + index % 3 * 0.11) + index * 0.37) % 1
    x = ((index * 37) % 43 - 21) + 4 * math.sin(part * 5 + index)
    return ((x, -2 - 46 * part, 2 if part < 0.4 else 1, 1, 1 - part),)


def _zashiki(index: int, belief: float, seconds: float) -> Sequence[Spark]:
    """Scraps of ribbon that dance in a ring."""
    angle = index * math.tau / FLYING - seconds * 1.1
    x, y = 25 * math.cos(angle), -8 + 7 * math.sin(angle) - 7 * (index % 3)
    return ((x, y, 3, 1, 0.9), (x + 2, y + (1 if math.sin(seconds * 5 + index) > 0 else -1), 2, 1, 0.7))


FLIGHTS: dict[str, Callable[[int, float, float], Sequence[Spark]]] = {
    "kitsune": _kitsune,
    "tengu": _tengu,
    "kodama": _kodama,
    "yurei": _yurei,
    "oni": _oni,
    "zashiki": _zashiki,
}


def fly(frame: pg.Surface, ghost: Ghost, x: int, y: int, colour: Colour, seconds: float) -> None:
    """The particles around a spirit; the stronger the belief, the more. (x, y): its foot in px of the frame."""
    flight = FLIGHTS.get(ghost.species, _kodama)
    for index in range(round(FLYING * min(1.0, max(0.0, ghost.belief)))):
        for dx, dy, width, height, strength in flight(index, ghost.belief, seconds):
            shine = scaled(colour, strength * (0.35 + 0.65 * ghost.belief))
            frame.fill(shine, (int(x + dx), int(y + dy), width, height), special_flags=pg.BLEND_RGB_ADD)


def shine(add: Callable[[int, int, int, Colour, int], None], x: int, y: int, level: int, colour: Colour) -> None:
    """The light that a spirit casts, in steps, so that few lights have to be made."""
    add(x, y - 18, 18 + 4 * level, scaled(colour, 0.75), light_map.strength(level / LEVELS))


def draw(frame: pg.Surface, ghost: Ghost, art: spirits.Spirit, x: int, y: int, seconds: float, glyph: bool) -> None:
    """Draws a belief. Dither, opacity, glow and particles show how strong it is. (x, y): its foot in the frame."""
    level = dissolve_level(ghost.belief)
    if level == 0 or ghost.belief < spirits.FAINTEST:
        return
    bob = round(2 * math.sin(seconds * 2 + ghost.place)) if ghost.species in ("yurei", "tengu") else 0
    picture = art.picture(ghost.belief, seconds + ghost.place * 0.37)
    middle = y + bob - picture.get_height() // 2 + 6
    for image in spirits.aura(art.light, level):
        half = image.get_width() // 2
        frame.blit(image, (x - half, middle - half), special_flags=pg.BLEND_RGB_ADD)
    fly(frame, ghost, x, y, art.light, seconds)
    if ghost.wavering:
        picture = spirits.wavering(picture, seconds)
    frame.blit(picture, (x - picture.get_width() // 2, y + bob - picture.get_height()))
    if glyph:
        sign = art.glyph
        sign.set_alpha(int(255 * min(1.0, ghost.belief)))
        frame.blit(sign, (x - 3, y + bob - picture.get_height() - 6))
