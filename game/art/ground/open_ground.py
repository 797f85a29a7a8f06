"""What the open ground is made of: meadow, forest floor, marsh, fields, paving, stairs, roads, the river, bridges.

Soft areas follow the tiles with noise-warped edges; roads and the river follow their polylines. Every function paints
one layer on a Sheet, and depends on the place in the world alone, so that pieces painted one by one fit together.
"""

from itertools import pairwise

import numpy as np

from game.art.ground.ground_colours import BANK, DEPTHS, FIRST, PHASES, WATER
from game.art.ground.ground_patch import HALF, Sheet
from game.art.ground.shore import POOL, RUN, Shore, nearest
from game.art.pixels import noise
from game.realm.land import Map
from game.realm.terrain import ROAD_HALF_WIDTH, TILE, Ground

COARSE = 4  # px: distances to lines are measured on this grid and enlarged; they are smooth
FLOOD = 15  # px: how far over its banks the river may rise
FAR = 60  # px: lines farther away than this don't matter to a piece


def meadow(sheet: Sheet) -> None:
    """Grass everywhere; forest floor, moss and marsh fray into it."""
    sheet.lay(np.ones(sheet.size, bool), "grass", sheet.value)
    frayed = sheet.warp * np.float32(0.9) + (sheet.fine - HALF) * np.float32(1.1)
    for kind, name, lower in ((Ground.LEAVES, "leaves", 0.04), (Ground.MOSS, "moss", 0.04), (Ground.MARSH, "marsh", 0)):
        depth = sheet.soft(kind)
        if depth is not None:
            sheet.lay((depth + frayed > 0.5) & (depth > 0), name, sheet.value - np.float32(lower), 0.7)
            if kind == Ground.MARSH:
                _pools(sheet, depth)


def _pools(sheet: Sheet, depth: np.ndarray) -> None:
    """Still water between the tussocks of a marsh, with a muddy rim."""
    level = sheet.broad * np.float32(0.75) + sheet.middle * np.float32(0.25)
    shore = np.maximum(np.float32(0), np.float32(0.9) - depth + np.float32(1.1) * sheet.warp)  # no straight edges
    hollow = np.where(depth > 0.3, np.float32(0.46) - level - np.float32(0.3) * shore, np.float32(-1))
    sheet.lay((hollow > -0.022) & (hollow <= 0), "mud", 0.35 + 0.5 * (sheet.fine - HALF))
    _flow(sheet, hollow > 0, 0.70 - 2.6 * hollow)
    sheet.steps[(hollow > 0) & (hollow < 0.007)] = WATER + (DEPTHS - 1) * PHASES


def built(sheet: Sheet) -> None:
    """Fields, flagstones and the long stairs."""
    field = sheet.soft(Ground.FIELD)
    if field is not None:
        _furrows(sheet, field + sheet.warp * np.float32(0.35))
    paved = sheet.soft(Ground.STONE)
    if paved is not None:
        _paving(sheet, np.where(paved > 0, paved + sheet.warp * np.float32(0.9), np.float32(0)))
    stairs = sheet.hard(Ground.STAIRS)
    if stairs is not None:
        _stairs(sheet, stairs)


def _furrows(sheet: Sheet, depth: np.ndarray) -> None:
    """Tilled rows: dark earth, lit ridges, and young green on them."""
    down = sheet.down() + (sheet.warp * np.float32(4)).astype(np.int32)
    row = down % 10
    value = np.where(row < 4, 0.62, np.where(row < 6, 0.42, 0.2)).astype(np.float32)
    tilled = depth > 0.5
    sheet.edge((depth > 0.42) & ~tilled, "grass", 1)
    sheet.lay(tilled, "mud", value + 0.4 * (sheet.fine - HALF), 0.5)
    across, crop = sheet.across(), sheet.down() // 10
    plant = (across + crop * 5) % 9
    kept = tilled & (depth > 0.62) & (sheet.broad + 0.3 * (sheet.middle - HALF) > 0.36)
    for at, marks, step in ((2, (1, 2, 3, 4), 1), (1, (0, 1, 3, 4, 5), 3), (0, (0, 2, 3, 5), 4), (9, (1, 2, 4), 5)):
        sheet.edge(kept & (row == at) & np.isin(plant, marks), "grass", step)


