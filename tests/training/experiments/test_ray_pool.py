"""Runs on a real Ray cluster of two nodes: a node and a worker killed in mid-run, and the same files as without Ray."""

import errno
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from common.files import OutputError
from perception.model import save
from tests.kits import minds
from tests.kits.experimentkit import small, steps_of
from tests.kits.raykit import GO, broken, wait_for_go
from tests.kits.sources import ROOT
from tests.training.experiments.test_pool import alive
from training.behaviours import sight as sight_behaviour
from training.experiments import few, ray_cluster, ray_pool, run
from training.experiments.away import away
from training.experiments.pool import LocalPool, RunJob
from training.experiments.ray_cluster import slots
from training.experiments.ray_config import RayConfig
from training.experiments.ray_pool import RayPool, receive
from training.experiments.run import run_experiment
from training.headlog.log import read_log

pytest.importorskip("ray")
ONE = run.one


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """A cluster of two nodes with one CPU each, on loopback; nothing of it in the home folder."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (ray_cluster.QUIET | ray_cluster.ALONE | {"RAY_AUTH_MODE": "disabled"}).items():
            patch.setenv(name, value)
        home = tmp_path_factory.mktemp("home")
        patch.setenv("HOME", str(home))
        from ray.cluster_utils import Cluster

        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        second = cluster.add_node(num_cpus=1)
        yield cluster, second
        cluster.shutdown()
        assert list(home.iterdir()) == []


@pytest.fixture
def config(nodes, monkeypatch):
    monkeypatch.setattr(ray_pool, "commit", lambda: "")  # none is wanted: somebody may commit while the tests run
    return RayConfig(ray=nodes[0].address, ray_cpus=1)


def jobs_in(folder: Path, marks: Path, count: int) -> list[RunJob]:
    return [RunJob("arm", f"seed-{n}", wait_for_go, folder / f"seed-{n}", (marks,)) for n in range(count)]


@pytest.mark.slow
def test_a_killed_worker_costs_one_retry_and_no_result(config, tmp_path):
    marks = tmp_path / "dies"
    marks.mkdir()
    (marks / GO).write_text("")
    seen: list[tuple[str, str]] = []
    done: list[int] = []
    RayPool(config, 1, lambda job, state, more: seen.append((job.name, state)))(
        jobs_in(tmp_path / "out", marks, 5), done.append
    )
    assert [state for _, state in seen].count("lost") == 1
    assert sorted(name for name, state in seen if state == "done") == [f"seed-{n}" for n in range(5)]
    assert done == [1, 2, 3, 4, 5]
    assert sorted(path.read_text() for path in (tmp_path / "out").rglob("*") if path.is_file()) == ["whole"] * 5
    (marks / "died").unlink()
    with pytest.raises(ValueError, match="the run lost its worker 1 times .*; what is finished stays"):  # noqa: RUF043
        RayPool(replace(config, ray_retries=0))(jobs_in(tmp_path / "again", marks, 1), done.append)
    assert not (tmp_path / "again").exists()


def real(folder: Path, *arguments: Any) -> None:
    """A training without probes of new pairs, which take longer to find than all else here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sight_behaviour, "new_pair_probes", lambda *arguments: [])
        ONE(folder, *arguments)


def timeless(value: Any) -> Any:
    """The same without times."""
    if isinstance(value, dict):
        times = ("seconds", "steps_per_s", "created")
        return {key: timeless(item) for key, item in value.items() if key not in times}
    return [timeless(item) for item in value] if isinstance(value, list | tuple) else value


@pytest.mark.slow
def test_a_sweep_goes_on_after_a_fault_and_leaves_the_same_files_as_without_ray(config, tmp_path, monkeypatch):
    save(minds.tiny(), tmp_path / "model")
    plan = replace(small(few.EXPERIMENT, tmp_path / "model", seeds=(0,)), score=steps_of).only("scenes-64")
    monkeypatch.setattr(run, "one", broken)
    with pytest.raises(ValueError, match="this run can't be"):
        run_experiment(plan, tmp_path / "ray", pool=RayPool(config))
    assert [path.name for path in (tmp_path / "ray").rglob("*")] == ["experiment.json"]
    monkeypatch.setattr(run, "one", real)
    scores = [
        run_experiment(plan, tmp_path / name, pool=pool)["score"]
        for name, pool in (("ray", RayPool(config)), ("local", LocalPool(1)))
    ]
    assert scores[0] == scores[1] == {"scenes-64/0": 2}
    for name in ("ray", "local"):
        assert sorted(path.name for path in (tmp_path / name / "scenes-64" / "seed-0").iterdir()) == [
            "log.msgpack", "result.json"
        ]  # fmt: skip
    monkeypatch.setattr(run, "one", broken)
    assert run_experiment(plan, tmp_path / "ray", pool=RayPool(config))["score"] == scores[0], "nothing is done again"
    folders = [tmp_path / name / "scenes-64" / "seed-0" for name in ("ray", "local")]
    logs = [read_log(folder / "log.msgpack") for folder in folders]
    one, other = (timeless(msgspec.to_builtins([log.header, *log.records])) for log in logs)
    assert one == other
    one, other = (timeless(json.loads((folder / "result.json").read_text()) | {"files": 0}) for folder in folders)
    assert one == other


