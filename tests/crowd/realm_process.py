"""A realm's server in a process of its own that says how it does.

    python -m tests.crowd.realm_process FOLDER SEED PLAYERS [PORT [REGION]]

With REGION it is that one of the several regions in FOLDER. It prints one JSON object a line: first its port; then, for
each line that comes in, what was measured since the last one. The line "end", and the end of the input, save and end
it; then it prints the hash of the realm's state.
"""

import json
import os
import sys
import time
from pathlib import Path
from threading import Thread
from typing import TextIO

from common.line.address import Address
from game.realm.replay import state_hash
from game.shared.homes import Residents, folder_of
from game.shared.realm_folder import RealmFolder
from game.shared.server import RealmServer

PAGE = 4096  # bytes


class MeasuredServer(RealmServer):
    """Notes how much processor time each tick takes. work: s, of the last ticks."""

    work: list[float]

    def tick(self) -> None:
        """One tick."""
        before = time.thread_time()
        super().tick()
        self.work.append(time.thread_time() - before)


def memory() -> float:
    """MB of this process that are in memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * PAGE / 2**20


class Measures:
    """What a server did since the last note."""

    def __init__(self, server: MeasuredServer) -> None:
        self._server = server
        self._since, self._cpu = time.monotonic(), time.process_time()

    def note(self) -> dict:
        """One number a tick of lateness and of processor time; memory in MB. The count begins anew."""
        server = self._server
        late, server.pace.late = server.pace.late, []
        work, server.work = server.work, []
        now, cpu = time.monotonic(), time.process_time()
        wall, used = now - self._since, cpu - self._cpu
        self._since, self._cpu = now, cpu
        return {
            "seconds": wall,
            "late_ms": [round(1e3 * value, 2) for value in late],
            "tick_cpu_ms": [round(1e3 * value, 2) for value in work],
            "cpu_s": used,
            "memory_mb": round(memory(), 1),
            "load": round(os.getloadavg()[0], 1),
        }


def answer(server: MeasuredServer, words: TextIO, ended: list[bool]) -> None:
    """In a thread: a note for each line, until the end."""
    measures = Measures(server)
    for line in words:
        if line.strip() == "end":
            break
        print(json.dumps(measures.note()), flush=True)
    ended.append(True)


def main(arguments: list[str]) -> int:
    """Serves until it is told to end."""
    folder, seed, players = Path(arguments[0]), int(arguments[1]), int(arguments[2])
    port = int(arguments[3]) if len(arguments) > 3 else 0
    residents = None
    if len(arguments) > 4:
        region = int(arguments[4])
        folder, residents = folder_of(folder, region), Residents(folder, region)
    realm = RealmFolder(folder, seed)
    server = MeasuredServer(realm, Address("127.0.0.1", port), players=players, residents=residents)
    server.work = []
    print(json.dumps({"port": server.line.port}), flush=True)
    ended: list[bool] = []
    Thread(target=answer, args=(server, sys.stdin, ended), daemon=True).start()
    server.run(lambda: not ended)
    server.close()
    print(json.dumps({"ticks": realm.shared.world.tick, "state_hash": state_hash(realm.shared.world)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
