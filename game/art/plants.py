"""Trees, pines, cherry trees, willows, bushes and rocks: unions of lit spheres, dithered into their ramps."""

import math

import numpy as np
import pygame as pg

from game.art.pixels import noise
from game.art.pixels.drawing import empty, outlined, surface
from game.art.pixels.palette import RAMPS, tone

DARK = (14, 16, 34)  # the outline of things that grow


def _grid(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    return np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32), indexing="ij")


def _canopy(size: tuple[int, int], blobs: list, ramp: str, seed: int, fade: tuple[float, float]) -> pg.Surface:
    """Spheres (x, y, radius) lit from the upper left, darker below. fade: y where that starts, and its height (px)."""
    across, down = _grid(*size)
    grain = noise.fbm(*size, 5, 2, seed) - 0.5
    light = np.full(size, -1.0, np.float32)
    mask = np.zeros(size, bool)
    below = np.clip(1 - (down - fade[0]) / fade[1], 0, 1)
    for x, y, radius in sorted(blobs, key=lambda blob: blob[1]):
        nx, ny = (across - x) / radius, (down - y) / radius
        distance = np.hypot(nx, ny)
        nz = np.sqrt(np.clip(1 - distance**2, 0, 1))
        lit = np.clip(0.15 - 0.4 * nx - 0.62 * ny + 0.5 * nz, 0, 1)
        inside = distance + grain * 0.55 < 1
        light = np.where(inside, 0.72 * lit + 0.28 * below, light)
        mask |= inside
    steps = noise.dither(np.clip(light + grain * 0.5, 0, 0.999), 6, 0.7)
    return surface(RAMPS[ramp][steps], mask * np.uint8(255))


def _ring(rng: np.random.Generator, count: int, centre: tuple, reach: tuple, radii: tuple) -> list[tuple]:
    """Spheres around a centre: reach is the ellipse they sit on, radii the least and the largest radius (px)."""
    return [
        (centre[0] + reach[0] * math.cos(angle), centre[1] + reach[1] * math.sin(angle), rng.uniform(*radii))
        for angle in np.linspace(0, 6.28, count)
    ]


def _trunk(image: pg.Surface, centre: float, top: int, bottom: int, half: float, seed: int) -> None:
    """A trunk that widens to its root, lit from the left."""
    rng = np.random.default_rng(seed)
    bark = RAMPS["bark"]
    for y in range(top, bottom):
        down = (y - top) / max(1, bottom - top)
        reach = half * (0.62 + 0.38 * down**4 * 1.6)
        for x in range(int(centre - reach), int(centre + reach) + 1):
            side = (x - centre) / reach
            step = int(np.clip(2.3 - 2 * side + rng.normal(0, 0.55), 0, 4))
            image.set_at((x, y), bark[step].tolist())


def tree(seed: int, ramp: str = "leaf", size: float = 1.0) -> pg.Surface:
    """A round-headed tree, about 46 x 54 px times size; foot at the bottom centre."""
    rng = np.random.default_rng(seed)
    width, height = int(46 * size), int(54 * size)
    cx, cy = width / 2, height * 0.36
    blobs = [(cx, cy, 15 * size)]
    for angle in np.linspace(0, 2 * math.pi, 9)[:-1]:
        x = cx + 13 * size * math.cos(angle) * rng.uniform(0.7, 1)
        y = cy + 9 * size * math.sin(angle) * rng.uniform(0.7, 1)
        blobs.append((x, y, rng.uniform(7, 10) * size))
    image = empty(width, height)
    _trunk(image, cx, int(cy), height - 2, 5.2 * size, seed)
    image.blit(_canopy((width, height), blobs, ramp, seed, (cy - 18 * size, 38 * size)), (0, 0))
    return outlined(image, DARK)


def willow(seed: int) -> pg.Surface:
    """A weeping willow: a canopy whose strands hang to the ground."""
    rng = np.random.default_rng(seed)
    width, height = 62, 62
    image = empty(width, height)
    _trunk(image, 31, 18, height - 2, 6.0, seed)
    blobs = [(31, 20, 15), *_ring(rng, 10, (31, 20), (19, 9), (8, 11))]
    image.blit(_canopy((width, height), blobs, "willow", seed, (2, 40)), (0, 0))
    ramp = RAMPS["willow"]
    for strand in range(26):
        x = 3 + strand * 56 / 25
        reach = rng.uniform(16, 32) * (0.6 + 0.4 * abs(x - 31) / 28)
        start = 20 + rng.uniform(-2, 6)
        for step in range(int(reach)):
            sway = x + 1.6 * math.sin(step / 6 + strand)
            light = 4.8 - 2.6 * step / reach + rng.normal(0, 0.5) - (x - 31) / 31
            image.set_at((int(sway), int(start + step)), ramp[int(np.clip(light, 0, 5))].tolist())
    return outlined(image, DARK)


