"""How far a long command is: a bar on a terminal; a line now and then where stderr goes to a file."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

Report = Callable[[str, int, int], None]  # what is going on, how far, of how many
EVERY = 30.0  # seconds between two lines


@contextmanager
def progress_bar(to: TextIO | None = None) -> Iterator[Report]:
    """A function report(what, done, of) that shows progress on `to`, or on stderr."""
    out = sys.stderr if to is None else to
    if not out.isatty():
        yield progress_lines(out)
        return
    from rich.console import Console
    from rich.progress import Progress, TaskID

    with Progress(console=Console(file=out), transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def report(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=of)
            progress.update(tasks[what], completed=done, total=of)

        yield report


def progress_lines(out: TextIO, clock: Callable[[], float] = time.monotonic) -> Report:
    """A report that writes at most one line in EVERY seconds, the first after as many: a quick command writes none."""
    began = last = clock()

    def report(what: str, done: int, of: int) -> None:
        nonlocal last
        now = clock()
        if now - last >= EVERY:
            last = now
            with suppress(OSError, ValueError):  # nobody reads on, or the stream is closed: the work goes on
                print(f"{what}: {done} of {of}, {now - began:.0f} s", file=out, flush=True)

    return report
