"""Gamepads: which ones are plugged in, and their events as buttons with one name each, whatever the pad.

A pad that SDL knows sends controller events, whose buttons have a place instead of a number. An unknown joystick is
read by the order of buttons that most of them share. Triggers and the left stick count as buttons past a threshold.
Pads come and go at any time.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

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
DEAD = 0.4  # of full: less than this is rest, unless the player chose otherwise
PRESSED = 0.5  # of full: a trigger counts as pressed
FRESH = 0.5  # s after a pad was plugged in: what its axes say then is where they rest
RESTED = 1.0  # s at rest after which an axis that seemed to lean when it was plugged in is believed
STICKS = {0: {-1: "stickleft", 1: "stickright"}, 1: {-1: "stickup", 1: "stickdown"}}  # the left one's axes
TRIGGERS = {pg.CONTROLLER_AXIS_TRIGGERLEFT: "lefttrigger", pg.CONTROLLER_AXIS_TRIGGERRIGHT: "righttrigger"}
WAYS = {"dpleft": (-1, 0), "dpright": (1, 0), "dpup": (0, -1), "dpdown": (0, 1)}
Press = tuple[str, bool]  # (button, pressed)


def make_of(name: str) -> str:
    """The key into PAD_LABELS for a pad's name."""
    lower = name.lower()
    return next((make for make, words in MAKES.items() if any(word in lower for word in words)), "")


@dataclass
class Axis:
    """The axis of a stick or a trigger. value: -1..1; rested: it has been at rest; muted: it leaned when the pad was
    plugged in, and counts for nothing until it has rested. Such an axis belongs to a worn stick, or to a trigger that
    counts as a stick.
    """

    value: float = 0.0
    rested: bool = False
    muted: bool = False
    _since: float = 0.0  # when it came to rest (s)

    def take(self, value: float, rest: float, now: float) -> None:
        """Takes a new value. rest: smaller values count as rest; now: s."""
        was = abs(self.value) <= rest
        if self.muted and was and self.rested and now - self._since >= RESTED:
            self.muted = False
        if abs(value) <= rest and not (was and self.rested):
            self.rested, self._since = True, now
        self.value = value


@dataclass
class Pads:
    """The pads that are plugged in. style: the key into PAD_LABELS of the one that spoke last."""

    style: str = ""
    left: bool = False  # a pad was unplugged since the last look at this
    _open: dict[int, Any] = field(default_factory=dict)  # instance id -> pad, kept so that it goes on speaking
    _styles: dict[int, str] = field(default_factory=dict)
    _known: set[int] = field(default_factory=set)  # instance ids that speak through controller events
    on: bool = True  # pads are listened to
    dead: float = DEAD
    now: Callable[[], float] = time.monotonic  # s
    _plugged: dict[int, float] = field(default_factory=dict)  # instance id -> when (s)
    _axes: dict[tuple[int, int], Axis] = field(default_factory=dict)  # (instance id, number) -> stick or trigger
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
        """The buttons that an event presses or lets go. The left stick counts as four buttons, for menus."""
        kind = event.type
        if kind == pg.JOYDEVICEADDED:
            self._plug(event.device_index)
        elif kind == pg.JOYDEVICEREMOVED:
            return self._unplug(event.instance_id)
        elif not self.on:
            return []
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
            ways = [(direction, (dx != 0 and x == dx) or (dy != 0 and y == dy)) for direction, (dx, dy) in WAYS.items()]
            return [press for direction, on in ways for press in self._press(event.instance_id, direction, on)]
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

    def _axis(self, pad: int, number: int, value: float) -> list[Press]:
        if number in TRIGGERS:
            axis = self._moved(pad, number, value, PRESSED)
            return self._press(pad, TRIGGERS[number], not axis.muted and value > PRESSED)
        if number not in STICKS:
            return []
        before = self._way(self._axes.get((pad, number)))
        now = self._way(self._moved(pad, number, value, self.dead))
        if now == before:
            return []
        names = STICKS[number]
        return [
            press
            for direction in (before, now)
            if direction
            for press in self._press(pad, names[direction], direction == now)
        ]

    def _moved(self, pad: int, number: int, value: float, rest: float) -> Axis:
        """Gives an axis a new value and returns it. rest: smaller values count as rest."""
        axis = self._axes.setdefault((pad, number), Axis())
        fresh = self.now() - self._plugged.get(pad, -math.inf) < FRESH
        if fresh and not axis.rested and abs(value) > rest:
            axis.muted = True
        axis.take(value, rest, self.now())
        return axis

    def _way(self, axis: Axis | None) -> int:
        if axis is None or axis.muted:
            return 0
        return (axis.value > self.dead) - (axis.value < -self.dead)

    def lean(self) -> tuple[int, int]:
        """Where the left sticks lean: (dx, dy), each -1, 0 or 1."""
        if not self.on:
            return 0, 0
        x = sum(self._way(axis) for (_, number), axis in self._axes.items() if number == 0)
        y = sum(self._way(axis) for (_, number), axis in self._axes.items() if number == 1)
        return max(-1, min(1, x)), max(-1, min(1, y))

    def release(self) -> None:
        """Lets go of every button and stick."""
        for axis in self._axes.values():
            axis.value = 0.0
        self._on.clear()

    def choose(self, on: bool, dead: float) -> None:
        """Listens to pads or not; dead: what part of a stick's way (0..1) counts as rest."""
        if not on:
            self.release()
        self.on, self.dead = on, dead

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
            number = stick.get_instance_id()
            self._styles[number] = make_of(stick.get_name())
            self._plugged[number] = self.now()
            self._calibrate(number)
        except pg.error:  # gone again before it was opened, or nothing that can be read
            return

    def settle(self) -> None:
        """Call once a frame before its events: reads a new pad's axes again, since the first reading may come early."""
        for pad, since in list(self._plugged.items()):
            if self.now() - since >= FRESH:
                del self._plugged[pad]
                self._calibrate(pad)

    def _calibrate(self, pad: int) -> None:
        """Mutes every axis that leans though nobody has touched it yet."""
        handle = self._open.get(pad)
        if handle is None:
            return
        known = pad in self._known
        for number in (*STICKS, *TRIGGERS) if known else STICKS:
            axis = self._axes.setdefault((pad, number), Axis())
            try:
                value = handle.get_axis(number) / (FULL if known else 1)
            except pg.error:  # it has fewer axes, or is gone
                continue
            if not axis.rested and abs(value) > (PRESSED if number in TRIGGERS else self.dead):
                axis.muted, axis.value = True, value

    def _unplug(self, pad: int) -> list[Press]:
        self.left = True
        self._open.pop(pad, None)
        self._known.discard(pad)
        self._styles.pop(pad, None)
        self._plugged.pop(pad, None)
        for number in (*STICKS, *TRIGGERS):
            self._axes.pop((pad, number), None)
        return [(name, False) for name in sorted(self._on.pop(pad, ()))]
