"""What moves in the air and on the water: glints, fog, fireflies, petals, smoke, rain. All from its own clock."""

import math

import numpy as np
import pygame as pg

from game.play import light
from game.play.palette import Colour, scaled, tone
from game.play.pixels import empty, glow

MOTES = 54
DROPS = 150
FOG = {"clear": (20, 30, 46), "mist": (64, 74, 88), "rain": (24, 34, 48), "wind": (12, 18, 30)}


class Air:
    """Everything airborne, for frames of one size."""

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)
        rng = np.random.default_rng(3)
        self._motes = rng.uniform((0, 0), (width, height), (MOTES, 2)).tolist()
        self._drops = rng.uniform((0, 0, 0.8), (width, height, 1.25), (DROPS, 3)).tolist()
        self._fog = {weather: light.fog_bank(width, height, colour) for weather, colour in FOG.items()}
        self._spark = glow(4, (50, 60, 26), 1.6)
        self._blue = glow(4, (24, 50, 64), 1.6)
        self._streak = empty(3, 9)
        pg.draw.line(self._streak, (112, 132, 176), (2, 0), (0, 8))
        self._smoke = [glow(4 + step, scaled((40, 42, 58), 1 - step / 7.5), 1.0) for step in range(7)]

    def glints(self, frame: pg.Surface, points: np.ndarray, camera: tuple[int, int], seconds: float) -> None:
        """Short bright lines on the water; points are px of the world, sorted by x."""
        left, right = np.searchsorted(points[:, 0], (camera[0] - 4, camera[0] + self.size[0]))
        colour = tone("water", 5)
        for index in range(int(left), int(right)):
            x, y = int(points[index, 0]) - camera[0], int(points[index, 1]) - camera[1]
            if 0 <= y < self.size[1] and math.sin(seconds * 2 + index * 1.7) > 0.25:
                frame.fill(colour, (x + int(3 * math.sin(seconds + index)), y, 2 + index % 3, 1))

    def fog(self, frame: pg.Surface, weather: str, camera: tuple[int, int], seconds: float) -> None:
        """Fog that drifts over the world, not over the screen."""
        width, height = self.size
        bank = self._fog.get(weather, self._fog["clear"])
        left = int(seconds * (22 if weather == "wind" else 9) + camera[0]) % width
        top = camera[1] % height
        for x in (-left, width - left):
            for y in (-top, height - top):
                frame.blit(bank, (x, y), special_flags=pg.BLEND_RGB_ADD)

    def motes(self, frame: pg.Surface, weather: str, dark: float, camera: tuple[int, int], seconds: float) -> None:
        """Fireflies by night, petals by day, leaves in the wind; dark: 0 day .. 1 night."""
        width, height = self.size
        blown = 70 if weather == "wind" else 7
        for index, (x0, y0) in enumerate(self._motes):
            x = (x0 + 9 * math.sin(seconds * 0.7 + index) + seconds * blown * (0.6 + index % 5 / 6) - camera[0]) % width
            y = (
                y0 + 6 * math.cos(seconds * 0.9 + index * 2) + seconds * (6 if dark < 0.4 else -2) - camera[1]
            ) % height
            shine = 0.5 + 0.5 * math.sin(seconds * 2 + index * 1.7)
            if dark < 0.4 or weather == "wind":
                petal: Colour = ((236, 196, 208), (226, 220, 170), (170, 190, 120))[index % 3]
                if index % 2 or weather == "wind":
                    frame.fill(scaled(petal, 0.55 + 0.45 * (1 - dark)), (int(x), int(y), 2 if shine > 0.5 else 1, 1))
                continue
            firefly = scaled((190, 220, 90) if index % 3 else (90, 190, 230), shine)
            frame.fill(firefly, (int(x), int(y), 1, 1), special_flags=pg.BLEND_RGB_ADD)
            if shine > 0.6:
                spark = self._spark if index % 3 else self._blue
                frame.blit(spark, (int(x) - 4, int(y) - 4), special_flags=pg.BLEND_RGB_ADD)

    def smoke(self, frame: pg.Surface, x: int, y: int, seconds: float) -> None:
        """A thread of smoke that rises from (x, y), px of the frame."""
        for index in range(8):
            part = (seconds * 0.22 + index / 8) % 1
            puff = self._smoke[int(part * 6.99)]
            left = x + int(10 * part + 4 * math.sin(index + seconds + part * 5)) - puff.get_width() // 2
            frame.blit(puff, (left, y - int(46 * part) - puff.get_height() // 2), special_flags=pg.BLEND_RGB_ADD)

    def rain(self, frame: pg.Surface, camera: tuple[int, int], seconds: float) -> None:
        """Slanting streaks, and rings where some of them end."""
        width, height = self.size
        streaks = []
        for index, (x0, y0, speed) in enumerate(self._drops):
            fallen = y0 + seconds * 420 * speed - camera[1]
            x, y = int(x0 - fallen * 0.18 - camera[0] * 1.0) % width, int(fallen) % height
            streaks.append((self._streak, (x - 2, y)))
            if index % 3 == 0:
                ring = (seconds * 3 + index * 0.37) % 1
                where = (int(x0 * 7 + index * 31 - camera[0]) % width, int(y0 * 3 + index * 17 - camera[1]) % height)
                reach = 1 + int(3 * ring)
                frame.fill((96, 116, 160), (where[0] - reach, where[1], 1, 1))
                frame.fill((96, 116, 160), (where[0] + reach, where[1], 1, 1))
        frame.fblits(streaks)
