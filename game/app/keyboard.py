"""The places of a keyboard, and what is printed there.

A binding names a place, so that keys which lie together stay together on every layout: "w" is the key above "s", though
a French keyboard has Z printed on it and a Russian one the letter tse. Labels follow the layout that is in use.
"""

from collections.abc import Callable
from functools import cache

import pygame as pg

from game.ui.font import letters

CODES: dict[str, int] = {name[2:].lower(): code for name, code in vars(pg).items() if name.startswith("K_")}
KEY_OF: dict[int, str] = {code: name for name, code in reversed(CODES.items())}  # what a key code says
_AS_KEYS = {"grave": "backquote", "apostrophe": "quote"}  # scancodes that are called otherwise than their keys
_SCANCODES = {name[6:].lower(): code for name, code in vars(pg).items() if name.startswith("KSCAN_") and code}
PLACE_OF: dict[int, str] = {code: _AS_KEYS.get(name, name) for name, code in reversed(_SCANCODES.items())}
PLACES: dict[str, int] = {name: code for code, name in PLACE_OF.items()}
# Places on which a character is printed: letters, digits, signs, and the keys that only some keyboards have.
PRINTED = frozenset((*range(4, 40), *range(45, 57), 100, *range(135, 145)))
# Characters that a key may have, ASCII first: Latin, Greek, Cyrillic, Hebrew, Arabic.
CHARACTERS = tuple(
    code
    for span in ((0x21, 0x7F), (0xA1, 0x180), (0x370, 0x500), (0x5D0, 0x5EB), (0x620, 0x64B))
    for code in range(*span)
)
SPOKEN = {
    "escape": "Esc",
    "return": "Enter",
    "kp_enter": "Enter",
    "lshift": "Shift",
    "rshift": "Right Shift",
    "lctrl": "Ctrl",
    "rctrl": "Right Ctrl",
    "lalt": "Alt",
    "pageup": "Page Up",
    "pagedown": "Page Down",
    "backspace": "Backspace",
    "comma": ",",
    "period": ".",
    "slash": "/",
    "minus": "-",
    "semicolon": ";",
    "nonusbackslash": "<",
}


def key_label(name: str) -> str:
    """What a key is called on the screen: "space" -> Space, "a" -> A, "kp_5" -> Pad 5."""
    if name.startswith("kp_") and name not in SPOKEN:
        name = "num " + name[3:]
    return SPOKEN.get(name, name.upper() if len(name) <= 3 and name not in ("up", "tab") else name.title())


def place_of(event: pg.Event) -> str:
    """The name of the place of a key event. An event without a place comes from an on-screen keyboard and counts by its
    key. Empty if that has no name either.
    """
    return PLACE_OF.get(getattr(event, "scancode", 0)) or KEY_OF.get(event.key, "")


def scancode_of(code: int) -> int:
    """Where a key code lies on the layout in use; 0 if nowhere."""
    return int(_scancodes()[code])


@cache
def _scancodes() -> pg.key.ScancodeWrapper:
    """Every scancode at its own place: indexed by a key code, pygame looks up the scancode (SDL_GetScancodeFromKey)."""
    return pg.key.ScancodeWrapper(range(512))  # type: ignore[arg-type]


class Layout:
    """What is printed on keys. scancode_of: where a key code lies; it is asked anew after `forget`."""

    def __init__(self, scancode_of: Callable[[int], int] = scancode_of) -> None:
        self._scancode_of = scancode_of
        self.version = 0  # counts how often the layout was looked up anew
        self._characters: dict[int, str] = {}

    def forget(self) -> None:
        """Looks everything up again: another layout is in use."""
        self._characters = {}
        self.version += 1

    def saw(self, event: pg.Event) -> None:
        """Takes a key event, which shows whether the layout is still the same."""
        place, code = getattr(event, "scancode", 0), event.key
        if place in PRINTED and code in CHARACTERS and self._table().get(place) != chr(code).upper():
            self.forget()

    def label(self, name: str) -> str:
        """What a place is called on the screen: the character printed there, if our font has it."""
        character = self._table().get(PLACES.get(name, 0), "")
        return character if character and character in letters() else key_label(name)

    def place_of_key(self, name: str) -> str:
        """The place of the key that says `name` on this layout; `name` itself if no key does."""
        return PLACE_OF.get(self._scancode_of(CODES[name]), name) if name in CODES else name

    def _table(self) -> dict[int, str]:
        if not self._characters:
            for code in reversed(CHARACTERS):
                place = self._scancode_of(code)
                if place in PRINTED:
                    self._characters[place] = chr(code).upper()
        return self._characters
