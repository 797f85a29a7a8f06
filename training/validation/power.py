"""How many seeds make a right verdict likely? Decided before the runs, from the noise of calibration's trainings.

`python -m training.validation.power --of runs/calibration --out FILE.json`

Each calibration experiment has allocations of so many seeds. Experiments with more seeds are simulated: seeds are drawn
anew with replacement, in all arms together where they drew the same scenes. Each one's deviation from the mean is
stretched by sqrt(S / (S - 1)), so that their spread is the population's (Davison & Hinkley 1997, section 3.2). The
swaps stay as they were measured. `training.verdict.verdict.decide` names each simulated experiment. The smallest number
of seeds that names NINETY per cent of every pattern's rightly is the one to register.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.files import read_json, write_whole
from training.headlog.log import read_log
from training.verdict.causal import causal_evidence
from training.verdict.evidence import evidence
from training.verdict.verdict import RULE_VERSION, SEEDS, SEEDS_MOST, Array, Evidence, decide

RUNS = 40  # simulated experiments for each number of seeds
RESAMPLES = 400  # of the bootstrap; fewer than for a real verdict
NUMBERS = (SEEDS, 12, 16, 20, SEEDS_MOST)
NINETY = 0.9
ARMS = ("trained", "shuffled", "rehearsal")


def redrawn(measured: Evidence, seeds: int, rng: np.random.Generator) -> Evidence:
    """An experiment with so many seeds, drawn from one that was measured."""
    sizes = [len(arm) for arm in (measured.trained_SCH, measured.shuffled_SCH, measured.rehearsal_SCH)]
    rows = [rng.integers(0, size, seeds) for size in sizes]
    rows[1] = rows[0] if measured.paired else rows[1]
    arms = (measured.trained_SCH, measured.shuffled_SCH, measured.rehearsal_SCH)
    trained, shuffled, rehearsal = (_stretched(arm, some) for arm, some in zip(arms, rows, strict=True))
    rehearsal_whole = measured.rehearsal_whole_SC
    return replace(
        measured,
        trained_SCH=trained,
        shuffled_SCH=shuffled,
        rehearsal_SCH=rehearsal,
        whole_SC=_stretched(measured.whole_SC, rows[0]),
        shuffled_whole_SC=_stretched(measured.shuffled_whole_SC, rows[1]),
        rehearsal_whole_SC=None if rehearsal_whole is None else _stretched(rehearsal_whole, rows[2]),
    )


def _stretched(arm: Array, rows: NDArray[np.int64]) -> Array:
    mean, size = arm.mean(0), len(arm)
    stretched: Array = mean + (arm[rows] - mean) * np.sqrt(size / max(1, size - 1))
    return stretched


def right(measured: Evidence, wanted: str, seeds: int, runs: int = RUNS, seed: int = 0) -> float:
    """The share of simulated experiments with so many seeds that get the wanted word."""
    words = []
    for run in range(runs):
        rng = np.random.default_rng([seed, seeds, run])
        words.append(decide(redrawn(measured, seeds, rng), run, RESAMPLES).word)
    return words.count(wanted) / runs


def measured_in(folder: Path, trained_control: str) -> Evidence:
    """What a calibration experiment's runs and swaps say. Raises ValueError for runs that don't fit."""
    logs = {arm: [read_log(path) for path in sorted(folder.glob(f"{arm}/seed-*/log.msgpack"))] for arm in ARMS}
    judged = read_log(folder / "verdict.msgpack")
    causal = causal_evidence(judged.swaps) if judged.swaps else None
    trained, shuffled, rehearsal = (logs[arm] for arm in ARMS)
    return evidence(trained, shuffled, rehearsal, causal, trained_control=trained_control)


def table(of: Path, runs: int = RUNS) -> dict[str, Any]:
    """{rule, runs, patterns: {name: {seeds: share named rightly}}, seeds: the number to register, or None}."""
    experiments: Sequence[Mapping[str, Any]] = read_json(of / "score.json")["experiments"]
    rows: dict[str, dict[int, list[float]]] = {}
    for row in experiments:
        folder = of / f"base-{row['base']}" / f"{row['pattern']}-{row['draw']}" / "runs"
        evidence_there = measured_in(folder, str(row["control"]))
        for seeds in NUMBERS:
            share = right(evidence_there, str(row["wanted"]), seeds, runs)
            rows.setdefault(str(row["pattern"]), {}).setdefault(seeds, []).append(share)
            print(f"{folder}: {seeds} seeds, {share:.0%} right", file=sys.stderr)
    patterns = {name: {str(seeds): float(np.mean(some)) for seeds, some in by.items()} for name, by in rows.items()}
    enough = [n for n in NUMBERS if all(by[str(n)] >= NINETY for by in patterns.values())]
    return {"rule": RULE_VERSION, "runs": runs, "patterns": patterns, "seeds": enough[0] if enough else None}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="training.validation.power", description="how many seeds a verdict needs")
    parser.add_argument("--of", type=Path, required=True, metavar="DIR", help="a finished calibration")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"simulated experiments for each row (default {RUNS})")
    options = parser.parse_args(arguments)
    content = table(options.of, options.runs)
    write_whole(options.out, (json.dumps(content, indent=1) + "\n").encode())
    for name, by in content["patterns"].items():
        print(f"{name:22}" + "  ".join(f"{seeds} seeds {share:.0%}" for seeds, share in by.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
