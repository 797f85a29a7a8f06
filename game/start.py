"""From the command line to the game: a window, settings, then the title; or straight into a slot that has a name."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pygame as pg

from game.app import app
from game.app.app_context import AppContext
from game.app.game_loop import Options, run, welcome
from game.app.settings import load
from game.app.window import Window
from game.audio.player import open_sound
from game.audio.sound_bank import cache_folder
from game.journey.save_slots import Slots, resume
from game.realm.world import new_world
from perception.link import Line, Link, connect


def title(
    root: Path,
    command: Callable[[Path, int], Sequence[str]],
    address: str | None = None,
    scale: int | None = None,
    home: Path | None = None,
    max_seconds: float | None = None,
) -> None:
    """Shows the title and plays until the player leaves. root: where the slots lie; command: what starts a mind for a
    slot's folder and a journey's seed; address: HOST:PORT of a mind elsewhere instead; scale: of the window, None for
    the settings'; home: where settings lie, None for nowhere. Raises ValueError or OSError with one line.
    """
    line_to((), address)  # a wrong address is said before a window opens
    context = open_context(scale, home)

    def make(folder: Path, seed: int) -> Line:
        return line_to(command(folder, seed), address)

    app.run(app.App(context, Slots(root), make), max_seconds)


def play(
    seed: int | None,
    folder: Path,
    command: Sequence[str],
    address: str | None = None,
    scale: int | None = None,
    home: Path | None = None,
) -> None:
    """Plays one slot without a title until the player leaves. seed None: goes on with the slot's journey, or seed 0;
    folder: the slot, where the journey, logs and screenshots go; the rest as for `title`.
    """
    line = line_to(command, address)
    context = open_context(scale, home)  # before the mind: without a display nothing is begun
    welcome(context.window)
    try:
        with line:  # starts it at once: it loads while the ground is baked
            past, note = resume(folder, seed)
            world = past.replay() if past else new_world(seed or 0)
            options = Options(world.seed, folder / "log.msgpack", folder / "shots", folder)
            run(world, line, options, past=past, note=note, context=context)
            pg.display.quit()  # the mind may take a while to save
    finally:
        pg.display.quit()
        context.keep()
        if context.sound is not None:
            context.sound.close()


def open_context(scale: int | None, home: Path | None) -> AppContext:
    """A window as the settings want it, and sound, which gets ready by itself. Raises NoDisplay."""
    settings, faults = load(home) if home is not None else (None, [])
    wanted = scale or (settings.scale if settings else 2)
    context = AppContext(Window(bool(settings and settings.fullscreen), wanted), settings, home)
    context.sound = open_sound(context.settings, cache_folder() if home is not None else None, context.note)
    for fault in faults:
        context.note(fault)
    return context


def line_to(command: Sequence[str], address: str | None) -> Line:
    """A mind of our own, or the one at HOST:PORT; not yet started."""
    if address is None:
        return Link(command)
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"--mind {address}: not an address; give HOST:PORT, as in 127.0.0.1:7777")
    return connect(host.strip("[]"), int(port))
