"""A game in play: a window, a journey, sixty frames a second. It never waits for the mind.

`Game.frame` is one frame, so that a test or a bot can drive it with real pygame events. What comes before and after a
journey is in app.py.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pygame as pg

from common.files import make_folder
from game.app import heads_hud, hud
from game.app.app_context import AppContext
from game.app.aside import Aside
from game.app.bindings import HELD
from game.app.hearing import moment
from game.app.playing import Opener, Options
from game.app.settings import Settings
from game.app.window import Window
from game.art.frame_state import FrameState
from game.art.painter import Painter
from game.art.pixels.png import save_png
from game.journey.chronicle import Chronicle, day_of
from game.journey.journey import Journey
from game.journey.mind_line import Mind
from game.journey.reel import Reel
from game.journey.save_slots import AutoSave
from game.journey.sleep import at_the_inn
from game.journey.slot_card import THUMB, Beside, Card, read_card, read_paper
from game.realm.realms import Realm
from game.shared.fellows import Fellows
from game.ui import dream_view, heads_plain
from game.ui.announcements import Pace
from game.ui.font import DIM, SKYBLUE
from game.ui.screen_stack import ScreenStack
from perception.messages import WriteLog

DIMMED = (66, 66, 104)  # what the world is multiplied with while the first sight of all gathers
STILL = (132, 130, 176)  # what the world is multiplied with while it stands still
CHRONICLE = "chronicle.json"  # beside the log in a slot
WALK = ".replay"  # of the walk beside a head-diff log, which leads to the scenes that it names
WHOSE = "Your familiar: "  # before what its own mind notes
LONGEST_FRAME = 0.25  # s: a longer pause (a dragged window) isn't made up for


def welcome(window: Window) -> None:
    """Shows the game's name while the ground is painted."""
    pen = window.pen()
    window.canvas.fill((14, 12, 30))
    pen.text_centre("Second Sight", 320, 160, SKYBLUE)
    pen.text_centre("The realm takes shape...", 320, 180, DIM)
    window.flip()


