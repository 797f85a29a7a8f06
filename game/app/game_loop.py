"""The game: a window, a journey, sixty frames a second. It never waits for the mind.

`run` is the whole of one journey; `Game.frame` is one frame, so that a test or a bot can drive it with real pygame
events. The title and what comes before and after a journey are in shell.py.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pygame as pg

from game.app.app_context import AppContext
from game.app.keys import HELD
from game.app.settings import Settings
from game.app.window import Window
from game.art.frame_state import FrameState
from game.art.painter import Painter
from game.journey.chronicle import Chronicle
from game.journey.journey import Journey
from game.journey.mind_client import Mind
from game.journey.save_slots import AutoSave
from game.journey.slot_card import THUMB, Beside, Card, read_card, read_paper
from game.realm.replay import ActionLog
from game.realm.world import World
from game.screens import registry
from game.ui import dream_view, heads_grid, hud
from game.ui.font import DIM, SKYBLUE
from game.ui.overlays import Pace
from game.ui.screen_stack import Stack
from perception.messages import Keep, WriteLog

STILL = (132, 130, 176)  # what the world is multiplied with while it stands still
CHRONICLE = "chronicle.json"  # beside the log in a slot
LONGEST_FRAME = 0.25  # s: a longer pause (a dragged window) isn't made up for


@dataclass(frozen=True)
class Options:
    """How to play. slot: folder where the journey is saved, None for nowhere; max_seconds: leaves by itself then
    (s of real time); scale: window in multiples of 640 x 360.
    """

    seed: int = 0
    log_path: Path = Path("runs/journey.headlog")
    shot_dir: Path = Path("runs/shots")
    slot: Path | None = None
    fullscreen: bool = False
    max_seconds: float | None = None
    fps: int = 60
    scale: int = 2


def welcome(screen: Window) -> None:
    """Something to see while the ground is baked."""
    pen = screen.pen()
    screen.canvas.fill((14, 12, 30))
    pen.text_centre("Second Sight", 320, 160, SKYBLUE)
    pen.text_centre("The realm takes shape...", 320, 180, DIM)
    screen.flip()


class Game:
    """One game in one window. now: the clock by which minds are asked (s); painter: one made before, of this map;
    screen: a window that is open already; past: what led to this world, if the journey goes on; desk: window and
    settings that are shared with the title.
    """

    def __init__(
        self,
        world: World,
        mind: Mind,
        options: Options,
        now: Callable[[], float] = time.monotonic,
        painter: Painter | None = None,
        screen: Window | None = None,
        past: ActionLog | None = None,
        desk: AppContext | None = None,
    ) -> None:
        self.options = options
        self.now = now
        self.desk = desk or AppContext(screen or Window(options.fullscreen, options.scale))
        self.screen = self.desk.screen
        welcome(self.screen)
        self.painter = painter or Painter(world.map)
        self.journey: Journey = Journey(world, mind, past)
        self.keeper = AutoSave(options.slot)
        self.layers = Stack()
        self.over = False
        self.leaving = ""  # where to, once it is over: title or quit
        self.heads = False
        self.mode = heads_grid.MODES[0]
        self.frame_ms: deque[float] = deque(maxlen=2000)  # drawing alone, without waiting
        self.stage: FrameState | None = None  # what the last frame showed
        self.dream: dream_view.Dream | None = None
        self._slept = 0.0
        self._pace()
        if self.journey.speech is not None:
            self.journey.speech.pace = self.journey.pace
        if past is not None and options.slot is not None:
            self._recall(options.slot)

    def _recall(self, slot: Path) -> None:
        """What was seen first, when and where comes back from beside the log; a broken page is said and left out."""
        told, card, journey = read_paper(slot, CHRONICLE), read_card(slot), self.journey
        if told is not None:
            try:
                journey.chronicle = Chronicle.decode(told)
            except ValueError as error:
                self.note(f"{CHRONICLE}: {error}; first sights are told from now on")
        found = card.found if card is not None and card.seed == journey.world.seed else 0
        journey.firsts.recall(found, bool(journey.chronicle.entries))

    @property
    def settings(self) -> Settings:
        """What the player chose."""
        return self.desk.settings

    @property
    def labels(self) -> dict[str, str]:
        """What hints name for each command."""
        return self.desk.labels

    @property
    def mouse(self) -> tuple[int, int] | None:
        """Where the mouse is, in px of the window; None until it moved."""
        return self.desk.mouse

    def _pace(self) -> None:
        self.journey.pace = Pace(self.settings.letters_per_s, self.settings.speech_waits)

    def frame(self, events: Iterable[pg.Event], dt: float) -> None:
        """One frame: events in, dt seconds pass, a picture out."""
        desk, keys = self.desk, self.desk.keys
        desk.seconds += dt
        desk.read(events, self.layers, self._command)
        if keys.quit:
            self.leave("quit")
        if keys.away and self.settings.away == "pause" and not self.layers:
            self._command("menu")
        self._pace()
        if self.layers.pauses:
            self.journey.sight.practise(False)
            self.journey.sight.hear()
        else:
            free = not self.layers and not keys.away
            walk, attending = (keys.walking(), keys.attending) if free else ((0, 0), False)
            self.journey.advance(min(dt, LONGEST_FRAME), walk, attending, self.now())
            self._called()
        self.layers.advance(dt)
        self.keeper.advance(dt, self.journey.log, self.card)
        self._hear()
        started = time.perf_counter()
        self._draw()
        self.frame_ms.append(1000 * (time.perf_counter() - started))
        self.screen.flip()
        if desk.sound is not None:
            desk.sound.frame(self, dt)
        self.painter.advance()  # ground that nobody has seen yet is painted a little at a time

    def _called(self) -> None:
        """A screen that opens by itself."""
        if self.journey.wants and not self.layers:
            opener, self.journey.wants = registry.OPEN[self.journey.wants], ""
            self.layers.push(opener.open(self))

    def _hear(self) -> None:
        """What mind and disk have to say becomes notes."""
        notes = self.journey.sight.notes
        while notes:
            self.note(notes.popleft())
        if self.keeper.fault:
            self.note(self.keeper.fault)

    def _command(self, command: str) -> None:
        if command == "log":
            self.ask_for_log()
        elif command == "shot":
            self._take_shot()
        elif command == "full":
            self.desk.toggle_fullscreen()
        elif self.layers:
            self.layers.take(command)
        elif command in registry.OPEN:
            self.layers.push(registry.OPEN[command].open(self))
        elif command not in HELD:
            self._play(command)

    def _play(self, command: str) -> None:
        journey = self.journey
        if command == "act":
            journey.act()
        elif command == "look":
            journey.look()
        elif command == "rest":
            journey.rest(not journey.resting)
        elif command == "skip" and journey.speech is not None:
            journey.speech.go_on(journey.seconds)
        elif command == "heads":
            self.heads = not self.heads
        elif command == "mode":
            self.mode = heads_grid.MODES[(heads_grid.MODES.index(self.mode) + 1) % len(heads_grid.MODES)]

    def leave(self, where: str = "quit") -> None:
        """Ends the game; where: title or quit."""
        self.over, self.leaving = True, where

    def ask_for_log(self) -> None:
        """The mind is to write its head-diff log; says where, or why not."""
        path = self.options.log_path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self.note(f"No log: {path.parent} can't be made ({error.strerror})")
            return
        self.journey.mind.send(WriteLog(str(path)))
        self.note(f"Writing the head-diff log to {path}")

    def _take_shot(self) -> None:
        try:
            self.note(f"Screenshot: {self.shot()}")
        except (OSError, pg.error) as error:
            self.note(f"No screenshot: {error}")

    def note(self, line: str) -> None:
        """Shows a line for a while; the same line again only stays longer."""
        self.desk.note(line)

    def shot(self, name: str | None = None) -> Path:
        """Saves what the window shows; returns where."""
        if name is None:
            return self.screen.shoot(self.options.shot_dir, "second-sight")
        self.options.shot_dir.mkdir(parents=True, exist_ok=True)
        path = self.options.shot_dir / name
        pg.image.save(self.screen.canvas, path)
        return path

    def card(self) -> Beside:
        """What a save slot tells of the journey, and what is kept beside it."""
        journey, world = self.journey, self.journey.world
        hours = world.start_hour + world.tick / (world.rules.ticks_per_second * world.rules.seconds_per_hour)
        seconds = world.tick / world.rules.ticks_per_second
        card = Card(
            world.seed, 1 + int(hours // 24), round(world.hour, 2), seconds, journey.known, journey.firsts.found
        )
        papers = {CHRONICLE: journey.chronicle.encode()}
        return Beside(card, pg.transform.smoothscale(self.screen.frame, THUMB), papers)

    def _draw(self) -> None:
        journey, frame = self.journey, self.screen.frame
        self.stage = journey.stage()
        camera = self.painter.paint(frame, self.stage, self.settings.calm, self.settings.safe)
        if journey.resting and self.dream is None:
            memories = [(place, *belief) for place, belief in journey.memories.items()]
            self.dream, self._slept = dream_view.Dream(self.painter, memories), journey.seconds
        elif not journey.resting:
            self.dream = None
        if self.dream is not None:
            self.dream.paint(frame, journey.seconds, journey.seconds - self._slept)
        if self.layers.pauses and not self.layers.bare:
            frame.fill(STILL, special_flags=pg.BLEND_RGB_MULT)
        self.screen.put()
        hud.paint(self, camera)


def run(
    world: World,
    mind: Mind,
    options: Options,
    screen: Window | None = None,
    past: ActionLog | None = None,
    note: str = "",
    desk: AppContext | None = None,
) -> str:
    """Plays until the player leaves; returns where to (title or quit). The mind is the caller's: it is asked to keep
    what it learnt, not closed. Without a desk the window is closed at the end.

    note: a line to begin with. Raises NoDisplay where no window can be opened, OSError if the journey can't be saved.
    """
    game = Game(world, mind, options, screen=screen, past=past, desk=desk)
    if note:
        game.note(note)
    clock = pg.time.Clock()
    started = time.monotonic()
    try:
        while not game.over:
            dt = clock.tick(options.fps) / 1000
            game.frame(pg.event.get(), dt)
            if options.max_seconds is not None and time.monotonic() - started >= options.max_seconds:
                break
    finally:
        game.journey.sight.practise(False)
        mind.send(Keep())
        if desk is None:
            pg.display.quit()
        game.keeper.close(game.journey.log, game.card)
    return game.leaving or "quit"
