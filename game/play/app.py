"""The game: a window, a journey, sixty frames a second. It never waits for the mind.

`run` is the whole of it; `Game.frame` is one frame, so that a test or a bot can drive it with real pygame events.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pygame as pg

from game.play import dream, overlay, ui
from game.play.draw import Painter
from game.play.font import DIM, GOLD, SKYBLUE, Pen
from game.play.journey import Journey
from game.play.keys import LABELS, Keys
from game.play.screen import Screen
from game.play.sight import Mind
from game.play.slot import Keeper
from game.play.stage import haunt
from game.realm.replay import ActionLog
from game.realm.world import World, nearest_place
from perception.messages import Keep, WriteLog

STATES = {
    "waking": "The mind is waking",
    "restarting": "The mind stumbled. It is waking again",
    "dead": "The mind is gone: nobody sees. Your journey goes on",
}
LONGEST_FRAME = 0.25  # s: a longer pause (a dragged window) isn't made up for
NOTE_STAYS = 6.0  # s


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


def welcome(screen: Screen) -> None:
    """Something to see while the ground is baked."""
    pen = screen.pen()
    screen.window.fill((14, 12, 30))
    pen.text_centre("Second Sight", 320, 160, SKYBLUE)
    pen.text_centre("The realm takes shape...", 320, 180, DIM)
    pg.display.flip()


class Game:
    """One game in one window. now: the clock by which minds are asked (s); painter: one made before, of this map;
    screen: a window that is open already; past: what led to this world, if the journey goes on.
    """

    def __init__(
        self,
        world: World,
        mind: Mind,
        options: Options,
        now: Callable[[], float] = time.monotonic,
        painter: Painter | None = None,
        screen: Screen | None = None,
        past: ActionLog | None = None,
    ) -> None:
        self.options = options
        self.now = now
        self.screen = screen or Screen(options.fullscreen, options.scale)
        welcome(self.screen)
        self.painter = painter or Painter(world.map)
        self.journey = Journey(world, mind, past)
        self.keeper = Keeper(options.slot)
        self.keys = Keys()
        self.over = False
        self.menu: int | None = None  # the chosen entry while paused
        self.heads = False
        self.mode = overlay.MODES[0]
        self.mouse: tuple[int, int] | None = None
        self.frame_ms: deque[float] = deque(maxlen=2000)  # drawing alone, without waiting
        self._dream: dream.Dream | None = None
        self._slept = 0.0
        self._notes: deque[tuple[float, str]] = deque(maxlen=4)

    def frame(self, events: Iterable[pg.Event], dt: float) -> None:
        """One frame: events in, dt seconds pass, a picture out."""
        events = list(events)
        for event in events:
            if event.type == pg.MOUSEMOTION:
                self.mouse = event.pos
        for command in self.keys.take(events):
            self._command(command)
        if self.keys.quit:
            self.over = True
        if self.menu is None:
            self.journey.advance(min(dt, LONGEST_FRAME), self.keys.walking(), self.keys.attending, self.now())
        else:
            self.journey.sight.practise(False)
            self.journey.sight.hear()
        self.keeper.advance(dt, self.journey.log)
        started = time.perf_counter()
        self._draw()
        self.frame_ms.append(1000 * (time.perf_counter() - started))
        pg.display.flip()

    def _command(self, command: str) -> None:
        if self.menu is not None:
            self._menu_command(command)
        elif command == "menu":
            self.menu = 0
        elif command == "act":
            self.journey.act()
        elif command == "look":
            self.journey.look()
        elif command == "rest":
            self.journey.rest(not self.journey.resting)
        elif command == "heads":
            self.heads = not self.heads
        elif command == "mode":
            self.mode = overlay.MODES[(overlay.MODES.index(self.mode) + 1) % len(overlay.MODES)]
        self._anytime(command)

    def _anytime(self, command: str) -> None:
        """Commands that work in the menu too."""
        if command == "log":
            self._ask_for_log()
        elif command == "shot":
            self._take_shot()
        elif command == "full":
            self.screen.toggle_fullscreen()

    def _ask_for_log(self) -> None:
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

    def _menu_command(self, command: str) -> None:
        assert self.menu is not None
        if command == "menu":
            self.menu = None
        elif command in ("up", "down"):
            self.menu = (self.menu + (1 if command == "down" else -1)) % len(ui.MENU)
        elif command in ("enter", "act"):
            chosen, self.menu = ui.MENU[self.menu], None
            if chosen == "Full screen":
                self.screen.toggle_fullscreen()
            elif chosen == "Leave":
                self.over = True

    def note(self, line: str) -> None:
        """Shows a line for a while; the same line again only stays longer."""
        if self._notes and self._notes[-1][1] == line:
            self._notes.pop()
        self._notes.append((self.journey.seconds + NOTE_STAYS, line))

    def shot(self, name: str | None = None) -> Path:
        """Saves what the window shows; returns where."""
        self.options.shot_dir.mkdir(parents=True, exist_ok=True)
        taken = len(list(self.options.shot_dir.glob("second-sight-*.png")))
        path = self.options.shot_dir / (name or f"second-sight-{taken + 1:04d}.png")
        pg.image.save(self.screen.window, path)
        return path

    def _draw(self) -> None:
        journey, frame = self.journey, self.screen.frame
        camera = self.painter.paint(frame, journey.stage())
        if journey.resting and self._dream is None:
            memories = [(place, *belief) for place, belief in journey.memories.items()]
            self._dream, self._slept = dream.Dream(self.painter, memories), journey.seconds
        elif not journey.resting:
            self._dream = None
        if self._dream is not None:
            self._dream.paint(frame, journey.seconds, journey.seconds - self._slept)
        self.screen.put()
        self._interface(camera)

    def _interface(self, camera: tuple[int, int]) -> None:
        journey, sight, pen = self.journey, self.journey.sight, self.screen.pen()
        now = journey.seconds
        history = sight.history
        if self._dream is not None:
            dream.panel(pen, sight.ready, sight.heads, history, now)
        else:
            self._marks(pen, camera)
            if journey.speech is not None:
                ui.speech(pen, journey.speech, now)
            ui.hints(pen, self._hints())
            ui.clock(pen, journey.world, journey.known, journey.firsts.found)
            if self.heads:
                mouse = self.screen.to_layout(self.mouse) if self.mouse else None
                overlay.panel(pen, self.mode, sight.ready, sight.heads, history, mouse)
            elif journey.attend > 0.5:
                overlay.small(pen, sight.ready, sight.heads, history)
        self._lines(pen)
        if self.menu is not None:
            ui.menu(pen, self.menu, self.options.seed)

    def _marks(self, pen: Pen, camera: tuple[int, int]) -> None:
        """What is written into the world: what somebody pointed at, what one sees unaided, what the senses tell."""
        journey = self.journey
        for spot in journey.pointed:
            ui.pointed(pen, spot, camera, journey.seconds)
        seen = journey.firsts.now
        if seen is not None:
            x, y = haunt(journey.world.map.places[seen.place])
            ui.sighted(pen, x - camera[0], y - camera[1], seen, journey.seconds)
        told = journey.whispers()
        if told is not None and seen is None and not journey.pointed:
            ui.whisper(pen, told[0] - camera[0], told[1] - camera[1], told[2])

    def _lines(self, pen: Pen) -> None:
        """Lines at the top: the state of the mind, notes, what to do next. They make room for the heads."""
        journey, now = self.journey, self.journey.seconds
        notes = journey.sight.notes
        while notes:
            self.note(notes.popleft())
        if self.keeper.fault:
            self.note(self.keeper.fault)
        wide = not self.heads or self._dream is not None
        shown = [line for until, line in self._notes if until > now]
        ui.notes(pen, shown, 100 if wide and journey.attend < 0.5 else 62)
        if journey.mind.state in STATES:
            ui.banner(pen, STATES[journey.mind.state], now, GOLD if journey.mind.state == "dead" else SKYBLUE, wide)
        elif wide and self._dream is None and self.menu is None:
            seen = journey.firsts.now
            if seen is not None and seen.first:
                place = journey.world.map.places[seen.place].kind
                ui.first_sight(pen, seen.species, place, LABELS["act"])
            elif not shown:
                ui.guide(pen, journey.guide.line(journey.context()))

    def _hints(self) -> list[tuple[str, str]]:
        """The keys that matter just now."""
        journey = self.journey
        place = nearest_place(journey.world)
        verb = journey.context()
        does = {"ask": "ask her", "touch": f"touch the {place.kind}", "rest": "rest", "look": "look"}.get(verb, verb)
        entries = [(LABELS["act"], does)]
        if verb != "look":
            entries.append((LABELS["look"], "look"))
        if journey.known or journey.sight.journal:
            entries.append((LABELS["attend"], "attend"))
        if journey.known:
            entries.append((LABELS["rest"], "dream"))
        return entries if journey.attend < 0.5 else [(LABELS["attend"], "attending")]


def run(
    world: World,
    mind: Mind,
    options: Options,
    screen: Screen | None = None,
    past: ActionLog | None = None,
    note: str = "",
) -> None:
    """Plays until the player leaves. The mind is the caller's: it is asked to keep what it learnt, not closed.

    note: a line to begin with. Raises NoDisplay where no window can be opened, OSError if the journey can't be saved.
    """
    game = Game(world, mind, options, screen=screen, past=past)
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
        pg.display.quit()
        game.keeper.close(game.journey.log)
