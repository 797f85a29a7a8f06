"""The lights of a frame: the light map, halos, and reflections in water."""

import math
from collections.abc import Sequence

import pygame as pg

from game.art import ghosts, light_map
from game.art.frame_state import FrameState, Ghost
from game.art.ground.ground import Ground
from game.art.pixels.drawing import dissolve_level
from game.art.pixels.palette import Colour, darkness, mix, scaled
from game.art.placed_sprites import Lamp

DUSK = 0.3  # of darkness: from here on lamps burn
PLAYER_LIGHT = (70, (130, 140, 180))
DAYLIGHT = ((52, 64, 110), (255, 244, 214))  # what comes in at a window by night and by day
CALM = 0.25  # how fast water, fog and plants move for somebody who wants little motion


class Lighting:
    """The lights of one map, for frames of one size."""

    def __init__(self, size: tuple[int, int], lamps: Sequence[Lamp], ground: Ground) -> None:
        self._size, self._lamps, self._ground = size, lamps, ground
        self._map = light_map.LightMap(*size)
        self._mirrors: dict[object, pg.Surface | None] = {}

    def _near(self, camera: tuple[int, int], margin: int) -> list[tuple[int, Lamp, int, int]]:
        """The lamps near the frame: number, lamp, and where it is in the frame."""
        lamps = []
        for index, lamp in enumerate(self._lamps):
            x, y = lamp.x - camera[0], lamp.y - camera[1]
            if -margin < x < self._size[0] + margin and -margin < y < self._size[1] + margin:
                lamps.append((index, lamp, x, y))
        return lamps

    def shine(
        self,
        frame: pg.Surface,
        state: FrameState,
        camera: tuple[int, int],
        sky: Colour,
        calm: bool,
        spirits: Sequence[tuple[Ghost, Colour]],
        open_air: bool,
    ) -> None:
        """Gathers the light of everything and multiplies the frame with it; sky: as it is here; spirits: their hues."""
        dark = darkness(light_map.ambient(state.hour, state.weather))
        self._map.begin(sky)
        if open_air:
            self._map.clouds(camera, state.seconds * (CALM if calm else 1), state.weather, 1 - dark)
        for index, lamp, x, y in self._near(camera, 110):
            if lamp.daylight:
                outside = scaled(mix(*DAYLIGHT, 1 - dark), 0.55)
                self._map.add(x, y, lamp.radius, outside, light_map.STRENGTHS)
            else:
                flicker = 1.0 if calm else 0.93 + 0.07 * math.sin(state.seconds * 3.1 + index * 1.9)
                self._map.add(
                    x, y, lamp.radius, lamp.colour, light_map.strength((1 if lamp.steady else dark) * flicker)
                )
        x, y = state.player.x - camera[0], state.player.y - 8 - camera[1]
        if not state.hidden:
            self._map.add(x, y, *PLAYER_LIGHT, light_map.strength(dark))
        if state.attend > 0.02:
            breath = 0.8 if calm else 0.75 + 0.25 * math.sin(state.seconds * 2.4)
            self._map.add(x, y, 130, (120, 150, 210), light_map.strength(state.attend * breath))
        for ghost, colour in spirits:
            level = dissolve_level(ghost.belief)
            ghosts.shine(self._map.add, ghost.x - camera[0], ghost.y - camera[1], level, colour)
        self._map.shine(frame, state.attend)

    def glows(self, frame: pg.Surface, camera: tuple[int, int], dark: float, seconds: float) -> None:
        """Halos of lamps, and their images in the water; seconds 0: nothing flickers."""
        for index, lamp, x, y in self._near(camera, 40):
            burns = 1.0 if lamp.steady else dark
            if burns < 0.05 or lamp.daylight:
                continue
            level = light_map.strength(burns * (0.9 + 0.1 * math.sin(seconds * 3.1 + index * 1.9)))
            for radius, share in ((20, 0.5), (7, 0.6)):
                size = radius if lamp.radius > 60 else radius * 2 // 3 + 1
                image = light_map.halo(size, scaled(lamp.colour, share), level)
                half = image.get_width() // 2
                frame.blit(image, (x - half, y - half), special_flags=pg.BLEND_RGB_ADD)
            if dark > DUSK and lamp.foot:
                self.mirror(frame, index, lamp.x, lamp.foot, lamp.colour, camera, seconds)

    def mirror(
        self, frame: pg.Surface, key: object, x: int, y: int, colour: Colour, camera: tuple[int, int], seconds: float
    ) -> None:
        """The broken image of a light in the water below (x, y), if there is water; key: whose it is. It is looked for
        once, when the ground there has been painted."""
        if key not in self._mirrors:
            if not self._ground.painted(pg.Rect(x - 13, y, *light_map.MIRRORED)):
                return
            self._mirrors[key] = light_map.reflection(self._ground.water, x, y, scaled(colour, 0.42))
        image = self._mirrors[key]
        if image is not None:
            sway = int(2 * math.sin(seconds * 3 + x))
            frame.blit(image, (x - 13 + sway - camera[0], y - camera[1]), special_flags=pg.BLEND_RGB_ADD)
