"""The report's parts: numbers as they read, colours that can be told apart, shares that add up, figures of anything."""

import math
from html import unescape
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.kits import reportkit as kit
from tests.kits.pagekit import Page
from training.report import derive, drawing, figures, grids, judged, palette
from training.report.grids import Marks, cell_text, unit_of
from training.report.page import templates
from training.report.parts import Facts, Table, Words
from training.report.words import digits_apart, number, percent, percent_apart, plain_text
from training.verdict.measured import Causal
from training.verdict.verdict import agreement

ODD = st.floats(width=64)  # infinite ones and NaN too
GRIDS = arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 4)), elements=ODD)


@given(st.text(), st.text())
def test_text_never_becomes_markup(inside, title):
    blocks = templates().get_template("parts.html.j2").module.blocks
    some = [Words(inside), Words(inside, "title"), Table(title, [inside], [[inside]]), Facts([(inside, title)])]
    tags = [tag for tag, _ in Page(f"<main>{blocks(some)}</main>").tags]
    assert tags == [
        "main", "p", "h3", "div", "table", "caption", "span", "thead", "tr", "th", "tbody", "tr", "th",
        "dl", "div", "dt", "dd",
    ]  # fmt: skip


@settings(max_examples=8, deadline=None)
@given(st.text(max_size=30))
def test_text_in_a_figure_never_becomes_markup(words):
    with drawing.style():
        svg = drawing.svg(figures.swaps([(words, [0.5], [])], []), "x", words)
    assert {tag for tag, _ in Page(svg).tags} <= {"svg", "g", "path", "text", "defs", "use", "clippath", "rect"}
    assert unescape(svg).count(plain_text(words)) >= 2  # apostrophes need no escape between tags


def test_numbers_are_written_for_people():
    assert [number(x) for x in (0.0, 0.12345, -2.5, 1e-7, 12345.0, 1e300, float("nan"), None, True, 3)] == [
        "0", "0.123", "−2.5", "1e−7", "12,345", "1e300", "–", "–", "yes", "3"
    ]  # fmt: skip
    assert (percent(0.1234), percent(-0.01), percent(None), percent(1e300)) == ("12.3 %", "−1.0 %", "–", "1e302 %")
    assert percent(-0.00001) == "0.0 %"
    assert plain_text("x" * 5000).endswith("…") and len(plain_text("x" * 5000)) == 600


@given(st.floats(-2, 2), st.sampled_from([0.0, 0.35, 0.75, 0.8, 0.9, 0.01]), st.floats(-1e-6, 1e-6))
def test_a_number_reads_on_the_side_of_its_threshold_where_it_lies(value, bound, offset):
    for near in (value, bound + offset):
        printed = float(number(near, digits_apart([near], [bound])).replace("−", "-"))
        assert (printed > bound) == (near > bound) and (printed < bound) == (near < bound)


def test_a_percentage_reads_on_the_side_of_its_bound():
    assert (percent_apart(0.02, 0.02), percent_apart(0.020001, 0.02), percent_apart(0.89996, 0.9)) == (
        "2 %", "2.0001 %", "89.996 %"
    )  # fmt: skip


@given(st.floats(-3, 3), st.floats(-3, 3), st.sampled_from([None, 0, 1]))
def test_a_percentage_never_contradicts_the_number_it_is_held_against(value, bound, digits):
    """In a sentence "brings X; random sets less than Y", both are written against each other."""
    one, other = (
        float(percent_apart(*pair, digits).removesuffix(" %").replace("−", "-").replace(",", ""))
        for pair in ((value, bound), (bound, value))
    )
    assert (one > other, one < other) == (value > bound, value < bound)


def test_a_percentage_takes_no_more_digits_than_it_needs():
    assert percent_apart(0.553, 0.12, 0) == "55 %" and percent_apart(0.118, float("nan"), 0) == "12 %"
    assert percent_apart(0.1196, 0.1204, 0) != percent_apart(0.1204, 0.1196, 0)


def test_a_core_just_below_its_threshold_does_not_read_as_the_threshold():
    rows = judged.swaps(kit.judgement(numbers={"core_insert": 0.79996, "core_remove": 0.93}), kit.swaps())
    assert rows[0].cells(judged.PATTERNS)[1:4] == ["0.79996", "–", "≥ 0.8 ✗ not met"]


def test_a_grid_counts_in_a_unit_that_its_largest_number_fills():
    assert unit_of(0.0345) == pytest.approx(0.001) and unit_of(7.0) == pytest.approx(0.1) and unit_of(0.0) == 1.0
    assert (cell_text(0.0345, 0.001), cell_text(-0.00001, 0.001), cell_text(float("nan"), 1.0)) == ("34.5", "0", "–")


@given(st.floats(-2, 2), st.floats(0.01, 2))
def test_the_scale_has_zero_in_its_middle(value, limit):
    up, down = palette.shade(value, limit), palette.shade(-value, limit)
    assert (up == "z" and down == "z") or ({up[0], down[0]} == {"a", "b"} and up[1:] == down[1:])


@pytest.mark.parametrize("scheme", [palette.LIGHT, palette.DARK])
def test_every_number_can_be_read_on_its_cell_and_every_colour_has_one_name(scheme):
    colours = palette.colours(scheme)
    shades = [name.removeprefix("on-") for name in colours if name.startswith("on-")]
    assert len(set(colours.values())) == len(colours) and len(shades) == 2 * palette.STEPS + 1
    assert min(palette.contrast(colours[name], colours[f"on-{name}"]) for name in shades) >= 4.5
    steps = [palette.contrast(colours["z"], colours[f"a{step}"]) for step in range(1, 11)]
    assert steps == sorted(steps)  # further from zero, further from the paper


