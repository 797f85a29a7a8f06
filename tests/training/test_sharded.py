"""Two processes with the weights in shards do what one does: losses, weights, gradient shares, and what they refuse."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.kits.shardkit import APOLLOS, TEACHERS, stepped, taught
from tests.kits.sources import ROOT
from training.sharded import joined

torch.set_num_threads(1)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not torch.distributed.is_available(), reason="this build of torch is of one process"),
]


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What both processes came to."""
    folder = tmp_path_factory.mktemp("shards")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "PYTHONPATH": path}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.kits.shardkit", str(folder)],
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)}, stderr=subprocess.PIPE,
        )
        for rank in range(2)
    ]  # fmt: skip
    said = [process.communicate(timeout=240)[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    return [torch.load(Path(folder) / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.mark.parametrize("name", TEACHERS)
def test_two_processes_learn_what_one_does(together: list[dict[str, Any]], name: str) -> None:
    alone = taught(None, TEACHERS[name])
    first, second = (result[name] for result in together)
    assert first["losses"] == second["losses"] == pytest.approx(alone["losses"], rel=1e-5)
    for parameter, weight in alone["weights"].items():
        assert torch.allclose(first["weights"][parameter], weight, rtol=1e-5, atol=1e-7), parameter
    assert first["shares"] == pytest.approx(alone["shares"], rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("number", range(len(APOLLOS)))
def test_a_matrix_in_shards_is_updated_as_a_whole_one(together: list[dict[str, Any]], number: int) -> None:
    alone = stepped(None, APOLLOS[number])
    for result in together:
        for part, whole in zip(result["apollo"][number], alone, strict=True):
            assert torch.allclose(part, whole, rtol=1e-9, atol=1e-12), tuple(whole.shape)


def test_what_is_not_finite_on_one_process_stops_both(together: list[dict[str, Any]]) -> None:
    assert [result["broken"] for result in together] == [(True, True)] * 2


def test_too_few_scenes_for_the_processes_are_refused(together: list[dict[str, Any]]) -> None:
    assert together[0]["refused"] == "--scenes 1: 2 processes need 2 scenes a step; raise it"


def test_alone_nothing_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined("cpu") as ranks:
        assert ranks is None
