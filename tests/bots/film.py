"""A film of two minutes out of a journey that a bot plays: frames while it rolls, written as WebP."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pygame as pg
from PIL import Image

from game.app.app import MakeMind
from game.app.app_context import AppContext
from game.app.window import Window
from game.journey.save_slots import Slots
from game.realm.rules import NOTHING
from game.realm.senses import who_is_at
from game.screens.attune import Attuning
from game.start import with_title
from game.ui.heads_plain import VIEWS
from game.ui.words import SURE, UNSURE
from tests.bots.diary import Diary
from tests.bots.hands import FRAME, LONG_FRAME, Bot
from tests.bots.script import Plan, Script

FPS = 10
SIZE = (480, 270)
LARGEST = 8_000_000  # bytes of a film
LESSONS = 8  # spirits shown before the dream
UNSEEN = 10**6  # frames without a picture
SEEN = 2  # spirits that a photo is to show
SHORT = 0.3  # of the time for dreams: the first one, after which a mind imagines most
NOTED = 15.0  # s after which a note is gone
PLACES = 60  # that are walked to, at most, until something happens
CHOSEN = 4  # heads that are let practise
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


Ending = Callable[[Film, AppContext], None]


class Reel(Script):
    """The journey as a film: what happens, how long, and what is left out."""

    film: Film
    _gathers = False

    def watch(self) -> None:
        """The first sight of all is filmed whenever it comes."""
        game = getattr(self.bot.played, "game", None)
        gathers = game is not None and game.journey.sight.debut.going_on
        if gathers and not self.film.rolls:
            self.roll(0)
            self._gathers = True
        elif self._gathers and not gathers:
            self._gathers = False
            self.cut()

    def roll(self, seconds: float, fast: float = 1.0) -> None:
        """Films from now on, and lets so many seconds of the film pass."""
        self.film.rolls, self.film.fast = True, fast
        self.bot.every, self.bot.longest = max(1, round(fast / FPS / FRAME)), FRAME  # no picture that nobody films
        if seconds:
            self.bot.frames(round(seconds * fast / FRAME))

    def cut(self) -> None:
        """Films nothing until the next roll: no picture is drawn, and on straight ways time goes faster."""
        self.film.rolls, self.bot.every, self.bot.longest = False, UNSEEN, LONG_FRAME

    def shoot(self) -> None:
        """All of it but the ending: a minute and a half."""
        self.roll(3)
        self.begin()
        self._shown()
        self._dreams(self.plan.dream * SHORT)
        self._bursts()
        self._dreams(self.plan.dream * (1 - SHORT))
        self._first_sight()
        self._attunes()
        self._asked()
        self._photo()

    def _shown(self) -> None:
        bot, film = self.bot, self.film
        self.roll(5)
        bot.press(pg.K_RETURN, pg.K_RETURN)
        bot.press(pg.K_q)
        self.roll(2.5)
        end = film.seconds + 14
        before = bot.game.journey.narrator.shown
        while film.seconds < end and bot.game.journey.narrator.shown < before + 2:
            bot.be_shown(bot.game.journey.narrator.shown + 1, 8.0)
            self.roll(2.5)
        bot.down(pg.K_SPACE)
        self.roll(4)
        bot.up(pg.K_SPACE)
        self.cut()
        bot.be_shown(LESSONS, 180.0)

    def _dreams(self, seconds: float) -> None:
        """A dream of many seconds in five of the film."""
        bot = self.bot
        bot.press(pg.K_r)
        self.roll(0, max(1.0, seconds / 5))
        bot.lets_learn(seconds)
        bot.press(pg.K_r)
        self.roll(2)

    def _first_sight(self) -> None:
        """Walks until the first shape gathers that nobody pointed at, and looks at it."""
        bot, sight = self.bot, self.bot.game.journey.sight
        self.cut()
        for _ in range(PLACES):
            if sight.debut.over:
                return
            place = self._next()
            self._visited.append(place)
            if bot.go(place) and bot.fresh():
                bot.frames(10)
                self._watch()
                if sight.debut.over:
                    self.roll(3)
                    return

    def _attunes(self) -> None:
        """Opens the heads, and lets those practise that brought most so far."""
        bot, client = self.bot, self.bot.game.journey.mind_client
        bot.press(pg.K_TAB)
        self.roll(3)
        self.cut()
        bot.press(pg.K_i)
        bot.until(lambda: client.weights is not None and client.weighing is None, 60.0)
        self.roll(2)
        screen, ready = bot.game.screens.top, client.ready
        if isinstance(screen, Attuning) and client.weights is not None and ready is not None:
            worth = client.weights.insert
            for head in sorted(sorted(range(len(worth)), key=lambda index: -worth[index])[:CHOSEN]):
                for keys, distance in (
                    ((pg.K_UP, pg.K_DOWN), head // ready.heads - screen.choice.at // ready.heads),
                    ((pg.K_LEFT, pg.K_RIGHT), head % ready.heads - screen.choice.at % ready.heads),
                ):
                    bot.press(*[keys[distance > 0]] * abs(distance))
                bot.press(pg.K_RETURN)
                self.roll(0.6)
        self.roll(1.5)
        bot.press(pg.K_ESCAPE)
        self.roll(2)
        bot.press(pg.K_m)
        self.roll(2)
        bot.press(*[pg.K_m] * (len(VIEWS) - 1))
        bot.press(pg.K_TAB)

    def _bursts(self) -> None:
        """Walks until it sees somebody where nobody is (the bot may know), and lays a hand there."""
        bot, journey = self.bot, self.bot.game.journey
        self.cut()
        for _ in range(PLACES):
            for place, _species in bot.believed(UNSURE):
                if who_is_at(bot.world, place) != NOTHING or not bot.beside(place) or not bot.fresh():
                    continue
                bot.frames(30)
                if journey.mind_client.belief(place)[1] >= UNSURE and journey.context() == "touch":
                    self.roll(1.5)
                    bot.press(pg.K_e)
                    self.roll(4.5)
                    return
            place = self._next()
            self._visited.append(place)
            bot.go(place)
            bot.fresh()

    def _asked(self) -> None:
        """The first errand is taken."""
        self.roll(0, 3.0)
        self._errand()
        self.roll(2)

    def _photo(self) -> None:
        """One moment through three pairs of eyes, where somebody is seen, saved as a picture."""
        bot = self.bot
        self.cut()
        for _ in range(PLACES):
            if len(bot.believed(SURE)) >= SEEN:
                break
            place = self._next()
            self._visited.append(place)
            bot.go(place)
            bot.fresh()
        self.roll(0)
        bot.press(pg.K_p)
        bot.until(lambda: getattr(bot.game.screens.top, "ready", True), 12.0)
        self.roll(3)
        self.cut()  # a note says where it is saved
        bot.press(pg.K_RETURN)
        bot.press(pg.K_ESCAPE)
        bot.frames(round(NOTED / FRAME))


def shoot(
    make: MakeMind,
    out: Path,
    plan: Plan,
    seconds: float,
    waits: bool,
    ending: Ending | None = None,
) -> dict:
    """Plays a journey and writes film.webp; returns its size and length. ending: films what comes after it."""
    folder, passed = out / "frames", [0.0]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    context = AppContext(Window())
    app = with_title(context, Slots(out / "saves"), make, **({} if waits else {"now": lambda: passed[0]}))
    bot = Bot(app, out, Random(plan.seed), waits=waits, longest=FRAME)
    diary = Diary(out / "film.jsonl")
    reel = Reel(bot, diary, plan)
    reel.film = Film(folder)

    def watch(dt: float) -> None:
        passed[0] += dt if app.game is not None else 0.0
        reel.watch()
        reel.film.watch(context.window.canvas, dt)

    bot.watch = watch
    try:
        reel.shoot()
        if ending is not None:
            ending(reel.film, context)
    finally:
        pg.display.quit()
        app.close()
        diary.close()
    result = {**reel.film.write(out / "film.webp", seconds), "played": round(reel.film.seconds, 1)}
    shutil.rmtree(folder)
    return result
