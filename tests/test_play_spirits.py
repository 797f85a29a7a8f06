"""Opacity is belief: the dither of a spirit grows with what a mind believes, and with nothing else."""

import numpy as np
import pygame as pg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.play import pixels, spirits
from game.play.draw import Painter
from game.play.stage import Body, Ghost, Hint, Stage
from game.realm.rules import load
from tests.playkit import open_display, small_painter


@pytest.fixture(scope="module")
def art() -> dict[str, spirits.Spirit]:
    open_display()
    return spirits.spirits()


def visible(image: pg.Surface) -> int:
    return int((pg.surfarray.array_alpha(image) > 0).sum())


def test_every_species_has_a_shape_of_its_own(art: dict[str, spirits.Spirit]) -> None:
    assert set(art) >= set(load().species)
    shapes = {name: pg.surfarray.array_alpha(spirit.picture(1.0)).tobytes() for name, spirit in art.items()}
    assert len(set(shapes.values())) == len(art)


@pytest.mark.parametrize("species", spirits.SPECIES)
def test_belief_0_half_and_1(art: dict[str, spirits.Spirit], species: str) -> None:
    spirit = art[species]
    none, half, whole = (visible(spirit.picture(belief)) for belief in (0.0, 0.5, 1.0))
    assert none == 0
    assert 0.35 * whole < half < 0.65 * whole
    assert spirit.picture(0.25).get_alpha() < spirit.picture(1.0).get_alpha()


@given(st.floats(-1, 2), st.floats(-1, 2))
def test_more_belief_never_shows_less(first: float, second: float) -> None:
    low, high = sorted((first, second))
    assert 0 <= pixels.dissolve_level(low) <= pixels.dissolve_level(high) <= pixels.LEVELS


def test_pixels_only_ever_come_with_belief(art: dict[str, spirits.Spirit]) -> None:
    before = np.zeros(1, bool)
    for level in range(pixels.LEVELS + 1):
        now = pg.surfarray.array_alpha(art["oni"].levels[level]) > 0
        assert (now | before == now).all()
        before = now


def painted(painter: Painter, *ghosts: Ghost) -> np.ndarray:
    frame = pg.Surface((640, 360)).convert()
    painter.paint(frame, Stage(21.0, "clear", 1.0, Body("player", 350, 230, "s", False), (), ghosts))
    return pg.surfarray.array3d(frame).astype(int)


def test_a_belief_changes_the_picture_where_it_is_and_more_the_stronger_it_is() -> None:
    painter = small_painter()
    nobody = painted(painter)
    gaps = []
    for belief in (0.0, 0.2, 0.5, 1.0):
        gap = np.abs(painted(painter, Ghost(0, 300, 205, "kitsune", belief)) - nobody)
        gaps.append(int(gap.sum()))
    assert gaps[0] == 0
    assert gaps == sorted(gaps)
    assert gaps[1] > 0


def test_phantoms_are_drawn_like_any_belief_until_a_touch_proves_them_empty() -> None:
    painter = small_painter()
    steady = painted(painter, Ghost(0, 300, 205, "oni", 0.8))
    assert (steady == painted(painter, Ghost(0, 300, 205, "oni", 0.8, wavering=False))).all()
    assert (steady != painted(painter, Ghost(0, 300, 205, "oni", 0.8, wavering=True))).any()


def test_an_unknown_species_is_drawn_all_the_same() -> None:
    painter = small_painter()
    assert (painted(painter, Ghost(0, 300, 205, "tsukumogami", 1.0)) != painted(painter)).any()


def test_what_stands_in_front_hides_a_spirit_partly_and_what_stands_behind_does_not() -> None:
    painter = small_painter()
    tree = next(thing for thing in painter.land.decor if thing.kind == "tree")
    gaps = []
    for y in (tree.y - 10, tree.y + 4):
        shown = painted(painter, Ghost(0, tree.x, y, "oni", 1.0)) - painted(painter)
        gaps.append(int(np.abs(shown).sum()))
    assert 0.3 * gaps[1] < gaps[0] < 0.95 * gaps[1]


def test_a_sound_shows_above_its_place_and_nowhere_else() -> None:
    painter = small_painter()

    def frame(*hints: Hint) -> np.ndarray:
        surface = pg.Surface((640, 360)).convert()
        painter.paint(surface, Stage(12.0, "clear", 1.3, Body("player", 350, 230, "s", False), hints=hints))
        return pg.surfarray.array3d(surface).astype(int)

    camera = painter.camera(350, 230)
    marks = []
    for seconds in range(4):
        x = 300 + seconds  # each place has a beat of its own; one of these sounds now
        gap = np.abs(frame(Hint(x, 200, "hear", "hum")) - frame()).sum(axis=2)
        marks.append(int(gap.sum()))
        gap[x - camera[0] - 24 : x - camera[0] + 24, 200 - camera[1] - 34 : 200 - camera[1] + 4] = 0
        assert gap.sum() == 0
    assert max(marks) > 0
