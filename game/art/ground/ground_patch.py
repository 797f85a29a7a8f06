"""A piece of ground while it is painted: entries of the colour table and noise fields, all (w, h), with a margin."""

from dataclasses import dataclass

import numpy as np

from game.art.ground.ground_colours import FIRST
from game.art.pixels import noise
from game.art.pixels.palette import RAMPS
from game.realm.terrain import TILE

MARGIN = 8  # px painted around a piece, so that what lies across an edge comes out alike on both sides
HALF = np.float32(0.5)


@dataclass(frozen=True)
class Fields:
    """The noise of a map, as fields to read windows from."""

    fine: noise.Field
    middle: noise.Field
    broad: noise.Field
    warp: noise.Field
    flow: noise.Field


class GroundPatch:
    """One piece. left, top: px of the world, multiples of four, so that the dither meets too."""

    def __init__(self, left: int, top: int, width: int, height: int, tiles: np.ndarray) -> None:
        self.left, self.top, self.size = left, top, (width, height)
        self.steps = np.zeros(self.size, np.uint8)
        self.water = np.zeros(self.size, bool)
        # the tiles of the piece and two more on each side; what lies beyond the map repeats its edge
        columns = np.clip(np.arange(left // TILE - 2, (left + width) // TILE + 3), 0, tiles.shape[0] - 1)
        rows = np.clip(np.arange(top // TILE - 2, (top + height) // TILE + 3), 0, tiles.shape[1] - 1)
        self.tiles = tiles[columns][:, rows]
        self._offset = (left - (left // TILE - 2) * TILE, top - (top // TILE - 2) * TILE)

    def read(self, fields: Fields) -> None:
        """Reads the noise of the piece."""
        where = (self.left, self.top, *self.size)
        self.fine, self.middle = fields.fine.window(*where), fields.middle.window(*where)
        self.broad, self.flow = fields.broad.window(*where), fields.flow.window(*where)
        self.warp = fields.warp.window(*where) - HALF
        self.value = 0.52 + 0.75 * (self.broad - HALF) + 0.38 * (self.fine - HALF) + 0.25 * (self.middle - HALF)

    def soft(self, *kinds: int) -> np.ndarray | None:
        """How much (0..1, smooth) each pixel lies on tiles of these kinds; None where there are none."""
        mask = np.isin(self.tiles, kinds)
        return self._crop(noise.enlarge(mask, TILE)) if mask.any() else None

    def hard(self, kind: int) -> np.ndarray | None:
        """Which pixels lie on tiles of a kind; None where there are none."""
        mask = self.tiles == kind
        return self._crop(mask.repeat(TILE, 0).repeat(TILE, 1)) if mask.any() else None

    def _crop(self, whole: np.ndarray) -> np.ndarray:
        x, y = self._offset
        return whole[x : x + self.size[0], y : y + self.size[1]]

    def across(self) -> np.ndarray:
        """(w, 1) int32: x in px of the world."""
        return np.arange(self.left, self.left + self.size[0], dtype=np.int32)[:, None]

    def down(self) -> np.ndarray:
        """(1, h) int32: y in px of the world."""
        return np.arange(self.top, self.top + self.size[1], dtype=np.int32)[None]

    def lay(self, where: np.ndarray, name: str, value: np.ndarray, grain: float = 0.55) -> None:
        """Paints a ramp where the mask holds; value 0..1 from its shadow to its light."""
        if where.any():
            ramp = noise.dither(value, len(RAMPS[name]), grain)
            ramp += np.uint8(FIRST[name])
            np.copyto(self.steps, ramp, where=where)

    def edge(self, where: np.ndarray, name: str, step: int) -> None:
        """Paints one flat step of a ramp where the mask holds."""
        self.steps[where] = FIRST[name] + step

    def inner(self) -> tuple[np.ndarray, np.ndarray]:
        """Entries and water without the margin."""
        inner = slice(MARGIN, -MARGIN)
        return self.steps[inner, inner], self.water[inner, inner]