def _paving(sheet: Sheet, depth: np.ndarray) -> None:
    """Worn flagstones in moss: rows of slabs bent by noise, each slab of its own grey, joints half grown over."""
    bend = (sheet.warp + (sheet.middle - HALF) * HALF) * np.float32(11)
    bend = np.clip(bend, -6, 6).astype(np.int32)
    down = sheet.down() + bend
    row = down // 10
    across = sheet.across() + bend + row % 2 * 7 + row * 5
    joint = (across % 15 == 0) | (down % 10 == 0)
    slab = ((across // 15 * 73 + row * 151) % 97 / np.float32(97)).astype(np.float32)
    value = 0.5 + 0.3 * (slab - HALF) + 0.5 * (sheet.fine - HALF) + 0.2 * (sheet.middle - HALF)
    worn = (depth > 0.5) & (sheet.middle + slab * np.float32(0.25) > 0.46)
    sheet.lay((depth > 0.42) & (depth <= 0.62), "moss", 0.45 + 0.4 * (sheet.fine - HALF))
    sheet.lay(worn & (depth > 0.5), "stone", value, 0.6)
    sheet.edge(worn & joint & (sheet.fine < 0.62), "stone", 1)


def _stairs(sheet: Sheet, stairs: np.ndarray) -> None:
    """Broad steps of stone: a lit edge, a tread, a dark riser; moss where nobody treads."""
    row = sheet.down() % 8 + np.zeros(sheet.size, np.int32)
    tread = np.choose(np.minimum(row, 7), (0.97, 0.74, 0.64, 0.58, 0.54, 0.34, 0.16, 0.06)).astype(np.float32)
    block = ((sheet.across() + sheet.down() // 8 * 11) // 16 * 61 + sheet.down() // 8 * 37) % 13 / np.float32(13)
    value = tread + 0.14 * (block.astype(np.float32) - HALF) + 0.3 * (sheet.fine - HALF)
    sheet.lay(stairs, "stone", value, 0.5)
    sheet.edge(stairs & (row < 5) & ((sheet.across() + sheet.down() // 8 * 11) % 16 == 0), "stone", 1)
    inner = stairs & _shrunk(stairs, 5)
    rim = stairs & ~inner
    sheet.lay(rim & (sheet.middle > 0.38), "moss", 0.15 + 0.6 * tread + 0.3 * (sheet.fine - HALF))
    overgrown = inner & (sheet.middle * 0.6 + sheet.fine * 0.4 > 0.66)
    sheet.lay(overgrown, "moss", 0.1 + 0.6 * tread)


def _shrunk(mask: np.ndarray, reach: int) -> np.ndarray:
    """The mask without what lies within `reach` px of its left or right side."""
    found = mask.copy()
    found[reach:] &= mask[:-reach]
    found[:-reach] &= mask[reach:]
    return found


def _to_lines(sheet: Sheet, lines: tuple, far: float) -> np.ndarray | None:
    """Distance in px of every pixel to the nearest of some polylines, right up to `far`; None if all are farther."""
    across = (np.arange(sheet.size[0] // COARSE, dtype=np.float32) + 0.5) * COARSE + sheet.left
    down = (np.arange(sheet.size[1] // COARSE, dtype=np.float32) + 0.5) * COARSE + sheet.top
    nearest = np.full((len(across), len(down)), far * far, np.float32)
    right, bottom = sheet.left + sheet.size[0], sheet.top + sheet.size[1]
    met = False
    for line in lines:
        for (ax, ay), (bx, by) in pairwise(line):
            if min(ax, bx) > right + far or max(ax, bx) < sheet.left - far:
                continue
            if min(ay, by) > bottom + far or max(ay, by) < sheet.top - far:
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
    """Trodden ways from doors to the road, for the eye: from each door's front to the nearest point of a road."""
    found = []
    for room in land.rooms:
        x, y = room.outside
        far, spot = nearest(land.roads, x, y)
        if far < LONGEST_PATH and spot != (x, y) and spot[1] > y - 8:  # never through the house
            found.append(((x, y - 10), (x, y + 6), spot))
    return tuple(found)


def roads(sheet: Sheet, lines: Lines, width: float) -> None:
    """Beaten earth with a darker rim, wheel tracks, and a line of shadowed grass beside it; width: half of it, px."""
    distance = _to_lines(sheet, lines, FAR)
    if distance is None:
        return
    paved = np.isin(sheet.steps, np.arange(FIRST["stone"], FIRST["bark"]))
    rut = np.abs(distance - 6.5)
    distance = distance + sheet.warp * np.float32(16)
    half = width - 1.5
    value = 0.58 + 0.5 * (sheet.middle - HALF) + 0.6 * (sheet.fine - HALF) - 0.02 * np.maximum(distance, 0)
    value -= np.where(rut < 1.8, np.float32(0.07), np.float32(0))
    free = ~paved
    if width < ROAD_HALF_WIDTH:  # a path ends where the road's own rim would show
        free &= (sheet.steps < FIRST["gravel"]) | (sheet.steps >= FIRST["gravel"] + 6)
    sheet.edge((distance >= half) & (distance < half + 2.2) & free, "grass", 1)
    sheet.lay((distance < half) & free, "gravel", value, 0.5)
    sheet.lay((distance > half - 2.4) & (distance < half) & free, "gravel", value - np.float32(0.2), 0.5)


def _to_water(sheet: Sheet, land: Map, shore: Shore) -> np.ndarray | None:
    """Distance in px of every pixel to the river's centreline; a creek's own middle is nearly as far as a bank."""
    found = _to_lines(sheet, (land.river,), land.river_half_width + FAR)
    for lines, half in ((shore.pools, POOL), (shore.runs, RUN)):
        beside = _to_lines(sheet, lines, FAR)
        if beside is not None:
            paved = (sheet.steps >= FIRST["gravel"]) & (sheet.steps < FIRST["gravel"] + 6)
            beside = np.where(paved, np.float32(FAR), beside) + np.float32(land.river_half_width - half)
            found = beside if found is None else np.minimum(found, beside)
    return found


def river(sheet: Sheet, land: Map, shore: Shore) -> None:
    """River and creeks along their centrelines: depth, a lit lip, a muddy bank, and the earth that a flood takes."""
    mud = sheet.soft(Ground.MUD)
    distance = _to_water(sheet, land, shore)
    if mud is not None:
        earth = mud + sheet.warp * np.float32(0.8) > 0.55
        sheet.lay(earth, "mud", 0.46 + 0.5 * (sheet.fine - HALF) + 0.4 * (sheet.middle - HALF), 0.6)
    if distance is None:
        return
    distance = distance + sheet.warp * np.float32(12)
    half = land.river_half_width - 3.0
    bank = (distance >= half) & (distance < half + 5)
    sheet.lay(bank, "mud", 0.46 + 0.5 * (sheet.fine - HALF) + 0.4 * (sheet.middle - HALF), 0.6)
    low = (distance >= half) & (distance < half + FLOOD + 7 * (sheet.fine - HALF))
    muddy = low & (sheet.steps >= FIRST["mud"]) & (sheet.steps < FIRST["mud"] + 6)
    sheet.steps[muddy] += np.uint8(BANK - FIRST["mud"])
    water = distance < half
    _flow(sheet, water, 0.66 - 0.46 * (1 - distance / np.float32(half)))
    sheet.steps[(distance >= half) & (distance < half + 1.6)] = BANK
    sheet.steps[(distance >= half - 1.6) & water] = WATER + (DEPTHS - 1) * PHASES


def _flow(sheet: Sheet, where: np.ndarray, value: np.ndarray) -> None:
    """Water of a depth (0..1, light is shallow); its phases run to the right, slower by the banks."""
    if not where.any():
        return
    depth = noise.dither((value + 0.28 * (sheet.flow - HALF)).astype(np.float32), DEPTHS, 0.6)
    along = sheet.across() * 0.028 + (sheet.warp + sheet.middle - HALF) * 1.6 + sheet.down() * 0.019 - value * 1.4
    phase = ((along + 0.55 * (sheet.flow - HALF)) * PHASES).astype(np.int32) % PHASES
    np.copyto(sheet.steps, WATER + depth * np.uint8(PHASES) + phase.astype(np.uint8), where=where)
    sheet.water |= where


Deck = tuple[int, int, int, int]  # left, top, right, bottom in px of the world


def decks(tiles: np.ndarray) -> list[Deck]:
    """The connected patches of bridge tiles."""
    left = {(int(x), int(y)) for x, y in np.argwhere(tiles == Ground.BRIDGE)}
    found = []
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
        found.append((columns[0] * TILE + 3, rows[0] * TILE, right, bottom))
    return found


def bridge(sheet: Sheet, deck: Deck) -> None:
    """Planks and rails of a bridge, walked from top to bottom."""
    x0, y0 = max(deck[0], sheet.left), max(deck[1], sheet.top)
    x1, y1 = min(deck[2], sheet.left + sheet.size[0]), min(deck[3], sheet.top + sheet.size[1])
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
    part = (slice(x0 - sheet.left, x1 - sheet.left), slice(y0 - sheet.top, y1 - sheet.top))
    sheet.steps[part] = (FIRST["bark"] + steps).astype(np.uint8)
    sheet.water[part] = False
