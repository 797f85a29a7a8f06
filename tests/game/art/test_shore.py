"""Jetties stand in water though the realm's tiles know of none there; who walks through it wades."""

from dataclasses import replace

import numpy as np
import pygame as pg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from game.art.frame_state import Body, FrameState
from game.art.ground.ground import Ground as Picture
from game.art.ground.shore import END, FARTHEST, nearest, shore, soaked
from game.art.painter import Painter
from game.realm.land import Map, Place
from game.realm.terrain import TILE, Ground
from tests.kits.playkit import open_display, small_map


def with_jetty(x: int, y: int) -> Map:
    """The small map (its river runs along y = 312) and a jetty on its grass."""
    return replace(small_map(), places=(*small_map().places, Place(4, "jetty", x, y, "river")))


def painted(land: Map) -> Picture:
    open_display()
    picture = Picture(land)
    picture.need(pg.Rect(0, 0, *picture.size))
    return picture


@pytest.mark.parametrize(("x", "y"), [(520, 250), (520, 400), (200, 240)], ids=["north", "south", "west"])
def test_a_jetty_ends_in_water_that_runs_to_the_river(x: int, y: int) -> None:
    water = painted(with_jetty(x, y)).water
    assert water[x, y - END] and water[x - 12, y - END] and water[x + 12, y - END]
    assert not water[x, y + 10], "one walks up to it on dry land"
    front, seen = [(x, y - END)], {(x, y - END)}
    while front:  # all water that hangs together with the jetty's
        px, py = front.pop()
        for spot in ((px + 2, py), (px - 2, py), (px, py + 2), (px, py - 2)):
            if spot not in seen and 0 <= spot[0] < water.shape[0] and 0 <= spot[1] < water.shape[1] and water[spot]:
                seen.add(spot)
                front.append(spot)
    assert any(abs(py - 312) < 4 for _, py in seen), "the river is reached"


def test_without_jetties_nothing_changes_and_far_from_the_river_they_have_no_creek() -> None:
    assert shore(small_map()).pools == () and not soaked(small_map()).any()
    assert shore(with_jetty(520, 312 - FARTHEST - 40)).pools == ()


def test_no_creek_runs_over_a_road() -> None:
    land = with_jetty(400, 250)
    plain, wet = painted(small_map()).water, painted(land).water
    road = np.zeros(plain.shape, bool)
    road[371:376, 170:285] = True  # the middle of the road that comes down to the bridge
    assert (wet & ~plain).any() and not (wet & ~plain & road).any()


def test_nothing_of_the_meadow_grows_in_a_creek() -> None:
    land = with_jetty(520, 250)
    kinds = {thing.picture.get_size() for thing in Painter(land).placed_sprites.things if thing.living}
    assert kinds
    wet = soaked(land)
    for thing in Painter(land).placed_sprites.things:
        tile = np.frombuffer(land.ground, np.uint8).reshape(land.height, land.width)[
            min(land.height - 1, thing.y // TILE), thing.x // TILE
        ]
        if thing.living and tile != Ground.WATER:
            assert not wet[min(land.height - 1, (thing.y - 1) // TILE), thing.x // TILE]


def test_who_stands_in_a_creek_wades() -> None:
    land = with_jetty(520, 250)
    open_display()
    painter = Painter(land)
    painter.ground.need(pg.Rect(0, 0, *painter.ground.size))
    picture = painter.figures["fisher"].at("s", False, 0.3)
    waded = painter._wading(picture)
    low = pg.surfarray.array_alpha(waded)[:, -2:]
    assert low.max() == 0, "the feet are below the water"
    assert (pg.surfarray.array_alpha(waded)[:, :-6] == pg.surfarray.array_alpha(picture)[:, :-6]).all()
    assert painter.ground.wet(520, 250 - END) and not painter.ground.wet(520, 262)
    assert not painter.ground.wet(-5, 10**6), "beyond the map all is dry"
    frame = pg.Surface((640, 360)).convert()
    for y in (250 - END, 262):
        painter.paint(frame, FrameState(12.0, "clear", 2.0, Body("player", 520, y, "s", False)))
    assert len(painter._waded) == 2, "one of them in the picture of the wet spot alone"


lines = st.lists(
    st.lists(st.tuples(st.integers(-900, 900), st.integers(-900, 900)), min_size=2, max_size=4), max_size=3
)


@given(lines, st.integers(-900, 900), st.integers(-900, 900))
@settings(max_examples=100)
def test_the_nearest_point_of_lines_is_no_farther_than_any_corner(corners: list, x: int, y: int) -> None:
    far, spot = nearest(tuple(map(tuple, corners)), x, y)
    every = [((px - x) ** 2 + (py - y) ** 2) ** 0.5 for line in corners for px, py in line]
    assert far <= min(every, default=float("inf")) + 1.0
    assert not every or abs(((spot[0] - x) ** 2 + (spot[1] - y) ** 2) ** 0.5 - far) < 1e-6
