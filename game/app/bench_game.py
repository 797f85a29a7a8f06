"""Speeds of the game: the cost of a frame, the time to the first one, the time of a save, and the memory.

Frames are timed in CPU time of this thread, so that a busy machine doesn't matter. A save waits for the disk, so it is
timed by the clock. SDL's dummy driver is used, so that no graphics card helps.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pygame as pg

from game.art.frame_state import Body, FrameState, Ghost, Hint, haunt
from game.art.painter import SIZE, Painter
from game.journey.save_slots import AutoSave
from game.realm.land import Place
from game.realm.policy import RandomPolicy
from game.realm.replay import ActionLog
from game.realm.step import step
from game.realm.world import World, new_world

FRAMES = 300
WARM = 40  # frames before one counts: caches fill in the first seconds of play
BASE = "frame-p50"
SCALE = 2  # the window is 1280 x 720
SAVED = 18_000  # ticks of the walk that is saved: ten minutes
SAVES = 5
MEGABYTE = 1 << 20


def rows(seed: int = 0) -> list[dict[str, object]]:
    """One row per figure: {"name", "value", "unit", "baseline", "ratio", "at_most"}, asked: value <= at_most.

    ratio: to the row "frame-p50", a walk by day; "busy" is the busiest scene, "idle" what goes on between frames. Opens
    the dummy display if none is open.
    """
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    if not pg.display.get_surface():
        pg.display.init()
    window = pg.display.set_mode((SIZE[0] * SCALE, SIZE[1] * SCALE))
    frame = pg.Surface(SIZE).convert()
    world = new_world(seed)
    started = time.thread_time()
    painter = Painter(world.map)
    painter.paint(frame, _frame_state(world, world.map.start, 0.0))
    first = time.thread_time() - started
    pieces = _timed(lambda: painter.advance(0.002), until=lambda ready: not ready)
    frames = {name: _frames(painter, frame, window, frame_states) for name, frame_states in _scenes(world).items()}
    usual = _percentile(frames["frame"], 50)
    table = []
    for name, times in frames.items():
        table.append(_row(f"{name}-p50", _percentile(times, 50), usual, 5))
        table.append(_row(f"{name}-p99", _percentile(times, 99), usual, 9))
    table.append(_row("first-frame", 1000 * first, usual, 1000))
    table.append(_row("idle-p99", _percentile(pieces, 99), usual, 9))
    table.append(_row("save", _save(seed), usual, 50))
    whole = memory() / MEGABYTE
    return [*table, _row("memory", whole, whole, 250) | {"unit": "MiB", "baseline": "memory"}]


def memory() -> int:
    """Bytes of memory that this process holds now; 0 where the system doesn't tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _row(name: str, value: float, against: float, most: float) -> dict[str, object]:
    ratio = round(value / against, 3) if against else None
    return {"name": name, "value": round(value, 2), "unit": "ms", "baseline": BASE, "ratio": ratio, "at_most": most}


def _save(seed: int) -> float:
    """ms, median: a walk of SAVED ticks is written over the one before, which becomes its backup."""
    world, policy, log = new_world(seed), RandomPolicy(seed), ActionLog(seed)
    for _ in range(SAVED):
        actions = policy(world)
        step(world, actions)
        log.append(actions)
    with tempfile.TemporaryDirectory() as folder:
        autosave, times = AutoSave(Path(folder)), []
        for _ in range(SAVES + 1):
            started = time.perf_counter()
            autosave.close(log)
            times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times[1:])  # the first had nothing to back up


def _timed(work: Callable[[], bool], until: Callable[[bool], bool]) -> list[float]:
    """ms of each call, until one is the last."""
    times = []
    while True:
        started = time.thread_time()
        result = work()
        times.append(1000 * (time.thread_time() - started))
        if until(result):
            return times


def _frames(painter: Painter, frame: pg.Surface, window: pg.Surface, frame_states: Iterator[FrameState]) -> list[float]:
    """ms of each frame of a scene, scaled to the window."""
    times = []
    for count, frame_state in enumerate(frame_states):
        started = time.thread_time()
        painter.paint(frame, frame_state)
        pg.transform.scale(frame, window.get_size(), window)
        if count >= WARM:
            times.append(1000 * (time.thread_time() - started))
    return times


def _percentile(times: list[float], part: int) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, len(ordered) * part // 100)]


def _scenes(world: World) -> dict[str, Iterator[FrameState]]:
    """Scenes to time: a plain walk by day, and the busiest one, where everything happens at once."""
    places = world.map.places
    busiest = max(places, key=lambda place: sum(_near(place, other) for other in places if place.room < 0))
    start = world.map.start
    return {
        "frame": (_frame_state(world, (start[0] + step // 2, start[1]), step / 60) for step in range(FRAMES + WARM)),
        "busy": (_busy(world, busiest, step) for step in range(FRAMES + WARM)),
    }


def _near(place: Place, other: Place) -> bool:
    return abs(place.x - other.x) < 300 and abs(place.y - other.y) < 160


def _frame_state(world: World, at: tuple[int, int], seconds: float) -> FrameState:
    return FrameState(12.0, "clear", seconds, Body("player", *at, "e", True))


def _busy(world: World, middle: Place, step: int) -> FrameState:
    """Night and rain, eight spirits in every state of belief, twenty-four folk, a trace for every sense everywhere."""
    seconds = step / 60
    near = [place for place in world.map.places if _near(middle, place)]
    kinds = ("seer", "smith", "fisher", "weaver", "cook", "priest", "owl", "heron", "badger", "cat", "fox", "miko")
    bodies = tuple(
        Body(kinds[k % 12], middle.x - 250 + 43 * (k % 12), middle.y - 90 + 70 * (k // 12), "swne"[k % 4], True)
        for k in range(24)
    )
    species = ("kitsune", "tengu", "kodama", "yurei", "oni", "zashiki")
    ghosts = tuple(
        Ghost(place.index, *haunt(place), species[k % 6], min(1.0, (step + 40 * k) % 400 / 300), k == 5)
        for k, place in enumerate(near[:8])
    )
    senses = (("track", "pawprint"), ("glimpse", "feather"), ("hear", "hum"), ("feel", "chill"))
    hints = tuple(Hint(place.x, place.y, *sense) for place in near[:8] for sense in senses)
    player = Body("player", middle.x + step // 2 - 80, middle.y + 40, "e", True)
    return FrameState(22.5, "rain", seconds, player, bodies, ghosts, hints, attend=0.8, flood=1.0)
