"""Keys and buttons to commands. What is down is known from events alone, so that posted events work like real ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pygame as pg

from game.app.bindings import (
    ANYWHERE,
    FIXED,
    FIXED_BUTTON,
    KEYS,
    MENU_KEYS,
    MENU_PAD,
    PAD,
    TITLES,
    WALK,
    Names,
)
from game.app.keyboard import Layout, key_label, place_of
from game.app.pad import PAD_LABELS, Pads


def labels_of(
    keys: Mapping[str, Names],
    pad: Mapping[str, Names] | None = None,
    style: str = "",
    label: Callable[[str], str] = key_label,
) -> dict[str, str]:
    """What hints call each command: its first key, or with `pad` its first button. A command without a button gets that
    of the menu, which lists it. The commands of menus, which nobody binds, are there too: arrows, enter, back, next,
    erase. label: what a place is called.
    """
    names = {command: label(keys[command][0]) if keys.get(command) else "-" for command in TITLES}
    walk = [keys.get(command, ("",))[0] for command in WALK]
    names["walk"] = "Arrows" if walk == ["left", "right", "up", "down"] else "".join(names[command] for command in WALK)
    names |= {"arrows": "Arrows", "enter": "Enter", "back": "Esc", "next": label(MENU_KEYS["next"][1]), "erase": "Del"}
    if pad is not None:
        printed = PAD_LABELS.get(style, PAD_LABELS[""])
        names |= {command: printed[(pad.get(command) or FIXED_BUTTON)[0]] for command in TITLES}
        names |= {"walk": "Stick", "arrows": "Stick"}
        names |= {command: printed[MENU_PAD[command][0]] for command in ("enter", "back", "next", "erase")}
    return names


LABELS = labels_of(KEYS)  # what is in use until the player changes it, on an American keyboard


@dataclass
class Keys:
    """Which keys and buttons are down, which device spoke last, and what was asked for."""

    keys: Mapping[str, Names] = field(default_factory=lambda: KEYS)
    pad: Mapping[str, Names] = field(default_factory=lambda: PAD)
    down: set[str] = field(default_factory=set)  # keys by place, buttons as "pad:NAME"
    quit: bool = False
    pads: Pads = field(default_factory=Pads)
    away: bool = False  # the window has lost the focus
    by_pad: bool = False  # the device used last
    layout: Layout = field(default_factory=Layout)
    _labels: tuple[tuple[bool, str, int], dict[str, str]] | None = None  # with what they were made for
    _pressed: dict[int, str] = field(default_factory=dict)  # scancode (or minus the key code) -> what went down

    def bind(self, keys: Mapping[str, Names], pad: Mapping[str, Names]) -> None:
        """Uses other bindings from now on, and lets go of everything."""
        self.keys, self.pad, self._labels = keys, pad, None
        self.release()

    def release(self) -> None:
        """Lets go of everything."""
        self.down.clear()
        self._pressed.clear()
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
        elif event.type == pg.KEYMAPCHANGED:
            self.layout.forget()
        elif event.type in (pg.KEYDOWN, pg.KEYUP):
            return self._key(event, menu)
        else:
            return self._button(event, menu)
        return []

    def _key(self, event: pg.Event, menu: bool) -> list[str]:
        # A key is let go by where it lies: what it says may have changed with the layout while it was down.
        switch = getattr(event, "scancode", 0) or -event.key
        if event.type == pg.KEYUP:
            self.down.discard(self._pressed.pop(switch, place_of(event)))
            return []
        self.layout.saw(event)
        name = place_of(event)
        if name in self.down:
            return []
        self.down.add(name)
        self._pressed[switch] = name
        self.by_pad = self.away = False
        return self._meant(name, self.keys, MENU_KEYS if menu else None)

    def _button(self, event: pg.Event, menu: bool) -> list[str]:
        commands: list[str] = []
        for name, pressed in self.pads.take(event):
            if not pressed:
                self.down.discard(f"pad:{name}")
            elif f"pad:{name}" not in self.down and not self.away:
                self.down.add(f"pad:{name}")
                self.by_pad = True
                commands += self._meant(name, self.pad, MENU_PAD if menu else None)
        return commands

    @staticmethod
    def _meant(name: str, bound: Mapping[str, Names], menu: Mapping[str, Names] | None) -> list[str]:
        if menu is None:
            if name in FIXED:
                return [FIXED[name]]
            return [command for command, names in bound.items() if name in names]
        if in_menus := [command for command, names in menu.items() if name in names]:
            return in_menus
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
        """What hints name: keys or buttons, by the device that was used last. Made anew only when something changed."""
        state = (self.by_pad, self.pads.style, self.layout.version)
        if self._labels is None or self._labels[0] != state:
            pad = self.pad if self.by_pad else None
            self._labels = state, labels_of(self.keys, pad, self.pads.style, self.layout.label)
        return self._labels[1]