def pine(seed: int, size: float = 1.0) -> pg.Surface:
    """A pine of five skirts, about 34 x 60 px times size."""
    width, height = int(34 * size), int(60 * size)
    across, down = _grid(width, height)
    grain = noise.fbm(width, height, 4, 2, seed) - 0.5
    image = empty(width, height)
    cx = width / 2
    for y in range(int(height * 0.8), height - 1):
        for x in range(int(cx - 2 * size), int(cx + 2 * size) + 1):
            image.set_at((x, y), tone("bark", 1 if x > cx else 2))
    for skirt in reversed(range(5)):
        top, tall = height * (0.02 + 0.15 * skirt), height * (0.25 + 0.02 * skirt)
        part = (down - top) / tall
        reach = width * (0.17 + 0.075 * skirt) * part * (1 + grain * 0.75)
        mask = (part > 0) & (part < 1) & (np.abs(across - cx) < reach)
        light = np.clip(0.78 - 0.55 * part - 0.49 * (across - cx) / width + grain * 0.7, 0, 0.999)
        image.blit(surface(RAMPS["pine"][noise.dither(light, 6, 0.6)], mask * np.uint8(255)), (0, 0))
    return outlined(image, (10, 14, 30))


def bamboo(seed: int) -> pg.Surface:
    """A stand of bamboo, 34 x 66 px: jointed canes and drooping leaves."""
    rng = np.random.default_rng(seed + 500)
    width, height = 34, 66
    image = empty(width, height)
    canes = sorted(
        (int(x), int(rng.integers(2, 16)), rng.uniform(-3, 3)) for x in rng.choice(range(9, 26, 3), 5, False)
    )
    for x, top, lean in canes:
        for y in range(top, height - 1 - int(rng.integers(0, 4))):
            at = int(x + lean * (1 - (y - top) / (height - top)) ** 1.5)
            joint = (y + x * 5) % 11
            for side, step in ((0, 4), (1, 3), (2, 1)):
                image.set_at((at + side, y), tone("willow", 5 if joint == 0 else max(0, step - (joint == 1))))
        for _ in range(9):
            y = int(rng.integers(top, top + 30))
            side = 1 if rng.random() < 0.5 else -1
            at = int(x + lean * (1 - (y - top) / (height - top)) ** 1.5) + 1
            long, step = int(rng.integers(4, 8)), int(rng.integers(2, 6))
            for reach in range(long):
                image.set_at((at + side * reach, y + int(0.06 * reach * reach * 1.6)), tone("willow", step))
                if 0 < reach < long - 2:
                    image.set_at((at + side * reach, y + 1 + int(0.1 * reach * reach)), tone("leaf", max(0, step - 1)))
    return outlined(image, DARK)


def bush(seed: int) -> pg.Surface:
    """A low bush with a few berries or blossoms."""
    rng = np.random.default_rng(seed)
    size = (26, 18)
    blobs = [(13, 10, 7), *_ring(rng, 7, (13, 11), (8, 3), (4, 5.5))]
    image = _canopy(size, blobs, "leaf", seed, (2, 18))
    alpha = pg.surfarray.array_alpha(image)
    berry = [(214, 92, 110), (240, 206, 120), (226, 220, 240), (150, 170, 240)][seed % 4]
    for x, y in rng.integers((4, 4), (22, 14), (9, 2)):
        if alpha[x, y]:
            image.set_at((int(x), int(y)), berry)
    return outlined(image, DARK)


def rock(seed: int, width: int = 20, height: int = 14) -> pg.Surface:
    """A mossy boulder of two or three lit lumps."""
    rng = np.random.default_rng(seed)
    size = (width, height)
    radius = height * 0.55
    blobs = [(width * 0.5, height * 0.55, radius), (width * 0.3, height * 0.68, radius * rng.uniform(0.6, 0.75))]
    blobs.append((width * 0.72, height * 0.7, radius * rng.uniform(0.55, 0.7)))
    image = _canopy(size, blobs, "stone", seed, (0, height * 1.2))
    moss = noise.fbm(width, height, 6, 2, seed + 3)
    alpha = pg.surfarray.array_alpha(image)
    colours = pg.surfarray.pixels3d(image)
    down = np.arange(height)[None] / height
    green = (alpha > 0) & (moss + (0.45 - down) * 0.5 > 0.62)
    colours[green] = RAMPS["moss"][np.clip((moss[green] * 6).astype(int), 2, 5)]
    del colours  # unlocks the surface
    return outlined(image, DARK)


def hollow(seed: int) -> pg.Surface:
    """An old tree whose trunk has a dark hollow."""
    image = empty(58, 64)
    _trunk(image, 29, 22, 62, 12.0, seed)
    rng = np.random.default_rng(seed)
    blobs = [(29, 20, 15), *_ring(rng, 9, (29, 19), (17, 8), (7, 10))]
    image.blit(_canopy((58, 64), blobs, "leaf", seed, (0, 40)), (0, 0))
    pg.draw.ellipse(image, tone("bark", 0), (22, 39, 14, 20))
    pg.draw.ellipse(image, (12, 8, 20), (24, 41, 11, 17))
    pg.draw.arc(image, tone("bark", 4), (22, 39, 14, 20), 1.8, 4.2, 1)
    return outlined(image, DARK)
