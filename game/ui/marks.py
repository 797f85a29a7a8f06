"""Marks in the world and on pages: people with something to say, the place a screen points at, counts."""

import math
from collections.abc import Sequence

import pygame as pg

from game.art.frame_state import haunt
from game.art.pixels.palette import Colour, scaled
from game.realm.errand_list import ErrandList
from game.realm.land import Place
from game.ui.font import DIM, GOLD, SKYBLUE, Pen
from game.ui.overlays import HEIGHT, WIDTH, Box

FAINT = (92, 96, 138)
OVERHEAD = 34  # px above somebody's feet


def pips(pen: Pen, x: float, y: float, count: int, of: int) -> None:
    """A count of a total, as lozenges. Full ones are tall too, so that they differ without colour."""
    for index in range(of):
        lit = index < count
        pen.fill(GOLD if lit else FAINT, x + 12 * index, y + (0 if lit else 3), 8, 8 if lit else 2)


def mark_of(quests: ErrandList, index: int) -> str:
    """What stands over somebody: ! who waits for news, ? who has something to ask, else nothing."""
    errand = quests.current_errand(index)
    if errand is None or (errand.stage == "taken" and (errand.asks or errand.plan.task != "all")):
        return ""
    return "!" if errand.stage == "ready" else "?"


def errand_marks(
    pen: Pen, quests: ErrandList, seconds: float, camera: tuple[int, int], taken: Sequence[Box] = ()
) -> None:
    """The marks over people. seconds: the game's clock; camera: px of the world at the picture's corner; taken: what
    covers the world."""
    for index, actor in enumerate(quests.people):
        mark = mark_of(quests, index)
        if not mark:
            continue
        x, y = actor.x - camera[0], actor.y - camera[1] - OVERHEAD + 2 * math.sin(seconds * 3)
        covered = any(left <= x <= left + wide and top <= y <= top + high for left, top, wide, high in taken)
        if 0 < x < WIDTH and 0 < y < HEIGHT and not covered:
            pen.text_centre(mark, x + 1, y, GOLD)


def ring(pen: Pen, place: Place, camera: tuple[int, int]) -> None:
    """Around the place that a screen points at. camera: px of the world at the picture's corner."""
    x, y = haunt(place)
    for dot in range(28):
        angle = math.tau * dot / 28
        spot = (x - camera[0] + 24 * math.cos(angle), y - camera[1] - 10 + 17 * math.sin(angle))
        pen.fill(SKYBLUE, *spot, 1.5, 1.5)


def burst(pen: Pen, x: float, y: float, part: float, colour: Colour) -> None:
    """A phantom that was touched flies apart; x, y: its foot; part: 0..1 of the way; colour: of its light."""
    for mote in range(34):
        angle, far = mote * 2.4, (10 + 34 * (mote % 7) / 7) * (1 - (1 - part) ** 2)
        left, top = x + far * math.cos(angle), y - 18 + 0.8 * far * math.sin(angle) + 16 * part * part
        size = 2.0 if mote % 3 == 0 and part < 0.5 else 1.0
        pen.target.fill(scaled(colour, 1 - part), pen.box(left, top, size, size), special_flags=pg.BLEND_RGB_ADD)


def name(pen: Pen, text: str, x: float, y: float) -> None:
    """The name of another player, over their head; x, y: their foot."""
    if 0 < x < WIDTH and 0 < y < HEIGHT + OVERHEAD:
        pen.text_centre(text, x, y - OVERHEAD - pen.line + 6, SKYBLUE)


def side_by_side(pen: Pen, where: str, views: Sequence[str]) -> None:
    """What several believe of one place, at the upper right, one below the other; where: the place. Nothing without
    views."""
    for number, line in enumerate((where, *views) if views else ()):
        pen.text_right(line, WIDTH - 12, 8 + number * pen.line, (DIM, GOLD, *[SKYBLUE] * len(views))[number])
