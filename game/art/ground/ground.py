"""The ground of a map, painted in pieces: what a frame shows at once, the rest in idle moments.

It is one surface of one byte a pixel (see ground_colours.py), 3.5 MB for the whole realm. A blit is cheap, and water
flows by palette. Drawing has its own noise, seeded by the map's seed, and touches no random stream of the world.
"""

import time
from collections.abc import Iterable, Iterator

import numpy as np
import pygame as pg

from game.art.ground import floors, ground_colours, litter, open_ground, shore
from game.art.ground.ground_patch import MARGIN, Fields, GroundPatch
from game.art.pixels.noise import Field
from game.realm.land import Map
from game.realm.terrain import ROAD_HALF_WIDTH, TILE

PATH_HALF_WIDTH = 9  # px
CHUNK = 192  # px: a piece takes about 12 ms, in six steps
Mask = tuple[int, int, np.ndarray]  # left, top (px of the world) and a bool array: where something throws its shade


class Ground:
    """The ground of a map. Needs an open display.

    picture: the whole of it, 8 bits deep; water: (w, h) bool, where there is water (True only where painted).
    shades: shadows on land; mirrored: silhouettes that darken water.
    """

    def __init__(self, land: Map, shades: Iterable[Mask] = (), mirrored: Iterable[Mask] = ()) -> None:
        self.land = land
        self.size = (land.width * TILE, land.height * TILE)
        self.picture = pg.Surface(self.size, 0, 8)
        self.picture.set_palette(ground_colours.colours(0, False, False))
        self.picture.fill(ground_colours.DARK)
        self.water = np.zeros(self.size, bool)
        self._fields = Fields(*(Field(*self.size, scale, octaves, land.seed + seed) for scale, octaves, seed in FIELDS))
        self._tiles = np.frombuffer(land.ground, np.uint8).reshape(land.height, land.width).T
        self._scatter = litter.Scatter(self.size, land.seed + 5)
        self._paths = open_ground.paths(land)
        self._shore = shore.shore(land)
        self._decks = open_ground.decks(self._tiles)
        self._shades, self._mirrored = _by_chunk(shades, self.size), _by_chunk(mirrored, self.size)
        self._glints: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
        columns, rows = -(-self.size[0] // CHUNK), -(-self.size[1] // CHUNK)
        self._left = {(column, row) for column in range(columns) for row in range(rows)}
        self._work: tuple[tuple[int, int], Iterator[None]] | None = None
        self._centre = (0, 0)
        self._shown: tuple[int, bool, bool] = (0, False, False)

    def need(self, area: pg.Rect) -> None:
        """Paints what is missing of an area (px of the world), at once."""
        self._centre = (area.centerx // CHUNK, area.centery // CHUNK)
        for chunk in _chunks(area, self.size):
            if chunk in self._left:
                if self._work is not None and self._work[0] == chunk:
                    self._finish()
                else:
                    for _ in self._paint(chunk):
                        pass

    def _finish(self) -> None:
        if self._work is not None:
            for _ in self._work[1]:
                pass
            self._work = None

    def painted(self, area: pg.Rect) -> bool:
        """True if all of an area (px of the world) is there to be looked at."""
        return self._left.isdisjoint(_chunks(area, self.size))

    def advance(self, budget: float) -> bool:
        """Paints more for about `budget` s, the nearest pieces first. False when everything is painted."""
        until = time.perf_counter() + budget
        while self._left and time.perf_counter() < until:
            if self._work is None:
                column, row = self._centre
                nearest = min(self._left, key=lambda at: ((at[0] - column) ** 2 + (at[1] - row) ** 2, at))
                self._work = nearest, self._paint(nearest)
            if next(self._work[1], 0) == 0:
                self._work = None
        return bool(self._left)

    def wet(self, x: int, y: int) -> bool:
        """True if a point (px of the world) lies in water that has been painted."""
        return 0 <= x < self.size[0] and 0 <= y < self.size[1] and bool(self.water[x, y])

    def tint(self, seconds: float, wet: bool, flood: bool) -> None:
        """Sets the palette: the water's phase, rain, flood."""
        entry = (int(seconds * ground_colours.SHIFTS) % ground_colours.LOOP, wet, flood)
        if entry != self._shown:
            self._shown = entry
            self.picture.set_palette(ground_colours.colours(*entry))

    def glints(self, area: pg.Rect) -> Iterator[tuple[int, int, int]]:
        """Points on the water of an area at which light may glint: x, y and a number of their own."""
        for chunk in _chunks(area, self.size):
            yield from self._glints.get(chunk, ())

    def _paint(self, chunk: tuple[int, int]) -> Iterator[None]:
        """Paints a piece, with a stop after each step. A margin is painted with it, so that pieces meet."""
        left, top = chunk[0] * CHUNK, chunk[1] * CHUNK
        width, height = min(CHUNK, self.size[0] - left), min(CHUNK, self.size[1] - top)
        if not floors.inside(self._tiles, left, top, width, height):
            patch = GroundPatch(left - MARGIN, top - MARGIN, width + 2 * MARGIN, height + 2 * MARGIN, self._tiles)
            patch.read(self._fields)
            yield
            open_ground.meadow(patch)
            yield
            open_ground.built(patch)
            yield
            open_ground.roads(patch, self.land.roads, ROAD_HALF_WIDTH)
            open_ground.roads(patch, self._paths, PATH_HALF_WIDTH)
            yield
            open_ground.river(patch, self.land, self._shore)
            yield
            self._scatter.on(patch)
            for deck in self._decks:
                open_ground.bridge(patch, deck)
            steps, water = patch.inner()
            self._wet(chunk, left, top, water)
            self._shade(chunk, left, top, steps, water)
        else:
            steps = floors.paint(self.land, left, top, width, height, self._fields)
        if chunk in self._left:
            view = pg.surfarray.pixels2d(self.picture)
            view[left : left + width, top : top + height] = steps
            del view  # unlocks the surface
            self._left.discard(chunk)
        yield

    def _wet(self, chunk: tuple[int, int], left: int, top: int, water: np.ndarray) -> None:
        """Notes where the water is, and picks points to glint at."""
        width, height = water.shape
        self.water[left : left + width, top : top + height] = water
        wet = np.argwhere(water)
        if len(wet):
            rng = np.random.default_rng((self.land.seed, *chunk))
            chosen = wet[rng.choice(len(wet), max(1, len(wet) // 420), replace=False)]
            self._glints[chunk] = [(left + int(x), top + int(y), k) for k, (x, y) in enumerate(chosen)]

    def _shade(self, chunk: tuple[int, int], left: int, top: int, steps: np.ndarray, water: np.ndarray) -> None:
        """Shadows on land, dark mirror images on water: both are the same colours in shade."""
        for masks, where in ((self._shades, ~water), (self._mirrored, water)):
            for x, y, mask in masks.get(chunk, ()):
                x0, y0 = max(x, left), max(y, top)
                x1, y1 = min(x + mask.shape[0], left + steps.shape[0]), min(y + mask.shape[1], top + steps.shape[1])
                if x0 < x1 and y0 < y1:
                    part = (slice(x0 - left, x1 - left), slice(y0 - top, y1 - top))
                    steps[part][mask[x0 - x : x1 - x, y0 - y : y1 - y] & where[part]] |= ground_colours.SHADE


# Scale (px), octaves and seed of the noise that everything here shares: fine, middle, broad, warp, flow.
FIELDS = ((6, 2, 2), (22, 2, 3), (56, 3, 1), (14, 2, 4), (10, 1, 8))


def _chunks(area: pg.Rect, size: tuple[int, int]) -> list[tuple[int, int]]:
    """The pieces that an area touches."""
    area = area.clip((0, 0, *size))
    if not area.width or not area.height:
        return []
    columns = range(area.left // CHUNK, (area.right - 1) // CHUNK + 1)
    return [(column, row) for row in range(area.top // CHUNK, (area.bottom - 1) // CHUNK + 1) for column in columns]


def _by_chunk(masks: Iterable[Mask], size: tuple[int, int]) -> dict[tuple[int, int], list[Mask]]:
    masks_of: dict[tuple[int, int], list[Mask]] = {}
    for left, top, mask in masks:
        for chunk in _chunks(pg.Rect(left, top, *mask.shape), size):
            masks_of.setdefault(chunk, []).append((left, top, mask))
    return masks_of
