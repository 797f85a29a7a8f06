"""The heads in plain words: what is said of them was measured, and the sheet hides nothing that the beam points at."""

from dataclasses import replace
from pathlib import Path

import pygame as pg
import pytest

from game.realm.land import Place
from game.ui import dream_view, heads_plain
from game.ui.heads_plain import Look, lit, look, remark
from game.ui.words import counts
from perception.messages import Event, Gaze, Glance, HeadActivity, Progress
from tests.kits.playkit import game_of, play, tap
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


@pytest.mark.parametrize("zoom", ["small", "medium", "large"])
def test_the_sheet_covers_neither_the_player_nor_the_asked_place(tmp_path: Path, zoom: str) -> None:
    game = game_of(StubMind(everywhere("oni", 0.9)), tmp_path)
    game.context.choose(replace(game.settings, text_size=zoom))
    game.journey.narrator.firsts.recall(1, True)
    tap(game, pg.K_TAB)
    play(game, 60)
    client = game.journey.mind_client
    assert client.head is not None and game.mode == heads_plain.PLAIN
    pen = game.window.pen().sized(game.settings.zoom)
    seen = look(client.gaze, (), client.view.places, game.journey.realm.world.map.places, {})
    x, y, _, height = heads_plain.sheet(pen, seen, client.progress, "Granny Ume")
    camera = game.painter.camera(*game.frame_state.view)
    player = game.journey.realm.world.player
    assert player.x - camera[0] < x - 20, "the picture moves out of its way"
    assert y + height < 300
    before = pg.surfarray.array3d(game.window.canvas)
    client.gaze = None
    game._draw()
    assert (pg.surfarray.array3d(game.window.canvas) != before).any(), "no beam without a measured gaze"


def test_a_dream_tells_in_plain_words_too() -> None:
    rows = dict(dream_view._rows(Progress(9, 14, 9, 30, True, hits=0.454, false_alarms=0.03, mundane=0.993)))
    assert rows == {
        "seen right": "45 in 100",
        "imagined": "3 in 100",
        "ordinary things": "99 in 100",
        "lessons": "14",
    }
    assert dict(dream_view._rows(None))["seen right"] == "-"
