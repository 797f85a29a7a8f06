"""A crowd of players on loopback against one realm's server, or several: load, then churn with delays and slow readers.

    python -m tests.crowd --clients 200 --seconds 60 --seed 0 --json
    python -m tests.crowd --clients 1000 --regions 2 --seconds 60
    python -m tests.crowd --clients 100 --soak 30 --out soak.json

Exit status 1 if something broke: a view that differs from the realm's, something told that was lost, a line that ended
without a reason, memory that grew, a life that could not be lived again. Targets that are missed are said, and are no
fault: how late ticks are depends on who else uses the machine.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tests.crowd.army import Phase, run
from tests.crowd.player import Habits
from tests.kits.results import add_output, put_out
from training.progress import progress_bar

CHURN = Habits(churn=1 / 20, delay=0.2, slow=0.1, stops=5.0)
LATE_MS, DOWN_KB = 50.0, 4.0  # targets
GROWTH_MB = 8.0  # of a server's memory, in one phase
QUIET = ("desyncs", "told_lost")


def faults_of(result: dict, clients: int) -> list[str]:
    """What broke, a line each."""
    faults = [] if result["came"] == clients else [f"{result['came']} of {clients} players came"]
    faults += (
        [] if result.get("relived_the_same", True) else ["the realm is another one when it is lived through again"]
    )
    for name, phase in _phases(result):
        faults += [f"{name}: {key} {phase[key]}" for key in QUIET if phase[key]]
        faults += [f"{name}: {line}" for line in phase["strange"]]
        if phase["memory_growth_mb"] > GROWTH_MB:
            faults.append(f"{name}: the server's memory grew by {phase['memory_growth_mb']} MB")
    return faults


def missed(result: dict) -> list[str]:
    """Targets that were missed, a line each."""
    lines = []
    for name, phase in _phases(result):
        if phase["late_p99_ms"] > LATE_MS:
            lines.append(f"{name}: ticks are late by {phase['late_p99_ms']} ms (p99); the target is {LATE_MS:g}")
        if phase["kb_per_s_down"] > DOWN_KB:
            lines.append(f"{name}: {phase['kb_per_s_down']} KB/s a client; the target is {DOWN_KB:g}")
    return lines


def _phases(result: dict) -> list[tuple[str, dict]]:
    return [(name, part) for name, part in result.items() if isinstance(part, dict)]


def lines_of(result: dict) -> list[str]:
    """The figures for a person."""
    lines = []
    for name, phase in _phases(result):
        lines += [
            f"{name}: {phase['seconds']} s, load {phase['load'][0]} to {phase['load'][1]} on {os.cpu_count()} cores",
            f"  ticks late by {phase['late_p50_ms']} ms (p50), {phase['late_p99_ms']} ms (p99), "
            f"{phase['ticks_per_s']} a second; by {phase['late_alone_p99_ms']} ms if ticks had a core alone",
            f"  processor time of a tick {phase['tick_cpu_p50_ms']} ms (p50), {phase['tick_cpu_p99_ms']} ms (p99), "
            f"of the servers {phase['cpu_share']:.0%} of a core",
            f"  a client: {phase['kb_per_s_down']} KB/s down, {phase['updates_per_s']} updates a second",
            f"  {phase['digests']} views compared, {phase['desyncs']} differ; {phase['told']} things told, "
            f"{phase['told_lost']} lost; {phase['joins']} came back; {phase['memory_growth_mb']} MB more memory",
        ]
    return lines


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.crowd",
        description="A crowd of players on loopback against one realm's server: load, then churn.",
        epilog="example: python -m tests.crowd --clients 200 --seconds 60 --json",
    )
    parser.add_argument("--clients", type=int, default=200, help="players (default 200)")
    parser.add_argument("--regions", type=int, default=1, help="realms behind one address, a process each (default 1)")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each of two phases (default 60)")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="one phase with churn instead, so long")
    parser.add_argument("--seed", type=int, default=0, help="of the realm and of the players (default 0)")
    add_output(parser)
    options = parser.parse_args(arguments)
    if not 1 <= options.clients <= 1000 or options.seconds <= 0 or (options.soak is not None and options.soak <= 0):
        parser.error("--clients: 1 to 1000; --seconds and --soak: above 0")
    if not 1 <= options.regions <= 8:
        parser.error("--regions: 1 to 8")
    phases = [Phase("load", options.seconds), Phase("churn", options.seconds, CHURN)]
    if options.soak is not None:
        phases = [Phase("soak", 60 * options.soak, CHURN)]
    with tempfile.TemporaryDirectory() as folder, progress_bar() as report:
        where = Path(folder) / "realm"
        played = run(where, options.clients, options.seed, phases, report, regions=options.regions)
    settings = {"clients": options.clients, "regions": options.regions, "seed": options.seed}
    result = settings | {"cores": os.cpu_count(), **played}
    result |= {"broken": faults_of(result, options.clients), "missed": missed(result)}
    put_out(options, result, lines_of(result))
    for line in (*result["broken"], *result["missed"]):
        print(line, file=sys.stderr)
    return 1 if result["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
