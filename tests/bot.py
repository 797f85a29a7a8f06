"""A scripted journey through real pygame events: walk, be shown spirits, dream, look again.

    python -m tests.bot --out DIR [--shown 20] [--dream-seconds 120] [--seed 0] [MIND COMMAND ...]

Runs under SDL's dummy driver. The walk runs as fast as it can (the world's ticks, not the clock's); the dream takes
real seconds. Without a mind command a stand-in learns by a formula. Writes before.png, during.png, after.png,
after-heads.png, curve.jsonl and result.json to DIR. What the mind sees in the game is scored against the world's
truth at spots it walks to before and after: the bot may know what the game may not.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import msgspec
import pygame as pg

from game.play.app import Game, Options
from game.play.sight import Mind
from game.realm.rules import NOTHING
from game.realm.world import World, new_world, who_is_at
from game.realm.worldgen import TILE
from tests.playkit import Tiles, route

FRAME = 1 / 30  # s of the game's clock per frame: a tick each
AWAKE_WITHIN = 120.0  # s that a mind may take to wake
SPOTS = 12  # where sight is scored, before and after
ASKS = 3  # times the bot asks at one spot before it walks on


@dataclass
class Bot:
    """Hands on the keyboard. Every key goes through pygame's own event queue."""

    game: Game
    out: Path
    rng: Random

    def __post_init__(self) -> None:
        self.held: set[int] = set()
        self.began = time.monotonic()
        self.curve: list[dict] = []

    @property
    def world(self) -> World:
        return self.game.journey.world

    def frames(self, count: int, dt: float = FRAME, pause: float = 0.0) -> None:
        """Lets frames pass; pause: real seconds of sleep after each."""
        for _ in range(count):
            self.game.frame(pg.event.get(), dt)
            self._listen()
            if pause:
                time.sleep(pause)

    def _listen(self) -> None:
        progress = self.game.journey.sight.progress
        if progress is not None and (not self.curve or self.curve[-1]["progress"] is not progress):
            self.curve.append({"seconds": round(time.monotonic() - self.began, 2), "progress": progress})

    def down(self, key: int) -> None:
        if key not in self.held:
            self.held.add(key)
            pg.event.post(pg.Event(pg.KEYDOWN, key=key))

    def up(self, key: int) -> None:
        if key in self.held:
            self.held.discard(key)
            pg.event.post(pg.Event(pg.KEYUP, key=key))

    def press(self, key: int, frames: int = 2) -> None:
        self.down(key)
        self.frames(frames)
        self.up(key)
        self.frames(1)

    def until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Frames in real time until something holds; False if it never does."""
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                return False
            self.frames(1, dt=1 / 60, pause=1 / 60)
        return True

    def walk(self, goal: tuple[int, int]) -> bool:
        """Walks to a tile with the arrow keys; False if it got stuck."""
        for column, row in route(self.world, goal)[1:]:
            for _ in range(60):
                dx = column * TILE + TILE // 2 - self.world.player.x
                dy = row * TILE + TILE // 2 - self.world.player.y
                if abs(dx) <= 2 and abs(dy) <= 2:
                    break
                for key, off in ((pg.K_LEFT, -dx), (pg.K_RIGHT, dx), (pg.K_UP, -dy), (pg.K_DOWN, dy)):
                    (self.down if off > 2 else self.up)(key)
                self.frames(1)
            else:
                break
        for key in (pg.K_LEFT, pg.K_RIGHT, pg.K_UP, pg.K_DOWN):
            self.up(key)
        self.frames(2)
        return abs(goal[0] - self.world.player.x // TILE) + abs(goal[1] - self.world.player.y // TILE) <= 2

    def spots(self) -> Tiles:
        """Walkable tiles near places but out of their reach, in an order of the bot's own: to ask the seer there."""
        land, tiles = self.world.map, []
        for place in land.places:
            column, row = place.x // TILE + self.rng.choice((-3, 0, 3)), place.y // TILE + 3
            free = 0 < column < land.width and 0 < row < land.height and land.walkable[row * land.width + column]
            x, y = column * TILE, row * TILE
            if free and all(abs(other.x - x) + abs(other.y - y) > 3 * TILE for other in land.places):
                tiles.append((column, row))
        self.rng.shuffle(tiles)
        return tiles

    def be_shown(self, wanted: int) -> int:
        """Walks from place to place and asks until enough spirits were shown; returns how many."""
        journey = self.game.journey
        for _ in range(20):
            for spot in self.spots():
                if journey.shown >= wanted:
                    return journey.shown
                if not self.walk(spot):
                    continue
                for _ in range(ASKS):
                    before = journey.shown
                    if journey.context() in ("ask", "touch"):
                        self.press(pg.K_e)
                    if journey.shown == before or journey.shown >= wanted:
                        break
        return journey.shown

    def fresh(self) -> bool:
        """Waits until the mind has answered for where the player stands."""
        journey = self.game.journey
        here = journey.world.tick
        return self.until(lambda: journey.sight.view is not None and journey.sight.view.scene.id >= here, 10.0)

    def score(self, spots: Tiles) -> dict[str, float]:
        """Hits and false alarms of what the game shows, against the truth, at some spots (fractions of 1)."""
        hit = spirits = alarms = empty = 0
        for spot in spots:
            self.walk(spot)
            if not self.fresh():
                continue
            for place, aim in self.game.journey.sight.aim.items():
                truth = who_is_at(self.world, place)
                best = max(aim, key=lambda word: aim[word], default=NOTHING)
                seen = best if aim and aim[best] > 1 - sum(aim.values()) else NOTHING
                spirits += truth != NOTHING
                empty += truth == NOTHING
                hit += truth != NOTHING and seen == truth
                alarms += truth == NOTHING and seen != NOTHING
        return {
            "hits": hit / max(1, spirits),
            "false_alarms": alarms / max(1, empty),
            "spirits": spirits,
            "empties": empty,
        }

    def picture(self, name: str) -> None:
        """A screenshot, after what is believed has settled on the screen."""
        self.fresh()
        self.frames(40, pause=1 / 60)
        self.game.shot(name)


