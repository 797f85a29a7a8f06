"""Screens over the world: menus, codex, choosers. A layer is handed commands and paints itself; the topmost speaks."""

from typing import Any, Final, Protocol

import pygame as pg

from game.ui.font import Pen


class Close:
    """What a layer answers when it is done."""


CLOSE: Final = Close()


class Screen(Protocol):
    """One screen. It may also have `grab(event) -> bool` (sees raw events first; True swallows), `bare` (True: nothing
    of the interface below it is painted) and `closed()` (called when it goes).
    """

    pauses: bool  # the world below stands still

    def take(self, command: str) -> "Screen | Close | None":
        """A command: None stays, CLOSE goes, a layer opens on top."""
        ...

    def advance(self, dt: float) -> None:
        """dt s of real time have passed; only the topmost is told."""
        ...

    def paint(self, pen: Pen, seconds: float) -> None:
        """Over what lies below, in layout px; seconds: a clock for animations."""
        ...


class Stack:
    """Open layers, the topmost last."""

    def __init__(self) -> None:
        self.open: list[Screen] = []
        self.age = 0.0  # s since the lowest one opened

    def __bool__(self) -> bool:
        return bool(self.open)

    @property
    def top(self) -> Screen | None:
        """The one that hears."""
        return self.open[-1] if self.open else None

    @property
    def pauses(self) -> bool:
        """True if the world stands still."""
        return any(layer.pauses for layer in self.open)

    @property
    def bare(self) -> bool:
        """True if nothing of the interface below is painted."""
        return any(getattr(layer, "bare", False) for layer in self.open)

    def push(self, layer: Screen | None) -> None:
        """Opens a layer; None does nothing."""
        if layer is not None:
            self.age = self.age if self.open else 0.0
            self.open.append(layer)

    def grab(self, event: pg.Event) -> bool:
        """Lets the topmost see a raw event first; True if it swallowed it."""
        grab: Any = getattr(self.top, "grab", None)
        return bool(grab is not None and grab(event))

    def take(self, command: str) -> None:
        """A command for the topmost."""
        layer = self.top
        if layer is None:
            return
        answer = layer.take(command)
        if isinstance(answer, Close):
            self.shut(layer)
        else:
            self.push(answer)

    def shut(self, layer: Screen) -> None:
        """Closes a layer and whatever was opened on top of it."""
        while layer in self.open:
            gone: Any = self.open.pop()
            if hasattr(gone, "closed"):
                gone.closed()

    def clear(self) -> None:
        """Closes them all."""
        if self.open:
            self.shut(self.open[0])

    def advance(self, dt: float) -> None:
        """Time passes for the topmost."""
        self.age += dt
        if self.top is not None:
            self.top.advance(dt)

    def paint(self, pen: Pen, seconds: float) -> None:
        """The topmost; it stands in the place of those below it."""
        if self.top is not None:
            self.top.paint(pen, seconds)
