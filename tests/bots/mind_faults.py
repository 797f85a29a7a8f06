"""A bad day for a mind that listens: kills at random moments, and hostile frames. Counts what is lost.

    python -m tests.bots.mind_faults --kills 200 --hostile 100000 --out FILE.json

A game teaches lesson after lesson, and its mind practises. One of the two is killed (-9) again and again, the game
with all that it has sent. At last every lesson that was sent has to lie in the mind's journal once, and no file may
have been damaged at any waking. Hostile frames come after a good hello and before one; none may reach the mind.
"""

import argparse
import json
import multiprocessing
import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count, islice
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from common.line.address import Address
from common.line.channel import Left
from common.line.hello import Visitor
from common.line.server import Joined, Server
from common.processes import Terminated
from game.realm.sampler import samples
from perception import link
from perception.messages import Lesson, Practise, Ready, Teach, ToMind, Trouble
from perception.outbox import Outbox
from perception.remote import LIMITS, TERMS, Elsewhere, MindCodec
from perception.wire import Decoder, lesson_digest
from tests.kits.raw_line import RawLine

NAME, KEY = "anna", b"k" * 32
EVERY = 0.3  # s from lesson to lesson
LONGEST = 1.2  # s from a waking to a kill
PATIENCE = 120.0  # s without a lesson that arrives, after which the end isn't waited for
DAMAGED = ("damage", "missing", "does not match", "cannot be read", "lies as")


def taught() -> list[Lesson]:
    """Some lessons; whoever needs more numbers them anew."""
    return [Lesson(s.view.scene, s.answers, "touch") for s in islice(samples(9, "faults", "terse"), 16)]


def lessons(some: list[Lesson], start: int = 0) -> Iterator[tuple[int, Lesson]]:
    """Lessons without end, each another one; the same for the same number."""
    for number in count(start):
        lesson = some[number % len(some)]
        yield number, msgspec.structs.replace(lesson, scene=msgspec.structs.replace(lesson.scene, id=number))


def mind(folder: str, port: int) -> None:
    """In a process of its own: a mind with a tiny model."""
    import torch

    from tests.kits.minds import tiny
    from training.mind import self_measurement
    from training.mind.listen import serve_address

    torch.set_num_threads(1)
    self_measurement.LIVE_PROBES = 6
    with suppress(Terminated):
        serve_address(Address("127.0.0.1", port), tiny(), Path(folder), 0)


def game(port: int, outbox: str, some: bytes, start: int, said: Connection) -> None:
    """In a process of its own: a game that teaches. It says ("sent", number) when a lesson is out of its hands."""
    link.BACKOFF = link.BACKOFF_MAX = 0.05
    line = link.connect(Elsewhere(Address("127.0.0.1", port), Visitor(NAME, KEY), outbox=Path(outbox)), restarts=10**6)
    line.start()
    line.send(Practise(True))
    for number, lesson in lessons(msgspec.msgpack.decode(some, type=list[Lesson]), start):
        line.send(Teach(lesson))
        said.send(("sent", number))
        for message in line.poll():
            if isinstance(message, Ready):
                said.send(("awake", number))
            elif isinstance(message, Trouble) and any(word in message.text for word in DAMAGED):
                said.send(("damaged", message.text))
        time.sleep(EVERY)


class Day:
    """A mind and its game, and what they have said."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.outbox, self.some = folder, folder / "outbox", taught()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["tests.kits.minds", "training.mind.listen"])
        self.sent, self.damaged, self.wakings = -1, list[str](), 0
        self.mind = self.context.Process(target=mind, daemon=True, args=(str(folder / "mind"), self.port))
        self.mind.start()
        self._begin_game()

    def _begin_game(self) -> None:
        self._hears, says = self.context.Pipe(duplex=False)
        wanted = (self.port, str(self.outbox), msgspec.msgpack.encode(self.some), self.sent + 1, says)
        self.game = self.context.Process(target=game, daemon=True, args=wanted)
        self.game.start()
        says.close()

    def hear(self, seconds: float, awake: bool = False) -> None:
        """Hear the game for so long, or until its mind is awake."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                if self._hears.poll(min(left, 0.05)):
                    kind, what = self._hears.recv()
                    if kind == "sent":
                        self.sent = max(self.sent, what)
                    elif kind == "damaged":
                        self.damaged.append(what)
                    else:
                        self.wakings += 1
                        if awake:
                            return
            except (EOFError, OSError):
                return

    def kill(self, which: str) -> None:
        process = self.mind if which == "mind" else self.game
        process.kill()  # -9
        process.join()
        if which == "mind":
            self.mind = self.context.Process(target=mind, daemon=True, args=(str(self.folder / "mind"), self.port))
            self.mind.start()
        else:
            self.hear(1.0)  # what it had said
            self._hears.close()
            self._begin_game()

    def end(self) -> list[Lesson]:
        """Nothing is killed any more: the journal when the outbox is empty."""
        from training.mind.mind_store import JOURNAL, read_lessons

        self.game.kill()
        self.game.join()
        self.hear(1.0)
        line = link.connect(Elsewhere(Address("127.0.0.1", self.port), Visitor(NAME, KEY), outbox=self.outbox))
        journal, size, until = self.folder / "mind" / "players" / NAME / JOURNAL, 0, time.monotonic() + PATIENCE
        with line:
            while Outbox(self.outbox).frames and time.monotonic() < until:
                line.poll()
                time.sleep(0.05)
                if journal.exists() and journal.stat().st_size > size:
                    size, until = journal.stat().st_size, time.monotonic() + PATIENCE
        self.mind.terminate()
        self.mind.join()
        return list(read_lessons(journal))


