"""How many seeds make a right verdict likely? Decided before the runs, from the noise of calibration's trainings.

`python -m training.validation.power --of runs/calibration --out FILE.json`

Each calibration experiment has allocations and swaps of so many seeds. Experiments with more seeds are simulated:
seeds are drawn anew with replacement, in all arms together where they drew the same scenes. Each allocation's
deviation from the mean is stretched by sqrt(S / (S - 1)), so that their spread is the population's (Davison & Hinkley
1997, section 3.2). Probes and random sets stay, as they do from experiment to experiment.
`training.verdict.verdict.decide` names each simulated experiment. The smallest number of seeds from which on NINETY
per cent of every pattern's are named rightly is the one to register.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from common.files import check_output, read_json, write_whole
from training.headlog.log import read_log
from training.heads.head_sets import Shift
from training.verdict.causal import BOTH, CORE, causal_evidence, excess
from training.verdict.evidence import evidence
from training.verdict.measured import Array, Causal, Evidence
from training.verdict.rule import RULE_VERSION, SEEDS, SEEDS_MOST
from training.verdict.verdict import decide

RUNS = 40  # simulated experiments for each number of seeds
RESAMPLES = 200  # of the bootstrap; fewer than for a real verdict
NUMBERS = (SEEDS, 12, 16, 20, SEEDS_MOST)
NINETY = 0.9
ARMS = ("trained", "shuffled", "rehearsal")


@dataclass(frozen=True)
class Experiment:
    """What was measured: the evidence, and the swaps of core and halo on each seed of both arms, if they are known."""

    measured: Evidence
    trained: Sequence[Sequence[Shift]] = ()
    shuffled: Sequence[Sequence[Shift]] = ()

    def causal(self, rows: Sequence[NDArray[np.int64]]) -> Causal | None:
        """The swaps of seeds drawn anew; random sets as they were."""
        known = self.measured.causal
        if known is None or not self.trained:
            return known
        arms = ([some[row % len(some)] for row in drawn] for some, drawn in zip((self.trained, self.shuffled), rows))
        swaps = excess(*arms)
        if not swaps:
            return None
        return replace(causal_evidence(swaps), random_insert=known.random_insert, random_remove=known.random_remove)


def redrawn(experiment: Experiment, seeds: int, rng: np.random.Generator) -> Evidence:
    """An experiment with so many seeds, drawn from one that was measured."""
    measured = experiment.measured
    arms = (measured.trained_SCH, measured.shuffled_SCH, measured.rehearsal_SCH)
    rows = [rng.integers(0, len(arm), seeds) for arm in arms]
    rows[1] = rows[0] if measured.paired else rows[1]
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
        causal=experiment.causal(rows),
    )


def _stretched(arm: Array, rows: NDArray[np.int64]) -> Array:
    mean, size = arm.mean(0), len(arm)
    stretched: Array = mean + (arm[rows] - mean) * np.sqrt(size / max(1, size - 1))
    return stretched


def right(experiment: Experiment, wanted: str, seeds: int, runs: int = RUNS, seed: int = 0) -> float:
    """The share of simulated experiments with so many seeds that get the wanted word."""
    words = []
    for run in range(runs):
        rng = np.random.default_rng([seed, seeds, run])
        words.append(decide(redrawn(experiment, seeds, rng), run, RESAMPLES).word)
    return words.count(wanted) / runs


def measured_in(folder: Path, trained_control: str) -> Experiment:
    """What a calibration experiment's runs and swaps say. Raises ValueError for runs that don't fit."""
    logs = {arm: [read_log(path) for path in sorted(folder.glob(f"{arm}/seed-*/log.msgpack"))] for arm in ARMS}
    judged = read_log(folder / "verdict.msgpack")
    causal = causal_evidence(judged.swaps) if judged.swaps else None
    trained, shuffled, rehearsal = (logs[arm] for arm in ARMS)
    seeds = [read_json(path)["shifts"] for path in sorted(folder.glob("causal/seed-*.json"))]
    shifts = {
        arm: [
            [shift for shift in msgspec.convert(seed[arm], list[Shift]) if shift.name in (CORE, BOTH)] for seed in seeds
        ]
        for arm in ("trained", "shuffled")
    }
    whole = evidence(trained, shuffled, rehearsal, causal, trained_control=trained_control)
    return Experiment(whole, shifts["trained"], shifts["shuffled"])


def table(of: Path, runs: int = RUNS) -> dict[str, Any]:
    """{rule, runs, patterns: {name: {seeds: share named rightly}}, seeds: the number to register, or None}.

    Raises ValueError or OSError for a folder that is no calibration's.
    """
    score = read_json(of / "score.json")
    experiments: Any = score.get("experiments") if isinstance(score, dict) else None
    if runs < 1:
        raise ValueError(f"--runs {runs}: give 1 or more")
    wanted = {"base", "pattern", "draw", "control", "wanted"}
    fits = isinstance(experiments, list) and all(isinstance(row, dict) and wanted <= row.keys() for row in experiments)
    if not experiments or not fits:
        raise ValueError(f"{of / 'score.json'}: is no calibration's; give the folder of a finished one")
    rows: dict[str, dict[int, list[float]]] = {}
    for row in experiments:
        folder = of / f"base-{row['base']}" / f"{row['pattern']}-{row['draw']}" / "runs"
        experiment = measured_in(folder, str(row["control"]))
        for seeds in NUMBERS:
            share = right(experiment, str(row["wanted"]), seeds, runs)
            rows.setdefault(str(row["pattern"]), {}).setdefault(seeds, []).append(share)
            print(f"{folder}: {seeds} seeds, {share:.0%} right", file=sys.stderr)
    patterns = {name: {str(seeds): float(np.mean(some)) for seeds, some in by.items()} for name, by in rows.items()}
    return {"rule": RULE_VERSION, "runs": runs, "patterns": patterns, "seeds": enough(patterns)}


def enough(patterns: Mapping[str, Mapping[str, float]]) -> int | None:
    """The smallest number of seeds from which on every pattern is named rightly NINETY per cent of the time."""
    sure = [all(by[str(number)] >= NINETY for by in patterns.values()) for number in NUMBERS]
    return next((number for at, number in enumerate(NUMBERS) if all(sure[at:])), None)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="training.validation.power", description="how many seeds a verdict needs")
    parser.add_argument("--of", type=Path, required=True, metavar="DIR", help="a finished calibration")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"simulated experiments for each row (default {RUNS})")
    options = parser.parse_args(arguments)
    try:
        check_output(options.out)
        content = table(options.of, options.runs)
        write_whole(options.out, (json.dumps(content, indent=1) + "\n").encode())
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    for name, by in content["patterns"].items():
        print(f"{name:22}" + "  ".join(f"{seeds} seeds {share:.0%}" for seeds, share in by.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
