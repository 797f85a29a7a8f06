"""What the player chose: written, read again, and never a reason not to play."""

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.app.bindings import KEYS, PAD, TITLES
from game.app.keyboard import PLACES
from game.app.pad import PAD_BUTTONS
from game.app.settings import (
    CHOICES,
    ESSENTIAL,
    NAME,
    RANGES,
    Settings,
    from_toml,
    load,
    rebind,
    save,
    to_toml,
)


@st.composite
def settings(draw: st.DrawFn) -> Settings:
    """Any settings that a player can reach: plain ones drawn, bindings by rebinding."""
    chosen = Settings(
        **{name: draw(st.sampled_from(words)) for name, words in CHOICES.items()},
        **{name: draw(st.integers(*span)) for name, span in RANGES.items()},
        **{name: draw(st.booleans()) for name in ("speech_waits", "calm", "safe", "whole", "fullscreen", "pads")},
    )
    for _ in range(draw(st.integers(0, 12))):
        table = draw(st.sampled_from(("keys", "pad")))
        names = sorted(PLACES) if table == "keys" else PAD_BUTTONS
        name = draw(st.sampled_from(("", *names)))
        chosen, _ = rebind(chosen, table, draw(st.sampled_from(sorted(TITLES))), draw(st.integers(0, 1)), name)
    return chosen


@given(settings())
def test_what_is_written_is_what_is_read(chosen: Settings) -> None:
    assert from_toml(to_toml(chosen)) == (chosen, [])


@given(settings())
def test_however_keys_are_rebound_nobody_is_locked_out(chosen: Settings) -> None:
    for table in (chosen.keys, chosen.pad):
        names = [name for bound in table.values() for name in bound]
        assert len(names) == len(set(names)), "a key means one thing"
    assert all(chosen.keys[command] for command in ESSENTIAL)
    assert "escape" in chosen.keys["menu"] and "start" in chosen.pad["menu"]


@given(st.text(max_size=300))
def test_any_text_is_settings_or_a_value_error(text: str) -> None:
    try:
        chosen, faults = from_toml(text)
    except ValueError:
        return
    assert isinstance(chosen, Settings)
    assert all("\n" not in fault for fault in faults)


@given(st.binary(max_size=400), st.integers(0, 4000))
def test_a_damaged_file_is_moved_aside_or_mended(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, at: int
) -> None:
    where = tmp_path_factory.mktemp("home")
    whole = to_toml(Settings(music=3)).encode()
    at %= len(whole)
    (where / NAME).write_bytes(whole[:at] + junk + whole[at + len(junk) :])
    chosen, faults = load(where)
    assert isinstance(chosen, Settings)
    assert all("\n" not in fault for fault in faults)
    if not (where / NAME).exists():
        assert (where / f"{NAME}.broken").exists() and faults
    assert save(chosen, where) == ""
    assert load(where) == (chosen, [])


@pytest.mark.parametrize(
    ("text", "name", "fault"),
    [
        ("music = 99", "music", "music: a whole number from 0 to 10"),
        ("music = true", "music", "music: a whole number from 0 to 10"),
        ('text_size = "huge"', "text_size", "text_size: one of small, medium, large"),
        ("calm = 1", "calm", "calm: true or false"),
        ("keys = 3", "keys", "keys: a table of lists of names"),
        ('[keys]\nact = ["no-such-key"]', "keys", "keys: unknown name at act"),
        ('[pad]\nact = "a"', "pad", "pad: unknown name at act"),
    ],
)
def test_a_wrong_entry_is_named_and_the_default_stands(text: str, name: str, fault: str) -> None:
    chosen, faults = from_toml(text)
    assert faults == [fault]
    assert getattr(chosen, name) == getattr(Settings(), name)


