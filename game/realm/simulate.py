"""The realm without window or torch: run it, time it, hash it.

Speeds are of one process: ticks (every actor moves, one policy action is taken) and scene descriptions are timed
apart, in the same run.
"""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from common.files import write_whole
from game.realm.policy import POLICIES
from game.realm.replay import ActionLog, state_hash
from game.realm.scene import describe
from game.realm.step import step
from game.realm.world import new_world

TICKS_PER_SCENE = 5


@dataclass(frozen=True)
class SimulateConfig:
    """scenes: where to write every described scene as a line of JSON; save_replay: where to write the action log."""

    ticks: int = 30_000
    seed: int = 0
    policy: str = "random"
    tongue: str = "terse"
    scenes: Path | None = None
    save_replay: Path | None = None


def simulate(config: SimulateConfig) -> dict[str, Any]:
    """{ticks, ticks_per_s, scenes, scenes_per_s, state_hash, seconds}. Raises ValueError for bad settings."""
    if config.ticks < 1:
        raise ValueError(f"--ticks {config.ticks}: must be at least 1")
    if config.policy not in POLICIES:
        raise ValueError(f"--policy {config.policy}: unknown; choose {', '.join(POLICIES)}")
    world, policy, log = new_world(config.seed), POLICIES[config.policy](config.seed), ActionLog(config.seed)
    ticking = describing = 0.0
    lines: list[str] = []
    scenes, clock = 0, time.perf_counter
    for start in range(0, config.ticks, TICKS_PER_SCENE):
        began = clock()
        for _ in range(min(TICKS_PER_SCENE, config.ticks - start)):
            actions = policy(world)
            log.append(actions)
            step(world, actions)
        ticked = clock()
        view = describe(world, config.tongue)
        describing += clock() - ticked
        ticking += ticked - began
        scenes += 1
        if config.scenes:
            lines.append(msgspec.json.encode(view.scene).decode() + "\n")
    if config.scenes:
        write_whole(config.scenes, "".join(lines).encode())
    if config.save_replay:
        log.save(config.save_replay)
    return {
        "ticks": config.ticks,
        "ticks_per_s": config.ticks / max(1e-9, ticking),
        "scenes": scenes,
        "scenes_per_s": scenes / max(1e-9, describing),
        "state_hash": state_hash(world),
        "seconds": ticking + describing,
    }


def relive(path: Path) -> dict[str, Any]:
    """Live through a saved replay: {ticks, ticks_per_s, scenes: 0, scenes_per_s: 0, state_hash}."""
    log = ActionLog.load(path)
    began = time.perf_counter()
    world = log.replay()
    seconds = time.perf_counter() - began
    return {
        "ticks": log.ticks,
        "ticks_per_s": log.ticks / max(1e-9, seconds),
        "scenes": 0,
        "scenes_per_s": 0.0,
        "state_hash": state_hash(world),
        "seconds": seconds,
    }


def simulate_many(config: SimulateConfig, workers: int) -> dict[str, Any]:
    """`workers` realms of successive seeds, each in its own process; sums of counts and speeds, and every result."""
    if workers < 1:
        raise ValueError(f"--workers {workers}: must be at least 1")
    if workers > 1 and (config.scenes or config.save_replay):
        raise ValueError(
            "--workers: files are written by one realm; leave out --scenes and --save-replay, or use one worker"
        )
    configs = [replace(config, seed=config.seed + offset) for offset in range(workers)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        results = list(pool.map(simulate, configs))
    whole: dict[str, Any] = {
        key: sum(r[key] for r in results) for key in ("ticks", "ticks_per_s", "scenes", "scenes_per_s")
    }
    return whole | {"state_hash": results[0]["state_hash"], "workers": results}
