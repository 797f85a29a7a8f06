"""The files of assets/sprites: whatever they hold is drawn, or refused in one line."""

import tomllib
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.assets import ASSETS
from game.art import hints, spirits, sprites
from game.realm.tables import RulesError
from tests.kits.mutants import mutants
from tests.kits.playkit import open_display

MARKS = [(sense, thing) for sense in ("track", "glimpse") for thing in ("pawprint", "feather", "other")]
DRAWN = {
    "things": sprites.from_grids,
    "people": sprites.figures,
    "spirits": spirits.spirits,
    "marks": lambda: [hints.mark.__wrapped__(*mark) for mark in MARKS],
}
FILES = {name: tomllib.loads((ASSETS / "sprites" / f"{name}.toml").read_text(encoding="utf-8")) for name in DRAWN}


@pytest.mark.parametrize("name", DRAWN)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_art_is_drawn_or_refused_in_one_line(name, data):
    open_display()
    table = data.draw(mutants(FILES[name]))
    with patch.object(sprites, "read_toml", lambda _: table):
        try:
            assert DRAWN[name]()
        except RulesError as error:
            assert str(error).startswith(f"{name}.toml ") and str(error).isprintable() and len(str(error)) <= 500
