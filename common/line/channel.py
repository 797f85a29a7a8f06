"""One end of one connection: what waits to be sent, how fast the other end may send, and how it ends."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple

from common.line.faults import BadMessage
from common.line.limits import CLOSE_S, MESSAGE_COST, Limits
from common.line.loop import LoopThread
from common.line.pace import Pace

GOOD, REFUSED = 1000, 1008  # close codes of RFC 6455: normal closure, policy violation
REASON_BYTES = 120  # a close frame has room for 123


class Left(NamedTuple):
    """The other end is gone. again: whether coming back may help."""

    reason: str
    again: bool = True


class Channel:
    """socket: of websockets, of an accepted hello. Made and read in the loop's thread; put, waiting and end are for
    any. paces: how fast one may send, and the other end.
    """

    def __init__(
        self, socket: Any, thread: LoopThread, limits: Limits, *, sends: Pace | None = None, hears: Pace | None = None
    ) -> None:
        self._socket, self._thread, self._limits = socket, thread, limits
        self._sends, self._hears = sends, hears
        self._lock = Lock()  # guards what waits
        self._waiting: OrderedDict[Hashable, bytes] = OrderedDict()  # frames by their key, or by a number of their own
        self._weight = self._number = 0
        self._ready, self._ended = asyncio.Event(), asyncio.Event()
        self._end: tuple[int, str] | None = None
        self._left: Left | None = None  # if this end decided it

    def put(self, data: bytes, newest: Hashable | None = None) -> bool:
        """Leave a frame to be sent, behind all that waits; the waiting one with the same `newest` key is dropped. False
        if too much waits already."""
        with self._lock:
            if self._end is not None:
                return False
            self._number += 1
            key: Hashable = self._number if newest is None else ("newest", newest)
            before = self._waiting.get(key)
            weight = self._weight + _cost(data) - (0 if before is None else _cost(before))
            if weight > self._limits.waiting_bytes and self._waiting:
                return False
            self._weight = weight
            self._waiting.pop(key, None)
            self._waiting[key] = data
        self._thread.wake(self._ready)
        return True

    @property
    def waiting(self) -> int:
        """Bytes that wait to be sent."""
        return self._weight

    def end(self, left: Left, code: int = REFUSED) -> None:
        """Say goodbye, after what waits if the other end takes it in time. The first reason counts."""
        with self._lock:
            if self._end is not None:
                return
            self._end, self._left = (code, left.reason), left
        self._thread.wake(self._ready)
        self._thread.wake(self._ended)

    async def converse(self, take: Callable[[bytes], asyncio.Event | None]) -> Left:
        """Send and hear until the end; how it ended. take: gets each frame; raises BadMessage; what it returns is
        awaited before the next is read. Then `finish`.
        """
        reader, writer = asyncio.create_task(self._read(take)), asyncio.create_task(self._write())
        goodbye = asyncio.create_task(self._cut_off())
        try:
            await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
            if self._left is None:
                self._left = await reader
            return self._left
        finally:
            for task in (reader, writer, goodbye):
                task.cancel()
            await asyncio.gather(reader, writer, goodbye, return_exceptions=True)
            with self._lock:
                self._end = self._end or (REFUSED, "" if self._left is None else self._left.reason)
                self._waiting.clear()
                self._weight = 0

    async def finish(self) -> None:
        """Close the connection, whoever ended it."""
        code, reason = self._end or (GOOD, "")
        await self._socket.close(code, reason.encode()[:REASON_BYTES].decode(errors="ignore"))

    async def _read(self, take: Callable[[bytes], asyncio.Event | None]) -> Left:
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                data = await self._socket.recv()
                if isinstance(data, str):
                    return Left("sent no message: a text frame, not a binary one", again=False)
                full = take(data)
                if full is not None:
                    await full.wait()
                if self._hears is None:
                    continue
                now = monotonic()
                if wait := self._hears.take(len(data), now):
                    if self._hears.ahead(now) > self._limits.flood_s:
                        return Left("sends too much; send more slowly", again=False)
                    await asyncio.sleep(wait)
        except BadMessage as error:
            return Left(f"sent {error}", again=False)
        except ConnectionClosed as error:
            return self._left or _left(error, self._limits.silence_s)

    async def _write(self) -> None:
        """Send what waits, until `end` was called and all is sent, or the connection is gone."""
        from websockets.exceptions import ConnectionClosed

        try:
            while self._end is None:
                await self._ready.wait()
                self._ready.clear()
                await self._send_all()
            await self._send_all()
        except ConnectionClosed:
            await asyncio.Event().wait()  # the reader knows more

    async def _cut_off(self) -> None:
        """End what does not end by itself in time: who reads nothing may hold up the very frame that is being sent."""
        await self._ended.wait()
        await asyncio.sleep(CLOSE_S)
        self._socket.transport.abort()

    async def _send_all(self) -> None:
        while (data := self._next()) is not None:
            await self._socket.send(data)
            if self._sends is not None and (wait := self._sends.take(len(data), monotonic())) and self._end is None:
                await asyncio.sleep(wait)

    def _next(self) -> bytes | None:
        with self._lock:
            if not self._waiting:
                return None
            _, data = self._waiting.popitem(last=False)
            self._weight -= _cost(data)
            return data


def _cost(data: bytes) -> int:
    return len(data) + MESSAGE_COST


def _left(error: Any, silence: float) -> Left:
    """How the other end went, by the close frames of both ends."""
    heard, said = error.rcvd, error.sent
    if heard is not None and (said is None or error.rcvd_then_sent):
        return Left(heard.reason or "left", again=heard.code != REFUSED)
    if said is not None and "keepalive" in said.reason:
        return Left(f"silent for {silence:g} s")
    if said is not None and said.reason:
        return Left(f"sent no message: {said.reason}", again=False)
    return Left("the line broke")
