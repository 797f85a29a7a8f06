"""The window: the realm's 640 x 360 px scaled to fill it, and the interface at the window's own pixels.

Where a whole number fits, each pixel becomes a square. Elsewhere the picture is painted at the next smaller one
and stretched, unless the player wants bars beside it instead. A window smaller than the picture gets it shrunk.
"""

import os
import sys
from pathlib import Path

import pygame as pg

from common.files import make_folder
from game.art.painter import SIZE
from game.art.pixels.png import save_png
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


def open_display() -> None:
    """Opens the display, without a window yet. Raises NoDisplay."""
    _look_for_display()
    os.environ.setdefault("SDL_WINDOWS_DPI_AWARENESS", "permonitorv2")  # else Windows enlarges a small picture
    try:
        pg.display.init()
        if not os.environ.get("SDL_VIDEODRIVER") and pg.display.get_driver() in UNSEEN:
            raise pg.error("none answers")
    except pg.error as error:
        raise _no_display(error) from error


def _no_display(error: pg.error) -> NoDisplay:
    pg.display.quit()
    return NoDisplay(f"no display to open a window on ({error}); {REMEDY}")


def free_path(folder: Path, stem: str, suffix: str = ".png") -> Path:
    """The first STEM-NNNN.png of a folder that isn't there yet; makes the folder. Raises OSError."""
    make_folder(folder)
    number = 1
    while (path := folder / f"{stem}-{number:04d}{suffix}").exists():
        number += 1
    return path


class Window:
    """Opens the window; `frame` is what to paint the realm on. scale: of the window, in multiples of 640 x 360, as far
    as the desktop has room; whole: scale by whole numbers only, with bars beside the picture.
    """

    def __init__(self, fullscreen: bool = False, scale: int = 2, title: str = "Second Sight") -> None:
        open_display()
        self._scale = scale
        try:
            self.surface = pg.display.set_mode(self._windowed(), pg.RESIZABLE)
        except pg.error as error:
            raise _no_display(error) from error
        pg.display.set_caption(title)
        self.frame = pg.Surface(SIZE).convert()
        self.whole = False
        self.fullscreen = False
        self._before = self.surface.get_size()  # of the window, before full screen
        self._corner: tuple[int, int] | None = None  # where it was then; None where there is no screen
        self._sheet: pg.Surface | None = None  # what is drawn on when the window doesn't hold a whole multiple
        if fullscreen:
            self.toggle_fullscreen()

    def toggle_fullscreen(self) -> None:
        """Switches between a window and all of the screen that the window is on. Drivers without a screen have only the
        window. The window stays where full screen fails.
        """
        if self.fullscreen:
            self.fullscreen = False
            self._back_to_window()
            return
        self._before = self.surface.get_size()
        if pg.display.get_driver() not in UNSEEN:
            self._corner = pg.display.get_window_position()
            try:
                if len(pg.display.get_desktop_sizes()) == 1:  # without a window manager nobody else moves it
                    pg.display.set_window_position((0, 0))
                self.surface = pg.display.set_mode((0, 0), pg.FULLSCREEN)  # 0: the size of the desktop
            except pg.error:
                self._back_to_window()
                return
        self.fullscreen = True

    def _back_to_window(self) -> None:
        self.surface = pg.display.set_mode(self._before, pg.RESIZABLE)
        if self._corner is not None:
            pg.display.set_window_position(self._corner)

    def resize(self, scale: int) -> None:
        """Makes the window a multiple of 640 x 360. In full screen this waits until full screen is left."""
        self._scale = scale
        if self.fullscreen:
            self._before = self._windowed()
        else:
            self.surface = pg.display.set_mode(self._windowed(), pg.RESIZABLE)

    def _windowed(self) -> tuple[int, int]:
        """The window's size: the chosen multiple, or the largest one for which the desktop has room."""
        scale = self._scale
        if pg.display.get_driver() not in UNSEEN:
            width, height = max(pg.display.get_desktop_sizes())
            scale = max(1, min(scale, width // SIZE[0], height // SIZE[1]))
        return SIZE[0] * scale, SIZE[1] * scale

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
        part = min(width / SIZE[0], height / SIZE[1])
        return not self.whole and part != int(part)

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
        save_png(self.canvas, path)
        return path

    def to_layout(self, position: tuple[int, int]) -> tuple[float, float]:
        """Layout px of a point of the window."""
        scale, corner = self.layout()
        if self._stretched():
            fit = self._fit()
            return (position[0] - fit.x) * SIZE[0] / fit.width, (position[1] - fit.y) * SIZE[1] / fit.height
        return (position[0] - corner[0]) / scale, (position[1] - corner[1]) / scale
