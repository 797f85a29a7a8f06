"""One test of a client that keeps every byte may come out low by chance: the same on many maps, with many secrets.

    python -m tests.crowd.spread --maps 10 --sets 3 --realms 300

If the bytes tell nothing, p is as often below any share as that share says. Said are all p, how many lie at or below
0.05 and 0.01, how likely so many or more are by chance (binomial), and how likely their distances from uniform are
(Kolmogorov and Smirnov's test). Exit status 1 if either chance is below 0.01, or something was shown beyond sight.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from scipy import stats

from tests.crowd.cheat import LEAKS, PLACES, Leak, gather, no_leak, verdict
from tests.faults.table import Report
from tests.kits.results import add_output, put_out
from training.progress import progress_bar

LOW = (0.05, 0.01)
CHANCE = 0.01


def spread(
    maps: range,
    sets: int,
    realms: int,
    permutations: int,
    report: Report,
    leak: Leak = no_leak,
    places: int = PLACES,
) -> list[dict]:
    """A verdict for each map and each set of secrets."""
    rows: list[dict] = []
    for seed in maps:
        for number in range(sets):
            report("maps and secrets", len(rows), len(maps) * sets)
            hauls = gather(realms, seed, leak, lambda *how_far: None, places, skip=number * realms)
            result = verdict(hauls, permutations, seed * sets + number)
            rows.append({"map": seed, "set": number, "beyond": sum(haul.beyond for haul in hauls), **vars(result)})
    return rows


def judged(ps: Sequence[float]) -> dict[str, Any]:
    """How far so many p are from what chance gives."""
    result: dict[str, Any] = {"tests": len(ps), "least": min(ps), "median": sorted(ps)[len(ps) // 2]}
    for share in LOW:
        count = sum(p <= share for p in ps)
        result[f"at_{share}"] = count
        result[f"at_{share}_chance"] = round(float(stats.binom.sf(count - 1, len(ps), share)), 4)
    result["uniform_chance"] = round(float(stats.kstest(ps, "uniform").pvalue), 4)
    return result


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.crowd.spread",
        description="How p of the cheat is spread over maps and secrets: chance, or a leak.",
        epilog="example: python -m tests.crowd.spread --maps 10 --sets 3 --realms 300",
    )
    parser.add_argument("--maps", type=int, default=10, help="seeds of maps (default 10)")
    parser.add_argument("--sets", type=int, default=3, help="sets of secrets for each (default 3)")
    parser.add_argument("--realms", type=int, default=300, help="of each (default 300)")
    parser.add_argument("--permutations", type=int, default=200, help="of each null (default 200)")
    parser.add_argument("--seed", type=int, default=0, help="of the first map (default 0)")
    parser.add_argument("--leak", choices=list(LEAKS), default="none", help="planted: it has to show (default none)")
    add_output(parser)
    options = parser.parse_args(arguments)
    if min(options.maps, options.sets) < 1 or options.realms < 50 or options.permutations < 20:
        parser.error("--maps, --sets: 1 or more; --realms: 50 or more; --permutations: 20 or more")
    maps, leak = range(options.seed, options.seed + options.maps), LEAKS[options.leak]
    with progress_bar() as report:
        rows = spread(maps, options.sets, options.realms, options.permutations, report, leak)
    whole = judged([row["p"] for row in rows])
    beyond = sum(row["beyond"] for row in rows)
    settings = {"realms": options.realms, "permutations": options.permutations, "leak": options.leak}
    lines = [f"map {row['map']}, secrets {row['set']}: p {row['p']}, {row['feature']}" for row in rows]
    lines += [f"{key}: {value}" for key, value in whole.items()]
    put_out(options, {**settings, **whole, "beyond": beyond, "rows": rows}, [*lines, f"beyond sight: {beyond}"])
    chances = [value for key, value in whole.items() if key.endswith("chance")]
    return 1 if beyond or min(chances) < CHANCE else 0


if __name__ == "__main__":
    sys.exit(main())
