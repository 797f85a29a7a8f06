"""Runs on a real Ray cluster of two nodes: a node and a worker killed in mid-run, and the same files as without Ray."""

import errno
import json
import os
import signal
import socket
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
from tests.kits.experimentkit import files_and_model, small, steps_of
from training.behaviours import sight as sight_behaviour
from training.config import LearnConfig
from training.experiments import few, ray_cluster, ray_pool, run
from training.experiments.plan import Arm, Experiment, settings
from training.experiments.pool import LocalPool, RunJob
from training.experiments.ray_cluster import slots
from training.experiments.ray_config import RayConfig
from training.experiments.ray_pool import RayPool, receive
from training.experiments.run import run_experiment
from training.headlog.log import read_log

pytest.importorskip("ray")
GO = "go"


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
def config(nodes):
    return RayConfig(ray=nodes[0].address, ray_cpus=1)


def wait_for_go(folder: Path, marks: Path) -> None:
    """A run that says where it is, and ends when it may; the one called seed-0 kills its worker the first time."""
    mark = marks / f"{time.time_ns()}-{os.getpid()}"
    mark.write_text("")
    if not (marks / GO).exists():
        while not (marks / GO).exists():
            time.sleep(0.02)
    if marks.name == "dies" and not (marks / "died").exists():
        (marks / "died").write_text("")
        os.kill(os.getpid(), signal.SIGKILL)
    folder.mkdir()
    (folder / "result.json").write_text("whole")


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


def at_once(folder: Path, arm: str, config: LearnConfig, base: int, leaves: str, present: dict[str, str]) -> None:
    """A run that costs nothing."""
    folder.mkdir(parents=True)
    (folder / "log.msgpack").write_text("log")
    content: dict[str, Any] = {"settings": settings(config), "result": {"steps": config.steps}, "commit": "c"}
    (folder / "result.json").write_text(json.dumps(content | {"rests_on": present, "files": {}}))


def broken(folder: Path, *arguments: Any) -> None:
    raise ValueError("this run can't be")


def test_an_experiment_goes_on_after_a_fault_and_finished_runs_stay(config, tmp_path, monkeypatch):
    model = files_and_model(tmp_path / "home") / "model"
    base = LearnConfig(model=str(model), steps=2, device="cpu")
    plan = Experiment("small", "a test", (Arm("a", base), Arm("b", replace(base, steps=3))), (0, 1), steps_of)
    monkeypatch.setattr(run, "one", broken)
    with pytest.raises(ValueError, match="^this run can't be$"):
        run_experiment(plan, tmp_path / "out", pool=RayPool(config))
    assert not list((tmp_path / "out").rglob("result.json"))
    monkeypatch.setattr(run, "one", at_once)
    result = run_experiment(plan, tmp_path / "out", pool=RayPool(config))
    assert result["score"] == {"a/0": 2, "a/1": 2, "b/0": 3, "b/1": 3}
    stamps = [path.stat().st_mtime_ns for path in sorted((tmp_path / "out").rglob("result.json"))]
    monkeypatch.setattr(run, "one", broken)
    assert run_experiment(plan, tmp_path / "out", pool=RayPool(config))["score"] == result["score"]
    assert [path.stat().st_mtime_ns for path in sorted((tmp_path / "out").rglob("result.json"))] == stamps


def real(folder: Path, *arguments: Any) -> None:
    """A training without probes of new pairs, which take longer to find than all else here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sight_behaviour, "new_pair_probes", lambda *arguments: [])
        run.one(folder, *arguments)


def timeless(value: Any) -> Any:
    """The same without times."""
    if isinstance(value, dict):
        times = ("seconds", "steps_per_s", "created")
        return {key: timeless(item) for key, item in value.items() if key not in times}
    return [timeless(item) for item in value] if isinstance(value, list | tuple) else value


@pytest.mark.slow
def test_a_run_leaves_the_same_files_as_without_ray(config, tmp_path):
    save(minds.tiny(), tmp_path / "model")
    plan = small(few.EXPERIMENT, tmp_path / "model", seeds=(0,)).only("scenes-64")
    present = run.Present(plan)
    arm = plan.arms[0]
    for pool, name in ((RayPool(config), "ray"), (LocalPool(1), "local")):
        arguments = (arm.name, arm.seeded(0), 0, "log", present.of(arm.config))
        pool([RunJob("a", "seed-0", real, tmp_path / name / "seed-0", arguments)], lambda done: None)
    logs = [read_log(tmp_path / name / "seed-0" / "log.msgpack") for name in ("ray", "local")]
    plain = [timeless(msgspec.to_builtins([log.header, *log.records])) for log in logs]
    assert plain[0] == plain[1]
    results = [json.loads((tmp_path / name / "seed-0" / "result.json").read_text()) for name in ("ray", "local")]
    assert timeless(results[0] | {"files": 0}) == timeless(results[1] | {"files": 0})
    names = [sorted(path.name for path in (tmp_path / name / "seed-0").iterdir()) for name in ("ray", "local")]
    assert names[0] == names[1] == ["log.msgpack", "result.json"]


def test_a_cluster_without_room_is_one_line(config, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_pool, "ROOM", 0.5)
    with pytest.raises(ValueError, match="no node has 64 CPUs and 0 GPUs for a run; lower --ray-cpus"):
        RayPool(replace(config, ray_cpus=64))(jobs_in(tmp_path / "out", tmp_path, 1), lambda done: None)


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
        with pytest.raises(ValueError, match="nobody answers .*; ray start --head begins a cluster"):
            RayConfig(ray=address).check()
        quiet.listen()
        RayConfig(ray=address).check()
        monkeypatch.setattr(ray_cluster, "PROBE", 2.0)
        with pytest.raises(ValueError, match="something answers, but it is no Ray cluster"):
            RayPool(RayConfig(ray=address))([], lambda done: None)
    with pytest.raises(ValueError, match="--ray anywhere: not an address"):
        RayConfig(ray="anywhere").check()
    with pytest.raises(ValueError, match="for --ray alone"):
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
    with pytest.raises(ValueError, match="sent a file called '../x'"):
        receive({"../x": b""}, tmp_path / "out" / "seed-1")
    assert not (tmp_path / "out" / "x").exists()
