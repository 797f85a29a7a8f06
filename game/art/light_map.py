"""The light map: the sky's colour and every lamp, at half resolution. The scene is multiplied with it."""

from functools import lru_cache

import numpy as np
import pygame as pg

from game.art.pixels import noise
from game.art.pixels.drawing import disc, glow, surface
from game.art.pixels.palette import Colour, darkness, mix, scaled, sky
from game.realm.land import Map
from game.realm.terrain import TILE

WEATHER_TINT = {  # what weather does to the sky's light: a colour to go towards, and how far (0..1)
    "clear": ((255, 255, 255), 0.0),
    "mist": ((150, 160, 184), 0.28),
    "rain": ((78, 92, 130), 0.38),
    "wind": ((190, 186, 196), 0.08),
}
REGION_TINT = {  # what the air of a region does to the light
    "village": (255, 250, 240),
    "forest": (222, 246, 232),
    "river": (232, 246, 255),
    "shrine": (255, 238, 244),
}
CELL = 8 * TILE  # px: regions are told apart on this grid, and blend
INDOORS = ((132, 114, 118), (210, 194, 174))  # the light of a room by night and by day
MIRRORED = (26, 54)  # px of a light's image in the water
STRENGTHS = 12  # steps of a light's strength; flicker and dusk move along them


def ambient(hour: float, weather: str) -> Colour:
    """The light of the sky at an hour (0..24) under a weather."""
    colour, share = WEATHER_TINT.get(weather, WEATHER_TINT["clear"])
    base = sky(hour)
    red, green, blue = (min(a, b) for a, b in zip(base, colour, strict=True))
    return mix(base, (red, green, blue), share)


def indoors(outside: Colour) -> Colour:
    """The light of a room under a sky's light."""
    return mix(INDOORS[1], INDOORS[0], darkness(outside))


class Grade:
    """How the regions of a map tint the light, blended at their borders."""

    def __init__(self, land: Map) -> None:
        columns, rows = land.width * TILE // CELL + 1, land.height * TILE // CELL + 1
        open_air = [place for place in land.places if place.region in REGION_TINT]
        across, down = np.arange(columns)[:, None] * CELL, np.arange(rows)[None] * CELL
        nearest = np.argmin([np.hypot(across - p.x, down - p.y) for p in open_air], axis=0)
        self._tints = np.array([REGION_TINT[place.region] for place in open_air], np.float32)[nearest]
        names = np.array([place.region for place in open_air])[nearest]
        self._forest = (names == "forest").astype(np.float32)
        self._shrine = (names == "shrine").astype(np.float32)

    def outside(self, colour: Colour, x: int, y: int) -> Colour:
        """The sky's light as it is at a point of the world (px)."""
        tint = _between(self._tints, x / CELL, y / CELL)
        red, green, blue = (int(value * share / 255) for value, share in zip(colour, tint.tolist(), strict=True))
        return red, green, blue

    def forest(self, x: int, y: int) -> float:
        """How much a point lies in the forest, 0..1."""
        return float(_between(self._forest, x / CELL, y / CELL))

    def shrine(self, x: int, y: int) -> float:
        """How much a point lies in the shrine's grounds, 0..1."""
        return float(_between(self._shrine, x / CELL, y / CELL))


def _between(grid: np.ndarray, x: float, y: float) -> np.ndarray:
    """Bilinear reading of a grid at a point that may lie beyond it."""
    x, y = min(max(x, 0), grid.shape[0] - 1.001), min(max(y, 0), grid.shape[1] - 1.001)
    column, row = int(x), int(y)
    right, below = x - column, y - row
    upper = grid[column, row] * (1 - right) + grid[column + 1, row] * right
    lower = grid[column, row + 1] * (1 - right) + grid[column + 1, row + 1] * right
    blended: np.ndarray = upper * (1 - below) + lower * below
    return blended


