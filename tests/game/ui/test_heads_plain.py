"""The heads in plain words: what is said of them was measured, and the sheet hides nothing that the beam points at."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pygame as pg
import pytest

from game.app import heads_hud
from game.app.aside import Aside
from game.app.game_loop import Game
from game.art import beyond
from game.art.frame_state import Body, FrameState
from game.realm.land import Place
from game.realm.terrain import OUTDOORS, TILE, Ground
from game.screens.heads_screen import Pointing
from game.ui import dream_view, heads_plain
from game.ui.heads_plain import Look, lit, look, remark
from game.ui.words import counts
from perception.messages import Event, Gaze, Glance, HeadActivity, Progress
from tests.kits.playkit import game_of, play
from tests.kits.questkit import into
from tests.kits.stub_mind import StubMind, everywhere

WELL = Place(7, "well", 0, 0, "village")
OAK = Place(3, "oak", 0, 0, "forest")
PLACES = [Place(k, "x", 0, 0, "x") for k in range(3)] + [OAK] + [Place(k, "x", 0, 0, "x") for k in range(4, 7)] + [WELL]
EVENTS = (Event("look", "north", "well"), Event("hear", "north", "hum"), Event("track", "east", "feather"))
WHERE = {"north": 7, "east": 3}


def heads(*cue: float) -> HeadActivity:
    return HeadActivity(1, len(cue), cue, cue, ())


def gaze(north: float, east: float, *words: str) -> Gaze:
    glances = (Glance("sense", "north", (north, 0.1)), Glance("sense", "east", (0.1, east)))
    return Gaze(0, ("north", "east"), glances, tuple((word, 0.2) for word in words))


def test_counts_are_whole_numbers_of_a_hundred() -> None:
    progress = Progress(1, 1, 1, 1, False, hits=0.634, false_alarms=0.028, mundane=0.9999)
    assert counts(progress) == ["seen right 63 in 100", "imagined 3 in 100", "ordinary things 100 in 100"]
    assert counts(None) == counts(Progress(0, 0, 0, 0, False)) == ["not yet measured"]


def test_the_head_that_looks_most_at_the_asked_place_is_lit_and_stays_lit() -> None:
    assert lit(heads(0.1, 0.4, 0.2), None) == 1
    assert lit(heads(0.35, 0.4, 0.2), 0) == 0, "it doesn't jump for a little"
    assert lit(heads(0.1, 0.4, 0.2), 0) == 1
    assert lit(heads(0.001, 0.002), None) is None, "of heads that look nowhere none is lit"
    assert lit(None, None) is None


def test_what_a_head_looks_at_is_where_it_looks_when_asked_about_that_place() -> None:
    seen = look(gaze(0.5, 0.2, "hum", "feather"), EVENTS, WHERE, PLACES, {7: ("kitsune", 0.8)})
    assert seen == Look("north", "well", "kitsune", "hum", 0.5)
    assert remark(seen, "Granny Ume") == "Granny Ume: This one looks at the well when you say kitsune."
    seen = look(gaze(0.1, 0.6, "."), EVENTS, WHERE, PLACES, {})
    assert seen == Look("east", "oak", "", "feather", 0.6)
    assert remark(seen, "Granny Ume").endswith("looks at the oak when you ask who is there.")
    assert look(None, EVENTS, WHERE, PLACES, {}) is None and "Not yet" in remark(None, "Granny Ume")


def stood(game: Game, spot: str) -> None:
    """The player stands where the map ends on that side, or in a room, where a place is sensed."""
    world = game.journey.realm.world
    if spot == "room":
        into(world, world.map.rooms[0])
        return
    ahead = {"east": lambda p: -p.x, "west": lambda p: p.x, "north": lambda p: p.y, "south": lambda p: -p.y}[spot]
    place = min((p for p in world.map.places if p.room < 0), key=ahead)
    near = [
        (x, y)
        for x in range(max(8, place.x - 208), min(world.map.width * TILE - 8, place.x + 208), TILE)
        for y in range(max(8, place.y - 80), min(OUTDOORS * TILE - 8, place.y + 80), TILE)
        if world.open(x, y) and world.map.ground[y // TILE * world.map.width + x // TILE] != Ground.WATER
    ]
    world.player.x, world.player.y = min(near, key=lambda at: ahead(replace(place, x=at[0], y=at[1])))


def test_a_place_as_far_as_one_senses_is_seen_beside_the_heads_of_any_letters() -> None:
    player, aside = Body("hero", 3000, 500, "s", False), Aside()
    for letter in (6, 9, 12):
        free = round(632 - min(heads_plain.WIDEST, heads_plain.WIDE * letter / 6))
        for ahead in (-208, 0, 208):
            aside.target = (player.x + ahead, 500)
            for _ in range(120):
                aside.advance(1 / 30, True)
                state = aside.moved(FrameState(12.0, "clear", 0.0, player), free, False)
            assert state.view is not None and state.free == free
            left = state.view[0] - free // 2
            assert all(20 <= x - left <= free - 20 for x in (player.x, player.x + ahead))


@pytest.mark.parametrize(
    ("mode", "zoom", "spot"),
    [
        *(("plain", "small", spot) for spot in ("east", "west", "north", "south", "room")),
        *((*view, spot) for view in (("plain", "large"), ("cue", "small")) for spot in ("east", "room")),
    ],
)
def test_the_heads_cover_neither_the_player_nor_what_the_beam_points_at(
    tmp_path: Path, spot: str, mode: str, zoom: str
) -> None:
    game = game_of(StubMind(everywhere("oni", 0.9)), tmp_path)
    game.context.choose(replace(game.settings, text_size=zoom))
    game.journey.narrator.firsts.recall(1, True)
    game.mode, game.heads = mode, True
    stood(game, spot)
    if mode != "plain":
        game.screens.push(Pointing(game))
    play(game, 150)
    client, player, state = game.journey.mind_client, game.journey.realm.world.player, game.frame_state
    assert client.head is not None and state is not None and state.view is not None
    assert client.view is not None and client.gaze is not None
    watched = game._aside.target
    assert watched in [(p.x, p.y) for p in game.journey.realm.world.map.places], "a beam points somewhere"
    camera = game.painter.camera(*state.view, state.free)
    edge = heads_hud.free(game)
    assert edge <= 632 - 190, "the heads stand on the right"
    far = abs(watched[0] - player.x) > edge - 60  # a lonely player is told of places beyond what is sensed
    assert not far or abs(watched[0] - player.x) > 208
    for x, y in ((player.x, player.y), *([] if far else [watched])):
        assert 0 <= x - camera[0] < edge - 8, f"{(x, y)} of {spot} is covered"
        assert 0 <= y - camera[1] < 360 or abs(y - player.y) > 160
    pen = game.window.pen().sized(game.settings.zoom)
    seen = look(client.gaze, (), client.view.places, game.journey.realm.world.map.places, {})
    _, top, _, height = heads_plain.sheet(pen, seen, client.progress, "Granny Ume")
    assert top + height < 300
    assert game.painter.room(*state.view) == game.painter.room(player.x, player.y), "a room stays in sight"
    before = pg.surfarray.array3d(game.window.canvas)
    client.gaze = None
    game._draw()
    assert (pg.surfarray.array3d(game.window.canvas) != before).any(), "no beam without a measured gaze"


def test_the_map_goes_on_dimly_where_the_picture_moves_beyond_it(tmp_path: Path) -> None:
    game = game_of(StubMind(), tmp_path)
    game.journey.realm.world.player.x = game.painter.width - 20
    frame, state = pg.Surface((640, 360)), game.journey.frame_state()
    frame.fill((255, 0, 255))
    state = replace(state, player=replace(state.player, x=game.painter.width - 20))
    camera = game.painter.paint(frame, replace(state, free=300), calm=True)
    assert camera[0] == game.painter.width - 300
    pixels = pg.surfarray.array3d(frame).astype(int)
    assert not (pixels == (255, 0, 255)).all(2).any(), "all of it is painted"
    assert pixels[310:500].mean() < pixels[110:290].mean()


def test_beyond_the_map_lies_its_mirror_image() -> None:
    frame = pg.surfarray.make_surface(np.random.default_rng(1).integers(0, 256, (160, 20, 3)))
    before = pg.surfarray.array3d(frame).astype(int)
    beyond.mirrored(frame, 60)
    after = pg.surfarray.array3d(frame).astype(int)
    assert (after[:100] == before[:100]).all(), "the map itself stays as it was"
    wanted = before[40:100][::-1]  # column 100 mirrors column 99
    dim = np.array(beyond.DIM) / 255
    assert (np.abs(after[140:] - wanted[40:] * dim) <= 2).all()
    assert (after[100:140] <= wanted[:40]).all() and (after[100:140] >= wanted[:40] * dim - 2).all()


def test_a_dream_tells_in_plain_words_too() -> None:
    rows = dict(dream_view._rows(Progress(9, 14, 9, 30, True, hits=0.454, false_alarms=0.03, mundane=0.993)))
    assert rows == {
        "seen right": "45 in 100",
        "imagined": "3 in 100",
        "ordinary things": "99 in 100",
        "lessons": "14",
    }
    assert dict(dream_view._rows(None))["seen right"] == "-"
