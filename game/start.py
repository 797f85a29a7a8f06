"""From the command line to the game: opens the window, reads the settings, and hands the app its screens.

This is the composition root: the one place that knows the app, every screen, sound and minds.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from common.line.address import Address
from common.numbers import SEED_MAX
from game.app import app
from game.app.app_context import AppContext
from game.app.keyboard import Layout
from game.app.settings import load
from game.app.window import Window, open_display
from game.audio.player import open_sound
from game.audio.sound_bank import cache_folder
from game.journey.old_saves import OldSaves
from game.journey.save_slots import Slots
from game.journey.slot_card import read_card
from game.screens.registry import OPENERS
from game.screens.title import Title
from game.shared.joining import joined, place_folder
from perception.link import Line, Link, connect
from perception.remote import Elsewhere

Command = Callable[[Path, int], Sequence[str]]  # what starts a mind for a folder and a journey's seed
SAVING = 60.0  # s that it has to save: its weights are some hundred MB
FAMILIAR = "familiar"  # in a slot: the folder of the mind that speaks for it


def title(
    root: Path,
    command: Command,
    elsewhere: Callable[[Path], Elsewhere] | None = None,
    scale: int | None = None,
    home: Path | None = None,
    max_seconds: float | None = None,
    old: Path | None = None,
    familiar: Command | None = None,
) -> None:
    """Shows the title and plays until the player leaves. root: where the slots lie; command: what starts a mind for a
    slot's folder and a journey's seed; elsewhere: from a slot's folder to its mind on another machine instead; scale:
    of the window, None for the settings'; home: where settings lie, None for nowhere; max_seconds: leaves by itself
    then (s of real time); old: where an earlier version kept its slots, offered once; familiar: as command, of the mind
    that speaks for the familiar, None for the player's. Raises ValueError or OSError with one line.
    """
    make = minds(command, elsewhere), familiars(familiar)
    earlier = OldSaves(old, root) if old is not None else None
    app.run(
        with_title(open_context(scale, home), Slots(root), make[0], old=earlier, make_familiar=make[1]), max_seconds
    )


def play(
    seed: int | None,
    folder: Path,
    command: Command,
    elsewhere: Callable[[Path], Elsewhere] | None = None,
    scale: int | None = None,
    home: Path | None = None,
    max_seconds: float | None = None,
    familiar: Command | None = None,
) -> None:
    """Plays one slot without a title until the player leaves. seed None: goes on with the slot's journey, or seed 0;
    folder: the slot, where the journey, logs and screenshots go; the rest as for `title`. Raises ValueError or OSError
    with one line, SlotInUse while another game plays the slot.
    """
    if seed is not None and not 0 <= seed <= SEED_MAX:
        raise ValueError(f"seed {seed}: outside 0 to {SEED_MAX}")
    context = open_context(scale, home)  # before the mind: without a display nothing is begun
    one = app.App(
        context, minds(command, elsewhere), OPENERS, None, folder / "shots", make_familiar=familiars(familiar)
    )
    one.begin(folder, seed or 0, only=seed is not None)
    app.run(one, max_seconds)


def join(
    name: str,
    address: Address,
    root: Path,
    command: Command,
    elsewhere: Callable[[Path], Elsewhere] | None = None,
    token: bytes | None = None,
    authority: Path | None = None,
    scale: int | None = None,
    home: Path | None = None,
    max_seconds: float | None = None,
    region: int = -1,
    familiar: Command | None = None,
) -> None:
    """Plays in a shared realm until the player leaves. root: where the player's mind and pages lie, a folder for each
    realm and name; authority: who vouches for the realm's certificate; region: where a new name lives, -1 for any; the
    rest as for `play`. Raises ValueError or OSError with one line: LineError, at once, where nobody answers.
    """
    folder = root / place_folder(address, name)
    realm = joined(name, address, folder, token, authority, region)
    try:
        context = open_context(scale, home)
        make = minds(command, elsewhere), familiars(familiar)
        one = app.App(context, make[0], OPENERS, None, folder / "shots", make_familiar=make[1])
        one.join(folder, realm, realm.fellows, read_card(folder) is not None)
    except BaseException:
        realm.close()
        raise
    app.run(one, max_seconds)


def with_title(
    context: AppContext,
    slots: Slots,
    make_mind: app.MakeMind,
    now: Callable[[], float] = time.monotonic,
    old: OldSaves | None = None,
    make_familiar: app.MakeMind | None = None,
) -> app.App:
    """The app with the title, its slots and every screen; now: the clock by which minds are asked (s)."""

    def make_title(begin: app.Begin, leave: Callable[[], None]) -> Title:
        return Title(context, slots, begin, leave, old)

    return app.App(context, make_mind, OPENERS, make_title, slots.root / "shots", now, make_familiar)


def minds(command: Command, elsewhere: Callable[[Path], Elsewhere] | None) -> app.MakeMind:
    """What makes the mind of a slot."""

    def make_mind(folder: Path, seed: int) -> Line:
        return line_to(command(folder, seed), None if elsewhere is None else elsewhere(folder))

    return make_mind


def familiars(command: Command | None) -> app.MakeMind | None:
    """What makes the mind that speaks for the familiar of a slot, in a folder of its own there."""
    return None if command is None else lambda folder, seed: Link(command(folder / FAMILIAR, seed), saving=SAVING)


def open_context(scale: int | None, home: Path | None) -> AppContext:
    """A window as the settings want it, and sound, which gets ready by itself. Raises NoDisplay."""
    open_display()  # so that the keyboard's layout is known
    settings, faults = load(home, Layout().place_of_key) if home is not None else (None, [])
    multiple = scale or (settings.scale if settings else 2)
    context = AppContext(Window(bool(settings and settings.fullscreen), multiple), settings, home)
    context.sound = open_sound(context.settings, cache_folder() if home is not None else None, context.note)
    for fault in faults:
        context.note(fault)
    return context


def line_to(command: Sequence[str], elsewhere: Elsewhere | None) -> Line:
    """A mind of our own, or one on another machine; not yet started."""
    return Link(command) if elsewhere is None else connect(elsewhere)
