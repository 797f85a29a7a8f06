"""From arrays and ASCII grids to pygame surfaces: outlines, glows, shadows, the dissolve of spirits."""

import numpy as np
import pygame as pg

from game.art.pixels.noise import BAYER, THRESHOLDS, tiled
from game.art.pixels.palette import INK, Colour


def surface(rgb: np.ndarray, alpha: np.ndarray | None = None) -> pg.Surface:
    """A surface of (w, h, 3) colours, with per-pixel alpha (0..255) if given."""
    if alpha is None:
        plain = pg.Surface(rgb.shape[:2])
        pg.surfarray.blit_array(plain, rgb)
        return plain
    image = pg.Surface(rgb.shape[:2], pg.SRCALPHA)
    pg.surfarray.pixels3d(image)[:] = rgb
    pg.surfarray.pixels_alpha(image)[:] = alpha
    return image


def empty(width: int, height: int) -> pg.Surface:
    """A clear surface with alpha."""
    return pg.Surface((width, height), pg.SRCALPHA)


def outlined(image: pg.Surface, colour: Colour = INK) -> pg.Surface:
    """The image with a one-pixel outline; one pixel larger on each side."""
    solid = pg.surfarray.array_alpha(image) > 0
    width, height = solid.shape
    edge = np.zeros((width + 2, height + 2), bool)
    for dx, dy in ((0, 1), (2, 1), (1, 0), (1, 2)):
        edge[dx : dx + width, dy : dy + height] |= solid
    colours = np.empty((width + 2, height + 2, 3), np.uint8)
    colours[:] = colour
    result = surface(colours, edge * np.uint8(255))
    result.blit(image, (1, 1))
    return result


def from_grid(rows: list[str] | tuple[str, ...], palette: dict[str, Colour], mirror: bool = False) -> pg.Surface:
    """A surface of an ASCII grid; characters outside the palette are clear. mirror: the rows are the left half."""
    if mirror:
        rows = [row + row[::-1] for row in rows]
    image = empty(max(len(row) for row in rows), len(rows))
    for y, row in enumerate(rows):
        for x, mark in enumerate(row):
            if mark in palette:
                image.set_at((x, y), palette[mark])
    return image


def disc(radius: int, power: float) -> np.ndarray:
    """(2r, 2r) float32, 1 at the centre falling to 0 at the rim as (1 - distance)^power."""
    span = np.arange(2 * radius, dtype=np.float32) - radius + 0.5
    distance = np.hypot(span[:, None], span[None]) / radius
    return np.clip(1 - distance, 0, 1) ** np.float32(power)


def glow(radius: int, colour: Colour, power: float = 2.0) -> pg.Surface:
    """Light to be added: a soft disc of 2r x 2r px, dithered a little so that it doesn't band."""
    light = disc(radius, power)[..., None] * np.array(colour, np.float32)
    grain = tiled(BAYER, 2 * radius, 2 * radius)[..., None]
    return surface(np.clip(light + np.where(light > 1, grain, 0), 0, 255).astype(np.uint8)).convert()


def shadow(width: int, height: int, alpha: int = 92) -> pg.Surface:
    """A soft-looking flat ellipse for under things."""
    image = empty(width, height)
    pg.draw.ellipse(image, (8, 10, 30, alpha), image.get_rect())
    return image


LEVELS = 16  # steps of the ordered-dither dissolve


def dissolve_level(opacity: float) -> int:
    """Dither level 0..LEVELS of an opacity in 0..1: never falls as opacity grows; 0 shows nothing, 1 everything."""
    return int(min(1.0, max(0.0, opacity)) * LEVELS + 0.5)


def dissolved(image: pg.Surface, level: int) -> pg.Surface:
    """The image with only level/LEVELS of its pixels left, in ordered-dither order."""
    result = image.copy()
    if level >= LEVELS:
        return result
    alpha = pg.surfarray.pixels_alpha(result)
    alpha[tiled(THRESHOLDS, *alpha.shape) >= level / LEVELS] = 0
    del alpha  # unlocks the surface
    return result


BENDS = 5  # pictures of something that the wind bends, from left to right; the middle one is at rest


def swayed(image: pg.Surface, reach: int) -> tuple[pg.Surface, ...]:
    """The picture bent by -reach .. reach px at its top, less further down, not at all at its foot."""
    width, height = image.get_size()
    pictures = []
    for bend in range(BENDS):
        lean = reach * (bend - BENDS // 2) / (BENDS // 2)
        canvas = empty(width + 2 * reach, height)
        rows = []
        for y in range(height):
            shift = round(lean * (1 - y / height) ** 1.3)
            rows.append((image, (reach + shift, y), (0, y, width, 1)))
        canvas.blits(rows)
        pictures.append(canvas)
    return tuple(pictures)