@lru_cache(maxsize=512)
def lamp(radius: int, colour: Colour, strength: int) -> pg.Surface:
    """A light for the map (half size); radius in px of the scene, strength 0..STRENGTHS."""
    return glow(max(2, radius // 2), scaled(colour, strength / STRENGTHS), 1.7)


@lru_cache(maxsize=512)
def halo(radius: int, colour: Colour, strength: int) -> pg.Surface:
    """A glow to be added to the finished scene; strength 0..STRENGTHS."""
    return glow(radius, scaled(colour, strength / STRENGTHS), 2.0)


def strength(value: float) -> int:
    """A light's strength 0..1 as a step."""
    return int(min(1.0, max(0.0, value)) * STRENGTHS + 0.5)


class LightMap:
    """Gathers light at half resolution; `shine` multiplies a frame with it."""

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)
        self.map = pg.Surface((width // 2, height // 2)).convert()
        self._full = pg.Surface((width, height)).convert()
        self._vignette = _vignette(width // 2, height // 2, 0.52)
        self._gathered = _vignette(width // 2, height // 2, 0.92)
        self._clouds = _clouds(width // 2, height // 2)

    def begin(self, colour: Colour) -> None:
        """Nothing but the sky's light."""
        self.map.fill(colour)

    def clouds(self, camera: tuple[int, int], seconds: float, weather: str, day: float) -> None:
        """Shadows of clouds that cross the land by day; day: 0 night .. 1."""
        if weather not in ("clear", "wind") or day < 0.25:
            return
        width, height = self._clouds.get_size()
        left = int(camera[0] / 2 - seconds * (14 if weather == "wind" else 5)) % width
        top = int(camera[1] / 2) % height
        self._clouds.set_alpha(int(255 * min(1.0, day)))
        for x in (-left, width - left):
            for y in (-top, height - top):
                self.map.blit(self._clouds, (x, y))

    def add(self, x: int, y: int, radius: int, colour: Colour, level: int) -> None:
        """A lamp at px of the frame; level 0..STRENGTHS."""
        if level > 0:
            image = lamp(radius, colour, level)
            half = image.get_width() // 2
            self.map.blit(image, (x // 2 - half, y // 2 - half), special_flags=pg.BLEND_RGB_ADD)

    def shine(self, frame: pg.Surface, attend: float) -> None:
        """Multiplies the frame with the map; attend (0..1) draws the eye to the middle."""
        self.map.blit(self._vignette, (0, 0), special_flags=pg.BLEND_RGB_MULT)
        if attend > 0.02:
            self._gathered.set_alpha(int(200 * attend))
            shade = self.map.copy()
            shade.blit(self._gathered, (0, 0), special_flags=pg.BLEND_RGB_MULT)
            shade.set_alpha(int(255 * attend))
            self.map.blit(shade, (0, 0))
        pg.transform.scale(self.map, self.size, self._full)
        frame.blit(self._full, (0, 0), special_flags=pg.BLEND_RGB_MULT)


def _vignette(width: int, height: int, depth: float) -> pg.Surface:
    """White in the middle, darker by `depth` (0..1) in the corners."""
    across = (np.arange(width) - width / 2) / (width * 0.62)
    down = (np.arange(height) - height / 2) / (height * 0.66)
    away = np.clip(np.hypot(across[:, None], down[None]) - (0.35 if depth < 0.8 else 0.12), 0, 1)
    value = 255 * (1 - depth * away**1.5)
    return surface(np.repeat(value[..., None], 3, 2).clip(0, 255).astype(np.uint8)).convert()


def _clouds(width: int, height: int) -> pg.Surface:
    """Soft dark patches with alpha; repeats seamlessly."""
    value = np.clip((noise.fbm(width, height, 110, 3, 12, tile=True) - 0.52) * 5, 0, 1)
    colours = np.zeros((width, height, 3), np.uint8)
    colours[:] = (58, 74, 112)
    return surface(colours, (value * 78).astype(np.uint8))


def reflection(water: np.ndarray, x: int, y: int, colour: Colour) -> pg.Surface | None:
    """The broken image of a light in water below (x, y), to be added at (x - 13, y); None if little water is there."""
    shape = np.zeros(MIRRORED, bool)
    left, top = max(0, x - 13), max(0, y)
    part = water[left : x + 13, top : y + 54]
    shape[left - (x - 13) : left - (x - 13) + part.shape[0], top - y : top - y + part.shape[1]] = part
    if shape.mean() < 0.15:
        return None
    column, row = np.arange(26)[:, None], np.arange(54)[None]
    shape &= (row + column // 3) % 3 != 0
    round_ = surface((disc(22, 1.6)[..., None] * colour).astype(np.uint8))
    light = pg.surfarray.array3d(pg.transform.scale(round_, (26, 54)))
    light[~shape] = 0
    return surface(light).convert()


@lru_cache(maxsize=2)
def _fog_value(width: int, height: int) -> np.ndarray:
    return np.clip((noise.fbm(width, height, 80, 4, 33, tile=True) - np.float32(0.46)) * np.float32(3.2), 0, 1)


def fog_bank(width: int, height: int, colour: Colour) -> pg.Surface:
    """Drifting fog to be added; repeats seamlessly."""
    value = _fog_value(width, height)
    channels = [(value * np.float32(part)).astype(np.uint8) for part in colour]
    return surface(np.stack(channels, 2)).convert()
