"""The ground of a map, painted once, pixel by pixel: grass, leaves, moss, roads, river, paving, bridges.

Soft areas follow the tiles with noise-warped edges; roads and the river follow their polylines. Everything is kept
as palette steps (one byte a pixel) until the very end: that makes the 1536 x 1024 px bake several times cheaper.
Drawing has its own noise, seeded by the map's seed, and touches no random stream of the world.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pygame as pg

from game.play import noise
from game.play.palette import RAMPS
from game.realm.worldgen import ROAD_HALF_WIDTH, TILE, Ground, Map

NAMES = ("grass", "leaves", "moss", "gravel", "mud", "water", "stone", "bark", "sakura", "gold")
FIRST = {name: int(sum(len(RAMPS[n]) for n in NAMES[:i])) for i, name in enumerate(NAMES)}
PALETTE = np.concatenate([RAMPS[name] for name in NAMES])
COARSE = 4  # px: distances to lines are measured on this grid and enlarged; they are smooth
TUFT = ("..b...b.", ".ab.a.b.", ".aabaab.", "..aaaa..")
FLOWER = (".p.", "pgp", ".a.")
PEBBLE = (".gh.", "ggha", ".aa.")
LEAF = ("h.", "ga")


@dataclass(frozen=True)
class Painted:
    """The finished ground: the picture, where there is water (w, h) bool, and points to glint at (n, 2) sorted by x."""

    picture: pg.Surface
    water: np.ndarray
    glints: np.ndarray


@dataclass
class _Sheet:
    """The bake at work: palette steps and the noise fields, all (w, h)."""

    steps: np.ndarray
    fine: np.ndarray
    middle: np.ndarray
    warp: np.ndarray

    def lay(self, where: np.ndarray, name: str, value: np.ndarray, grain: float = 0.55) -> None:
        """Paints a ramp where the mask holds; value 0..1 from its shadow to its light."""
        ramp = noise.dither(value, len(RAMPS[name]), grain)
        ramp += np.uint8(FIRST[name])
        np.copyto(self.steps, ramp, where=where)

    def edge(self, where: np.ndarray, name: str, step: int) -> None:
        """Paints one flat step of a ramp where the mask holds."""
        self.steps[where] = FIRST[name] + step


def paint(land: Map) -> Painted:
    """Bakes the ground of a map. Needs an open display (the picture is converted to its format)."""
    size = (land.width * TILE, land.height * TILE)
    fine = noise.fbm(*size, 6, 2, land.seed + 2)
    middle = noise.fbm(*size, 22, 2, land.seed + 3)
    broad = noise.fbm(*size, 56, 3, land.seed + 1)
    warp = noise.fbm(*size, 14, 2, land.seed + 4) - np.float32(0.5)
    sheet = _Sheet(np.zeros(size, np.uint8), fine, middle, warp)
    tiles = np.frombuffer(land.ground, np.uint8).reshape(land.height, land.width).T
    value = 0.52 + 0.75 * (broad - 0.5) + 0.38 * (fine - 0.5) + 0.25 * (middle - 0.5)
    sheet.lay(np.ones(size, bool), "grass", value)
    _soft_areas(sheet, tiles, value)
    _roads(sheet, land)
    water = _river(sheet, land, tiles)
    _scatter(sheet, tiles, land.seed)
    _bridges(sheet, tiles)
    rng = np.random.default_rng(land.seed + 9)
    wet = np.argwhere(water[2:-2, 2:-2]) + 2
    chosen = wet[np.sort(rng.choice(len(wet), min(900, len(wet)), replace=False))] if len(wet) else wet
    picture = pg.Surface(size)
    pg.surfarray.blit_array(picture, PALETTE[sheet.steps])
    return Painted(picture.convert(), water, chosen)


def _soft_areas(sheet: _Sheet, tiles: np.ndarray, value: np.ndarray) -> None:
    """Forest floor and paving: tile masks enlarged, their edges warped by noise."""
    for kind, name in ((Ground.LEAVES, "leaves"), (Ground.MOSS, "moss"), (Ground.STONE, "stone")):
        mask = tiles == kind
        if not mask.any():
            continue
        depth = noise.enlarge(mask, TILE) + sheet.warp * np.float32(0.9)
        if kind == Ground.STONE:
            _paving(sheet, depth)
            continue
        depth += (sheet.fine - np.float32(0.5)) * np.float32(1.1)  # the forest floor frays into the grass
        sheet.lay(depth > 0.5, name, value - np.float32(0.04), 0.7)


def _paving(sheet: _Sheet, depth: np.ndarray) -> None:
    """Worn flagstones in moss: rows of slabs bent by noise, each slab of its own grey, joints half grown over."""
    width, height = depth.shape
    bend = (sheet.warp + (sheet.middle - np.float32(0.5)) * np.float32(0.5)) * np.float32(11)
    bend = np.clip(bend, -6, 6).astype(np.int16)
    down = np.arange(height, dtype=np.int16)[None] + bend
    row = down // 10
    across = np.arange(width, dtype=np.int16)[:, None] + bend + row % 2 * 7 + row * 5
    joint = (across % 15 == 0) | (down % 10 == 0)
    slab = ((across // 15).astype(np.int32) * 73 + row.astype(np.int32) * 151) % 97 / np.float32(97)
    value = 0.5 + 0.3 * (slab - 0.5) + 0.5 * (sheet.fine - 0.5) + 0.2 * (sheet.middle - 0.5)
    worn = (depth > 0.5) & (sheet.middle + slab.astype(np.float32) * np.float32(0.25) > 0.46)
    sheet.lay((depth > 0.42) & (depth <= 0.62), "moss", 0.45 + 0.4 * (sheet.fine - 0.5))
    sheet.lay(worn & (depth > 0.5), "stone", value.astype(np.float32), 0.6)
    sheet.edge(worn & joint & (sheet.fine < 0.62), "stone", 1)


def _to_lines(size: tuple[int, int], lines: tuple) -> np.ndarray:
    """Distance in px of every pixel to the nearest of some polylines."""
    across = (np.arange(size[0] // COARSE, dtype=np.float32) + 0.5) * COARSE
    down = (np.arange(size[1] // COARSE, dtype=np.float32) + 0.5) * COARSE
    nearest = np.full((len(across), len(down)), 1e9, np.float32)
    for line in lines:
        for (ax, ay), (bx, by) in pairwise(line):
            left, top = across - np.float32(ax), down - np.float32(ay)
            length = max(1, (bx - ax) ** 2 + (by - ay) ** 2)
            along = np.clip((left[:, None] * (bx - ax) + top[None] * (by - ay)) / np.float32(length), 0, 1)
            gap = (left[:, None] - along * (bx - ax)) ** 2 + (top[None] - along * (by - ay)) ** 2
            np.minimum(nearest, gap, out=nearest)
    return noise.enlarge(np.sqrt(nearest), COARSE)


def _roads(sheet: _Sheet, land: Map) -> None:
    """Beaten earth with a darker rim, and a line of shadowed grass beside it."""
    distance = _to_lines(sheet.steps.shape, land.roads) + sheet.warp * np.float32(16)
    half = ROAD_HALF_WIDTH - 1.5
    value = 0.58 + 0.5 * (sheet.middle - 0.5) + 0.6 * (sheet.fine - 0.5) - 0.02 * np.maximum(distance, 0)
    sheet.edge((distance >= half) & (distance < half + 2.2), "grass", 1)
    sheet.lay(distance < half, "gravel", value, 0.5)
    sheet.lay((distance > half - 2.4) & (distance < half), "gravel", value - np.float32(0.2), 0.5)


def _river(sheet: _Sheet, land: Map, tiles: np.ndarray) -> np.ndarray:
    """The river along its centreline: depth, a lit lip, a muddy bank. Returns where the water is."""
    distance = _to_lines(sheet.steps.shape, (land.river,)) + sheet.warp * np.float32(12)
    half = land.river_half_width - 3.0
    mud = noise.enlarge(tiles == Ground.MUD, TILE) + sheet.warp * np.float32(0.8)
    near = (mud > 0.55) | (distance < half + 5)
    sheet.lay(near & (distance >= half), "mud", 0.46 + 0.5 * (sheet.fine - 0.5) + 0.4 * (sheet.middle - 0.5), 0.6)
    water = distance < half
    width, height = water.shape
    flow = noise.fbm(width, height, 10, 1, land.seed + 8)
    value = 0.62 - 0.42 * (1 - distance / np.float32(half)) + 0.28 * (flow - 0.5)
    sheet.lay(water, "water", value, 0.6)
    sheet.edge((distance >= half) & (distance < half + 1.6), "mud", 0)
    sheet.edge((distance >= half - 1.6) & water, "water", 5)
    return water


def _scatter(sheet: _Sheet, tiles: np.ndarray, seed: int) -> None:
    """Tufts, flowers, pebbles and fallen leaves, only where the ground is of their kind."""
    rng = np.random.default_rng(seed + 5)
    width, height = sheet.steps.shape
    spots = np.stack([rng.integers(4, width - 12, 15000), rng.integers(4, height - 8, 15000)], 1)
    under = sheet.steps[spots[:, 0] + 3, spots[:, 1] + 3]
    luck = rng.random(len(spots))
    grass = (under < FIRST["leaves"]) & (under >= FIRST["grass"])
    moss = (under >= FIRST["moss"]) & (under < FIRST["gravel"])
    leaves = (under >= FIRST["leaves"]) & (under < FIRST["moss"])
    earth = (under >= FIRST["gravel"]) & (under < FIRST["water"])
    step = {name: FIRST[name] for name in NAMES}
    for where, pattern, inks in (
        (grass & (luck < 0.34), TUFT, {"a": step["grass"] + 1, "b": step["grass"] + 5}),
        (moss & (luck < 0.25), TUFT, {"a": step["moss"] + 1, "b": step["moss"] + 5}),
        (grass & (luck > 0.965), FLOWER, {"p": step["sakura"] + 5, "g": step["gold"] + 4, "a": step["grass"] + 1}),
        (grass & (luck > 0.93) & (luck < 0.95), FLOWER,
         {"p": step["gold"] + 4, "g": step["bark"] + 3, "a": step["grass"] + 1}),
        (leaves & (luck < 0.3), LEAF, {"h": step["leaves"] + 5, "g": step["bark"] + 4, "a": step["leaves"]}),
        (leaves & (luck > 0.85), LEAF, {"h": step["gold"] + 2, "g": step["leaves"] + 5, "a": step["leaves"] + 1}),
        ((earth & (luck < 0.06)) | ((grass | moss) & (luck > 0.90) & (luck < 0.915)), PEBBLE,
         {"g": step["stone"] + 3, "h": step["stone"] + 5, "a": step["stone"] + 1}),
    ):  # fmt: skip
        _stamp(sheet.steps, spots[where], pattern, inks, rng)


def _stamp(
    steps: np.ndarray, spots: np.ndarray, pattern: tuple[str, ...], inks: dict[str, int], rng: np.random.Generator
) -> None:
    """Writes a small pattern at every spot, each pixel left out now and then so that no two look alike."""
    for y, row in enumerate(pattern):
        for x, mark in enumerate(row):
            if mark in inks:
                kept = spots[rng.random(len(spots)) < 0.85]
                steps[kept[:, 0] + x, kept[:, 1] + y] = inks[mark]


def _bridges(sheet: _Sheet, tiles: np.ndarray) -> None:
    """Planks and rails over every connected patch of bridge tiles; the planks lie across the way that one walks."""
    left = {(int(x), int(y)) for x, y in np.argwhere(tiles == Ground.BRIDGE)}
    while left:
        patch, front = set(), [min(left)]
        while front:
            tile = front.pop()
            if tile in left:
                left.discard(tile)
                patch.add(tile)
                front += [(tile[0] + dx, tile[1] + dy) for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))]
        columns, rows = sorted(x for x, _ in patch), sorted(y for _, y in patch)
        across = slice(columns[0] * TILE + 3, (columns[-1] + 1) * TILE - 3)
        _planks(sheet.steps[across, rows[0] * TILE : (rows[-1] + 1) * TILE])


def _planks(deck: np.ndarray) -> None:
    """One bridge deck, walked from top to bottom."""
    bark = FIRST["bark"]
    width, height = deck.shape
    row = np.arange(height) % 6
    shade = np.where(row == 0, 4, np.where(row == 5, 0, 3)).astype(np.uint8)
    worn = (np.arange(height) // 6 * 37) % 5 == 0
    shade[worn & (row != 5)] -= 1
    deck[:] = bark + shade[None]
    for inset, step in ((0, 0), (1, 2), (2, 1), (3, 0)):
        deck[inset, :] = bark + step
        deck[width - 1 - inset, :] = bark + step
    post = (np.arange(height) % 18) < 4
    for edge in (slice(0, 4), slice(width - 4, width)):
        deck[edge, post] = bark + 3
        deck[edge, np.arange(height) % 18 == 0] = bark + 4
        deck[edge, np.arange(height) % 18 == 4] = bark
