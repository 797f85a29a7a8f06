"""The great one of each region: a stag in the forest, a carp in the river, a crane over the shrine, a fox's wedding.

None of them is asked about, and nobody is told of them. Each is as clear as the second strongest belief around it: who
sees two spirits there sees it too. So it follows from the ghosts of a frame, and a blind mind never sees one.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random

import numpy as np
import pygame as pg

from game.art.frame_state import Ghost
from game.art.pixels.drawing import LEVELS, dissolve_level, dissolved, empty, glow
from game.art.pixels.noise import fbm
from game.art.pixels.palette import Colour, oklch, scaled
from game.realm.land import Map

STEPS = 8  # pictures of an idle motion
PACE = 2.5  # of them a second
AROUND = (300, 170)  # px in x and y: beliefs so near count
FROM = 0.5  # the second strongest belief from which one begins to show
NIGHT = (17.0, 6.0)  # hours between which they come
WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Great:
    """One of them. homes: landmarks beside which it comes, the best first, or none where the roads meet; beside: px
    from there; hue, turn: pale, and how far the hue turns to the deep; shape: its outline at a moment of 0..tau."""

    homes: tuple[str, ...]
    beside: tuple[int, int]
    hue: float
    turn: float
    shape: Callable[[float], pg.Surface]


class GreatSpirits:
    """Where the great ones of a map come, and how they are drawn."""

    def __init__(self, land: Map) -> None:
        self._spots = {region: spot for region in GREAT if (spot := _home(land, region)) is not None}
        self._pictures: dict[tuple[str, int, int], pg.Surface] = {}

    def draw(
        self, frame: pg.Surface, ghosts: Sequence[Ghost], camera: tuple[int, int], hour: float, seconds: float
    ) -> None:
        """Draws those that the beliefs of this frame let show."""
        if NIGHT[1] < hour < NIGHT[0]:
            return
        for region, (x, y) in self._spots.items():
            left, top = x - camera[0], y - camera[1]
            if -90 < left < frame.get_width() + 90 and -20 < top < frame.get_height() + 110:
                level = dissolve_level(clearness(ghosts, x, y))
                if level:
                    self._one(frame, region, left, top, level, seconds)

    def _one(self, frame: pg.Surface, region: str, x: int, y: int, level: int, seconds: float) -> None:
        light = aura(region, level)
        picture = self._picture(region, int(seconds * PACE) % STEPS, level)
        width, height = picture.get_size()
        half = light.get_width() // 2
        frame.blit(light, (x - half, y - height // 2 - half), special_flags=pg.BLEND_RGB_ADD)
        frame.blit(picture, (x - width // 2, y - height + round(2 * math.sin(seconds * 0.9))))

    def _picture(self, region: str, step: int, level: int) -> pg.Surface:
        key = (region, step, level)
        if key not in self._pictures:
            image = dissolved(whole(region, step), level)
            image.set_alpha(90 + 110 * level // LEVELS)
            self._pictures[key] = image
        return self._pictures[key]


def clearness(ghosts: Sequence[Ghost], x: int, y: int) -> float:
    """0..1: how clear the great one at (x, y) is, px of the world, with these beliefs around it."""
    near = [g.belief for g in ghosts if abs(g.x - x) < AROUND[0] and abs(g.y - y) < AROUND[1] and not g.wavering]
    second = sorted(near)[-2] if len(near) > 1 else 0.0
    return max(0.0, (second - FROM) / (1 - FROM))


def _home(land: Map, region: str) -> tuple[int, int] | None:
    """Where the great one of a region comes, px of the world."""
    great = GREAT[region]
    here = [place for place in land.places if place.region == region and place.room < 0 and place.kind in great.homes]
    if great.homes and not here:
        return None
    best = min(here, key=lambda place: great.homes.index(place.kind), default=None)
    x, y = land.start if best is None else (best.x, best.y)
    return x + great.beside[0], y + great.beside[1]


@lru_cache(maxsize=64)
def aura(region: str, level: int) -> pg.Surface:
    """The glow around a great one; level 1..LEVELS."""
    colour: Colour = scaled(oklch(0.74, 0.12, GREAT[region].hue), 0.42 * level / LEVELS)
    return glow(76, colour, 2.0)


@lru_cache(maxsize=64)
def whole(region: str, step: int) -> pg.Surface:
    """A great one, all of it, at a moment of its idle motion: pale above, deep below, and clear towards its foot."""
    great = GREAT[region]
    shape = great.shape(step / STEPS * math.tau)
    solid = pg.surfarray.array_alpha(shape)
    width, height = solid.shape
    down = np.linspace(0, 1, height)[None, :, None]
    pale, deep = np.array(oklch(0.96, 0.04, great.hue)), np.array(oklch(0.6, 0.13, great.hue + great.turn))
    grain = fbm(width, height, 9, 3, 6)[..., None]
    colours = np.clip((pale * (1 - down) + deep * down) * (0.72 + 0.5 * grain), 0, 255)
    pg.surfarray.pixels3d(shape)[:] = colours.astype(np.uint8)
    fading = np.clip((1.05 - np.linspace(0, 1, height)) * 2.4, 0.3, 1)[None]
    pg.surfarray.pixels_alpha(shape)[:] = (solid * fading).astype(np.uint8)
    return shape


def _stag(turn: float) -> pg.Surface:
    """It stands, breathes, and lifts its head."""
    image, lift, breath = empty(112, 118), round(2 * math.sin(turn)), round(1.4 * math.sin(turn + 1))
    pg.draw.ellipse(image, WHITE, (22, 66 - breath, 58, 27 + breath))
    pg.draw.ellipse(image, WHITE, (18, 68, 30, 26))
    pg.draw.polygon(image, WHITE, [(62, 72), (74, 44 - lift), (86, 46 - lift), (80, 82)])
    pg.draw.ellipse(image, WHITE, (74, 35 - lift, 20, 15))
    pg.draw.polygon(image, WHITE, [(88, 38 - lift), (104, 47 - lift), (101, 51 - lift), (88, 50 - lift)])
    pg.draw.polygon(image, WHITE, [(76, 40 - lift), (64, 35 - lift), (74, 46 - lift)])
    pg.draw.polygon(image, WHITE, [(22, 72), (13, 66), (18, 80)])
    for hip, knee, hoof in ((27, 24, 27), (36, 38, 35), (64, 63, 61), (73, 77, 75)):
        pg.draw.polygon(image, WHITE, [(hip - 4, 82), (hip + 5, 82), (knee + 2, 99), (hoof + 2, 117), (hoof - 1, 117),
                                       (knee - 1, 99)])  # fmt: skip
    rng = Random(4)
    for x, angle in ((80, 1.95), (86, 1.1)):
        _branch(image, rng, x, 37 - lift, angle, 10.2, 4)
    image.fill((0, 0, 0, 0), (92, 41 - lift, 2, 2))
    return image


def _branch(image: pg.Surface, rng: Random, x: float, y: float, angle: float, length: float, forks: int) -> None:
    end = x + length * math.cos(angle), y - length * math.sin(angle)
    pg.draw.line(image, WHITE, (x, y), end, 2 if forks > 2 else 1)
    if forks:
        _branch(image, rng, *end, angle + rng.uniform(0.15, 0.5), length * 0.76, forks - 1)
        _branch(image, rng, *end, angle - rng.uniform(0.25, 0.6), length * 0.62, forks - 1)


def _carp(turn: float) -> pg.Surface:
    """It leaps in a slow bow out of the water; fins and tail beat."""
    image = empty(132, 92)
    spine = [(16 + 92 * part, 70 - 44 * math.sin(math.pi * (0.12 + 0.8 * part)) + 3 * math.sin(turn + part * 5))
             for part in np.linspace(0, 1, 40).tolist()]  # fmt: skip
    for number, (x, y) in enumerate(spine):
        part = number / 39
        pg.draw.circle(image, WHITE, (x, y), 2 + 12 * math.sin(math.pi * (0.08 + 0.84 * part)) ** 0.8)
    (tail_x, tail_y), beat = spine[0], 5 * math.sin(turn)
    pg.draw.polygon(image, WHITE, [(tail_x + 6, tail_y), (tail_x - 14, tail_y - 14 + beat), (tail_x - 6, tail_y),
                                   (tail_x - 13, tail_y + 13 + beat)])  # fmt: skip
    middle = spine[20]
    pg.draw.polygon(image, WHITE, [(middle[0] - 16, middle[1] - 9), (middle[0] + 4, middle[1] - 24 + beat / 2),
                                   (middle[0] + 14, middle[1] - 8)])  # fmt: skip
    pg.draw.polygon(image, WHITE, [(middle[0] + 6, middle[1] + 8), (middle[0] + 1, middle[1] + 25 - beat),
                                   (middle[0] + 16, middle[1] + 10)])  # fmt: skip
    head = spine[-2]
    image.fill((0, 0, 0, 0), (head[0] - 2, head[1] - 4, 3, 3))
    for scale in range(4, 30, 3):  # rows of scales
        x, y = spine[scale]
        pg.draw.arc(image, (0, 0, 0, 0), (x - 5, y - 7, 9, 13), -1.2, 1.2, 1)
    for side in (-1, 1):
        pg.draw.line(image, WHITE, (head[0] + 5, head[1] + 5), (head[0] + 15, head[1] + 9 + 3 * side), 1)
    return image


def _crane(turn: float) -> pg.Surface:
    """It hangs in the air over the court; its wings beat slowly."""
    image, beat = empty(166, 100), math.sin(turn)
    for side in (-1, 1):
        wrist = (83 + side * 44, 34 - 9 * beat)
        for feather in range(12):
            part = feather / 11
            root = (83 + side * (5 + 39 * part), 46 + (wrist[1] - 46) * part)
            angle, reach = math.radians(84 - 86 * part - 10 * beat * part), 19 + 15 * part
            tip = (root[0] + side * reach * math.cos(angle), root[1] + reach * math.sin(angle))
            pg.draw.line(image, WHITE, root, tip, 4 if feather < 11 else 3)
        pg.draw.polygon(image, WHITE, [(83, 44), wrist, (wrist[0], wrist[1] + 5), (83, 56)])
    pg.draw.ellipse(image, WHITE, (75, 40, 16, 32))
    pg.draw.lines(image, WHITE, False, [(83, 42), (80, 30), (85, 20), (88, 13)], 4)
    pg.draw.circle(image, WHITE, (89, 11), 4)
    pg.draw.polygon(image, WHITE, [(92, 9), (105, 13), (92, 13)])
    image.fill((0, 0, 0, 0), (90, 9, 2, 2))
    for leg in (-2, 3):
        pg.draw.line(image, WHITE, (83 + leg, 70), (83 + leg - 2 + round(beat), 97), 1)
    return image


def _wedding(turn: float) -> pg.Surface:
    """A row of foxes on their hind legs, each with a lantern on a pole; the one in the middle wears the hood."""
    image = empty(158, 54)
    for fox in range(6):
        step = round(1.5 * math.sin(turn + fox * 1.1))
        x, foot, bride = 16 + fox * 25, 52, fox == 3
        pg.draw.polygon(
            image, WHITE, [(x - 5, foot), (x + 6, foot), (x + 4, foot - 17 + step), (x - 3, foot - 17 + step)]
        )
        pg.draw.circle(image, WHITE, (x + 1, foot - 21 + step), 5)
        pg.draw.polygon(
            image, WHITE, [(x + 4, foot - 22 + step), (x + 11, foot - 19 + step), (x + 4, foot - 18 + step)]
        )
        for ear in (-3, 2):
            pg.draw.polygon(image, WHITE, [(x + ear - 1, foot - 25 + step), (x + ear + 1, foot - 31 + step),
                                           (x + ear + 3, foot - 25 + step)])  # fmt: skip
        image.fill((0, 0, 0, 0), (x + 3, foot - 23 + step, 1, 2))
        pg.draw.lines(image, WHITE, False, [(x - 5, foot - 3), (x - 11, foot - 6), (x - 12, foot - 13 + step)], 3)
        if bride:
            pg.draw.polygon(
                image, WHITE, [(x - 8, foot - 18 + step), (x + 1, foot - 33 + step), (x + 9, foot - 22 + step)]
            )
        else:
            pg.draw.line(image, WHITE, (x + 8, foot - 6), (x + 8, foot - 37 + step), 1)
            pg.draw.ellipse(image, WHITE, (x + 5, foot - 45 + step, 7, 9))
    return image


GREAT = {
    "forest": Great(("oak", "hollow", "stump"), (-70, -6), 185.0, 40.0, _stag),
    "river": Great(("bridge", "boat", "willow"), (64, 6), 230.0, 40.0, _carp),
    "shrine": Great(("torii", "altar", "bell"), (0, -52), 330.0, -30.0, _crane),
    "village": Great((), (-8, 30), 62.0, -30.0, _wedding),
}
