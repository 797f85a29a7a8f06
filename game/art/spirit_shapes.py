"""The silhouettes of spirits in motion, as marks on a canvas, and the order in which each gathers.

A canvas is a (w, h) array of one-letter marks: w body, s shade, l light, k ink, r accent, "." nothing. A phase of
0..1 is a place in the idle motion, which repeats.
"""

import math
from functools import lru_cache

import numpy as np

from game.art.pixels.noise import THRESHOLDS, fbm, tiled

IDLE = 8  # pictures of a spirit's idle motion
SIZE = (64, 56)  # px of a canvas; the feet stand at its bottom centre
FOOT = SIZE[0] // 2
ACROSS, DOWN = np.arange(SIZE[0])[:, None], np.arange(SIZE[1])[None]
CUB = (
    "..www..",
    ".wwwww.",
    "wwwwwww",
    "wkkwkkw",
    "wkkwkkw",
    "swwwwws",
    ".swkws.",
    "..www..",
    "..www..",
    ".wwwww.",
    "..w.w..",
)


@lru_cache(maxsize=128)
def gathered(name: str, rows: tuple[str, ...], step: int) -> tuple[np.ndarray, np.ndarray]:
    """Idle picture 0..IDLE-1 of a species: its marks, and when each pixel comes (see `order`). Takes 1 to 5 ms."""
    marks = figure(name, rows, step / IDLE)
    return marks, order(name, marks != ".")


def figure(name: str, rows: tuple[str, ...], phase: float) -> np.ndarray:
    """The marks of a species at a moment of its idle motion; an unknown one only stands."""
    canvas = np.full(SIZE, ".", "<U1")
    draw = {"kitsune": _kitsune, "tengu": _tengu, "kodama": _kodama, "yurei": _yurei, "oni": _oni, "zashiki": _zashiki}
    draw.get(name, _still)(canvas, rows, phase)
    return canvas


def order(name: str, solid: np.ndarray) -> np.ndarray:
    """(w, h) in 0..1: when each pixel comes as belief grows. Evenly spread, so belief b shows b of the pixels."""
    across, down = np.arange(SIZE[0])[:, None] / SIZE[0], np.arange(SIZE[1])[None] / SIZE[1]
    ways = {
        "kitsune": _flames(across, down),  # flame by flame
        "tengu": 1 - np.abs(across - 0.5) * 2 + 0.25 * down,  # feathers gather from the tips of the wings
        "kodama": 1 - down + 0.12 * np.sin(across * 40),  # it sprouts
        "yurei": down + 0.08 * np.sin(across * 30),  # from the veil down
        "oni": fbm(*SIZE, 11, 2, 5),  # embers that spread
        "zashiki": ((down * 1.25 + 0.16 * np.sin(across * 9)) % 0.25) * 4,  # ribbons wind around her
    }
    direction = ways.get(name, 1 - down) + np.zeros(SIZE)
    direction = (direction - direction.min()) / max(1e-6, float(direction.max() - direction.min()))
    mixed = 0.74 * direction + 0.26 * tiled(THRESHOLDS, *SIZE)
    ranks = np.full(SIZE, 2.0)
    chosen = np.argsort(mixed[solid], kind="stable")
    places = np.empty(len(chosen))
    places[chosen] = (np.arange(len(chosen)) + 0.5) / max(1, len(chosen))
    ranks[solid] = places
    return ranks


