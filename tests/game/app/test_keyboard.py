"""Keys by their places: on every layout, let go whatever the layout says by then, named by what is printed on them."""

import pygame as pg
import pytest

from game.app.bindings import KEYS, PAD
from game.app.keyboard import PLACES, Layout, key_label, place_of
from game.app.keys import LABELS, Keys, labels_of


@pytest.fixture(autouse=True)
def _display() -> None:
    pg.display.init()


def placed(scancode: int, code: int, down: bool = True) -> pg.Event:
    """A key as SDL tells of it: where it lies, and what it says on the layout in use."""
    return pg.Event(pg.KEYDOWN if down else pg.KEYUP, key=code, scancode=scancode)


RUSSIAN = {"w": "\u0446", "e": "\u0443", "r": "\u043a", "a": "\u0444"}
FRENCH = {"w": "z", "a": "q", "q": "a", "z": "w", "1": "&", "e": "e"}


def layout_of(characters: dict[str, str]) -> Layout:
    """A layout that says these characters at these places, and nothing elsewhere."""
    places = {ord(character): PLACES[place] for place, character in characters.items()}
    return Layout(lambda code: places.get(code, 0))


@pytest.mark.parametrize("layout", [RUSSIAN, FRENCH])
def test_keys_count_by_their_place_on_every_layout(layout: dict[str, str]) -> None:
    keys = Keys(layout=layout_of(layout))
    for place, command in (("w", "up"), ("a", "left"), ("e", "act")):
        event = placed(PLACES[place], ord(layout[place]))
        assert place_of(event) == place, "it can be bound"
        assert keys.take(event) == [command]
        keys.take(placed(PLACES[place], ord(layout[place]), False))
    assert keys.walking() == (0, 0)
    assert keys.take(placed(PLACES["w"], ord(layout["w"])), menu=True) == ["up"]


def test_a_key_that_is_let_go_on_another_layout_is_let_go() -> None:
    keys = Keys()
    assert keys.take(placed(PLACES["w"], pg.K_w)) == ["up"]
    keys.take(placed(PLACES["w"], ord(RUSSIAN["w"]), False))
    assert keys.walking() == (0, 0) and not keys.down
    keys.take(pg.Event(pg.KEYDOWN, key=pg.K_w, scancode=0))  # an on-screen keyboard, which has no places
    assert keys.walking() == (0, -1)
    keys.take(pg.Event(pg.KEYUP, key=pg.K_w, scancode=0))
    assert keys.walking() == (0, 0)


def test_hints_name_what_is_printed_on_the_keys() -> None:
    keys = dict(KEYS) | {"left": ("a",), "right": ("d",), "up": ("w",), "down": ("s",)}
    assert labels_of(keys, label=layout_of(FRENCH).label)["walk"] == "QDZS"
    assert layout_of(RUSSIAN).label("w") == "W", "our letters are Latin, and Russian keys have both printed on them"
    assert layout_of(FRENCH).label("1") == "&" and layout_of(FRENCH).label("space") == "Space"


def test_another_layout_is_noticed() -> None:
    now = dict(FRENCH)
    layout = Layout(lambda code: {ord(c): PLACES[p] for p, c in now.items()}.get(code, 0))
    keys = Keys(layout=layout)
    assert layout.label("w") == "Z"
    now["w"] = "w"
    keys.take(placed(PLACES["w"], pg.K_w))
    assert layout.label("w") == "W", "a key said so"
    now["w"] = "z"
    keys.take(pg.Event(pg.KEYMAPCHANGED))
    assert layout.label("w") == "Z", "the system said so"


@pytest.mark.parametrize(
    ("name", "label"),
    [("e", "E"), ("space", "Space"), ("escape", "Esc"), ("return", "Enter"), ("f11", "F11"), ("up", "Up"),
     ("kp_5", "Num 5"), ("tab", "Tab"), ("lshift", "Shift"), ("comma", ",")],
)  # fmt: skip
def test_keys_are_called_by_what_stands_on_them(name: str, label: str) -> None:
    assert key_label(name) == label


def test_other_bindings_are_named_in_hints() -> None:
    keys = dict(KEYS) | {"act": ("f",), "left": ("a",), "right": ("d",), "up": ("w",), "down": ("s",)}
    assert labels_of(keys)["act"] == "F"
    assert labels_of(keys)["walk"] == "ADWS"
    assert labels_of(KEYS, PAD)["act"] == "A" and labels_of(KEYS, PAD)["send"] == labels_of(KEYS, PAD)["menu"]
    assert set(LABELS) >= {"walk", "act", "look", "attend", "rest", "heads", "mode", "menu", "enter", "back"}
