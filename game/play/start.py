"""From the command line to the game: a world from a seed, a mind by command or by address, a window."""

from collections.abc import Sequence
from pathlib import Path

from game.play.app import Options, run
from game.realm.world import new_world
from perception.link import Line, Link, connect


def play(seed: int, folder: Path, command: Sequence[str], address: str | None = None, scale: int = 2) -> None:
    """Plays until the player leaves. folder: where logs and screenshots go; command: what starts a mind;
    address: HOST:PORT of a mind elsewhere instead. Raises ValueError or OSError with one line for the player.
    """
    line = line_to(command, address)
    options = Options(seed, folder / "log.msgpack", folder / "shots", scale=scale)
    with line:  # starts it at once: it loads while the ground is baked
        run(new_world(seed), line, options)


def line_to(command: Sequence[str], address: str | None) -> Line:
    """A mind of our own, or the one at HOST:PORT; not yet started."""
    if address is None:
        return Link(command)
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"--mind {address}: not an address; give HOST:PORT, as in 127.0.0.1:7777")
    return connect(host.strip("[]"), int(port))
