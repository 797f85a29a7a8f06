"""Houses drawn by code: village house, inn, mill, hut, shrine hall, storehouse; their lamps lit or not."""

from dataclasses import dataclass

import numpy as np
import pygame as pg

from game.art.pixels import noise
from game.art.pixels.drawing import empty, outlined, surface
from game.art.pixels.palette import RAMPS, tone

WINDOW_LIT, WINDOW_DAY = (255, 206, 120), (196, 200, 206)


@dataclass(frozen=True)
class Plan:
    """How a building is drawn. size: of its picture, outline included (px); roof: height of the roof; eaves: how far
    it overhangs; windows: their centres; chimney: where smoke rises (px of the picture), if it does.
    """

    size: tuple[int, int]
    roof: int
    eaves: int
    covering: str
    walls: str
    windows: tuple[tuple[int, int], ...]
    chimney: tuple[int, int] | None = None
    ridge: float = 0.2
    storey: int = 0


BUILDINGS = {
    "house": Plan((90, 70), 38, 7, "roof", "wall", ((22, 51), (68, 51)), (62, 6)),
    "inn": Plan((124, 100), 36, 7, "roof", "wall",
                ((20, 81), (40, 81), (84, 81), (104, 81), (32, 50), (62, 50), (92, 50)), (96, 6), 0.26, 22),
    "mill": Plan((96, 84), 46, 9, "thatch", "boards", ((28, 64), (68, 64)), None, 0.16),
    "hut": Plan((86, 66), 40, 8, "thatch", "boards", ((22, 52), (64, 52)), (58, 8), 0.14),
    "hall": Plan((162, 108), 60, 12, "roof", "wall", ((36, 86), (58, 86), (104, 86), (126, 86)), None, 0.24),
    "kura": Plan((84, 72), 32, 6, "roof", "wall", (), None, 0.22),
}  # fmt: skip


