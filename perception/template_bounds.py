"""Bounds on a chat template, which is a program of somebody else's: how long it may run, and what it may say.

On Linux it runs in a child process, which is killed when its time is over, and which can take only so much memory: one
operation of a template (`'%0900000000d' | format(1)`) may take long in C, where no alarm is heard. Elsewhere an alarm
is all there is: a forked child isn't safe on macOS, and Windows has neither.
"""

import gc
import json
import os
import select
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from common.json_lines import half_surrogate

SECONDS = 10.0  # a template takes milliseconds
LENGTH_MAX = 65_536  # characters around what is said; long system messages have a few thousand
MEMORY = 2**30  # bytes more than the program has
REASON_MAX = 200  # characters of what a template says of itself when it fails
FORKS = sys.platform == "linux"
Outcome = tuple[str, list[str]]  # what is wrong, nothing if all is well; and the texts


class TemplateError(ValueError):
    """What is wrong with a template, as what follows on its name: "fails (why)"."""


class _Late(BaseException):
    """Time is over. No Exception, because Jinja takes those for faults of one expression, and goes on."""


def texts_of(render: Callable[[], object], times: int = 1) -> list[str]:
    """What a template says, rendered so many times. Raises TemplateError."""
    fault, texts = _in_child(render, times) if FORKS else _with_alarm(render, times)
    if fault:
        raise TemplateError(fault)
    return texts


def fault_of(said: str) -> str:
    """What is wrong with what a template says; nothing if all is well."""
    if len(said) > LENGTH_MAX:
        return f"says {len(said):,} characters, at most {LENGTH_MAX:,} are taken"
    return "says half a character (a lone surrogate)" if half_surrogate(said) else ""


def _outcome(render: Callable[[], object], times: int) -> Outcome:
    try:
        texts = [str(render()) for _ in range(times)]
    except MemoryError:
        return "fails (it takes too much memory)", []
    except Exception as error:  # a template is a program of somebody else's
        why = (str(error).strip().splitlines() or [type(error).__name__])[0][:REASON_MAX]
        return f"fails ({why})", []
    fault = next(filter(None, map(fault_of, texts)), "")
    return fault, [] if fault else texts


def _late() -> str:
    return f"fails (it runs for more than {SECONDS:g} s)"


def _in_child(render: Callable[[], object], times: int) -> Outcome:
    """The outcome in a fork of this process, which is gone afterwards."""
    end, start = os.pipe()
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # of threads, which the child lacks
        child = os.fork()
    if child == 0:
        _be_child(render, times, start)
    try:
        os.close(start)
        raw = _whole(end)
    finally:
        os.close(end)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if raw is None:
        return _late(), []
    if not raw:
        return "fails (it ends the program that runs it)", []
    fault, texts = json.loads(raw)
    return fault, texts


def _be_child(render: Callable[[], object], times: int, start: int) -> NoReturn:
    """Write the outcome into a pipe and end, without what a program does at its end: all that belongs to the parent."""
    try:
        gc.disable()  # nothing of the parent's is collected here: on an accelerator that would ask its driver
        _bound()
        with open(start, "wb") as stream:
            stream.write(json.dumps(_outcome(render, times)).encode())
    finally:
        os._exit(0)


def _bound() -> None:
    """Bounds that the system keeps: of memory, and of time in case the parent is killed meanwhile."""
    import resource

    with suppress(OSError, ValueError):  # where the system tells no size, or the user has lower bounds
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_CPU, (int(SECONDS) + 1, resource.getrlimit(resource.RLIMIT_CPU)[1]))
        most = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _whole(end: int) -> bytes | None:
    """All that is written into a pipe until it is closed; None if that isn't in time."""
    over, raw = time.monotonic() + SECONDS, bytearray()
    poll = select.poll()
    poll.register(end, select.POLLIN)
    while (left := over - time.monotonic()) > 0 and poll.poll(1_000 * left):
        part = os.read(end, LENGTH_MAX)
        if not part:
            return bytes(raw)
        raw += part
    return None


def _with_alarm(render: Callable[[], object], times: int) -> Outcome:
    """The outcome in this process: in the main thread, where the system has alarms; elsewhere without a bound."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        return _outcome(render, times)

    def late(number: int, frame: FrameType | None) -> None:
        raise _Late

    handler = signal.signal(signal.SIGALRM, late)
    rest, again = signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        return _outcome(render, times)
    except _Late:
        return _late(), []
    finally:
        signal.setitimer(signal.ITIMER_REAL, rest, again)
        signal.signal(signal.SIGALRM, handler)
