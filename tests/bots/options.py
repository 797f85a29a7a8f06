"""The options that every bot with a picture has, and SDL's dummy driver."""

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path


def windowless(parser: ArgumentParser, argv: list[str] | None, seed: int) -> Namespace:
    """The options of a bot that plays through pygame, with --out, a folder that is made, and --seed. Neither a window
    opens nor is sound heard, unless the environment says so. seed: the default."""
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=seed)
    options = parser.parse_args(argv)
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
    options.out.mkdir(parents=True, exist_ok=True)
    return options
