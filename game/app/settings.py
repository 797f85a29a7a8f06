"""The player's settings: one frozen object, and the file it lies in.

The file is TOML, written whole, where the platform keeps settings. A broken file is moved aside, and a line says so. An
entry that can't be understood gets its default, with one line each. Unknown entries are left out.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from common import folders
from common.files import make_folder, write_whole
from game.app.bindings import FIXED, KEYS, PAD, TITLES, Names
from game.app.keyboard import PLACES
from game.app.pad import PAD_BUTTONS

CHOICES: dict[str, tuple[str, ...]] = {
    "text_size": ("small", "medium", "large"),
    "text_speed": ("slow", "normal", "fast", "at once"),
    "away": ("play on", "pause"),
}
RANGES = {"music": (0, 10), "effects": (0, 10), "interface": (0, 10), "scale": (1, 6), "dead_zone": (1, 9)}
ZOOM = {"small": 1.0, "medium": 1.5, "large": 2.0}
LETTERS_PER_S = {"slow": 28.0, "normal": 55.0, "fast": 120.0, "at once": 1e9}
LARGEST_FILE = 2**16  # bytes
MOST_NAMES = 2  # keys per command
NAME = "settings.toml"
PLACES_NAMED = "places"  # how a file names keys; older ones had what the keys said
ESSENTIAL = ("left", "right", "up", "down", "act", "attend", "rest")  # a command that must keep a key


@dataclass(frozen=True)
class Settings:
    """Every setting. music, effects, interface: loudness 0..10; scale: window in multiples of 640 x 360; whole: scale
    by whole numbers only; calm: less motion and flashing; safe: hues and shapes that any eye tells apart; away: what
    happens when the window loses the focus; pads: gamepads are listened to; dead_zone: tenths of a stick's way that
    count as rest; keys, pad: names by command.
    """

    text_size: str = "small"
    text_speed: str = "normal"
    speech_waits: bool = False
    music: int = 6
    effects: int = 8
    interface: int = 6
    calm: bool = False
    safe: bool = False
    whole: bool = False
    scale: int = 2
    fullscreen: bool = False
    away: str = "play on"
    pads: bool = True
    dead_zone: int = 4
    keys: Mapping[str, Names] = field(default_factory=lambda: MappingProxyType(dict(KEYS)))
    pad: Mapping[str, Names] = field(default_factory=lambda: MappingProxyType(dict(PAD)))

    @property
    def zoom(self) -> float:
        """How much larger than small the text is."""
        return ZOOM[self.text_size]

    @property
    def letters_per_s(self) -> float:
        """How fast speech appears."""
        return LETTERS_PER_S[self.text_speed]


def folder() -> Path:
    """Where this platform keeps settings."""
    return folders.settings()


def to_toml(settings: Settings) -> str:
    """The file's text."""
    lines = []
    for item in fields(settings):
        value = getattr(settings, item.name)
        if isinstance(value, str):
            lines.append(f'{item.name} = "{value}"')
        elif isinstance(value, bool):
            lines.append(f"{item.name} = {str(value).lower()}")
        elif isinstance(value, int):
            lines.append(f"{item.name} = {value}")
    lines.append(f'keys_are = "{PLACES_NAMED}"')
    for table in ("keys", "pad"):
        lines.append(f"\n[{table}]")
        for command, names in getattr(settings, table).items():
            lines.append(f"{command} = [" + ", ".join(f'"{name}"' for name in names) + "]")
    return "\n".join(lines) + "\n"


def from_toml(text: str, place_of_key: Callable[[str], str] = str) -> tuple[Settings, list[str]]:
    """(settings, one line for each entry that isn't right). Raises ValueError if it is no TOML at all.

    place_of_key: where a key lies on this keyboard, for files of older versions, which named keys by what they say.
    """
    try:
        data = tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if data.get("keys_are") != PLACES_NAMED and isinstance(data.get("keys"), dict):
        data["keys"] = {command: _moved(command, names, place_of_key) for command, names in data["keys"].items()}
    values: dict[str, Any] = {}
    faults = []
    for item in fields(Settings):
        if item.name not in data:
            continue
        value, fault = _checked(item.name, data[item.name])
        if fault:
            faults.append(fault)
        if value is not None:
            values[item.name] = value
    return Settings(**values), faults


def _moved(command: str, names: Any, place_of_key: Callable[[str], str]) -> Any:
    """A command's keys by their places. Keys that were never changed are the places of an American keyboard."""
    if not isinstance(names, list) or tuple(names) == KEYS.get(command):
        return names
    return [place_of_key(name) if isinstance(name, str) else name for name in names]


