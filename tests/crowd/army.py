"""The army: many players on loopback against a realm's server, or several behind one address, and what servers and
players say of each phase."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.line.address import Address
from game.realm.replay import state_hash
from game.shared.homes import Homes, folder_of
from game.shared.realm_folder import live_again
from game.shared.regions import Front
from game.shared.terms import terms
from tests.crowd.player import Counts, Habits, Player

ROOT = Path(__file__).resolve().parents[2]
JOINS_PER_S = 25
NOTE_EVERY = 5.0  # s
SETTLE_S = 3.0  # after all have come, before anything is counted
Report = Callable[[str, int, int], None]


class RealmProcess:
    """The server's process. port: where it listens."""

    def __init__(self, folder: Path, seed: int, players: int, region: int | None = None) -> None:
        command = [sys.executable, "-m", "tests.crowd.realm_process", str(folder), str(seed), str(players)]
        command += [] if region is None else ["0", str(region)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )  # in a session of its own, as the front starts regions; it ends when its stdin does
        self.port: int = self._said()["port"]

    def _said(self) -> dict:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the realm's server ended with status {self._process.wait()}")
        said: dict = json.loads(line)
        return said

    def _ask(self, word: str) -> dict:
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        return self._said()

    def note(self) -> dict:
        """What was measured since the last note."""
        return self._ask("note")

    def end(self) -> dict:
        """Lets it save and end; its last tick and the hash of its state."""
        last = self._ask("end")
        self._process.wait(60)
        return last

    def kill(self) -> None:
        """Ends it, whatever it does."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


class Regions:
    """Realms of the seed and the next ones; of several, each in a process, behind a front in this one. port: where
    players come."""

    def __init__(self, folder: Path, seed: int, players: int, regions: int) -> None:
        self.realms: list[RealmProcess] = []
        self.folders = [folder if regions == 1 else folder_of(folder, number) for number in range(regions)]
        self._front: Front | None = None
        try:
            if regions > 1:
                self._front = Front(Homes(folder, regions, seed), Address("127.0.0.1", 0), players=players)
            for number in range(regions):
                part = None if regions == 1 else number
                self.realms.append(RealmProcess(folder, seed + number, players, part))
        except BaseException:
            self.kill()
            raise
        self.port = self.realms[0].port
        if self._front is not None:
            self._front.ports[:] = [realm.port for realm in self.realms]
            self.port = self._front.line.port

    def notes(self) -> list[dict]:
        """What was measured since the last time, of each."""
        return [realm.note() for realm in self.realms]

    def kill(self) -> None:
        """Ends all of it."""
        for realm in self.realms:
            realm.kill()
        if self._front is not None:
            self._front.close()


@dataclass
class Phase:
    """A part of a run: so many seconds with these habits."""

    name: str
    seconds: float
    habits: Habits = field(default_factory=Habits)


def run(
    folder: Path,
    clients: int,
    seed: int,
    phases: Sequence[Phase],
    report: Report,
    settle: float = SETTLE_S,
    regions: int = 1,
) -> dict:
    """Serves a realm in `folder`, or several regions, lets the army play, and returns what came, phase by phase.
    Afterwards all of it is lived through once more, and the hashes are compared. settle: s after all have come, before
    anything is counted."""
    served = Regions(folder, seed, clients + 8, regions)
    try:
        result = asyncio.run(_campaign(served, clients, seed, phases, report, settle))
        ends = [realm.end() for realm in served.realms]
    finally:
        served.kill()
    result["ticks"] = min(last["ticks"] for last in ends)
    report("living through it again", 0, 1)
    relived = [state_hash(live_again(each).world) for each in served.folders]
    result["relived_the_same"] = relived == [last["state_hash"] for last in ends]
    return result


async def _campaign(
    realm: Regions, clients: int, seed: int, phases: Sequence[Phase], report: Report, settle: float
) -> dict:
    own, habits = terms(), phases[0].habits
    players = [Player(number, realm.port, own, habits, seed) for number in range(clients)]
    for player in players:
        player.stands = True  # until all have come
    tasks = []
    began = time.monotonic()
    for count, player in enumerate(players):
        tasks.append(asyncio.create_task(player.live()))
        report("players come", count, clients)
        await asyncio.sleep(max(0.0, began + (count + 1) / JOINS_PER_S - time.monotonic()))
    until = time.monotonic() + 30
    while sum(player.came for player in players) < clients and time.monotonic() < until:
        await asyncio.sleep(0.1)
    for player in players:
        player.stands = False
    await asyncio.sleep(settle)
    result: dict[str, Any] = {"came": sum(player.came for player in players)}
    for phase in phases:
        result[phase.name] = await _play(realm, players, phase, report)
    for player in players:
        player.ended = True
    await asyncio.wait(tasks, timeout=15)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return result


async def _play(realm: Regions, players: Sequence[Player], phase: Phase, report: Report) -> dict:
    """One phase. A note in its midst costs nothing that is measured, and shows how memory goes."""
    loop, total = asyncio.get_running_loop(), Counts()
    for player in players:
        player.habits = phase.habits
        Counts().take(player.counts)
    await loop.run_in_executor(None, realm.notes)
    began, cpu, notes = time.monotonic(), time.process_time(), []
    while (passed := time.monotonic() - began) < phase.seconds:
        report(phase.name, int(passed), int(phase.seconds))
        await asyncio.sleep(min(NOTE_EVERY, phase.seconds - passed))
        notes.append(await loop.run_in_executor(None, realm.notes))
    wall, army = time.monotonic() - began, time.process_time() - cpu
    for player in players:
        total.take(player.counts)
    return _summary(notes, total, wall, army, len(players))


def _summary(notes: Sequence[Sequence[dict]], total: Counts, wall: float, army: float, clients: int) -> dict:
    """Figures of a phase. notes: of all realms, time by time. Rates are for each client; lateness is of all realms'
    ticks, processor time and memory (MB, after a quarter of the time and at the end) of all realms together."""
    parts = list(zip(*notes, strict=True))  # realm by realm
    late = [value for part in parts for note in part for value in note["late_ms"]]
    work = [[value for note in part for value in note["tick_cpu_ms"]] for part in parts]
    everybodys = [value for part in work for value in part]
    served = [sum(note["seconds"] for note in part) for part in parts]
    memory = [sum(note["memory_mb"] for note in moment) for moment in notes]
    early = memory[len(memory) // 4]
    ticks = [sum(len(note["late_ms"]) for note in part) for part in parts]
    return {
        "seconds": round(wall, 1),
        "late_p50_ms": quantile(late, 0.5),
        "late_p99_ms": quantile(late, 0.99),
        "late_most_ms": max(late, default=0.0),
        "late_alone_p99_ms": round(max(quantile(alone(part), 0.99) for part in work), 2),
        "tick_cpu_p50_ms": quantile(everybodys, 0.5),
        "tick_cpu_p99_ms": quantile(everybodys, 0.99),
        "ticks_per_s": round(min(count / seconds for count, seconds in zip(ticks, served, strict=True)), 2),
        "cpu_share": round(sum(sum(n["cpu_s"] for n in part) / s for part, s in zip(parts, served, strict=True)), 3),
        "kb_per_s_down": round(total.down / wall / clients / 1024, 2),
        "updates_per_s": round(total.updates / wall / clients, 2),
        "sent_per_s": round(total.sent / wall / clients, 2),
        "army_cpu_share": round(army / wall, 3),
        "army_late_p99_ms": round(1e3 * quantile(total.late, 0.99), 2),
        "digests": total.digests,
        "desyncs": total.desyncs,
        "told": total.told,
        "told_lost": total.lost,
        "joins": total.joins,
        "stops": total.stops,
        "hung_up": total.hung_up,
        "strange": total.strange[:20],
        "memory_mb": [round(early, 1), round(memory[-1], 1)],
        "memory_growth_mb": round(memory[-1] - early, 1),
        "load": [notes[0][0]["load"], notes[-1][0]["load"]],
    }


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which this share lies; 0 of none."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def alone(work: Sequence[float], every: float = 1000 / 30) -> list[float]:
    """How late ticks would be that take so long each (ms) and are due `every` ms, if their thread had a core alone. The
    line's own thread, which shares Python's lock with it, isn't counted: it is a bound from below."""
    clock, late = 0.0, []
    for number, took in enumerate(work):
        start = max(number * every, clock)
        late.append(start - number * every)
        clock = start + took
    return late