def killed(kills: int, seed: int) -> dict[str, Any]:
    """Kill the mind or the game so many times; what was lost."""
    rng = Random(f"{seed}/kills")
    counts = {"mind": 0, "game": 0}
    with tempfile.TemporaryDirectory() as folder:
        day = Day(Path(folder))
        for number in range(kills):
            day.hear(60.0, awake=True)
            day.hear(rng.uniform(0.0, LONGEST))
            which = rng.choice(list(counts))
            counts[which] += 1
            day.kill(which)
            if sys.stderr.isatty():
                print(
                    f"\rkill {number + 1} of {kills}, {day.sent + 1} lessons sent", end="", file=sys.stderr, flush=True
                )
        if day.sent < 0 or not day.wakings:
            raise SystemExit("nothing was taught: the game or its mind did not begin")
        journal = day.end()
        sent = {lesson_digest(lesson) for _, lesson in islice(lessons(day.some), day.sent + 1)}
        held = [lesson_digest(lesson) for lesson in journal]
        frames = b"".join(Outbox(day.outbox).frames)
        owed = {lesson_digest(one.lesson) for one in Decoder(ToMind).feed(frames) if isinstance(one, Teach)}
    return {
        "kills": kills, "of_the_mind": counts["mind"], "of_the_game": counts["game"], "wakings": day.wakings,
        "lessons_sent": len(sent), "lessons_on_their_way": len(owed - set(held)),
        "lessons_lost": len(sent - set(held) - owed), "lessons_twice": len(held) - len(set(held)),
        "damaged_files": len(day.damaged), "said_of_them": day.damaged[:3], "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip


def hostile_frames(rng: Random) -> Iterator[tuple[bytes, int]]:
    """Frames that are no message, and their opcodes: rubbish, torn and changed messages, nests, lies about sizes."""
    good = [msgspec.msgpack.encode(Teach(lesson)) for _, lesson in islice(lessons(taught()), 4)]
    while True:
        data = bytearray(rng.choice(good))
        for change in (
            lambda data: bytes(rng.randrange(256) for _ in range(rng.randrange(64))),
            lambda data: bytes(data[: rng.randrange(len(data))]),
            lambda data: b"\x91" * rng.randrange(1, 4000),
            lambda data: rng.choice([b"\xdd", b"\xdf", b"\xc6", b"\xdb"]) + b"\xff\xff\xff\xff",
            lambda data: bytes(data).replace(b"teach", b"reach"),
            lambda data: bytes(data) + b"\x00",
        ):
            yield change(data), 2
        yield bytes(data), rng.choice([1, 3, 7, 11])


def resident_mb() -> float:
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20 if statm.exists() else 0.0


def hostile(frames: int, seed: int) -> dict[str, Any]:
    """Send so many hostile frames to a server, some on each connection; what it took for a message."""
    rng, sent, accepted, connections = Random(f"{seed}/hostile"), 0, 0, 0
    codec: MindCodec[ToMind] = MindCodec(ToMind)
    source = hostile_frames(rng)
    with Server(Address("127.0.0.1", 0), TERMS, codec, limits=LIMITS) as server:
        early = 0.0
        while sent < frames:
            try:
                with RawLine(server.port) as raw:
                    connections += 1
                    if connections % 2:
                        raw.come_in(TERMS, f"p{connections % 8}")
                    chosen = list(islice(source, 50))
                    sent += len(chosen)
                    raw.socket.sendall(b"".join(raw.frame(*one) for one in chosen))
                    raw.closed()
            except (OSError, AssertionError):  # hung up already; or too many were there
                time.sleep(0.01)
            accepted += sum(not isinstance(event.what, Joined | Left) for event in server.poll())
            if connections == 200:
                early = resident_mb()
        late = resident_mb()
    return {
        "frames": sent, "connections": connections, "accepted": accepted,
        "resident_mb_after_200_connections": round(early), "resident_mb_at_the_end": round(late),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=0, metavar="N")
    parser.add_argument("--hostile", type=int, default=0, metavar="N", help="frames")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the counts as JSON, too")
    options = parser.parse_args()
    counts = {}
    if options.hostile:
        counts["hostile"] = hostile(options.hostile, options.seed)
        print(json.dumps(counts["hostile"]), flush=True)
    if options.kills:
        counts["kills"] = killed(options.kills, options.seed)
        print(json.dumps(counts["kills"]), flush=True)
    if options.out is not None:
        options.out.write_text(json.dumps(counts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