def run_bot(
    world: World,
    mind: Mind,
    out: Path,
    shown: int = 20,
    dream_seconds: float = 120.0,
    seed: int = 0,
    spots: int = SPOTS,
) -> dict:
    """The whole journey; returns what was measured. The mind is started and closed by the caller."""
    out.mkdir(parents=True, exist_ok=True)
    game = Game(world, mind, Options(seed=seed, log_path=out / "log.msgpack", shot_dir=out))
    bot = Bot(game, out, Random(seed))
    try:
        if not bot.until(lambda: mind.state == "awake" and game.journey.sight.ready is not None, AWAKE_WITHIN):
            raise TimeoutError(f"the mind is {mind.state} after {AWAKE_WITHIN:.0f} s: {list(game.journey.sight.notes)}")
        tour = bot.spots()[:spots]
        before = bot.score(tour)
        bot.picture("before.png")
        count = bot.be_shown(shown)
        walked = time.monotonic() - bot.began
        _dream(bot, dream_seconds)
        after = bot.score(tour)
        _portraits(bot, tour)
        result = {
            "shown": count,
            "empties": sum(a == NOTHING for lesson in game.journey.sight.journal for a in lesson.answers),
            "walk_seconds": round(walked, 1),
            "dream_seconds": dream_seconds,
            "before": before,
            "after": after,
            "memory_mb": _memory_mb(),
            "heads": msgspec.to_builtins(game.journey.sight.heads),
            "frame_ms": _frame_ms(game),
            "progress": msgspec.to_builtins(game.journey.sight.progress),
        }
        _write(bot, result)
        return result
    finally:
        pg.display.quit()


def _frame_ms(game: Game) -> dict[str, float]:
    """What drawing a frame took, in ms."""
    frames = sorted(game.frame_ms)
    return {"p50": frames[len(frames) // 2], "p99": frames[int(len(frames) * 0.99)]}


def _memory_mb() -> float | None:
    """The most memory that this process (the game's, not the mind's) has held, in MB; None where it can't be told."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(most / (2**20 if sys.platform == "darwin" else 2**10), 1)


def _dream(bot: Bot, seconds: float) -> None:
    """Rests for real seconds at 30 frames a second, with a picture from the middle."""
    bot.press(pg.K_r)
    for half in range(2):
        end = time.monotonic() + seconds / 2
        while time.monotonic() < end:
            bot.frames(1, pause=FRAME)
        if half == 0:
            bot.game.shot("during.png")
    bot.press(pg.K_r)


def _portraits(bot: Bot, spots: Tiles) -> None:
    """Goes back to where most is seen now, and takes the last pictures there."""
    sight = bot.game.journey.sight
    best, most = spots[-1], -1.0
    for spot in spots:
        bot.walk(spot)
        bot.fresh()
        seen = sum(max(aim.values(), default=0.0) for aim in sight.aim.values())
        if seen > most:
            best, most = spot, seen
    bot.walk(best)
    bot.picture("after.png")
    bot.press(pg.K_TAB)
    bot.picture("after-heads.png")
    bot.press(pg.K_F2)


def _write(bot: Bot, result: dict) -> None:
    with open(bot.out / "curve.jsonl", "w", encoding="utf-8") as file:
        for entry in bot.curve:
            told = msgspec.to_builtins(entry["progress"])
            told.pop("change")
            file.write(json.dumps({"seconds": entry["seconds"], **told}) + "\n")
    (bot.out / "result.json").write_text(json.dumps(result, indent=1), encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="A scripted journey through real pygame events.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shown", type=int, default=20)
    parser.add_argument("--dream-seconds", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("mind", nargs=argparse.REMAINDER, help="the command that starts a mind (default: a stand-in)")
    options = parser.parse_args(argv)
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
    world = new_world(options.seed)
    command = [word for word in options.mind if word != "--"]
    if command:
        from perception.link import Link

        with Link(command) as line:
            result = run_bot(world, line, options.out, options.shown, options.dream_seconds, options.seed)
    else:
        from tests.stub_mind import StubMind, by_traces

        stub = StubMind(by_traces(world.rules), learning=True, delay=2)
        result = run_bot(world, stub, options.out, options.shown, options.dream_seconds, options.seed)
    print(json.dumps({key: value for key, value in result.items() if key not in ("progress", "heads")}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
