"""The torii, small red arches, gates, the bridge's lantern posts, the jetty."""

import math

import pygame as pg

from game.art.pixels.drawing import empty, outlined
from game.art.pixels.palette import tone


def _pillar(image: pg.Surface, left: int, right: int, top: int, bottom: int, ramp: str = "red") -> None:
    """A round post lit from the left."""
    for y in range(top, bottom):
        for x in range(left, right):
            side = (x - left) / (right - left)
            step = int(4.4 - 3.6 * side + (0.6 if (x + y) % 3 == 0 else 0))
            image.set_at((x, y), tone(ramp, step))


def torii() -> pg.Surface:
    """The shrine's gate, 78 x 70 px, with its rope and paper."""
    width, height = 78, 70
    image = empty(width, height)
    _pillar(image, 13, 21, 14, height - 1)
    _pillar(image, width - 21, width - 13, 14, height - 1)
    for x in (11, width - 23):
        pg.draw.rect(image, tone("stone", 1), (x, height - 8, 12, 7))
        pg.draw.rect(image, tone("stone", 3), (x, height - 8, 12, 2))
    for y in range(24, 30):
        pg.draw.line(image, tone("red", 4 if y == 24 else 1 if y == 29 else 3), (6, y), (width - 7, y))
    for x in range(width):
        rise = int(5 * (2 * x / width - 1) ** 2)
        for y in range(9):
            if 8 - rise + y >= 0:
                colour = tone("stone", 1) if y < 3 else tone("red", {3: 5, 8: 1}.get(y, 3))
                image.set_at((x, 8 - rise + y), colour)
    pg.draw.rect(image, tone("red", 2), (width // 2 - 4, 16, 8, 9))
    pg.draw.rect(image, (240, 206, 110), (width // 2 - 3, 17, 6, 7), 1)
    _rope(image, 20, width - 20, 33)
    return outlined(image)


def _rope(image: pg.Surface, left: int, right: int, top: int) -> None:
    """A sagging straw rope with three zigzag papers."""
    for x in range(left, right):
        image.set_at((x, top + int(3 * math.sin((x - left) / (right - left) * math.pi))), (226, 200, 140))
    for x in range(left + 8, right - 7, 10):
        y = top + 2 + int(3 * math.sin((x - left) / (right - left) * math.pi))
        for drop, shift in enumerate((0, 1, 0, 1, 0)):
            image.set_at((x + shift, y + drop), (245, 245, 250))
            image.set_at((x + shift + 1, y + drop), (220, 220, 235))


def gate() -> pg.Surface:
    """A village gate, 50 x 46 px: two posts, a small tiled roof."""
    image = empty(50, 46)
    _pillar(image, 8, 14, 10, 45, "bark")
    _pillar(image, 36, 42, 10, 45, "bark")
    pg.draw.rect(image, tone("bark", 3), (5, 18, 40, 4))
    pg.draw.line(image, tone("bark", 1), (5, 21), (44, 21))
    for y in range(10):
        half = 14 + y * 1.1
        for x in range(int(25 - half), int(25 + half)):
            shade = 3.8 - (1.5 if y % 4 == 3 else 0) - (x - 25) / 25 - (0.8 if (x + y // 4 * 3) % 6 == 0 else 0)
            image.set_at((x, y + 4), tone("roof", int(0.4 if y == 9 else shade)))
    pg.draw.line(image, tone("roof", 5), (11, 3), (38, 3), 2)
    for x in (10, 38):
        pg.draw.rect(image, tone("stone", 2), (x - 4, 42, 9, 3))
    return outlined(image)


def bridge_posts() -> pg.Surface:
    """The bridge's landmark: a lantern post at each rail, 46 x 26 px, the deck free between them."""
    image = empty(46, 26)
    for x in (1, 40):
        _pillar(image, x, x + 5, 7, 25, "red")
        pg.draw.rect(image, tone("gold", 2), (x, 4, 5, 4))
        pg.draw.rect(image, tone("gold", 4), (x + 1, 1, 3, 4))
        image.set_at((x + 2, 0), tone("gold", 3))
    return outlined(image)


def jetty() -> pg.Surface:
    """A small jetty, 34 x 38 px, that runs away from the viewer, with mooring posts and a coil of rope."""
    image = empty(34, 38)
    for y in range(6, 36):
        half = 9 + 7 * (y - 6) / 30
        row = (y - 6) % 5
        step = 4 if row == 0 else 0 if row == 4 else 3 - (y // 5) % 2
        pg.draw.line(image, tone("bark", step), (17 - half, y), (16 + half, y))
        for x in (int(17 - half), int(16 + half)):
            image.set_at((x, y), tone("bark", 1))
    for x, top, bottom in ((5, 3, 9), (25, 3, 9), (0, 28, 37), (30, 28, 37)):
        _pillar(image, x, x + 4, top, bottom, "bark")
        pg.draw.line(image, tone("bark", 4), (x, top), (x + 3, top))
    pg.draw.ellipse(image, (214, 190, 140), (12, 12, 9, 6), 1)
    pg.draw.ellipse(image, (178, 150, 104), (14, 14, 5, 3), 1)
    return outlined(image)


def arch() -> pg.Surface:
    """One of the many small red gates over the shrine's way, 76 x 58 px; one walks between its posts."""
    width, height = 76, 58
    image = empty(width, height)
    for left in (5, width - 11):
        _pillar(image, left, left + 6, 8, height - 1)
        pg.draw.rect(image, (30, 24, 38), (left - 1, height - 7, 8, 6))
        pg.draw.line(image, (70, 62, 84), (left - 1, height - 7), (left + 6, height - 7))
    for y in range(17, 21):
        pg.draw.line(image, tone("red", 4 if y == 17 else 1 if y == 20 else 3), (2, y), (width - 3, y))
    for x in range(width):
        rise = int(3 * (2 * x / width - 1) ** 2)
        for y in range(7):
            if 5 - rise + y >= 0:
                image.set_at((x, 5 - rise + y), (34, 28, 44) if y < 2 else tone("red", {2: 5, 6: 1}.get(y, 3)))
    pg.draw.rect(image, tone("red", 2), (width // 2 - 2, 11, 5, 6))
    return outlined(image)
