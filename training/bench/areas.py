"""Speeds, side by side in one run: `main.py bench AREA`. Never asserted in CI; ratios are to the area's baseline row.

realm: the world without window or torch. perceive: packed against one forward per question. mind: a mind process
that practises while it is asked to perceive, as in play (one torch thread). frozen and optimizers: what a step of
training takes, recorder and log: what measuring takes, in modules of their own. Those of ELSEWHERE take `--device`.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import torch

from game.realm import sampler
from game.realm.policy import RandomPolicy
from game.realm.rules import load as load_rules
from game.realm.scene import describe
from game.realm.step import step
from game.realm.world import new_world
from perception.language import answer_tokens, context_tokens, question_tokens
from perception.messages import (
    FromMind,
    Perceive,
    Percept,
    Practise,
    Progress,
    Question,
    Quit,
    Ready,
    Scene,
    Teach,
)
from perception.model import Model, choose_device, load
from perception.perceive import perceive, slowly
from perception.wire import Stream
from training.data.lessons import generated

Row = dict[str, Any]
Work = Callable[[], object]
CPU = torch.device("cpu")
MIND_SECONDS = 20.0
PERCEIVED = 7  # rounds


def row(name: str, value: float, unit: str, baseline: str, against: float) -> Row:
    """One line of the table; ratio = value / the baseline row's value."""
    return {"name": name, "value": value, "unit": unit, "baseline": baseline, "ratio": value / against}


def finish(device: torch.device) -> None:
    """Wait until a device has done what it was told: a GPU's call returns before its work is over."""
    if device.type != "cpu":
        getattr(torch, device.type).synchronize()


def in_turns(works: dict[str, Work], rounds: int, device: torch.device = CPU) -> dict[str, float]:
    """Median milliseconds of each on `device`; one call each to warm up, then all of them once a round."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            finish(device)
            began = time.perf_counter()
            work()
            finish(device)
            if number:
                times[name].append(1000 * (time.perf_counter() - began))
    return {name: statistics.median(found) for name, found in times.items()}


def _seconds(work: Callable[[], object], repeats: int) -> float:
    """Median wall seconds of one call, on the CPU."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def realm(model: str, seed: int) -> list[Row]:
    """ticks/s (every actor moves, one policy action), scenes/s, resets/s."""
    world, policy = new_world(seed), RandomPolicy(seed)

    def ticks() -> None:
        for _ in range(1000):
            step(world, policy(world))

    def scenes() -> None:
        for _ in range(200):
            describe(world)

    tick, scene = 1000 / _seconds(ticks, 15), 200 / _seconds(scenes, 15)
    reset = 1 / _seconds(lambda: new_world(seed), 31)
    return [
        row("ticks", tick, "1/s", "ticks", tick),
        row("scenes", scene, "1/s", "ticks", tick),
        row("reset", reset, "1/s", "ticks", tick),
    ]


def perceiving(model: str, seed: int, device: torch.device = CPU) -> list[Row]:
    """Milliseconds to answer all questions of a scene of eight places, mean of five scenes.

    one-by-one: one forward for each question, all its one-token candidates read off the last row. every-candidate: one
    for each candidate, as answers of several tokens need (`slowly`). packed: one context, all questions, heads
    recorded, as in play; unrecorded: the same without the record.
    """
    mind = load(model, device)
    stream = sampler.samples(seed, "bench", mind.tongue, load_rules())
    scenes = list(islice((s.view.scene for s in stream if len(s.answers) == 8), 5))
    ways: dict[str, Callable[[Scene], object]] = {
        "one-by-one": lambda scene: [_believed(mind, scene, asked) for asked in scene.questions],
        "packed": lambda scene: perceive(mind, [scene]),
        "unrecorded": lambda scene: perceive(mind, [scene], record=False),
        "every-candidate": lambda scene: slowly(mind, scene),
    }
    works: dict[str, Work] = {name: lambda w=way: [w(scene) for scene in scenes] for name, way in ways.items()}  # type: ignore[misc]
    ms = {name: taken / len(scenes) for name, taken in in_turns(works, PERCEIVED, device).items()}
    return [row(name, value, "ms", "one-by-one", ms["one-by-one"]) for name, value in ms.items()]


@torch.no_grad()
def _believed(mind: Model, scene: Scene, asked: Question) -> list[float]:
    """Beliefs by one whole forward; where a candidate has several tokens, by its first."""
    ids = [*context_tokens(mind.tokenizer, scene), *question_tokens(mind.tokenizer, asked)]
    logits_V = mind.net(torch.tensor([ids], device=mind.device), logits_to_keep=1).logits[0, -1]
    found = answer_tokens(mind.tokenizer, asked, asked.candidates)
    return list(logits_V[[tokens[0] for tokens in found]].cpu().double().softmax(-1).tolist())


