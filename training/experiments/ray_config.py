"""How an experiment uses Ray: flags and their bounds. Neither Ray nor torch is needed to read them."""

import importlib.util
import math
import socket
from dataclasses import dataclass

from common.flags import faults, option
from common.line.address import read_address

LOCAL = "local"
CPUS_MAX, GPUS_MAX, RETRIES_MAX = 1_024, 64, 100
ANSWER = 5.0  # s in which an address must answer
INSTALL = "pip install 'second-sight[cluster]' installs Ray"


@dataclass(frozen=True)
class RayConfig:
    """Where an experiment's runs go, and what each of them reserves. ray None: to local processes, without Ray."""

    ray: str | None = option(
        None, "run on Ray: local (it starts here, --workers CPUs), or HOST:PORT of a cluster", metavar="ADDRESS"
    )
    ray_cpus: float = option(
        1.0, "CPUs that a run reserves; it computes with one thread", bounds=(0, CPUS_MAX), above=0, metavar="N"
    )
    ray_gpus: float = option(
        0.0, "GPUs that a run reserves, as 0.25; none: it computes on the CPU", bounds=(0, GPUS_MAX), metavar="N"
    )
    ray_retries: int = option(
        3, "how often a run is done again after its worker was lost", bounds=(0, RETRIES_MAX), metavar="N"
    )

    def check(self) -> None:
        """Raises ValueError for settings that can't be, without Ray, or for an address that nobody answers."""
        if lines := faults(self):
            raise ValueError(lines[0])
        if self.ray_gpus > 1 and self.ray_gpus != math.floor(self.ray_gpus):
            raise ValueError(f"--ray-gpus {self.ray_gpus:g}: above 1 it must be a whole number")
        if self.ray is None:
            if self != RayConfig():
                raise ValueError(
                    "--ray-cpus, --ray-gpus and --ray-retries are for --ray; give --ray local, or HOST:PORT"
                )
            return
        if importlib.util.find_spec("ray") is None:
            raise ValueError(f"--ray {self.ray}: Ray is not installed; {INSTALL}")
        if self.ray != LOCAL:
            address = read_address("--ray", self.ray)
            if address.tls:
                raise ValueError(f"--ray {self.ray}: Ray takes no tls://; give HOST:PORT")
            self._check_answer(address.host, address.port)

    def _check_answer(self, host: str, port: int) -> None:
        try:
            socket.create_connection((host, port), timeout=ANSWER).close()
        except OSError as error:
            reason = f"nobody answers ({error.strerror or error})"
            raise ValueError(
                f"--ray {self.ray}: {reason}; ray start --head begins a cluster, --ray local needs none"
            ) from error
