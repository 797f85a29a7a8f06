"""What a sweep on Ray does at the moment: a table of its arms on a terminal; lines where stderr goes to a file."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from training.experiments.pool import RunJob
from training.experiments.ray_pool import Watch
from training.progress import Report, progress_lines

STATES = ("done", "running", "waiting", "lost", "failed")
ROWS_MAX = 40  # arms on a terminal; those whose runs are over come together in one row


class SweepTable:
    """The states of the runs, arm by arm. clock: seconds, for how long a run takes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock, self.began = clock, clock()
        self.stage = ("", 0, 0)  # what the experiment is at, how far, of how many
        self.states: dict[str, dict[str, str]] = {}  # arm -> run -> state
        self.retries: dict[str, int] = {}
        self.last = ""  # what went wrong last
        self._started: dict[tuple[str, str], float] = {}
        self._took: dict[str, list[float]] = {}

    def report(self, what: str, done: int, of: int) -> None:
        """A `Report`."""
        self.stage = (what, done, of)

    def watch(self, job: RunJob, state: str, more: str) -> None:
        """A `Watch`. A run that was lost waits again."""
        key = (job.group, job.name)
        if state == "running":
            self._started[key] = self.clock()
        elif state == "done":
            self._took.setdefault(job.group, []).append(self.clock() - self._started.get(key, self.clock()))
        elif state == "lost":
            self.retries[job.group] = self.retries.get(job.group, 0) + 1
            self.last = f"{job.group}/{job.name}: {more}"
        self.states.setdefault(job.group, {})[job.name] = "waiting" if state == "lost" else state

    def rows(self) -> list[list[str]]:
        """Cells: arm, done, running, waiting, retries, failed, seconds a run took in the middle."""
        over = [arm for arm, runs in self.states.items() if set(runs.values()) == {"done"}]
        together = over if len(self.states) > ROWS_MAX else []
        names = [([arm], arm) for arm in self.states if arm not in together]
        names += [(together, f"{len(together)} arms that are done")] if together else []
        return [self._row(arms, name) for arms, name in names[-ROWS_MAX:]]

    def _row(self, arms: list[str], name: str) -> list[str]:
        states = [state for arm in arms for state in self.states[arm].values()]
        times = sorted(seconds for arm in arms for seconds in self._took.get(arm, ()))
        counts = [states.count("done"), states.count("running"), states.count("waiting")]
        counts += [sum(self.retries.get(arm, 0) for arm in arms), states.count("failed")]
        return [name, *(str(count or "") for count in counts), f"{times[len(times) // 2]:.1f}" if times else ""]

    def __rich__(self) -> Any:
        from rich.table import Table

        what, done, of = self.stage
        title = f"{what}: {done} of {of}, {self.clock() - self.began:.0f} s" if of else "Ray begins"
        table = Table(title=title, caption=self.last or None)
        for number, heading in enumerate(("arm", "done", "running", "waiting", "retries", "failed", "s a run")):
            table.add_column(heading, justify="right" if number else "left")
        for row in self.rows():
            table.add_row(*row)
        return table


@contextmanager
def live_sweep(to: TextIO | None = None) -> Iterator[tuple[Report, Watch]]:
    """(report, watch) that show a sweep on `to`, or on stderr, while the block runs."""
    out = sys.stderr if to is None else to
    if not out.isatty():
        yield progress_lines(out), _lines(out)
        return
    from rich.console import Console
    from rich.live import Live

    table = SweepTable()
    with Live(table, console=Console(file=out), transient=True, refresh_per_second=4):
        yield table.report, table.watch


def _lines(out: TextIO) -> Watch:
    """Lost and failed runs, a line each."""

    def watch(job: RunJob, state: str, more: str) -> None:
        if state in ("lost", "failed"):
            with suppress(OSError, ValueError):
                print(f"{job.group}/{job.name}: {state} {f'({more})' if more else ''}".rstrip(), file=out, flush=True)

    return watch