def mind(model: str, seed: int) -> list[Row]:
    """Percepts while practising: median and 99th percentile of the answer's delay (ms), percepts/s, steps/s."""
    command = [sys.executable, "main.py", "mind", "--model", model, "--device", "cpu", "--seed", str(seed)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    line: Stream[FromMind] = Stream(process.stdout, process.stdin, FromMind)  # type: ignore[arg-type]
    delays, steps = _converse(line, seed)
    line.send(Quit())
    process.wait(timeout=30)
    line.close()
    median, worst = statistics.median(delays), sorted(delays)[int(len(delays) * 0.99)]
    rate, speed = len(delays) / MIND_SECONDS, steps / MIND_SECONDS
    return [
        row("percept-p50", 1000 * median, "ms", "percept-p50", 1000 * median),
        row("percept-p99", 1000 * worst, "ms", "percept-p50", 1000 * median),
        row("percepts", rate, "1/s", "percepts", rate),
        row("steps", speed, "1/s", "steps", speed),
    ]


def _converse(line: Stream[FromMind], seed: int) -> tuple[list[float], int]:
    """Teach 20 lessons, let it practise, and ask as soon as it has answered, for MIND_SECONDS."""
    heard = _until(line, Ready)
    lessons = generated(seed, 20, heard.tongue, load_rules())
    for lesson in lessons:
        line.send(Teach(lesson))
    line.send(Practise(True))
    delays: list[float] = []
    first = latest = 0
    end = time.perf_counter() + MIND_SECONDS
    asked = time.perf_counter()
    line.send(Perceive(lessons[0].scene))
    while time.perf_counter() < end:
        for message in line.receive() or ():
            if isinstance(message, Progress):
                latest = message.step
                first = first or latest
            elif isinstance(message, Percept):
                delays.append(time.perf_counter() - asked)
                asked = time.perf_counter()
                line.send(Perceive(lessons[len(delays) % len(lessons)].scene))
    return delays, latest - first


def _until(line: Stream[FromMind], kind: type[Ready]) -> Ready:
    while (messages := line.receive()) is not None:
        for message in messages:
            if isinstance(message, kind):
                return message
    raise ValueError("bench mind: the mind ended before it was ready; run main.py mind to see why")


def frozen(model: str, seed: int, device: torch.device = CPU) -> Sequence[Row]:
    """The context-frozen step against full backpropagation: see training/bench/frozen_step.py."""
    from training.bench.frozen_step import frozen

    return frozen(model, seed, device)


def optimizers(model: str, seed: int, device: torch.device = CPU) -> Sequence[Row]:
    """One step of each optimizer: see training/bench/optimizers.py."""
    from training.bench.optimizers import optimizers

    return optimizers(model, seed, device)


def recorder(model: str, seed: int) -> Sequence[Row]:
    """A forward with the recorder beside eager attention that returns its patterns: see training/bench/recorder.py."""
    from training.bench.recorder import recorder

    return recorder(model, seed)


def log(model: str, seed: int) -> Sequence[Row]:
    """Writing and reading a large head-diff log: see training/bench/recorder.py."""
    from training.bench.recorder import log

    return log(model, seed)


AREAS: dict[str, Callable[[str, int], Sequence[Row]]] = {
    "realm": realm,
    "mind": mind,
    "recorder": recorder,
    "log": log,
}


ELSEWHERE: dict[str, Callable[[str, int, torch.device], Sequence[Row]]] = {
    "perceive": perceiving,
    "frozen": frozen,
    "optimizers": optimizers,
}


def bench(area: str, model: str, seed: int, device: str = "auto") -> dict[str, Any]:
    """{area, device, rows: [{name, value, unit, baseline, ratio}]}; device: auto, cpu, cuda or mps.

    Raises ValueError for an unknown area, or for another device than the CPU where an area is about that.
    """
    if area in ELSEWHERE:
        where = choose_device(device)
        return {"area": area, "device": str(where), "rows": list(ELSEWHERE[area](model, seed, where))}
    if area not in AREAS:
        raise ValueError(f"bench {area}: unknown; choose {', '.join([*AREAS, *ELSEWHERE])}")
    if device not in ("auto", "cpu"):
        raise ValueError(f"--device {device}: bench {area} is about the CPU; only {', '.join(ELSEWHERE)} take another")
    return {"area": area, "device": "cpu", "rows": list(AREAS[area](model, seed))}
