"""sound.toml: whatever it holds, sounds come of it or it is refused in one line."""

import tomllib
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings

from game.audio import ambience, music, sound_rules
from game.audio.sound_bank import SOUND_TOML
from game.audio.synth import stream
from game.realm.tables import RulesError
from tests.kits.mutants import mutants

DATA = tomllib.loads(SOUND_TOML.read_text(encoding="utf-8"))


@settings(max_examples=100, deadline=None)
@given(mutants(DATA))
def test_sounds_come_of_it_or_it_is_refused(table):
    with patch.object(sound_rules, "read_toml", lambda _: table):
        try:
            accepted = sound_rules.load(SOUND_TOML)
        except RulesError as error:
            assert str(error).startswith("sound.toml") and str(error).isprintable() and len(str(error)) < 600
            return
    for name, step in accepted["step"].items():
        if step != DATA["step"].get(name):
            assert np.isfinite(ambience.footstep(stream("x"), step)).all()
    assert {"realm", "dream", "ending"} <= music.pieces(accepted["music"]).keys()


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("loud", "bell"), [0.1], r"sound.toml loud.bell: must be float, is list"),
        (("step", "grass", "noise"), [900], r"step.grass.noise: must be two numbers"),
        (("step", "grass", "noise"), [4200, 900], r"step.grass.noise: must lie between 4200 and"),
        (("step", "leaves", "grains"), 10**6, r"step.leaves.grains: must lie between 0 and 200"),
        (("music", "realm", "scale"), [], r"music.realm.scale: its length: must lie between 1 and 24"),
        (("music", "realm", "root"), 1900.0, r"music.realm: a note of \d+ Hz"),
        (("music", "realm", "step"), 1e9, r"music.realm.step: must lie between"),
    ],
)
def test_a_wrong_value_says_where_and_what(path, value, says):
    table = tomllib.loads(SOUND_TOML.read_text(encoding="utf-8"))
    inner = table
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with patch.object(sound_rules, "read_toml", lambda _: table), pytest.raises(RulesError, match=says):
        sound_rules.load(SOUND_TOML)
