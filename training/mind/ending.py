"""SIGTERM and Ctrl-C while a mind serves: it finishes the piece under way, saves, and ends with the signal's status."""

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

from common.processes import Terminated

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Ending:
    """While the block runs, the first signal calls `end`, in a thread; a second one ends the process at once.

    When the block has ended after a signal, Terminated or KeyboardInterrupt is raised. Without a main thread: nothing.
    """

    def __init__(self, end: Callable[[], object]) -> None:
        self._end = end
        self._number: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._signalled) for number in SIGNALS}
        return self

    def _signalled(self, number: int, _frame: FrameType | None) -> None:
        self._number = number
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        # In a thread: this one may hold the lock that `end` needs.
        threading.Thread(target=self._end, name="ends the mind", daemon=True).start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._number is not None and kind is None:
            raise Terminated if self._number == signal.SIGTERM else KeyboardInterrupt
