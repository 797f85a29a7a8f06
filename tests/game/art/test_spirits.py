"""Opacity is belief: the dither of a spirit grows with what a mind believes, and with nothing else."""

import numpy as np
import pygame as pg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.art import spirit_shapes as shapes
from game.art import spirits
from game.art.frame_state import Body, FrameState, Ghost, Hint
from game.art.painter import Painter
from game.art.pixels import drawing
from game.realm.rules import load
from tests.kits.playkit import open_display, small_painter


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
    assert 0 <= drawing.dissolve_level(low) <= drawing.dissolve_level(high) <= drawing.LEVELS


@pytest.mark.parametrize("species", spirits.SPECIES)
def test_pixels_only_ever_come_with_belief(art: dict[str, spirits.Spirit], species: str) -> None:
    for step in range(shapes.IDLE):
        before = np.zeros(shapes.SIZE, bool)
        assert visible(art[species].shown(0, step)) == 0
        assert (
            visible(art[species].shown(drawing.LEVELS, step))
            == (shapes.gathered(species, art[species].rows, step)[0] != ".").sum()
        )
        for level in range(drawing.LEVELS + 1):
            now = pg.surfarray.array_alpha(art[species].shown(level, step)) > 0
            assert (now | before == now).all()
            before = now


@pytest.mark.parametrize("species", spirits.SPECIES)
def test_spirits_never_stand_still_and_their_motion_repeats(art: dict[str, spirits.Spirit], species: str) -> None:
    spirit = art[species]
    moments = [pg.image.tobytes(spirit.shown(drawing.LEVELS, step), "RGBA") for step in range(shapes.IDLE)]
    assert len(set(moments)) >= 2
    whole = shapes.IDLE / spirits.PACE
    assert spirit.picture(1.0, 0.1) is spirit.picture(1.0, 0.1 + whole)


def middle(image: pg.Surface) -> np.ndarray:
    return np.argwhere(pg.surfarray.array_alpha(image) > 0).mean(axis=0)


def test_each_species_gathers_in_its_own_order(art: dict[str, spirits.Spirit]) -> None:
    gathered = {name: middle(spirit.shown(4)) - middle(spirit.shown(16)) for name, spirit in art.items()}
    assert gathered["yurei"][1] < -3, "a yurei comes from the veil down"
    assert gathered["kodama"][1] > 3, "a kodama grows from the ground"
    assert gathered["kitsune"][0] > 3, "a kitsune's tails burn first"
    wings = np.abs(np.argwhere(pg.surfarray.array_alpha(art["tengu"].shown(4)) > 0)[:, 0] - 32)
    assert wings.mean() > 12, "a tengu's feathers come before its face"
    orders = {name: shapes.order(name, np.ones(shapes.SIZE, bool)).tobytes() for name in spirits.SPECIES}
    assert len(set(orders.values())) == len(orders)


def test_colour_safe_art_has_other_hues_and_a_sign_for_each_species(art: dict[str, spirits.Spirit]) -> None:
    safe = spirits.spirits(safe=True)
    assert {safe[name].light for name in safe}.isdisjoint({art[name].light for name in art})
    signs = [pg.surfarray.array_alpha(spirit.glyph).tobytes() for spirit in safe.values()]
    assert len(set(signs)) == len(signs)
    for name, spirit in safe.items():
        assert (pg.surfarray.array_alpha(spirit.shown(8)) == pg.surfarray.array_alpha(art[name].shown(8))).all()


def painted(painter: Painter, *ghosts: Ghost) -> np.ndarray:
    frame = pg.Surface((640, 360)).convert()
    painter.paint(frame, FrameState(21.0, "clear", 1.0, Body("player", 350, 230, "s", False), (), ghosts))
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


@pytest.mark.parametrize("species", spirits.SPECIES)
def test_no_belief_is_no_trace_of_a_spirit_in_any_style(species: str) -> None:
    painter = small_painter()
    for calm, safe in ((False, False), (True, True)):
        frames = []
        for ghosts in ((), (Ghost(0, 300, 205, species, 0.0),), (Ghost(0, 300, 205, species, 0.5),)):
            frame = pg.Surface((640, 360)).convert()
            painter.paint(
                frame, FrameState(21.0, "clear", 1.0, Body("player", 350, 230, "s", False), (), ghosts), calm, safe
            )
            frames.append(pg.image.tobytes(frame, "RGB"))
        assert frames[0] == frames[1] != frames[2]


def test_an_unknown_species_is_drawn_all_the_same() -> None:
    painter = small_painter()
    assert (painted(painter, Ghost(0, 300, 205, "tsukumogami", 1.0)) != painted(painter)).any()


def test_what_stands_in_front_hides_a_spirit_partly_and_what_stands_behind_does_not() -> None:
    painter = small_painter()
    tree = next(thing for thing in painter.land.decor if thing.kind == "tree")
    gaps = []
    for y in (tree.y - 10, tree.y + 4):
        difference = painted(painter, Ghost(0, tree.x, y, "oni", 1.0)) - painted(painter)
        gaps.append(int(np.abs(difference).sum()))
    assert 0.3 * gaps[1] < gaps[0] < 0.95 * gaps[1]


def test_a_sound_shows_above_its_place_and_nowhere_else() -> None:
    painter = small_painter()

    def frame(*hints: Hint) -> np.ndarray:
        surface = pg.Surface((640, 360)).convert()
        painter.paint(surface, FrameState(12.0, "clear", 1.3, Body("player", 350, 230, "s", False), hints=hints))
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


@pytest.mark.parametrize("thing", ["warmth", "gust", "chill", "something new"])
def test_a_feeling_shows_in_the_air_of_its_place(thing: str) -> None:
    painter = small_painter()
    stages = [
        FrameState(12.0, "clear", 1.0 + k / 3, Body("player", 350, 230, "s", False), hints=hints)
        for k in range(4)
        for hints in ((), (Hint(300, 200, "feel", thing),))
    ]
    frames = []
    for stage in stages:
        frame = pg.Surface((640, 360)).convert()
        painter.paint(frame, stage)
        frames.append(pg.image.tobytes(frame, "RGB"))
    assert any(without != with_it for without, with_it in zip(frames[::2], frames[1::2], strict=True))