def _checked(name: str, value: Any) -> tuple[Any, str]:
    """(the value or None for the default, what is wrong with it or nothing)."""
    if name in ("keys", "pad"):
        return _bindings(name, value)
    if name in CHOICES:
        right = isinstance(value, str) and value in CHOICES[name]
        return (value, "") if right else (None, f"{name}: one of {', '.join(CHOICES[name])}")
    if name in RANGES:
        low, high = RANGES[name]
        right = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return (value, "") if right else (None, f"{name}: a whole number from {low} to {high}")
    return (value, "") if isinstance(value, bool) else (None, f"{name}: true or false")


def _bindings(table: str, value: Any) -> tuple[Any, str]:
    """A table of bindings over the defaults; a name is bound once, to the first command that has it."""
    standard, known = (KEYS, PLACES.keys()) if table == "keys" else (PAD, set(PAD_BUTTONS))
    if not isinstance(value, dict):
        return None, f"{table}: a table of lists of names"
    bound: dict[str, Names] = {}
    wrong = []
    for command in TITLES:
        names = value.get(command, list(standard.get(command, ())))
        if not isinstance(names, list) or not all(isinstance(name, str) and name in known for name in names):
            wrong.append(command)
            names = list(standard.get(command, ()))
        taken = {name for other in bound.values() for name in other}
        fit = [n for n in dict.fromkeys(names) if n not in taken and FIXED.get(n, command) == command]
        bound[command] = tuple(fit[:MOST_NAMES])
    if table == "keys" and any(not bound[command] for command in ESSENTIAL):
        return None, "keys: a command that is needed has no key"
    bound["menu"] = bound["menu"] or standard["menu"]
    full = MappingProxyType({command: names for command, names in bound.items() if names or command in standard})
    return full, f"{table}: unknown name at {', '.join(wrong)}" if wrong else ""


def rebind(settings: Settings, table: str, command: str, slot: int, name: str) -> tuple[Settings, str]:
    """Binds a name to a command's slot (0 or 1); "" clears the slot. The command that had the name gets what the slot
    held before.

    Returns (settings, a line for the player). The settings are the same where it can't be done.
    """
    bound = dict(getattr(settings, table))
    mine = [*bound.get(command, ()), "", ""][:MOST_NAMES]
    before = mine[slot]
    if FIXED.get(before) == command:
        return settings, "That one always opens the menu"
    if name in FIXED:
        return settings, "That one is kept for the menu"
    mine[slot] = name
    line = ""
    if name in bound.get(command, ()) and name != before:  # swapped within the command
        mine[1 - slot] = before
    other = next((key for key, names in bound.items() if name and name in names and key != command), None)
    if other is not None:
        bound[other] = tuple(n for n in (before if n == name else n for n in bound[other]) if n)
        line = f"{TITLES[other]} has " + ("the other one now" if before else "lost it")
    bound[command] = tuple(n for n in dict.fromkeys(mine) if n)
    if table == "keys":
        empty = next((key for key in ESSENTIAL if not bound.get(key)), None)
        if empty is not None:
            return settings, f"{TITLES[empty]} would be left without a key"
    standard = KEYS if table == "keys" else PAD
    full = {key: names for key, names in bound.items() if names or key in standard}
    frozen = MappingProxyType(full)
    return (replace(settings, keys=frozen) if table == "keys" else replace(settings, pad=frozen)), line


def load(where: Path, place_of_key: Callable[[str], str] = str) -> tuple[Settings, list[str]]:
    """(the settings in a folder, lines for the player). A file that is no TOML is moved aside; nothing is raised.

    place_of_key: as for `from_toml`.
    """
    path = where / NAME
    try:
        if not path.exists():
            return Settings(), []
        if path.stat().st_size > LARGEST_FILE:
            raise ValueError(f"larger than {LARGEST_FILE} bytes")
        settings, faults = from_toml(path.read_bytes().decode("utf-8"), place_of_key)
        return settings, [f"Settings: {fault}; the default is used" for fault in faults]
    except OSError as error:
        return Settings(), [f"Settings can't be read: {error.strerror or error}; the defaults are used"]
    except ValueError:  # no TOML, no UTF-8, too large
        try:
            path.replace(where / f"{NAME}.broken")
        except OSError as error:
            return Settings(), [f"Settings are broken and can't be moved aside: {error.strerror or error}"]
        return Settings(), [f"Settings were broken: they lie as {NAME}.broken now, the defaults are used"]


def save(settings: Settings, where: Path) -> str:
    """Writes the file whole; returns a line for the player if that failed, else nothing."""
    try:
        make_folder(where)
        write_whole(where / NAME, to_toml(settings).encode())
    except OSError as error:
        return f"Settings can't be saved: {error}"
    return ""
