"""Keys and buttons to commands. What is down is tracked from events alone, so that posted events work like real ones.

A binding is a name that a settings file can hold: a key is pygame's constant without its K_ in lower case ("a",
"space"), a button one of PAD_BUTTONS. Esc and Start always open the menu: nobody can lock themselves out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pygame as pg

from game.app.pad import PAD_LABELS, Pads

Names = tuple[str, ...]
WALK = ("left", "right", "up", "down")
HELD = (*WALK, "attend")  # commands that last as long as the key is down
TITLES = {  # every command that can be bound, as the player reads it
    "left": "Walk left",
    "right": "Walk right",
    "up": "Walk up",
    "down": "Walk down",
    "act": "Ask, touch, rest",
    "look": "Look",
    "name": "Name what you sense",
    "attend": "Attend (hold)",
    "rest": "Rest and dream",
    "skip": "Speech: go on",
    "heads": "Your heads",
    "mode": "Heads: another view",
    "point": "Heads: point at one",
    "codex": "Codex",
    "quests": "Errands",
    "photo": "Photo",
    "send": "Send the familiar",
    "eyes": "Borrow eyes",
    "log": "Write the head diff",
    "shot": "Screenshot",
    "full": "Full screen",
    "menu": "Menu",
}
KEYS: dict[str, Names] = {
    "left": ("left", "a"),
    "right": ("right", "d"),
    "up": ("up", "w"),
    "down": ("down", "s"),
    "act": ("e",),
    "look": ("q", "l"),
    "name": ("n",),
    "attend": ("space",),
    "rest": ("r",),
    "skip": ("return", "kp_enter"),
    "heads": ("tab",),
    "mode": ("m",),
    "point": ("g",),
    "codex": ("c",),
    "quests": ("j",),
    "photo": ("p",),
    "send": ("f",),
    "eyes": ("b",),
    "log": ("f2",),
    "shot": ("f12",),
    "full": ("f11",),
    "menu": ("escape",),
}
PAD: dict[str, Names] = {
    "left": ("dpleft",),
    "right": ("dpright",),
    "up": ("dpup",),
    "down": ("dpdown",),
    "act": ("a",),
    "look": ("x",),
    "name": ("y",),
    "attend": ("righttrigger",),
    "rest": ("lefttrigger",),
    "skip": ("b",),
    "heads": ("leftshoulder",),
    "mode": ("rightshoulder",),
    "codex": ("back",),
    "quests": ("leftstick",),
    "photo": ("rightstick",),
    "menu": ("start",),
}
FIXED = {"escape": "menu", "start": "menu"}  # never bound to anything else
FIXED_BUTTON = ("start",)
MENU_KEYS: dict[str, Names] = {  # in menus, whatever is bound
    "up": ("up", "w", "kp_8"),
    "down": ("down", "s", "kp_2"),
    "left": ("left", "a", "kp_4"),
    "right": ("right", "d", "kp_6"),
    "enter": ("return", "kp_enter", "space"),
    "back": ("escape", "backspace"),
    "erase": ("delete",),
    "previous": ("pageup", "q"),
    "next": ("pagedown", "e"),
}
MENU_PAD: dict[str, Names] = {
    "up": ("dpup", "stickup"),
    "down": ("dpdown", "stickdown"),
    "left": ("dpleft", "stickleft"),
    "right": ("dpright", "stickright"),
    "enter": ("a",),
    "back": ("b", "start"),
    "erase": ("x",),
    "previous": ("leftshoulder",),
    "next": ("rightshoulder",),
}
ANYWHERE = ("log", "shot", "full", "codex", "quests", "name", "photo", "point")  # work in menus too: some shut theirs
CODES: dict[str, int] = {name[2:].lower(): code for name, code in vars(pg).items() if name.startswith("K_")}
KEY_OF: dict[int, str] = {code: name for name, code in reversed(CODES.items())}
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
}


def key_label(name: str) -> str:
    """What a key is called on the screen: "space" -> Space, "a" -> A, "kp_5" -> Pad 5."""
    if name.startswith("kp_") and name not in SPOKEN:
        name = "num " + name[3:]
    return SPOKEN.get(name, name.upper() if len(name) <= 3 and name not in ("up", "tab") else name.title())


def labels_of(keys: Mapping[str, Names], pad: Mapping[str, Names] | None = None, style: str = "") -> dict[str, str]:
    """What to name in hints for each command: its first key, or with `pad` its first button, where it has none that of
    the menu, which lists it; and for those of menus, which nobody binds: arrows, enter, back, next, erase."""
    told = {}
    for command in TITLES:
        names = keys.get(command, ())
        told[command] = key_label(names[0]) if names else "-"
        if pad is not None:
            told[command] = PAD_LABELS.get(style, PAD_LABELS[""])[(pad.get(command) or FIXED_BUTTON)[0]]
    walk = [keys.get(command, ("",))[0] for command in WALK]
    told["walk"] = "Arrows" if walk == ["left", "right", "up", "down"] else "".join(told[way] for way in WALK)
    told |= {"arrows": "Arrows", "enter": "Enter", "back": "Esc", "next": "E", "erase": "Del"}
    if pad is not None:
        printed = PAD_LABELS.get(style, PAD_LABELS[""])
        told |= {"walk": "Stick", "arrows": "Stick"}
        told |= {command: printed[MENU_PAD[command][0]] for command in ("enter", "back", "next", "erase")}
    return told


LABELS = labels_of(KEYS)  # what is in use until the player changes it


@dataclass
class Keys:
    """Which keys and buttons are down, which device spoke last, and what was asked for."""

    keys: Mapping[str, Names] = field(default_factory=lambda: KEYS)
    pad: Mapping[str, Names] = field(default_factory=lambda: PAD)
    down: set[str] = field(default_factory=set)  # keys by name, buttons as "pad:NAME"
    quit: bool = False
    pads: Pads = field(default_factory=Pads)
    away: bool = False  # the window has lost the focus
    by_pad: bool = False  # the device used last

    def bind(self, keys: Mapping[str, Names], pad: Mapping[str, Names]) -> None:
        """Other bindings from now on; what is down is let go."""
        self.keys, self.pad = keys, pad
        self.release()

    def release(self) -> None:
        """Lets go of everything."""
        self.down.clear()
        self.pads.release()

    def take(self, event: pg.Event, menu: bool = False) -> list[str]:
        """The commands of one event, usually none or one; menu: those of menus instead of those of play."""
        if event.type == pg.QUIT:
            self.quit = True
        elif event.type == pg.WINDOWFOCUSLOST:
            self.away = True
            self.release()
        elif event.type == pg.WINDOWFOCUSGAINED:
            self.away = False
        elif event.type in (pg.KEYDOWN, pg.KEYUP):
            return self._key(event, menu)
        else:
            return self._button(event, menu)
        return []

    def _key(self, event: pg.Event, menu: bool) -> list[str]:
        name = KEY_OF.get(event.key, "")
        if event.type == pg.KEYUP:
            self.down.discard(name)
            return []
        if name in self.down:
            return []
        self.down.add(name)
        self.by_pad = self.away = False
        return self._meant(name, self.keys, MENU_KEYS if menu else None)

    def _button(self, event: pg.Event, menu: bool) -> list[str]:
        told: list[str] = []
        for name, pressed in self.pads.take(event):
            if not pressed:
                self.down.discard(f"pad:{name}")
            elif f"pad:{name}" not in self.down and not self.away:
                self.down.add(f"pad:{name}")
                self.by_pad = True
                told += self._meant(name, self.pad, MENU_PAD if menu else None)
        return told

    @staticmethod
    def _meant(name: str, bound: Mapping[str, Names], menu: Mapping[str, Names] | None) -> list[str]:
        if menu is None:
            if name in FIXED:
                return [FIXED[name]]
            return [command for command, names in bound.items() if name in names]
        if found := [command for command, names in menu.items() if name in names]:
            return found
        return [command for command in ANYWHERE if name in bound.get(command, ())]

    def held(self, command: str) -> bool:
        """True while a key or a button of this command is down."""
        return any(name in self.down for name in self.keys.get(command, ())) or any(
            f"pad:{name}" in self.down for name in self.pad.get(command, ())
        )

    def walking(self) -> tuple[int, int]:
        """(dx, dy), each -1, 0 or 1."""
        dx = self.held("right") - self.held("left")
        dy = self.held("down") - self.held("up")
        lean = self.pads.lean()
        return dx or lean[0], dy or lean[1]

    @property
    def attending(self) -> bool:
        """True while the key for attending is held."""
        return self.held("attend")

    def labels(self) -> dict[str, str]:
        """What hints name: keys or buttons, by the device that was used last."""
        return labels_of(self.keys, self.pad if self.by_pad else None, self.pads.style)
