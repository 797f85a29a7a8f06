"""What the tests of title, slots and app share: an app with a keyboard and a pad, and minds that fall asleep."""

import errno
import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pygame as pg
import pytest

from common import files
from game import start
from game.app import game_loop
from game.app.app_context import AppContext
from game.app.pad import PAD_BUTTONS
from game.app.window import Window
from game.journey.save_slots import Slots
from game.screens import title
from game.screens.title import TitleMenu
from game.screens.title_scene import Vista
from game.ui.menus import Menu
from tests.kits.playkit import key, small_painter
from tests.kits.stub_mind import StubMind


class Mind(StubMind):
    """A stand-in that remembers how it was treated. wait: what falling asleep waits for."""

    def __init__(self, folder: Path, seed: int, wait: threading.Event | None = None) -> None:
        super().__init__()
        self.folder, self.seed, self.wait = folder, seed, wait
        self.started = self.closed = False

    def start(self) -> None:
        self.started = True

    def close(self) -> None:
        if self.wait is not None:
            assert self.wait.wait(10)
        self.closed = True
        super().close()


class Hands:
    """An app and a keyboard."""

    def __init__(self, root: Path, wait: threading.Event | None = None) -> None:
        self.minds: list[Mind] = []
        self.root = root
        self.wait = wait
        self.context = AppContext(Window(scale=1), home=root / "home")
        self.slots = Slots(root / "saves")
        self.app = start.with_title(self.context, self.slots, self._make)
        self.frames(1)

    def _make(self, folder: Path, seed: int) -> Mind:
        self.minds.append(Mind(folder, seed, self.wait))
        return self.minds[-1]

    def frames(self, count: int, *events: pg.Event) -> None:
        for event in events:
            pg.event.post(event)
        for _ in range(count):
            self.app.frame(pg.event.get(), 1 / 60)

    def tap(self, *codes: int) -> None:
        for code in codes:
            self.frames(1, key(code))
            self.frames(1, key(code, False))

    def press(self, *names: str) -> None:
        for name in names:
            number = PAD_BUTTONS.index(name)
            self.frames(1, pg.Event(pg.CONTROLLERBUTTONDOWN, button=number, instance_id=0))
            self.frames(1, pg.Event(pg.CONTROLLERBUTTONUP, button=number, instance_id=0))

    def take(self, *labels: str) -> None:
        """Chooses entries of open menus by their labels."""
        for label in labels:
            screens = self.app.game.screens if self.app.game else self.app.title.screens
            top = screens.top
            assert isinstance(top, Menu), label
            names = [entry.label for entry in top.entries]
            for _ in range((names.index(label) - top.chosen) % len(names)):
                self.tap(pg.K_DOWN)
            self.tap(pg.K_RETURN)

    def until(self, done: Callable[[], bool]) -> None:
        for _ in range(2000):
            if done():
                return
            self.frames(1)
            threading.Event().wait(0.002)
        raise AssertionError("never")

    def begin(self, seed: str) -> None:
        """From the title into a new journey in a free slot."""
        self.take("New journey")
        self.tap(*(getattr(pg, f"K_{mark}") for mark in seed), pg.K_RETURN)
        self.until(lambda: self.app.game is not None)

    def walk(self, frames: int = 30) -> None:
        self.frames(frames, key(pg.K_d))
        self.frames(2, key(pg.K_d, False))

    def home(self) -> None:
        """Saves and leaves to the title."""
        self.tap(pg.K_ESCAPE)
        self.take("Save and leave to the title")
        assert self.app.game is None


@cache
def one_vista() -> Vista:
    return Vista()


def paint_once(patch: pytest.MonkeyPatch) -> None:
    """Grounds are baked once for all tests: the slow part, and tests/game/screens/test_title.py looks at them."""
    patch.setattr(title, "Vista", one_vista)
    patch.setattr(game_loop, "Painter", lambda land: small_painter())


@contextmanager
def opened(root: Path, patch: pytest.MonkeyPatch, wait: threading.Event | None = None) -> Iterator[Hands]:
    """An app with an empty queue of events, closed at the end. wait: what its minds wait for to fall asleep."""
    paint_once(patch)
    pg.display.init()
    pg.event.clear()
    hands = Hands(root, wait)
    yield hands
    hands.app.close()
    pg.event.clear()


def full_disk(patch: pytest.MonkeyPatch) -> None:
    """From now on nothing can be written: every file that is written whole meets a full disk."""

    class Full(io.FileIO):
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def opened(target: int | Path, mode: str) -> io.FileIO:
        return Full(target, mode) if isinstance(target, int) else io.FileIO(target, mode)

    patch.setattr(files, "open", opened, raising=False)


def labels(hands: Hands) -> list[str]:
    top = hands.app.title.screens.top
    assert isinstance(top, TitleMenu)
    return [entry.label for entry in top.entries]
