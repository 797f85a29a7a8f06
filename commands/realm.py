"""Verbs of the realm: play, simulate."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from commands.output import show
from common import folders
from common.early import check_slot_name

if TYPE_CHECKING:
    from perception.remote import Elsewhere

ROOT = Path(__file__).resolve().parents[1]


def simulate(options: argparse.Namespace) -> int:
    from game.realm.simulate import SimulateConfig, relive, simulate
    from training.progress import progress_bar

    if options.pictures is not None or options.at is not None:
        return pictures(options)
    if options.replay:
        if options.scenes or options.save_replay or options.workers > 1 or options.realms:
            raise ValueError(
                "--replay only lives through the log again; leave out --scenes, --save-replay, --realms and --workers"
            )
        result = relive(options.replay)
    else:
        played = options.ticks, options.seed, options.policy, "terse"
        files = options.scenes, options.save_replay, options.split
        with progress_bar() as report:
            result = simulate(SimulateConfig(*played, *files, options.realms, options.workers), report)
    show(
        options,
        result,
        [
            f"{result['ticks']} ticks at {result['ticks_per_s']:,.0f}/s",
            f"{result['scenes']} scenes at {result['scenes_per_s']:,.0f}/s",
            f"state hash {result['state_hash']}",
        ],
    )
    return 0


def pictures(options: argparse.Namespace) -> int:
    """What was to be seen at some ticks of a replay."""
    if options.replay is None or options.pictures is None or options.at is None:
        raise ValueError("--pictures DIR, --at TICKS and --replay FILE go together; give all three")
    os.environ["SDL_VIDEODRIVER"] = "dummy"
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    from game.journey.moments import write_moments
    from training.progress import progress_bar

    with progress_bar() as report:
        paths = write_moments(options.replay, options.pictures, options.at, report)
    show(options, {"pictures": [str(path) for path in paths]}, [str(path) for path in paths])
    return 0


def mind_elsewhere(options: argparse.Namespace) -> "Callable[[Path], Elsewhere] | None":
    """From a slot's folder to its mind on another machine; None without --mind. Raises ValueError."""
    if options.mind is None:
        for flag in ("mind_name", "mind_token", "mind_ca"):
            if getattr(options, flag) is not None:
                raise ValueError(f"--{flag.replace('_', '-')}: of a mind elsewhere; give --mind HOST:PORT, too")
        return None
    from common.line.address import read_address
    from common.line.loop import need_websockets
    from common.line.names import check_player_name
    from common.line.tls import client_tls
    from common.line.token import read_token
    from perception.remote import elsewhere

    need_websockets()
    address = read_address("--mind", options.mind)
    if options.mind_name is not None:
        check_player_name(options.mind_name)
    token = None if options.mind_token is None else read_token(options.mind_token)
    if options.mind_ca is not None and not address.tls:
        raise ValueError(f"--mind-ca: for TLS; give --mind tls://{address}, or leave it out")
    tls = client_tls(options.mind_ca, "--mind-ca") if address.tls else None
    return partial(elsewhere, address, options.mind_name, token, tls, folders.saves())


def play(options: argparse.Namespace) -> int:
    if options.save is not None:
        check_slot_name(options.save)
    elsewhere = mind_elsewhere(options)
    alone = {"--name": options.name, "--token": options.token, "--ca": options.ca, "--region": options.region}
    for flag, value in alone.items():
        if value is not None and options.join is None:
            raise ValueError(f"{flag}: goes with --join HOST:PORT; leave it out, or give both")
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    from game import start

    def command(model: str, folder: Path, seed: int) -> list[str]:
        """What starts a mind for a folder and a journey's seed."""
        mind = [sys.executable, str(ROOT / "main.py"), "mind", "--model", model, "--device", options.device]
        return [*mind, "--folder", str(folder), "--seed", str(seed)]

    def talking(folder: Path, seed: int) -> list[str]:
        return [*command(options.familiar, folder, seed), "--talk"]

    own, familiar = partial(command, options.model), None if options.familiar is None else talking
    if options.join is not None:
        return join(options, own, elsewhere, familiar)
    saves, home, scale = folders.saves(), folders.settings(), options.windowed_scale
    if options.replay is not None:
        if options.save is None or options.seed is not None:
            raise ValueError("--replay FILE: give the slot it goes on in, --save SLOT, and no --seed")
        from game.journey.save_slots import adopt

        adopt(saves / options.save, options.replay)
    if options.save is None and options.seed is None:
        start.title(saves, own, elsewhere, scale, home, old=ROOT / "saves", familiar=familiar)
    else:
        start.play(options.seed, saves / (options.save or "first"), own, elsewhere, scale, home, familiar=familiar)
    return 0


def join(
    options: argparse.Namespace,
    command: Callable[[Path, int], Sequence[str]],
    elsewhere: "Callable[[Path], Elsewhere] | None",
    familiar: Callable[[Path, int], Sequence[str]] | None,
) -> int:
    """Plays in a shared realm."""
    for flag in ("seed", "save", "replay"):
        if getattr(options, flag) is not None:
            raise ValueError(f"--join: the realm keeps your place by your name; leave out --{flag}")
    from common.line.address import read_address
    from common.line.token import read_token
    from game import start
    from game.shared.joining import own_name

    address = read_address("--join", options.join)
    name = options.name or own_name()
    token = read_token(options.token) if options.token is not None else None
    saves, home = folders.saves(), folders.settings()
    region = -1 if options.region is None else options.region
    windows = options.windowed_scale, home
    start.join(name, address, saves, command, elsewhere, token, options.ca, *windows, region=region, familiar=familiar)
    return 0
