"""Pictures of the game, taken while it is played through real pygame events, and a film of two minutes.

    python -m tests.bots.capture --out DIR [--seed 1] [--seconds 120] [--stills] [--film] [--novice] [-- MIND ...]

Stills: every region at day, dusk and night, all weathers, three rooms; a bot walks there in a realm that has come to
that hour. Film: title, arrival, being shown, attending, a dream, the first sight, the heads and who of them practises,
a phantom that bursts, an errand, eyes side by side. Without a mind a stand-in believes what traces mean (in the film it
learns to). --novice: the shipped one plays the film, in this process; then comes the ending, before which it is taught
more than the film shows. Writes PNG files, sheet.png and film.webp. Runs under SDL's dummy driver.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pygame as pg

from game.app.app import MakeMind
from game.app.app_context import AppContext
from game.app.game_loop import Game
from game.app.playing import Options
from game.app.window import Window
from game.realm.play_rules import load as load_play
from game.realm.realms import LocalRealm
from game.realm.rules import NOTHING
from game.realm.senses import who_is_at
from game.realm.step import step
from game.realm.world import World, new_world
from game.screens.registry import OPENERS
from tests.bots.bot import mind_maker
from tests.bots.film import Ending, shoot
from tests.bots.hands import Bot, Stand
from tests.bots.options import windowless
from tests.bots.script import Plan
from tests.kits.questkit import Hand

DAYS = 30  # of the realm that an hour and its weather are waited for
THUMB = (320, 180)
PICTURE = (300, 150)  # px: what is on the screen around the player


@dataclass(frozen=True)
class Still:
    """What is to be seen: a region or, in a room, the room's kind; a phase of the day; a weather."""

    where: str
    phase: str
    weather: str

    @property
    def name(self) -> str:
        return f"{self.where}-{self.phase}-{self.weather}"


STILLS = (
    Still("village", "day", "clear"), Still("village", "dusk", "clear"), Still("village", "night", "rain"),
    Still("forest", "day", "wind"), Still("forest", "dusk", "mist"), Still("forest", "night", "clear"),
    Still("river", "day", "rain"), Still("river", "dusk", "wind"), Still("river", "night", "mist"),
    Still("shrine", "day", "mist"), Still("shrine", "dusk", "clear"), Still("shrine", "night", "wind"),
    Still("inn", "night", "clear"), Still("house", "day", "clear"), Still("hall", "dusk", "clear"),
    Still("village", "dawn", "mist"),
)  # fmt: skip


def come_to(still: Still, seed: int) -> World:
    """A realm of this seed whose player walked to the region or room and waited there for the hour and the weather, so
    that most of the hour is still to come. Raises ValueError if they never come."""
    world = new_world(seed, load_play())
    rules, hand = world.rules, Hand(world)
    place = world.map.places[spots(world, still)[0]]
    hand.walk((place.x, place.y), 90)
    hour = rules.seconds_per_hour * rules.ticks_per_second
    for _ in range(DAYS * 24 * hour):
        settled = world.flood == (1.0 if world.flooded else 0.0)
        if (world.phase, world.weather) == (still.phase, still.weather) and world.tick % hour < hour // 8 and settled:
            return world
        step(world)
    raise ValueError(f"seed {seed}: no {still.phase} with {still.weather} in {DAYS} days")


def spots(world: World, still: Still) -> list[int]:
    """Places of the region or room, those with most spirits in the picture first (the bot may know)."""
    land = world.map
    rooms = [room.index for room in land.rooms if room.kind == still.where]
    mine = [p for p in land.places if (p.room in rooms if rooms else p.region == still.where)]

    def haunted(index: int) -> int:
        here = land.places[index]
        near = [p for p in land.places if abs(p.x - here.x) < PICTURE[0] and abs(p.y - here.y) < PICTURE[1]]
        return sum(who_is_at(world, p.index) != NOTHING for p in near if p.room == here.room)

    return sorted((place.index for place in mine), key=lambda index: (-haunted(index), index))


