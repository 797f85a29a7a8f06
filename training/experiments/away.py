"""A run on another machine, in a folder of its own: what a worker of Ray does. Without torch, for as long as it can."""

import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

FILES_MAX = 2 * 2**30  # bytes that a run may send home
Files = dict[str, bytes]


def away(function: Callable[..., object], arguments: tuple[Any, ...], wanted: str, hidden: bool) -> Files:
    """function(folder, *arguments) in a temporary folder, with one thread; the bytes of the files there by name.

    wanted: the commit that must run, "" for any. hidden: whether GPUs are out of its sight. Raises ValueError for
    another commit or too many bytes, and what the function raises.
    """
    if hidden:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    if wanted:
        _check_commit(wanted)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="second-sight-") as above:
        folder = Path(above) / "run"
        try:
            function(folder, *arguments)
        finally:  # a worker waits for the next run, which may be another experiment's
            if reads := sys.modules.get("training.optim.shared_reads"):
                reads.forget_reads()
        files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
        if (size := sum(path.stat().st_size for path in files)) > FILES_MAX:
            raise ValueError(f"a run left {size:,} bytes; at most {FILES_MAX:,} can be sent; do it without --ray")
        return {path.name: path.read_bytes() for path in files}


def _check_commit(wanted: str) -> None:
    from training.heads.run_log import commit

    if (here := commit()) != wanted:
        node = platform.node()
        raise ValueError(f"{node}: runs commit {here}, not {wanted} as this command; install the same on all nodes")
