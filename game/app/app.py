"""From the title to a journey and back. Every journey begins and ends here, with a title or without one.

A mind is started when a journey begins, and closed in a thread when it ends: it may take a while to save.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Thread
from typing import Protocol

import pygame as pg

from common.locks import FolderLock
from game.app.app_context import AppContext
from game.app.game_loop import Game, welcome
from game.app.playing import Opener, Options
from game.journey.mind_line import Mind
from game.journey.save_slots import SlotInUse, begin, lock, resume
from game.realm.play_rules import load as load_play
from game.realm.realms import LocalRealm, Realm
from game.realm.replay import ActionLog, ReplayError
from game.realm.world import World, new_world
from game.shared.fellows import Fellows
from game.ui.screen_stack import ScreenStack
from perception.messages import Keep

CLOSING = "The mind of your last journey falls asleep"
LOADING = "The realm takes shape"
FPS = 60


class Life(Mind, Protocol):
    """A mind that can be started and closed (perception.link.Line)."""

    def start(self) -> None:
        """Starts it; returns at once."""
        ...

    def close(self) -> None:
        """Asks it to save and end; may wait for seconds."""
        ...


MakeMind = Callable[[Path, int], Life]  # a slot's folder and the journey's seed


class TitleScreen(Protocol):
    """What the app needs of a title (screens.title.Title). waits: what is waited for, shown over everything."""

    waits: str
    screens: ScreenStack

    def refresh(self) -> None:
        """Looks at the slots again."""
        ...

    def command(self, name: str) -> None:
        """A command from keys or pad."""
        ...

    def paint(self, dt: float) -> None:
        """One picture; dt s have passed."""
        ...


Begin = Callable[[Path, int], None]  # a slot's folder, and the seed of a new journey there
MakeTitle = Callable[[Begin, Callable[[], None]], TitleScreen]  # what begins a journey, and what leaves the game


class Loading(Thread):
    """Replays a slot's journey, beside the frames, or makes a new realm. world: None if that fails; note: a line for
    the player; error: why it failed.

    seed: of a new journey; only: a journey of another seed that lies in the slot is moved aside.
    """

    def __init__(self, folder: Path, seed: int, only: bool) -> None:
        super().__init__(name="replays a journey", daemon=True)
        self.folder, self.seed, self.only = folder, seed, only
        self.past: ActionLog | None = None
        self.world: World | None = None
        self.note = ""
        self.error: OSError | ReplayError | None = None

    def run(self) -> None:
        """Replays the journey, or makes the realm."""
        try:
            log, self.note = resume(self.folder, self.seed if self.only else None)
            seed = log.seed if log is not None else self.seed
            if log is not None and log.ticks:
                self.past, self.world = log, log.replay()
                return
            self.world = new_world(seed, load_play())
            try:
                begin(self.folder, seed)
            except OSError as error:  # the game says so again whenever it can't save
                self.note = " ".join(filter(None, (self.note, f"The journey can't be saved: {error}")))
        except (OSError, ReplayError) as error:
            self.error = error


class App:
    """The whole of the game in one window. make_mind: a mind for a slot, not yet started; openers: what each command of
    play opens; make_title: None for one journey without a title, which `begin` begins; shots: the folder of the
    title's screenshots; now: the clock by which minds are asked (s); make_familiar: as make_mind, of the mind that
    speaks for the familiar; None if that is the player's.
    """

    def __init__(
        self,
        context: AppContext,
        make_mind: MakeMind,
        openers: Mapping[str, Opener],
        make_title: MakeTitle | None,
        shots: Path,
        now: Callable[[], float] = time.monotonic,
        make_familiar: MakeMind | None = None,
    ) -> None:
        self.context, self.now = context, now
        self.game: Game | None = None
        self.over = False
        self.error: OSError | ReplayError | None = None  # why the journey could not begin, or was not saved at the end
        self._make_mind, self._make_familiar, self._openers, self._shots = make_mind, make_familiar, openers, shots
        self._unsaved: Game | None = None  # the player wanted to leave it, and it could not be saved
        self._mind: Life | None = None
        self._familiar: Life | None = None
        self._closing: list[Thread] = []
        self._next: tuple[Path, int, bool] | None = None  # the journey that begins as soon as it can
        self._loading: Loading | None = None
        self._lock: FolderLock | None = None  # of the slot that is played
        self.title = make_title(self.begin, self._leave) if make_title is not None else None

    def frame(self, events: Iterable[pg.Event], dt: float, draw: bool = True) -> None:
        """One frame of the title or of the journey; without draw the journey's picture stays as it was."""
        self._closing = [thread for thread in self._closing if thread.is_alive()]
        if self.game is not None:
            self.game.frame(events, dt, draw)
            if self.game.over:
                self._end(self.game)
            return
        context, title = self.context, self.title
        context.seconds += dt
        waits = CLOSING if self._next is not None and self._closing else LOADING if self._loading else ""
        context.read(events, title.screens if title is not None and not waits else ScreenStack(), self._command)
        if context.keys.quit:
            self.over = True
        if title is None:
            welcome(context.window)
        else:
            title.waits = waits
            title.paint(dt)
            context.window.flip()
        if context.sound is not None:
            context.sound.frame(None, dt)
        self._go_on()

    def _go_on(self) -> None:
        """Takes the next step towards a journey that is to begin, if it can be taken now."""
        if self._loading is not None and not self._loading.is_alive():
            loaded, self._loading = self._loading, None
            self._play(loaded)
        if self._next is not None and not self._closing and not self.over:
            (folder, seed, only), self._next = self._next, None
            try:
                self._lock = lock(folder)
            except SlotInUse as error:
                self.context.note(str(error))
                self._back(error)
                return
            self._mind = self._wake(folder, seed)  # it loads while the journey is replayed
            self._loading = Loading(folder, seed, only)
            self._loading.start()

    def _command(self, name: str) -> None:
        if name == "shot":
            self._shot()
        elif self.title is not None:
            self.title.command(name)

    def _shot(self) -> None:
        try:
            self.context.note(f"Screenshot: {self.context.window.shoot(self._shots, 'title')}")
        except (OSError, pg.error) as error:
            self.context.note(f"No screenshot: {error}")

    def begin(self, folder: Path, seed: int, only: bool = False) -> None:
        """Goes on with the slot's journey, or begins one of this seed there; an hour takes a second or two. only: moves
        a journey of another seed aside.
        """
        self._next = (folder, seed, only)

    def _leave(self) -> None:
        self.over = True

    def _play(self, loaded: Loading) -> None:
        if loaded.world is None or self._mind is None:
            self.context.note(f"This journey can't begin: {loaded.error}")
            self._close_mind()
            self._let_go()
            self._back(loaded.error)
            return
        folder, world = loaded.folder, loaded.world
        options = Options(world.seed, folder / "log.msgpack", folder / "shots", folder)
        self.context.keys.release()
        realm = LocalRealm(world, loaded.past)
        going_on = loaded.past is not None
        game = self.context, options, self._openers, going_on, self.now
        self.game = Game(realm, self._mind, *game, familiar=self._familiar)
        if loaded.note:
            self.game.note(loaded.note)

    def join(self, folder: Path, realm: Realm, fellows: Fellows, goes_on: bool) -> None:
        """Plays in a realm that is there already. folder: for the player's mind and pages; goes_on: they have been
        there before. Raises SlotInUse."""
        self._lock = lock(folder)
        self._mind = self._wake(folder, realm.view.seed)
        options = Options(realm.view.seed, folder / "log.msgpack", folder / "shots", folder)
        game = self.context, options, self._openers, goes_on, self.now, None, fellows, self._familiar
        self.game = Game(realm, self._mind, *game)

    def _back(self, error: OSError | ReplayError | None = None) -> None:
        """Goes back to the title. Without a title the game is over, and `error` says why."""
        if self.title is None:
            self.over, self.error = True, error
        elif not self.over:
            self.title.refresh()

    def _end(self, game: Game, anyway: bool = False) -> None:
        """Saves, closes the mind, and shows the title unless the player leaves for good. A journey that can't be saved
        goes on, until it can be saved or the player leaves once more. anyway: ends it all the same.
        """
        game.journey.mind_client.practise(False)
        game.journey.mind.send(Keep())
        try:
            game.autosave.close(game.journey.realm.log, game.card)
        except OSError as error:
            if not anyway and self._unsaved is not game:
                self._unsaved, game.over, self.context.keys.quit = game, False, False
                self.context.note(f"The journey can't be saved: {error}. Leave once more to leave it unsaved")
                return
            self.context.note(f"The journey could not be saved: {error}")
            self.error = error
        game.journey.realm.close()
        self.game = None
        self._close_mind()
        self._let_go()
        self.over = self.over or game.leaving == "quit"
        self._back(self.error)

    def _let_go(self) -> None:
        """Lets another game play the slot."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _wake(self, folder: Path, seed: int) -> Life:
        """Starts the minds of a slot; the player's."""
        if self._make_familiar is not None:
            self._familiar = self._make_familiar(folder, seed)
            self._familiar.start()
        mind = self._make_mind(folder, seed)
        mind.start()
        return mind

    def _close_mind(self) -> None:
        for mind in filter(None, (self._mind, self._familiar)):
            self._closing.append(Thread(target=mind.close, name="closes a mind", daemon=True))
            self._closing[-1].start()
        self._mind = self._familiar = None

    def close(self) -> None:
        """Ends whatever goes on, and waits for minds to save and end."""
        if self.game is not None:
            self.game.leave("quit")
            self._end(self.game, anyway=True)
        self.context.keep()
        if self.context.sound is not None:
            self.context.sound.close()
        self._close_mind()  # one whose journey had not begun yet
        self._let_go()
        for thread in self._closing:
            thread.join()


def run(app: App, max_seconds: float | None = None) -> None:
    """Frames until the player leaves; max_seconds: leaves by itself then (s of real time). Raises OSError or
    ReplayError if a journey without a title could not begin, or the last one could not be saved.
    """
    clock, began = pg.time.Clock(), time.monotonic()
    try:
        while not app.over:
            app.frame(pg.event.get(), clock.tick(FPS) / 1000)
            if max_seconds is not None and time.monotonic() - began >= max_seconds:
                break
    finally:
        pg.display.quit()
        app.close()
    if app.error is not None:
        raise app.error
