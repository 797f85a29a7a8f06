"""Runs that a worker of Ray does in no time: they need no torch."""

import os
import signal
import time
from pathlib import Path
from typing import Any

GO = "go"


def wait_for_go(folder: Path, marks: Path) -> None:
    """A run that says where it is, and ends when it may. In a folder called dies, the first one kills its worker."""
    (marks / f"{time.time_ns()}-{os.getpid()}").write_text("")
    while not (marks / GO).exists():
        time.sleep(0.02)
    if marks.name == "dies" and not (marks / "died").exists():
        (marks / "died").write_text("")
        os.kill(os.getpid(), signal.SIGKILL)
    folder.mkdir()
    (folder / "result.json").write_text("whole")


def broken(folder: Path, *arguments: Any) -> None:
    """A run that fails."""
    raise ValueError("this run can't be")
