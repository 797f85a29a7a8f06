"""Writes and reads head-diff logs. What is in one: `training.headlog.records` and, byte by byte, docs/log-format.md.

A run appends records as they come, so that a killed run is whole up to its last whole record. Reading streams, with
bounded memory whatever the file claims, and every fault is a LogError of one line that names the first bad byte.
For people and other tools: `training.headlog.table`, `training.headlog.exports`.
"""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import msgpack
import msgspec

from common.files import output_error, writing
from training.headlog.bounds import header_misfit, misfit, weight
from training.headlog.records import (
    FORMAT,
    ITEMS_MAX,
    RECORD_MAX,
    RECORDS,
    TEXT_MAX,
    VERSION,
    End,
    Header,
    Log,
    LogError,
    Record,
    one_line,
)
from training.headlog.well_formed import first_bad_byte

HELD_MAX = 96 * 2**20  # bytes that read_log holds in memory; a log of 64 heads, 50 snapshots, 256 probes takes 33 MiB
CHUNK = 65_536  # bytes read at a time
SYNC_SECONDS = 5.0  # a writer's records are on the disk itself after so long, and at its end
_LIMITS: dict[str, Any] = {
    "max_buffer_size": RECORD_MAX, "max_str_len": TEXT_MAX, "max_bin_len": 0, "max_ext_len": 0,
    "max_array_len": ITEMS_MAX, "max_map_len": ITEMS_MAX,
}  # fmt: skip


