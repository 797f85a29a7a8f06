"""Visible weather: slanting rain with splashes and rings on the water, gusts, shafts of sun, birds by day."""

import math

import numpy as np
import pygame as pg

from game.art.pixels.drawing import empty, surface
from game.art.pixels.palette import scaled

DROPS = 170
SPLASHES = 90
GUSTS = 16
FLOCK = 5
RAIN = (118, 138, 182)


class Weather:
    """For frames of one size."""

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)
        rng = np.random.default_rng(31)
        self._drops = rng.uniform((0, 0, 0.8), (width, height, 1.25), (DROPS, 3)).tolist()
        self._splashes = rng.uniform((0, 0, 0), (width, height, 1), (SPLASHES, 3)).tolist()
        self._gusts = rng.uniform((0, 0, 0.7), (width + 160, height, 1.3), (GUSTS, 3)).tolist()
        self._streaks = [_streak(length) for length in (7, 9, 12)]
        self._rings = [_ring(2 + step * 2) for step in range(4)]
        self._crowns = [_crown(step) for step in range(3)]
        self._beams = [_beam(wide) for wide in (26, 40, 58)]

    def on_ground(
        self, frame: pg.Surface, weather: str, water: np.ndarray, camera: tuple[int, int], seconds: float, calm: bool
    ) -> None:
        """Where drops end: rings on water, small crowns on land; water: (w, h) bool of the whole map."""
        if weather != "rain":
            return
        width, height = self.size
        drawn = []
        for x0, y0, phase in self._splashes[:: 3 if calm else 1]:
            beat = seconds * 1.6 + phase
            turn, part = int(beat), beat % 1
            x = int(x0 + turn * 197 - camera[0]) % width
            y = int(y0 + turn * 131 - camera[1]) % height
            at = (x + camera[0], y + camera[1])
            if 0 <= at[0] < water.shape[0] and 0 <= at[1] < water.shape[1] and water[at]:
                image = self._rings[int(part * 3.99)]
                drawn.append((image, (x - image.get_width() // 2, y - image.get_height() // 2)))
            elif part < 0.36:
                drawn.append((self._crowns[int(part / 0.121)], (x - 3, y - 3)))
        frame.fblits(drawn)

    def in_air(
        self, frame: pg.Surface, weather: str, hour: float, camera: tuple[int, int], seconds: float, calm: bool
    ) -> None:
        """Rain, gusts and birds, in front of everything else."""
        if weather == "rain":
            self._rain(frame, camera, seconds, calm)
        elif weather == "wind":
            self._wind(frame, camera, seconds * (0.4 if calm else 1))
        if weather in ("clear", "wind") and 6 < hour < 18.5:
            self._birds(frame, seconds)

    def _rain(self, frame: pg.Surface, camera: tuple[int, int], seconds: float, calm: bool) -> None:
        width, height = self.size
        drawn = []
        for index, (x0, y0, speed) in enumerate(self._drops[:: 3 if calm else 1]):
            fallen = y0 + seconds * (180 if calm else 420) * speed - camera[1]
            x, y = int(x0 - fallen * 0.18 - camera[0]) % width, int(fallen) % height
            drawn.append((self._streaks[index % 3], (x - 2, y)))
        frame.fblits(drawn)

    def _wind(self, frame: pg.Surface, camera: tuple[int, int], seconds: float) -> None:
        """Pale lines that a gust draws, curling at their end."""
        width, height = self.size
        for index, (x0, y0, speed) in enumerate(self._gusts):
            x = (x0 + seconds * 210 * speed - camera[0]) % (width + 160) - 80
            y = (y0 - camera[1]) % height
            part = (seconds * 0.5 * speed + index * 0.37) % 1
            shade = scaled((70, 76, 88), math.sin(math.pi * part))
            for step in range(18):
                rise = 4 * math.sin(step * 0.23 + seconds + index) - (max(0, step - 12) ** 1.6)
                spot = (int(x + step * 3 - max(0, step - 12) * 1.6), int(y + rise), 3, 1)
                frame.fill(shade, spot, special_flags=pg.BLEND_RGB_ADD)

    def _birds(self, frame: pg.Surface, seconds: float) -> None:
        """A small flock far above, now and then."""
        part = (seconds / 47) % 1
        if part > 0.4:
            return
        x, y = part / 0.4 * (self.size[0] + 200) - 100, 90 + 60 * math.sin(int(seconds / 47) * 2.3)
        for bird in range(FLOCK):
            bx = int(x - abs(bird - 2) * 15 + 3 * math.sin(seconds + bird))
            by = int(y + (bird - 2) * 10 + 3 * math.cos(seconds * 0.8 + bird))
            up = math.sin(seconds * 9 + bird * 1.3) > 0
            for side in (-1, 1):
                frame.fill((40, 42, 58), (bx + side * 2 - (side < 0), by - (1 if up else 0), 2, 1))
                frame.fill((40, 42, 58), (bx + side * 4 - (side < 0), by - (2 if up else -1), 2, 1))
            frame.fill((26, 28, 44), (bx - 1, by, 3, 1))

    def shafts(
        self, frame: pg.Surface, forest: float, hour: float, weather: str, camera: tuple[int, int], seconds: float
    ) -> None:
        """Sun that falls slantwise through the canopy; forest: 0..1, how much one is among trees."""
        sun = max(0.0, 1 - abs(hour - 9) / 4) + max(0.0, 1 - abs(hour - 16.5) / 2.5)
        strength = forest * min(1.0, sun) * (1.0 if weather == "clear" else 0.4)
        if strength < 0.06:
            return
        for index in range(7):
            drift = 0.5 + 0.5 * math.sin(seconds * 0.23 + index * 2.1)
            beam = self._beams[index % 3]
            beam.set_alpha(int(255 * strength * drift))
            x = (index * 131 - int(camera[0] * 0.8)) % (self.size[0] + 260) - 200
            frame.blit(beam, (x, -30))


def _streak(length: int) -> pg.Surface:
    image = empty(4, length)
    pg.draw.line(image, (*RAIN, 200), (3, 0), (0, length - 1))
    return image


def _ring(reach: int) -> pg.Surface:
    """A ring on water, flat as one sees it from above and afar."""
    image = empty(2 * reach + 2, reach + 3)
    pg.draw.ellipse(image, (150, 184, 220, 190 - 18 * reach), image.get_rect(), 1)
    return image


def _crown(step: int) -> pg.Surface:
    """A drop that bursts on the ground."""
    image = empty(7, 4)
    for x, y in (((3, 2),), ((2, 2), (4, 2), (3, 1)), ((1, 1), (5, 1), (3, 3)))[step]:
        image.set_at((x, y), (*scaled(RAIN, 1.15), 210 - 50 * step))
    return image


def _beam(wide: int) -> pg.Surface:
    """A slanting shaft of light that fades towards the ground, with alpha."""
    width, height = 260, 380
    across, down = np.arange(width)[:, None], np.arange(height)[None]
    away = np.abs(across - 20 - down * 0.5) / (wide * (0.5 + 0.5 * down / height))
    value = np.clip(1 - away, 0, 1) ** 1.4 * np.clip(1 - down / height, 0, 1) ** 0.8
    colours = np.empty((width, height, 3), np.uint8)
    colours[:] = (255, 240, 190)
    return surface(colours, (value * 88).astype(np.uint8))
