"""The sprites that stand on a map, and its lights: landmarks, decor, undergrowth, lamps, chimneys, windows of rooms."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pygame as pg

from game.art.buildings import BUILDINGS
from game.art.ground import undergrowth
from game.art.ground.ground import Mask
from game.art.pixels.drawing import BENDS, swayed
from game.art.pixels.palette import Colour
from game.realm.land import Decor, Map, Place
from game.realm.terrain import TILE

Light = tuple[int, int, int, Colour]  # dx, dy from the foot, radius (px), colour at full night
WARM, FAINT = (255, 176, 92), (255, 186, 110)
LAMPS: dict[str, tuple[Light, ...]] = {
    "lantern": ((0, -10, 74, WARM),),
    "toro": ((0, -17, 66, WARM),),
    "altar": ((-11, -14, 40, FAINT), (11, -14, 40, FAINT)),
    "bridge": ((-20, 8, 44, WARM), (20, 8, 44, WARM)),
    "bell": ((0, -8, 30, (120, 96, 60)),),
    "torii": ((0, -30, 46, (150, 84, 60)),),
    "hearth": ((0, -8, 104, (255, 150, 66)),),
    "candle": ((0, -16, 60, (255, 190, 110)),),
    "kettle": ((0, -6, 44, (255, 140, 60)),),
    "screen": ((0, -14, 34, (120, 100, 70)),),
    "mirror": ((0, -14, 26, (90, 110, 140)),),
}
STRIP = 128  # px
WAVES = 64  # steps of the wind's wave
WINDOW = (46, (255, 170, 80))
ALWAYS = ("hearth", "candle", "kettle", "altar")  # indoors these burn by day too
SWAY = {"tree": 1, "sakura": 1, "pine": 1, "bamboo": 2, "willow": 2, "reeds": 1, "cattail": 1, "oak": 1, "bush": 1}
TALL = ("tree", "pine", "sakura", "bamboo", "house", "inn", "mill", "hut", "hall", "kura", "arch")
FLAT = ("lily", "petals", "litter")  # lies on the ground: no shadow


@dataclass(frozen=True)
class Standing:
    """A thing that stays: its foot, its picture, how it looks when lamps burn, and bent by the wind."""

    y: int
    x: int
    picture: pg.Surface
    lit: pg.Surface
    bent: tuple[pg.Surface, ...]
    tall: bool
    living: bool  # undergrowth: it hides nobody
    phase: int  # when a gust reaches it, 0..WAVES-1

    def hides(self, x: int, y: int) -> bool:
        """Whether somebody who stands at (x, y) stands behind it."""
        wide, high = self.picture.get_size()
        return 2 < self.y - y < high - 6 and abs(self.x - x) < wide // 2


@dataclass(frozen=True)
class Lamp:
    """A light that stays. steady: it burns by day too; daylight: a window of a room, the sky's light comes in."""

    x: int
    y: int
    radius: int
    colour: Colour
    foot: int
    steady: bool = False
    daylight: bool = False


