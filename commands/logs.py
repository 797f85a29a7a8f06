"""Verbs that read what was measured: diff, report."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from commands.output import print_log, show, terminal
from common.numbers import finite


def diff(options: argparse.Namespace) -> int:
    if options.tuned is not None:
        return diff_models(options)
    from training.headlog.exports import export
    from training.headlog.log import read_log
    from training.headlog.table import diff_table

    log = read_log(options.log, partial=options.partial)
    if options.at is not None:
        return diff_at(log, options)
    if options.export:
        export(log, options.export, options.to, options.table)
    elif options.json:
        print(json.dumps(finite(diff_table(log))))
    else:
        print_log(log)
    return 0


def diff_at(log: Any, options: argparse.Namespace) -> int:
    """The heads as of a tick of a journey."""
    from training.headlog.moments import moment_table, print_moment

    if options.export:
        raise ValueError("--at: a table on its own; leave out --export, or give --export csv --table snapshots alone")
    if options.json:
        print(json.dumps(moment_table(log, options.at)))
    else:
        print_moment(log, options.at, terminal())
    return 0


def diff_models(options: argparse.Namespace) -> int:
    """Compare two finished models."""
    from training.compare import CompareConfig, compare
    from training.progress import progress_bar

    config = CompareConfig(options.log, options.tuned, options.probes, options.seed, options.device, options.out)
    with progress_bar() as progress:
        log, result = compare(config, progress)
    for note in result["notes"]:
        print(note, file=sys.stderr)
    if options.json:
        print(json.dumps(finite(result)))
        return 0
    print_log(log)
    if result["same_weights"]:
        print("the two folders hold the same weights: the difference is zero")
    elif "curve" not in result:
        print("TUNED is not better on these probes: there is no gain to share out, and no set was inserted")
    if options.out is not None:
        print(f"log: {result['log']}; to look at: main.py report {options.out}")
    return 0


def seen(path: Path, progress: Callable[[str, int, int], None]) -> dict[int, bytes]:
    """Pictures of what was seen at the jumps of a journey's log, painted by the game; none of anything else."""
    from training.report.journey import jumps_of

    wanted = jumps_of(path)
    if wanted is None:
        return {}
    os.environ["SDL_VIDEODRIVER"] = "dummy"
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    from game.journey.moments import paint_moments

    try:
        return paint_moments(*wanted, progress)
    except ValueError as error:  # of another realm, say: the page is whole without them
        print(f"no pictures: {error}", file=sys.stderr)
        return {}


def report(options: argparse.Namespace) -> int:
    from training.progress import progress_bar
    from training.report.page import report

    with progress_bar() as progress:
        page = report(options.path, options.out, options.png, progress, seen(options.path, progress))
    lines = [f"{page['name']}: {page['out']}, {page['bytes'] / 1000:,.0f} kB", *page["pictures"]]
    show(options, page, [*lines, *(f"not measured: {what}" for what in page["missing"])])
    return 0
