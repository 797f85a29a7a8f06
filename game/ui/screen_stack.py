"""Screens over the world: menus, codex, choosers. A screen takes commands and paints itself; the topmost is active."""

from typing import Any, Final, Protocol

import pygame as pg

from game.ui.font import Pen


class Close:
    """What a screen answers when it is done."""


CLOSE: Final = Close()


class Screen(Protocol):
    """One screen. It may also have `grab(event) -> bool` (sees raw events first; True swallows), `bare` (True: nothing
    of the interface below it is painted), `music` (the piece that plays while it is on top), `covers` (True: it stands
    in place of the open heads) and `closed()` (called when it goes).
    """

    pauses: bool  # the world below stands still

    def take(self, command: str) -> "Screen | Close | None":
        """A command: None stays, CLOSE goes, a screen opens on top."""
        ...

    def advance(self, dt: float) -> None:
        """dt s of real time have passed; only the topmost is told."""
        ...

    def paint(self, pen: Pen, seconds: float) -> None:
        """Over what lies below, in layout px; seconds: a clock for animations."""
        ...


class ScreenStack:
    """Open screens, the topmost last."""

    def __init__(self) -> None:
        self.open: list[Screen] = []
        self.age = 0.0  # s since the lowest one opened

    def __bool__(self) -> bool:
        return bool(self.open)

    @property
    def top(self) -> Screen | None:
        """The active screen."""
        return self.open[-1] if self.open else None

    @property
    def pauses(self) -> bool:
        """True if the world stands still."""
        return any(screen.pauses for screen in self.open)

    @property
    def bare(self) -> bool:
        """True if nothing of the interface below is painted."""
        return any(getattr(screen, "bare", False) for screen in self.open)

    def push(self, screen: Screen | None) -> None:
        """Opens a screen; None does nothing."""
        if screen is not None:
            self.age = self.age if self.open else 0.0
            self.open.append(screen)

    def grab(self, event: pg.Event) -> bool:
        """Lets the topmost see a raw event first; True if it swallowed it."""
        grab: Any = getattr(self.top, "grab", None)
        return bool(grab is not None and grab(event))

    def take(self, command: str) -> None:
        """A command for the topmost."""
        screen = self.top
        if screen is None:
            return
        answer = screen.take(command)
        if isinstance(answer, Close):
            self.shut(screen)
        else:
            self.push(answer)

    def shut(self, screen: Screen) -> None:
        """Closes a screen and whatever was opened on top of it."""
        while screen in self.open:
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