def test_unknown_entries_are_left_out(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text('colour = "red"\nmusic = 2\n[keys]\nfly = ["y"]\n')
    chosen, faults = load(tmp_path)
    assert (chosen.music, faults) == (2, [])
    save(chosen, tmp_path)
    assert "colour" not in (tmp_path / NAME).read_text() and "fly" not in (tmp_path / NAME).read_text()


def test_a_key_bound_twice_in_a_file_keeps_its_first_meaning() -> None:
    chosen, _ = from_toml('[keys]\nact = ["x"]\nlook = ["x", "y"]')
    assert chosen.keys["act"] == ("x",) and chosen.keys["look"] == ("y",)


def test_a_file_that_leaves_a_needed_command_without_a_key_gets_the_defaults() -> None:
    chosen, faults = from_toml("[keys]\nact = []")
    assert chosen.keys == KEYS and faults == ["keys: a command that is needed has no key"]


def test_no_file_means_the_defaults_and_nothing_is_said(tmp_path: Path) -> None:
    assert load(tmp_path / "none") == (Settings(), [])


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "can't be saved" in save(Settings(), tmp_path / "file" / "deeper")


def test_a_key_in_use_trades_places() -> None:
    chosen, line = rebind(Settings(), "keys", "act", 0, "q")
    assert chosen.keys["act"] == ("q",) and chosen.keys["look"] == ("e", "l")
    assert line == "Look has the other one now"
    chosen, line = rebind(Settings(), "keys", "codex", 1, "l")
    assert chosen.keys["codex"] == ("c", "l") and chosen.keys["look"] == ("q",)
    assert line == "Look has lost it"


def test_the_same_key_twice_in_a_row_is_one() -> None:
    chosen, _ = rebind(Settings(), "keys", "look", 0, "l")
    assert chosen.keys["look"] == ("l", "q")


def test_what_is_needed_keeps_a_key_and_escape_the_menu() -> None:
    plain = Settings()
    assert rebind(plain, "keys", "act", 0, "") == (plain, "Ask, touch, rest would be left without a key")
    assert rebind(plain, "keys", "codex", 1, "e") == (plain, "Ask, touch, rest would be left without a key")
    assert rebind(plain, "keys", "act", 0, "escape")[0] is plain
    assert rebind(plain, "keys", "menu", 0, "x")[0] is plain
    assert rebind(plain, "pad", "act", 0, "start")[0] is plain


def test_a_cleared_key_stays_cleared(tmp_path: Path) -> None:
    chosen, _ = rebind(Settings(), "keys", "codex", 0, "")
    save(chosen, tmp_path)
    assert load(tmp_path)[0].keys["codex"] == ()


def test_settings_do_not_change_under_anybody() -> None:
    chosen = replace(Settings(), pad=MappingProxyType(dict(PAD)))
    with pytest.raises(TypeError):
        chosen.keys["act"] = ("x",)  # type: ignore[index]


OLD_FILE = """
music = 3
[keys]
left = ["left", "q"]
right = ["right", "d"]
up = ["up", "z"]
down = ["down", "s"]
look = ["a", "l"]
act = ["e"]
rest = ["r"]
attend = ["space"]
"""


def test_keys_of_an_older_file_stay_where_they_lie() -> None:
    french = {"q": "a", "a": "q", "z": "w", "w": "z"}
    chosen, faults = from_toml(OLD_FILE, lambda name: french.get(name, name))
    assert faults == [] and chosen.music == 3
    assert chosen.keys["left"] == ("left", "a") and chosen.keys["up"] == ("up", "w"), (
        "where Q and Z are on a French keyboard"
    )
    assert chosen.keys["look"] == ("q", "l")
    assert from_toml(to_toml(chosen), lambda name: french.get(name, name)) == (chosen, []), "and are not moved again"
    untouched, _ = from_toml('[keys]\nleft = ["left", "a"]\n', lambda name: french.get(name, name))
    assert untouched.keys["left"] == KEYS["left"], "what nobody chose means the places that we chose"
