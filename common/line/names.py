"""Names of players: plain enough to be the name of a folder on every system, and to be read aloud."""

import re

NAME_MAX = 24
PLAIN = re.compile(rf"[A-Za-z][A-Za-z0-9_-]{{0,{NAME_MAX - 1}}}")
DEVICES = re.compile(r"(?i)con|prn|aux|nul|com\d|lpt\d")  # names that Windows keeps for devices


def check_player_name(name: str) -> None:
    """Raises ValueError with what is wrong with a name and what is right."""
    if not PLAIN.fullmatch(name) or DEVICES.fullmatch(name):
        printable = "".join(mark if mark.isprintable() else "?" for mark in name[: 2 * NAME_MAX])
        raise ValueError(
            f"{printable!r} is no name for a player: take a letter first, then letters, digits, - and _, {NAME_MAX} "
            "in all, and no name of a device"
        )