class PlacedSprites:
    """Everything that stands on a map, far things first, and everything that shines."""

    def __init__(self, land: Map, things: dict[str, list[pg.Surface]]) -> None:
        self._things = things
        self._bent: dict[int, tuple[pg.Surface, ...]] = {}
        self.things = sorted(self._all(land), key=lambda thing: (thing.y, thing.x))
        self._strips = _strips(self.things)
        self._solid = _strips([thing for thing in self.things if not thing.living])
        self.lamps, self.chimneys = _lights(land)

    def near(self, left: int, right: int, top: int, bottom: int, solid: bool = False) -> list[Standing]:
        """Things whose feet lie in left < x < right, top <= y <= bottom; solid: without the undergrowth."""
        standing = []
        strips = self._solid if solid else self._strips
        for number in range(left // STRIP, right // STRIP + 1):
            things, feet = strips.get(number, ((), ()))
            part = things[bisect_left(feet, top) : bisect_right(feet, bottom)]
            standing += [thing for thing in part if left < thing.x < right]
        return standing

    def picture(self, kind: str, variant: int = 0, lit: bool = False) -> pg.Surface:
        """The picture of a kind of thing. A kind without a picture looks like a boulder."""
        pictures = (self._things.get(f"{kind}-lit") if lit else None) or self._things.get(kind)
        pictures = pictures or self._things["boulder"]
        return pictures[variant % len(pictures)]

    def _stand(self, kind: str, x: int, y: int, variant: int, living: bool = False) -> Standing:
        picture = self.picture(kind, variant)
        lit = self.picture(kind, variant, True)
        reach = SWAY.get(kind, 1 if living and kind not in FLAT else 0)
        if id(picture) not in self._bent:
            self._bent[id(picture)] = swayed(picture, reach) if reach else ()
        tall = kind in TALL or picture.get_height() > 44
        phase = (3 * x + 2 * y) // 8 % WAVES
        return Standing(y, x, picture, lit, self._bent[id(picture)], tall and not living, living, phase)

    def _all(self, land: Map) -> Iterator[Standing]:
        for thing in land.decor:
            yield self._stand(thing.kind, thing.x, thing.y, thing.variant % 4)
        for place in land.places:
            # a bridge's posts stand at the near end of its deck
            y = place.y if place.kind != "bridge" else place.y + land.river_half_width + 4
            yield self._stand(place.kind, place.x, y, 4 if place.kind == "pine" else 0)
        for kind, x, y, variant in undergrowth.grow(land):
            yield self._stand(kind, x, y, variant, True)

    def shades(self) -> Iterator[Mask]:
        """The shadow of each thing on the ground."""
        outlines: dict[int, np.ndarray] = {}
        for thing in self.things:
            width = thing.picture.get_width()
            if thing.living and thing.picture.get_height() < 9:
                continue
            wide, high = max(6, int(width * 0.8)), max(4, int(width * (0.14 if thing.living else 0.24)))
            if wide not in outlines:
                across = (np.arange(wide)[:, None] + 0.5) / wide * 2 - 1
                outlines[wide] = across**2 + ((np.arange(high)[None] + 0.5) / high * 2 - 1) ** 2 < 1
            mask = outlines[wide]
            yield thing.x - wide // 2 + 3, thing.y - mask.shape[1] + 4, mask

    def mirrored(self) -> Iterator[Mask]:
        """The upside-down silhouette of each tall thing, for water below it."""
        outlines: dict[int, np.ndarray] = {}
        for thing in self.things:
            if thing.living and thing.picture.get_height() < 14:
                continue
            key = id(thing.picture)
            if key not in outlines:
                solid = pg.surfarray.array_alpha(thing.picture)[:, ::-1] > 0
                ripple = (np.arange(solid.shape[1]) // 2 % 4 != 3) | (np.arange(solid.shape[1]) < 10)
                outlines[key] = solid & ripple[None]
            yield thing.x - outlines[key].shape[0] // 2, thing.y + 1, outlines[key]


def _strips(things: list[Standing]) -> dict[int, tuple[list[Standing], list[int]]]:
    """Things by strips of the map from top to bottom, and the y of their feet."""
    strips: dict[int, tuple[list[Standing], list[int]]] = {}
    for thing in things:
        strip = strips.setdefault(thing.x // STRIP, ([], []))
        strip[0].append(thing)
        strip[1].append(thing.y)
    return strips


def _lights(land: Map) -> tuple[list[Lamp], list[tuple[int, int]]]:
    """Lamps of landmarks, decor and windows, and where chimneys smoke."""
    lamps, chimneys = [], []
    shining: list[Place | Decor] = [*land.places, *land.decor]
    for thing in shining:
        indoors = isinstance(thing, Place) and thing.room >= 0
        for dx, dy, radius, colour in LAMPS.get(thing.kind, ()):
            low = land.river_half_width - 26 if thing.kind == "bridge" else 0
            steady = indoors and thing.kind in ALWAYS
            lamps.append(Lamp(thing.x + dx, thing.y + dy + low, radius, colour, thing.y + 6, steady))
    for index, house in enumerate(land.decor):
        plan = BUILDINGS.get(house.kind)
        if plan is not None:
            left, top = house.x - plan.size[0] // 2, house.y - plan.size[1]
            lamps += [Lamp(left + x, top + y + 3, *WINDOW, house.y) for x, y in plan.windows]
            if plan.chimney and (house.kind != "house" or index % 2 == 0):
                chimneys.append((left + plan.chimney[0], top + plan.chimney[1]))
    for room in land.rooms:
        for column in range(room.left + 2, room.left + room.width - 2, 4):
            lamps.append(Lamp(column * TILE + 8, room.top * TILE + 46, 52, (255, 255, 255), 0, True, True))
    return lamps, chimneys


def wave_of(seconds: float, gust: bool) -> list[int]:
    """Which bent picture plants of each phase show; gusts run over the land from the left."""
    middle, whole = BENDS // 2, math.tau / WAVES
    if gust:
        return [
            min(BENDS - 1, max(0, middle + 1 + round(1.3 * math.sin(seconds * 2.6 - step * whole))))
            for step in range(WAVES)
        ]
    return [middle + round(0.75 * math.sin(seconds * 0.9 - step * whole)) for step in range(WAVES)]
