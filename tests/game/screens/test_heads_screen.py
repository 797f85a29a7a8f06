"""One head in detail: its beams on the map, its curve, other eyes' heads beside, and the way arrows move."""

import time
from pathlib import Path

import pygame as pg
import pytest

from game.app import heads_hud
from game.journey.mind_client import MindClient
from game.realm.land import Place
from game.screens.heads_screen import Pointing, moved
from game.ui import beams, heads_grid, heads_panel
from game.ui.beams import Beam
from game.ui.font import Pen
from game.ui.heads_panel import growth, likeness
from perception.messages import Gaze, Glance, HeadActivity, Progress, Ready, Weights
from tests.kits.playkit import game_of, open_display, play, tap
from tests.kits.stub_mind import StubMind, everywhere

GAZE = Gaze(
    2, ("north", "east", "south"),
    (
        Glance("sense", "north", (0.6, 0.0, 0.0)),
        Glance("sense", "east", (0.1, 0.5, 0.0)),
        Glance("look", "south", (0.0, 0.0, 1.0)),
    ),
)  # fmt: skip


def test_beams_are_means_over_the_places_asked_about_and_the_strongest_comes_first() -> None:
    assert beams.beams(GAZE) == [
        Beam("north", pytest.approx(0.35), 0.6),
        Beam("east", pytest.approx(0.25), 0.5),
        Beam("south", 0.0, 0.0),
    ]
    assert beams.beams(None) == []
    assert beams.beams(Gaze(0, ("north",), (Glance("look", "north", (1.0,)),))) == []


def test_a_beam_grows_with_attention() -> None:
    widths = [beams.width(mass) for mass in (-1.0, 0.0, 0.01, 0.2, 1.0, 2.0)]
    assert widths == sorted(widths)
    assert widths[1] < widths[2] < widths[3] < widths[4]


def test_a_beam_goes_from_you_to_its_place_and_nowhere_else() -> None:
    open_display()
    surface = pg.Surface((640, 360))
    places = (Place(0, "well", 500, 200, "village"), Place(1, "torii", 100, 200, "village"))
    where = {"north": 0, "east": 1}
    beams.draw(Pen(surface), [Beam("north", 0.5, 0.5), Beam("far", 0.4, 0.0)], where, places, (300, 214), (0, 0), 0.0)
    picture = pg.surfarray.array3d(surface).any(2)
    assert picture[300:500, 150:230].any(axis=1).all(), "one line the whole way"
    assert not picture[:290].any()


def test_growth_is_the_heads_own_change_over_the_steps() -> None:
    history = [Progress(step, 0, 0, 0, True, change=(0.0, step / 10)) for step in range(500)]
    points = growth(history, 1)
    assert points[0] == (0, 0.0)
    assert points[-1] == (499, 49.9)
    assert len(points) < 150
    assert growth(history, 2) == []
    assert growth([], 0) == []


def test_likeness_is_one_for_the_same_and_below_for_others() -> None:
    one = (0.01, 0.5, 0.1, 2.0)
    assert likeness(one, one, "activity") == pytest.approx(1)
    assert likeness(one, one[::-1], "activity") < 0.5
    assert likeness(one, one[:3], "activity") is None
    assert likeness((0.1, 0.1), (0.1, 0.2), "activity") is None


@pytest.mark.parametrize(
    ("head", "command", "wanted"),
    [
        (0, "left", 0),
        (0, "right", 1),
        (0, "down", 8),
        (9, "up", 1),
        (63, "right", 63),
        (63, "down", 63),
        (99, "up", 55),
    ],
)
def test_arrows_move_over_the_heads_and_stop_at_the_edge(head: int, command: str, wanted: int) -> None:
    assert moved(head, command, 8, 8) == wanted


def test_what_the_causal_line_says() -> None:
    cell = heads_grid.cells(8, 8, (), (), "causal")[9]
    worth = tuple(0.01 * i for i in range(64))
    whole = Weights(40, 64, 64, 0.7, worth, worth[::-1])
    assert heads_grid.weighed(cell, 9, None, None) == "not yet measured"
    assert heads_grid.weighed(cell, 9, whole, Weights(50, 12, 64)) == "computing 12/64"
    assert heads_grid.weighed(cell, 9, whole, None) == "L1H1 alone +9.0% missing +54.0%"
    assert "no gain" in heads_grid.weighed(cell, 9, Weights(0, 64, 64, 0.0, (0.0,) * 64, (0.0,) * 64), None)


def test_a_pointed_head_is_looked_into_and_drawn(tmp_path: Path) -> None:
    mind = StubMind(everywhere("oni", 0.6), learning=True)
    game = game_of(mind, tmp_path)
    tap(game, pg.K_TAB, 5)
    assert game.heads
    sight = game.journey.mind_client
    sight.head = None  # pointing goes on from the head that is lit
    game.screens.push(Pointing(game))
    game.screens.take("right")
    for _ in range(100):  # minds are asked by the clock on the wall, however fast frames are drawn
        play(game, 4)
        if sight.gaze is not None and sight.gaze.head == 1:  # before, it was the head that is lit
            break
        time.sleep(0.02)
    assert sight.head == 1
    assert sight.gaze is not None
    assert sight.gaze.head == 1
    before = pg.surfarray.array3d(game.window.surface)
    for command in ("down", "next", "next", "next"):
        game.screens.take(command)
    play(game, 40)
    assert (sight.head, game.mode) == (9, "causal")
    assert sight.weights is not None, "looking at causal weight asks for it"
    assert (pg.surfarray.array3d(game.window.surface) != before).any()
    game.screens.take("back")
    play(game, 2)
    assert sight.head is None


def test_the_panel_draws_with_everything_and_with_nothing() -> None:
    open_display()
    surface = pg.Surface((640, 360))
    for mind in (StubMind(state="waking"), StubMind(learning=True, seer=everywhere("oni", 1.0))):
        sight = MindClient(mind)
        sight.hear()
        sight.head = 3
        sight.others["seer"] = HeadActivity(8, 8, (0.1,) * 64, (0.2,) * 64)
        for mode in heads_grid.MODES:
            heads_panel.panel(Pen(surface), sight, mode, (410.0, 34.0), "seer", {"mode": "M"})


def test_the_mouse_finds_a_head_and_lets_it_go() -> None:
    sight = MindClient(StubMind())
    sight.hear()
    assert isinstance(sight.ready, Ready)
    cell = heads_grid.laid("change", sight.ready, None, None)[17]
    heads_hud.point_at_head(sight, "change", (cell.x + 1.0, cell.y + 1.0), held=False)
    assert sight.head == 17
    heads_hud.point_at_head(sight, "change", (5.0, 5.0), held=True)
    assert sight.head == 17
    heads_hud.point_at_head(sight, "change", (5.0, 5.0), held=False)
    assert sight.head is None
