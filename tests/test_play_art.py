"""Letters, colours, noise and sprites."""

import string

import numpy as np
import pygame as pg
import pytest

from game.play import font, noise, palette, sprites
from game.play.ground import paint
from game.play.words import HELP, article, believed, sensed
from game.realm.rules import load
from perception.messages import Event
from tests.playkit import open_display, small_map


def test_every_letter_we_write_is_drawn() -> None:
    wanted = set(string.ascii_letters + string.digits + " ',.?!:;-+%[]()/=\"<>_" + "".join(HELP))
    assert wanted <= set(font.letters())
    inked = {marks for mark, marks in font.letters().items() if mark != " "}
    assert len(inked) == len(font.letters()) - 1, "two letters look the same"
    assert all(0 <= x < 5 and 0 <= y < 9 for marks in inked for x, y in marks)


def test_an_unknown_letter_is_a_question_mark() -> None:
    open_display()
    assert font.glyph("\N{SNOWMAN}", font.PAPER, 2).get_size() == font.glyph("?", font.PAPER, 2).get_size()


def test_wrap_keeps_every_word() -> None:
    text = "There, to the north, by the well. A kitsune. The rest is empty."
    lines = font.wrap(text, 20)
    assert " ".join(lines) == text
    assert max(map(len, lines)) <= 20


@pytest.mark.parametrize("name", list(palette.RAMPS))
def test_ramps_grow_lighter(name: str) -> None:
    light = palette.RAMPS[name].astype(float) @ np.array([0.3, 0.6, 0.1])
    assert (np.diff(light) > 0).all()


def test_hue_takes_the_short_way_round() -> None:
    colours = palette.ramp(6, (0.42, 0.90), (0.1, 0.07), (340, 10)).astype(int)
    assert (colours[:, 0] >= colours[:, 1]).all(), "a cherry tree is never green"


def test_night_is_darker_than_day_and_the_sky_has_no_jumps() -> None:
    assert palette.darkness(palette.sky(12)) == 0
    assert palette.darkness(palette.sky(0)) > 0.9
    hours = np.array([palette.sky(h / 20) for h in range(481)], int)
    assert np.abs(np.diff(hours, axis=0)).max() <= 6
    assert palette.sky(0) == palette.sky(24)


def test_noise_lies_in_0_1_and_tiles_without_a_seam() -> None:
    field = noise.fbm(640, 360, 80, 4, 33, tile=True)
    assert field.min() >= 0
    assert field.max() <= 1
    inside = np.abs(np.diff(field, axis=1)).max()
    assert np.abs(field[:, 0] - field[:, -1]).max() <= inside * 1.5
    assert np.abs(field[0] - field[-1]).max() <= np.abs(np.diff(field, axis=0)).max() * 1.5


def test_dither_keeps_the_mean() -> None:
    steps = noise.dither(np.full((64, 64), 0.5, np.float32), 6)
    assert abs(steps.mean() - 3.0) < 0.6
    assert set(np.unique(steps)) <= {2, 3}


def test_everything_in_the_rules_has_a_sprite() -> None:
    open_display()
    rules, things, figures = load(), sprites.things(), sprites.figures()
    kinds = {kind for _, names in rules.places for kind in names}
    assert kinds | {"tree", "pine", "sakura", "house", "bush", "rock"} <= set(things)
    assert {*rules.presences, "player", "seer"} <= set(figures)
    for name, figure in figures.items():
        assert set(figure.frames) == set("news"), name
        standing, walking = figure.at("s", False, 0.2), figure.at("s", True, 0.2)
        assert (pg.surfarray.array_alpha(standing) > 0).any()
        if name != "seer":
            assert pg.image.tobytes(standing, "RGBA") != pg.image.tobytes(walking, "RGBA"), f"{name} doesn't walk"


def test_the_ground_follows_river_and_roads_and_is_the_same_twice() -> None:
    open_display()
    first, second = paint(small_map()), paint(small_map())
    assert pg.image.tobytes(first.picture, "RGB") == pg.image.tobytes(second.picture, "RGB")
    assert first.water[100:300, 305:320].all()
    assert not first.water[:, :270].any()
    red, green, blue = first.picture.get_at((374, 100))[:3]
    assert red > green > blue, "the road is earth"
    red, green, blue = first.picture.get_at((100, 312))[:3]
    assert blue > green > red, "the river is water"


def test_what_is_sensed_is_told_as_the_scene_has_it() -> None:
    events = (Event("look", "north", "well"), Event("hear", "north", "hum"), Event("feel", "north", "cool"))
    assert sensed(events, "north") == "To the north, by the well, you hear a hum. The air is cool."
    assert sensed((*events, Event("track", "north", "dew")), "north").startswith(
        "To the north, by the well, you hear a hum and find dew."
    )
    assert sensed(events, "south") == "To the south, by the place, all is still."
    assert article("oni") == "an oni"
    assert believed("kitsune", 0.9) == "You see a kitsune."
    assert believed("oni", 0.3) == "Is that... an oni?"
    assert believed("", 0.0) == "You see nobody there."
