"""The errand on the screen: one line below the clock, a soft ring around its places, an eye that fills."""

import math
from typing import Protocol

import pygame as pg

from game.art.pixels.palette import Colour
from game.ui.font import DIM, GOLD, INK_SHADOW, PAPER, Pen
from game.ui.marks import pips
from game.ui.overlays import HEIGHT, WIDTH, Box

RING: Colour = (250, 214, 140)
EVERY = 34  # px of the ring from dot to dot
EYE = (22, 12)  # layout px


class Trail(Protocol):
    """What is drawn of an errand (journey.tracking.Trail)."""

    @property
    def title(self) -> str: ...
    @property
    def x(self) -> int: ...
    @property
    def y(self) -> int: ...
    @property
    def reach(self) -> int: ...
    @property
    def count(self) -> int: ...
    @property
    def of(self) -> int: ...
    @property
    def where(self) -> str: ...
    @property
    def left(self) -> int | None: ...


def line(pen: Pen, trail: Trail, top: float) -> Box:
    """Title, pips, which way, and the time that is left; top: layout px. Returns the box that they take."""
    x = 12.0
    pen.text(trail.title, x, top, PAPER)
    x += (len(trail.title) + 1) * pen.letter
    if trail.of > 1:
        pips(pen, x, top + pen.line / 2 - 5, trail.count, trail.of)
        x += 12 * trail.of + pen.letter
    pen.text(trail.where, x, top, GOLD)
    x += len(trail.where) * pen.letter
    if trail.left is not None:
        clock = f"{trail.left // 60}:{trail.left % 60:02d}"
        pen.text(clock, x + 2 * pen.letter, top, GOLD if trail.left <= 20 else DIM)
        x += (2 + len(clock)) * pen.letter
    return 12.0, top, x - 12.0, pen.line


def ring(pen: Pen, trail: Trail, camera: tuple[int, int], seconds: float) -> None:
    """Dots on the ground around the errand's places, as far as they are on the screen. camera: px of the world."""
    if not trail.reach:
        return
    dots = max(12, round(math.tau * trail.reach / EVERY))
    for dot in range(dots):
        angle = math.tau * dot / dots + seconds * 0.02
        x, y = trail.x + trail.reach * math.cos(angle) - camera[0], trail.y + trail.reach * math.sin(angle) - camera[1]
        if 0 < x < WIDTH and 0 < y < HEIGHT:
            soft = 0.34 + 0.18 * math.sin(seconds * 1.5 + dot)
            colour = tuple(round(value * soft) for value in RING)
            box = pen.box(x - 2, y - 1, 4, 2)
            pen.target.fill(colour, box, special_flags=pg.BLEND_RGB_ADD)


def eye(pen: Pen, x: float, y: float, part: float) -> None:
    """An eye over somebody who is stared at; it fills from below. x, y: its middle; part: 0..1."""
    wide, high = EYE
    for row in range(high):
        across = 2 * abs(row + 0.5 - high / 2) / high
        half = wide / 2 * (1 - across**1.6)
        full = row >= high * (1 - part)
        pen.fill(INK_SHADOW, x - half - 1, y - high / 2 + row, 2 * half + 2, 1)
        pen.fill(GOLD if full else (54, 54, 96), x - half, y - high / 2 + row, 2 * half, 1)
    pen.fill(INK_SHADOW, x - 3, y - 3, 6, 6)
    pen.fill(PAPER, x, y - 3, 2, 2)
