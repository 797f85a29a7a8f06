"""The realm without window or torch: runs it, times it, hashes its state.

Speeds are of one process: ticks (every actor moves, one policy action is taken) and scene descriptions are timed
apart, in the same run.
"""

import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from common.files import check_output, writing
from common.processes import WORKERS_MAX, run_jobs
from game.realm.policy import POLICIES
from game.realm.replay import ACTIONS_MAX, TICKS_MAX, ActionLog, state_hash
from game.realm.scene import describe
from game.realm.step import step
from game.realm.world import check_seed, new_world

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


def check(config: SimulateConfig, workers: int = 1) -> None:
    """Refuses settings that can't be used, before any work. Raises ValueError or OutputError."""
    if not 1 <= config.ticks <= TICKS_MAX:
        raise ValueError(f"--ticks {config.ticks}: must lie between 1 and {TICKS_MAX}")
    if config.policy not in POLICIES:
        raise ValueError(f"--policy {config.policy}: unknown; choose {', '.join(POLICIES)}")
    if not 1 <= workers <= WORKERS_MAX:
        raise ValueError(f"--workers {workers}: must lie between 1 and {WORKERS_MAX}")
    check_seed(config.seed)
    check_seed(config.seed + workers - 1)
    outputs = [path for path in (config.scenes, config.save_replay) if path is not None]
    if workers > 1 and outputs:
        raise ValueError(
            "--workers: files are written by one realm; leave out --scenes and --save-replay, or use one worker"
        )
    if config.save_replay is not None and config.ticks > ACTIONS_MAX:
        raise ValueError(f"--save-replay: a log holds at most {ACTIONS_MAX} ticks; give fewer --ticks")
    for path in outputs:
        check_output(path)
    if len(outputs) == 2 and outputs[0].resolve() == outputs[1].resolve():
        raise ValueError(f"--save-replay {config.save_replay}: --scenes is written there; give another file")


def simulate(config: SimulateConfig) -> dict[str, Any]:
    """{ticks, ticks_per_s, scenes, scenes_per_s, state_hash, seconds}. Raises ValueError for bad settings, OutputError
    where a file can't be written; a file that was there before is then as it was."""
    check(config)
    world, policy = new_world(config.seed), POLICIES[config.policy](config.seed)
    log = ActionLog(config.seed) if config.save_replay else None
    ticking = describing = 0.0
    scenes, clock = 0, time.perf_counter
    with writing(config.scenes) if config.scenes else nullcontext() as lines:
        for start in range(0, config.ticks, TICKS_PER_SCENE):
            began = clock()
            for _ in range(min(TICKS_PER_SCENE, config.ticks - start)):
                actions = policy(world)
                if log is not None:
                    log.append(actions)
                step(world, actions)
            ticked = clock()
            view = describe(world, config.tongue)
            describing += clock() - ticked
            ticking += ticked - began
            scenes += 1
            if lines is not None:
                lines.write(msgspec.json.encode(view.scene) + b"\n")
        if log is not None and config.save_replay:
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
    """Replays a saved log: {ticks, ticks_per_s, scenes: 0, scenes_per_s: 0, state_hash, seconds}."""
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
    """`workers` realms of successive seeds, each in its own process; sums of counts and speeds, and every result.

    Raises ValueError for bad settings. However this process ends, the others end with it."""
    check(config, workers)
    jobs = {offset: (simulate, (replace(config, seed=config.seed + offset),)) for offset in range(workers)}
    finished = run_jobs(jobs, workers)
    results = [finished[offset] for offset in range(workers)]
    whole: dict[str, Any] = {
        key: sum(r[key] for r in results) for key in ("ticks", "ticks_per_s", "scenes", "scenes_per_s")
    }
    return whole | {"state_hash": results[0]["state_hash"], "workers": results}
