"""Jobs of an experiment in local processes with one thread each. A single worker is this process."""

import os
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

from common.processes import Job, run_jobs

Key = TypeVar("Key", bound=Hashable)


def in_processes(jobs: Mapping[Key, Job], workers: int, report: Callable[[int], None]) -> dict[Key, Any]:
    """What every job returned. report is called with the number of finished jobs, after each.

    The first fault of a job is raised after the jobs under way have ended; the others are not begun. Raises ValueError
    if a process was killed, or for a number of workers that can't be.
    """
    if workers == 1 or not jobs:
        return _here(jobs, report)
    return run_jobs(jobs, workers, report, _one_thread)


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


def _one_thread() -> None:
    """A worker's first act. It is nice to other programs on the machine."""
    import torch

    torch.set_num_threads(1)
    if hasattr(os, "nice"):
        os.nice(5)