def test_a_cluster_without_room_is_one_line(monkeypatch):
    class Ray:
        @staticmethod
        def nodes():
            return [{"Alive": True, "Resources": {"CPU": 4.0}}]

    monkeypatch.setattr(ray_pool, "ROOM", 0.0)
    room = ray_pool._Room(Ray, RayConfig(ray="local", ray_cpus=64))
    assert room.count(busy=True) == 0, "runs under way may end on nodes that are gone by then"
    with pytest.raises(ValueError, match="no node has 64 CPUs and 0 GPUs for a run; lower --ray-cpus"):
        room.count(busy=False)
    assert ray_pool._Room(Ray, RayConfig(ray="local", ray_cpus=2)).count(busy=False) == 2


def test_a_node_with_another_commit_refuses():
    with pytest.raises(ValueError, match="not another as this command; install the same"):
        away(broken, (), "another", False)


@pytest.mark.slow
def test_a_node_killed_in_mid_run_costs_no_result(nodes, config, tmp_path):
    cluster, second = nodes
    marks = tmp_path / "marks"
    marks.mkdir()
    seen: list[str] = []

    def kill() -> None:
        while len(list(marks.iterdir())) < 2:  # a run on each node
            time.sleep(0.02)
        cluster.remove_node(second, allow_graceful=False)
        while all(alive(int(mark.name.split("-")[1])) for mark in marks.iterdir()):
            time.sleep(0.02)  # a worker may outlive its node for a moment
        (marks / GO).write_text("")

    killer = threading.Thread(target=kill)
    killer.start()
    RayPool(config, 1, lambda job, state, more: seen.append(state))(
        jobs_in(tmp_path / "out", marks, 4), lambda done: None
    )
    killer.join()
    assert seen.count("lost") == 1 and seen.count("done") == 4
    assert len(list((tmp_path / "out").rglob("result.json"))) == 4
    assert len(list(marks.iterdir())) == 5 + 1, "four runs, one of them twice"


TWICE = """
import sys
from pathlib import Path
from tests.kits.raykit import GO, wait_for_go
from training.experiments.pool import RunJob
from training.experiments.ray_config import RayConfig
from training.experiments.ray_pool import RayPool
if __name__ == "__main__":
    out = Path(sys.argv[1])
    (out / GO).write_text("")
    for number in range(2):
        RayPool(RayConfig(ray="local"), 1)([RunJob("a", "s", wait_for_go, out / f"run-{number}", (out,))], print)
"""


@pytest.mark.slow
def test_a_process_begins_one_cluster_after_another_and_nothing_of_them_stays(tmp_path):
    out, home, temporary = tmp_path / "out", tmp_path / "home", Path(tempfile.mkdtemp(prefix="t-"))
    out.mkdir()
    home.mkdir()
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment = kept | {"PYTHONPATH": path, "HOME": str(home), "TMPDIR": str(temporary)}
    done = subprocess.run(
        [sys.executable, "-c", TWICE, str(out)], env=environment, capture_output=True, text=True, timeout=240, cwd=ROOT
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n1\n", "")
    assert [path.read_text() for path in sorted(out.glob("run-*/result.json"))] == ["whole", "whole"]
    assert list(home.iterdir()) == [] and list(temporary.iterdir()) == []
    temporary.rmdir()


def test_room_counts_living_nodes_and_fractions_of_one_gpu():
    two, dead = {"Alive": True, "Resources": {"CPU": 2.0, "GPU": 2.0}}, {"Alive": False, "Resources": {"CPU": 8.0}}
    assert slots([two, dead], RayConfig(ray="local")) == 2
    assert slots([two, two], RayConfig(ray="local", ray_cpus=0.5)) == 8
    assert slots([two], RayConfig(ray="local", ray_cpus=0.1, ray_gpus=0.3)) == 6
    assert slots([two], RayConfig(ray="local", ray_cpus=0.1, ray_gpus=2)) == 1
    assert slots([two], RayConfig(ray="local", ray_cpus=0.1)) == 20


def test_an_address_is_refused_in_one_line(monkeypatch):
    with socket.socket() as quiet:
        quiet.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{quiet.getsockname()[1]}"
        with pytest.raises(ValueError, match=r"nobody answers .*; ray start --head begins a cluster"):
            RayConfig(ray=address).check()
        quiet.listen()
        RayConfig(ray=address).check()
        monkeypatch.setattr(ray_cluster, "PROBE", 2.0)
        with pytest.raises(ValueError, match="something answers, but it is no Ray cluster"):
            RayPool(RayConfig(ray=address))([], lambda done: None)
    with pytest.raises(ValueError, match="--ray anywhere: not an address"):
        RayConfig(ray="anywhere").check()
    with pytest.raises(ValueError, match="--ray tls://h:1: Ray takes no tls://; give HOST:PORT"):
        RayConfig(ray="tls://h:1").check()
    with pytest.raises(ValueError, match="are for --ray; give --ray local"):
        RayConfig(ray_gpus=0.5).check()
    with pytest.raises(ValueError, match="above 1 it must be a whole number"):
        RayConfig(ray="local", ray_gpus=1.5).check()


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    def full(path: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    receive({"result.json": b"old"}, tmp_path / "out" / "seed-0")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OutputError, match="the disk is full"):
            receive({"result.json": b"new"}, tmp_path / "out" / "seed-0")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["seed-0"]
    assert (tmp_path / "out" / "seed-0" / "result.json").read_bytes() == b"old"
    with pytest.raises(ValueError, match="sent a file called"):
        receive({"../x": b""}, tmp_path / "out" / "seed-1")
    assert not (tmp_path / "out" / "x").exists()
