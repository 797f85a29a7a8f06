"""A file of records that only grows: what was appended outlives the process, however it ends.

Each record is 4 bytes of length, 4 bytes of checksum (CRC-32), and that many bytes of msgpack; numbers are
little-endian. A record that a kill cut short is cut off when the file is opened again; nobody was told of it yet.
"""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import Any

import msgpack

from common.files import output_error

HEAD = Struct("<II")
RECORD_MAX = 1 << 20  # bytes
WAITING_MAX = 64 << 20  # bytes that wait in memory while the disk refuses them


class JournalError(ValueError):
    """A file that is no journal, or was damaged: one line, where, what, how to mend it."""


class Journal:
    """One file. fault: why the last writing failed, in one line; empty when all is written."""

    def __init__(self, path: Path, write: bool = True) -> None:
        """write: False to read alone. Raises OSError."""
        self.path, self._write = path, write
        self.fault = ""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT if write else os.O_RDONLY, 0o600)
        self._written = 0  # bytes of whole records
        self._waiting = bytearray()

    @property
    def size(self) -> int:
        """Bytes of all records, those that wait too."""
        return self._written + len(self._waiting)

    @property
    def written(self) -> int:
        """Bytes that the system has."""
        return self._written

    def read(self, start: int = 0) -> Iterator[Any]:
        """The records from a byte on, in order; call it once before the first append. Cuts off a record that was cut
        short. Raises JournalError for damage in the midst, OSError."""
        with open(self.path, "rb") as stream:
            end = stream.seek(0, os.SEEK_END)
            if start > end:
                raise JournalError(f"{self.path}: has {end} bytes, and {start} were written; take it from a backup")
            stream.seek(start)
            self._written = start
            while head := stream.read(HEAD.size):
                length, check = HEAD.unpack(head) if len(head) == HEAD.size else (RECORD_MAX + 1, 0)
                body = stream.read(length) if length <= RECORD_MAX else b""
                if len(body) < length or zlib.crc32(body) != check:
                    break
                try:
                    record = msgpack.unpackb(body, use_list=False, strict_map_key=False)
                except (ValueError, msgpack.UnpackException):
                    break
                yield record
                self._written += HEAD.size + length
        left = end - self._written
        if left > RECORD_MAX + HEAD.size:
            raise JournalError(f"{self.path}: damaged at byte {self._written}, {left} follow; take it from a backup")
        if left and self._write:
            os.ftruncate(self._file, self._written)

    def append(self, record: Any) -> None:
        """Adds a record; `flush` writes it. Raises ValueError for one that is too large."""
        body = msgpack.packb(record)
        if len(body) > RECORD_MAX:
            raise ValueError(f"a record of {len(body)} bytes; at most {RECORD_MAX}")
        self._waiting += HEAD.pack(len(body), zlib.crc32(body)) + body

    def flush(self) -> bool:
        """Hands what waits to the system. False if that failed: it waits for the next time. Raises OSError if too much
        waits."""
        try:
            while self._waiting:
                os.lseek(self._file, self._written, os.SEEK_SET)
                count = os.write(self._file, self._waiting)
                self._written += count
                del self._waiting[:count]
        except OSError as error:
            self.fault = str(output_error(self.path, error))
            if len(self._waiting) > WAITING_MAX:
                raise
            return False
        self.fault = ""
        return True

    def sync(self) -> None:
        """Waits until the disk has it. Raises OSError."""
        os.fsync(self._file)

    def close(self) -> None:
        """Writes what waits, and lets go of the file."""
        try:
            if self._write and self.flush():
                self.sync()
        finally:
            os.close(self._file)
