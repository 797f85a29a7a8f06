"""Where the runs of an experiment are done: in local processes with one thread each, or wherever a pool sends them.

A run leaves its files in a folder, its result among them. What a pool returns is nothing: the folders are read.
"""

import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from common.processes import Job, run_jobs

Key = TypeVar("Key", bound=Hashable)


class RunJob(NamedTuple):
    """One run: function(folder, *arguments) fills the folder. group, name: what it is called, as in ("arm", "seed-0").

    kin: runs of one kin read the same contexts, and are quicker one after the other in one process. The function is one
    of a module; it and its arguments must be picklable.
    """

    group: str
    name: str
    function: Callable[..., object]
    folder: Path
    arguments: tuple[Any, ...]
    kin: Hashable = None


class Pool(Protocol):
    """What does runs."""

    def __call__(self, jobs: Sequence[RunJob], finished: Callable[[int], None]) -> None:
        """Every job, each in its folder. finished: told how many are done, after each.

        The first fault of a job is raised after the jobs under way have ended; the others are not begun.
        """


class LocalPool:
    """Runs in `workers` processes of this machine. A single one is this process."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def __call__(self, jobs: Sequence[RunJob], finished: Callable[[int], None]) -> None:
        """As `Pool` says. Raises ValueError if a process was killed."""
        from training.optim.shared_reads import forget_reads  # here, so that Ray's driver needs no torch

        try:
            in_processes(
                {number: (job.function, (job.folder, *job.arguments)) for number, job in enumerate(jobs)},
                self.workers,
                finished,
                lambda number: jobs[number].kin,
            )
        finally:
            forget_reads()


def in_processes(
    jobs: Mapping[Key, Job],
    workers: int,
    report: Callable[[int], None],
    kin: Callable[[Key], Hashable] = lambda key: None,
) -> dict[Key, Any]:
    """What every job returned. report is called with the number of finished jobs, after each. kin: as of `run_jobs`.

    The first fault of a job is raised after the jobs under way have ended; the others are not begun. Raises ValueError
    if a process was killed, or for a number of workers that can't be.
    """
    if workers == 1 or not jobs:
        return _here(jobs, report)
    return run_jobs(jobs, workers, report, one_thread, kin)


def _here(jobs: Mapping[Key, Job], report: Callable[[int], None]) -> dict[Key, Any]:
    """One after the other in this process, which gets its threads back."""
    import torch  # workers of other rooms do without

    done: dict[Key, Any] = {}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for key, (function, arguments) in jobs.items():
            done[key] = function(*arguments)
            report(len(done))
    finally:
        torch.set_num_threads(threads)
    return done


def one_thread() -> None:
    """A worker's first act. It is nice to other programs on the machine."""
    import torch

    torch.set_num_threads(1)
    if hasattr(os, "nice"):
        os.nice(5)
