"""Work in local processes that end with whoever began them, however that ends: no orphan, no hang, no noise.

Workers speak over pipes alone. They own no semaphores, so that nothing is left to be cleaned up when one is killed.
"""

import multiprocessing
import os
import select
import signal
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, NoReturn, TypeVar

Key = TypeVar("Key", bound=Hashable)
Job = tuple[Callable[..., Any], tuple[Any, ...]]  # a function of a module, and what it is called with
WORKERS_MAX = 256  # more processes than any one machine here is good for
LOOK = 0.2  # s between two looks at a pipe
PATIENCE = 5.0  # s that a worker has to end before it is killed


class Terminated(KeyboardInterrupt):
    """SIGTERM came: cleaning up goes the way of Ctrl-C."""


def terminate_as_interrupt() -> None:
    """Let SIGTERM end this process as Ctrl-C does, with its cleaning up. For the main thread of a command."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminated)


def _terminated(number: int, frame: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
    raise Terminated


def end_with_parent(sentinel: int | None = None) -> None:
    """End this process at once when the one that began it has ended. sentinel: multiprocessing's, by default."""
    if sentinel is None:
        parent = multiprocessing.parent_process()
        if parent is None:
            return
        sentinel = parent.sentinel
    threading.Thread(target=_end_after, args=(sentinel,), name="ends with its parent", daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


@contextmanager
def ending_with_peer(descriptor: int) -> Iterator[None]:
    """While the block runs, end this process at once when whoever writes into its pipe is gone and left nothing there.

    For what takes long before anybody reads from the pipe. Where no pipe can be polled (Windows), nothing happens.
    """
    pipe, over = os.dup(descriptor), threading.Event()
    watch = threading.Thread(target=_end_with_peer, args=(pipe, over), name="ends with its peer", daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()
        watch.join()
        os.close(pipe)


def _end_with_peer(pipe: int, over: threading.Event) -> None:
    if not hasattr(select, "poll"):
        return
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    while not over.wait(LOOK):
        if any(event & select.POLLHUP and not event & select.POLLIN for _, event in poll.poll(0)):
            os._exit(1)


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: "Connection[Any, Any]"
    kin: Hashable = None  # of the job that it did last, or does


def run_jobs(
    jobs: Mapping[Key, Job],
    workers: int,
    finished: Callable[[int], None] = lambda count: None,
    prepare: Callable[[], None] | None = None,
    kin: Callable[[Key], Hashable] = lambda key: None,
) -> dict[Key, Any]:
    """What every job returned, each run in one of `workers` processes; a job and its result must be picklable.

    finished: told how many are done, after each. prepare: a function of a module that each worker calls first.
    kin: jobs of which it says the same go to one process where that keeps nobody waiting.
    The first fault of a job is raised after the jobs under way have ended; the others are not begun. Raises ValueError
    if a worker was killed. Ctrl-C and SIGTERM end the workers first.
    """
    if not 1 <= workers <= WORKERS_MAX:
        raise ValueError(f"--workers {workers}: give 1 to {WORKERS_MAX}")
    waiting, results = list(jobs), dict[Key, Any]()
    running: dict[Any, tuple[_Worker, Key]] = {}
    staff: list[_Worker] = []
    fault: BaseException | None = None
    try:
        while running or (waiting and fault is None):
            while waiting and fault is None and len(running) < workers:
                worker = _idle(staff, [worker for worker, _ in running.values()], prepare)
                key = _taken(waiting, worker, staff, kin)
                worker.pipe.send(jobs[key])
                running[worker.pipe] = (worker, key)
            for pipe in wait(list(running)):
                _, key = running.pop(pipe)
                result, error = _answer(pipe)
                if error is None:
                    results[key] = result
                    finished(len(results))
                else:
                    fault = fault or error
        if fault is not None:
            raise fault
    finally:
        _end(staff)
    return results


def _taken(waiting: list[Key], worker: _Worker, staff: list[_Worker], kin: Callable[[Key], Hashable]) -> Key:
    """What a worker takes of what waits: a job of its kin, else one of a kin that nobody has, else the first."""
    others = {one.kin for one in staff if one is not worker}
    own = (key for key in waiting if kin(key) == worker.kin)
    free = (key for key in waiting if kin(key) not in others)
    key = next(own, next(free, waiting[0]))
    waiting.remove(key)
    worker.kin = kin(key)
    return key


def _idle(staff: list[_Worker], busy: list[_Worker], prepare: Callable[[], None] | None) -> _Worker:
    """A worker that has nothing to do; a new one joins the staff if there is none."""
    for worker in staff:
        if worker not in busy:
            return worker
    with _undisturbed():
        staff.append(_begin(prepare))
    return staff[-1]


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait: a worker that is begun half complains on stderr, and one that nobody has noted stays.

    The worker inherits this, and lets the signals in when it is ready for them.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # its start lets these signals in again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(prepare: Callable[[], None] | None) -> _Worker:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_work, args=(theirs, prepare), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _answer(pipe: Any) -> tuple[Any, BaseException | None]:
    try:
        result, error = pipe.recv()
    except (EOFError, OSError):
        return None, ValueError("a process was killed (memory?); run the command again")
    return result, error


def _end(staff: list[_Worker]) -> None:
    for worker in staff:
        worker.pipe.close()  # an idle worker ends by itself
        worker.process.terminate()
    for worker in staff:
        worker.process.join(PATIENCE)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


def _work(pipe: "Connection[Any, Any]", prepare: Callable[[], None] | None) -> None:
    """A worker's life. Ctrl-C reaches every process of a terminal: the parent alone answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    end_with_parent()
    if prepare is not None:
        prepare()
    while True:
        try:
            function, arguments = pipe.recv()
        except (EOFError, OSError):
            return
        answer: tuple[Any, BaseException | None]
        try:
            answer = (function(*arguments), None)
        except BaseException as error:
            answer = (None, error)
        try:
            pipe.send(answer)
        except OSError:
            return
        except Exception:  # what can't be pickled is told in words
            with suppress(OSError):
                pipe.send(
                    (None, RuntimeError(f"{type(answer[1] or answer[0]).__name__}: {answer[1] or answer[0]}"[:2000]))
                )
