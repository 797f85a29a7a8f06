"""Folders that are written whole or not at all: models, copies of journeys. Standard library alone.

A folder of a cache is sealed besides: a file in it, SEAL, says what its files are, so that whoever takes it later sees
whether it still is what was written.
"""

import errno
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.files import PART, OutputError, destination, output_error, read_json, sync_folder, umask, write_whole

SEAL = "files.json"  # file: its bytes and its hash
Listing = dict[str, tuple[int, int, int]]  # entry of a folder: its bytes, its last change, its number on the disk
_read_through: dict[str, Listing] = {}  # sealed folders whose files this process has read and met as they were noted


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


def seal(folder: Path) -> None:
    """Note in a folder, which holds files alone, what they are. Raises OSError."""
    noted = {name: {"bytes": size, "blake2b": _hash(folder / name)} for name, (size, *_) in listing(folder).items()}
    write_whole(folder / SEAL, json.dumps(noted, indent=1).encode())


def is_whole(folder: Path) -> bool:
    """Whether a sealed folder holds what it held then, no less and no more.

    Sizes are looked at each time, the bytes once a process and again when a file has changed.
    """
    where = os.path.abspath(folder)
    try:
        noted, there = read_json(folder / SEAL), listing(folder)
        if {name: one["bytes"] for name, one in noted.items()} != {name: size for name, (size, *_) in there.items()}:
            return False
        if _read_through.get(where) != there:
            if any(_hash(folder / name) != one["blake2b"] for name, one in noted.items()):
                return False
            _read_through[where] = there
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # no folder, no seal, or none of ours
        return False
    return True


def listing(folder: Path) -> Listing:
    """What lies in a folder, but for its seal and for hidden files, which file managers put there. Raises OSError."""
    names = sorted(name for name in os.listdir(folder) if name != SEAL and not name.startswith("."))
    there = {name: os.stat(folder / name) for name in names}
    return {
        name: (one.st_size if stat.S_ISREG(one.st_mode) else -1, one.st_mtime_ns, one.st_ino)
        for name, one in there.items()
    }


def _hash(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
