"""Gamepads: which are plugged in, and their events as buttons with one name each, whatever the pad.

A pad that SDL knows speaks through controller events (their buttons have a place, not a number); an unknown joystick is
read by the order of buttons most of them share. Triggers and the left stick count as buttons past a threshold.
Pads come and go at any time.
"""

from dataclasses import dataclass, field

import pygame as pg
from pygame._sdl2 import controller

PAD_BUTTONS = (  # in the order of SDL's controller buttons
    ("a", "b", "x", "y", "back", "guide", "start", "leftstick", "rightstick", "leftshoulder", "rightshoulder")
    + ("dpup", "dpdown", "dpleft", "dpright", "lefttrigger", "righttrigger")
)
PLAIN = ("a", "b", "x", "y", "leftshoulder", "rightshoulder", "back", "start", "guide", "leftstick", "rightstick")
_SHARED = {
    "guide": "Guide",
    "dpup": "D-Up",
    "dpdown": "D-Down",
    "dpleft": "D-Left",
    "dpright": "D-Right",
}
PAD_LABELS: dict[str, dict[str, str]] = {  # by make: what is printed on the buttons
    "": _SHARED
    | {"a": "A", "b": "B", "x": "X", "y": "Y", "back": "View", "start": "Menu", "leftstick": "LS", "rightstick": "RS"}
    | {"leftshoulder": "LB", "rightshoulder": "RB", "lefttrigger": "LT", "righttrigger": "RT"},
    "sony": _SHARED
    | {"a": "Cross", "b": "Circle", "x": "Square", "y": "Triangle", "back": "Share", "start": "Options"}
    | {"leftstick": "L3", "rightstick": "R3", "leftshoulder": "L1", "rightshoulder": "R1"}
    | {"lefttrigger": "L2", "righttrigger": "R2"},
}
MAKES = {"sony": ("playstation", "dualshock", "dualsense", "ps3", "ps4", "ps5", "sony")}
FULL = 32767  # an axis at its end
DEAD = 0.4  # of full: less than this is rest
PRESSED = 0.5  # of full: a trigger counts as pressed
WAYS = {"dpleft": (-1, 0), "dpright": (1, 0), "dpup": (0, -1), "dpdown": (0, 1)}
Press = tuple[str, bool]  # (button, pressed)


def make_of(name: str) -> str:
    """The key into PAD_LABELS for a pad's name."""
    lower = name.lower()
    return next((make for make, words in MAKES.items() if any(word in lower for word in words)), "")


@dataclass
class Pads:
    """The pads that are plugged in. style: the key into PAD_LABELS of the one that spoke last."""

    style: str = ""
    left: bool = False  # a pad was unplugged since the last look at this
    _open: dict[int, object] = field(default_factory=dict)  # instance id -> pad, kept so that it goes on speaking
    _styles: dict[int, str] = field(default_factory=dict)
    _known: set[int] = field(default_factory=set)  # instance ids that speak through controller events
    _axes: dict[tuple[int, int], float] = field(default_factory=dict)  # (instance id, 0 or 1) -> -1..1: the left stick
    _on: dict[int, set[str]] = field(default_factory=dict)  # instance id -> buttons that are down

    @staticmethod
    def start() -> None:
        """Lets pads be found. Without a joystick system there are none, and the keyboard goes on."""
        try:
            pg.joystick.init()
            controller.init()
        except pg.error:
            return

    def take(self, event: pg.Event) -> list[Press]:
        """Buttons that an event presses or lets go; the left stick tells its ways as dpad presses do in menus."""
        kind = event.type
        if kind == pg.JOYDEVICEADDED:
            self._plug(event.device_index)
        elif kind == pg.JOYDEVICEREMOVED:
            return self._unplug(event.instance_id)
        elif kind in (pg.CONTROLLERBUTTONDOWN, pg.CONTROLLERBUTTONUP):
            if 0 <= event.button < len(PAD_BUTTONS) - 2:
                return self._press(event.instance_id, PAD_BUTTONS[event.button], kind == pg.CONTROLLERBUTTONDOWN)
        elif kind == pg.CONTROLLERAXISMOTION:
            return self._axis(event.instance_id, event.axis, event.value / FULL)
        elif kind in (pg.JOYBUTTONDOWN, pg.JOYBUTTONUP, pg.JOYAXISMOTION, pg.JOYHATMOTION):
            return [] if event.instance_id in self._known else self._plain(event)
        return []

    def _plain(self, event: pg.Event) -> list[Press]:
        if event.type == pg.JOYAXISMOTION:
            return self._axis(event.instance_id, event.axis, event.value) if event.axis < 2 else []
        if event.type == pg.JOYHATMOTION:
            x, y = event.value[0], -event.value[1]
            ways = [(way, (dx != 0 and x == dx) or (dy != 0 and y == dy)) for way, (dx, dy) in WAYS.items()]
            return [press for way, on in ways for press in self._press(event.instance_id, way, on)]
        if event.button >= len(PLAIN):
            return []
        return self._press(event.instance_id, PLAIN[event.button], event.type == pg.JOYBUTTONDOWN)

    def _press(self, pad: int, name: str, on: bool) -> list[Press]:
        down = self._on.setdefault(pad, set())
        if (name in down) == on:
            return []
        (down.add if on else down.discard)(name)
        self.style = self._styles.get(pad, self.style)
        return [(name, on)]

    def _axis(self, pad: int, axis: int, value: float) -> list[Press]:
        if axis in (pg.CONTROLLER_AXIS_TRIGGERLEFT, pg.CONTROLLER_AXIS_TRIGGERRIGHT):
            name = "lefttrigger" if axis == pg.CONTROLLER_AXIS_TRIGGERLEFT else "righttrigger"
            return self._press(pad, name, value > PRESSED)
        if axis not in (0, 1):
            return []
        before = self._way(self._axes.get((pad, axis), 0.0))
        self._axes[pad, axis] = value
        now = self._way(value)
        if now == before:
            return []
        names = {0: {-1: "stickleft", 1: "stickright"}, 1: {-1: "stickup", 1: "stickdown"}}[axis]
        return [press for way in (before, now) if way for press in self._press(pad, names[way], way == now)]

    @staticmethod
    def _way(value: float) -> int:
        return (value > DEAD) - (value < -DEAD)

    def lean(self) -> tuple[int, int]:
        """Where the left sticks lean: (dx, dy), each -1, 0 or 1."""
        x = sum(self._way(value) for (_, axis), value in self._axes.items() if axis == 0)
        y = sum(self._way(value) for (_, axis), value in self._axes.items() if axis == 1)
        return max(-1, min(1, x)), max(-1, min(1, y))

    def release(self) -> None:
        """Lets go of every button and stick."""
        self._axes.clear()
        self._on.clear()

    def _plug(self, index: int) -> None:
        try:
            if controller.is_controller(index):
                pad = controller.Controller(index)
                stick = pad.as_joystick()
                self._known.add(stick.get_instance_id())
                self._open[stick.get_instance_id()] = pad
            else:
                stick = pg.joystick.Joystick(index)
                self._open[stick.get_instance_id()] = stick
            self._styles[stick.get_instance_id()] = make_of(stick.get_name())
        except pg.error:  # gone again before it was opened, or nothing that can be read
            return

    def _unplug(self, pad: int) -> list[Press]:
        self.left = True
        self._open.pop(pad, None)
        self._known.discard(pad)
        self._styles.pop(pad, None)
        for axis in (0, 1):
            self._axes.pop((pad, axis), None)
        return [(name, False) for name in sorted(self._on.pop(pad, ()))]
