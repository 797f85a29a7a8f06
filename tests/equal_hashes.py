"""Whether a seed says all, whatever is done beside: python -m tests.equal_hashes --seeds 1000 --ticks 1000

Every seed is lived through in four runs, spread over two processes: alone, twice; watched (texts and numbers of every
fifth tick; of the first --pictures seeds also painted pictures); and saved and restored at a random tick. All four must
end with one hash. One line at the end; exit 1 if any seed differs.
"""

import argparse
import sys
from random import Random

from common.processes import run_jobs
from game.env.config import EnvConfig
from game.env.observe import structured, text
from game.env.session import Session
from game.realm.policy import RandomPolicy
from game.realm.replay import state_hash
from game.realm.snapshot import restored, snapshot
from game.realm.step import step
from game.realm.world import World

BLOCK = 20  # seeds of one job
PAINTED = 250  # ticks between two pictures
RUNS = ("alone", "again", "watched", "restored")


def ended(run: str, seed: int, ticks: int, painted: bool = False) -> str:
    """The hash of a realm after one of RUNS."""
    session, policy = Session(EnvConfig(pixels=(64, 36)), seed), RandomPolicy(seed)
    world: World = session.world
    moment = Random(f"{seed}/moment").randrange(ticks)
    pictures = None
    if painted and run == "watched":
        from game.env.pixels import Pictures

        pictures = Pictures((64, 36))
    for tick in range(ticks):
        if run == "restored" and tick == moment:
            world = restored(snapshot(world))
        step(world, policy(world))
        if run == "watched" and tick % 5 == 0:
            session._seen = [None]
            text(session, 0), structured(session, 0)
        if pictures is not None and tick % PAINTED == 0:
            pictures.picture(world, world.player)
    return state_hash(world)


def block(run: str, first: int, last: int, ticks: int, pictures: int) -> list[str]:
    """The hashes of some seeds, in a process."""
    return [ended(run, seed, ticks, seed < pictures) for seed in range(first, last)]


def differing(seeds: int, ticks: int, workers: int = 2, pictures: int = 0) -> list[int]:
    """The seeds whose runs don't all end with one hash."""
    blocks = range(0, seeds, BLOCK)
    jobs = {
        (run, first): (block, (run, first, min(seeds, first + BLOCK), ticks, pictures))
        for first in blocks
        for run in RUNS
    }
    results = run_jobs(jobs, workers, lambda count: print(f"\r{count}/{len(jobs)}", end="", file=sys.stderr))
    hashes = {run: [one for first in blocks for one in results[run, first]] for run in RUNS}
    return [seed for seed in range(seeds) if len({hashes[run][seed] for run in RUNS}) > 1]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    for name, default in (("seeds", 1000), ("ticks", 1000), ("workers", 2), ("pictures", 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    wrong = differing(options.seeds, options.ticks, options.workers, options.pictures)
    whole = f"{options.seeds} seeds x {options.ticks} ticks, {len(RUNS)} runs each"
    print(f"\n{whole}: {len(wrong)} differ {wrong[:20] or ''}")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
