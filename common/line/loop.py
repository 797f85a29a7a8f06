"""An event loop in a thread of its own, for owners who are plain synchronous code; and the events that they poll."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from threading import Condition, Lock, Thread
from time import monotonic
from typing import Any, Generic, TypeVar

from common.line.faults import LineError

E = TypeVar("E")
T = TypeVar("T")
JOIN_S = 5.0  # s that the thread has to end


def need_websockets() -> None:
    """Raises LineError where the package isn't installed."""
    try:
        import websockets  # noqa: F401
    except ImportError:
        raise LineError('websockets is not installed; pip install ".[net]"') from None


def quiet_logger() -> logging.Logger:
    """What websockets logs to: nothing. What is worth saying comes as an event."""
    logger = logging.Logger("line")
    logger.disabled = True
    return logger


class LoopThread:
    """Several servers and clients may share one. Ends with `close`, and with the process."""

    def __init__(self, name: str = "line") -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda loop, context: None)  # of connections that strangers broke
        self._lock, self._woken = Lock(), deque[asyncio.Event]()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            tasks = asyncio.all_tasks(self.loop)
            for task in tasks:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self.loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do this in the loop and wait for what comes of it. Not for the loop's own thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def call(self, what: Callable[[], object]) -> None:
        """Call this in the loop soon; nothing once the loop has ended. From any thread."""
        try:
            self.loop.call_soon_threadsafe(what)
        except RuntimeError:  # closed
            return

    def wake(self, event: asyncio.Event) -> None:
        """Set an event of the loop soon. Many that are woken at once cost one wake-up. From any thread."""
        with self._lock:
            first = not self._woken
            self._woken.append(event)
        if first:
            self.call(self._set)

    def _set(self) -> None:
        with self._lock:
            events = list(self._woken)
            self._woken.clear()
        for event in events:
            event.set()

    def close(self) -> None:
        """End the loop with all that it does. Calling it again does nothing."""
        self.call(self.loop.stop)
        self._thread.join(JOIN_S)


class Mailbox(Generic[E]):
    """Events of numbered connections, in order. The loop puts, the owner polls. most: of one connection that wait."""

    def __init__(self, thread: LoopThread, most: int) -> None:
        self._thread, self._most = thread, most
        self._changed = Condition()
        self._events: list[tuple[int, E]] = []
        self._counts: dict[int, int] = {}
        self._full: list[asyncio.Event] = []

    def put(self, number: int, event: E) -> asyncio.Event | None:
        """Let an event wait for the owner. What to wait for before this connection is read again, if it is full."""
        with self._changed:
            self._events.append((number, event))
            self._counts[number] = self._counts.get(number, 0) + 1
            self._changed.notify_all()
            if self._counts[number] < self._most:
                return None
            room = asyncio.Event()
            self._full.append(room)
            return room

    def poll(self, wait: float = 0.0) -> list[tuple[int, E]]:
        """All that has come since the last poll; if that is nothing, after at most `wait` s."""
        until = monotonic() + wait
        with self._changed:
            while not self._events and (left := until - monotonic()) > 0:
                self._changed.wait(left)
            events, self._events = self._events, []
            self._counts.clear()
            full, self._full = self._full, []
        for room in full:
            self._thread.wake(room)
        return events
