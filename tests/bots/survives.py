"""A game that survives a killed mind and a killed realm: a recording, and what was kept.

    python -m tests.bots.survives --out DIR [--seed 7]

A realm and a mind are served on loopback by their own commands. A bot plays through real pygame events: it is shown who
haunts a landmark, the mind is killed with signal 9 and comes back, then the realm is. Writes survives.webp with
captions, and survives.json: lessons, place and pages before and after. Time is real. Runs under SDL's dummy driver.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pygame as pg
from PIL import Image

from common.assets import SEER
from common.line.address import Address
from common.line.hello import Visitor
from common.line.places import place_key
from game.app.app_context import AppContext
from game.app.game_loop import Game
from game.app.playing import Options
from game.app.window import Window
from game.screens.registry import OPENERS
from game.shared.joining import joined
from game.shared.realm_folder import RealmFolder
from game.ui.font import Pen
from perception.link import connect
from perception.remote import TERMS, Elsewhere
from tests.bots.hands import Bot
from tests.bots.options import windowless
from tests.bots.same_well import haunted
from tests.faults.kills import free_port

ROOT = Path(__file__).resolve().parents[2]
NAME, HOST = "Aki", "127.0.0.1"
SIZE, BAR = (480, 270), 20  # px of a picture, and of the caption below it
EVERY = 0.25  # s from one picture to the next
FPS = 5
QUALITIES = (70, 55, 40, 28, 18)
LARGEST = 950_000  # bytes
PATIENCE = 240.0  # s for a process to be there


class Served:
    """A command that serves at a port, killed and started again."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = [sys.executable, str(ROOT / "main.py"), *command]
        self._process: subprocess.Popen[str]
        self.start()

    def start(self) -> None:
        """Starts it; it says by itself when it is there."""
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(self._command, stdout=quiet, stderr=quiet, cwd=ROOT, env=environment)

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()


