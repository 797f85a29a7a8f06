"""Two games in one shared realm, through real pygame events: both come to one landmark, and what they see differs.

    python -m tests.bots.same_well --out DIR [--seed 7]

The realm is served on loopback. One player's mind believes what traces mean, the other's is blind: stand-ins for a mind
that has learnt and one that has not. They speak, one points, the other takes their word, and they compare. Writes
pictures, and prints what each believed. Runs under SDL's dummy driver.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pygame as pg

from common.line.address import Address
from game.app.app_context import AppContext
from game.app.game_loop import Game
from game.app.playing import Options
from game.app.window import Window
from game.art.painter import Painter
from game.realm.play_rules import load as load_play
from game.realm.rules import NOTHING, load
from game.realm.senses import nearest_place, who_is_at
from game.realm.terrain import TILE
from game.realm.world import World, new_world
from game.screens.registry import OPENERS
from game.shared.joined import JoinedRealm
from game.shared.joining import joined
from game.shared.realm_folder import RealmFolder
from game.shared.server import RealmServer
from perception.messages import Teach
from tests.bots.options import windowless
from tests.kits.sharedkit import Realm
from tests.kits.stub_mind import StubMind, blind, by_traces

NAMES = ("Aki", "Ben")
FRAME = 1 / 60
LONGEST = 60 * 60  # frames that anything may take
CODES = {(1, 0): pg.K_RIGHT, (-1, 0): pg.K_LEFT, (0, 1): pg.K_DOWN, (0, -1): pg.K_UP}


def haunted(seed: int) -> tuple[str, int]:
    """(a secret with which one alone haunts a landmark near the start, that landmark). The bot may know."""
    for number in range(2000):
        world = new_world(seed, load_play(), secret=f"well{number}")
        x, y = world.map.start
        near = sorted(world.map.places, key=lambda p: (p.x - x) ** 2 + (p.y - y) ** 2)
        wells = [p for p in near[:12] if p.kind == "well"] or near[:1]
        alone = [p.index for p in near[:12] if who_is_at(world, p.index) != NOTHING] == [wells[0].index]
        if alone and _stays(world, wells[0].index):
            return f"well{number}", wells[0].index
    raise ValueError(f"seed {seed}: nobody comes to the well")


def _stays(world: World, place: int) -> bool:
    spirit = next(spirit for spirit in world.spirits if spirit.place == place)
    return spirit.until > 60 * world.rules.ticks_per_second


class Two:
    """Two games and the realm that they share. Every frame of theirs is half a tick of the realm. lines: real ones, on
    loopback; else two lists, so that it goes the same whenever it is played."""

    def __init__(self, out: Path, seed: int, lines: bool) -> None:
        secret, self.place = haunted(seed)
        self._folder = tempfile.TemporaryDirectory()
        root = Path(self._folder.name)
        self._pause = 0.002 if lines else 0.0  # s a frame: the lines' threads have something to do
        self.close: list[Callable[[], None]] = [self._folder.cleanup]
        if lines:
            server = RealmServer(RealmFolder(root / "realm", seed, secret=secret), Address("127.0.0.1", 0))
            address = Address("127.0.0.1", server.line.port)
            self.tick, self.world = server.tick, server.folder.shared.world
            self.realms = [self._come(name, address, root / name) for name in NAMES]
            self.close.append(server.close)
        else:
            realm = Realm(root / "realm", seed, secret)
            self.tick, self.world = realm.host.tick, realm.world
            self.realms = [realm.join(name) for name in NAMES]
            self.close.append(realm.folder.close)
        self.minds = [StubMind(by_traces(load())), StubMind(blind)]
        contexts = [AppContext(Window(scale=2)) for _ in range(2)]
        painter = Painter(self.realms[0].view.map)
        self.games: list[Game] = []
        self.now, self._frames, self.out = 0.0, 0, out
        for realm, mind, context, name in zip(self.realms, self.minds, contexts, NAMES, strict=True):
            options = Options(seed, out / f"{name}.msgpack", out)
            game = Game(realm, mind, context, options, OPENERS, False, lambda: self.now, painter, realm.fellows)
            game.journey.guide.skip()
            self.games.append(game)

    def _come(self, name: str, address: Address, folder: Path) -> JoinedRealm:
        box: list[JoinedRealm] = []
        thread = Thread(target=lambda: box.append(joined(name, address, folder)))
        thread.start()
        while thread.is_alive():
            self.tick()
            time.sleep(0.005)
        return box[0]

    def frame(self, events: dict[int, list[pg.Event]] | None = None) -> None:
        """One frame of both; events: for each game, which go through pygame's own queue."""
        self.now += FRAME
        self._frames += 1
        if self._frames % 2 == 0:
            self.tick()
        for number, game in enumerate(self.games):
            pg.event.clear()
            for event in (events or {}).get(number, ()):
                pg.event.post(event)
            game.frame(pg.event.get(), FRAME, draw=False)
        if self._pause:
            time.sleep(self._pause)

    def wait(self, frames: int) -> None:
        """Frames in which nobody does anything."""
        for _ in range(frames):
            self.frame()

    def until(self, done: Callable[[], bool], most: int = LONGEST) -> None:
        """Frames until something is so. Raises RuntimeError if it never is."""
        for _ in range(most):
            if done():
                return
            self.frame()
        raise RuntimeError("it did not come to that")

    def tap(self, who: int, code: int) -> None:
        """One key, down and up."""
        self.frame({who: [pg.Event(pg.KEYDOWN, key=code)]})
        self.frame({who: [pg.Event(pg.KEYUP, key=code)]})

    def write(self, who: int, text: str) -> None:
        """Letters, as a keyboard gives them."""
        self.frame({who: [pg.Event(pg.TEXTINPUT, text=mark) for mark in text]})

    def walk(self, who: int, x: int, y: int) -> None:
        """Walks to a point with the arrow keys, one axis at a time; around what stands in the way it goes as it can."""
        player = self.games[who].journey.world.player
        for axis in (0, 1, 0, 1):
            for _ in range(240):
                gap = (x - player.x, y - player.y)[axis]
                if abs(gap) <= 4:
                    break
                code = CODES[(1 if gap > 0 else -1, 0) if axis == 0 else (0, 1 if gap > 0 else -1)]
                before = player.x, player.y
                self.frame({who: [pg.Event(pg.KEYDOWN, key=code)]})
                for _ in range(5):
                    self.frame()
                self.frame({who: [pg.Event(pg.KEYUP, key=code)]})
                for _ in range(8):
                    self.frame()
                if (player.x, player.y) == before:
                    break

    def picture(self, who: int, name: str) -> Path:
        """What this game shows now."""
        for _ in range(2):
            self.games[who].frame([], 0.0)
        return self.games[who].shot(f"{name}.png")

    def end(self) -> None:
        """Ends all of it."""
        for realm in self.realms:
            realm.close()
        for close in reversed(self.close):
            close()


