"""Ray for an experiment: a small cluster on this machine that listens on loopback alone, or one that runs already.

A local one keeps its files in a temporary folder that goes with it. It writes nothing in the home folder, reports no
usage, and shows no dashboard. Its key is drawn anew in each process, so that no other user of the machine can use it.
"""

import math
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from functools import cache
from pathlib import Path
from typing import Any

from training.experiments.ray_config import INSTALL, LOCAL, RayConfig

STORE = 256 * 2**20  # bytes of shared memory for results on their way; more are spilled to the temporary folder
PATH_MAX = 40  # characters of the temporary folder: a socket's path has room for 107, and Ray adds some 60
PROBE = 15.0  # s that a cluster has to say who it is
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # what a run sees of GPUs is said by ray_pool
}
ALONE = {  # of a cluster that begins here
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # Ray's word for "on loopback alone", on every system
    "RAY_AUTH_MODE": "token",
    "RAY_worker_niceness": "5",  # as workers without Ray
}


@contextmanager
def cluster(config: RayConfig, workers: int) -> Iterator[Any]:
    """The module ray, connected. workers: CPUs of a local one. Afterwards its workers have ended, whatever happened.

    Raises ValueError in one line if Ray is missing, or the address is no Ray cluster.
    """
    local = config.ray == LOCAL
    own = ALONE | {"RAY_AUTH_TOKEN": _key()} if local else {}
    with _environment(QUIET | own), _folder() if local else nullcontext() as folder:
        try:
            import ray
        except ImportError as error:
            raise ValueError(f"--ray {config.ray}: Ray can't be imported ({error}); {INSTALL}") from error
        options: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
        if local:
            options |= {"include_dashboard": False, "_temp_dir": str(folder), "object_store_memory": STORE}
            options["num_cpus"] = max(workers, math.ceil(config.ray_cpus))
            options |= {} if config.ray_gpus else {"num_gpus": 0}
        else:
            _probe(str(config.ray))
        handlers = _handlers()
        try:
            ray.init(address=config.ray, **options)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            what, advice = "can't be joined", "run the command on a machine of the cluster, with its version of Ray"
            if local:
                what, advice = "can't begin here", "try fewer --workers, or leave --ray out"
            raise ValueError(f"--ray {config.ray}: {what} ({_first_line(error)}); {advice}") from error
        try:
            for number, handler in handlers.items():  # Ray has taken SIGTERM for itself
                signal.signal(number, handler)
            yield ray
        finally:
            ray.shutdown()


@cache
def _key() -> str:
    """Of local clusters of this process: Ray reads it once, and a sweep of rates begins a second cluster."""
    return secrets.token_hex(32)


def _probe(address: str) -> None:
    """Raises ValueError if no Ray cluster answers. In a process of its own: Ray itself would wait for minutes."""
    script = f"import ray; ray._raylet.GcsClient(address={address!r}).cluster_id"
    try:
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=PROBE, check=False)
    except subprocess.TimeoutExpired:
        done = None
    if done is None or done.returncode:
        raise ValueError(f"--ray {address}: something answers, but it is no Ray cluster; ray start --head begins one")


def slots(nodes: list[Mapping[str, Any]], config: RayConfig) -> int:
    """How many runs the living nodes have room for at once."""
    return sum(_slots_of(node.get("Resources", {}), config) for node in nodes if node.get("Alive"))


def _slots_of(resources: Mapping[str, float], config: RayConfig) -> int:
    room = math.floor(resources.get("CPU", 0.0) / config.ray_cpus + 1e-9)
    if config.ray_gpus:
        gpus = math.floor(resources.get("GPU", 0.0))
        of_one = math.floor(1 / config.ray_gpus + 1e-9)  # a fraction lies on one GPU
        room = min(room, gpus * of_one if config.ray_gpus <= 1 else gpus // int(config.ray_gpus))
    return room


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _handlers() -> dict[int, Any]:
    """What this process does at Ctrl-C and SIGTERM; empty in a thread, which may set none."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}


@contextmanager
def _folder() -> Iterator[Path]:
    """A temporary folder with a short name, which goes afterwards."""
    above = tempfile.gettempdir()
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir=above if len(above) <= PATH_MAX - 13 else "/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _first_line(error: Exception) -> str:
    with suppress(IndexError):
        return str(error).strip().splitlines()[0][:200]
    return type(error).__name__
