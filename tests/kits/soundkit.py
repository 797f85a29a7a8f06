"""What the tests of sound share: every sound made once per process, and a bank that has them at hand."""

from functools import cache
from pathlib import Path

import numpy as np

from game.art.frame_state import Body, FrameState, Ghost, Hint
from game.audio.sound_bank import make


@cache
def made(name: str) -> np.ndarray:
    """(n,) int16: a sound, made once."""
    return make(name)


class Shelf:
    """Stands for a Bank without a cache."""

    folder: Path | None = None

    def __init__(self) -> None:
        self.asked: list[str] = []

    def get(self, name: str) -> np.ndarray:
        self.asked.append(name)
        return made(name)

    def fill(self) -> None:
        """No other process."""

    def path(self, name: str) -> None:
        """No place either."""

    def sweep(self) -> None:
        """Nothing lies here."""


def frame_state(
    x: int = 350,
    y: int = 230,
    hints: tuple[Hint, ...] = (),
    ghosts: tuple[Ghost, ...] = (),
    hour: float = 12.0,
    weather: str = "clear",
    attend: float = 0.0,
    flood: float = 0.0,
    moving: bool = False,
) -> FrameState:
    """A frame with somebody at x, y."""
    return FrameState(hour, weather, 1.0, Body("player", x, y, "s", moving), (), ghosts, hints, attend, flood)
