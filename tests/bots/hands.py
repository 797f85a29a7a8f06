"""A bot's hands and eyes: it presses keys through pygame's own event queue and looks at what the screens say.

It walks, asks, names, talks and reads menus as somebody would. Time is either the game's (as fast as it can be
drawn) or real (sixty frames a second by the clock), which a mind of its own process needs to learn.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Protocol

import pygame as pg

from game.app.game_loop import Game
from game.realm.senses import in_sight
from game.realm.terrain import TILE
from game.realm.world import World
from game.screens.naming import Chooser
from game.ui.menus import Menu
from tests.kits.questkit import Hand
from tests.kits.stub_mind import StubMind

FRAME = 1 / 30  # s of the game's clock per frame when nobody waits: a tick each
LONG_FRAME = 5 / 30  # s: on a straight way
PX_PER_TICK = 3  # how far the player gets
ASKS = 3  # times the bot asks at one spot before it walks on
SPOT = 48  # px below a landmark: in sight of it and out of its reach
ARROWS = {(-1, 0): pg.K_LEFT, (1, 0): pg.K_RIGHT, (0, -1): pg.K_UP, (0, 1): pg.K_DOWN}


class Played(Protocol):
    """A game or the app around one."""

    def frame(self, events: Iterable[pg.Event], dt: float, draw: bool = True) -> None:
        """Events in, dt seconds pass, a picture out if it is to be drawn."""
        ...


class Stand(StubMind):
    """A stand-in for a mind that an app can start."""

    def start(self) -> None:
        """It is awake already."""


@dataclass
class Bot:
    """Hands on the keyboard. real: by the clock, at 60 frames a second; waits: the mind learns in real seconds only;
    watch: called after every frame with the seconds that it let pass; longest: s of a frame on a straight way;
    every: frames from one picture that is drawn to the next.
    """

    played: Played
    out: Path
    rng: Random
    real: bool = False
    waits: bool = True
    watch: Callable[[float], None] = lambda dt: None
    longest: float = LONG_FRAME
    every: int = 1
    passed: int = 0
    held: set[int] = field(default_factory=set)
    clock: pg.time.Clock | None = None

    @property
    def game(self) -> Game:
        """The journey that is played."""
        game = self.played if isinstance(self.played, Game) else getattr(self.played, "game", None)
        assert isinstance(game, Game), "no journey has begun"
        return game

    @property
    def world(self) -> World:
        return self.game.journey.realm.world

    def frames(self, count: int, dt: float = FRAME) -> None:
        """Lets frames pass, or in real time as many seconds as they would take."""
        if self.real:
            self._seconds(count * dt)
            return
        for _ in range(count):
            self._frame(dt)

    def _seconds(self, seconds: float) -> None:
        self.clock = self.clock or pg.time.Clock()
        while seconds > 0:
            dt = self.clock.tick(60) / 1000
            self._frame(dt)
            seconds -= dt

    def _frame(self, dt: float) -> None:
        self.passed += 1
        self.played.frame(pg.event.get(), dt, self.passed % self.every == 0)
        self.watch(dt)

    def lets_learn(self, seconds: float) -> None:
        """Seconds in which the mind practises: real ones, if it needs that."""
        if self.waits and not self.real:
            self.clock = pg.time.Clock()
            self._seconds(seconds)
        else:
            self.frames(round(seconds / FRAME))

    def down(self, key: int) -> None:
        if key not in self.held:
            self.held.add(key)
            pg.event.post(pg.Event(pg.KEYDOWN, key=key))

    def up(self, key: int) -> None:
        if key in self.held:
            self.held.discard(key)
            pg.event.post(pg.Event(pg.KEYUP, key=key))

    def press(self, *keys: int) -> None:
        """Presses and releases keys, one after the other."""
        for key in keys:
            self.down(key)
            self.frames(2)
            self.up(key)
            self.frames(1)

    def until(self, done: Callable[[], bool], seconds: float, by_clock: bool = False) -> bool:
        """Frames until something holds, by the clock where somebody else is waited for; False if it never does."""
        end, passed = time.monotonic() + seconds, 0.0
        by_clock = by_clock or self.waits or self.real
        while not done():
            if (time.monotonic() > end) if by_clock else (passed > seconds):
                return False
            self._frame(1 / 60)
            passed += 1 / 60
            if by_clock:
                time.sleep(1 / 60)
        return True

    def walk(self, x: int, y: int, reach: int = 12) -> bool:
        """Walks with the arrow keys to within `reach` px of a point, through doors too; False if it can't."""
        path = Hand(self.world).route((x, y), reach)
        for index, (column, row) in enumerate(path[1:], 1):
            if not self._step(path, index, column * TILE + TILE // 2, row * TILE + TILE // 2):
                break
        for key in ARROWS.values():
            self.up(key)
        self.frames(2)
        player = self.world.player
        return bool(path) and (player.x - x) ** 2 + (player.y - y) ** 2 <= (reach + TILE) ** 2

    def _step(self, path: list[tuple[int, int]], index: int, x: int, y: int) -> bool:
        """To the middle of a tile of the way; False if something is in the way."""
        player = self.world.player
        for _ in range(200):
            dx, dy = x - player.x, y - player.y
            if abs(dx) + abs(dy) > 3 * TILE or (abs(dx) <= 2 and abs(dy) <= 2):
                return True  # there, or through a door
            for (way_x, way_y), key in ARROWS.items():
                (self.down if dx * way_x + dy * way_y > 2 else self.up)(key)
            if self.real:
                self.clock = self.clock or pg.time.Clock()
                self._frame(self.clock.tick(60) / 1000)
            else:
                self._frame(self._pace(path, index, dx, dy))
        return False

    def _pace(self, path: list[tuple[int, int]], index: int, dx: int, dy: int) -> float:
        """s until the next look at the way: longer where it goes straight on. A tile is five ticks wide."""
        ahead = (dx > 2) - (dx < -2), (dy > 2) - (dy < -2)
        column, row = path[index]
        straight = path[index + 1 : index + 2] == [(column + ahead[0], row + ahead[1])]
        return self.longest if straight and abs(dx) + abs(dy) >= PX_PER_TICK * 5 and 0 in ahead else FRAME

    def go(self, place: int) -> bool:
        """To a spot near a landmark, in sight of it and out of its reach if there is such a spot."""
        spot = self.world.map.places[place]
        if spot.room < 0 and self.world.open(spot.x, spot.y + SPOT) and self.walk(spot.x, spot.y + SPOT):
            return True
        return self.walk(spot.x, spot.y, 60) or self.walk(spot.x, spot.y, 90)

    def beside(self, place: int) -> bool:
        """So near a landmark that one can touch it."""
        spot = self.world.map.places[place]
        return any(self.walk(spot.x, spot.y, reach) for reach in (12, 18, 24))

    def ask(self, wanted: int) -> int:
        """Asks the seer here until she has nothing more to say, or enough was shown; returns how many now were."""
        journey, before = self.game.journey, self.game.journey.narrator.shown
        for _ in range(ASKS):
            now = journey.narrator.shown
            if now >= wanted or journey.context() != "ask":
                break
            self.press(pg.K_e)
            if journey.narrator.shown == now:
                break
        return journey.narrator.shown - before

    def be_shown(self, wanted: int, seconds: float = 1e9) -> int:
        """Walks from place to place and asks until enough spirits were shown, or the game's time is up; returns how
        many of this journey were."""
        journey = self.game.journey
        end, land = journey.seconds + seconds, self.world.map
        for _ in range(20):
            order = [place.index for place in land.places if place.room < 0]
            self.rng.shuffle(order)
            player = self.world.player
            order.sort(key=lambda i: (land.places[i].x - player.x) ** 2 + (land.places[i].y - player.y) ** 2)
            for place in order:
                if journey.narrator.shown >= wanted or journey.seconds >= end:
                    return journey.narrator.shown
                if self.go(place):
                    self.ask(wanted)
        return journey.narrator.shown

    def fresh(self) -> bool:
        """Waits until the mind has answered for where the player stands."""
        client, here = self.game.journey.mind_client, self.game.journey.realm.world.tick
        return self.until(lambda: client.view is not None and client.view.scene.id >= here, 10.0)

    def believed(self, least: float) -> list[tuple[int, str]]:
        """(place, species) of what the player sees at places in sight, nearest first."""
        seen = []
        for _, place in in_sight(self.world):
            species, belief = self.game.journey.mind_client.belief(place)
            if belief >= least:
                seen.append((place, species))
        return seen

    def name(self, place: int, species: str) -> bool:
        """Names who is at a place, with the chooser; False if that can't be said there."""
        self.press(pg.K_n)
        chooser = self.game.screens.top
        if not isinstance(chooser, Chooser):
            return False
        sayable = species in chooser.words and place in [index for _, index in chooser.places]
        while sayable and chooser.places[chooser.place][1] != place:
            self.press(pg.K_RIGHT)
        while sayable and chooser.words[chooser.chosen] != species:
            self.press(pg.K_DOWN)
        self.press(pg.K_RETURN if sayable else pg.K_ESCAPE)
        return sayable

    def talk(self, key: str) -> bool:
        """Goes to one of the people of the errands, speaks to them, and lets them say it all."""
        quests, journey = self.world.quests, self.game.journey
        index = list(quests.book.people).index(key)
        for _ in range(8):  # a seer may stroll away meanwhile
            who = quests.people[index]
            self.walk(who.x, who.y, 22)
            if journey.context() == "talk" and quests.beside() == index:
                self.press(pg.K_e)
                self.hear_out()
                return True
        return False

    def hear_out(self) -> None:
        """Reads what is said until nobody says more."""
        journey = self.game.journey
        for _ in range(40):
            if journey.narrator.speech is None:
                return
            self.frames(20)
            self.press(pg.K_RETURN)

    def take(self, label: str) -> None:
        """Takes an entry of the open menu by its label."""
        self.choose(label)
        self.press(pg.K_RETURN)

    def choose(self, label: str) -> None:
        """Goes to an entry of the open menu by its label."""
        menu = self._menu()
        wanted = next(i for i, entry in enumerate(menu.entries) if entry.label.startswith(label))
        while menu.chosen != wanted:
            self.press(pg.K_DOWN)

    def begin(self, begun: Callable[[], bool], seconds: float) -> bool:
        """Presses Enter where a journey begins; False if it doesn't in so many seconds. A thread makes it ready: no
        frame more until it is, or the realm's first ticks would hang on the machine's speed.
        """
        self.down(pg.K_RETURN)
        self.frames(1)
        ready = self.until(begun, seconds, by_clock=True)
        self.up(pg.K_RETURN)
        return ready

    def _menu(self) -> Menu:
        screens = self.played.screens if isinstance(self.played, Game) else None
        if screens is None:
            app = self.played
            screens = app.game.screens if app.game is not None else app.title.screens  # type: ignore[attr-defined]
        assert isinstance(screens.top, Menu), f"no menu is open: {screens.top}"
        return screens.top

    def picture(self, name: str) -> None:
        """A picture of the window, into the bot's folder."""
        self.out.mkdir(parents=True, exist_ok=True)
        if self.every > 1:
            self.played.frame([], 0.0)
        screen = self.played.window if isinstance(self.played, Game) else self.played.context.window  # type: ignore[attr-defined]
        pg.image.save(screen.canvas, self.out / name)
