"""The folder of a run, which one process at a time writes."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from common.files import output_error
from common.locks import hold
from training.config import check_out


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
