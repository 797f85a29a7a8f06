"""Players on one mind that listens: how long a scene takes to become a percept while all of them practise.

    python -m tests.bots.mind_players --players 1 --players 16 --seconds 30 --out FILE.json
    python -m tests.bots.mind_players --players 16 --line

First one player asks while nothing else goes on: that is the forward that all is compared with. Then all players ask
for scenes of eight places, as a game does: the next one an eighth of a second after the last, if that is answered. All
practise, from sixteen lessons each.

All players walk: each scene is another one. A player sends the newest scene even if the last one isn't answered, as a
game does with a mind elsewhere; a percept's time is that from the scene which it answers. How long a player goes
without one stands beside it.

Without --line the mind's service runs here, between simulated players, and the clock is the CPU time of its thread:
what it takes on a core of its own, whatever else this machine does. With --line, `main.py mind --listen` is started,
players come over loopback, and the clock is the wall's.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import torch

from common.files import write_whole
from common.line.address import Address
from common.line.channel import Left
from common.line.client import Client
from common.line.hello import Visitor
from common.line.loop import LoopThread
from common.line.server import Event, Joined
from game.realm.rules import load as load_rules
from game.realm.sampler import Sample, samples
from perception.messages import FromMind, Lesson, Perceive, Percept, Practise, Progress, Scene, Teach, ToMind
from perception.model import load
from perception.remote import TERMS, MindCodec
from training.mind.listen import served_config
from training.mind.service import Service, ServiceConfig

ROOT = Path(__file__).resolve().parents[2]
ASK_EVERY = 1 / 8  # s, as game.journey.mind_client asks
LESSONS = 16  # taught to each player before it is measured
PLACES = 8
WAKING_S, IDLE_S, SETTLE_S = 60.0, 5.0, 3.0


@dataclass
class Player:
    """One player: what it asks, and how long answers took (s)."""

    line: Client[FromMind]
    scenes: list[Scene]
    number: int = 0
    sent: dict[int, float] = field(default_factory=dict)  # scenes without an answer, by number
    due: float = 0.0
    took: list[float] = field(default_factory=list)
    inside: list[float] = field(default_factory=list)  # of that, in the forward
    steps: int = 0

    def go_on(self, now: float) -> None:
        """Ask if it is time, and hear."""
        if now >= self.due:
            scene = msgspec.structs.replace(self.scenes[self.number % len(self.scenes)], id=self.number)
            self.line.send(Perceive(scene), "glance")
            self.sent[self.number], self.due, self.number = now, now + ASK_EVERY, self.number + 1
        for said in self.line.poll():
            assert not isinstance(said, Left), said
            if isinstance(said, Percept):
                self.took.append(time.perf_counter() - self.sent.pop(said.scene))
                self.inside.append(said.seconds)
            elif isinstance(said, Progress):
                self.steps = said.step


def scenes_of(places: int, count: int) -> list[Sample]:
    """So many scenes of so many places."""
    return list(islice((s for s in samples(8, "players", "terse") if len(s.view.scene.questions) == places), count))


def talk(players: list[Player], seconds: float) -> None:
    """All of them ask and hear, for so long."""
    until = time.perf_counter() + seconds
    while (now := time.perf_counter()) < until:
        for player in players:
            player.go_on(now)
        time.sleep(0.001)


class Simulated:
    """A server between the service and simulated players. Its clock is this thread's CPU time; it leaps over idling."""

    def __init__(self, scenes: list[Scene]) -> None:
        self._scenes, self._leapt = scenes, 0.0
        self._events: list[Event[ToMind]] = []
        self._asked: dict[tuple[int, int], float] = {}  # when a player sent a scene, by the player and its number
        self._answered: dict[int, float] = {}  # when a player was answered last
        self._next: dict[int, float] = {}  # when a player sends the next one
        self._sent = 0
        self.took: list[float] = []
        self.gaps: list[float] = []  # between two percepts of one player
        self.steps: dict[int, int] = {}

    @property
    def now(self) -> float:
        return time.thread_time() + self._leapt

    def put(self, number: int, *whats: Any) -> None:
        self._events += [Event(number, what) for what in whats]

    def ask(self, number: int) -> None:
        """This player asks from now on."""
        self._next[number] = self.now

    def poll(self, wait: float = 0.0) -> list[Event[ToMind]]:
        if wait and not self._events and self._next:
            self._leapt += max(0.0, min(min(self._next.values()) - self.now, wait))
        now = self.now
        for number in [number for number, due in self._next.items() if due <= now]:
            due = self._next[number]
            self._asked[number, self._sent], self._next[number] = due, max(due + ASK_EVERY, now)
            scene = self._scenes[self._sent % len(self._scenes)]
            self.put(number, Perceive(msgspec.structs.replace(scene, id=self._sent)))
            self._sent += 1
        events, self._events = self._events, []
        return events

    def send(self, number: int, message: FromMind, newest: object = None) -> bool:
        if isinstance(message, Percept):
            now = self.now
            self.took.append(now - self._asked.pop((number, message.scene)))
            if number in self._answered:
                self.gaps.append(now - self._answered[number])
            self._answered[number] = now
        elif isinstance(message, Progress):
            self.steps[number] = message.step
        return True

    def hang_up(self, number: int, reason: str, again: bool = False) -> None:
        pass

    def close(self, reason: str = "") -> None:
        pass


