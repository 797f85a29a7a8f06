"""Messages <-> bytes, and what carries them: a pipe to a process.

A frame is a 4-byte big-endian length, then that many bytes of msgpack: one message of messages.py, tagged with
its type. Whatever arrives is checked against the types there before anybody sees it. Numbers must be numbers
(beliefs and rates in [0, 1], everything else finite); only Progress.loss may be NaN or infinite, because a
training that ran away is news. Unknown fields are skipped, so that an older game can hear a newer mind.

The mind's end, in whole:

    line = standard_stream()                        # stdin and stdout; stray prints go to stderr from here on
    line.send(Ready(...))                           # first, unasked: the game sends nothing before it
    while (messages := line.receive()) is not None:  # None: the game is gone, so save and end
        ...
"""

import hashlib
import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from io import FileIO, RawIOBase
from threading import Lock, Thread
from types import UnionType
from typing import Any, Generic, Protocol, TypeVar, cast

import msgspec

from common.line.faults import BadMessage
from perception.messages import FromMind, Lesson, Percept, ToMind, Weights

FRAME_MAX = 4 * 1024 * 1024  # bytes of one message; a scene is about 5 kB, a percept about 3 kB
CHUNK = 64 * 1024  # bytes asked of the system at once: the size of a pipe on Linux
HEADER = 4
LAST_WORDS = 8  # lines of a mind's stderr that are kept
LINE_MAX = 1000  # bytes of each

Message = ToMind | FromMind
M = TypeVar("M")

_encoder = msgspec.msgpack.Encoder()
_checker: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(cast(Any, Message))


class WireError(BadMessage):
    """What was to be sent, or what arrived, is no message. The text is one line and names the place in it.

    before: the whole messages that the same bytes held ahead of the fault.
    """

    def __init__(self, text: str, before: tuple[Any, ...] = ()) -> None:
        super().__init__(text)
        self.before = before


def encode(message: Message) -> bytes:
    """One frame. Raises WireError for anything that the other end would refuse: faults belong to who made them."""
    try:
        body = _encoder.encode(message)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise WireError(f"{type(message).__name__} cannot be sent: {error}") from None
    if len(body) > FRAME_MAX:
        raise WireError(f"{type(message).__name__} is {len(body)} bytes long; a message may have {FRAME_MAX}")
    _message(body, _checker)
    return len(body).to_bytes(HEADER, "big") + body


class Decoder(Generic[M]):
    """Bytes as they come, in any pieces -> messages of one direction (ToMind or FromMind).

    Holds at most one frame and the piece just fed. After a WireError the place in the stream is lost, so every
    later feed raises it again: hang up.
    """

    def __init__(self, kind: type[M] | UnionType) -> None:
        self._decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(cast(Any, kind))
        self._held = bytearray()
        self._fault: str | None = None

    def feed(self, data: bytes) -> list[M]:
        """The messages that `data` completes. Raises WireError; its `before` holds those ahead of the fault."""
        if self._fault is not None:
            raise WireError(self._fault)
        self._held += data
        messages: list[M] = []
        start = 0
        try:
            while (end := self._frame_end(start)) is not None:
                body = memoryview(self._held)[start + HEADER : end]
                try:
                    messages.append(_message(body, self._decoder))
                finally:
                    body.release()  # a bytearray that is looked at cannot shrink
                start = end
        except WireError as error:
            self._fault = str(error)
            self._held.clear()
            raise WireError(self._fault, tuple(messages)) from None
        del self._held[:start]
        return messages

    def _frame_end(self, start: int) -> int | None:
        """Where the frame at `start` ends, or None while it is not whole. Raises WireError for one too long."""
        if len(self._held) < start + HEADER:
            return None
        size = int.from_bytes(self._held[start : start + HEADER], "big")
        if size > FRAME_MAX:
            raise WireError(f"a frame claims {size} bytes; a message may have {FRAME_MAX}")
        end = start + HEADER + size
        return end if len(self._held) >= end else None


def _message(body: bytes | memoryview, decoder: msgspec.msgpack.Decoder[Any]) -> Any:
    try:
        message = decoder.decode(body)
    except (ValueError, OverflowError, RecursionError) as error:  # msgspec's own is a ValueError; bad UTF-8, depth
        raise WireError(f"not a message: {error}") from None
    check_lengths(message)
    return message


def check_lengths(message: Any) -> None:
    """Raises WireError for a message whose lists don't go together."""
    for where, count, wanted, what in _lengths(message):
        if count != wanted:
            raise WireError(f"not a message: {count} numbers for {wanted} {what} - at `$.{where}`")


def lesson_digest(lesson: Lesson) -> str:
    """What a lesson is known by: 32 hex digits over its msgpack (BLAKE2b)."""
    return hashlib.blake2b(_encoder.encode(lesson), digest_size=16).hexdigest()


