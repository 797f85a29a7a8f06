"""The realm without window or torch: runs it, times it, hashes its state, and writes what was seen.

Speeds are of one process: ticks (every actor moves, one policy action is taken) and scene descriptions are timed
apart, in the same run.
"""

import hashlib
import os
import stat
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from common.files import check_output, destination, output_error, writing
from common.processes import WORKERS_MAX, run_jobs
from game.realm.held_out import split_named
from game.realm.policy import POLICIES, Policy, ReplayPolicy
from game.realm.replay import ACTIONS_MAX, TICKS_MAX, ActionLog, realm_mark, state_hash
from game.realm.rules import load
from game.realm.scene import View, describe
from game.realm.scene_files import PARQUET, check_format, encoded, join, row
from game.realm.step import step
from game.realm.world import World, check_seed, new_world

TICKS_PER_SCENE = 5
REALMS_MAX = 1_000_000
REPORT_EVERY = 2000  # scenes
PART = "{:020d}.part"  # by seed
Report = Callable[[str, int, int], None]  # what is going on, how far, of how many


@dataclass(frozen=True)
class SimulateConfig:
    """policy: of POLICIES, or the file of a replay, whose realm is then lived in. scenes: where to write every scene
    with its truth (.jsonl, .msgpack, .parquet); split: what of them is held out; save_replay: where to write the action
    log. realms: of successive seeds; None: one for each process, and one alone where scenes are written.
    """

    ticks: int = 30_000
    seed: int = 0
    policy: str = "random"
    tongue: str = "terse"
    scenes: Path | None = None
    save_replay: Path | None = None
    split: str | None = None
    realms: int | None = None
    workers: int = 1

    @property
    def count(self) -> int:
        """How many realms there are."""
        if self.realms is not None:
            return self.realms
        return 1 if self.scenes is not None else self.workers


def check(config: SimulateConfig) -> None:
    """Refuses settings that can't be used, before any work. Raises ValueError or OutputError."""
    if not 1 <= config.ticks <= TICKS_MAX:
        raise ValueError(f"--ticks {config.ticks}: must lie between 1 and {TICKS_MAX}")
    if not 1 <= config.workers <= WORKERS_MAX:
        raise ValueError(f"--workers {config.workers}: must lie between 1 and {WORKERS_MAX}")
    if not 1 <= config.count <= REALMS_MAX:
        raise ValueError(f"--realms {config.count}: must lie between 1 and {REALMS_MAX}")
    check_seed(config.seed)
    check_seed(config.seed + config.count - 1)
    if config.policy not in POLICIES:
        _check_replay(config)
    outputs = [path for path in (config.scenes, config.save_replay) if path is not None]
    if config.count > 1 and config.save_replay is not None:
        raise ValueError("--save-replay: holds one realm; leave it out, or --realms and --workers")
    if config.save_replay is not None and config.ticks > ACTIONS_MAX:
        raise ValueError(f"--save-replay: a log holds at most {ACTIONS_MAX} ticks; give fewer --ticks")
    for path in outputs:
        check_output(path)
        _refuse_device(path)
    if len(outputs) == 2 and outputs[0].resolve() == outputs[1].resolve():
        raise ValueError(f"--save-replay {config.save_replay}: --scenes is written there; give another file")
    if config.split is not None:
        if config.scenes is None:
            raise ValueError("--split: says which of the written scenes are held out; give --scenes FILE, too")
        split_named(config.split, load())
    if config.scenes is not None:
        check_format(config.scenes)


def _refuse_device(path: Path) -> None:
    """A disk or a terminal is no place for a file; a pipe may be one, and so may a standard stream."""
    target = destination(path)
    with suppress(FileNotFoundError):
        mode = 0 if isinstance(target, int) else os.stat(target).st_mode
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            raise ValueError(f"{path}: a device; give the name of a file")


def _check_replay(config: SimulateConfig) -> None:
    """A policy that isn't known must be a replay of these rules, of one realm."""
    if not Path(config.policy).is_file():
        known = ", ".join(POLICIES)
        raise ValueError(f"--policy {config.policy[:80]}: unknown; choose {known}, or give the file of a replay")
    log = ActionLog.load(Path(config.policy))
    log.check_fits()
    if config.count > 1:
        raise ValueError("--policy FILE: a replay is of one realm; leave out --realms and --workers")
    if config.seed not in (0, log.seed):
        raise ValueError(f"--seed {config.seed}: the replay {config.policy} is of seed {log.seed}; leave out --seed")


def _begin(config: SimulateConfig) -> tuple[World, Policy, int]:
    """A realm, who plays in it, and for how many ticks."""
    if config.policy in POLICIES:
        return new_world(config.seed), POLICIES[config.policy](config.seed), config.ticks
    log = ActionLog.load(Path(config.policy))
    return log.begin(), ReplayPolicy(log.actions), max(1, min(config.ticks, log.ticks))


@dataclass
class _Clock:
    """Seconds, by what they went into."""

    ticking: float = 0.0
    describing: float = 0.0
    scenes: int = 0


