"""Files that are read and written whole: what every wing needs of a disk. Standard library alone.

A file is written whole or not at all: a temporary file beside it, fsync, rename. A link is written through. A device,
a FIFO and the standard streams are streamed into and never replaced. A folder is refused. Text is read with the
encodings that editors write (UTF-8 with or without a mark, UTF-16 and UTF-32 with one) and any line ends.
"""

import codecs
import errno
import json
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

STALE = 3600  # s after which an unfinished file belongs to nobody any more
PART = ".part"  # ends the name of a file that is not whole yet
TEXT_LIMIT = 64 * 2**20  # bytes; the largest text file that is read unless a caller says otherwise
DIGITS_MAX = 4_300  # of a whole number in JSON; Python reads no more, and says so in words for programmers
SAID_MAX = 60  # characters of a wrong key that are said
STREAMS = {
    "/dev/stdout": 1,
    "/dev/stderr": 2,
    "/dev/fd/1": 1,
    "/dev/fd/2": 2,
    "/proc/self/fd/1": 1,
    "/proc/self/fd/2": 2,
}
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
REASONS = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EROFS: "the disk is read-only; choose another place",
    errno.EACCES: "no permission to write there; choose another place",
    errno.EPERM: "no permission to write there; choose another place",
    errno.ENOENT: "no such folder; make it first",
    errno.ENOTDIR: "a part of the path is no folder; choose another place",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.EISDIR: "a folder; give the name of a file",
    errno.EFBIG: "larger than a file may be there; choose another place",
    errno.EIO: "the disk fails; choose another place",
    errno.ELOOP: "a link that leads to itself; choose another place",
}


class OutputError(OSError):
    """Something could not be written: one line that says where, why and how to mend it. errno: the system's."""

    def __init__(self, message: str, number: int | None = None) -> None:
        super().__init__(message)
        self.errno = number


def output_error(path: Path | str, error: OSError) -> OutputError:
    """A system's fault while writing `path`, in one line."""
    if isinstance(error, OutputError):
        return error
    reason = REASONS.get(error.errno or 0) or f"cannot be written ({error.strerror or error}); choose another place"
    return OutputError(f"{path}: {reason}", error.errno)


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A binary stream whose content becomes the file `path` when the block ends without a fault.

    Whoever reads the file sees the old content or the new, never a part of it; nothing is left behind after a fault.
    Raises OutputError, for faults of the block's own writes too.
    """
    try:
        target = destination(path)
        with _streamed(target) if isinstance(target, int) or not _replaceable(target) else _replaced(target) as stream:
            yield stream
    except BrokenPipeError:
        raise
    except OSError as error:
        raise output_error(path, error) from error


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` as `writing` does. Raises OutputError."""
    with writing(path) as stream:
        stream.write(data)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, where there is none. Raises OutputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(path, error) from error


def destination(path: Path) -> Path | int:
    """Where writing to `path` leads: behind all links, or a file descriptor for a standard stream. Raises OSError."""
    seen = os.fspath(path)
    for _ in range(40):
        if seen in STREAMS:
            return STREAMS[seen]
        if not os.path.islink(seen):
            break
        seen = os.path.normpath(os.path.join(os.path.dirname(seen), os.readlink(seen)))
    else:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return Path(seen)


def check_output(path: Path) -> None:
    """Refuse early, before hours of work, what could not be written at the end; makes nothing. Raises OutputError."""
    try:
        target = destination(path)
        if isinstance(target, int) or not _replaceable(target):
            return
        if not target.parent.is_dir():
            raise OSError(errno.ENOENT, "")
        if not os.access(target.parent, os.W_OK):
            raise OSError(errno.EACCES, "")
    except OSError as error:
        raise output_error(path, error) from error


