"""Keys and pads: what is down, what it means, which device hints name; pads come and go."""

import pygame as pg
import pytest

from game.app import pad
from game.app.bindings import KEYS, MENU_KEYS, MENU_PAD, PAD, TITLES
from game.app.keyboard import PLACES
from game.app.keys import Keys
from game.app.pad import FULL, PAD_BUTTONS, Pads, make_of


@pytest.fixture(autouse=True)
def _pads() -> None:
    pg.display.init()


def key(code: int, down: bool = True) -> pg.Event:
    return pg.Event(pg.KEYDOWN if down else pg.KEYUP, key=code)


def button(name: str, down: bool = True, number: int = 0) -> pg.Event:
    kind = pg.CONTROLLERBUTTONDOWN if down else pg.CONTROLLERBUTTONUP
    return pg.Event(kind, button=PAD_BUTTONS.index(name), instance_id=number)


def axis(number: int, value: float, instance: int = 0) -> pg.Event:
    return pg.Event(pg.CONTROLLERAXISMOTION, axis=number, value=int(value * FULL), instance_id=instance)


def test_what_is_bound_exists_and_is_bound_once() -> None:
    for table, known in ((KEYS, PLACES.keys()), (MENU_KEYS, PLACES.keys()), (PAD, set(PAD_BUTTONS))):
        names = [name for bound in table.values() for name in bound]
        assert set(names) <= set(known)
        assert len(names) == len(set(names))
    assert set(KEYS) == set(TITLES) >= set(PAD)
    assert {name for names in MENU_PAD.values() for name in names} - set(PAD_BUTTONS) == {
        "stickleft", "stickright", "stickup", "stickdown"
    }  # fmt: skip


def test_a_key_that_is_held_asks_once() -> None:
    keys = Keys()
    assert keys.take(key(pg.K_e)) == ["act"]
    assert keys.take(key(pg.K_e)) == []
    assert keys.take(key(pg.K_e, False)) == []
    assert keys.take(key(pg.K_e)) == ["act"]


def test_two_ways_at_once_cancel_and_either_key_walks() -> None:
    keys = Keys()
    keys.take(key(pg.K_RIGHT))
    keys.take(key(pg.K_w))
    assert keys.walking() == (1, -1)
    keys.take(key(pg.K_a))
    assert keys.walking() == (0, -1)
    keys.take(key(pg.K_RIGHT, False))
    assert keys.walking() == (-1, -1)


def test_menus_have_keys_of_their_own() -> None:
    keys = Keys()
    assert keys.take(key(pg.K_SPACE), menu=True) == ["enter"]
    assert keys.take(key(pg.K_ESCAPE), menu=True) == ["back"]
    assert keys.take(key(pg.K_e), menu=True) == ["next"]
    assert keys.take(key(pg.K_F12), menu=True) == ["shot"]
    assert keys.take(key(pg.K_r), menu=True) == []
    assert keys.take(key(pg.K_c), menu=True) == ["codex"], "a screen shuts with its own key"
    assert keys.take(key(pg.K_c, False)) == []
    assert keys.take(key(pg.K_c)) == ["codex"]


@pytest.mark.parametrize("name", [name for names in PAD.values() for name in names if not name.endswith("trigger")])
def test_every_bound_button_does_what_its_table_says(name: str) -> None:
    keys = Keys()
    assert keys.take(button(name)) == [command for command, names in PAD.items() if name in names]
    assert keys.take(button(name)) == []
    keys.take(button(name, False))
    assert not keys.down


def test_triggers_count_as_buttons_past_half() -> None:
    keys = Keys()
    right = pg.CONTROLLER_AXIS_TRIGGERRIGHT
    keys.take(axis(right, 0.3))
    assert not keys.attending
    assert keys.take(axis(right, 0.8)) == ["attend"]
    assert keys.attending
    keys.take(axis(right, 0.9))
    keys.take(axis(right, 0.1))
    assert not keys.attending


def test_the_stick_walks_and_moves_in_menus_once_per_lean() -> None:
    keys = Keys()
    keys.take(axis(0, 0.2))
    assert keys.walking() == (0, 0), "resting sticks are never quite still"
    keys.take(axis(0, 0.9))
    keys.take(axis(1, -0.7))
    assert keys.walking() == (1, -1)
    menu = Keys()
    assert [menu.take(axis(1, lean), menu=True) for lean in (0.6, 0.9, 0.1, -0.8, 0.8)] == [
        ["down"], [], [], ["up"], ["down"]
    ]  # fmt: skip


def test_a_pad_that_is_pulled_out_lets_go_of_everything() -> None:
    keys = Keys()
    keys.take(button("leftshoulder", number=3))
    keys.take(axis(0, 1.0, instance=3))
    keys.take(axis(pg.CONTROLLER_AXIS_TRIGGERRIGHT, 1.0, instance=3))
    assert keys.attending and keys.walking() == (1, 0)
    keys.take(pg.Event(pg.JOYDEVICEREMOVED, instance_id=3))
    assert not keys.attending and keys.walking() == (0, 0) and not keys.down
    assert keys.pads.left


def test_an_unknown_joystick_is_read_by_the_order_of_its_buttons() -> None:
    keys = Keys()
    assert keys.take(pg.Event(pg.JOYBUTTONDOWN, button=0, instance_id=1)) == ["act"]
    assert keys.take(pg.Event(pg.JOYBUTTONDOWN, button=7, instance_id=1)) == ["menu"]
    assert keys.take(pg.Event(pg.JOYBUTTONDOWN, button=40, instance_id=1)) == []
    keys.take(pg.Event(pg.JOYAXISMOTION, axis=0, value=-1.0, instance_id=1))
    assert keys.walking() == (-1, 0)
    keys.take(pg.Event(pg.JOYAXISMOTION, axis=0, value=0.0, instance_id=1))
    keys.take(pg.Event(pg.JOYHATMOTION, hat=0, value=(0, 1), instance_id=1))
    assert keys.walking() == (0, -1)
    keys.take(pg.Event(pg.JOYHATMOTION, hat=0, value=(0, 0), instance_id=1))
    assert keys.walking() == (0, 0)