def simulate(config: SimulateConfig, report: Report = lambda what, done, of: None) -> dict[str, Any]:
    """{ticks, ticks_per_s, scenes, scenes_per_s, state_hash, seconds}; of several realms the sums, a hash of their
    hashes, and in `realms` each one's own.

    Raises ValueError for bad settings, OutputError where a file can't be written; a file that was there before is then
    as it was. After Ctrl-C the file holds the scenes of all realms that were finished, if there are any. However this
    process ends, the others end with it."""
    check(config)
    if config.count > 1 or (config.scenes is not None and config.scenes.suffix == PARQUET):
        return _in_parts(config, report)
    with writing(config.scenes) if config.scenes else nullcontext() as out:
        return _realm(config, out, report)


def _realm(config: SimulateConfig, out: BinaryIO | None, report: Report) -> dict[str, Any]:
    """One realm, lived through; its scenes go to `out`."""
    world, policy, ticks = _begin(config)
    log = ActionLog(world.seed, realm_mark(world.rules)) if config.save_replay else None
    clock = _Clock()
    views = _views(config, world, policy, ticks, log, clock, report)
    if out is None or config.scenes is None:
        deque(views, maxlen=0)
    else:
        split = split_named(config.split, world.rules) if config.split else None
        for data in encoded((row(world, view, split) for view in views), config.scenes):
            out.write(data)
    if log is not None and config.save_replay:
        log.save(config.save_replay)
    return {
        "ticks": ticks,
        "ticks_per_s": ticks / max(1e-9, clock.ticking),
        "scenes": clock.scenes,
        "scenes_per_s": clock.scenes / max(1e-9, clock.describing),
        "state_hash": state_hash(world),
        "seconds": clock.ticking + clock.describing,
    }


def _views(
    config: SimulateConfig,
    world: World,
    policy: Policy,
    ticks: int,
    log: ActionLog | None,
    clock: _Clock,
    report: Report,
) -> Iterator[View]:
    """The scenes of a realm that goes on between them, with what both took."""
    now = time.perf_counter
    for start in range(0, ticks, TICKS_PER_SCENE):
        began = now()
        for _ in range(min(TICKS_PER_SCENE, ticks - start)):
            actions = policy(world)
            if log is not None:
                log.append(actions)
            step(world, actions)
        ticked = now()
        view = describe(world, config.tongue)
        clock.describing += now() - ticked
        clock.ticking += ticked - began
        clock.scenes += 1
        if clock.scenes % REPORT_EVERY == 0:
            report("ticks", start, ticks)
        yield view


def _in_parts(config: SimulateConfig, report: Report) -> dict[str, Any]:
    """Realms in several processes, the scenes of each in a part of their own; the parts are joined by their seeds."""
    with writing(config.scenes) if config.scenes else nullcontext() as out:
        fault: BaseException | None = None
        results: dict[int, dict[str, Any]] = {}
        with _parts_folder(config.scenes) as name:
            folder = Path(name)
            seeds = range(config.seed, config.seed + config.count)
            alone = [replace(config, seed=seed, realms=1, workers=1) for seed in seeds]
            jobs = {one.seed: (_part, (one, folder)) for one in alone}
            try:
                results = run_jobs(jobs, config.workers, lambda count: report("realms", count, config.count))
            except (KeyboardInterrupt, OSError, ValueError) as error:
                fault = error
            parts = sorted(folder.glob("*.part"))
            if fault is not None and not parts:
                raise fault
            if out is not None and config.scenes is not None:
                join(parts, config.scenes, out)
    if fault is not None:
        raise fault
    return _summed([results[seed] for seed in seeds], config.workers)


def _parts_folder(scenes: Path | None) -> tempfile.TemporaryDirectory[str]:
    """A folder for parts: beside the file that they become, so that they are on its disk."""
    target = None if scenes is None else destination(scenes)
    beside = target.parent if isinstance(target, Path) and (target.is_file() or not target.exists()) else None
    return tempfile.TemporaryDirectory(prefix=f".{scenes.name[:60]}." if scenes else None, dir=beside)


def _part(config: SimulateConfig, folder: Path) -> dict[str, Any]:
    """One realm, in a worker; its part has its name once it is whole."""
    if config.scenes is None:
        return _realm(config, None, lambda what, done, of: None)
    unfinished = folder / f"{config.seed}.tmp"
    try:
        with open(unfinished, "wb") as out:
            result = _realm(config, out, lambda what, done, of: None)
        unfinished.replace(folder / PART.format(config.seed))
    except OSError as error:
        raise output_error(config.scenes, error) from error
    return result


def _summed(results: list[dict[str, Any]], workers: int) -> dict[str, Any]:
    """Sums of counts, and the speed of all processes together: the mean of the realms' times the processes."""
    together = min(workers, len(results))
    whole: dict[str, Any] = {key: sum(r[key] for r in results) for key in ("ticks", "scenes", "seconds")}
    for key in ("ticks_per_s", "scenes_per_s"):
        whole[key] = together * sum(r[key] for r in results) / len(results)
    if len(results) == 1:
        return whole | {"state_hash": results[0]["state_hash"]}
    hashes = "".join(r["state_hash"] for r in results)
    return whole | {"state_hash": hashlib.blake2b(hashes.encode(), digest_size=8).hexdigest(), "realms": results}


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