def _replaceable(target: Path) -> bool:
    """True of a plain file and of nothing yet; False of a device, FIFO or socket. Raises OSError for a folder."""
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return True
    if stat.S_ISDIR(mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    return stat.S_ISREG(mode)


@contextmanager
def _streamed(target: Path | int) -> Iterator[BinaryIO]:
    with open(os.dup(target) if isinstance(target, int) else target, "wb") as stream:
        yield stream


@contextmanager
def _replaced(target: Path) -> Iterator[BinaryIO]:
    _sweep(target)
    descriptor, name = tempfile.mkstemp(PART, target.name[:100] + ".", target.parent)  # one a writer: two never mix
    temporary = Path(name)
    with open(descriptor, "wb") as stream:
        try:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            with suppress(OSError):
                os.chmod(temporary, _mode(target))
        except BaseException:
            with suppress(OSError):
                stream.close()  # its last bytes may not fit on the disk either
            with suppress(OSError):
                temporary.unlink()
            raise
    try:
        temporary.replace(target)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(target.parent)


def _mode(target: Path) -> int:
    """The permissions of the file that is replaced, or those of a new one."""
    try:
        return stat.S_IMODE(os.stat(target).st_mode)
    except FileNotFoundError:
        return 0o666 & ~umask()


def _sweep(target: Path) -> None:
    """Remove what writers of this file left that were killed long ago."""
    with suppress(OSError):
        for name in os.listdir(target.parent):
            if name.startswith(target.name[:100] + ".") and name.endswith(PART):
                part = target.parent / name
                if time.time() - part.lstat().st_mtime > STALE and not part.is_dir():
                    part.unlink()


def sync_folder(folder: Path) -> None:
    """Make a rename last through a power loss, where the system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def umask() -> int:
    """The permissions that new files and folders of this process lack."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def read_bytes(path: Path, limit: int = TEXT_LIMIT) -> bytes:
    """At most `limit` bytes, whatever the path is. Raises ValueError for more, OSError where nothing can be read."""
    with open(path, "rb") as stream:
        raw = stream.read(limit + 1)
    if len(raw) > limit:
        raise ValueError(f"{path}: larger than {limit:,} bytes; give a smaller file")
    return raw


def decode_text(raw: bytes, where: Path | str) -> str:
    r"""Text as editors write it, line ends as \n. Raises ValueError with one line that names the first bad byte."""
    encoding = next((name for mark, name in MARKS if raw.startswith(mark)), "utf-8")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{where}: byte {error.start + 1} is not {encoding.upper()}; save the file as UTF-8"
        ) from error
    if encoding == "utf-8" and "\0" in text[:1024]:
        raise ValueError(f"{where}: holds zero bytes, as UTF-16 without a mark does; save the file as UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_text(path: Path, limit: int = TEXT_LIMIT) -> str:
    """A text file, decoded by `decode_text`. Raises ValueError or OSError."""
    return decode_text(read_bytes(path, limit), path)


def parse_json(text: str | bytes, where: Path | str) -> Any:
    """JSON without duplicate keys, NaN or infinities. Raises ValueError with one line that says where."""
    if isinstance(text, bytes):
        text = decode_text(text, where)
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant, parse_int=_whole_number)
    except json.JSONDecodeError as error:
        place = f"{where}:{error.lineno}" if "\n" in text.strip() else f"{where}"
        raise ValueError(f"{place}: no JSON ({error.msg}, column {error.colno})") from error
    except RecursionError as error:
        raise ValueError(f"{where}: JSON nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def read_json(path: Path, limit: int = TEXT_LIMIT) -> Any:
    """A JSON file, by `parse_json`. Raises ValueError or OSError."""
    return parse_json(read_text(path, limit), path)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    whole = dict(pairs)
    if len(whole) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice[:SAID_MAX]!r} stands twice in one object; keep one")
    try:
        "".join(whole).encode()
    except UnicodeEncodeError as error:
        raise ValueError("a key holds half a surrogate pair; write the whole character") from error
    return whole


def _whole_number(text: str) -> int:
    if len(text) > DIGITS_MAX:
        raise ValueError(f"a whole number of {len(text)} digits; at most {DIGITS_MAX} are read")
    return int(text)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
