"""Built things drawn by code: houses, the torii, gates, the bridge's lantern posts, the jetty."""

import math

import numpy as np
import pygame as pg

from game.play import noise
from game.play.palette import tone
from game.play.pixels import empty, outlined

WINDOW_LIT = (255, 206, 120)
HOUSE_SIZE = (74, 66)
WINDOWS = ((18, 47), (55, 47))  # centres of a house's windows in its sprite, px


def house(variant: int) -> pg.Surface:
    """A house of 74 x 66 px: curved roof of tiles or thatch, timbered walls, a door, two lit windows."""
    width, height = HOUSE_SIZE
    image = empty(width, height)
    grain = noise.fbm(width, height, 6, 2, variant + 40) - 0.5
    roof = int(height * 0.55)
    _walls(image, grain, roof)
    _roof(image, grain, roof, "thatch" if variant % 4 == 2 else "roof")
    _door(image, width // 2, height)
    for x, y in WINDOWS:
        pg.draw.rect(image, tone("bark", 0), (x - 6, y - 6, 13, 12))
        pg.draw.rect(image, WINDOW_LIT, (x - 5, y - 5, 11, 10))
        pg.draw.line(image, tone("bark", 1), (x, y - 5), (x, y + 4))
        pg.draw.line(image, tone("bark", 1), (x - 5, y), (x + 5, y))
    return outlined(image)


def _walls(image: pg.Surface, grain: np.ndarray, roof: int) -> None:
    width, height = image.get_size()
    for y in range(roof - 6, height - 1):
        for x in range(7, width - 7):
            shade = 3.2 - (1.6 if y < roof + 3 else 0) + grain[x, y] * 1.4 - (x - width / 2) / width * 0.8
            colour = tone("wall", int(shade))
            upright = x in (7, 8, width - 9, width - 8) or (x - 7) % 20 in (0, 1)
            if upright or y in (height - 3, height - 2, roof + 13):
                colour = tone("bark", int(1.6 + grain[x, y] * 3))
            image.set_at((x, y), colour)


def _roof(image: pg.Surface, grain: np.ndarray, roof: int, ramp: str) -> None:
    width = image.get_width()
    for y in range(roof):
        half = width * (0.20 + 0.30 * (y / roof) ** 1.35) if y > 4 else width * 0.2
        for x in range(int(width / 2 - half), int(width / 2 + half) + 1):
            row, column = y % 6, (x + (y // 6 % 2) * 3) % 6
            shade = 3.6 - (1.6 if row == 5 else 0) + (0.8 if row == 0 else 0) - (0.9 if column == 0 else 0)
            if ramp == "thatch":
                shade = 3.4 - (1.3 if y % 9 == 8 else 0) + (0.9 if (x * 7 + y * 3) % 5 == 0 else 0)
            shade += grain[x % width, y] * 1.5 - (x - width / 2) / width * 2
            shade = 4.6 - y * 0.7 if y < 4 else 0.6 if y > roof - 3 else shade
            image.set_at((min(width - 1, max(0, x)), y), tone(ramp, int(shade)))


def _door(image: pg.Surface, x: int, height: int) -> None:
    pg.draw.rect(image, tone("bark", 0), (x - 7, height - 23, 15, 22))
    pg.draw.rect(image, tone("bark", 2), (x - 6, height - 22, 13, 21))
    for plank in range(x - 6, x + 7, 4):
        pg.draw.line(image, tone("bark", 1), (plank, height - 22), (plank, height - 2))
    image.set_at((x + 4, height - 12), (250, 210, 120))


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
