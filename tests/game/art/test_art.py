"""Letters, colours, noise and sprites."""

import string

import numpy as np
import pygame as pg
import pytest

from game.art import hints, sprites
from game.art.ground import ground, ground_colours, undergrowth
from game.art.pixels import noise, palette
from game.realm.land import Map
from game.realm.rules import load
from game.realm.terrain import Ground
from game.ui import font
from game.ui.words import article, believed, sensed
from perception.messages import Event
from tests.kits.playkit import open_display, small_map
from tests.kits.playlands import region_map


def test_every_letter_we_write_is_drawn() -> None:
    wanted = set(string.ascii_letters + string.digits + " ',.?!:;-+%[]()/=\"<>_")
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
    rules, things, figures = load(), sprites.things() | undergrowth.pictures(), sprites.figures()
    kinds = {kind for _, names in rules.places for kind in names}
    decor = {"tree", "pine", "sakura", "house", "bush", "rock", "bamboo", "cattail", "arch", "toro", "kura"}
    assert kinds | decor | {"inn", "mill", "hut", "hall"} <= set(things)
    assert {*rules.presences, "player", "seer", "fox", "ferryman", "miko", "familiar"} <= set(figures)


def same(first: pg.Surface, second: pg.Surface) -> bool:
    return pg.image.tobytes(first, "RGBA") == pg.image.tobytes(second, "RGBA")


@pytest.mark.parametrize("name", list(sprites.grids("people")["people"]) + list(sprites.grids("people")["animals"]))
def test_everybody_walks_breathes_and_turns(name: str) -> None:
    open_display()
    figure = sprites.figures()[name]
    assert set(figure.walk) == set(figure.rest) == set("news")
    for facing in "news":
        assert not same(figure.at(facing, False, 0.2), figure.at(facing, True, 0.2)), "doesn't walk"
        assert not same(figure.at(facing, False, 0.2), figure.at(facing, False, 1.1)), "doesn't breathe"
    front, back, west, east = (figure.at(facing, False, 0.2) for facing in "snwe")
    assert not same(front, back)
    assert not same(front, west)
    assert same(pg.transform.flip(west, True, False), east)


def test_what_burns_at_dusk_looks_lit() -> None:
    open_display()
    things = sprites.things()
    for kind in ("lantern", "toro", "house", "inn", "mill", "hut", "hall"):
        day, night = (pg.surfarray.array3d(things[name][0]).astype(int).sum() for name in (kind, f"{kind}-lit"))
        assert day != night, kind


def ground_of(land: Map) -> ground.Ground:
    open_display()
    painted_ground = ground.Ground(land)
    painted_ground.need(pg.Rect(0, 0, *painted_ground.size))
    return painted_ground


def test_the_ground_follows_river_and_roads() -> None:
    painted_ground = ground_of(small_map())
    assert painted_ground.water[100:300, 305:320].all()
    assert not painted_ground.water[:, :270].any()
    red, green, blue = painted_ground.picture.get_at((374, 100))[:3]
    assert red > green > blue, "the road is earth"
    red, green, blue = painted_ground.picture.get_at((100, 312))[:3]
    assert blue > green > red, "the river is water"


@pytest.mark.parametrize("chunk", [96, 256])
def test_pieces_of_ground_fit_whatever_their_size_and_order(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    whole = ground_of(region_map())
    monkeypatch.setattr(ground, "CHUNK", chunk)
    other = ground.Ground(region_map())
    other.need(pg.Rect(500, 500, 10, 10))
    while other.advance(1.0):
        pass
    assert (pg.surfarray.array2d(whole.picture) == pg.surfarray.array2d(other.picture)).all()
    assert (whole.water == other.water).all()


def test_ground_is_ready_where_one_looks_even_if_its_piece_was_half_done() -> None:
    open_display()
    half = ground.Ground(region_map())
    half.need(pg.Rect(0, 0, 1, 1))
    half.advance(0.0)
    half.advance(1e-9)  # one step into a piece
    view = pg.Rect(100, 100, 500, 300)
    half.need(view)
    pixels = pg.surfarray.array2d(half.picture)[100:600, 100:400]
    assert (pixels == pg.surfarray.array2d(ground_of(region_map()).picture)[100:600, 100:400]).all()


def test_water_runs_rain_wets_and_a_flood_takes_the_bank_by_palette_alone() -> None:
    calm, later, wet, flood = (
        np.array(ground_colours.colours(*moment))
        for moment in ((0, False, False), (7, False, False), (0, True, False), (0, False, True))
    )
    water, shaded = (
        np.r_[ground_colours.WATER : ground_colours.BANK],
        np.r_[ground_colours.SHADE + ground_colours.WATER : ground_colours.SHADE + ground_colours.BANK],
    )
    assert (calm[water] != later[water]).any()
    land = np.delete(np.arange(256), [*water, *shaded])
    assert (calm[land] == later[land]).all()
    assert wet[: ground_colours.WATER].sum() < calm[: ground_colours.WATER].sum()
    bank = slice(ground_colours.BANK, ground_colours.DARK)
    assert (calm[bank, 0] > calm[bank, 2]).all(), "dry earth is brown"
    assert (flood[bank, 2] >= flood[bank, 0]).all(), "a flood is not"
    assert (
        calm[ground_colours.SHADE : ground_colours.SHADE + ground_colours.WATER] <= calm[: ground_colours.WATER] + 11
    ).all()
    assert ground_colours.colours(ground_colours.LOOP, False, False) == ground_colours.colours(0, False, False)
    assert ground_colours.DARK < ground_colours.SHADE


def test_small_things_grow_where_they_belong_and_block_nobody() -> None:
    land = region_map()
    tiles = np.frombuffer(land.ground, np.uint8).reshape(land.height, land.width)
    grown = list(undergrowth.grow(land))
    assert grown == list(undergrowth.grow(land))
    assert {kind for kind, *_ in grown} <= set(undergrowth.pictures())
    floating = {kind for kind, x, y, _ in grown if tiles[y // 16, x // 16] == Ground.WATER}
    assert floating <= {"lily", "rush"}
    assert not any(tiles[y // 16, x // 16] >= Ground.FLOOR for _, x, y, _ in grown)


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


def test_every_trace_that_one_can_see_has_a_mark_of_its_own() -> None:
    open_display()
    rules, marks = load(), sprites.grids("marks")
    for sense in ("track", "glimpse"):
        index = rules.senses.index(sense)
        things = {kind.traces[index] for kind in (*rules.spirits, *rules.folk)} | set(rules.ordinary[index])
        assert things <= set(marks[sense]), sense
        pictures = [pg.image.tobytes(hints.mark(sense, thing), "RGBA") for thing in sorted(things)]
        assert len(set(pictures)) == len(pictures)
