"""The open ground: meadow, forest floor, marsh, fields, paving, stairs, roads, the river, bridges.

Soft areas follow the tiles with noise-warped edges; roads and the river follow their polylines. Every function paints
one layer on a GroundPatch. It depends on the place in the world alone, so pieces painted one by one fit together.
"""

from itertools import pairwise

import numpy as np

from game.art.ground.ground_colours import BANK, DEPTHS, FIRST, PHASES, WATER
from game.art.ground.ground_patch import HALF, GroundPatch
from game.art.ground.shore import POOL, RUN, Shore, nearest
from game.art.pixels import noise
from game.realm.land import Map
from game.realm.terrain import ROAD_HALF_WIDTH, TILE, Ground

COARSE = 4  # px: distances to lines are measured on this grid and enlarged; they are smooth
FLOOD = 15  # px: how far over its banks the river may rise
FAR = 60  # px: lines farther away than this don't matter to a piece


def meadow(patch: GroundPatch) -> None:
    """Grass everywhere; forest floor, moss and marsh fray into it."""
    patch.lay(np.ones(patch.size, bool), "grass", patch.value)
    frayed = patch.warp * np.float32(0.9) + (patch.fine - HALF) * np.float32(1.1)
    for kind, name, lower in ((Ground.LEAVES, "leaves", 0.04), (Ground.MOSS, "moss", 0.04), (Ground.MARSH, "marsh", 0)):
        depth = patch.soft(kind)
        if depth is not None:
            patch.lay((depth + frayed > 0.5) & (depth > 0), name, patch.value - np.float32(lower), 0.7)
            if kind == Ground.MARSH:
                _pools(patch, depth)


def _pools(patch: GroundPatch, depth: np.ndarray) -> None:
    """Still water between the tussocks of a marsh, with a muddy rim."""
    level = patch.broad * np.float32(0.75) + patch.middle * np.float32(0.25)
    shore = np.maximum(np.float32(0), np.float32(0.9) - depth + np.float32(1.1) * patch.warp)  # no straight edges
    hollow = np.where(depth > 0.3, np.float32(0.46) - level - np.float32(0.3) * shore, np.float32(-1))
    patch.lay((hollow > -0.022) & (hollow <= 0), "mud", 0.35 + 0.5 * (patch.fine - HALF))
    _flow(patch, hollow > 0, 0.70 - 2.6 * hollow)
    patch.steps[(hollow > 0) & (hollow < 0.007)] = WATER + (DEPTHS - 1) * PHASES


def built(patch: GroundPatch) -> None:
    """Fields, flagstones and the long stairs."""
    field = patch.soft(Ground.FIELD)
    if field is not None:
        _furrows(patch, field + patch.warp * np.float32(0.35))
    paved = patch.soft(Ground.STONE)
    if paved is not None:
        _paving(patch, np.where(paved > 0, paved + patch.warp * np.float32(0.9), np.float32(0)))
    stairs = patch.hard(Ground.STAIRS)
    if stairs is not None:
        _stairs(patch, stairs)


def _furrows(patch: GroundPatch, depth: np.ndarray) -> None:
    """Tilled rows: dark earth, lit ridges, and young green on them."""
    down = patch.down() + (patch.warp * np.float32(4)).astype(np.int32)
    row = down % 10
    value = np.where(row < 4, 0.62, np.where(row < 6, 0.42, 0.2)).astype(np.float32)
    tilled = depth > 0.5
    patch.edge((depth > 0.42) & ~tilled, "grass", 1)
    patch.lay(tilled, "mud", value + 0.4 * (patch.fine - HALF), 0.5)
    across, crop = patch.across(), patch.down() // 10
    plant = (across + crop * 5) % 9
    planted = tilled & (depth > 0.62) & (patch.broad + 0.3 * (patch.middle - HALF) > 0.36)
    for at, marks, step in ((2, (1, 2, 3, 4), 1), (1, (0, 1, 3, 4, 5), 3), (0, (0, 2, 3, 5), 4), (9, (1, 2, 4), 5)):
        patch.edge(planted & (row == at) & np.isin(plant, marks), "grass", step)


