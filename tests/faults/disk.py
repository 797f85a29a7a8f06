"""A realm whose disk is full, whose clock jumps, and whose folder a second server wants."""

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from unittest.mock import patch

from game.realm.replay import state_hash
from game.shared import server as realm_server
from game.shared.messages import Deeds, Enter, Update, encode
from game.shared.realm_folder import JOURNAL, SNAPSHOT, RealmFolder, live_again
from tests.crowd.army import ROOT, RealmProcess
from tests.faults.house import House, served
from tests.faults.table import Report, Row, tally

JUMPS = (3600.0, -3600.0, 365 * 86_400.0, -20 * 365 * 86_400.0)  # s, of the wall clock
AHEAD = 3600.0  # s, of the clock that only goes on: a machine that slept
ROOM = 1500  # bytes that the disk still has
WATCHED_S = 1.0


@contextmanager
def little_room(bytes_: int) -> Iterator[None]:
    """No file of this process grows beyond so many bytes. Sockets are none."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _walks(house: House, name: str, seconds: float) -> int:
    """A player walks about for so long; how many updates came."""
    random, tick, updates, until = Random(name), 0, 0, time.monotonic() + seconds
    with house.client(name, token=house.token) as client:
        client.send(Enter())
        while time.monotonic() < until:
            tick += 2
            client.send(Deeds(tick, bytes([random.randrange(9), random.randrange(9)]), [(0, ["look"])]))
            updates += sum(isinstance(message, Update) for message in client.poll(0.03))
    return updates


def full_disk(folder: Path, number: int) -> str:
    """The disk fills while somebody plays; it has room again; then the realm is lived through again."""
    with served(folder) as house:
        _walks(house, "Aki", 0.2)
        journal = house.server.folder.shared.journal
        if journal is None:
            return "no journal"
        with little_room(journal.size + ROOM):
            updates = _walks(house, f"Ben{number}", 3 * WATCHED_S)
            fault = journal.fault
            house.server.save()
            time.sleep(0.3)
        if not fault or not updates:
            return f"the fault {fault!r}, {updates} updates"
        if not house.soon(lambda: journal.fault == ""):
            return "not written again"
        waiting = journal.size - journal._written
        logged = any("goes on" in line for line in house.server.log)
    again, world = live_again(folder), RealmFolder(folder)
    try:
        same = state_hash(again.world) == state_hash(world.shared.world) == state_hash(house.server.folder.shared.world)
    finally:
        world.close()
    return "" if same and not waiting else f"the same realm {same}, {waiting} bytes wait, logged {logged}"


def clock_jumps(folder: Path, number: int) -> str:
    """The wall clock jumps to and fro, and the other one by an hour: nobody is thrown out, time isn't made up for."""
    jump, real, steady = JUMPS[number % len(JUMPS)], time.time, time.monotonic
    ahead = [0.0]
    with served(folder) as house:
        world = house.server.folder.shared.world
        with (
            patch.object(time, "time", lambda: real() + jump),
            patch.object(realm_server, "monotonic", lambda: steady() + ahead[0]),
            house.client("Aki") as client,
        ):
            client.send(Enter())
            if not house.soon(lambda: "Aki" in house.here()):
                return "never came in"
            ahead[0] = AHEAD
            before, began = world.tick, steady()
            time.sleep(WATCHED_S)
            lived, passed = world.tick - before, steady() - began
            house.server.save()
            there = "Aki" in house.here()
    most = (passed + realm_server.BEHIND_MAX + 0.5) * 30
    if not there or not 1 <= lived <= most:
        return f"there {there}, {lived} ticks in {passed:.1f} s"
    return "" if live_again(folder).world.tick == world.tick else "it can't be lived through again"


def two_servers(folder: Path, seed: int) -> str:
    """A second server on the folder of one that runs: one line, exit 2, and the first goes on."""
    realm = RealmProcess(folder, seed, 4)
    try:
        command = [sys.executable, "main.py", "realm", "--listen", "127.0.0.1:0", "--folder", str(folder)]
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        lines = second.stderr.strip().splitlines()
        realm.note()
        ended = realm.end()
    finally:
        realm.kill()
    good = second.returncode == 2 and len(lines) == 1 and "in use" in lines[0]
    whole = live_again(folder).world.tick == ended["ticks"]
    return "" if good and whole else f"status {second.returncode}, said {lines[-1:]}, whole {whole}"


def damaged(folder: Path, seed: int) -> str:
    """The snapshot is damaged, or the journal's end is torn off: the realm goes on, with all that was whole."""
    random = Random(f"damaged/{seed}")
    with served(folder) as house:
        _walks(house, "Aki", 0.4)
    ticks = live_again(folder).world.tick
    snapshot, journal = folder / SNAPSHOT, folder / JOURNAL
    whole = snapshot.read_bytes()
    at = random.randrange(len(whole))
    snapshot.write_bytes(random.choice((whole[:at], whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :], b"")))
    torn = encode(Deeds(1, b"\x04"))[: random.randrange(1, 8)]
    with open(journal, "ab") as file:
        file.write(torn)
    opened = RealmFolder(folder)
    try:
        same = opened.shared.world.tick == ticks and bool(opened.note)
        return "" if same else f"tick {opened.shared.world.tick} of {ticks}, noted {opened.note!r}"
    finally:
        opened.close()


def rows(folder: Path, times: int, seed: int, report: Report) -> dict[str, Row]:
    """The rows, each so many times; processes are started for the last one."""
    report("disk and clock", 0, 4)
    made = {
        "clock": tally(
            "the clock jumps by an hour, a year, twenty", "nobody thrown out, no tick made up for",
            [clock_jumps(folder / f"clock{number}", number) for number in range(max(times, len(JUMPS)))],
        )
    }  # fmt: skip
    report("disk and clock", 1, 4)
    made["full_disk"] = tally(
        "a full disk while somebody plays", "play goes on, all is written once there is room",
        [full_disk(folder / f"full{number}", number) for number in range(times)],
    )  # fmt: skip
    report("disk and clock", 2, 4)
    made["damaged"] = tally(
        "a damaged snapshot and a torn journal", "it goes on from the journal, and says so",
        [damaged(folder / f"damaged{number}", seed + number) for number in range(times)],
    )  # fmt: skip
    report("disk and clock", 3, 4)
    made["two_servers"] = tally(
        "two servers on one folder", "one line, exit 2, the first goes on",
        [two_servers(folder / f"two{number}", seed) for number in range(max(1, times // 2))],
    )  # fmt: skip
    return made
