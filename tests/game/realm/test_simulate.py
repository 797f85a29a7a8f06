"""Runs without a window: what they write, what they refuse before any work, and how they end."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgpack
import pytest

from common.files import OutputError
from common.numbers import SEED_MAX
from common.processes import WORKERS_MAX
from game.realm import simulate as runs
from game.realm.replay import ACTIONS_MAX, LARGEST_FILE, TICKS_MAX, ActionLog
from game.realm.simulate import SimulateConfig, relive, simulate
from game.realm.world import new_world

ROOT = Path(__file__).resolve().parents[3]
WRITERS = ("scenes", "save_replay")


def fails(*arguments, **named):
    raise AssertionError("work was begun")


@pytest.mark.parametrize("seed", [-1, SEED_MAX + 1, 2**64])
def test_a_seed_that_no_log_can_hold_is_refused_before_any_work(seed, monkeypatch):
    monkeypatch.setattr(runs, "new_world", fails)
    for begin in (lambda: simulate(SimulateConfig(9, seed)), lambda: new_world(seed)):
        with pytest.raises(ValueError, match=f"seed {seed}: must lie between 0 and {SEED_MAX}"):
            begin()


def test_the_last_seed_is_simulated_saved_and_lived_through_again(tmp_path):
    result = simulate(SimulateConfig(50, SEED_MAX, save_replay=tmp_path / "a.replay"))
    assert relive(tmp_path / "a.replay")["state_hash"] == result["state_hash"]
    with pytest.raises(ValueError, match=f"seed {SEED_MAX + 1}: must lie between"):
        simulate(SimulateConfig(9, SEED_MAX, workers=2))


@pytest.mark.parametrize("hour", [-1.0, 24.5, float("nan"), float("inf")])
def test_an_hour_that_no_day_has_is_refused(hour):
    with pytest.raises(ValueError, match="must lie between 0 and 24"):
        new_world(1, start_hour=hour)


@pytest.mark.parametrize(("ticks", "workers"), [(0, 1), (TICKS_MAX + 1, 1), (9, 0), (9, WORKERS_MAX + 1), (9, 100_000)])
def test_numbers_out_of_bounds_are_refused_before_any_work(ticks, workers, monkeypatch):
    monkeypatch.setattr(runs, "run_jobs", fails)
    monkeypatch.setattr(runs, "new_world", fails)
    with pytest.raises(ValueError, match="must lie between 1 and"):
        simulate(SimulateConfig(ticks, workers=workers))


@pytest.mark.parametrize("writer", WRITERS)
def test_a_folder_is_refused_before_any_work_and_nothing_is_left(writer, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "new_world", fails)
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to("out")
    for name in ("out", "link", "no/such/folder/file"):
        with pytest.raises(OutputError, match="folder"):
            simulate(SimulateConfig(9, **{writer: tmp_path / name}))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "out"]
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("writer", WRITERS)
def test_a_link_is_written_through(writer, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to("there/file")
    simulate(SimulateConfig(9, **{writer: tmp_path / "link"}))
    assert (tmp_path / "link").is_symlink() and not (tmp_path / "there" / "file").is_symlink()
    assert len((tmp_path / "there" / "file").read_bytes()) > 100
    assert len(list(tmp_path.iterdir())) == 2 and len(list((tmp_path / "there").iterdir())) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
@pytest.mark.parametrize("writer", WRITERS)
def test_a_fifo_is_streamed_into_and_stays_one(writer, tmp_path):
    fifo, received = tmp_path / "fifo", []
    os.mkfifo(fifo)
    reader = threading.Thread(target=lambda: received.append(fifo.read_bytes()), daemon=True)
    reader.start()
    simulate(SimulateConfig(20, **{writer: fifo}))
    reader.join(10)
    assert fifo.is_fifo() and [path.name for path in tmp_path.iterdir()] == ["fifo"]
    simulate(SimulateConfig(20, **{writer: tmp_path / "file"}))
    assert received == [(tmp_path / "file").read_bytes()]


def test_two_outputs_on_one_file_are_refused(tmp_path):
    (tmp_path / "link").symlink_to("file")
    with pytest.raises(ValueError, match=r"--save-replay .*: --scenes is written there"):
        simulate(SimulateConfig(9, scenes=tmp_path / "file", save_replay=tmp_path / "link"))
    assert [path.name for path in tmp_path.iterdir()] == ["link"]


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_is_one_line_and_leaves_what_was_there(writer, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "file").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="file: the disk is full; free some space") as caught:
        simulate(SimulateConfig(9, **{writer: tmp_path / "file"}))
    assert "\n" not in str(caught.value) and caught.value.errno == errno.ENOSPC
    assert (tmp_path / "file").read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("writer", WRITERS)
def test_an_interrupted_run_leaves_what_was_there(writer, tmp_path, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    (tmp_path / "file").write_bytes(b"old")
    monkeypatch.setattr(runs, "describe", interrupted)
    with pytest.raises(KeyboardInterrupt):
        simulate(SimulateConfig(9, **{writer: tmp_path / "file"}))
    assert (tmp_path / "file").read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_a_log_too_long_to_be_read_again_is_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "new_world", fails)
    with pytest.raises(ValueError, match="a log holds at most 10000000 ticks"):
        simulate(SimulateConfig(ACTIONS_MAX + 1, save_replay=tmp_path / "a.replay"))
    last = (ACTIONS_MAX - 1, (("move", -1, -1),))
    assert len(msgpack.packb(last)) * ACTIONS_MAX < LARGEST_FILE - 1000


def test_scenes_are_lines_of_json(tmp_path):
    simulate(SimulateConfig(50, scenes=tmp_path / "scenes.jsonl"))
    assert [json.loads(line)["id"] for line in (tmp_path / "scenes.jsonl").read_text().splitlines()] == list(
        range(5, 51, 5)
    )


def test_a_replay_that_is_no_plain_file_of_this_size_is_one_line(tmp_path):
    with pytest.raises(ValueError, match="larger than"):
        ActionLog.load(Path("/dev/zero"))
    with pytest.raises(ValueError, match="cannot be read"):
        ActionLog.load(tmp_path)


def children(parent: int) -> list[int]:
    """The processes that a process began (Linux)."""
    return [int(number) for number in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("early", [False, True], ids=["at work", "just begun"])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_however_a_run_ends_its_workers_end_with_it(number, status, early):
    if early and number == signal.SIGKILL:
        pytest.skip("nobody can answer that")
    command = [sys.executable, str(ROOT / "main.py"), "simulate", "--workers", "2", "--ticks", "9000000"]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    try:
        until = time.monotonic() + 60
        wanted = 2 if early else 3  # one that is always there: multiprocessing's resource tracker
        while len(workers := children(run.pid)) < wanted and time.monotonic() < until:
            time.sleep(0.01)
        assert len(workers) >= wanted and run.poll() is None
        time.sleep(0 if early else 0.5)
        if number == signal.SIGINT:
            os.killpg(run.pid, number)  # Ctrl-C reaches every process of a terminal
        else:
            run.send_signal(number)
        out, err = run.communicate(timeout=60)
        while any(map(alive, workers)) and time.monotonic() < until:
            time.sleep(0.05)
        assert not any(map(alive, workers)), "orphans"
        said = b"main.py simulate: stopped\n" if number == signal.SIGINT else b""
        assert (run.returncode, out, err) == (status, b"", said)
    finally:
        run.kill()