def take(still: Still, make: MakeMind, out: Path, seed: int, waits: bool) -> Path:
    """Plays there, and takes the picture when what is believed has settled."""
    world, passed = come_to(still, seed), [0.0]
    mind = make(out / "slot", seed)
    mind.start()
    context = AppContext(Window(scale=2))
    clock = {} if waits else {"now": lambda: passed[0]}
    game = Game(LocalRealm(world), mind, context, Options(seed, out / "log.msgpack", out), OPENERS, **clock)
    game.journey.guide.skip()
    game.journey.narrator.speech = None
    game.journey.sight.debut.finish()  # it dims all else; a still shows the realm
    bot = Bot(game, out, Random(seed), waits=waits)

    def watch(dt: float) -> None:
        passed[0] += dt

    bot.watch = watch
    bot.until(lambda: game.journey.mind_client.ready is not None, 60.0, by_clock=True)
    for place in spots(world, still)[:4]:
        if bot.go(place):
            break
    bot.fresh()
    bot.frames(60)
    bot.picture(f"{still.name}.png")
    mind.close()
    pg.display.quit()
    return out / f"{still.name}.png"


def sheet(pictures: list[Path], path: Path, across: int = 4) -> None:
    """All pictures on one, with their names."""
    pg.display.init()
    pg.display.set_mode((64, 64))
    from game.ui.font import Pen

    rows = -(-len(pictures) // across)
    whole = pg.Surface((across * (THUMB[0] + 6) + 6, rows * (THUMB[1] + 20) + 6))
    whole.fill((14, 12, 30))
    pen = Pen(whole)
    for number, picture in enumerate(pictures):
        x, y = 6 + number % across * (THUMB[0] + 6), 6 + number // across * (THUMB[1] + 20)
        whole.blit(pg.transform.smoothscale(pg.image.load(picture).convert(), THUMB), (x, y))
        pen.text(picture.stem, x, y + THUMB[1] + 2)
    pg.image.save(whole, path)
    pg.display.quit()


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Pictures and a film of the game, played through real pygame events.")
    parser.add_argument("--seconds", type=float, default=120.0, help="of the film")
    parser.add_argument("--dream-seconds", type=float, default=60.0)
    parser.add_argument("--stills", action="store_true", help="only the stills")
    parser.add_argument("--film", action="store_true", help="only the film")
    parser.add_argument("--novice", action="store_true", help="the film is played by the shipped novice")
    parser.add_argument("mind", nargs=argparse.REMAINDER, help="the command that starts a mind (default: a stand-in)")
    options = windowless(parser, argv, 1)
    command = [word for word in options.mind if word != "--"]
    make, waits = mind_maker(command)
    ending = None
    if options.novice:
        make, waits, ending = novice_of(options.out, options.seed)
    if not options.stills:
        plan = Plan(10.0, options.dream_seconds, options.seed)
        print(json.dumps(shoot(make, options.out, plan, options.seconds, waits, ending)), flush=True)
    if not options.film:
        make = make if command else knowing
        pictures = [take(still, make, options.out, options.seed, waits) for still in STILLS]
        sheet(pictures, options.out / "sheet.png")
    return 0


def novice_of(out: Path, seed: int) -> tuple[MakeMind, bool, Ending]:
    """(what makes the shipped novice, that it needs no real seconds, what films the ending with it)."""
    from tests.bots.film_end import Filmed, film_the_end

    novice = Filmed(seed)
    return (
        lambda folder, number: novice,
        False,
        lambda film, context: film_the_end(film, context, novice, out, seed),
    )


def knowing(folder: Path, seed: int) -> Stand:
    """A stand-in that believes what traces mean."""
    from game.realm.rules import load
    from tests.kits.stub_mind import by_traces

    return Stand(by_traces(load()), delay=2, seer=by_traces(load()))


if __name__ == "__main__":
    sys.exit(main())
