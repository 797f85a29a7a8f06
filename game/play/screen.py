"""The window: the realm's 640 x 360 px scaled by a whole number, letterboxed; the interface at the window's pixels."""

import os
import sys

import pygame as pg

from game.play.draw import SIZE
from game.play.font import Pen

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


class Screen:
    """Opens the window; `frame` is what to paint the realm on."""

    def __init__(self, fullscreen: bool = False, scale: int = 2, title: str = "Second Sight") -> None:
        _look_for_display()
        try:
            pg.display.init()
            if not os.environ.get("SDL_VIDEODRIVER") and pg.display.get_driver() in UNSEEN:
                raise pg.error("none answers")
            self.window = pg.display.set_mode((SIZE[0] * scale, SIZE[1] * scale), pg.RESIZABLE)
        except pg.error as error:
            pg.display.quit()
            raise NoDisplay(f"no display to open a window on ({error}); {REMEDY}") from error
        pg.display.set_caption(title)
        if fullscreen:
            self.toggle_fullscreen()
        self.frame = pg.Surface(SIZE).convert()

    def toggle_fullscreen(self) -> None:
        """Full screen and back; the dummy driver has none."""
        if os.environ.get("SDL_VIDEODRIVER") != "dummy":
            pg.display.toggle_fullscreen()

    def layout(self) -> tuple[int, tuple[int, int]]:
        """(scale, corner): the whole-number scale that fits, and where the picture's corner lies (window px)."""
        self.window = pg.display.get_surface() or self.window
        width, height = self.window.get_size()
        scale = max(1, min(width // SIZE[0], height // SIZE[1]))
        return scale, ((width - SIZE[0] * scale) // 2, (height - SIZE[1] * scale) // 2)

    def pen(self) -> Pen:
        """A pen for the interface, in layout px."""
        return Pen(self.window, *self.layout())

    def put(self) -> None:
        """Brings the painted frame onto the window."""
        scale, corner = self.layout()
        size = (SIZE[0] * scale, SIZE[1] * scale)
        if corner != (0, 0):
            self.window.fill(BARS)
        if min(corner) >= 0:
            pg.transform.scale(self.frame, size, self.window.subsurface((*corner, *size)))
        else:  # a window smaller than the picture shows its middle
            self.window.blit(self.frame, corner)

    def to_layout(self, position: tuple[int, int]) -> tuple[float, float]:
        """Layout px of a point of the window."""
        scale, corner = self.layout()
        return (position[0] - corner[0]) / scale, (position[1] - corner[1]) / scale
