"""The window: the realm's 640 x 360 px scaled by a whole number, letterboxed; the interface at the window's pixels.

A window smaller than the realm's picture, or a player who wants no bars, gets the whole picture shrunk or stretched.
"""

import os
import sys
from pathlib import Path

import pygame as pg

from game.art.painter import SIZE
from game.ui.font import Pen

BARS = (8, 6, 18)  # colour beside the picture


UNSEEN = ("offscreen", "dummy")  # drivers that SDL falls back to when no display answers
REMEDY = "start it on a desktop, or set SDL_VIDEODRIVER=dummy to play unseen"


class NoDisplay(OSError):
    """There is nothing to open a window on: one line, what and how to mend it."""


def _look_for_display() -> None:
    """Raises NoDisplay on a Linux without one: SDL would play on into a picture in memory that nobody sees."""
    named = any(os.environ.get(name) for name in ("SDL_VIDEODRIVER", "DISPLAY", "WAYLAND_DISPLAY"))
    if sys.platform == "linux" and not named:
        raise NoDisplay(f"no display to open a window on (neither DISPLAY nor WAYLAND_DISPLAY is set); {REMEDY}")


def free_path(folder: Path, stem: str) -> Path:
    """The first STEM-NNNN.png of a folder that isn't there yet; makes the folder. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while (path := folder / f"{stem}-{number:04d}.png").exists():
        number += 1
    return path


class Window:
    """Opens the window; `frame` is what to paint the realm on. whole: scale by whole numbers only."""

    def __init__(self, fullscreen: bool = False, scale: int = 2, title: str = "Second Sight") -> None:
        _look_for_display()
        try:
            pg.display.init()
            if not os.environ.get("SDL_VIDEODRIVER") and pg.display.get_driver() in UNSEEN:
                raise pg.error("none answers")
            self.surface = pg.display.set_mode((SIZE[0] * scale, SIZE[1] * scale), pg.RESIZABLE)
        except pg.error as error:
            pg.display.quit()
            raise NoDisplay(f"no display to open a window on ({error}); {REMEDY}") from error
        pg.display.set_caption(title)
        self.frame = pg.Surface(SIZE).convert()
        self.whole = True
        self.fullscreen = False
        self._later = 0  # the multiple that a window gets when full screen is left; 0: as it was
        self._sheet: pg.Surface | None = None  # what is drawn on when the window doesn't hold a whole multiple
        if fullscreen:
            self.toggle_fullscreen()

    def toggle_fullscreen(self) -> None:
        """Between a window and the whole screen; the dummy driver has only the one window."""
        self.fullscreen = not self.fullscreen
        if os.environ.get("SDL_VIDEODRIVER") != "dummy":
            pg.display.toggle_fullscreen()
        if not self.fullscreen and self._later:
            self.resize(self._later)

    def resize(self, scale: int) -> None:
        """Makes the window a multiple of 640 x 360; in full screen it waits until that is left."""
        self._later = scale if self.fullscreen else 0
        if not self.fullscreen:
            self.surface = pg.display.set_mode((SIZE[0] * scale, SIZE[1] * scale), pg.RESIZABLE)

    def layout(self) -> tuple[int, tuple[int, int]]:
        """(scale, corner): the whole-number scale that is drawn at, and where the picture's corner lies on `canvas`."""
        width, height = self._measure()
        scale = max(1, min(width // SIZE[0], height // SIZE[1]))
        if self._stretched():
            return scale, (0, 0)
        return scale, ((width - SIZE[0] * scale) // 2, (height - SIZE[1] * scale) // 2)

    def _measure(self) -> tuple[int, int]:
        self.surface = pg.display.get_surface() or self.surface
        return self.surface.get_size()

    def _stretched(self) -> bool:
        """True if the picture doesn't go onto the window pixel by pixel."""
        width, height = self.surface.get_size()
        if width < SIZE[0] or height < SIZE[1]:
            return True
        return not self.whole and (width % SIZE[0] != 0 or height * SIZE[0] != width * SIZE[1])

    def _fit(self) -> pg.Rect:
        """Where the stretched picture lies in the window: as large as can be, in its own shape."""
        width, height = self.surface.get_size()
        part = min(width / SIZE[0], height / SIZE[1])
        size = max(1, int(SIZE[0] * part)), max(1, int(SIZE[1] * part))
        return pg.Rect((width - size[0]) // 2, (height - size[1]) // 2, *size)

    @property
    def canvas(self) -> pg.Surface:
        """What is drawn on: the window, or a sheet that `flip` stretches onto it."""
        scale, _ = self.layout()
        if not self._stretched():
            return self.surface
        size = (SIZE[0] * scale, SIZE[1] * scale)
        if self._sheet is None or self._sheet.get_size() != size:
            self._sheet = pg.Surface(size).convert()
        return self._sheet

    def pen(self) -> Pen:
        """A pen for the interface, in layout px."""
        return Pen(self.canvas, *self.layout())

    def put(self) -> None:
        """Brings the painted frame onto the canvas."""
        scale, corner = self.layout()
        size, canvas = (SIZE[0] * scale, SIZE[1] * scale), self.canvas
        if corner != (0, 0):
            canvas.fill(BARS)
        pg.transform.scale(self.frame, size, canvas.subsurface((*corner, *size)))

    def flip(self) -> None:
        """Shows what was drawn."""
        if self._stretched() and self._sheet is not None:
            fit = self._fit()
            self.surface.fill(BARS)
            self.surface.blit(pg.transform.smoothscale(self._sheet, fit.size), fit)
        pg.display.flip()

    def shoot(self, folder: Path, stem: str) -> Path:
        """Saves what was drawn as the first STEM-NNNN.png that isn't there yet. Raises OSError or pygame.error."""
        path = free_path(folder, stem)
        pg.image.save(self.canvas, path)
        return path

    def to_layout(self, position: tuple[int, int]) -> tuple[float, float]:
        """Layout px of a point of the window."""
        scale, corner = self.layout()
        if self._stretched():
            fit = self._fit()
            return (position[0] - fit.x) * SIZE[0] / fit.width, (position[1] - fit.y) * SIZE[1] / fit.height
        return (position[0] - corner[0]) / scale, (position[1] - corner[1]) / scale