def _flames(across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Distance to the nearest of five flames that are lit one after the other."""
    seeds = ((0.86, 0.25), (0.74, 0.12), (0.64, 0.35), (0.36, 0.8), (0.33, 0.5))
    lit = [0.34 * k + 2.2 * np.hypot(across - x, down - y) for k, (x, y) in enumerate(seeds)]
    nearest: np.ndarray = np.min(lit, axis=0)
    return nearest


def _stamp(canvas: np.ndarray, rows: list[str] | tuple[str, ...], left: int, top: int) -> None:
    for y, row in enumerate(rows):
        for x, mark in enumerate(row):
            if mark != "." and 0 <= left + x < SIZE[0] and 0 <= top + y < SIZE[1]:
                canvas[left + x, top + y] = mark


def _dot(canvas: np.ndarray, x: float, y: float, radius: float, mark: str) -> None:
    """A filled circle."""
    left, right = max(0, int(x - radius)), min(SIZE[0], int(x + radius) + 2)
    top, bottom = max(0, int(y - radius)), min(SIZE[1], int(y + radius) + 2)
    if left < right and top < bottom:
        away = (ACROSS[left:right] - x) ** 2 + (DOWN[:, top:bottom] - y) ** 2
        canvas[left:right, top:bottom][away <= radius * radius + 0.3] = mark


def _still(canvas: np.ndarray, rows: tuple[str, ...], phase: float) -> None:
    _stamp(canvas, rows, FOOT - len(rows[0]) // 2, SIZE[1] - len(rows))


def _kitsune(canvas: np.ndarray, rows: tuple[str, ...], phase: float) -> None:
    """A seated fox whose five tails fan out behind it and wave."""
    turn = phase * math.tau
    for tail in range(5):
        lean = (tail - 1.2) * 0.42 + 0.13 * math.sin(turn + tail * 0.9)
        for step in range(26):
            part = step / 25
            angle = 1.45 - lean * (0.35 + 0.9 * part) + 0.18 * math.sin(turn + part * 3 + tail)
            reach = 30 * part
            x = FOOT + 3 + reach * math.cos(angle) * 1.0
            y = SIZE[1] - 8 - reach * math.sin(angle) * 1.05
            girth = 1.3 + 2.6 * math.sin(math.pi * min(1, part * 0.98) ** 1.4)
            _dot(canvas, x, y, girth, "l" if part > 0.8 else "s" if part < 0.2 or tail % 2 else "w")
    sink = 1 if phase in (0.5, 0.625, 0.375) else 0
    head, body = rows[:13], rows[13:]
    _stamp(canvas, body, FOOT - 12, SIZE[1] - len(body))
    _stamp(canvas, head, FOOT - 12, SIZE[1] - len(rows) + sink)


def _tengu(canvas: np.ndarray, rows: tuple[str, ...], phase: float) -> None:
    """A mountain priest on high clogs: red face, long nose, black wings that beat, a fan of feathers."""
    turn = phase * math.tau
    left, top = FOOT - 10, SIZE[1] - len(rows) - 2 - round(1.5 * math.sin(turn))
    for side in (-1, 1):
        for feather in range(8):  # the lowest first, so that the higher ones lie over it
            angle = -0.5 + 0.24 * feather + 0.16 * math.sin(turn + 0.8) * (1 + 0.12 * feather)
            for step in range(19):
                part = step / 18
                reach = (15 + 1.4 * feather) * part
                x, y = FOOT + side * (5 + reach * math.cos(angle)), top + 17 - reach * math.sin(angle)
                _dot(canvas, x, y, 0.6 + 1.4 * math.sin(math.pi * part), "s" if feather % 2 or part < 0.6 else "w")
    for feather in range(6):  # the fan, in the hand on the left
        angle = 1.1 + 0.36 * feather + 0.2 * math.sin(turn)
        for along in range(2, 9):
            mark = "l" if along > 6 else "w" if feather % 2 else "s"
            _dot(canvas, left + 1 + along * math.cos(angle), top + 24 - along * math.sin(angle), 1.0, mark)
    _stamp(canvas, rows, left, top)
    for step in range(9):  # the nose
        for thick in (0, 1):
            canvas[left + 4 - step, top + 8 + thick - (step > 6)] = "r"


def _mark(canvas: np.ndarray, x: float, y: float, mark: str) -> None:
    if 0 <= int(x) < SIZE[0] and 0 <= int(y) < SIZE[1] and canvas[int(x), int(y)] == ".":
        canvas[int(x), int(y)] = mark


def _kodama(canvas: np.ndarray, rows: tuple[str, ...], phase: float) -> None:
    """A pale child of the wood between two small ones; its large head ticks, the sprout on it nods."""
    tilt = (0, 0, 0, 1, -1, 1, 0, 0)[int(phase * 8) % 8]
    left, top, head = FOOT - len(rows[0]) // 2, SIZE[1] - len(rows), 18
    for y, row in enumerate(rows):
        lean = round(tilt * (1 - y / head)) * 2 if y < head else 0
        _stamp(canvas, [row], left + lean, top + y)
    nod = math.sin(phase * math.tau)
    for step in range(7):
        canvas[FOOT + tilt * 2, top - 1 - step] = "s"
    for side, long in ((-1, 12), (1, 9)):
        for step in range(13):
            part = step / 12
            x = FOOT + tilt * 2 + side * (1 + long * part)
            leaf = top - 6 - 5 * math.sin(math.pi * part * 0.8) + 5 * part * part + nod * part * 1.6
            _dot(canvas, x, leaf, 0.4 + 2.4 * math.sin(math.pi * part), "l" if side < 0 else "w")
    for side, late in ((-1, 0.0), (1, 0.35)):
        hop = round(1.6 * max(0.0, math.sin((phase + late) * math.tau)))
        _stamp(canvas, CUB, FOOT + side * 20 - 3, SIZE[1] - len(CUB) - hop)
        _mark(canvas, FOOT + side * 20, SIZE[1] - len(CUB) - hop - 1, "l")


def _yurei(canvas: np.ndarray, rows: tuple[str, ...], phase: float) -> None:
    """A veiled woman who floats; her sleeves and hem drift, and end in nothing."""
    turn = phase * math.tau
    left, top = FOOT - len(rows[0]) // 2, SIZE[1] - len(rows) - 9 - round(1.5 * math.sin(turn))
    for y, row in enumerate(rows):
        drift = round(2.2 * max(0, y - 16) / 20 * math.sin(turn + y * 0.28))
        _stamp(canvas, [row], left + drift, top + y)
    for strand in range(5):  # the robe's ends
        for step in range(16):
            part = step / 15
            x = FOOT + (strand - 2) * (2.6 - 1.2 * part) + 3.4 * part * math.sin(turn + part * 5 + strand)
            if (step + strand) % 4 or part < 0.4:
                _mark(canvas, x, top + len(rows) - 7 + part * 14, "w" if strand % 2 else "s")


def _oni(canvas: np.ndarray, rows: tuple[str, ...], phase: float) -> None:
    """A horned giant who breathes, an iron club on the ground beside him."""
    left, top = FOOT - len(rows[0]) // 2 - 3, SIZE[1] - len(rows)
    breath = 1 if 0.25 <= phase < 0.75 else 0
    _stamp(canvas, rows[18:], left, top + 18)
    _stamp(canvas, rows[:19], left, top - breath)
    if breath:
        _stamp(canvas, [rows[18]], left, top + 18)
    club = left + len(rows[0]) + 1
    for y in range(SIZE[1] - 34, SIZE[1]):
        half = 3.6 - 2.2 * (y - SIZE[1] + 34) / 34
        for x in range(int(club - half), int(club + half) + 1):
            stud = y < SIZE[1] - 12 and (x + y) % 4 == 0
            canvas[min(SIZE[0] - 1, x), y] = "l" if stud else "s" if x > club else "k"


def _zashiki(canvas: np.ndarray, rows: tuple[str, ...], phase: float) -> None:
    """A child with bobbed hair in a festive robe; the sash's ends stream behind her, a ball hops beside her."""
    turn = phase * math.tau
    left, top = FOOT - len(rows[0]) // 2, SIZE[1] - len(rows)
    bob = 1 if phase in (0.25, 0.375, 0.75, 0.875) else 0
    for side, length in ((-1, 22), (1, 15)):
        for step in range(length * 2):
            part = step / (length * 2)
            x = FOOT + side * (7 + length * part)
            y = top + 25 - 4 * part + 3.2 * math.sin(part * 6 - turn + side) * (0.2 + part)
            _dot(canvas, x, y, 1.7 - 0.8 * part, "r" if step % 9 < 7 else "l")
    _stamp(canvas, rows, left, top + bob if top + bob + len(rows) <= SIZE[1] else top)
    for x, y, radius in ((5, 2, 1.8), (9, 2, 1.8), (7, 3, 0.8)):  # a bow in her hair
        _dot(canvas, FOOT + x, top + y + bob, radius, "l" if radius < 1 else "r")
    hop = 9 * abs(math.sin(phase * math.pi * 2))
    _dot(canvas, FOOT + 18, SIZE[1] - 5 - hop, 3.8, "r")
    _dot(canvas, FOOT + 17, SIZE[1] - 6 - hop, 1.4, "l")
    _mark(canvas, FOOT + 18, SIZE[1] - 1, "s")
