"""The verb bench: speeds, side by side."""

import argparse
import os

from commands.output import show
from training.bench.areas import ALL, check_area


def bench(options: argparse.Namespace) -> int:
    check_area(options.area, options.device)
    if options.area == ALL:
        return bench_all(options)
    if options.out is not None:
        raise ValueError(f"--out {options.out}: is for bench all; leave it out")
    if options.area == "game":
        return bench_game(options)
    if options.area == "env":
        return bench_env(options)
    import torch

    from training.bench.run import bench

    torch.set_num_threads(1)
    result = bench(options.area, options.model, options.seed, options.device)
    lines = [
        f"{r['name']:14}{r['note']}"
        if r["value"] is None
        else f"{r['name']:14}{r['value']:12.1f} {r['unit']:5}{r['ratio']:9.3f} x {r['baseline']}"
        for r in result["rows"]
    ]
    show(options, result, lines)
    return 0


def bench_all(options: argparse.Namespace) -> int:
    """Every area, each in a process of its own, as one table."""
    from training.bench.table import bench_all, check_folder, markdown
    from training.heads.run_log import commit
    from training.progress import progress_bar

    if options.out is not None:
        check_folder(options.out)
    with progress_bar() as report:
        result = bench_all(options.model, options.seed, options.device, options.out, commit(), report)
    show(options, result, list(markdown(result)))
    return 0


def bench_game(options: argparse.Namespace) -> int:
    """What a frame costs, unseen. Beside each figure stands the most it may be, to be judged on an idle machine."""
    os.environ["SDL_VIDEODRIVER"] = "dummy"
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    from game.app.bench_game import rows

    figures = rows(options.seed)
    lines = [f"{row['name']:14}{row['value']:10.2f} {row['unit']:4} at most {row['at_most']}" for row in figures]
    show(options, {"area": "game", "rows": figures}, lines)
    return 0


def bench_env(options: argparse.Namespace) -> int:
    """What a step of an environment costs, unseen. Beside some figures stands the least they should be."""
    os.environ["SDL_VIDEODRIVER"] = "dummy"
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        from game.env.bench import rows
    except ImportError as error:
        raise ValueError(str(error)) from error
    figures = rows(options.seed)
    lines = [f"{row['name']:16}{row['value']:12.1f} {row['unit']:5}{row['ratio']:9.3f} x ticks" for row in figures]
    show(options, {"area": "env", "device": "cpu", "rows": figures}, lines)
    return 0
