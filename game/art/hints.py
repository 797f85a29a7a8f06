"""Marks of what the Scene says was sensed at a place: arcs for sounds, prints, glimpses, moving air for feelings."""

import math
from functools import lru_cache

import pygame as pg

from game.art.frame_state import Hint
from game.art.pixels.drawing import from_grid
from game.art.pixels.palette import scaled
from game.art.sprites import colours, entry_of, grids

SOUND = (170, 190, 230)
FEELINGS = {  # what is felt -> how the air moves, and its colour
    "warmth": ("rise", (220, 160, 90)),
    "heat": ("rise", (255, 120, 60)),
    "kiln": ("rise", (230, 140, 80)),
    "steam": ("rise", (200, 200, 210)),
    "sparks": ("rise", (255, 170, 80)),
    "incense": ("rise", (190, 170, 220)),
    "gust": ("turn", (210, 220, 230)),
    "breeze": ("turn", (190, 210, 190)),
    "sap": ("turn", (150, 220, 120)),
    "tingle": ("turn", (250, 220, 120)),
    "chill": ("breath", (170, 210, 250)),
    "cool": ("breath", (120, 140, 170)),
    "damp": ("breath", (110, 150, 170)),
}


@lru_cache(maxsize=64)
def mark(sense: str, thing: str) -> pg.Surface:
    """The picture of a sensed thing. Things without a mark of their own share one."""
    marks = grids("marks")
    with entry_of("marks", f"{sense}.{thing}"):
        entry = marks[sense].get(thing, marks[sense]["other"])
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


@lru_cache(maxsize=128)
def _arcs(reach: int, shade: int) -> pg.Surface:
    """Two arcs of dots that open to the sides, to be added; reach in px, shade 0..16."""
    image = pg.Surface((2 * reach + 1, 2 * reach + 1)).convert()
    colour = scaled(SOUND, shade / 16)
    for step in range(-4, 5):
        angle = step * 0.17
        for side in (-1, 1):
            spot = reach + round(side * reach * math.cos(angle)), reach + round(reach * math.sin(angle))
            image.set_at(spot, colour)
    return image


def heard(frame: pg.Surface, hint: Hint, x: int, y: int, seconds: float) -> None:
    """A sound: small arcs that open above the place and fade; each place at its own time."""
    beat = (seconds * 0.55 + (hint.x * 5 + hint.y * 11) % 89 / 89) % 1
    for ring in range(2):
        part = beat - 0.16 * ring
        if not 0 < part < 0.6:
            continue
        reach = round(3 + 16 * part)
        image = _arcs(reach, round(13 * (1 - part / 0.6)))
        frame.blit(image, (x - reach, y - 16 - reach), special_flags=pg.BLEND_RGB_ADD)


def felt(frame: pg.Surface, hint: Hint, x: int, y: int, seconds: float) -> None:
    """A feeling, shown as moving air: warm air rises and wavers, cold air sinks, a gust turns in a ring."""
    motion, colour = FEELINGS.get(hint.thing, ("breath", (190, 200, 220)))
    beat = (seconds * 0.4 + (hint.x * 3 + hint.y * 17) % 83 / 83) % 1
    strength = math.sin(math.pi * beat)
    for index in range(7):
        if motion == "rise":
            dx, dy = (index - 3) * 4 + 2 * math.sin(seconds * 4 + index), -4 - 16 * beat - index % 3 * 3
            spot = (x + int(dx), y + int(dy), 1, 3)
        elif motion == "turn":
            angle = beat * 7 + index * 0.5
            spot = (x + int((6 + 2 * index) * math.cos(angle)), y - 12 + int((3 + index) * math.sin(angle)), 2, 1)
        else:
            dx = (index - 3) * 3 + 8 * beat
            spot = (x + int(dx), y - 14 + int(5 * beat) + index % 3, 3 - index % 2, 1)
        frame.fill(scaled(colour, 0.55 * strength), spot, special_flags=pg.BLEND_RGB_ADD)


def attention(frame: pg.Surface, x: int, y: int, attend: float, seconds: float) -> None:
    """Rings of dots that draw in towards whoever attends, at (x, y) of the frame; attend: 0..1, how deep."""
    for ring in range(3):
        part = (1 - seconds * 0.45 + ring / 3) % 1
        reach = 14 + 60 * part
        colour = scaled((120, 190, 255), attend * (1 - part) * 0.9)
        for dot in range(20):
            angle = dot * math.tau / 20 + ring * 0.4 + seconds * 0.15
            spot = (int(x + reach * math.cos(angle)), int(y + 0.6 * reach * math.sin(angle)), 2, 1)
            frame.fill(colour, spot, special_flags=pg.BLEND_RGB_ADD)
