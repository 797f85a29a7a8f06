"""Rooms: boards, mats, beaten earth, plastered walls; what lies around a room is dark."""

import numpy as np

from game.art.ground.ground_colours import DARK, FIRST, SHADE
from game.art.ground.ground_patch import HALF, Fields
from game.art.pixels import noise
from game.art.pixels.palette import RAMPS
from game.realm.land import Map
from game.realm.terrain import TILE, Ground

MATS = {"house": "tatami", "inn": "tatami", "hall": "boards", "mill": "boards", "hut": "gravel"}
FACE = 2 * TILE  # px: height of the back wall's face
SIDE = 6  # px: thickness of a wall seen from above


def inside(tiles: np.ndarray, left: int, top: int, width: int, height: int) -> bool:
    """True if a piece holds nothing of the open world: only rooms and what is between them."""
    part = tiles[left // TILE : -(-(left + width) // TILE), top // TILE : -(-(top + height) // TILE)]
    return bool((part >= Ground.FLOOR).all())


def paint(land: Map, left: int, top: int, width: int, height: int, fields: Fields) -> np.ndarray:
    """(width, height) uint8 entries of a piece that holds rooms."""
    steps = np.full((width, height), DARK, np.uint8)
    for room in land.rooms:
        x, y = room.left * TILE, room.top * TILE
        whole = (x, y, room.width * TILE, room.height * TILE)
        x0, y0 = max(x, left), max(y, top)
        x1, y1 = min(x + whole[2], left + width), min(y + whole[3], top + height)
        if x0 < x1 and y0 < y1:
            exit_x = room.exit[0] * TILE - x
            painted = _room(room.kind, exit_x, whole, fields)
            steps[x0 - left : x1 - left, y0 - top : y1 - top] = painted[x0 - x : x1 - x, y0 - y : y1 - y]
    return steps


def _room(kind: str, exit_x: int, whole: tuple[int, int, int, int], fields: Fields) -> np.ndarray:
    """A room in one piece; exit_x: px from its left side to the gap of its door."""
    width, height = whole[2:]
    fine, middle = fields.fine.window(*whole) - HALF, fields.middle.window(*whole) - HALF
    steps = np.full((width, height), DARK, np.uint8)
    inner = (slice(TILE, width - TILE), slice(FACE, height - TILE))
    steps[inner] = _boards(width, height, fine, middle)[inner]
    _mat(steps, MATS.get(kind, "boards"), kind, fine)
    steps[TILE : width - TILE, :FACE] = _face(kind, width - 2 * TILE, fine[TILE : width - TILE, :FACE])
    _frame(steps, width, height)
    steps[TILE : width - TILE, FACE : FACE + 5] |= SHADE  # the wall's shadow
    steps[TILE : TILE + 3, FACE : height - TILE] |= SHADE
    doorway = slice(exit_x, exit_x + TILE)
    steps[doorway, height - TILE : height - 4] = _boards(width, height, fine, middle)[doorway, height - TILE : -4]
    steps[exit_x + 2 : exit_x + TILE - 2, height - 12 : height - 5] = FIRST["red"] + 2
    steps[exit_x + 3 : exit_x + TILE - 3, height - 11 : height - 6] = FIRST["red"] + 3
    return steps


def _boards(width: int, height: int, fine: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Long boards across the room, their ends staggered."""
    down, across = np.arange(height)[None], np.arange(width)[:, None]
    row = down // 8
    board = (across + row * 29) // 46
    tone = (board * 37 + row * 53) % 11 / np.float32(11) - HALF
    value = 0.56 + 0.22 * tone + 0.5 * fine * (0.6 + 0.4 * middle) + 0.22 * middle
    grain = ((down + (middle * 3).astype(int)) % 8 == 3) & (fine > 0.12)
    value = value - 0.12 * grain
    entries = FIRST["boards"] + noise.dither(value.astype(np.float32), 6, 0.45)
    entries[np.broadcast_to(down % 8 == 7, entries.shape)] = FIRST["boards"]
    entries[np.broadcast_to((across + row * 29) % 46 == 0, entries.shape)] = FIRST["boards"] + 1
    entries[np.broadcast_to((down % 8 == 0) & (tone > -0.2), entries.shape)] += 1
    return np.minimum(entries, FIRST["boards"] + 5).astype(np.uint8)


def _mat(steps: np.ndarray, name: str, kind: str, fine: np.ndarray) -> None:
    """What is laid over the boards: straw mats, beaten earth by the hearth, a long red carpet in the hall."""
    width, height = steps.shape
    if kind == "hall":
        middle = slice(width // 2 - 15, width // 2 + 15)
        part = (middle, slice(FACE, height - TILE))
        steps[part] = FIRST["red"] + 2 + (fine[part] > 0.1)
        for x in (width // 2 - 14, width // 2 + 13):
            steps[x, part[1]] = FIRST["gold"] + 3
        return
    if name == "boards":
        return
    left, right = (TILE + 10, width - TILE - 10) if kind != "inn" else (TILE + 8, width // 2 + 16)
    area = (slice(left, right), slice(FACE + 12, height - TILE - 14))
    shape = steps[area].shape
    across, down = np.arange(shape[0])[:, None], np.arange(shape[1])[None]
    if name == "gravel":
        away = np.hypot((across - shape[0] / 2) / (shape[0] / 2), (down - shape[1] / 2) / (shape[1] / 2))
        trodden = away + fine[area] * 0.5 < 0.98
        earth = FIRST["gravel"] + noise.dither(0.42 + 0.7 * fine[area], 6, 0.5)
        steps[area] = np.where(trodden, earth, steps[area])
        return
    weave = 0.62 + 0.5 * fine[area] + np.where((across + down // 2) % 3 == 0, -0.10, 0.02)
    entries = FIRST[name] + noise.dither(weave.astype(np.float32), len(RAMPS[name]), 0.4)
    seam = ((across + np.where(down // 24 % 2, 0, 24)) % 48 < 2) | (down % 24 < 2)
    entries[np.broadcast_to(seam, shape)] = FIRST["grass"] + 1
    steps[area] = entries


def _face(kind: str, width: int, fine: np.ndarray) -> np.ndarray:
    """The back wall: a beam above, plaster between posts, a wooden dado below."""
    across, down = np.arange(width)[:, None], np.arange(FACE)[None]
    wooden = kind in ("mill", "hut")
    if wooden:
        value = 0.5 + 0.4 * fine - 0.16 * (down / FACE) + np.where(across // 7 % 2, 0.08, 0)
        steps = FIRST["boards"] + noise.dither(value.astype(np.float32), 6, 0.4)
        steps[np.broadcast_to(across % 7 == 0, steps.shape)] = FIRST["boards"]
    else:
        value = 0.74 + 0.3 * fine - 0.3 * (down < 9) - 0.12 * (down / FACE)
        steps = FIRST["wall"] + noise.dither(value.astype(np.float32), 5, 0.5)
        dado = np.broadcast_to(down > FACE - 9, steps.shape)
        planks = FIRST["bark"] + 2 + (across % 9 != 0) * 1 + 0 * down
        steps = np.where(dado, planks, steps)
    posts = np.broadcast_to(across % 40 < 4, steps.shape)
    steps = np.where(posts, FIRST["bark"] + 2 + (across % 40 == 0) * 2 - (across % 40 == 3), steps)
    for x in range(TILE, width - TILE, 4 * TILE):  # paper windows, where PlacedSprites puts their light
        steps[x : x + 16, 9:22] = FIRST["bark"]
        steps[x + 1 : x + 15, 10:21] = FIRST["wall"] + 4
        steps[x + 1 : x + 15, 15] = steps[x + 5, 10:21] = steps[x + 10, 10:21] = FIRST["bark"] + 1
    for y, step in ((0, 0), (1, 1), (2, 3), (3, 3), (4, 2), (5, 0), (FACE - 10, 0), (FACE - 2, 0), (FACE - 1, 0)):
        if not (wooden and y == FACE - 10):
            steps[:, y] = FIRST["bark"] + step
    return steps.astype(np.uint8)


def _frame(steps: np.ndarray, width: int, height: int) -> None:
    """The walls left, right and below, seen from above: dark beams."""
    bark = FIRST["bark"]
    for inset in range(SIDE):  # the lit edge lies inside
        step = (3, 4, 3, 2, 1, 0)[inset]
        for x in (TILE - 1 - inset, width - TILE + inset):
            steps[x, : height - TILE + SIDE] = bark + step
        steps[TILE - SIDE : width - TILE + SIDE, height - TILE + inset] = bark + (4, 3, 2, 2, 1, 0)[inset]
