"""Fog, fireflies, petals, leaves and smoke in the air, and glints on the water. All follow the frame's clock."""

import math
from collections.abc import Iterable

import numpy as np
import pygame as pg

from game.art import light_map
from game.art.pixels.drawing import glow
from game.art.pixels.palette import Colour, scaled, tone

MOTES = 54
VEIL = (26, 29, 36)  # what mist adds to everything
THICKNESS = 6  # steps from the thin haze of day to the fog of night
FOG = {"clear": (20, 30, 46), "mist": (58, 65, 74), "rain": (24, 34, 48), "wind": (12, 18, 30)}


class Air:
    """Everything airborne, for frames of one size."""

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)
        rng = np.random.default_rng(3)
        self._motes = rng.uniform((0, 0), (width, height), (MOTES, 2)).tolist()
        self._fog: dict[tuple[str, int], pg.Surface] = {}
        self._spark = glow(4, (50, 60, 26), 1.6)
        self._blue = glow(4, (24, 50, 64), 1.6)
        self._smoke = [glow(4 + step, scaled((40, 42, 58), 1 - step / 7.5), 1.0) for step in range(7)]

    def glints(
        self, frame: pg.Surface, points: Iterable[tuple[int, int, int]], camera: tuple[int, int], seconds: float
    ) -> None:
        """Short bright lines on the water; points: x, y in px of the world, and a number that tells them apart."""
        colour = tone("water", 5)
        for left, top, index in points:
            x, y = left - camera[0], top - camera[1]
            if 0 <= y < self.size[1] and -4 < x < self.size[0] and math.sin(seconds * 2 + index * 1.7 + left) > 0.25:
                frame.fill(colour, (x + int(3 * math.sin(seconds + index)), y, 2 + index % 3, 1))

    def fog(self, frame: pg.Surface, weather: str, dark: float, camera: tuple[int, int], seconds: float) -> None:
        """Fog that drifts over the world, not over the screen; by day (dark 0) it is a haze. Mist veils everything."""
        width, height = self.size
        bank = self._bank(weather, dark)
        left = int(seconds * (22 if weather == "wind" else 9) + camera[0]) % width
        top = camera[1] % height
        for x in (-left, width - left):
            for y in (-top, height - top):
                frame.blit(bank, (x, y), special_flags=pg.BLEND_RGB_ADD)
        if weather == "mist":
            frame.fill(scaled(VEIL, 1 - 0.55 * dark), special_flags=pg.BLEND_RGB_ADD)

    def _bank(self, weather: str, dark: float) -> pg.Surface:
        """The fog of a weather; its thickness follows the hour."""
        step = THICKNESS if weather == "mist" else round(dark * THICKNESS)
        if (weather, step) not in self._fog:
            colour = scaled(FOG.get(weather, FOG["clear"]), 0.3 + 0.7 * step / THICKNESS)
            self._fog[weather, step] = light_map.fog_bank(*self.size, colour)
        return self._fog[weather, step]

    def motes(
        self,
        frame: pg.Surface,
        weather: str,
        dark: float,
        camera: tuple[int, int],
        seconds: float,
        shrine: float = 0.0,
    ) -> None:
        """Fireflies by night, petals by day, leaves in the wind; dark: 0 day .. 1 night; shrine: cherry petals fall."""
        width, height = self.size
        blown, falls = (70, 14) if weather == "wind" else (7, 6)
        for index, (x0, y0) in enumerate(self._motes):
            petal = index < len(self._motes) * shrine * 0.8
            down = falls + (9 if petal else 0) if dark < 0.4 or petal else -2
            x = (x0 + 9 * math.sin(seconds * 0.7 + index) + seconds * blown * (0.6 + index % 5 / 6) - camera[0]) % width
            y = (y0 + 6 * math.cos(seconds * 0.9 + index * 2) + seconds * down - camera[1]) % height
            shine = 0.5 + 0.5 * math.sin(seconds * 2 + index * 1.7)
            if petal or dark < 0.4 or weather == "wind":
                if petal or index % 2 or weather == "wind":
                    colour: Colour = (
                        (246, 190, 214) if petal else ((226, 220, 170), (170, 190, 120), (206, 150, 90))[index % 3]
                    )
                    flat = 2 if shine > 0.5 else 1
                    frame.fill(
                        scaled(colour, 0.5 + 0.5 * (1 - dark)), (int(x), int(y), flat, 2 if petal and flat == 1 else 1)
                    )
                continue
            if weather == "rain":
                continue
            firefly = scaled((190, 220, 90) if index % 3 else (90, 190, 230), shine)
            frame.fill(firefly, (int(x), int(y), 1, 1), special_flags=pg.BLEND_RGB_ADD)
            if shine > 0.6:
                spark = self._spark if index % 3 else self._blue
                frame.blit(spark, (int(x) - 4, int(y) - 4), special_flags=pg.BLEND_RGB_ADD)

    def smoke(self, frame: pg.Surface, x: int, y: int, seconds: float, gust: bool = False) -> None:
        """A thread of smoke that rises from (x, y), px of the frame, and leans in a gust."""
        for index in range(10):
            part = (seconds * 0.2 + index / 10) % 1
            puff = self._smoke[int(part * 6.99)]
            lean = 46 * part * part if gust else 10 * part
            left = x + int(lean + 4 * math.sin(index + seconds + part * 5)) - puff.get_width() // 2
            rise = int((34 if gust else 52) * part)
            frame.blit(puff, (left, y - rise - puff.get_height() // 2), special_flags=pg.BLEND_RGB_ADD)
