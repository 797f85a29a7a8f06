"""Jobs in local processes: one thread each, a step back for whoever sits there. A single worker is this one."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

Key = TypeVar("Key", bound=Hashable)
Job = tuple[Callable[..., Any], tuple[Any, ...]]  # a function of a module, and what it is called with


def in_processes(jobs: Mapping[Key, Job], workers: int, report: Callable[[int], None]) -> dict[Key, Any]:
    """What every job returned. told: how many are done, after each.

    The first fault of a job is raised after the jobs under way have ended; the others are not begun. Raises ValueError
    if a process was killed.
    """
    done: dict[Key, Any] = {}
    if workers == 1 or not jobs:
        return _here(jobs, report)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(jobs)), context, initializer=_quiet) as pool:
        futures = {pool.submit(function, *arguments): key for key, (function, arguments) in jobs.items()}
        try:
            for future in as_completed(futures):
                done[futures[future]] = future.result()
                report(len(done))
        except BrokenProcessPool as error:
            raise ValueError("a process was killed (memory?); the same command goes on") from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return done


def _here(jobs: Mapping[Key, Job], report: Callable[[int], None]) -> dict[Key, Any]:
    """One after the other in this process, which gets its threads back."""
    import torch

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


def _end_with(parent: BaseProcess) -> None:
    """A worker whose parent was killed ends at once: else it would go on beside the command that takes up its work."""
    wait([parent.sentinel])
    os._exit(1)


def _quiet() -> None:
    """A worker's first act."""
    import torch

    torch.set_num_threads(1)
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(5)