class Writer:
    """Appends records to a new log, each in the file before `write` returns: a killed process loses none of them.

    with Writer(path, header) as log: log.write(Curve(...))      # leaving the block in peace writes the end record
    Raises LogError if a record contradicts the header or takes more than 1 MiB, or the file can't be written.
    """

    def __init__(self, path: str | Path, header: Header) -> None:
        self._path, self._header = Path(path), header
        data = _encode(self._path, header)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb", buffering=0)
        except OSError as error:
            raise _unwritable(self._path, error) from None
        self._synced, self._size = 0.0, 0
        try:
            self._put(data)
        except LogError:
            with suppress(OSError):
                self._file.close()
            with suppress(OSError):
                self._path.unlink()  # a log without its header is none
            raise

    def write(self, record: Record) -> None:
        """Append one record."""
        self._put(_checked(self._path, record, self._header))

    def _put(self, data: bytes) -> None:
        """Append bytes whole: where only a part fits on the disk, that part is cut off again."""
        try:
            left = memoryview(data)
            while left:
                left = left[self._file.write(left) :]
            if time.monotonic() - self._synced >= SYNC_SECONDS:
                os.fsync(self._file.fileno())
                self._synced = time.monotonic()
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(self._size)
                self._file.seek(self._size)
            raise _unwritable(self._path, error) from None
        self._size += len(data)

    def close(self) -> None:
        """Close the file as it is, without an end record. May be called twice. Raises LogError."""
        if self._file.closed:
            return
        try:
            with self._file:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise _unwritable(self._path, error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and not self._file.closed:
                self.write(End())
        finally:
            self.close()


def write_log(path: str | Path, header: Header, records: Iterable[Record]) -> None:
    """Write a whole log at once, end record included: afterwards the old file or the new one is there, never half.

    A link is written through; a device or FIFO is streamed into (`common.files`). Raises LogError as Writer does; then
    nothing has changed on disk.
    """
    path = Path(path)
    data = [_encode(path, header), *(_checked(path, record, header) for record in records if record != End())]
    data.append(_encode(path, End()))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with writing(path) as file:
            file.writelines(data)
    except OSError as error:
        raise _unwritable(path, error) from None


def _encode(path: Path, value: Header | Record) -> bytes:
    if isinstance(value, Header) and (problem := header_misfit(value)) is not None:
        raise LogError(f"{path}: cannot write a header: {problem}; give other settings")
    data = msgspec.msgpack.encode(value)
    try:  # what we write, we can read: a text or a list too long is refused here, not by the reader
        msgspec.convert(next(iter(_unpacker_of(data))), type=type(value))
    except (ValueError, TypeError, StopIteration, msgpack.UnpackException) as error:
        what = str(error) or "it is larger than 1 MiB"
        raise LogError(f"{path}: cannot write a {_kind(value)} record: {what}; give it less") from None
    return data


def _unpacker_of(data: bytes) -> msgpack.Unpacker:
    unpacker = msgpack.Unpacker(**_LIMITS)
    unpacker.feed(data)
    return unpacker


def _checked(path: Path, record: Record, header: Header) -> bytes:
    if (problem := misfit(record, header)) is not None:
        raise LogError(f"{path}: cannot write {problem}; make the header fit the model")
    return _encode(path, record)


def _kind(value: Any) -> str:
    return str(type(value).__struct_config__.tag)


def _unwritable(path: Path, error: OSError) -> LogError:
    reason = str(output_error(path, error)).removeprefix(f"{path}: ")
    return LogError(f"{path}: cannot write the log: {reason}{'' if '; ' in reason else '; choose another place'}")


def read_log(path: str | Path, partial: bool = False) -> Log:
    """Read a whole log; with `partial`, of a damaged or unfinished one what is whole before the fault (log.fault).

    Raises LogError if the file is no log, is damaged or unfinished (unless partial), or would fill 96 MiB of memory.
    """
    stream, held = stream_log(path), 0
    header = next(stream)
    assert isinstance(header, Header)
    records: list[Record] = []
    fault = None
    try:
        for record in stream:
            assert not isinstance(record, Header)
            records.append(record)
            held += weight(record)
            if held > HELD_MAX:
                break
    except LogError as error:
        if not partial:
            raise
        fault = str(error)
    if held > HELD_MAX:
        raise LogError(f"{path}: record {len(records) + 1}: too much to hold at once; use stream_log")
    return Log(str(path), header, tuple(records), fault)


def stream_log(path: str | Path) -> Iterator[Header | Record]:
    """Go through a log of any length, record by record, header first, in a few megabytes of memory.

    Raises LogError at the first fault, after yielding everything before it; also if the log has no end record.
    """
    try:
        with open(path, "rb") as file:
            yield from _records(path, file)
    except OSError as error:
        raise _unreadable(path, error) from None


class _Meter:
    """A file that reads no further than one record may reach: the unpacker alone would hold a value of any size."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.start, self._read = file, 0, 0  # start: where the present record begins

    def read(self, count: int) -> bytes:
        if self._read - self.start > RECORD_MAX:
            raise msgpack.BufferFull
        data = self._file.read(min(count, CHUNK))
        self._read += len(data)
        return data


def _records(path: str | Path, file: BinaryIO) -> Iterator[Header | Record]:
    meter = _Meter(file)
    unpacker = msgpack.Unpacker(meter, read_size=CHUNK, **_LIMITS)
    header, whole = None, 0
    while True:
        start = meter.start
        try:
            value = unpacker.unpack()
        except msgpack.OutOfData:
            raise _short(path, file, start, whole) from None
        except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as error:
            raise _broken(path, file, start, whole, error) from None
        record = _typed(path, value, header, start, whole)
        yield record
        header = record if isinstance(record, Header) else header
        whole, meter.start = whole + 1, unpacker.tell()
        if isinstance(record, End):
            break
    file.seek(meter.start)
    if file.read(1):
        raise LogError(f"{path}: byte {meter.start}: more data after the end record; cut the file there")


def _typed(path: str | Path, value: Any, header: Header | None, start: int, whole: int) -> Header | Record:
    """One unpacked value as a record; LogError if it is none, or not one that may come here."""
    where = f"{path}: byte {start}"
    if header is None:
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise LogError(f"{where}: not a head-diff log; give a file that `learn` or the game's F2 wrote")
        if isinstance(value.get("version"), int) and value["version"] > VERSION:
            raise LogError(f"{where}: log version {value['version']}, known are up to {VERSION}; update Second Sight")
    try:
        record: Header | Record = msgspec.convert(value, type=Header if header is None else RECORDS[header.version])
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        what = one_line(str(error))
        raise LogError(f"{where}: record {whole + 1} is wrong: {what}; {_remedy(whole)}") from None
    problem = misfit(record, header) if header is not None and not isinstance(record, Header) else None
    if isinstance(record, Header):
        problem = header_misfit(record)
    if problem is not None:
        raise LogError(f"{where}: {problem}; {_remedy(whole)}")
    return record


def _short(path: str | Path, file: BinaryIO, start: int, whole: int) -> LogError:
    """The data ran out: because the file was cut, or because a value claims more than there is."""
    file.seek(start)
    if (fault := first_bad_byte(file.read(RECORD_MAX))) is not None:
        return _damaged(path, start + fault[0], whole, fault[1])
    size = file.seek(0, os.SEEK_END)
    if not whole:
        return LogError(f"{path}: byte {size}: the file ends before its header does; copy it again")
    what = "ends inside a record" if size > start else "has no end record (the run was stopped, or still goes on)"
    return LogError(f"{path}: byte {size}: the log {what} after {whole} whole records; {_remedy(whole)}")


def _broken(path: str | Path, file: BinaryIO, start: int, whole: int, error: Exception) -> LogError:
    """The unpacker refused a value. It doesn't say where, so that is found out here."""
    file.seek(start)
    at, what = first_bad_byte(file.read(RECORD_MAX)) or (0, "")
    if isinstance(error, msgpack.BufferFull):
        what = what or "more than 1 MiB"
    elif isinstance(error, msgpack.StackError | RecursionError):
        what = what or "values nested too deeply"
    return _damaged(path, start + at, whole, what or one_line(str(error)))


def _damaged(path: str | Path, at: int, whole: int, what: str) -> LogError:
    return LogError(f"{path}: byte {at}: {what} in record {whole + 1}; {_remedy(whole)}")


def _remedy(whole: int) -> str:
    return f"copy the file again, or read the {whole} whole records before it (--partial)" if whole else "copy it again"


def _unreadable(path: str | Path, error: OSError) -> LogError:
    return LogError(f"{path}: byte 0: {error.strerror or error}; give the path of a head-diff log")
