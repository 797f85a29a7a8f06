"""A mind whose disk is full, and whose folder a second mind wants. The minds are tiny."""

import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from threading import Event, Thread
from unittest.mock import patch

import torch

from common.line.address import Address
from common.line.channel import Left
from common.line.client import Client
from common.line.faults import LineError
from common.line.hello import Visitor
from common.line.server import Server
from game.realm.rules import load
from game.realm.sampler import samples
from perception.messages import FromMind, Lesson, Perceive, Percept, Ready, Taught, Teach, ToMind, Trouble
from perception.remote import LIMITS, TERMS, MindCodec
from perception.wire import lesson_digest
from tests.bots.mind_faults import mind
from tests.crowd.army import ROOT
from tests.faults.disk import little_room
from tests.faults.kills import free_port
from tests.faults.table import Report, Row, tally
from tests.kits.minds import tiny
from training.config import TeachConfig
from training.mind import self_measurement, service
from training.mind.mind import MindConfig
from training.mind.mind_store import JOURNAL, read_lessons
from training.mind.service import Service, ServiceConfig

NAME, KEY = "anna", b"k" * 32
ROOM = 512  # bytes that a file may have on the full disk: less than a lesson
SOON = 60.0  # s
TEACH = TeachConfig(parts=2, rank=4, scenes=2, rehearse=1, warmup=1)


class Game:
    """A player's game. heard: all that the mind has said to it."""

    def __init__(self, port: int) -> None:
        codec: MindCodec[FromMind] = MindCodec(FromMind)
        self.line = Client(Address("127.0.0.1", port), TERMS, codec, Visitor(NAME, KEY))
        self.heard: list[FromMind | Left] = []

    def until(self, done: Callable[[], bool], seconds: float = SOON) -> bool:
        """Listens until something is so; False if it doesn't come to that."""
        until = time.monotonic() + seconds
        while not done():
            if time.monotonic() > until:
                return False
            self.heard += self.line.poll(0.05)
        return True

    def has(self, kind: type) -> bool:
        """Whether it has heard one of these."""
        return any(isinstance(message, kind) for message in self.heard)

    def taught(self, lesson: Lesson) -> bool:
        """Whether the mind has said that this lesson is on its disk."""
        return Taught(lesson_digest(lesson)) in self.heard


@contextmanager
def served(folder: Path) -> Iterator[Game]:
    """A mind that serves in a thread, and a game that it has greeted."""
    torch.set_num_threads(1)
    server: Server[ToMind] = Server(Address("127.0.0.1", 0), TERMS, MindCodec(ToMind), limits=LIMITS)
    with patch.object(self_measurement, "LIVE_PROBES", 4), patch.object(service, "AGAIN_S", 0.2):
        config = ServiceConfig(folder, MindConfig(None, TEACH, local=False, resumes=True))
        serving, ended = Service(server, tiny(), config, load()), Event()
        thread = Thread(target=serving.run, args=(ended,), daemon=True)
        thread.start()
        game = Game(server.port)
        try:
            game.until(lambda: game.has(Ready))
            yield game
        finally:
            game.line.close()
            ended.set()
            thread.join(SOON)


def full_disk(folder: Path, number: int) -> str:
    """The disk fills while somebody plays; it says so, sees on, and acknowledges lessons once there is room."""
    some = [Lesson(s.view.scene, s.answers, "touch") for s in islice(samples(number, "full disk", "terse"), 3)]
    with served(folder) as game:
        game.line.send(Teach(some[0]))
        if not game.until(lambda: game.taught(some[0])):
            return "nothing is learned"
        with little_room(ROOM):
            for lesson in some[1:]:
                game.line.send(Teach(lesson))
            game.line.send(Perceive(some[0].scene))
            answered = game.until(lambda: game.has(Trouble) and game.has(Percept))
            game.until(lambda: False, 0.5)
            early = [lesson for lesson in some[1:] if game.taught(lesson)]
        late = game.until(lambda: all(map(game.taught, some)))
        troubles = [message.text for message in game.heard if isinstance(message, Trouble)]
    held = list(read_lessons(folder / service.PLAYERS / NAME / JOURNAL))
    if not answered or early or not late:
        return f"said {troubles[:1]}, saw {answered}, {len(early)} acknowledged too early, in the end all {late}"
    if not any("can't be saved now" in text for text in troubles):
        return f"said {troubles[:1]}"
    return "" if held == some else f"{len(held)} lessons of {len(some)}"


def two_minds(folder: Path, number: int) -> str:
    """A second mind on the folder of one that serves: one line, exit 2, and the first goes on."""
    port = free_port()
    context = multiprocessing.get_context("forkserver")
    first = context.Process(target=mind, args=(str(folder), port), daemon=True)
    first.start()
    try:
        game = _comes(port)
        command = [sys.executable, "main.py", "mind", "--listen", "127.0.0.1:0", "--folder", str(folder)]
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
        lines = second.stderr.strip().splitlines()
        lesson = next(Lesson(s.view.scene, s.answers, "touch") for s in samples(number, "two", "terse"))
        game.line.send(Teach(lesson))
        on = game.until(lambda: game.taught(lesson))
        game.line.close()
    finally:
        first.terminate()
        first.join()
    good = second.returncode == 2 and len(lines) == 1 and "in use" in lines[0]
    return "" if good and on else f"status {second.returncode}, said {lines[-1:]}, the first goes on {on}"


def _comes(port: int) -> Game:
    until = time.monotonic() + SOON
    while True:
        try:
            return Game(port)
        except LineError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def rows(folder: Path, times: int, report: Report) -> dict[str, Row]:
    """The rows; processes are started for the second."""
    report("minds", 0, 2)
    full = tally(
        "a mind's full disk while somebody plays", "it says so, sees on, acknowledges no lesson that isn't on the disk",
        [full_disk(folder / f"full{number}", number) for number in range(times)],
    )  # fmt: skip
    report("minds", 1, 2)
    two = tally(
        "two minds on one folder", "one line, exit 2, the first goes on",
        [two_minds(folder / f"two{number}", number) for number in range(max(1, times // 2))],
    )  # fmt: skip
    return {"mind_full_disk": full, "two_minds": two}