def test_a_known_pad_is_heard_once_though_sdl_tells_it_twice() -> None:
    pads = Pads()
    pads._known.add(2)
    assert pads.take(pg.Event(pg.JOYBUTTONDOWN, button=0, instance_id=2)) == []
    assert pads.take(button("a", number=2)) == [("a", True)]


def test_a_device_that_is_gone_before_it_is_opened_is_no_error() -> None:
    pads = Pads()
    pads.start()
    assert pads.take(pg.Event(pg.JOYDEVICEADDED, device_index=77)) == []
    assert pads.take(pg.Event(pg.JOYDEVICEREMOVED, instance_id=77)) == []


def test_hints_name_the_device_that_was_used_last() -> None:
    keys = Keys()
    assert keys.labels()["act"] == "E" and keys.labels()["walk"] == "Arrows"
    keys.take(button("x"))
    assert keys.labels()["act"] == "A" and keys.labels()["walk"] == "Stick"
    assert keys.labels()["log"] == keys.labels()["menu"], "what no button does is in the menu"
    keys.pads.style = "sony"
    assert keys.labels()["act"] == "Cross"
    keys.take(key(pg.K_e))
    assert keys.labels()["act"] == "E"


def test_losing_the_focus_lets_go_and_is_deaf_to_pads() -> None:
    keys = Keys()
    keys.take(key(pg.K_SPACE))
    keys.take(axis(0, 1.0))
    keys.take(pg.Event(pg.WINDOWFOCUSLOST))
    assert not keys.attending and keys.walking() == (0, 0)
    assert keys.take(button("a")) == []
    keys.take(button("a", False))
    keys.take(pg.Event(pg.WINDOWFOCUSGAINED))
    assert keys.take(button("a")) == ["act"]


def test_makes_of_pads() -> None:
    assert make_of("Sony Interactive Entertainment DualSense Wireless Controller") == "sony"
    assert make_of("Xbox Series X Controller") == ""


class Stick:
    """Stands for a joystick that SDL doesn't know. rests: where its axes are when nobody touches it."""

    def __init__(self, *rests: float) -> None:
        self.axes = list(rests)

    def get_instance_id(self) -> int:
        return 5

    def get_name(self) -> str:
        return "Generic USB Joystick"

    def get_axis(self, number: int) -> float:
        if number >= len(self.axes):
            raise pg.error("Invalid joystick axis")
        return self.axes[number]


@pytest.fixture
def clock() -> list[float]:
    return [100.0]


def plugged(stick: Stick, clock: list[float], patch: pytest.MonkeyPatch) -> Keys:
    patch.setattr(pad.controller, "is_controller", lambda index: False)
    patch.setattr(pad.pg.joystick, "Joystick", lambda index: stick)
    keys = Keys(pads=Pads(now=lambda: clock[0]))
    keys.take(pg.Event(pg.JOYDEVICEADDED, device_index=0))
    return keys


def lean(keys: Keys, stick: Stick, number: int, value: float) -> list[str]:
    stick.axes[number] = value
    return keys.take(pg.Event(pg.JOYAXISMOTION, axis=number, value=value, instance_id=5), menu=True)


def test_an_axis_that_rests_at_its_end_walks_nowhere(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    stick = Stick(0.0, -1.0)
    keys = plugged(stick, clock, monkeypatch)
    assert lean(keys, stick, 1, -0.99) == [] and keys.walking() == (0, 0)
    for value in (-0.5, 0.0, 0.8, 0.1, -1.0):  # a trigger that is pressed and let go
        clock[0] += 0.05
        assert lean(keys, stick, 1, value) == []
    clock[0] += 60.0
    assert keys.walking() == (0, 0)
    assert lean(keys, stick, 0, 0.9) == ["right"] and keys.walking() == (1, 0), "its other axis works"


def test_an_axis_that_is_told_of_late_is_muted_too(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    stick = Stick(0.0, 0.0)
    keys = plugged(stick, clock, monkeypatch)
    stick.axes[1] = -1.0
    clock[0] += 0.6
    keys.pads.settle()
    assert lean(keys, stick, 1, -0.97) == [] and keys.walking() == (0, 0)


def test_a_stick_that_was_held_while_it_was_plugged_in_walks_once_it_has_rested(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    stick = Stick(0.0, -1.0)
    keys = plugged(stick, clock, monkeypatch)
    lean(keys, stick, 1, 0.02)
    clock[0] += 1.5
    assert lean(keys, stick, 1, -1.0) == ["up"] and keys.walking() == (0, -1)


def test_a_worn_stick_gets_a_wider_rest_and_pads_can_be_turned_off() -> None:
    keys = Keys()
    keys.pads.choose(True, 0.7)
    keys.take(axis(0, 0.6))
    assert keys.walking() == (0, 0)
    keys.take(axis(0, 0.8))
    assert keys.walking() == (1, 0)
    keys.pads.choose(False, 0.4)
    assert keys.walking() == (0, 0)
    assert keys.take(button("a")) == [] and keys.take(axis(0, 1.0)) == [] and keys.walking() == (0, 0)
    keys.pads.choose(True, 0.4)
    assert keys.take(button("a")) == ["act"]
