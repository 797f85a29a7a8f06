"""One writer a folder: a lock that the system lets go of when its process ends, however it ends."""

import errno
import os
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

fcntl: Any
msvcrt: Any
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt

RETRY = 0.05  # s between two tries while waiting


class FolderInUse(OSError):
    """Another process works in the folder: one line that says which, and what to do."""

    def __init__(self, folder: Path, process: str) -> None:
        holder = f" (process {process})" if process else ""
        super().__init__(f"{folder}: in use by another program{holder}; wait until it ends, or choose another folder")


class FolderLock:
    """A held lock. held: False where no lock file can be made, as in a read-only folder, in which nobody writes."""

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self.path, self._descriptor = path, descriptor

    @property
    def held(self) -> bool:
        return self._descriptor is not None

    def release(self) -> None:
        """Let go. Calling it again does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        with suppress(OSError):
            if fcntl is not None:
                self.path.unlink()  # while it is held; whoever waits on the old file looks again
        os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def hold(folder: Path, name: str = "", wait: float = 0.0) -> FolderLock:
    """Lock `folder` for this process; name: of the part of it, where a folder has several writers; wait: s.

    The folder is made if it isn't there. Raises FolderInUse if another holder stays for longer than `wait`.
    """
    until = time.monotonic() + wait
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    path = folder / (f".{name}.lock" if name else ".lock")
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            if isinstance(error, PermissionError) and os.name == "nt":
                raise FolderInUse(folder, "") from error
            return FolderLock(path, None)
        try:
            _lock(descriptor)
            if _is_still(path, descriptor):
                os.ftruncate(descriptor, 0)
                with suppress(OSError):  # a full disk: the lock holds without the number
                    os.write(descriptor, str(os.getpid()).encode())
                return FolderLock(path, descriptor)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK, errno.EDEADLK):
                os.close(descriptor)
                return FolderLock(path, None)  # a file system without locks
            if time.monotonic() >= until:
                process = _holder(descriptor)
                os.close(descriptor)
                raise FolderInUse(folder, process) from error
        os.close(descriptor)
        time.sleep(RETRY)


def _lock(descriptor: int) -> None:
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    else:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)


def _is_still(path: Path, descriptor: int) -> bool:
    """False if the file was removed by its last holder after it was opened here."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _holder(descriptor: int) -> str:
    with suppress(OSError, ValueError):
        return str(int(os.pread(descriptor, 20, 0)))
    return ""