def by_cpu(players: int, seconds: float) -> dict[str, Any]:
    """The figures of one run on the clock of the service's CPU time."""
    with tempfile.TemporaryDirectory() as folder:
        some, taught = scenes_of(PLACES, 12), list(islice(samples(9, "lessons", "terse"), LESSONS))
        server = Simulated([sample.view.scene for sample in some])
        config = ServiceConfig(Path(folder), served_config(0))
        service = Service(server, load(), config, load_rules())  # type: ignore[arg-type]

        def go_on(seconds: float) -> None:
            until = server.now + seconds
            while server.now < until:
                service.round(IDLE_S)

        for number in range(players):
            server.put(number, Joined(f"p{number}", b"", ""))
        service.round()
        server.ask(0)
        go_on(SETTLE_S)
        server.took.clear()
        go_on(IDLE_S)
        idle = quantiles(server.took)
        for number in range(players):
            if number:
                server.ask(number)
            lessons = [Teach(Lesson(sample.view.scene, sample.answers, "touch")) for sample in taught]
            server.put(number, *lessons, Practise(True))
        go_on(SETTLE_S + players / 4)
        before = dict(server.steps)
        server.took.clear()
        server.gaps.clear()
        go_on(seconds)
        steps = [server.steps[number] - before[number] for number in range(players)]
        practising, count, gaps = quantiles(server.took), len(server.took), quantiles(server.gaps)
    return {
        "players": players, "seconds": seconds, "places": PLACES, "load": round(os.getloadavg()[0], 1), "idle": idle,
        "practising": practising, "between": gaps, "p50_by_idle": round(practising["p50_ms"] / idle["p50_ms"], 2),
        "perceptions_per_s": round(count / seconds, 2), "steps_per_s": round(sum(steps) / seconds, 2),
        "steps_least": min(steps), "steps_most": max(steps),
    }  # fmt: skip


def quantiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "count": len(ordered),
        "p50_ms": round(1e3 * statistics.median(ordered), 1),
        "p99_ms": round(1e3 * ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))], 1),
    }


def started(stack: ExitStack, folder: str) -> tuple[subprocess.Popen[str], int]:
    """A mind that listens, and its port."""
    command = [sys.executable, str(ROOT / "main.py"), "mind", "--listen", "127.0.0.1:0", "--folder", folder]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT)
    stack.callback(process.wait, 60)
    stack.callback(process.terminate)
    assert process.stderr is not None
    for line in process.stderr:
        if match := re.search(r"listening on .*:(\d+)", line):
            return process, int(match[1])
    raise SystemExit("the mind did not wake")


def measured(players: int, seconds: float) -> dict[str, Any]:
    """The figures of one run over loopback, by the wall's clock."""
    # long because: one run from its beginning to its end
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        process, port = started(stack, folder)
        thread = LoopThread()
        stack.callback(thread.close)
        some, taught = scenes_of(PLACES, 12), list(islice(samples(9, "lessons", "terse"), LESSONS))
        everybody = []
        for number in range(players):
            codec: MindCodec[FromMind] = MindCodec(FromMind)
            visitor = Visitor(f"p{number}")
            line = Client(Address("127.0.0.1", port), TERMS, codec, visitor, thread=thread)
            stack.callback(line.close)
            everybody.append(Player(line, [sample.view.scene for sample in some]))
        first = everybody[0]
        talk([first], SETTLE_S)
        first.took.clear()
        first.inside.clear()
        talk([first], IDLE_S)
        idle, forward = quantiles(first.took), quantiles(first.inside)
        for player in everybody:
            for sample in taught:
                player.line.send(Teach(Lesson(sample.view.scene, sample.answers, "touch")))
            player.line.send(Practise(True))
        talk(everybody, SETTLE_S + players / 4)
        before = [player.steps for player in everybody]
        for player in everybody:
            player.took.clear()
        talk(everybody, seconds)
        took = [value for player in everybody for value in player.took]
        steps = [player.steps - start for player, start in zip(everybody, before, strict=True)]
        memory = Path(f"/proc/{process.pid}/statm")
        resident = int(memory.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20 if memory.exists() else None
        practising = quantiles(took)
    return {
        "players": players, "seconds": seconds, "places": PLACES, "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1), "idle": idle, "idle_forward": forward, "practising": practising,
        "p50_by_idle_forward": round(practising["p50_ms"] / forward["p50_ms"], 2),
        "perceptions_per_s": round(len(took) / seconds, 2), "steps_per_s": round(sum(steps) / seconds, 2),
        "steps_least": min(steps), "steps_most": max(steps), "resident_mb": resident and round(resident),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--players", type=int, action="append", metavar="N", help="again for several runs (default 1)")
    parser.add_argument("--seconds", type=float, default=20.0, metavar="S", help="that are measured (default 20)")
    parser.add_argument("--line", action="store_true", help="a mind in a process of its own, over loopback, wall clock")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the figures as JSON, too")
    options = parser.parse_args()
    torch.set_num_threads(1)
    clock = "wall" if options.line else "CPU time of the mind's thread"
    runs = {}
    for players in options.players or [1]:
        runs[str(players)] = (measured if options.line else by_cpu)(players, options.seconds)
        print(json.dumps(runs[str(players)]), flush=True)
        if options.out is not None:
            write_whole(options.out, (json.dumps({"clock": clock, "runs": runs}, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