def meet(out: Path, seed: int = 7, lines: bool = False) -> dict[str, Any]:
    """Both come to the landmark, and it goes as the module says. Returns what came of it."""
    two = Two(out, seed, lines)
    try:
        come_together(two)
        result = believed(two)
        pictures = [two.picture(0, "aki-sees"), two.picture(1, "ben-does-not"), *compare(two)]
        two.tap(1, pg.K_y)
        lessons = [message.lesson for message in two.minds[1].sent if isinstance(message, Teach)]
        two.tap(1, pg.K_t)
        two.tap(1, pg.K_RETURN)
        two.write(1, "I see nobody there!")
        pictures.append(two.picture(1, "ben-writes"))
        two.tap(1, pg.K_RETURN)
        speech = two.games[0].journey.narrator
        two.until(lambda: speech.speech is not None and "nobody there!" in speech.speech.text, 300)
        two.wait(60)
        pictures.append(two.picture(0, "aki-hears"))
        compared = [game.journey.fellowship.beside(two.place) for game in two.games]  # type: ignore[union-attr]
        sources = [[lesson.source, [answer for answer in lesson.answers if answer]] for lesson in lessons]
        return result | {"lessons": sources, "compared": compared, "pictures": [str(path) for path in pictures]}
    finally:
        two.end()


def come_together(two: Two) -> None:
    """Both walk to the landmark; the one who sees has had their first sight."""
    place = two.games[0].journey.world.map.places[two.place]
    two.until(lambda: all(game.journey.world.names for game in two.games))
    two.walk(0, place.x - 2 * TILE, place.y + 2 * TILE)
    two.walk(1, place.x - TILE, place.y - 2 * TILE)
    sight, firsts = two.games[0].journey.sight, two.games[0].journey.narrator.firsts
    two.until(lambda: firsts.any and not sight.debut.going_on, 1800)
    two.wait(500)
    for game in two.games:
        game.journey.narrator.speech = None
    two.wait(30)


def compare(two: Two) -> list[Path]:
    """They agree to compare, and the one who sees points."""
    two.tap(0, pg.K_k)
    two.until(lambda: bool(two.realms[1].fellows.asks), 300)
    two.tap(1, pg.K_k)
    two.until(lambda: all(realm.fellows.beliefs for realm in two.realms), 300)
    two.tap(0, pg.K_u)
    pictures = [two.picture(0, "aki-points")]
    two.tap(0, pg.K_RETURN)
    two.until(lambda: two.games[1].journey.fellowship.offer is not None, 300)  # type: ignore[union-attr]
    two.wait(40)
    return [*pictures, two.picture(1, "ben-hears-and-compares"), two.picture(0, "aki-compares")]


def believed(two: Two) -> dict[str, Any]:
    """What each believes of the place, and what is true there."""
    beliefs = {game.journey.world.name_of(0) or who: game.journey.mind_client.belief(two.place)
               for who, game in zip(NAMES, two.games, strict=True)}  # fmt: skip
    near = [nearest_place(game.journey.world).index for game in two.games]
    return {"place": two.place, "near": near, "beliefs": beliefs,
            "truth": who_is_at(two.world, two.place)}  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Two games in one shared realm, through real pygame events.")
    options = windowless(parser, argv, 7)
    print(json.dumps(meet(options.out, options.seed, lines=True)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