def _paving(patch: GroundPatch, depth: np.ndarray) -> None:
    """Worn flagstones in moss: rows of slabs bent by noise, each slab of its own grey, joints half grown over."""
    bend = (patch.warp + (patch.middle - HALF) * HALF) * np.float32(11)
    bend = np.clip(bend, -6, 6).astype(np.int32)
    down = patch.down() + bend
    row = down // 10
    across = patch.across() + bend + row % 2 * 7 + row * 5
    joint = (across % 15 == 0) | (down % 10 == 0)
    slab = ((across // 15 * 73 + row * 151) % 97 / np.float32(97)).astype(np.float32)
    value = 0.5 + 0.3 * (slab - HALF) + 0.5 * (patch.fine - HALF) + 0.2 * (patch.middle - HALF)
    worn = (depth > 0.5) & (patch.middle + slab * np.float32(0.25) > 0.46)
    patch.lay((depth > 0.42) & (depth <= 0.62), "moss", 0.45 + 0.4 * (patch.fine - HALF))
    patch.lay(worn & (depth > 0.5), "stone", value, 0.6)
    patch.edge(worn & joint & (patch.fine < 0.62), "stone", 1)


def _stairs(patch: GroundPatch, stairs: np.ndarray) -> None:
    """Broad steps of stone: a lit edge, a tread, a dark riser; moss where nobody treads."""
    row = patch.down() % 8 + np.zeros(patch.size, np.int32)
    tread = np.choose(np.minimum(row, 7), (0.97, 0.74, 0.64, 0.58, 0.54, 0.34, 0.16, 0.06)).astype(np.float32)
    block = ((patch.across() + patch.down() // 8 * 11) // 16 * 61 + patch.down() // 8 * 37) % 13 / np.float32(13)
    value = tread + 0.14 * (block.astype(np.float32) - HALF) + 0.3 * (patch.fine - HALF)
    patch.lay(stairs, "stone", value, 0.5)
    patch.edge(stairs & (row < 5) & ((patch.across() + patch.down() // 8 * 11) % 16 == 0), "stone", 1)
    inner = stairs & _shrunk(stairs, 5)
    rim = stairs & ~inner
    patch.lay(rim & (patch.middle > 0.38), "moss", 0.15 + 0.6 * tread + 0.3 * (patch.fine - HALF))
    overgrown = inner & (patch.middle * 0.6 + patch.fine * 0.4 > 0.66)
    patch.lay(overgrown, "moss", 0.1 + 0.6 * tread)


def _shrunk(mask: np.ndarray, reach: int) -> np.ndarray:
    """The mask without what lies within `reach` px of its left or right side."""
    inner = mask.copy()
    inner[reach:] &= mask[:-reach]
    inner[:-reach] &= mask[reach:]
    return inner


def _to_lines(patch: GroundPatch, lines: tuple, far: float) -> np.ndarray | None:
    """Distance in px of every pixel to the nearest of some polylines, right up to `far`; None if all are farther."""
    across = (np.arange(patch.size[0] // COARSE, dtype=np.float32) + 0.5) * COARSE + patch.left
    down = (np.arange(patch.size[1] // COARSE, dtype=np.float32) + 0.5) * COARSE + patch.top
    nearest = np.full((len(across), len(down)), far * far, np.float32)
    right, bottom = patch.left + patch.size[0], patch.top + patch.size[1]
    met = False
    for line in lines:
        for (ax, ay), (bx, by) in pairwise(line):
            if min(ax, bx) > right + far or max(ax, bx) < patch.left - far:
                continue
            if min(ay, by) > bottom + far or max(ay, by) < patch.top - far:
                continue
            met = True
            left, top = across - np.float32(ax), down - np.float32(ay)
            length = max(1, (bx - ax) ** 2 + (by - ay) ** 2)
            along = np.clip((left[:, None] * (bx - ax) + top[None] * (by - ay)) / np.float32(length), 0, 1)
            gap = (left[:, None] - along * (bx - ax)) ** 2 + (top[None] - along * (by - ay)) ** 2
            np.minimum(nearest, gap, out=nearest)
    return noise.enlarge(np.sqrt(nearest), COARSE) if met else None


Lines = tuple[tuple[tuple[int, int], ...], ...]
LONGEST_PATH = 110  # px: a door farther than this from a road has no path to it


def paths(land: Map) -> Lines:
    """Paths that are only drawn: from the front of each door to the nearest point of a road."""
    lines = []
    for room in land.rooms:
        x, y = room.outside
        far, spot = nearest(land.roads, x, y)
        if far < LONGEST_PATH and spot != (x, y) and spot[1] > y - 8:  # never through the house
            lines.append(((x, y - 10), (x, y + 6), spot))
    return tuple(lines)


def roads(patch: GroundPatch, lines: Lines, width: float) -> None:
    """Beaten earth with a darker rim, wheel tracks, and a line of shadowed grass beside it; width: half of it, px."""
    distance = _to_lines(patch, lines, FAR)
    if distance is None:
        return
    paved = np.isin(patch.steps, np.arange(FIRST["stone"], FIRST["bark"]))
    rut = np.abs(distance - 6.5)
    distance = distance + patch.warp * np.float32(16)
    half = width - 1.5
    value = 0.58 + 0.5 * (patch.middle - HALF) + 0.6 * (patch.fine - HALF) - 0.02 * np.maximum(distance, 0)
    value -= np.where(rut < 1.8, np.float32(0.07), np.float32(0))
    free = ~paved
    if width < ROAD_HALF_WIDTH:  # a path ends where the road's own rim would show
        free &= (patch.steps < FIRST["gravel"]) | (patch.steps >= FIRST["gravel"] + 6)
    patch.edge((distance >= half) & (distance < half + 2.2) & free, "grass", 1)
    patch.lay((distance < half) & free, "gravel", value, 0.5)
    patch.lay((distance > half - 2.4) & (distance < half) & free, "gravel", value - np.float32(0.2), 0.5)


def _to_water(patch: GroundPatch, land: Map, shore: Shore) -> np.ndarray | None:
    """Distance in px of every pixel to the river's centreline; a creek's own middle is nearly as far as a bank."""
    distance = _to_lines(patch, (land.river,), land.river_half_width + FAR)
    for lines, half in ((shore.pools, POOL), (shore.runs, RUN)):
        beside = _to_lines(patch, lines, FAR)
        if beside is not None:
            paved = (patch.steps >= FIRST["gravel"]) & (patch.steps < FIRST["gravel"] + 6)
            beside = np.where(paved, np.float32(FAR), beside) + np.float32(land.river_half_width - half)
            distance = beside if distance is None else np.minimum(distance, beside)
    return distance


def river(patch: GroundPatch, land: Map, shore: Shore) -> None:
    """River and creeks along their centrelines: depth, a lit lip, a muddy bank, and the earth that a flood takes."""
    mud = patch.soft(Ground.MUD)
    distance = _to_water(patch, land, shore)
    if mud is not None:
        earth = mud + patch.warp * np.float32(0.8) > 0.55
        patch.lay(earth, "mud", 0.46 + 0.5 * (patch.fine - HALF) + 0.4 * (patch.middle - HALF), 0.6)
    if distance is None:
        return
    distance = distance + patch.warp * np.float32(12)
    half = land.river_half_width - 3.0
    bank = (distance >= half) & (distance < half + 5)
    patch.lay(bank, "mud", 0.46 + 0.5 * (patch.fine - HALF) + 0.4 * (patch.middle - HALF), 0.6)
    low = (distance >= half) & (distance < half + FLOOD + 7 * (patch.fine - HALF))
    muddy = low & (patch.steps >= FIRST["mud"]) & (patch.steps < FIRST["mud"] + 6)
    patch.steps[muddy] += np.uint8(BANK - FIRST["mud"])
    water = distance < half
    _flow(patch, water, 0.66 - 0.46 * (1 - distance / np.float32(half)))
    patch.steps[(distance >= half) & (distance < half + 1.6)] = BANK
    patch.steps[(distance >= half - 1.6) & water] = WATER + (DEPTHS - 1) * PHASES


def _flow(patch: GroundPatch, where: np.ndarray, value: np.ndarray) -> None:
    """Water of a depth (0..1, light is shallow); its phases run to the right, slower by the banks."""
    if not where.any():
        return
    depth = noise.dither((value + 0.28 * (patch.flow - HALF)).astype(np.float32), DEPTHS, 0.6)
    along = patch.across() * 0.028 + (patch.warp + patch.middle - HALF) * 1.6 + patch.down() * 0.019 - value * 1.4
    phase = ((along + 0.55 * (patch.flow - HALF)) * PHASES).astype(np.int32) % PHASES
    np.copyto(patch.steps, WATER + depth * np.uint8(PHASES) + phase.astype(np.uint8), where=where)
    patch.water |= where


Deck = tuple[int, int, int, int]  # left, top, right, bottom in px of the world


def decks(tiles: np.ndarray) -> list[Deck]:
    """The connected patches of bridge tiles."""
    left = {(int(x), int(y)) for x, y in np.argwhere(tiles == Ground.BRIDGE)}
    bridges = []
    while left:
        patch, front = set(), [min(left)]
        while front:
            tile = front.pop()
            if tile in left:
                left.discard(tile)
                patch.add(tile)
                front += [(tile[0] + dx, tile[1] + dy) for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))]
        columns, rows = sorted(x for x, _ in patch), sorted(y for _, y in patch)
        right, bottom = (columns[-1] + 1) * TILE - 3, (rows[-1] + 1) * TILE
        bridges.append((columns[0] * TILE + 3, rows[0] * TILE, right, bottom))
    return bridges


def bridge(patch: GroundPatch, deck: Deck) -> None:
    """Planks and rails of a bridge, walked from top to bottom."""
    x0, y0 = max(deck[0], patch.left), max(deck[1], patch.top)
    x1, y1 = min(deck[2], patch.left + patch.size[0]), min(deck[3], patch.top + patch.size[1])
    if x0 >= x1 or y0 >= y1:
        return
    row = np.arange(y0, y1) - deck[1]
    shade = np.where(row % 6 == 0, 4, np.where(row % 6 == 5, 0, 3)) - ((row // 6 * 37 % 5 == 0) & (row % 6 != 5))
    steps = np.repeat(shade[None], x1 - x0, 0)
    post = row % 18
    rail = np.where(post < 4, np.where(post == 0, 4, 3), np.where(post == 4, 0, -1))
    for inset, step in enumerate((0, 2, 1, 0)):
        column = np.where(rail >= 0, rail, step)
        for x in (deck[0] + inset, deck[2] - 1 - inset):
            if x0 <= x < x1:
                steps[x - x0] = column
    part = (slice(x0 - patch.left, x1 - patch.left), slice(y0 - patch.top, y1 - patch.top))
    patch.steps[part] = (FIRST["bark"] + steps).astype(np.uint8)
    patch.water[part] = False
