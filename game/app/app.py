"""From the title to a journey and back. A mind is started when a journey begins, and put to sleep beside the title."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Thread
from typing import Protocol

import pygame as pg

from game.app.app_context import AppContext
from game.app.game_loop import Game, Options
from game.journey.mind_client import Mind
from game.journey.save_slots import Slots, resume
from game.realm.replay import ActionLog, ReplayError
from game.realm.world import World, new_world
from game.screens.title import Title
from game.ui.screen_stack import ScreenStack
from perception.messages import Keep

ASLEEP = "The mind of your last journey falls asleep"
WAKING = "The realm takes shape"
FPS = 60


class Life(Mind, Protocol):
    """A mind that can be started and put to sleep (perception.link.Line)."""

    def start(self) -> None:
        """Starts it; returns at once."""
        ...

    def close(self) -> None:
        """Asks it to save and end; may wait for seconds."""
        ...


MakeMind = Callable[[Path, int], Life]  # a slot's folder and the journey's seed


class Waking(Thread):
    """Lives through a slot's journey again, beside the frames. world: None if that can't be; note: why, or a line."""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(name="lives through a journey", daemon=True)
        self.folder, self.seed = folder, seed
        self.past: ActionLog | None = None
        self.world: World | None = None
        self.note = ""

    def run(self) -> None:
        """The work."""
        try:
            self.past, self.note = resume(self.folder, None)
            self.world = self.past.replay() if self.past else new_world(self.seed)
        except (OSError, ReplayError) as error:
            self.note = str(error)


class App:
    """The whole of the game in one window. make: a mind for a slot, not yet started; now: the clock of minds (s)."""

    def __init__(
        self, context: AppContext, slots: Slots, make: MakeMind, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.context, self.slots, self.make, self.now = context, slots, make, now
        self.game: Game | None = None
        self.over = False
        self._unsaved: Game | None = None  # which the player wanted to leave, and couldn't be saved
        self._mind: Life | None = None
        self._sleepers: list[Thread] = []
        self._wanted: tuple[Path, int] | None = None  # the journey that begins as soon as it can
        self._waking: Waking | None = None  # the journey that is being lived through again
        self.title = Title(context, slots, self._want, self._leave)

    def frame(self, events: Iterable[pg.Event], dt: float) -> None:
        """One frame of the title or of the journey."""
        self._sleepers = [thread for thread in self._sleepers if thread.is_alive()]
        if self.game is not None:
            self.game.frame(events, dt)
            if self.game.over:
                self._end(self.game)
            return
        context, title = self.context, self.title
        context.seconds += dt
        title.waits = ASLEEP if self._wanted is not None and self._sleepers else WAKING if self._waking else ""
        context.read(events, ScreenStack() if title.waits else title.screens, self._command)
        if context.keys.quit:
            self.over = True
        title.paint(dt)
        context.window.flip()
        if context.sound is not None:
            context.sound.frame(None, dt)
        if self._waking is not None and not self._waking.is_alive():
            waking, self._waking = self._waking, None
            self._play(waking)
        if self._wanted is not None and not self._sleepers and not self.over:
            folder, seed = self._wanted
            self._wanted = None
            self._begin(folder, seed)

    def _command(self, name: str) -> None:
        if name == "shot":
            self._shot()
        else:
            self.title.command(name)

    def _shot(self) -> None:
        try:
            self.context.note(f"Screenshot: {self.context.window.shoot(self.slots.root / 'shots', 'title')}")
        except (OSError, pg.error) as error:
            self.context.note(f"No screenshot: {error}")

    def _want(self, folder: Path, seed: int) -> None:
        self._wanted = (folder, seed)

    def _leave(self) -> None:
        self.over = True

    def _begin(self, folder: Path, seed: int) -> None:
        """Goes on with the slot's journey, or begins one of this seed there; an hour takes a second or two."""
        self._mind = self.make(folder, seed)
        self._mind.start()  # it loads while the walk is lived through again
        self._waking = Waking(folder, seed)
        self._waking.start()

    def _play(self, waking: "Waking") -> None:
        if waking.world is None or self._mind is None:
            self.context.note(f"This journey can't begin: {waking.note}")
            self._sleep()
            self.title.refresh()
            return
        folder, world = waking.folder, waking.world
        options = Options(world.seed, folder / "log.msgpack", folder / "shots", folder)
        self.context.keys.release()
        self.game = Game(world, self._mind, options, self.now, past=waking.past, context=self.context)
        if waking.note:
            self.game.note(waking.note)

    def _end(self, game: Game, anyway: bool = False) -> None:
        """Saves, puts the mind to sleep, shows the title unless the player leaves for good. What can't be saved goes
        on until it can or the player leaves once more; anyway: ends all the same.
        """
        game.journey.sight.practise(False)
        game.journey.mind.send(Keep())
        try:
            game.autosave.close(game.journey.log, game.card)
        except OSError as error:
            if not anyway and self._unsaved is not game:
                self._unsaved, game.over, self.context.keys.quit = game, False, False
                self.context.note(f"The journey can't be saved: {error}. Leave once more to leave it unsaved")
                return
            self.context.note(f"The journey could not be saved: {error}")
        self.game = None
        self._sleep()
        self.over = self.over or game.leaving == "quit"
        if not self.over:
            self.title.refresh()

    def _sleep(self) -> None:
        if self._mind is not None:
            thread = Thread(target=self._mind.close, name="puts a mind to sleep", daemon=True)
            thread.start()
            self._sleepers.append(thread)
            self._mind = None

    def close(self) -> None:
        """Ends whatever goes on, and waits for minds to fall asleep."""
        if self.game is not None:
            self.game.leave("quit")
            self._end(self.game, anyway=True)
        self.context.keep()
        if self.context.sound is not None:
            self.context.sound.close()
        self._sleep()  # one whose journey had not begun yet
        for thread in self._sleepers:
            thread.join()


def run(app: App, max_seconds: float | None = None) -> None:
    """Frames until the player leaves; max_seconds: leaves by itself then (s of real time)."""
    clock, began = pg.time.Clock(), time.monotonic()
    try:
        while not app.over:
            app.frame(pg.event.get(), clock.tick(FPS) / 1000)
            if max_seconds is not None and time.monotonic() - began >= max_seconds:
                break
    finally:
        pg.display.quit()
        app.close()
