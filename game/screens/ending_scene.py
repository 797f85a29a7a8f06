"""The stairs to the shrine at the end of a journey. The lanterns go out; what is believed is the only light.

Six guests climb. How clear each is, and how high it comes, is what the mind believes of it, and nothing else.
"""

from collections.abc import Mapping

import pygame as pg

from game.art.frame_state import Body, FrameState, Ghost
from game.art.painter import SIZE, Painter
from game.art.pixels.drawing import glow
from game.art.pixels.palette import scaled
from game.realm.land import Map
from game.realm.terrain import TILE, Ground

OUT = 3.0  # s until the last lantern is out
CLIMB = 9.0  # s that a guest takes for all of the stairs
APART = 1.6  # s from guest to guest
FAN = 34  # px from guest to guest at the top
FAINTEST = 0.05  # beliefs below this climb unseen
HOUR = 21.0
NIGHT = (36, 36, 66)  # what is left of the light once the lanterns are out
NOBODYS = 10_000  # numbers of the guests' places, beyond those of any map


def stairs(land: Map) -> tuple[int, int, int]:
    """(x, y of the top, y of the foot) of the way up to the shrine, px of the world."""
    steps = [index for index, ground in enumerate(land.ground) if ground == Ground.STAIRS]
    if not steps:  # a realm by hand may have none
        x, y = land.shrine
        return x, y, y + 12 * TILE
    columns = [index % land.width for index in steps]
    x = (min(columns) + max(columns) + 1) * TILE // 2
    return x, steps[0] // land.width * TILE, (steps[-1] // land.width + 1) * TILE


class Stairs:
    """Paints the scene for any beliefs (species -> 0..1). calm, safe: as for the painter."""

    def __init__(self, painter: Painter, calm: bool, safe: bool) -> None:
        self._painter, self._calm, self._safe = painter, calm, safe
        self._x, self._top, self._foot = stairs(painter.land)
        self._glows = {name: glow(70, spirit.light, 1.5) for name, spirit in painter.spirits.items()}
        self._lights = pg.Surface(SIZE).convert()

    def guests(self, beliefs: Mapping[str, float], seconds: float) -> list[Ghost]:
        """Where each guest is, `seconds` after the first set out."""
        climbing = []
        for number, (species, belief) in enumerate(beliefs.items()):
            gone = min(1.0, max(0.0, (seconds - APART * number) / CLIMB))
            high = gone * (2 - gone) * belief  # it comes as high as it is believed
            beside, above = (14 if number % 2 else -14), FAN * (number - (len(beliefs) - 1) / 2)
            x = self._x + round(beside + (above - beside) * high**3)  # they climb close together, and stand in a row
            y = self._foot - round(high * (self._foot - self._top)) + 7 * (number % 2)
            climbing.append(Ghost(NOBODYS + number, x, y, species, belief))
        return climbing

    def paint(self, frame: pg.Surface, beliefs: Mapping[str, float], seconds: float) -> None:
        """One frame, `seconds` after the lanterns began to go out."""
        middle = self._x, (self._top + self._foot) // 2 + 12
        listeners = (Body("seer", self._x - 44, self._top - 6, "s", False),)
        player = Body("player", self._x + 44, self._top - 6, "s", False)
        state = FrameState(HOUR, "clear", seconds, player, listeners, view=middle)
        camera = self._painter.paint(frame, state, self._calm, self._safe)
        gone = min(1.0, seconds / OUT)
        shade = tuple(round(255 + (value - 255) * gone) for value in NIGHT)
        self._lights.fill(shade)
        guests = [g for g in self.guests(beliefs, seconds - OUT) if g.belief >= FAINTEST] if seconds > OUT else []
        for guest in guests:
            light = self._glows.get(guest.species)
            if light is not None:
                spot = guest.x - camera[0] - light.get_width() // 2, guest.y - camera[1] - 18 - light.get_height() // 2
                self._lights.blit(_faint(light, guest.belief), spot, special_flags=pg.BLEND_RGB_ADD)
        frame.blit(self._lights, (0, 0), special_flags=pg.BLEND_RGB_MULT)
        for guest in sorted(guests, key=lambda guest: guest.y):
            self._painter.ghost(frame, guest, camera, seconds, self._safe)


def _faint(light: pg.Surface, part: float) -> pg.Surface:
    """A light as strong as a belief."""
    if part >= 0.99:
        return light
    image = light.copy()
    image.fill(scaled((255, 255, 255), part), special_flags=pg.BLEND_RGB_MULT)
    return image