def building(kind: str, variant: int, lit: bool) -> pg.Surface:
    """A building of a kind; variants differ in grain, the house in its roof too."""
    plan = BUILDINGS[kind]
    width, height = plan.size[0] - 2, plan.size[1] - 2
    grain = noise.fbm(width, height, 6, 2, variant + 40) - 0.5
    image = empty(width, height)
    _walls(image, plan, grain, kind)
    if plan.storey:
        _pent(image, plan, grain)
    covering = "thatch" if kind == "house" and variant % 4 == 2 else plan.covering
    _roof(image, plan, grain, covering)
    for x, y in plan.windows:
        _window(image, x - 1, y - 1, lit, 5 if kind == "inn" else 6)
    {"kura": _kura_door, "hall": _hall_front, "inn": _inn_front}.get(kind, _door)(image, width // 2, height, lit)
    if kind == "mill":
        _wheel(image, width - 15, height - 19)
    return outlined(image)


def _walls(image: pg.Surface, plan: Plan, grain: np.ndarray, kind: str) -> None:
    """Plaster between posts, or upright boards; dark below the eaves, dimmer to the right."""
    width, height = grain.shape
    across, down = np.arange(width)[:, None], np.arange(height)[None]
    first, left = plan.roof - 6, plan.eaves
    shade = 3.4 - 1.6 * (down < plan.roof + 3) + grain * 0.9 - (across - width / 2) / width * 0.8
    if kind == "kura":
        shade = shade + 0.7
    steps = np.clip(shade, 0, len(RAMPS[plan.walls]) - 1).astype(int)
    colours = RAMPS[plan.walls][steps]
    if plan.walls == "boards":
        colours[np.broadcast_to((across - left) % 6 == 0, steps.shape)] = tone("boards", 0)
    bark = RAMPS["bark"][np.clip(1.6 + grain * 3, 0, 4).astype(int)]
    posts = (across - left < 2) | (across >= width - left - 2)
    beams = (down >= height - 2) | (down == plan.roof + 13 + plan.storey)
    if plan.walls == "wall" and kind != "kura":
        posts = posts | ((across - left) % 20 < 2)
    if kind == "kura":
        tiles = down >= height - 15
        lattice = ((across + down) % 8 == 0) | ((across - down) % 8 == 0)
        colours[np.broadcast_to(tiles, steps.shape)] = tone("stone", 1)
        colours[tiles & lattice] = tone("wall", 3)
        beams = (down >= height - 2) | (down == height - 16)
    timber = np.broadcast_to(posts, steps.shape) | np.broadcast_to(beams, steps.shape)
    colours = np.where(timber[..., None], bark, colours)
    solid = (down >= first) & (across >= left) & (across < width - left)
    image.blit(surface(colours.astype(np.uint8), np.broadcast_to(solid, steps.shape) * np.uint8(255)), (0, 0))


def _roof(image: pg.Surface, plan: Plan, grain: np.ndarray, covering: str, top: int = 0) -> None:
    """A curved roof with rows of tiles or layers of thatch, a ridge, and a dark edge."""
    width, height = grain.shape
    across, down = np.arange(width)[:, None], np.arange(height)[None] - top
    part = np.clip(down / plan.roof, 0, 1)
    half = width * np.where(down > 4, plan.ridge + (0.5 - plan.ridge) * part**1.35, plan.ridge)
    if covering == "thatch":
        half = half - 1.2 * (grain > 0.12)
        shade = 3.4 - 1.3 * (down % 9 == 8) + 0.9 * ((across * 7 + down * 3) % 5 == 0)
    else:
        column = (across + down // 6 % 2 * 3) % 6
        shade = 3.6 - 1.6 * (down % 6 == 5) + 0.8 * (down % 6 == 0) - 0.9 * (column == 0)
    shade = shade + grain * 1.5 - (across - width / 2) / width * 2
    shade = np.where(down < 4, 4.9 - down * 0.7, np.where(down > plan.roof - 3, 0.6, shade))
    shade = np.where((down == 4) | (down == 5), 1.2, shade)
    colours = RAMPS[covering][np.clip(shade, 0, 5).astype(int)]
    solid = (np.abs(across - width / 2 + 0.5) <= half) & (down >= 0) & (down < plan.roof)
    image.blit(surface(colours, np.broadcast_to(solid, shade.shape) * np.uint8(255)), (0, 0))
    for x in (int(width / 2 - width * plan.ridge), int(width / 2 + width * plan.ridge) - 3):
        pg.draw.rect(image, tone(covering, 5), (x, top, 4, 3))
        pg.draw.rect(image, tone(covering, 1), (x, top + 3, 4, 3))


def _pent(image: pg.Surface, plan: Plan, grain: np.ndarray) -> None:
    """The small roof between two storeys."""
    y = plan.roof + plan.storey
    for row in range(10):
        left = plan.eaves - 4 - row // 4
        for x in range(max(0, left), image.get_width() - max(0, left)):
            shade = 3.6 - 1.7 * (row % 5 == 4) - 0.9 * ((x + row // 5 * 3) % 6 == 0) + grain[x, y + row] * 1.4
            image.set_at((x, y + row), tone("roof", int(0.6 if row == 9 else shade - (x - 60) / 60)))


def _window(image: pg.Surface, x: int, y: int, lit: bool, half: int) -> None:
    """A latticed paper window."""
    pg.draw.rect(image, tone("bark", 0), (x - half, y - 6, 2 * half + 1, 12))
    pg.draw.rect(image, WINDOW_LIT if lit else WINDOW_DAY, (x - half + 1, y - 5, 2 * half - 1, 10))
    if lit:
        pg.draw.rect(image, (255, 232, 170), (x - half + 2, y - 1, 2 * half - 3, 5))
    else:
        pg.draw.line(image, (232, 234, 236), (x - half + 1, y - 5), (x + half - 1, y - 5))
    pg.draw.line(image, tone("bark", 1), (x, y - 5), (x, y + 4))
    pg.draw.line(image, tone("bark", 1), (x - half + 1, y), (x + half - 1, y))


def _door(image: pg.Surface, x: int, height: int, lit: bool) -> None:
    pg.draw.rect(image, tone("bark", 0), (x - 8, height - 24, 16, 23))
    pg.draw.rect(image, tone("bark", 2), (x - 7, height - 23, 14, 22))
    for plank in range(x - 7, x + 7, 4):
        pg.draw.line(image, tone("bark", 1), (plank, height - 23), (plank, height - 2))
    pg.draw.line(image, tone("bark", 4), (x - 7, height - 23), (x + 6, height - 23))
    image.set_at((x + 4, height - 12), (250, 210, 120))
    pg.draw.rect(image, tone("stone", 3), (x - 9, height - 2, 18, 2))


def _kura_door(image: pg.Surface, x: int, height: int, lit: bool) -> None:
    """Heavy shutters with iron bands, and a small barred opening under the gable."""
    pg.draw.rect(image, tone("stone", 0), (x - 11, height - 27, 22, 26))
    pg.draw.rect(image, tone("bark", 1), (x - 9, height - 25, 18, 24))
    for y in (height - 22, height - 9):
        pg.draw.line(image, tone("stone", 2), (x - 9, y), (x + 8, y))
    pg.draw.line(image, tone("bark", 0), (x, height - 25), (x, height - 2))
    pg.draw.rect(image, (190, 150, 80), (x - 2, height - 15, 4, 4))


def _inn_front(image: pg.Surface, x: int, height: int, lit: bool) -> None:
    """A wide door under a split blue curtain, and two red paper lanterns."""
    pg.draw.rect(image, tone("bark", 0), (x - 12, height - 27, 24, 26))
    pg.draw.rect(image, (84, 58, 42) if not lit else (214, 150, 84), (x - 11, height - 26, 22, 25))
    for left in range(x - 11, x + 8, 6):
        pg.draw.rect(image, (52, 74, 130), (left, height - 26, 5, 11))
        pg.draw.line(image, (84, 112, 176), (left, height - 26), (left, height - 17))
    pg.draw.circle(image, (226, 226, 236), (x, height - 21), 2)
    for centre in (x - 18, x + 17):
        pg.draw.line(image, tone("bark", 0), (centre, height - 40), (centre, height - 36))
        pg.draw.ellipse(image, (236, 92, 62) if lit else (168, 52, 50), (centre - 4, height - 36, 9, 11))
        pg.draw.ellipse(image, (255, 190, 110) if lit else (196, 84, 72), (centre - 2, height - 34, 4, 6))


def _hall_front(image: pg.Surface, x: int, height: int, lit: bool) -> None:
    """Vermilion posts, a gilded gable, sliding doors, a straw rope and broad steps."""
    width = image.get_width()
    for left in (14, 46, width - 52, width - 20):
        for column in range(6):
            colour = tone("red", (4, 4, 3, 3, 2, 1)[column])
            pg.draw.line(image, colour, (left + column, 56), (left + column, height - 3))
    for y, step in ((59, 4), (60, 3), (61, 3), (62, 1)):
        pg.draw.line(image, tone("red", step), (12, y), (width - 13, y))
    pg.draw.polygon(image, tone("roof", 1), [(x - 30, 58), (x, 32), (x + 30, 58)])
    pg.draw.polygon(image, tone("wall", 3), [(x - 20, 57), (x, 40), (x + 20, 57)])
    pg.draw.lines(image, tone("gold", 4), False, [(x - 30, 58), (x, 32), (x + 30, 58)], 2)
    pg.draw.circle(image, tone("gold", 3), (x, 51), 4)
    pg.draw.circle(image, tone("red", 2), (x, 51), 2)
    pg.draw.rect(image, tone("bark", 0), (x - 15, height - 36, 30, 35))
    pg.draw.rect(image, (255, 200, 116) if lit else (176, 162, 140), (x - 13, height - 34, 26, 32))
    for left in range(x - 13, x + 14, 5):
        pg.draw.line(image, tone("bark", 2), (left, height - 34), (left, height - 3))
    for y in range(height - 34, height - 3, 6):
        pg.draw.line(image, tone("bark", 2), (x - 13, y), (x + 12, y))
    pg.draw.rect(image, tone("bark", 0), (x - 1, height - 34, 2, 32))
    for drop, left in enumerate(range(x - 26, x + 26)):
        sag = int(3 - 3 * (drop / 26 - 1) ** 2)
        pg.draw.line(image, (226, 200, 140), (left, 65 + sag), (left, 67 + sag))
    for left in (x - 16, x, x + 15):
        pg.draw.lines(image, (245, 245, 250), False, [(left, 70), (left + 2, 72), (left, 74), (left + 2, 76)], 1)
    for row in range(3):
        pg.draw.rect(image, tone("stone", 4 - row), (x - 20 - 2 * row, height - 3 + row, 40 + 4 * row, 1))


def _wheel(image: pg.Surface, x: int, y: int) -> None:
    """The mill's wheel, at rest."""
    pg.draw.circle(image, tone("bark", 0), (x, y), 17, 5)
    pg.draw.circle(image, tone("bark", 3), (x, y), 16, 3)
    for dx, dy in ((15, 0), (11, 11), (0, 15), (11, -11)):
        pg.draw.line(image, tone("bark", 1), (x - dx, y - dy), (x + dx, y + dy), 3)
        pg.draw.line(image, tone("bark", 4), (x - dx, y - dy), (x + dx, y + dy), 1)
    pg.draw.circle(image, tone("bark", 0), (x, y), 4)
    pg.draw.circle(image, tone("bark", 4), (x, y), 2)
