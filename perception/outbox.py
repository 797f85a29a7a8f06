"""Lessons that no mind has acknowledged yet. They are kept on disk, too, so that a killed game loses none.

The file holds frames of wire.py, one Teach after the other. What a kill has torn off is cut away when it is read.
"""

import os
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

from common.files import read_bytes, write_whole
from perception.messages import Teach, ToMind
from perception.wire import Decoder, WireError, encode, lesson_digest

LARGEST = 16 * 2**20  # bytes of frames: some three thousand lessons
SLACK = 256 * 1024  # bytes of acknowledged lessons that may lie in the file


class Outbox:
    """path: the file; None: in memory alone. fault: why the file doesn't hold all of it; "" if it does."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._frames: OrderedDict[str, bytes] = OrderedDict()  # by the lesson's digest
        self._weight = self._length = 0  # bytes of frames, and of the file
        self.fault = ""
        if path is not None:
            self._read(path)

    @property
    def frames(self) -> list[bytes]:
        """Those that are still to be taught, oldest first."""
        return list(self._frames.values())

    def add(self, digest: str, frame: bytes) -> bool:
        """Keep a lesson, by its digest, until it is acknowledged. False if there is no room."""
        if digest in self._frames:
            return True
        if self._weight + len(frame) > LARGEST:
            return False
        self._frames[digest] = frame
        self._weight += len(frame)
        self._append(frame)
        return True

    def remove(self, digest: str) -> None:
        """A mind has this lesson on its disk. A digest of none is none of ours."""
        frame = self._frames.pop(digest, None)
        if frame is None:
            return
        self._weight -= len(frame)
        if self._path is None:
            return
        with suppress(OSError):  # what stays in the file is sent again one day: no harm
            if not self._frames:
                os.truncate(self._path, 0)
                self._length = 0
            elif self._length > 2 * self._weight + SLACK:
                self._rewrite(self._path)

    def _append(self, frame: bytes) -> None:
        if self._path is None:
            return
        try:
            if self.fault:  # what failed before is made good
                self._rewrite(self._path)
            else:
                with open(self._path, "ab") as file:
                    file.write(frame)
                self._length += len(frame)
        except OSError as error:
            self.fault = error.strerror or str(error)
        else:
            self.fault = ""

    def _rewrite(self, path: Path) -> None:
        whole = b"".join(self._frames.values())
        write_whole(path, whole)
        self._length = len(whole)

    def _read(self, path: Path) -> None:
        try:
            data = read_bytes(path, 2 * LARGEST)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            self.fault = " ".join(str(error).split())
            return
        decoder: Decoder[ToMind] = Decoder(ToMind)
        try:
            messages = decoder.feed(data)
        except WireError as error:
            messages = list(error.before)
        for message in messages:
            if isinstance(message, Teach):
                frame = encode(message)
                self._frames[lesson_digest(message.lesson)] = frame
        self._weight = sum(map(len, self._frames.values()))
        self._length = len(data)
        if b"".join(self._frames.values()) != data:
            try:
                self._rewrite(path)
            except OSError as error:
                self.fault = error.strerror or str(error)
