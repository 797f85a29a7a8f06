"""From the command line to the game: a window, a mind by command or by address, a world from a seed or a saved slot."""

from collections.abc import Sequence
from pathlib import Path

from game.play.app import Options, run, welcome
from game.play.screen import Screen
from game.play.slot import resume
from game.realm.world import new_world
from perception.link import Line, Link, connect


def play(seed: int | None, folder: Path, command: Sequence[str], address: str | None = None, scale: int = 2) -> None:
    """Plays until the player leaves. seed None: goes on with the slot's journey, or seed 0; folder: the slot, where
    the journey, logs and screenshots go; command: what starts a mind; address: HOST:PORT of a mind elsewhere instead.
    Raises ValueError or OSError with one line for the player.
    """
    line = line_to(command, address)
    screen = Screen(scale=scale)  # before the mind: without a display nothing is begun
    welcome(screen)
    with line:  # starts it at once: it loads while the ground is baked
        past, note = resume(folder, seed)
        world = past.replay() if past else new_world(seed or 0)
        options = Options(world.seed, folder / "log.msgpack", folder / "shots", folder, scale=scale)
        run(world, line, options, screen, past, note)


def line_to(command: Sequence[str], address: str | None) -> Line:
    """A mind of our own, or the one at HOST:PORT; not yet started."""
    if address is None:
        return Link(command)
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"--mind {address}: not an address; give HOST:PORT, as in 127.0.0.1:7777")
    return connect(host.strip("[]"), int(port))
