"""Workers of an experiment: they end with whoever began them, however that ended."""

import os
import subprocess
import sys
import time

from main import ROOT

BEGIN = """
from pathlib import Path
from tests.training.experiments.test_pool import linger
from training.experiments.pool import in_processes

if __name__ == "__main__":
    in_processes({n: (linger, (Path(r"%s") / str(n),)) for n in range(2)}, 2, print)
"""


def linger(mark):
    """A job that says who does it, and doesn't end by itself within the test."""
    mark.write_text(str(os.getpid()))
    time.sleep(600)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def until(condition):
    for _ in range(600):
        if condition():
            return True
        time.sleep(0.1)
    return False


def test_workers_end_when_the_command_that_began_them_is_killed(tmp_path):
    script = tmp_path / "begin.py"
    script.write_text(BEGIN % tmp_path)
    marks = [tmp_path / str(n) for n in range(2)]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = subprocess.Popen([sys.executable, script], env=os.environ | {"PYTHONPATH": path})
    assert until(lambda: all(mark.exists() and mark.read_text() for mark in marks))
    workers = [int(mark.read_text()) for mark in marks]
    command.kill()
    command.wait()
    assert until(lambda: not any(map(alive, workers)))
