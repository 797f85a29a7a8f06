"""How often is the rule wrong? Simulated experiments with a known answer, decided by `verdict.decide`.

`python -m training.validation.simulated --out FILE.jsonl` prints the table that docs/RESULTS.md holds and writes a line
per world and case; the same command goes on after a kill. A simulated unit's allocation is its planted share, scaled
per seed, plus signed noise that units share in part (neighbours in a layer move against each other), plus probe noise;
the control has a plasticity of its own, not zero. Swaps are simulated from the planted shares: additive (insert = the
set's share) or serial (a set counts only with the strongest half of the core in it).

Shape suffixes: S seeds, C chunks of probes, H units (eight heads and an MLP in each of eight layers).
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from common.files import write_whole
from training.validation.row_file import rows_of
from training.verdict.measured import Causal, Evidence
from training.verdict.rule import RANDOM_SETS, RULE_VERSION
from training.verdict.shares import core_of
from training.verdict.verdict import decide

Array = NDArray[np.float64]
LAYERS, HEADS = 8, 8
COLUMNS = HEADS + 1  # a layer's units: its heads and its MLP
WIDTH = LAYERS * COLUMNS
RUNS = 60
SIMULATION_VERSION = 3  # raise it by hand whenever the same world and case give other numbers
RESAMPLES = 400  # of the bootstrap; fewer than for a real verdict


@dataclass(frozen=True)
class World:
    """How noisy a simulated experiment is; all in multiples of the mean planted allocation per unit."""

    seeds: int = 8
    chunks: int = 16
    seed_spread: float = 0.3  # log-normal sd of a unit's share from seed to seed
    noise: float = 0.15  # signed, per seed and unit
    shared: float = 0.5  # of that noise, the part in which a layer's units move against each other
    probe_noise: float = 0.5  # per chunk
    control: float = 0.1  # mean allocation of a control unit
    serial: bool = False  # where a core holds half of it or more
    paired: bool = False  # seed s of both arms drew the same scenes: they swell or shrink the control's part alike


def _shares(rng: Generator, parts: dict[int, float]) -> Array:
    """Shares (H,) that sum to 1, at random heads, then at random MLPs. parts: {how many: what they hold together}."""
    share_H, at = np.zeros(WIDTH), 0
    drawn = rng.permutation(WIDTH)
    order = np.concatenate([drawn[drawn % COLUMNS < HEADS], drawn[drawn % COLUMNS == HEADS]])
    for count, held in parts.items():
        share_H[order[at : at + count]] = held / count
        at += count
    return share_H


def _lognormal(rng: Generator, sd: float) -> Array:
    x = rng.lognormal(0, sd, WIDTH)
    return x / x.sum()


CASES: dict[str, tuple[str, Callable[[Generator], Array]]] = {
    # name: (what a right verdict is, shares)
    "no effect": ("undecided", lambda rng: np.zeros(WIDTH)),
    "one head": ("localized", lambda rng: _shares(rng, {1: 1.0})),
    "four heads": ("localized", lambda rng: _shares(rng, {4: 1.0})),
    "six heads + 5 % halo": ("localized", lambda rng: _shares(rng, {6: 0.95, 66: 0.05})),
    "six heads (85 %) + halo 30": ("hierarchical", lambda rng: _shares(rng, {6: 0.85, 30: 0.15})),
    "core 4 (55 %) + halo 68": ("hierarchical", lambda rng: _shares(rng, {4: 0.55, 68: 0.45})),
    "core 2 (60 %) + halo 30": ("hierarchical", lambda rng: _shares(rng, {2: 0.6, 30: 0.4})),
    "uniform": ("distributed", lambda rng: _shares(rng, {WIDTH: 1.0})),
    "uniform, log-normal 0.5": ("distributed", lambda rng: _lognormal(rng, 0.5)),
    "twenty equal": ("undecided", lambda rng: _shares(rng, {20: 1.0})),
    "log-normal 1": ("distributed", lambda rng: _lognormal(rng, 1.0)),
    "MLPs 70 %, each kind even": (
        "distributed",
        lambda rng: np.tile([0.3 / LAYERS / HEADS] * HEADS + [0.7 / LAYERS], LAYERS),
    ),
    "MLPs alone": ("not in the heads", lambda rng: np.tile([0.0] * HEADS + [1 / LAYERS], LAYERS)),
}


def simulate(rng: Generator, shares_H: Array, world: World) -> Evidence:
    """One experiment whose true shares are known."""
    plasticity = world.control * rng.lognormal(0, 0.4, WIDTH)

    def arm(effect_H: Array, scenes: Array | None = None) -> tuple[Array, Array]:
        scale = rng.lognormal(-(world.seed_spread**2) / 2, world.seed_spread, (world.seeds, 1, WIDTH))
        own = rng.normal(0, 1, (world.seeds, LAYERS, COLUMNS))
        against = own - own.mean(2, keepdims=True)  # what one unit of a layer gains, the others lose
        signed = world.noise * ((1 - world.shared) * own + world.shared * against).reshape(world.seeds, 1, WIDTH)
        probes = rng.normal(0, world.probe_noise, (world.seeds, world.chunks, WIDTH))
        drawn = rng.lognormal(0, 0.25, (world.seeds, 1, WIDTH))
        scenes = drawn if scenes is None else scenes
        return plasticity * scenes + effect_H * scale + signed + probes, scenes

    trained, scenes = arm(WIDTH * shares_H)
    shuffled, _ = arm(np.zeros(WIDTH), scenes if world.paired else None)
    rehearsal = 0.2 * arm(np.zeros(WIDTH))[0]
    rest = rng.normal(0.1 * WIDTH, 0.01 * WIDTH, (world.seeds, world.chunks))  # norms and biases hold a tenth
    whole = trained.sum(2) + (rest if shares_H.any() else 0)
    shuffled_whole = shuffled.sum(2)
    causal, rehearsal_whole = swaps(rng, shares_H, world), rehearsal.sum(2)
    return Evidence(
        trained, shuffled, rehearsal, whole, shuffled_whole, causal, 3, rehearsal_whole, world.paired, HEADS, COLUMNS
    )


def swaps(rng: Generator, shares_H: Array, world: World) -> Causal:
    """What swapping sets would show if the planted shares were the truth, with a little noise."""
    order = np.argsort(-shares_H, kind="stable")
    core, halo = core_of(shares_H, np.arange(WIDTH) % COLUMNS < HEADS), order[shares_H[order] > 0]
    size = len(core)
    strongest = order[: max(1, size // 2)]
    serial = world.serial and bool(shares_H[core].sum() >= 0.5)
    jitter = lambda: float(rng.normal(0, 0.02))  # noqa: E731

    def insert(chosen: NDArray[np.int64]) -> float:
        held = float(shares_H[chosen].sum())
        return (held if not serial or np.isin(strongest, chosen).all() else 0.1 * held) + jitter()

    def remove(chosen: NDArray[np.int64]) -> float:
        held = float(shares_H[chosen].sum())
        struck = serial and np.isin(strongest, chosen).any()
        return (max(0.9, held) if struck else held) + jitter()

    drawn = [rng.permutation(np.setdiff1d(order, core))[:size] for _ in range(RANDOM_SETS)]
    both = np.union1d(core, halo)
    return Causal(
        insert(core), remove(core), insert(both),
        tuple(insert(s) for s in drawn), tuple(remove(s) for s in drawn), insert(core), insert(both),
    )  # fmt: skip


def rates(world: World, name: str, runs: int = RUNS, resamples: int = RESAMPLES) -> dict[str, float]:
    """Of one case: the share of runs that got each word, and `right`."""
    wanted, shares = CASES[name]
    words: Counter[str] = Counter()
    for run in range(runs):
        rng = np.random.default_rng([list(CASES).index(name), run])
        words[decide(simulate(rng, shares(rng), world), run, resamples).word] += 1
    frequency = {word: count / runs for word, count in sorted(words.items())}
    return frequency | {"right": sum(words[word] for word in wanted.split("|")) / runs}


def run(path: Path, runs: int = RUNS, resamples: int = RESAMPLES) -> list[dict[str, Any]]:
    """Every case in every world that the file doesn't hold yet; returns all its lines, in its order."""
    if runs < 1:
        raise ValueError(f"--runs {runs}: give 1 or more")
    rows = rows_of(path)
    settings = {"rule": RULE_VERSION, "runs": runs, "resamples": resamples}
    for row in rows:
        if {key: row.get(key) for key in settings} != settings:
            raise ValueError(f"{path}: holds rows of another rule or other settings; give a new file")
        design = _design(row["world"]) if row["world"] in WORLDS else None
        if "design" in row and row["design"] != design:  # older rows don't say it
            raise ValueError(
                f"{path}: {row['world']} was simulated as {row['design']}, now it is {design}; give a new file"
            )
    done = {(row["world"], row["case"]) for row in rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    for world, name in product(WORLDS, CASES):
        if (world, name) in done:
            continue
        frequency = rates(WORLDS[world], name, runs, resamples)
        row = {"world": world, "case": name, "wanted": CASES[name][0]} | frequency | settings
        rows.append(row | {"design": _design(world)})
        write_whole(path, "".join(json.dumps(row) + "\n" for row in rows).encode())
        print(f"{world:22}{name:26}{frequency}", file=sys.stderr)
    return rows


def _design(world: str) -> dict[str, Any]:
    """By what the rows of a world are known: its numbers, not its name, and SIMULATION_VERSION."""
    return asdict(WORLDS[world]) | {"simulation": SIMULATION_VERSION}


WORLDS = {
    "eight seeds": World(),
    "noisy": World(noise=0.4, probe_noise=1.0, seed_spread=0.5),
    "as calibration's": World(noise=0.03, probe_noise=0.3, seed_spread=0.2),
    "serial": World(serial=True),
    "large control": World(control=3.5),  # a control that gains most of what true lessons do
    "paired": World(paired=True),
    "paired, large control": World(paired=True, control=3.5),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="training.validation.simulated", description="how often the rule errs")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.jsonl")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"simulated experiments per case (default {RUNS})")
    options = parser.parse_args(arguments)
    try:
        rows = run(options.out, options.runs)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    for row in rows:
        print(f"{row['world']:22}{row['case']:26}{row['wanted']:24}{row['right']:6.0%}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
