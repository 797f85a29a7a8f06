"""A folder has one writer; the lock ends with its process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.locks import FolderInUse, hold

HOLD = """
import pathlib, sys
from common.locks import hold
lock = hold(pathlib.Path(sys.argv[1]))
print(lock.held, flush=True)
sys.stdin.read()
"""


def test_a_second_holder_is_refused_in_one_line(tmp_path: Path) -> None:
    with hold(tmp_path) as lock:
        assert lock.held
        with pytest.raises(FolderInUse, match=f"in use by another program .process {os.getpid()}.; wait") as caught:
            hold(tmp_path)
        assert "\n" not in str(caught.value)
        with hold(tmp_path, "mind") as other:
            assert other.held, "another part of the folder has a lock of its own"
    with hold(tmp_path) as again:
        assert again.held
    assert list(tmp_path.iterdir()) == []


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "True\n"
        with pytest.raises(FolderInUse):
            hold(tmp_path)
        holder.kill()
    with hold(tmp_path, wait=5) as lock:
        assert lock.held


def test_a_folder_that_cannot_be_written_is_nobodys(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert not hold(tmp_path / "file" / "below").held
