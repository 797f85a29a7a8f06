"""kill -9 of one of two regions behind one address: who lives there comes back to their place, the others play on."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from threading import Thread
from unittest.mock import patch

from common.line.address import Address
from game.shared import regions
from game.shared.homes import Homes, folder_of
from game.shared.realm_folder import live_again
from game.shared.regions import Front, RegionProcess, keep
from game.shared.terms import terms
from tests.faults.frames import Undisturbed
from tests.faults.table import Report, Row

SOON = 60.0  # s
QUICK = (0.05, 0.05)  # s until a region is started again


@contextmanager
def kept(folder: Path, count: int, seed: int) -> Iterator[tuple[Front, list[RegionProcess]]]:
    """So many regions behind a front in this process, which keeps them alive."""
    front = Front(Homes(folder, count, seed), Address("127.0.0.1", 0))
    going_on = [True]

    def command(region: int, port: int) -> list[str]:
        whole = [sys.executable, "-m", "tests.crowd.realm_process", str(folder), str(seed + region), "16"]
        return [*whole, str(port), str(region)]

    processes = [RegionProcess(number, 0, command, lambda line: None) for number in range(count)]
    thread = Thread(target=keep, args=(front, processes, lambda: bool(going_on)))
    thread.start()
    try:
        until = time.monotonic() + SOON
        while not all(front.ports):
            if time.monotonic() > until or not thread.is_alive():
                raise TimeoutError("the regions don't start")
            time.sleep(0.05)
        yield front, processes
    finally:
        going_on.clear()
        thread.join()
        front.close()


def kills(folder: Path, times: int, seed: int, report: Report) -> Row:
    """The row."""
    random, own = Random(f"regions/{seed}"), terms()
    with patch.object(regions, "AGAIN_S", QUICK), kept(folder, 2, seed) as (front, processes):
        one, other = Undisturbed(front.line.port, own, 0), Undisturbed(front.line.port, own, 1)
        back = _soon(lambda: one.player.here and other.player.here)
        region = _region_of(folder, "bot0")
        for number in range(times):
            report("kills of a region", number, times)
            time.sleep(random.uniform(0.1, 1.0))
            os.kill(processes[region].pid, signal.SIGKILL)
            joins = one.player.counts.joins
            back = back and _soon(lambda joins=joins: one.player.here and one.player.counts.joins > joins)
        counts = one.player.counts
        met = [line for line in one.end() if "came back as" in line or "differed" in line]
        noticed = other.end()
    places = [{place.name for place in live_again(folder_of(folder, number)).places} for number in range(2)]
    twice = len(places[0] & places[1])
    came = f"came back {counts.joins - 1} times, {counts.lost} things told lost, {twice} names in two regions"
    came += f"; they met: {met}" if met else ""
    came += f"; the other met: {noticed}" if noticed else "; the other noticed nothing"
    numbers = {"came_back": counts.joins - 1, "lost": counts.lost, "twice": twice, "noticed": len(noticed)}
    good = back and counts.joins > times and not (counts.lost or twice or met or noticed)
    what = "kill -9 of one of two regions, while somebody plays in each"
    return Row(what, times, "back to their place; in the other region nothing is noticed", came, good, numbers)


def _region_of(folder: Path, name: str) -> int:
    """Where somebody lives, by the realms' own journals."""
    names = [[place.name.casefold() for place in live_again(folder_of(folder, number)).places] for number in range(2)]
    return next(number for number, living in enumerate(names) if name in living)


def _soon(done: Callable[[], bool]) -> bool:
    until = time.monotonic() + SOON
    while not done():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