class Recording:
    """Pictures of a window now and then, each with a caption. rolls: whether time is filmed."""

    def __init__(self, game: Game) -> None:
        self.game, self.caption, self.rolls = game, "", True
        self._pictures: list[tuple[Image.Image, str]] = []
        self._since = 0.0

    def watch(self, dt: float) -> None:
        """dt seconds have passed."""
        self._since += dt
        if self.rolls and self._since >= EVERY:
            self.take()

    def take(self) -> None:
        """One picture."""
        self._since = 0.0
        whole = pg.Surface((SIZE[0], SIZE[1] + BAR))
        whole.fill((14, 12, 30))
        whole.blit(pg.transform.smoothscale(self.game.window.canvas, SIZE), (0, 0))
        Pen(whole).text(self.caption, 6, SIZE[1] + 5)
        raw = pg.image.tobytes(whole, "RGB")
        self._pictures.append((Image.frombytes("RGB", whole.get_size(), raw), self.caption))

    def write(self, path: Path) -> dict[str, int]:
        """All of it as WebP, at the best quality that stays small."""
        first, *rest = [picture for picture, _ in self._pictures]
        for quality in QUALITIES:
            first.save(path, save_all=True, append_images=rest, duration=1000 // FPS, loop=0, quality=quality, method=4)
            if path.stat().st_size <= LARGEST:
                break
        return {"pictures": len(rest) + 1, "quality": quality, "bytes": path.stat().st_size}


class Walker(Bot):
    """A bot in a shared realm: it knows what its player may know."""

    @property
    def world(self) -> Any:
        return self.game.journey.world


class Story:
    """The game, the two processes, and what is noted of both."""

    def __init__(self, root: Path, seed: int) -> None:
        secret, self.place = haunted(seed)
        RealmFolder(root / "realm", seed, secret=secret).close()
        realm_port, mind_port = free_port(), free_port()
        self.mind = Served(
            ["mind", "--listen", f"{HOST}:{mind_port}", "--folder", str(root / "minds"), "--model", str(SEER)]
        )
        self.realm = Served(["realm", "--listen", f"{HOST}:{realm_port}", "--folder", str(root / "realm")])
        address = Address(HOST, mind_port)
        visitor = Visitor(NAME, place_key(root / "places.key", TERMS.protocol, address, NAME))
        self.line = connect(Elsewhere(address, visitor, outbox=root / "untaught"), restarts=10**6)
        _wait(mind_port)
        _wait(realm_port)
        self.line.start()
        self.played = joined(NAME, Address(HOST, realm_port), root / NAME)
        options = Options(seed, root / "log.msgpack", root, root / NAME)
        context = AppContext(Window(scale=1))
        self.game = Game(self.played, self.line, context, options, OPENERS, fellows=self.played.fellows)
        self.game.journey.guide.skip()
        self.film = Recording(self.game)
        self.bot = Walker(self.game, root, Random(seed), real=True, watch=self.film.watch)

    def says(self, caption: str, seconds: float) -> None:
        """A caption, and so many seconds of film below it."""
        self.film.caption = caption
        self.bot.frames(round(30 * seconds))

    def until(self, done: Callable[[], bool]) -> float:
        """Waits without filming; how long (s)."""
        began, self.film.rolls = time.monotonic(), False
        if not self.bot.until(done, PATIENCE):
            raise TimeoutError(f"it did not come to that: {self.film.caption}")
        self.film.rolls = True
        return time.monotonic() - began

    @property
    def client(self) -> Any:
        """The game's side of the talk with the mind."""
        return self.game.journey.mind_client

    def state(self) -> dict[str, Any]:
        """What is to be kept."""
        progress, player = self.client.progress, self.game.journey.world.player
        return {
            "lessons_of_the_mind": progress.lessons if progress is not None else 0,
            "lessons_of_the_game": len(self.client.journal), "place": [player.x, player.y],
            "shown": self.game.journey.narrator.shown, "told": self.played._told,
        }  # fmt: skip

    def learn(self) -> None:
        """Asks the seer, here or at the next landmarks, until she points at somebody: that is a lesson."""
        client, before, player = self.client, len(self.client.journal), self.bot.world.player
        land = self.bot.world.map.places
        near = sorted(range(len(land)), key=lambda i: (land[i].x - player.x) ** 2 + (land[i].y - player.y) ** 2)
        for place in [None, *(i for i in near if land[i].room < 0)]:
            if place is not None:
                self.bot.go(place)
            for _ in range(2):
                self.bot.press(pg.K_e)
                if self.bot.until(lambda: len(client.journal) > before, 1.5):
                    return
        raise TimeoutError("nobody tells anything")

    def taught(self) -> bool:
        """The mind holds all lessons of the game, and knows it."""
        progress = self.client.progress
        awake = self.line.state == "awake" and progress is not None
        return bool(awake) and progress.lessons >= len(self.client.journal)

    def end(self) -> None:
        """Ends all of it."""
        self.played.close()
        self.line.close()
        for served in (self.mind, self.realm):
            served.kill()


def _wait(port: int) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection((HOST, port), 1.0).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise TimeoutError(f"nobody listens on {port}") from None
            time.sleep(0.1)


def tell(story: Story) -> dict[str, Any]:
    """The story. Returns what was noted at each point of it."""
    # long because: one story from its beginning to its end
    bot, notes = story.bot, dict[str, Any]()
    story.film.caption = "A realm, a mind that was born seeing, and Aki's game: three processes."
    story.until(lambda: story.client.ready is not None)
    bot.go(story.place)
    story.until(lambda: bool(bot.believed(0.6)))
    place = story.game.journey.world.map.places[story.place].kind
    story.says(f"Aki's mind sees who is by the {place}.", 2.0)
    story.film.caption = "The seer is asked who is here: that is a lesson for the mind."
    for _ in range(2):
        story.learn()
    story.until(story.taught)
    notes["before"] = story.state()
    lessons = notes["before"]["lessons_of_the_mind"]
    story.says(f"{lessons} lessons lie on the mind's disk.", 1.5)

    story.mind.kill()
    story.says("kill -9 of the mind. What was seen stays, and says how old it is.", 4.0)
    story.film.caption = "Play goes on, and a lesson that is told now waits in the game."
    story.learn()
    bot.frames(30)
    notes["without a mind"] = story.state() | {"age_s": round(story.client.age(story.game.now()) or 0.0, 1)}
    story.mind.start()
    story.film.caption = "The mind is started again ..."
    waited = story.until(story.taught)
    notes["mind back"] = story.state() | {"after_s": round(waited, 1)}
    count = notes["mind back"]["lessons_of_the_mind"]
    story.says(f"... and is back after {waited:.0f} s, with all {count} lessons.", 3.0)
    story.until(lambda: bool(bot.believed(0.6)))
    story.says("It sees again.", 2.0)

    story.until(lambda: not story.played._sent)
    bot.frames(60)
    notes["realm killed"] = story.state()
    story.realm.kill()
    story.says("kill -9 of the realm: nothing moves; the game tries to come back.", 4.0)
    story.realm.start()
    story.film.caption = "The realm is started again from its journal ..."
    waited = story.until(lambda: not story.played.lost)
    notes["realm back"] = story.state() | {"after_s": round(waited, 1)}
    story.says(f"... and Aki is back after {waited:.0f} s, where they stood.", 3.0)
    story.film.caption = "The game goes on: Aki walks, and is told more."
    spot = story.game.journey.world.player
    bot.walk(spot.x + 48, spot.y, 12)
    story.learn()
    story.until(story.taught)
    notes["at the end"] = story.state()
    story.says(f"{notes['at the end']['lessons_of_the_mind']} lessons, none lost.", 3.0)
    return notes


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="A game that survives a killed mind and a killed realm, recorded.")
    options = windowless(parser, argv, 7)
    with tempfile.TemporaryDirectory() as folder:
        story = Story(Path(folder), options.seed)
        try:
            notes = tell(story)
            film = story.film.write(options.out / "survives.webp")
        finally:
            story.end()
    result = {"seed": options.seed, "load": round(os.getloadavg()[0], 1), "film": film, "notes": notes}
    (options.out / "survives.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