def _lengths(message: Any) -> Iterator[tuple[str, int, int, str]]:
    """(where, count, wanted, of what) of lists that other fields bound: types look at one field at a time."""
    if isinstance(message, Percept):
        heads, gaze = message.heads, message.gaze
        for name in ("activity", "cue", "change"):
            if count := len(getattr(heads, name)):
                yield f"heads.{name}", count, heads.layers * heads.heads, "heads"
        if gaze is not None:
            yield from (("gaze.glances", len(glance.mass), len(gaze.places), "places") for glance in gaze.glances)
    elif isinstance(message, Weights):
        wanted = message.of if message.done >= message.of else 0
        yield from ((name, len(getattr(message, name)), wanted, "heads") for name in ("insert", "remove"))


class Stream(Generic[M]):
    """Frames over two raw files: a pipe each way.

    One thread may receive while others send. `kind` is what arrives here (ToMind at the mind's end).
    """

    def __init__(self, reads: RawIOBase, writes: RawIOBase, kind: type[M] | UnionType) -> None:
        self._reads, self._writes = reads, writes
        self._decoder: Decoder[M] = Decoder(kind)
        self._sending = Lock()

    def receive(self) -> list[M] | None:
        """Waits for bytes; the messages they complete (maybe none), or None at the end. Raises WireError, OSError."""
        data = self._reads.read(CHUNK)
        return self._decoder.feed(data) if data else None

    def send(self, message: Message) -> None:
        """Waits until the system has taken the whole message. Raises WireError, OSError when the peer is gone."""
        self.write(encode(message))

    def write(self, frame: bytes) -> None:
        """As send, for a frame that is encoded already."""
        with self._sending:
            rest = memoryview(frame)
            while rest:
                rest = rest[self._writes.write(rest) or 0 :]

    def close(self) -> None:
        """Closes both files. Only when no thread is inside them: a closed number may soon name another file."""
        self._reads.close()
        self._writes.close()


def standard_stream() -> Stream[ToMind]:
    """The mind's end of a pipe: takes stdin and stdout over for frames, once.

    A stray print, Python's or a C library's, would tear the stream: what is printed from here on goes to stderr,
    and stdin reads as empty.
    """
    sys.stdout.flush()
    reads, writes = FileIO(os.dup(0), "rb"), FileIO(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return Stream(reads, writes, ToMind)


class Words(Protocol):
    """What a life says and hears; `Stream` is one."""

    def receive(self) -> list[FromMind] | None:
        """As Stream.receive."""

    def write(self, frame: bytes) -> None:
        """As Stream.write."""


class Life(Protocol):
    """One run of a mind, from its start to its end, as the game's end of the line sees it."""

    @property
    def stream(self) -> Words:
        """Its end of the line."""

    def no_more(self) -> None:
        """Says that nothing more will be sent; called by the thread that sends."""

    def stop(self, hard: bool) -> None:
        """Makes it end, from any thread: whoever waits in its stream is woken."""

    def reap(self) -> tuple[str, list[str], int | None]:
        """After the end of its stream: how it ended, its last lines, its exit status if it has one. Takes <= 9 s."""

    def close(self) -> None:
        """After reap, when no thread is in its stream any more."""


class Child:
    """A mind in a process of its own, over its stdin and stdout. Raises OSError when the command cannot be run."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str] | None = None, low_priority: bool = True) -> None:
        threads = {"OMP_NUM_THREADS": "1"} if low_priority else {}  # measured: two threads starve the game
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, **threads, **(env or {})},
            start_new_session=True,  # Ctrl-C is the game's to hear; it then asks the mind to save
            creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0) if low_priority else 0,  # Windows
        )
        self._reads, self._writes, self._errors = (
            cast(RawIOBase, file) for file in (self._process.stdout, self._process.stdin, self._process.stderr)
        )
        self.stream: Stream[FromMind] = Stream(self._reads, self._writes, FromMind)
        self._lines: deque[str] = deque(maxlen=LAST_WORDS)
        self._listener = Thread(target=self._listen, name="the mind's stderr", daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        """Keeps the last lines, each cut short: a mind that floods its stderr is drained and costs nothing."""
        rest = b""
        while data := self._errors.read(CHUNK):
            *lines, rest = (rest + data).split(b"\n")
            rest = rest[:LINE_MAX]
            self._lines.extend(filter(None, map(_readable, lines[-LAST_WORDS:])))
        self._lines.extend(filter(None, [_readable(rest)]))

    def no_more(self) -> None:
        self._writes.close()

    def stop(self, hard: bool) -> None:
        (self._process.kill if hard else self._process.terminate)()

    def reap(self) -> tuple[str, list[str], int | None]:
        # Torch is slow to end; and a mind may live on with its stdout closed.
        for end, patience in ((lambda: None, 4.0), (self._process.terminate, 2.0), (self._process.kill, 2.0)):
            end()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=patience)
                break
        self._listener.join(timeout=1.0)
        status = self._process.returncode
        if status is None or status >= 0:
            return f"ended with status {status}", list(self._lines), status
        return f"was ended by signal {-status}", list(self._lines), status

    def close(self) -> None:
        self.stream.close()
        if not self._listener.is_alive():
            self._errors.close()


def _readable(raw: bytes) -> str:
    text = raw[:LINE_MAX].decode("utf-8", "replace").rstrip()
    return "".join(c if c.isprintable() else " " for c in text)
