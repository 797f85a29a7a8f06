"""Workers of an experiment: they end with whoever began them, however that ended, and nothing is said about it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.kits.sources import ROOT

BEGIN = """
from pathlib import Path
from common.processes import terminate_as_interrupt
from tests.training.experiments.test_pool import linger, ready
from training.experiments import pool

if __name__ == "__main__":
    pool._one_thread = ready  # without torch, which takes seconds to load
    terminate_as_interrupt()
    try:
        pool.in_processes({n: (linger, (Path(r"%s") / str(n),)) for n in range(2)}, 2, print)
    except KeyboardInterrupt:
        raise SystemExit(99)
"""


def ready() -> None:
    """A worker's first act, here."""


def linger(mark: Path) -> None:
    """A job that says who does it, and doesn't end by itself within the test."""
    mark.write_text(str(os.getpid()))
    time.sleep(600)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return (
        Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z" if sys.platform == "linux" else True
    )


def until(condition) -> bool:
    for _ in range(600):
        if condition():
            return True
        time.sleep(0.1)
    return False


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 99), (signal.SIGINT, 99), (signal.SIGKILL, -9)])
def test_workers_end_with_the_command_that_began_them(tmp_path: Path, number: int, code: int) -> None:
    script = tmp_path / "begin.py"
    script.write_text(BEGIN % tmp_path)
    marks = [tmp_path / str(n) for n in range(2)]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = subprocess.Popen(
        [sys.executable, script], env=os.environ | {"PYTHONPATH": path}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert until(lambda: all(mark.exists() and mark.read_text() for mark in marks))
    workers = [int(mark.read_text()) for mark in marks]
    command.send_signal(number)
    said = command.communicate(timeout=60)
    assert (command.returncode, said) == (code, (b"", b""))
    assert until(lambda: not any(map(alive, workers)))
