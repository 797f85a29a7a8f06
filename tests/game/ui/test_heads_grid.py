"""The grid of heads: a cell shows its own head's measurements and nothing else's."""

import dataclasses
import math

import pygame as pg
import pytest

from game.ui import heads_grid
from game.ui.font import Pen
from perception.messages import HeadActivity, Progress, Ready
from tests.kits.playkit import open_display

LAYERS, HEADS = 8, 8
COUNT = LAYERS * HEADS
ACTIVITY = tuple(0.01 * i for i in range(COUNT))


@pytest.mark.parametrize("mode", heads_grid.MODES)
@pytest.mark.parametrize("index", [0, 9, 63])
def test_one_perturbed_head_changes_that_cell_alone(mode: str, index: int) -> None:
    plain = heads_grid.cells(LAYERS, HEADS, ACTIVITY, (0.0,) * COUNT, mode)
    louder = tuple(v + (0.5 if i == index else 0) for i, v in enumerate(ACTIVITY))
    changed = tuple(0.2 if i == index else 0.0 for i in range(COUNT))
    after = heads_grid.cells(LAYERS, HEADS, louder, changed, mode)
    assert [i for i, (a, b) in enumerate(zip(plain, after, strict=True)) if a != b] == [index]
    cell = after[index]
    assert (cell.layer, cell.head) == divmod(index, HEADS)
    assert cell.fill != plain[index].fill
    assert cell.mark > 0


def test_one_perturbed_head_changes_the_pixels_of_that_cell_alone() -> None:
    open_display()
    pictures = []
    grid = heads_grid.cells(LAYERS, HEADS, ACTIVITY, (0.0,) * COUNT, "activity")
    for change in ((0.0,) * COUNT, tuple(0.3 if i == 20 else 0.0 for i in range(COUNT))):
        surface = pg.Surface((96, 96))
        heads_grid.draw_cells(Pen(surface), heads_grid.cells(LAYERS, HEADS, ACTIVITY, change, "activity"))
        pictures.append(pg.surfarray.array3d(surface))
    xs, ys = ((pictures[0] != pictures[1]).any(2)).nonzero()
    cell = grid[20]
    assert len(xs) > 0
    assert cell.x <= xs.min() <= xs.max() < cell.x + cell.side
    assert cell.y <= ys.min() <= ys.max() < cell.y + cell.side


def test_an_untrained_mind_shows_no_change() -> None:
    grid = heads_grid.cells(LAYERS, HEADS, (0.0,) * COUNT, (0.0,) * COUNT, "change")
    assert {(cell.fill, cell.mark, cell.rim) for cell in grid} == {(heads_grid.DARK, 0, False)}
    assert heads_grid.legend((0.0,) * COUNT) == "no head has changed yet"


def test_size_and_rim_carry_the_change_without_colour() -> None:
    grid = heads_grid.cells(1, 4, (), (0.0, 0.02, 0.1, 1.0), "activity")
    marks = [cell.mark for cell in grid]
    assert marks == sorted(marks)
    assert marks[0] == 0
    assert marks[-1] > marks[1]
    assert [cell.rim for cell in grid] == [False, False, False, True]


@pytest.mark.parametrize("mode", heads_grid.MODES)
def test_level_grows_with_the_value_and_stays_below_one(mode: str) -> None:
    levels = [heads_grid.level(v, mode) for v in (-1.0, 0.0, 0.01, 0.1, 1.0, 100.0)]
    assert levels == sorted(levels)
    assert levels[1] == 0
    assert levels[-1] < 1


@pytest.mark.parametrize(("layers", "heads"), [(1, 1), (12, 12), (32, 32), (0, 0), (2, 64)])
def test_any_shape_of_model_fits_its_square(layers: int, heads: int) -> None:
    grid = heads_grid.cells(layers, heads, (), (), "activity", 10, 20)
    assert len(grid) == layers * heads
    if layers <= 32 and heads <= 32:
        assert all(
            cell.x + cell.side <= 10 + heads_grid.GRID and cell.y + cell.side <= 20 + heads_grid.GRID for cell in grid
        )


def test_progress_speaks_before_the_percept_about_change() -> None:
    heads = HeadActivity(1, 2, (0.1, 0.2), (0.3, 0.4), (0.5, 0.6))
    progress = Progress(1, 1, 1, 3, True, change=(0.7, 0.8))
    assert heads_grid.values("change", heads, progress)[0] == (0.7, 0.8)
    assert heads_grid.values("activity", heads, None) == ((0.1, 0.2), (0.5, 0.6))
    assert heads_grid.values("cue", heads, progress) == ((0.3, 0.4), (0.7, 0.8))
    assert heads_grid.values("activity", None, None) == ((), ())


def test_what_is_not_measured_is_a_dash() -> None:
    values = dict(heads_grid.rows(None, None))
    assert values["d'"] == values["hits"] == values["grounded"] == values["device"] == "-"
    full = Progress(9, 4, 3, 12, True, 0.5, 2.04, 0.925, 0.024, 2.61, 0.991)
    values = dict(heads_grid.rows(full, Ready("novice", "cpu", 8, 8, "terse", 0)))
    assert values["hits"] == "92.5 %"
    assert values["shown"] == "3+12"
    assert values["steps/s"] == "2.0"


def test_panel_draws_with_and_without_measurements() -> None:
    open_display()
    surface = pg.Surface((640, 360))
    history = [Progress(i, 1, 1, 3, True, d_prime=math.log1p(i), hits=i / 30) for i in range(30)]
    heads = HeadActivity(8, 8, ACTIVITY, ACTIVITY, ACTIVITY)
    for ready, activity, steps in ((None, None, []), (Ready("n", "cpu", 8, 8, "terse", 0), heads, history)):
        for mode in heads_grid.MODES:
            heads_grid.panel(Pen(surface), mode, ready, activity, steps, (410.0, 34.0))
    assert surface.get_at((400, 12))[:3] != (0, 0, 0)


def test_reading_names_the_head() -> None:
    heads = HeadActivity(8, 8, ACTIVITY, ACTIVITY, ())
    cell = dataclasses.replace(heads_grid.cells(8, 8, (), (), "activity")[0], layer=2, head=3)
    assert heads_grid.reading(cell, heads, ()) == "L2H3 act 0.190 chg - cue 0.190"


@pytest.mark.parametrize(
    ("mode", "measured"),
    [  # quantiles 10, 50, 90 and 97 % over heads of the novice, before and after it learnt
        ("activity", (0.007, 0.033, 3.7, 12.5)),
        ("activity", (0.014, 0.065, 3.8, 14.0)),
        ("change", (0.005, 0.026, 0.46, 2.0)),
        ("cue", (0.001, 0.034, 0.12, 0.2)),
    ],
)
def test_measured_values_make_cells_neither_flat_nor_saturated(mode: str, measured: tuple[float, ...]) -> None:
    low, middle, high, most = (heads_grid.level(value, mode) for value in measured)
    assert low < 0.35
    assert 0.2 < middle < 0.6
    assert high > middle + 0.2
    assert most < 0.98
