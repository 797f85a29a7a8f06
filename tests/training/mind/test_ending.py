"""How a mind ends: with its game, however that ends, and with a signal; it saves, and has its folder for itself."""

import os
import signal
import subprocess
import sys
import threading
import time
from io import FileIO
from pathlib import Path

import msgspec
import pytest
import torch

from common.locks import FolderInUse, hold
from common.processes import Terminated
from perception.messages import FromMind, Practise, Progress, Quit, Ready, Teach, ToMind, Trouble
from perception.wire import Stream
from tests.kits.minds import tiny
from tests.training.mind.test_mind import LESSONS, awake, few_probes
from training.mind import serve as serving
from training.mind.mind_store import JOURNAL, WEIGHTS
from training.mind.practice_record import PRACTICE
from training.mind.serve import serve_stream

torch.set_num_threads(1)
__all__ = ["few_probes"]  # a fixture of every test here, too
ROOT = Path(__file__).parents[3]


def served(folder, play):
    """Serve a mind in this thread, and play with it in another: play(line)."""
    (mind_reads, game_writes), (game_reads, mind_writes) = os.pipe(), os.pipe()
    mine, its = (
        Stream(FileIO(reads, "rb"), FileIO(writes, "wb"), kind)
        for reads, writes, kind in ((mind_reads, mind_writes, ToMind), (game_reads, game_writes, FromMind))
    )
    game = threading.Thread(target=play, args=(its,))
    game.start()
    try:
        serve_stream(mine, tiny(), folder, 0, 0)
    finally:
        game.join(60)
        assert not game.is_alive()
        its.close()  # the thread that listens to it ends
        for thread in threading.enumerate():
            if thread.name == "the game's words":
                thread.join(60)
        mine.close()


def until(line, kind, heard=lambda message: True):
    while (messages := line.receive()) is not None:
        for message in messages:
            if isinstance(message, kind) and heard(message):
                return message
    raise AssertionError(f"no {kind}")


@pytest.mark.parametrize(("number", "raised"), [("SIGTERM", Terminated), ("SIGINT", KeyboardInterrupt)])
def test_a_signal_ends_it_in_mid_practice_and_it_saves(tmp_path, number, raised):
    def play(line):
        line.send(Teach(LESSONS[0]))
        line.send(Practise(True))
        until(line, Progress, lambda progress: progress.step >= 2)
        os.kill(os.getpid(), getattr(signal, number))

    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
    with pytest.raises(raised) as caught:
        served(tmp_path, play)
    assert type(caught.value) is raised
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)] == before
    again = awake(tmp_path)
    assert (again.teacher.steps >= 2, again.teacher.journal.lessons) == (True, [LESSONS[0]])
    assert sorted(path.name for path in tmp_path.iterdir() if ".bak" not in path.name) == [JOURNAL, PRACTICE, WEIGHTS]


def test_two_minds_never_share_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(serving, "LOCK_WAIT", 0.0)

    def play(line):
        until(line, Ready)
        with pytest.raises(FolderInUse):
            hold(tmp_path, "mind")
        line.send(Quit())

    served(tmp_path, play)
    with hold(tmp_path, "mind"), pytest.raises(FolderInUse, match="in use by another program") as caught:
        serve_stream(None, tiny(), tmp_path, 0, 0)
    assert "\n" not in str(caught.value)


def test_a_damaged_mind_is_said_to_the_game_and_on_stderr_once(tmp_path, capfd):
    for lesson in LESSONS[:2]:
        mind = awake(tmp_path)
        mind.handle(Teach(lesson))
    (tmp_path / WEIGHTS).write_bytes(bytes(1000))
    (tmp_path / JOURNAL).write_bytes(bytes(1000))
    said = []

    def play(line):
        said.append(until(line, Trouble).text)
        line.send(Quit())

    served(tmp_path, play)
    assert said[0].startswith("The mind goes on with the weights of step 0: weights.safetensors cannot be read (")
    lines = capfd.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines if line.startswith("The mind")] == [
        "The mind goes on with the weights of step 0",
        "The mind goes on with 1 lessons",
    ]
    assert awake(tmp_path).notes == []


MIND = """
from tests.kits.minds import tiny
from training.mind import self_measurement
from training.mind.serve import serve_stream
from perception.wire import standard_stream
from pathlib import Path
import sys
line = standard_stream()
self_measurement.LIVE_PROBES = 6
serve_stream(line, tiny(), Path(sys.argv[1]), 0, 0)
"""
PARENT = """
import subprocess, sys, time
from perception.messages import FromMind, Practise, Progress, Teach
from perception.link import Link
import msgspec
from perception.messages import Lesson
lesson = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Lesson)
line = Link([sys.executable, "-c", sys.argv[2], sys.argv[1]])
line.start()
line.send(Teach(lesson))
line.send(Practise(True))
while True:
    for message in line.poll():
        if isinstance(message, Progress) and message.step >= 2:
            print(line._life._process.pid, flush=True)
    time.sleep(0.01)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
def test_a_mind_ends_and_saves_when_its_game_is_killed(tmp_path):
    command = [sys.executable, "-c", PARENT, str(tmp_path), MIND]
    game = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    assert game.stdin and game.stdout
    game.stdin.write(msgspec.msgpack.encode(LESSONS[0]))
    game.stdin.close()
    mind = int(game.stdout.readline())
    game.kill()
    game.stdout.close()
    game.wait()
    with hold(tmp_path, "mind", wait=60.0):  # it lets go of its folder when it has saved
        assert awake(tmp_path).teacher.steps >= 2
    while alive(mind):
        time.sleep(0.05)


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text(encoding="utf-8")  # nobody reaps it here
