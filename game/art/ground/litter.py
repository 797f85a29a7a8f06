"""Tufts, flowers, pebbles, petals and fallen leaves on the ground."""

import numpy as np

from game.art.ground.ground_colours import FIRST
from game.art.ground.ground_patch import GroundPatch

TUFT = ("..b...b.", ".ab.a.b.", ".aabaab.", "..aaaa..")
FLOWER = (".p.", "pgp", ".a.")
PEBBLE = (".gh.", "ggha", ".aa.")
LEAF = ("h.", "ga")
PETAL = ("pp", ".g")


class Scatter:
    """Tufts, flowers, pebbles, petals and fallen leaves, only where the ground is of their kind."""

    def __init__(self, size: tuple[int, int], seed: int) -> None:
        rng = np.random.default_rng(seed)
        count = size[0] * size[1] // 105
        spots = np.stack([rng.integers(4, size[0] - 12, count), rng.integers(4, size[1] - 8, count)], 1)
        self._spots = spots[np.argsort(spots[:, 0], kind="stable")].astype(np.int32)
        self._luck = rng.random(count, np.float32)
        self._gaps = rng.integers(0, 2**32, count, np.uint32)  # which pixels of a mark are left out

    def on(self, patch: GroundPatch) -> None:
        """Stamps what falls on a patch."""
        first, last = np.searchsorted(self._spots[:, 0], (patch.left, patch.left + patch.size[0] - 8))
        spots, luck, gaps = self._spots[first:last], self._luck[first:last], self._gaps[first:last]
        near = (spots[:, 1] >= patch.top) & (spots[:, 1] < patch.top + patch.size[1] - 5)
        spots, luck, gaps = spots[near] - (patch.left, patch.top), luck[near], gaps[near]
        under = patch.steps[spots[:, 0] + 3, spots[:, 1] + 3]
        step = FIRST
        grass, moss = _of(under, "grass"), _of(under, "moss")
        leaves, marsh, stone = _of(under, "leaves"), _of(under, "marsh"), _of(under, "stone")
        earth = _of(under, "gravel") | _of(under, "mud")
        for where, pattern, inks in (
            (grass & (luck < 0.30), TUFT, {"a": step["grass"] + 1, "b": step["grass"] + 5}),
            (moss & (luck < 0.22), TUFT, {"a": step["moss"] + 1, "b": step["moss"] + 5}),
            (marsh & (luck < 0.42), TUFT, {"a": step["marsh"] + 1, "b": step["marsh"] + 5}),
            (grass & (luck > 0.968), FLOWER, {"p": step["sakura"] + 5, "g": step["gold"] + 4, "a": step["grass"] + 1}),
            (grass & (luck > 0.94) & (luck < 0.955), FLOWER,
             {"p": step["gold"] + 4, "g": step["bark"] + 3, "a": step["grass"] + 1}),
            (leaves & (luck < 0.25), LEAF, {"h": step["leaves"] + 5, "g": step["bark"] + 4, "a": step["leaves"]}),
            (leaves & (luck > 0.88), LEAF, {"h": step["gold"] + 2, "g": step["leaves"] + 5, "a": step["leaves"] + 1}),
            ((stone | moss) & (luck > 0.93), PETAL, {"p": step["sakura"] + 4, "g": step["sakura"] + 2}),
            ((earth & (luck < 0.05)) | (grass & (luck > 0.91) & (luck < 0.92)), PEBBLE,
             {"g": step["stone"] + 3, "h": step["stone"] + 5, "a": step["stone"] + 1}),
        ):  # fmt: skip
            _stamp(patch.steps, spots[where], gaps[where], pattern, inks)


def _of(under: np.ndarray, name: str) -> np.ndarray:
    """Which entries belong to a ramp."""
    return (under >= FIRST[name]) & (under < FIRST[name] + (5 if name in ("bark", "gold", "tatami", "wall") else 6))


def _stamp(
    steps: np.ndarray, spots: np.ndarray, gaps: np.ndarray, pattern: tuple[str, ...], inks: dict[str, int]
) -> None:
    """Writes a small pattern at every spot, a pixel left out now and then so that no two look alike."""
    for y, row in enumerate(pattern):
        for x, mark in enumerate(row):
            if mark in inks:
                spots_here = spots[(gaps >> np.uint32((x * 5 + y * 3) % 29)) & 7 != 0]
                steps[spots_here[:, 0] + x, spots_here[:, 1] + y] = inks[mark]
