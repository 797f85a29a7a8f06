"""What the title and the game share: window, keys, pads, settings and their file, sound, notes."""

import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pygame as pg

from game.app.keys import Keys
from game.app.settings import Settings, save
from game.app.window import Window
from game.audio.moment import Moment
from game.ui.screen_stack import ScreenStack

NOTE_STAYS = 6.0  # s
NOTE_SHORT, NOTE_READ = 80, 0.06  # letters that are read in that time, and s that each further one takes
UNPLUGGED = "The gamepad is gone. Keys go on"


class Sound(Protocol):
    """What the game needs of sound. Nothing here may block or raise."""

    def apply(self, settings: Settings) -> None:
        """Other volumes from now on."""
        ...

    def cue(self, name: str) -> None:
        """A sound of the interface: move, take or back."""
        ...

    def frame(self, moment: Moment | None, dt: float) -> None:
        """A frame of dt s has passed; moment: what is to be heard, None on the title."""
        ...

    def close(self) -> None:
        """Silence, for good."""
        ...


class AppContext:
    """One window and the player's settings. home: the folder of the settings file, None for nowhere."""

    def __init__(
        self, window: Window, settings: Settings | None = None, home: Path | None = None, sound: Sound | None = None
    ) -> None:
        self.window, self.home, self.sound = window, home, sound
        self.settings = settings or Settings(fullscreen=window.fullscreen)
        self._kept = self.settings  # as they are written down
        self.keys = Keys()
        self.keys.pads.start()
        self.mouse: tuple[int, int] | None = None  # window px
        self.seconds = 0.0
        self._notes: deque[tuple[float, str]] = deque(maxlen=4)
        self._apply()

    @property
    def labels(self) -> dict[str, str]:
        """What hints call the key or button of each command, by the device used last."""
        return self.keys.labels()

    def zoom(self) -> float:
        """How large text is."""
        return self.settings.zoom

    def cue(self, name: str) -> None:
        """A sound of the interface, if there is sound."""
        if self.sound is not None:
            self.sound.cue(name)

    def choose(self, settings: Settings) -> None:
        """Uses other settings from now on. `keep` writes them down: a menu calls it when it closes, not at every
        step.
        """
        before, self.settings = self.settings, settings
        self._apply()
        if settings.scale != before.scale:
            self.window.resize(settings.scale)
        if settings.fullscreen != self.window.fullscreen:
            self.window.toggle_fullscreen()

    def keep(self) -> None:
        """Writes the settings to disk if they were changed since."""
        if self.home is not None and self.settings != self._kept and (fault := save(self.settings, self.home)):
            self.note(fault)
        self._kept = self.settings

    def toggle_fullscreen(self) -> None:
        """Switches full screen on or off, and keeps that as a setting."""
        self.choose(replace(self.settings, fullscreen=not self.window.fullscreen))
        self.keep()

    def _apply(self) -> None:
        self.keys.bind(self.settings.keys, self.settings.pad)
        self.keys.pads.choose(self.settings.pads, self.settings.dead_zone / 10)
        self.window.whole = self.settings.whole
        if self.sound is not None:
            self.sound.apply(self.settings)

    def note(self, line: str) -> None:
        """Shows a line for a while; the same line again only stays longer."""
        if self._notes and self._notes[-1][1] == line:
            self._notes.pop()
        self._notes.append((self.seconds, line))

    def notes(self, within: float = math.inf) -> list[str]:
        """The lines that are shown now, a long one for longer; within: only those noted in the last so many s."""
        lines = []
        for since, line in self._notes:
            stays = NOTE_STAYS + NOTE_READ * max(0, len(line) - NOTE_SHORT)
            if self.seconds - since < min(stays, within):
                lines.append(line)
        return lines

    def read(self, events: Iterable[pg.Event], stack: ScreenStack, command: Callable[[str], None]) -> None:
        """Hands each event to the open screen, or its commands to `command`. Follows the mouse and the pads."""
        self.keys.pads.settle()
        for event in events:
            if event.type in (pg.MOUSEMOTION, pg.MOUSEBUTTONDOWN):
                self._mouse(event, stack)
            if event.type == pg.QUIT or not stack.grab(event):
                for name in self.keys.take(event, menu=bool(stack)):
                    command(name)
        if self.keys.pads.left:
            self.keys.pads.left = self.keys.by_pad = False
            self.note(UNPLUGGED)

    def _mouse(self, event: pg.Event, stack: ScreenStack) -> None:
        self.mouse = event.pos
        point = getattr(stack.top, "point", None)
        hit = point is not None and point(*self.window.to_layout(event.pos))
        if hit and event.type == pg.MOUSEBUTTONDOWN and event.button == 1:
            stack.take("enter")
