"""Bounds on a chat template, which is a program of somebody else's: how long it may run, and what it may say."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from common.json_lines import half_surrogate

SECONDS = 10.0  # a template takes milliseconds
LENGTH_MAX = 65_536  # characters around what is said; long system messages have a few thousand


@contextmanager
def in_time() -> Iterator[None]:
    """Raises TimeoutError in a block that takes longer than SECONDS.

    In the main thread, where the system has alarms (Windows has none); elsewhere the block takes as long as it takes.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"it runs for more than {SECONDS:g} s")

    handler = signal.signal(signal.SIGALRM, late)
    rest, again = signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, rest, again)
        signal.signal(signal.SIGALRM, handler)


def fault_of(said: str) -> str:
    """What is wrong with what a template says; nothing if all is well."""
    if len(said) > LENGTH_MAX:
        return f"says {len(said):,} characters, at most {LENGTH_MAX:,} are taken"
    return "says half a character (a lone surrogate)" if half_surrogate(said) else ""
