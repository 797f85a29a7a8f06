"""The fault table: kills, hostile frames, bad visitors, a full disk, jumping clocks; what was expected, and what came.

    python -m tests.faults --out faults.json
    python -m tests.faults --only visitors --times 3 --json

It takes some ten minutes; --only chooses parts. Exit status 1 if a row came otherwise than expected.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults import disk, frames, minds, regions, visitors
from tests.faults.kills import kills
from tests.faults.table import Report, Row, lines_of
from tests.kits.results import add_output, put_out
from training.progress import progress_bar

Part = Callable[[Path, argparse.Namespace, Report], dict[str, Row]]
PARTS: dict[str, Part] = {
    "kills": lambda folder, options, report: {"kills": kills(folder, options.kills, options.seed, report)},
    "minds": lambda folder, options, report: minds.rows(folder, options.times, report),
    "regions": lambda folder, options, report: {"regions": regions.kills(folder, options.times, options.seed, report)},
    "frames": lambda folder, options, report: frames.rows(options.lines, options.frames, options.seed, report),
    "visitors": lambda folder, options, report: visitors.rows(folder, options.times, report),
    "disk": lambda folder, options, report: disk.rows(folder, options.times, options.seed, report),
}


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description="The fault table: what was done to realm, game and mind, what was expected, and what came.",
        epilog="example: python -m tests.faults --only visitors --only disk --times 3",
    )
    parser.add_argument("--kills", type=int, default=200, help="of realm, game and mind together (default 200)")
    parser.add_argument("--frames", type=int, default=100_000, help="hostile ones for the decoders (default 100000)")
    parser.add_argument("--lines", type=int, default=2000, help="hostile frames over real lines (default 2000)")
    parser.add_argument("--times", type=int, default=10, help="that every other fault is tried (default 10)")
    parser.add_argument("--only", action="append", choices=list(PARTS), help="this part; may be given several times")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (default 0)")
    add_output(parser)
    options = parser.parse_args(arguments)
    if min(options.kills, options.frames, options.lines, options.times) < 1:
        parser.error("--kills, --frames, --lines and --times: 1 or more")
    began, made = time.monotonic(), dict[str, Row]()
    with progress_bar() as report:
        for name in options.only or PARTS:
            with tempfile.TemporaryDirectory() as folder:
                made |= PARTS[name](Path(folder) / name, options, report)
    result = {
        "seed": options.seed,
        "seconds": round(time.monotonic() - began),
        "load": round(os.getloadavg()[0], 1),
        "cores": os.cpu_count(),
        "rows": {key: row.plain() for key, row in made.items()},
        "bad": sum(not row.good for row in made.values()),
    }
    put_out(options, result, lines_of(made))
    return 1 if result["bad"] else 0


if __name__ == "__main__":
    sys.exit(main())
