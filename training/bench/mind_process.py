"""`main.py bench mind`: a mind process that practises while it is asked to perceive, as in play (one torch thread)."""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from game.realm.rules import load as load_rules
from perception.messages import FromMind, Perceive, Percept, Practise, Progress, Quit, Ready, Teach
from perception.wire import Stream
from training.bench.timing import Row, row
from training.data.lessons import generated

COMMAND = Path(__file__).resolve().parents[2] / "main.py"  # as a checkout and an installed package have it
SECONDS = 20.0
PATIENCE = 30.0  # s that a mind has to save and end


def mind(model: str, seed: int) -> list[Row]:
    """Percepts while practising: median and 99th percentile of the answer's delay (ms), percepts/s, steps/s."""
    with _mind(model, seed) as line:
        delays, steps = _converse(line, seed)
        line.send(Quit())
    if not delays:
        raise ValueError(f"bench mind: no percept came within {SECONDS:g} s; try again on a machine that is less busy")
    median, worst = statistics.median(delays), sorted(delays)[int(len(delays) * 0.99)]
    rate, speed = len(delays) / SECONDS, steps / SECONDS
    return [
        row("percept-p50", 1000 * median, "ms", "percept-p50", 1000 * median),
        row("percept-p99", 1000 * worst, "ms", "percept-p50", 1000 * median),
        row("percepts", rate, "1/s", "percepts", rate),
        row("steps", speed, "1/s", "steps", speed),
    ]


@contextmanager
def _mind(model: str, seed: int) -> Iterator[Stream[FromMind]]:
    """The line to a mind in a process of its own, which ends with the block, however that ends.

    It is out of reach of the terminal's Ctrl-C: this process answers it, and ends the mind. If this process is killed,
    the mind's line breaks, and it ends by itself.
    """
    command = [sys.executable, str(COMMAND), "mind", "--model", model, "--device", "cpu", "--seed", str(seed)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True
    )
    line: Stream[FromMind] = Stream(process.stdout, process.stdin, FromMind)  # type: ignore[arg-type]
    try:
        yield line
        process.wait(PATIENCE)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        line.close()


def _converse(line: Stream[FromMind], seed: int) -> tuple[list[float], int]:
    """Teach 20 lessons, let it practise, and ask as soon as it has answered, for SECONDS."""
    ready = _until(line, Ready)
    lessons = generated(seed, 20, ready.tongue, load_rules())
    for lesson in lessons:
        line.send(Teach(lesson))
    line.send(Practise(True))
    delays: list[float] = []
    first = latest = 0
    end = time.perf_counter() + SECONDS
    sent_at = time.perf_counter()
    line.send(Perceive(lessons[0].scene))
    while time.perf_counter() < end:
        for message in line.receive() or ():
            if isinstance(message, Progress):
                latest = message.step
                first = first or latest
            elif isinstance(message, Percept):
                delays.append(time.perf_counter() - sent_at)
                sent_at = time.perf_counter()
                line.send(Perceive(lessons[len(delays) % len(lessons)].scene))
    return delays, latest - first


def _until(line: Stream[FromMind], kind: type[Ready]) -> Ready:
    while (messages := line.receive()) is not None:
        for message in messages:
            if isinstance(message, kind):
                return message
    raise ValueError("bench mind: the mind ended before it was ready; run main.py mind to see why")
