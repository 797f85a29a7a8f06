"""Value noise and ordered dither: the grain of everything that is drawn.

Arrays are (width, height), as pygame's surfarray has them, and float32: the ground is 3 million pixels.
"""

import numpy as np

# Ordered dither thresholds in 0..15/16 (Bayer 1973); BAYER is the same, centred on zero.
THRESHOLDS = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.float32) / 16
BAYER = THRESHOLDS - np.float32(0.47)


def tiled(pattern: np.ndarray, width: int, height: int) -> np.ndarray:
    """The small pattern repeated over (width, height)."""
    across = -(-width // pattern.shape[0])
    down = -(-height // pattern.shape[1])
    return np.tile(pattern, (across, down))[:width, :height]


def fbm(width: int, height: int, scale: float, octaves: int = 4, seed: int = 0, tile: bool = False) -> np.ndarray:
    """Fractal value noise in 0..1. scale: px of the coarsest cell, halved per octave. tile: repeats seamlessly."""
    rng = np.random.default_rng(seed)
    total = np.zeros((width, height), np.float32)
    amplitude, whole = 1.0, 0.0
    for octave in range(octaves):
        cell = max(2, int(scale / 2**octave))
        cells, pitch = (width // cell + 2, height // cell + 2), (float(cell), float(cell))
        if tile:  # it holds a whole number of cells, so they are stretched a little
            cells = max(1, round(width / cell)), max(1, round(height / cell))
            pitch = width / cells[0], height / cells[1]
        total += np.float32(amplitude) * _stretch(rng.random(cells, np.float32), width, height, pitch)
        whole += amplitude
        amplitude *= 0.5
    total /= np.float32(whole)
    return total


class Field:
    """Fractal value noise over a whole map, of which windows are read: neighbours meet without a seam.

    scale: px of the coarsest cell, halved per octave. Holds the lattices only, about 0.2 bytes a pixel.
    """

    def __init__(self, width: int, height: int, scale: float, octaves: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        cells = [max(2, int(scale / 2**octave)) for octave in range(octaves)]
        self._lattices = [(cell, rng.random((width // cell + 3, height // cell + 3), np.float32)) for cell in cells]

    def window(self, left: int, top: int, width: int, height: int) -> np.ndarray:
        """(width, height) float32 in 0..1 from the pixel (left, top) on, which may lie a little outside the map."""
        total = np.zeros((width, height), np.float32)
        whole = 0.0
        for octave, (cell, grid) in enumerate(self._lattices):
            total += np.float32(0.5**octave) * _stretch(grid, width, height, (cell, cell), (left, top))
            whole += 0.5**octave
        total /= np.float32(whole)
        return total


def _stretch(
    grid: np.ndarray, width: int, height: int, pitch: tuple[float, float], start: tuple[int, int] = (0, 0)
) -> np.ndarray:
    """Interpolates a lattice to pixels, one axis after the other (two passes are far cheaper than four gathers)."""
    low, high, part = _steps(width, pitch[0], grid.shape[0], start[0])
    rows = grid[low] * (1 - part[:, None]) + grid[high] * part[:, None]
    low, high, part = _steps(height, pitch[1], grid.shape[1], start[1])
    lower = rows[:, low]
    return lower + (rows[:, high] - lower) * part[None]


def _steps(size: int, pitch: float, count: int, start: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each pixel: the lattice points on either side and how far between them it lies (smoothstep)."""
    place = np.arange(start, start + size, dtype=np.float32) / np.float32(pitch)
    low = np.floor(place).astype(np.intp)
    part = place - low
    return low % count, (low + 1) % count, part * part * (3 - 2 * part)


def enlarge(coarse: np.ndarray, factor: int) -> np.ndarray:
    """Bilinear enlargement; coarse samples sit at the centres of factor x factor blocks."""
    out: np.ndarray = coarse.astype(np.float32)
    for axis in (0, 1):
        size = out.shape[axis]
        place = (np.arange(size * factor, dtype=np.float32) + 0.5) / factor - 0.5
        low = np.floor(place).astype(np.intp)
        part = place - low
        part = part[:, None] if axis == 0 else part[None]
        first = np.take(out, np.clip(low, 0, size - 1), axis)
        second = np.take(out, np.clip(low + 1, 0, size - 1), axis)
        out = first + (second - first) * part
    return out


def dither(value: np.ndarray, steps: int, strength: float = 1.0) -> np.ndarray:
    """Palette steps 0..steps-1 (uint8) of values in 0..1 by ordered dither; strength 0 is plain rounding down."""
    grain = tiled(BAYER * np.float32(strength), *value.shape)
    return np.clip(value * np.float32(steps) + grain, 0, steps - 1).astype(np.uint8)
