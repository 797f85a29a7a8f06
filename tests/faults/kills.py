"""kill -9 of a mind, a game and a realm at random points, while the realm teaches the player and the game its mind.

At the end all of what the realm told, by its journal, is held against what lies on the mind's disk. Nothing may be
missing, nothing may be there that was never told, no file may have been found damaged, and both folders must open.
"""

import multiprocessing
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from typing import Any

from game.realm.happenings import Revealed
from game.realm.rules import load
from game.realm.scene import describe, lesson
from game.realm.view import PlayerView
from game.shared.joined import Standpoint
from game.shared.realm_folder import RealmFolder, live_again
from game.shared.shared_world import SharedWorld
from perception.messages import Lesson
from perception.wire import lesson_digest
from tests.faults import lives
from tests.faults.table import Report, Row

PRELOAD = ["tests.faults.lives", "tests.kits.minds", "training.mind.service"]
WAIT_S = (0.05, 0.9)  # from one kill to the next
COME_S = 300.0  # that all may take to come for the first time: torch is loaded once
SETTLE_S = 180.0  # that all may take to come to rest at the end
SHARES = {"realm": 0.4, "game": 0.35, "mind": 0.25}  # of the kills


class Being:
    """One of the three: a process that is started again after each kill. damage: what it said was unusual; came: how
    many of its lives came so far as to play."""

    def __init__(self, context: Any, target: Callable[..., None], *arguments: object) -> None:
        self._context, self._target, self._arguments = context, target, arguments
        self.damage: list[str] = []
        self.came = 0
        self._process: BaseProcess
        self.pipe: Connection
        self.start()

    def start(self) -> None:
        """A new life."""
        self.pipe, other = self._context.Pipe()
        self._process = self._context.Process(target=self._target, args=(*self._arguments, other), daemon=True)
        self._process.start()
        other.close()

    def hear(self) -> list[str]:
        """The words that have come."""
        words = []
        with suppress(EOFError, OSError):
            while self.pipe.poll():
                word, text = self.pipe.recv()
                words.append(word)
                self.came += word == "there"
                self.damage += [text] if text else []
        return words

    def died(self) -> bool:
        """Whether it ended by itself."""
        return not self._process.is_alive()

    def kill(self) -> None:
        """kill -9."""
        self.hear()
        self._process.kill()
        self._process.join()
        self.pipe.close()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((lives.HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def kills(folder: Path, times: int, seed: int, report: Report) -> Row:
    """The row. Raises TimeoutError if the three don't come to play at all."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    random, realm_port, mind_port = Random(f"kills/{seed}"), free_port(), free_port()
    homes = {name: folder / name for name in SHARES}
    for home in homes.values():
        home.mkdir(parents=True)
    beings = {
        "realm": Being(context, lives.realm, homes["realm"], realm_port, seed),
        "mind": Being(context, lives.mind, homes["mind"], mind_port),
        "game": Being(context, lives.game, homes["game"], realm_port, mind_port, seed),
    }
    counts, died = dict.fromkeys(SHARES, 0), 0
    try:
        _all_there(beings)
        for number in range(times):
            report("kills", number, times)
            time.sleep(random.uniform(*WAIT_S))
            name = random.choices(list(SHARES), list(SHARES.values()))[0]
            died += beings[name].died()
            beings[name].kill()
            counts[name] += 1
            beings[name].start()
        report("coming to rest", times, times)
        settled = _settle(beings)
    finally:
        for being in beings.values():
            being.kill()
    lived = {f"{name}_lives": being.came for name, being in beings.items()}
    damage = [line for being in beings.values() for line in being.damage]
    return _row(homes, counts | {"died": died} | lived, settled, damage)


def _all_there(beings: dict[str, Being]) -> None:
    until = time.monotonic() + COME_S
    while not all(being.came for being in beings.values()):
        if time.monotonic() > until:
            raise TimeoutError("a mind, a game and a realm don't come to play")
        for being in beings.values():
            being.hear()
        time.sleep(0.05)


def _settle(beings: dict[str, Being]) -> bool:
    """Lets the game come to an end, with all acknowledged. False if it doesn't."""
    game = beings["game"]
    game.pipe.send("end")
    until = time.monotonic() + SETTLE_S
    while time.monotonic() < until:
        if "ended" in game.hear():
            return True
        time.sleep(0.05)
    return False


def _row(homes: dict[str, Path], counts: dict[str, int], settled: bool, damage: list[str]) -> Row:
    from training.mind.mind_store import read_lessons

    shared = live_again(homes["realm"])
    taught = {lesson_digest(each) for each in lessons_of(shared)}
    settled = settled and shared.places[0].count == len(shared.places[0].told)  # else the realm's list is not whole
    own = homes["mind"] / "players" / lives.NAME.casefold()
    held = {lesson_digest(each) for each in read_lessons(own / "journal.msgpack")}
    RealmFolder(homes["realm"]).close()  # it opens with its snapshot, too
    damage = damage + [path.name for path in own.iterdir() if path.name.endswith(".old")]
    lost, strange, times = len(taught - held), len(held - taught), sum(counts[name] for name in SHARES)
    came = f"{len(taught)} lessons told, {lost} lost, {strange} that nobody told, {len(damage)} files damaged"
    came += f", {counts['died']} ended by themselves" if counts["died"] else ""
    came += "" if settled else f"; not all was acknowledged within {SETTLE_S:g} s"
    came += f" ({damage[0]})" if damage else ""
    good = settled and bool(taught) and not (lost or strange or damage or counts["died"])
    numbers = {"told": len(taught), "lost": lost, "strange": strange, "damaged": len(damage), **counts}
    what = "kill -9 of realm, game or mind at a random point, while the realm teaches"
    return Row(what, times, "no lesson lost, no file damaged", came, good, numbers)


def lessons_of(shared: SharedWorld) -> list[Lesson]:
    """What the first player was taught, by the realm's own journal."""
    world, place = shared.world, shared.places[0]
    view = PlayerView(world.seed, load(), world.start_hour, number=place.number)
    lessons = [
        lesson(describe(Standpoint(view, entry.moment), "terse"), happening)
        for entry in place.told
        if entry.moment is not None
        for happening in entry.happenings
        if isinstance(happening, Revealed)
    ]
    return [each for each in lessons if each is not None]
