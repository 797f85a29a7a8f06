"""Runs of an experiment on Ray: each a task with its resources, done again if its worker was lost.

A task works in a folder of its own on whatever machine it runs, and sends the files home. They are written here alone,
a whole folder at once: a run that was done twice is written once, and a node needs no disk in common with this machine.
What it needs is the same commit of this code, and the base model and files under the same paths; that they hold the
same is checked by content, before and after the run. A task computes with one thread, so its numbers are those of a
run without Ray.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from common.whole_folders import writing_folder
from training.experiments.away import Files, away
from training.experiments.pool import RunJob
from training.experiments.ray_cluster import cluster, slots
from training.experiments.ray_config import LOCAL, RayConfig
from training.heads.run_log import commit

LOOK = 0.05  # s between two looks at the tasks; Python sleeps, because Ray would turn SIGTERM into Ctrl-C
COUNT = 2.0  # s between two looks at the nodes
ROOM = 20.0  # s in which some node must have room for a run
LOST = (  # what Ray raises when a worker, its node or what it made is gone; the run is to blame for none of them
    "WorkerCrashedError", "NodeDiedError", "LocalRayletDiedError", "OutOfMemoryError", "ObjectLostError",
    "ObjectFetchTimedOutError", "OwnerDiedError", "RaySystemError", "OutOfDiskError", "RpcError",
)  # fmt: skip
Watch = Callable[[RunJob, str, str], None]  # a run, what it does now (STATES), and a word more


def unwatched(job: RunJob, state: str, more: str) -> None:
    """Nobody looks."""


class RayPool:
    """A pool on a Ray cluster; workers: CPUs of a local one. watch: is told what each run does."""

    def __init__(self, config: RayConfig, workers: int = 1, watch: Watch = unwatched) -> None:
        self.config, self.workers, self.watch = config, workers, watch

    def __call__(self, jobs: Sequence[RunJob], finished: Callable[[int], None]) -> None:
        """As `Pool` says. Raises ValueError for an address without a cluster, for a cluster without room, and if a run
        lost its worker more than `ray_retries` times.
        """
        with cluster(self.config, self.workers) as ray:
            _Sweep(ray, self.config, self.watch).run(jobs, finished)


class _Sweep:
    """One pass over jobs on a connected cluster."""

    def __init__(self, ray: Any, config: RayConfig, watch: Watch) -> None:
        self.ray, self.config, self.watch = ray, config, watch
        self.lost = tuple(getattr(ray.exceptions, name) for name in LOST if hasattr(ray.exceptions, name))
        self.task = ray.remote(away).options(
            num_cpus=config.ray_cpus, num_gpus=config.ray_gpus, max_retries=0, name="run of an experiment"
        )
        self.commit = "" if config.ray == LOCAL else commit()
        self.losses: Counter[tuple[str, str]] = Counter()
        self.running: dict[Any, RunJob] = {}
        self.fault: BaseException | None = None

    def run(self, jobs: Sequence[RunJob], finished: Callable[[int], None]) -> None:
        """All jobs; the first fault is raised once those under way have ended."""
        waiting, done, room = deque(jobs), 0, _Room(self.ray, self.config)
        for job in jobs:
            self.watch(job, "waiting", "")
        try:
            while self.running or (waiting and self.fault is None):
                while waiting and self.fault is None and len(self.running) < room.count(bool(self.running)):
                    self._begin(waiting.popleft())
                running = list(self.running)
                ready, _ = self.ray.wait(running, num_returns=len(running), timeout=0) if running else ([], [])
                if not ready:
                    time.sleep(LOOK)
                for reference in ready:
                    job = self.running.pop(reference)
                    if self._ended(job, reference):
                        done += 1
                        finished(done)
                    elif self.fault is None:
                        waiting.appendleft(job)
        except BaseException:
            for reference in self.running:
                with suppress(Exception):
                    self.ray.cancel(reference, force=True)
            raise
        if self.fault is not None:
            raise self.fault

    def _begin(self, job: RunJob) -> None:
        self.watch(job, "running", "")
        hidden = self.config.ray_gpus == 0
        self.running[self.task.remote(job.function, job.arguments, self.commit, hidden)] = job

    def _ended(self, job: RunJob, reference: Any) -> bool:
        """Whether a run is done and written. If not, it is to be done again, or there is a fault."""
        try:
            receive(self.ray.get(reference), job.folder)
        except self.lost as error:
            self._lost(job, type(error).__name__)
            return False
        except self.ray.exceptions.RayTaskError as error:
            cause = error.cause if isinstance(error.cause, ValueError | OSError) else error
            self._failed(job, cause)
            return False
        except OSError as error:
            self._failed(job, error)
            return False
        self.watch(job, "done", "")
        return True

    def _lost(self, job: RunJob, how: str) -> None:
        key = (job.group, job.name)
        self.losses[key] += 1
        if self.losses[key] > self.config.ray_retries:
            times = f"{self.losses[key]} times (at last {how}; memory?)"
            advice = "what is finished stays; the same command goes on, --ray-retries allows more"
            self._failed(job, ValueError(f"{job.folder}: the run lost its worker {times}; {advice}"))
        else:
            self.watch(job, "lost", f"{how}, retry {self.losses[key]} of {self.config.ray_retries}")

    def _failed(self, job: RunJob, error: BaseException) -> None:
        self.watch(job, "failed", "")
        self.fault = self.fault or error


class _Room:
    """How many runs the cluster has room for now; nodes come and go."""

    def __init__(self, ray: Any, config: RayConfig) -> None:
        self.ray, self.config = ray, config
        self._count, self._at, self._since = 0, float("-inf"), time.monotonic()

    def count(self, busy: bool) -> int:
        """Raises ValueError if there has been no room at all for ROOM seconds. busy: whether runs are under way."""
        now = time.monotonic()
        if now - self._at >= COUNT or not self._count:
            self._count, self._at = slots(self.ray.nodes(), self.config), now
        if self._count or busy:
            self._since = now
        elif now - self._since > ROOM:
            wanted = f"{self.config.ray_cpus:g} CPUs and {self.config.ray_gpus:g} GPUs"
            raise ValueError(f"--ray {self.config.ray}: no node has {wanted} for a run; lower --ray-cpus or --ray-gpus")
        return self._count


def receive(files: Files, folder: Path) -> None:
    """A run's files become its folder, whole or not at all, in place of what a broken run left. Raises OutputError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with writing_folder(folder, replace=True) as temporary:
        for name, content in files.items():
            if Path(name).name != name:
                raise ValueError(f"{folder}: a run sent a file called {name!r}; it was not written")
            (temporary / name).write_bytes(content)
