"""What play costs by the clock while a mind practises beside it: frames a second, the slowest of them, CPU, memory.

The same window and the same keys; the bot walks about and attends all the while, so that the mind learns and is asked.
"""

import os
import time
from pathlib import Path
from random import Random

import pygame as pg

from game.app.app import MakeMind
from game.app.bench_game import MEGABYTE, memory
from game.journey.save_slots import SAVE_EVERY, Slots
from game.start import open_context, with_title
from tests.bots.hands import Bot

AWAKE_WITHIN = 180.0  # s
LATE = 1.5 / 60  # s: a frame that took so long came a whole frame too late
WARM = 3.0  # s before anything counts


def measure(make: MakeMind, out: Path, seconds: float, seed: int = 1) -> dict:
    """Plays for so many seconds by the clock; returns the figures. make: a mind for a slot's folder and a seed."""
    out.mkdir(parents=True, exist_ok=True)
    began, cpu = time.monotonic(), time.process_time()
    app = with_title(open_context(2, out / "home"), Slots(out / "saves"), make)
    app.frame([], 0.0)
    title = time.monotonic() - began, time.process_time() - cpu
    bot = Bot(app, out, Random(seed), real=True)
    try:
        bot.take("New journey")
        bot.press(*(pg.K_0 + int(digit) for digit in f"{seed:06d}"), pg.K_RETURN)
        sight = (bot.until(lambda: app.game is not None, 60.0), bot.game.journey.mind_client)[1]
        if not bot.until(lambda: sight.progress is not None, AWAKE_WITHIN):
            raise TimeoutError(f"the mind never woke: {app.context.notes()}")
        bot.hear_out()
        bot.be_shown(4, 60.0)
        figures = _walk_about(bot, seconds)
        progress = sight.progress
        figures |= {
            "to_title_s": round(title[0], 3),
            "to_title_cpu_s": round(title[1], 3),
            "save_ms": _save(bot),
            "mind_steps": progress.step if progress else 0,
            "mind_steps_per_s": progress.steps_per_s if progress else None,
            "answers": sight.answers,
            "cores": os.cpu_count(),
        }
        return figures
    finally:
        pg.display.quit()
        app.close()


def _walk_about(bot: Bot, seconds: float) -> dict:
    """Walks from place to place, attending, and counts."""
    journey = bot.game.journey
    bot.down(pg.K_SPACE)
    bot.frames(round(WARM * 30))
    gaps: list[float] = []
    last = [time.perf_counter()]

    def watch(dt: float) -> None:
        now = time.perf_counter()
        gaps.append(now - last[0])
        last[0] = now

    steps, answers = (
        journey.mind_client.progress.step if journey.mind_client.progress else 0,
        journey.mind_client.answers,
    )
    began, cpu, load = time.monotonic(), time.thread_time(), time.process_time()
    bot.watch, last[0] = watch, time.perf_counter()
    order = [place.index for place in bot.world.map.places if place.room < 0]
    bot.rng.shuffle(order)
    while time.monotonic() - began < seconds:
        bot.go(order.pop())
    spent, thread, process = time.monotonic() - began, time.thread_time() - cpu, time.process_time() - load
    bot.watch = lambda dt: None
    bot.up(pg.K_SPACE)
    bot.frames(2)
    done = journey.mind_client.progress.step - steps if journey.mind_client.progress else 0
    return _paced(gaps, spent) | {
        "draw_ms": _percentiles(list(bot.game.frame_ms), 1),
        "cpu_ms_per_frame": round(1000 * thread / len(gaps), 2),
        "process_cpu_ms_per_frame": round(1000 * process / len(gaps), 2),
        "memory_mib": round(memory() / MEGABYTE, 1),
        "steps_while_walking_per_s": round(done / spent, 2),
        "answers_per_s": round((journey.mind_client.answers - answers) / spent, 2),
        "load": [round(load, 2) for load in os.getloadavg()],
    }


def _paced(gaps: list[float], spent: float) -> dict:
    """Frames a second and how even they were; gaps: s from each frame to the next."""
    ordered = sorted(gaps)
    slowest = ordered[-max(1, len(ordered) // 100) :]
    return {
        "seconds": round(spent, 1),
        "frames": len(gaps),
        "fps": round(len(gaps) / spent, 2),
        "fps_1_percent_low": round(len(slowest) / sum(slowest), 2),
        "dropped": sum(gap > LATE for gap in gaps),
        "frame_ms": _percentiles(gaps, 1000),
        "worst_ms": round(1000 * ordered[-1], 1),
    }


def _percentiles(values: list[float], factor: float) -> dict[str, float]:
    ordered = sorted(values)
    return {f"p{part}": round(factor * ordered[len(ordered) * part // 100], 2) for part in (50, 95, 99)}


def _save(bot: Bot) -> dict[str, float]:
    """ms that a frame waits for a save of the walk so far, and ms that the whole of it takes beside the frames."""
    game = bot.game
    autosave = game.autosave
    began = time.perf_counter()
    autosave.advance(SAVE_EVERY, game.journey.realm.log, game.card)
    waited = time.perf_counter() - began
    if autosave._thread is not None:
        autosave._thread.join()
    return {"frame_waits": round(1000 * waited, 2), "whole": round(1000 * (time.perf_counter() - began), 2)}