@given(st.lists(st.floats(0, 100), max_size=6))
def test_labels_never_lie_on_each_other(places):
    placed = drawing.apart(sorted(places), 0.0, 110.0, 11.5)
    assert all(b - a >= 11.4 for a, b in pairwise(placed)) and all(place <= 110.0 for place in placed)


@settings(max_examples=6, deadline=None)
@given(GRIDS, st.lists(ODD, min_size=3, max_size=3), st.lists(st.integers(0, 2**64), min_size=3, max_size=3))
def test_any_numbers_can_be_drawn(grid, values, steps):
    finite, triple = [value for value in values if math.isfinite(value)], tuple(values)
    limit, marks = grids.largest(grid), Marks(((0, 0),), ((0, 0), (9, 9)))
    curves = [("x", np.array([0.0, *values]), kind) for kind in ("seed", "control")]
    row = judged.Row("x", triple, {"gate": judged.least(values[0], 0.8)})
    with drawing.style():
        for figure in (
            grids.heads(grid, limit, unit_of(limit), marks),
            grids.history([(step, grid) for step in sorted(steps)], marks),
            figures.lorenz(curves, 1),
            figures.layers(grid, [grid]),
            figures.swaps([("core", finite, finite)], [("random", finite)] * bool(finite)),
            figures.plane(triple, (0.2, 0.1, 0.3)),
            figures.intervals([row]),
        ):
            assert not any(word in drawing.svg(figure, "x").partition(">")[2] for word in ("nan", "inf"))


def test_the_curve_of_concentration_adds_up_and_flatters_only_in_sample():
    noise_SCH = np.random.default_rng(0).normal(1, 1, (4, 4, 20))
    mean = noise_SCH.mean((0, 1))
    inside = derive.concentration_curve(mean, mean, float(mean.sum()))
    crossed = derive.cross_curve(noise_SCH, None)
    assert inside[0] == 0 and inside[-1] == pytest.approx(1) and crossed[-1] == pytest.approx(1)
    assert inside[2] > crossed[2] + 0.02  # equal heads, drawn with noise: chosen by it, weighed without it
    assert derive.effective(np.ones(20)) == 1 and derive.core_share(np.ones(20)) == pytest.approx(0.1)


def test_depth_is_where_the_gain_lies_and_a_long_curve_keeps_its_ends():
    assert derive.depth(np.array([1.0, 0, 0])) == 0 and derive.depth(np.array([0, 0, 2.0])) == 1
    assert derive.depth(np.array([1.0, 1, 1])) == pytest.approx(0.5) and np.isnan(derive.depth(np.zeros(3)))
    assert derive.thinned(range(10_000))[::199] == [0, 9_999] and derive.thinned([1, 2]) == [1, 2]


def rows_of(verdict, swaps):
    return {row.name: row for row in (*judged.gate(verdict), *judged.shapes(verdict), *judged.swaps(verdict, swaps))}


def test_what_the_rule_asks_is_read_off_the_rule():
    rows = rows_of(kit.judgement(), kit.swaps())
    assert rows["heads' share of the gain over control"].asks["gate"].met is True
    assert rows["core inserted"].asks["localized"].met is False
    assert rows["core removed"].asks["hierarchical"].met is True
    assert rows["core removed"].asks["distributed"].met is False
    rows = rows_of(kit.judgement(numbers={"p_whole_shuffled": 0.5, "seeds": [8, 3, 8], "share_core": 0.5}), [])
    assert rows["p: gain above shuffled"].asks["gate"].met is False
    assert rows["seeds in the smallest arm"].asks["gate"].met is False
    assert rows["share of the core, T_K"].asks["localized"].met is None  # no interval, no claim
    assert rows["core removed"].asks["distributed"].met is None
    closed = rows_of(kit.judgement(numbers={"negative": 0.3}), []).values()
    assert judged.together(list(closed), "gate") is False
    few = judged.swaps(kit.judgement(), kit.swaps(count=40))  # random sets are counted before they are believed
    assert next(row for row in few if "random" in row.name).asks["localized"].met is False
    harmed = rows_of(kit.judgement(numbers={"control": -0.3}), [])["shuffled control's gain, of the gain"]
    assert harmed.asks["gate"].met is False


def test_a_core_that_inserts_nothing_is_above_no_random_sets():
    numbers = {"core_insert": -0.2, "core_remove": 0.9, "both_insert": 0.95, "random_insert": [-0.3] * 200}
    rows = rows_of(kit.judgement(numbers=numbers, rule=4), [])
    assert rows["200 random sets inserted: 95th percentile"].asks["hierarchical"].met is False
    causal = Causal(-0.2, 0.9, 0.95, (-0.3,) * 200, (0.0,) * 200, 0.0, 0.95)
    assert not agreement("hierarchical", causal)[0]


def test_since_rule_three_weights_are_asked_for_and_bounds_of_the_held_share():
    since, before = (rows_of(kit.judgement(rule=rule), kit.swaps()) for rule in (3, 1))
    assert "core's weights inserted" in since and "core's weights inserted" not in before
    halo, tail = since["core's and halo's weights inserted"], "200 random sets inserted: 95th percentile"
    assert halo.value[0] == pytest.approx(0.95, abs=0.05) and halo.asks["hierarchical"].words == "≥ 0.9"
    assert since[tail].asks["hierarchical"].met and "hierarchical" not in before[tail].asks
    held = "heads' share of the gain over control"
    assert [rows[held].asks["gate"].words for rows in (since, before)] == ["lower ≥ 0.2", "≥ 0.2"]
