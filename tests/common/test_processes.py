"""Workers: results by key, the first fault, a killed worker, and nothing that lives on."""

import multiprocessing
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from common.processes import WORKERS_MAX, _taken, _Worker, run_jobs

ROOT = Path(__file__).parents[2]


def double(number: int) -> int:
    return 2 * number


def fail(number: int) -> int:
    raise ValueError(f"fault {number}")


def vanish() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def interrupt(count: int) -> None:
    raise KeyboardInterrupt


def alone() -> bool:
    return multiprocessing.active_children() == []


def test_every_job_answers_by_its_key() -> None:
    counts: list[int] = []
    assert run_jobs({n: (double, (n,)) for n in range(5)}, 2, counts.append) == {n: 2 * n for n in range(5)}
    assert counts == [1, 2, 3, 4, 5] and alone()


def test_jobs_of_one_kin_go_to_one_worker_unless_that_keeps_another_waiting() -> None:
    def taken(waiting: list[str]) -> str:
        first, second = (_Worker(None, None, kin) for kin in ("a", "b"))
        key = _taken(waiting, first, [first, second], lambda key: key[0])
        assert key not in waiting and first.kin == key[0]
        return key

    assert taken(["b2", "a2", "a3"]) == "a2"  # its own
    assert taken(["b2", "c1"]) == "c1"  # of nobody
    assert taken(["b2", "b3"]) == "b2"  # rather another's than none
    jobs = {f"{kin}{n}": (double, (n,)) for n in range(3) for kin in "abc"}
    assert run_jobs(jobs, 2, kin=lambda key: key[0]) == {key: 2 * int(key[1]) for key in jobs} and alone()


def test_the_first_fault_is_raised_and_nothing_lives_on() -> None:
    with pytest.raises(ValueError, match="fault 1"):
        run_jobs({"a": (fail, (1,)), "b": (double, (2,)), "c": (double, (3,))}, 1)
    assert alone()


def test_a_killed_worker_is_one_line() -> None:
    with pytest.raises(ValueError, match="a process was killed"):
        run_jobs({"a": (vanish, ())}, 1)
    assert alone()


def test_an_interrupt_ends_the_workers() -> None:
    with pytest.raises(KeyboardInterrupt):
        run_jobs({n: (double, (n,)) for n in range(9)}, 1, interrupt)
    assert alone()


@pytest.mark.parametrize("workers", [0, -1, WORKERS_MAX + 1, 100_000])
def test_too_many_workers_are_refused(workers: int) -> None:
    with pytest.raises(ValueError, match=f"--workers {workers}: give 1 to {WORKERS_MAX}"):
        run_jobs({"a": (double, (1,))}, workers)


WAITS = """
import os, sys, time
from common.processes import ending_with_peer
with ending_with_peer(0):
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    print("begun", flush=True)
    time.sleep(60 if sys.argv[1] == "long" else 0.5)
print("ended", flush=True)
"""


@pytest.mark.skipif(not hasattr(select, "poll"), reason="needs pipes that can be polled")
@pytest.mark.parametrize(("length", "left", "says", "status"), [("long", b"", b"", 1), ("short", b"x", b"ended\n", 0)])
def test_a_process_ends_with_its_peer_unless_that_left_something(length, left, says, status) -> None:
    command = [sys.executable, "-c", WAITS, length]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout.readline() == b"begun\n"
    assert process.communicate(left, timeout=30)[0] == says
    assert process.returncode == status
