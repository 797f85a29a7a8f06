"""The folder of a run, which one process at a time writes."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from common.files import PART, output_error
from common.json_lines import half_surrogate
from common.locks import hold

LOCK = ".lock"  # in a folder that some process works in (common.locks)
CHECKPOINT = "checkpoint.safetensors"  # where a run goes on after a kill (training.checkpoint)


@contextmanager
def run_folder(out: Path) -> Iterator[None]:
    """The run's folder, which this process alone may write; if nothing came of it, what was made for it goes again."""
    missing = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        _make_writable(out)
        with hold(out):
            check_out(out)  # again: another run may have ended in between
            yield
    finally:
        for folder in missing:
            with suppress(OSError):  # what holds anything stays
                folder.rmdir()


def _make_writable(folder: Path) -> None:
    """Make a folder, if it isn't there. Raises OutputError where nothing can be written in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise output_error(folder, error) from error


def check_out(out: Path) -> None:
    """Raises ValueError for a run folder that holds something: no run is overwritten; an unfinished one goes on.

    And for a name that is not UTF-8: results tell it.
    """
    if half_surrogate(str(out)):
        raise ValueError(f"--out {str(out)!a}: the name is not UTF-8; give another")
    try:
        held = sorted(out.iterdir()) if out.is_dir() else [out] if out.exists() or out.is_symlink() else []
    except OSError as error:
        raise ValueError(f"--out {out}: cannot be read ({error.strerror}); give a new folder") from error
    names = [path.name for path in held]
    begun = [name for name in names if name.startswith(f"{CHECKPOINT}.") and name.endswith(PART)]  # killed at once
    if CHECKPOINT not in names and any(name not in (LOCK, *begun) for name in names):
        raise ValueError(f"--out {out}: exists and is not empty; give a new folder")
