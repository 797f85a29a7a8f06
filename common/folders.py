"""Where this platform keeps what a game writes for its player."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

NAME = "second-sight"
Bases = Mapping[str, tuple[str, str]]
# sys.platform ("" for all others) -> (the variable that names the folder, that folder below home where it isn't set)
CONFIG: Bases = {
    "win32": ("APPDATA", "AppData/Roaming"),
    "darwin": ("", "Library/Application Support"),
    "": ("XDG_CONFIG_HOME", ".config"),
}
CACHE: Bases = {
    "win32": ("LOCALAPPDATA", "AppData/Local"),
    "darwin": ("", "Library/Caches"),
    "": ("XDG_CACHE_HOME", ".cache"),
}


def folder(
    bases: Bases, system: str = sys.platform, env: Mapping[str, str] = os.environ, home: Path | None = None
) -> Path:
    """This game's folder for settings (CONFIG) or for what can be made again (CACHE)."""
    variable, below = bases.get(system, bases[""])
    home = Path(os.path.expanduser("~")) if home is None else home
    return Path(env.get(variable) or home / below) / NAME
