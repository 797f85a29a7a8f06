"""Light: the sky's colour and every lamp, gathered in a map of half resolution that the scene is multiplied with."""

from functools import lru_cache

import numpy as np
import pygame as pg

from game.play import noise
from game.play.palette import Colour, mix, scaled, sky
from game.play.pixels import disc, glow, surface

WEATHER_TINT = {  # what weather does to the sky's light: a colour to go towards, and how far (0..1)
    "clear": ((255, 255, 255), 0.0),
    "mist": ((150, 160, 184), 0.28),
    "rain": ((78, 92, 130), 0.38),
    "wind": ((190, 186, 196), 0.08),
}
STRENGTHS = 12  # steps of a light's strength; flicker and dusk move along them


def ambient(hour: float, weather: str) -> Colour:
    """The light of the sky at an hour (0..24) under a weather."""
    colour, share = WEATHER_TINT.get(weather, WEATHER_TINT["clear"])
    base = sky(hour)
    red, green, blue = (min(a, b) for a, b in zip(base, colour, strict=True))
    return mix(base, (red, green, blue), share)


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
        self._vignette = _vignette(width // 2, height // 2, 0.62)
        self._gathered = _vignette(width // 2, height // 2, 0.92)

    def begin(self, colour: Colour) -> None:
        """Nothing but the sky's light."""
        self.map.fill(colour)

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


def reflection(water: np.ndarray, x: int, y: int, colour: Colour) -> pg.Surface | None:
    """The broken image of a light in water below (x, y), to be added at (x - 13, y); None if little water is there."""
    shape = np.zeros((26, 54), bool)
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


def fog_bank(width: int, height: int, colour: Colour) -> pg.Surface:
    """Drifting fog to be added; repeats seamlessly."""
    value = np.clip((noise.fbm(width, height, 80, 4, 33, tile=True) - 0.46) * 3.2, 0, 1)
    return surface((value[..., None] * np.array(colour)).astype(np.uint8)).convert()