class Game:
    """One journey in one window. context: the window and the settings, shared with the title; openers: what each
    command opens; goes_on: the journey was played before; now: the clock by which minds are asked (s);
    painter: one made before, of this map; fellows: the other players of a shared realm; familiar: the mind that speaks
    for it, None for the player's.
    """

    def __init__(
        self,
        realm: Realm,
        mind: Mind,
        context: AppContext,
        options: Options,
        openers: Mapping[str, Opener],
        goes_on: bool = False,
        now: Callable[[], float] = time.monotonic,
        painter: Painter | None = None,
        fellows: Fellows | None = None,
        familiar: Mind | None = None,
    ) -> None:
        self.context, self.options, self.openers, self.now = context, options, openers, now
        self.window = context.window
        welcome(self.window)
        self.painter = painter or Painter(realm.view.map)
        self.journey: Journey = Journey(realm, mind, goes_on, fellows, familiar=familiar)
        self.autosave = AutoSave(options.slot)
        self.screens = ScreenStack()
        self.over = False
        self.leaving = ""  # where to, once it is over: title or quit
        self.heads = False
        self.mode = heads_plain.PLAIN
        self.head_held = False
        self.frame_ms: deque[float] = deque(maxlen=2000)  # drawing alone, without waiting
        self.frame_state: FrameState | None = None  # what the last frame showed
        self.reel = Reel()
        self.dream: dream_view.Dream | None = None
        self._slept = 0.0
        self._aside = Aside()
        self._fault = ""  # of saving, as it was said last
        self._pace()
        if self.journey.narrator.speech is not None:
            self.journey.narrator.speech.pace = self.journey.narrator.pace
        if goes_on and options.slot is not None:
            self._recall(options.slot)

    def _recall(self, slot: Path) -> None:
        """Reads the first sights and counts that are kept beside the log. A broken page is said and left out."""
        page, card, journey = read_paper(slot, CHRONICLE), read_card(slot), self.journey
        if page is not None:
            try:
                journey.narrator.chronicle = Chronicle.decode(page)
            except ValueError as error:
                self.note(f"{CHRONICLE}: {error}; first sights are told from now on")
        count = card.found if card is not None and card.seed == journey.world.seed else 0
        journey.narrator.firsts.recall(count, bool(journey.narrator.chronicle.entries))

    @property
    def settings(self) -> Settings:
        """What the player chose."""
        return self.context.settings

    @property
    def labels(self) -> dict[str, str]:
        """What hints name for each command."""
        return self.context.labels

    @property
    def mouse(self) -> tuple[int, int] | None:
        """Where the mouse is, in px of the window; None until it moved."""
        return self.context.mouse

    def _pace(self) -> None:
        self.journey.narrator.pace = Pace(self.settings.letters_per_s, self.settings.speech_waits)

    def frame(self, events: Iterable[pg.Event], dt: float, draw: bool = True) -> None:
        """One frame: events in, dt seconds pass, a picture out; without draw the window stays as it was."""
        context, keys = self.context, self.context.keys
        context.seconds += dt
        self.journey.realm.refresh()
        context.read(events, self.screens, self._command)
        if keys.quit:
            self.leave("quit")
        if keys.away and self.settings.away == "pause" and not self.screens:
            self._command("menu")
        self._pace()
        if self.screens.pauses:
            self.journey.mind_client.practise(False)
            self.journey.mind_client.hear()
        else:
            free = not self.screens and not keys.away
            walk, attending = (keys.walking(), keys.attending) if free else ((0, 0), False)
            self.journey.advance(min(dt, LONGEST_FRAME), walk, attending, self.now())
            self._called()
        self.screens.advance(dt)
        self._aside.advance(dt, self.heads)
        self.autosave.advance(dt, self.journey.realm.log, self.card)
        self._hear()
        if draw:
            started = time.perf_counter()
            self._draw()
            self.frame_ms.append(1000 * (time.perf_counter() - started))
            self.window.flip()
            self.painter.advance()  # ground that nobody has seen yet is painted a little at a time
        if context.sound is not None:
            context.sound.frame(moment(self.journey, self.frame_state, self.screens, keys.away), dt)

    def _called(self) -> None:
        """Opens the screen that the journey wants."""
        if self.journey.narrator.wants and not self.screens:
            opener, self.journey.narrator.wants = self.openers[self.journey.narrator.wants], ""
            self.screens.push(opener.open(self))

    def _hear(self) -> None:
        """Turns what the mind and the disk report into notes."""
        journey = self.journey
        for whose, notes in (
            ("", journey.mind_client.notes),
            (WHOSE, journey.companion.notes),
            ("", journey.realm.notes),
        ):
            while notes:
                self.note(f"{whose}{notes.popleft()}")
        if self.autosave.fault != self._fault:
            self._fault = self.autosave.fault
            if self._fault:
                self.note(self._fault)

    def _command(self, command: str) -> None:
        if command == "log":
            self.ask_for_log()
        elif command == "shot":
            self._take_shot()
        elif command == "full":
            self.context.toggle_fullscreen()
        elif self.screens:
            self.screens.take(command)
        elif command in self.openers:
            self.screens.push(self.openers[command].open(self))
        elif command not in HELD:
            self._play(command)

    def _play(self, command: str) -> None:
        journey = self.journey
        if command == "act":
            journey.act()
        elif command == "look":
            journey.look()
        elif command == "rest" and not journey.resting and at_the_inn(journey.world) and not journey.realm.shared:
            self.screens.push(self.openers["inn"].open(self))
        elif command == "rest":
            journey.rest(not journey.resting)
        elif command == "skip" and journey.narrator.speech is not None:
            journey.narrator.speech.go_on(journey.seconds)
        elif command == "heads":
            self.heads = not self.heads
            journey.mind_client.head = None
        elif command == "mode":
            self.mode = heads_plain.VIEWS[(heads_plain.VIEWS.index(self.mode) + 1) % len(heads_plain.VIEWS)]

    def leave(self, where: str = "quit") -> None:
        """Ends the game; where: title or quit."""
        self.over, self.leaving = True, where

    def ask_for_log(self) -> None:
        """Asks the mind for its head-diff log, beside which the walk is written; a note says where, or why not."""
        path = self.options.log_path
        try:
            make_folder(path.parent)
            if self.journey.realm.log is not None:
                self.journey.realm.log.save(path.with_suffix(WALK))
        except OSError as error:
            self.note(f"No log: {error}")
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
        self.context.note(line)

    def shot(self, name: str | None = None) -> Path:
        """Saves what the window shows; returns where."""
        if name is None:
            return self.window.shoot(self.options.shot_dir, "second-sight")
        make_folder(self.options.shot_dir)
        path = self.options.shot_dir / name
        save_png(self.window.canvas, path)
        return path

    def card(self) -> Beside:
        """What a save slot shows of the journey, and the files that are kept beside its log."""
        journey, world = self.journey, self.journey.world
        seconds = world.tick / world.rules.ticks_per_second
        card = Card(
            world.seed,
            day_of(world, world.tick),
            round(world.hour, 2),
            seconds,
            journey.known,
            journey.narrator.firsts.found,
        )
        papers = {CHRONICLE: journey.narrator.chronicle.encode()}
        return Beside(card, pg.transform.smoothscale(self.window.frame, THUMB), papers)

    def _draw(self) -> None:
        journey, frame = self.journey, self.window.frame
        self.frame_state = journey.frame_state()
        if not self.screens.pauses:
            self.reel.note(self.frame_state, journey.view, own=not journey.lent and not journey.resting)
        if self.dream is None:
            player = self.frame_state.player
            inside = self.painter.room(player.x, player.y) is not None
            self.frame_state = self._aside.moved(self.frame_state, heads_hud.free(self), inside)
        camera = self.painter.paint(frame, self.frame_state, self.settings.calm, self.settings.safe)
        self._step_back(frame, camera)
        if journey.resting and self.dream is None:
            memories = [(place, *belief) for place, belief in journey.sight.memories.items()]
            self.dream, self._slept = dream_view.Dream(self.painter, memories), journey.seconds
        elif not journey.resting:
            self.dream = None
        if self.dream is not None:
            self.dream.paint(frame, journey.seconds, journey.seconds - self._slept)
        if self.screens.pauses and not self.screens.bare:
            frame.fill(STILL, special_flags=pg.BLEND_RGB_MULT)
        self.window.put()
        self._aside.target = hud.paint(self, camera)

    def _step_back(self, frame: pg.Surface, camera: tuple[int, int]) -> None:
        """Dims everything but the one shape while the first sight of all gathers."""
        stage = self.journey.sight.debut.stage(self.journey.seconds)
        if stage <= 0 or self.frame_state is None:
            return
        shade = tuple(round(255 + (value - 255) * stage) for value in DIMMED)
        frame.fill(shade, special_flags=pg.BLEND_RGB_MULT)
        for ghost in self.frame_state.ghosts:
            if ghost.place == self.journey.sight.debut.place:
                self.painter.ghost(frame, ghost, camera, self.journey.seconds, self.settings.safe)
