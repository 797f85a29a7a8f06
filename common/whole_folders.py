"""Folders that are written whole or not at all: models, copies of journeys. Standard library alone."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.files import PART, OutputError, destination, output_error, sync_folder, umask


@contextmanager
def writing_folder(path: Path, replace: bool = False) -> Iterator[Path]:
    """An empty folder that becomes `path` when the block ends without a fault; nothing is left behind after one.

    replace: whether a folder that is there gives way; else only an empty one does. Raises OutputError.
    """
    temporary = None
    try:
        target = destination(path)
        if isinstance(target, int) or (target.exists() and not target.is_dir()):
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if target.is_dir() and not replace and any(target.iterdir()):
            raise OutputError(f"{path}: a folder that is not empty; choose another")
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=target.name + ".", suffix=PART, dir=target.parent))
        os.chmod(temporary, 0o777 & ~umask())
        yield temporary
        for file in sorted(temporary.rglob("*")):
            if file.is_file():
                with open(file, "rb") as written:
                    os.fsync(written.fileno())
        _take_place(temporary, target)
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        if temporary is not None and temporary.exists():
            _remove(temporary)


def _take_place(temporary: Path, target: Path) -> None:
    old = Path(tempfile.mkdtemp(prefix=target.name + ".", suffix=".old", dir=target.parent))
    try:
        if target.is_dir():
            target.replace(old / target.name)
        temporary.replace(target)
    except OSError:
        if (old / target.name).is_dir() and not target.exists():
            (old / target.name).replace(target)
        raise
    finally:
        _remove(old)
    sync_folder(target.parent)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
