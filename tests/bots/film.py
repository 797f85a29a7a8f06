"""A film of two minutes out of a journey that a bot plays: frames while it rolls, written as WebP."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pygame as pg
from PIL import Image

from game.app.app import MakeMind
from game.app.app_context import AppContext
from game.app.window import Window
from game.journey.save_slots import Slots
from game.start import with_title
from tests.bots.diary import Diary
from tests.bots.hands import FRAME, Bot
from tests.bots.script import Plan, Script

FPS = 10
SIZE = (480, 270)
LARGEST = 8_000_000  # bytes of a film
REGIONS = ("shrine", "river", "forest", "village")  # in the order in which they are travelled to
QUALITIES = (60, 45, 32, 22, 14, 8)  # of WebP


@dataclass
class Film:
    """Frames at FPS of the seconds that are played while it rolls. fast: so many seconds of play in one of the film."""

    folder: Path
    rolls: bool = False
    fast: float = 1.0
    frames: list[Path] = field(default_factory=list)
    _since: float = 0.0

    def watch(self, window: pg.Surface, dt: float) -> None:
        """A frame has been shown."""
        self._since += dt / self.fast
        if not self.rolls or self._since < 1 / FPS - 1e-6:
            return
        self._since = max(0.0, self._since - 1 / FPS) if self._since < 2 / FPS else 0.0
        self.frames.append(self.folder / f"{len(self.frames):05d}.bmp")
        pg.image.save(pg.transform.smoothscale(window, SIZE), self.frames[-1])

    @property
    def seconds(self) -> float:
        """How long it is by now."""
        return len(self.frames) / FPS

    def write(self, path: Path, seconds: float) -> dict:
        """The film as WebP, at the best quality that should stay below LARGEST; a part of it tells how large."""
        pictures = [Image.open(frame).convert("RGB") for frame in self.frames[: round(seconds * FPS)]]
        sample = [picture for k, picture in enumerate(pictures) if k % 120 < 12]
        for quality in QUALITIES:
            sized = _webp(path, sample, quality) * len(pictures) / len(sample)
            if sized <= LARGEST * 0.85 or quality == QUALITIES[-1]:
                break
        return {"frames": len(pictures), "quality": quality, "bytes": _webp(path, pictures, quality)}


def _webp(path: Path, pictures: list[Image.Image], quality: int) -> int:
    """Writes an animation; returns its bytes."""
    first, *rest = pictures
    first.save(path, save_all=True, append_images=rest, duration=1000 // FPS, loop=0, quality=quality, method=3)
    return path.stat().st_size


class Reel(Script):
    """The journey as a film: what happens, how long, and what is left out."""

    film: Film
    _travelled = 0

    def roll(self, seconds: float, fast: float = 1.0) -> None:
        """Films from now on, and lets so many seconds of the film pass."""
        self.film.rolls, self.film.fast = True, fast
        if seconds:
            self.bot.frames(round(seconds * fast / FRAME))

    def cut(self) -> None:
        self.film.rolls = False

    def shoot(self) -> None:
        """All of it: two minutes."""
        self.roll(3)
        self.begin()
        self._shown()
        self._dreams()
        self._asked()
        self._sees()
        self._looks()

    def _shown(self) -> None:
        bot, film = self.bot, self.film
        self.roll(6)
        bot.press(pg.K_RETURN, pg.K_RETURN)
        bot.press(pg.K_q)
        self.roll(3)
        end = film.seconds + 22
        before = bot.game.journey.narrator.shown
        while film.seconds < end and bot.game.journey.narrator.shown < before + 3:
            bot.be_shown(bot.game.journey.narrator.shown + 1, 8.0)
            self.roll(2.5)
        bot.down(pg.K_SPACE)
        self.roll(5)
        bot.up(pg.K_SPACE)
        self.cut()
        bot.be_shown(16, 110.0)

    def _dreams(self) -> None:
        """A dream of many seconds in twelve of the film."""
        bot = self.bot
        bot.press(pg.K_r)
        self.roll(0, max(1.0, self.plan.dream / 12))
        bot.lets_learn(self.plan.dream)
        bot.press(pg.K_r)
        self.roll(4)

    def _sees(self) -> None:
        """Walks until something is seen that nobody pointed at, and names it."""
        bot, film = self.bot, self.film
        self.roll(0)
        end, right = film.seconds + 26, self.right
        while film.seconds < end and self.right < right + 2:
            place = self._next()
            self._visited.append(place)
            if bot.go(place) and bot.fresh():
                self.roll(1.5)
                self._name()
                self.roll(1.5)

    def _asked(self) -> None:
        """The first errand is taken."""
        self.roll(0, 2.0)
        self._errand()
        self.roll(2)

    def _looks(self) -> None:
        """Heads, codex, photo."""
        bot = self.bot
        for key, wait in ((pg.K_TAB, 4), (pg.K_m, 3), (pg.K_m, 3), (pg.K_TAB, 0), (pg.K_c, 4), (pg.K_ESCAPE, 0)):
            bot.press(key)
            self.roll(wait)
        bot.press(pg.K_p)
        bot.until(lambda: getattr(bot.game.screens.top, "ready", True), 12.0)
        self.roll(4)
        bot.press(pg.K_ESCAPE)
        self.roll(0, 3.0)

    def travels(self) -> None:
        """To the next region, seeing what is there."""
        bot, land = self.bot, self.bot.world.map
        region = REGIONS[self._travelled % len(REGIONS)]
        self._travelled += 1
        x, y = land.shrine if region == "shrine" else (bot.world.player.x, bot.world.player.y)
        there = [p for p in land.places if p.region == region and p.index not in self._visited]
        place = min(there, key=lambda p: (p.x - x) ** 2 + (p.y - y) ** 2).index
        self._visited.append(place)
        bot.go(place)
        self.roll(1.5)
        self._name()
        self.roll(1.5, 3.0)


def shoot(make: MakeMind, out: Path, plan: Plan, seconds: float, waits: bool) -> dict:
    """Plays a journey and writes film.webp; returns its size and length."""
    folder, passed = out / "frames", [0.0]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    context = AppContext(Window(scale=2))
    app = with_title(context, Slots(out / "saves"), make, **({} if waits else {"now": lambda: passed[0]}))
    bot = Bot(app, out, Random(plan.seed), waits=waits, longest=FRAME)
    diary = Diary(out / "film.jsonl")
    reel = Reel(bot, diary, plan)
    reel.film = Film(folder)

    def watch(dt: float) -> None:
        passed[0] += dt if app.game is not None else 0.0
        reel.film.watch(context.window.canvas, dt)

    bot.watch = watch
    try:
        reel.shoot()
        while reel.film.seconds < seconds:
            reel.travels()
    finally:
        pg.display.quit()
        app.close()
        diary.close()
    result = {**reel.film.write(out / "film.webp", seconds), "played": round(reel.film.seconds, 1)}
    shutil.rmtree(folder)
    return result
