"""The report's parts: text that stays text, colours that can be told apart, curves and shares that add up, PNGs."""

import json
import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from main import main
from tests.kits import reportkit as kit
from training.headlog.records import LogError
from training.report import derive, judged, palette, pictures
from training.report.curves import apart
from training.report.gather import gather
from training.report.grids import cell_text, unit_of
from training.report.markup import Markup, join, number, percent, tag, text
from training.report.pictures import draw
from training.verdict.verdict import Causal, agreement


@given(st.text(), st.text())
def test_text_never_becomes_markup(inside, attribute):
    made = tag("p", inside, title=attribute)
    assert made.count("<") == 2 and made.count(">") == 2 and made.count('"') == 2
    assert isinstance(made, Markup) and made in join([made, inside])


def test_numbers_are_written_for_people():
    assert [number(x) for x in (0.0, 0.12345, -2.5, 1e-7, 12345.0, float("nan"), None, True, 3)] == [
        "0", "0.123", "−2.5", "1.0e−7", "12,345", "–", "–", "yes", "3"
    ]  # fmt: skip
    assert (percent(0.1234), percent(-0.01), percent(None)) == ("12.3 %", "−1.0 %", "–")
    assert text("x" * 5000).endswith("…") and len(text("x" * 5000)) == 600


def test_a_grid_counts_in_a_unit_that_its_largest_number_fills():
    assert unit_of(0.0345) == pytest.approx(0.001) and unit_of(7.0) == pytest.approx(0.1) and unit_of(0.0) == 1.0
    assert (cell_text(0.0345, 0.001), cell_text(-0.00001, 0.001), cell_text(float("nan"), 1.0)) == ("34.5", "0", "–")


@given(st.floats(-2, 2), st.floats(0.01, 2))
def test_the_scale_has_zero_in_its_middle(value, limit):
    up, down = palette.shade(value, limit), palette.shade(-value, limit)
    assert up == "z" and down == "z" if up == "z" else {up[0], down[0]} == {"a", "b"} and up[1:] == down[1:]


@pytest.mark.parametrize("scheme", [palette.LIGHT, palette.DARK])
def test_every_number_can_be_read_on_its_cell_and_the_ends_apart(scheme):
    found = palette.scale(scheme)
    assert min(palette.contrast(fill, ink) for fill, ink in found.values()) >= 4.5
    steps = [palette.contrast(found["z"][0], found[f"a{step}"][0]) for step in range(1, 11)]
    assert steps == sorted(steps)  # further from zero, further from the paper


@given(st.lists(st.floats(0, 100), max_size=6))
def test_labels_never_lie_on_each_other(places):
    placed = apart(sorted(places), 110.0)
    assert all(b - a >= 11.4 for a, b in pairwise(placed))
    assert not placed or placed[-1] <= 110.0


def test_the_curve_of_concentration_adds_up_and_flatters_only_in_sample():
    rng = np.random.default_rng(0)
    noise_SCH = rng.normal(1, 1, (4, 4, 20))
    mean = noise_SCH.mean((0, 1))
    inside = derive.concentration_curve(mean, mean, float(mean.sum()))
    crossed = derive.cross_curve(noise_SCH, None)
    assert inside[0] == 0 and inside[-1] == pytest.approx(1) and crossed[-1] == pytest.approx(1)
    assert inside[2] > crossed[2] + 0.02  # equal heads, drawn with noise: chosen by it, weighed without it
    assert derive.effective(np.ones(20)) == 1 and derive.core_share(np.ones(20)) == pytest.approx(0.1)


def test_depth_is_where_the_gain_lies():
    assert derive.depth(np.array([1.0, 0, 0])) == 0 and derive.depth(np.array([0, 0, 2.0])) == 1
    assert derive.depth(np.array([1.0, 1, 1])) == pytest.approx(0.5) and np.isnan(derive.depth(np.zeros(3)))


def test_a_long_curve_keeps_its_ends():
    assert derive.thinned(range(10_000))[::199] == [0, 9_999] and derive.thinned([1, 2]) == [1, 2]


def test_what_the_rule_asks_is_read_off_the_rule():
    found = kit.judgement()
    by_name = {row.name: row for row in (*judged.gate(found), *judged.shapes(found), *judged.swaps(found, kit.swaps()))}
    assert by_name["heads' share of the gain over control"].asks["gate"].met is True
    assert by_name["core inserted"].asks["localized"].met is False
    assert by_name["core inserted"].asks["hierarchical"].met is True
    both = kit.judgement(numbers={"p_whole_shuffled": 0.5})
    assert {row.name: row for row in judged.gate(both)}["p: gain above shuffled"].asks["gate"].met is False
    poor = kit.judgement(numbers={"seeds": [8, 3, 8], "share_core": 0.5})
    by_name = {row.name: row for row in (*judged.gate(poor), *judged.shapes(poor), *judged.swaps(poor, []))}
    assert by_name["seeds in the smallest arm"].asks["gate"].met is False
    assert by_name["share of the core, T_K"].asks["localized"].met is None  # no interval, no claim
    assert by_name["core inserted"].asks["distributed"].met is None


def test_a_core_that_inserts_nothing_meets_no_condition_of_a_serial_circuit():
    told = {"core_insert": -0.2, "core_remove": 0.9, "both_insert": 0.95, "random_insert": [-0.3] * 200}
    found = kit.judgement(numbers=told)
    rows = {row.name: row for row in judged.swaps(found, [])}
    assert rows["core inserted"].asks["hierarchical"].met is False
    causal = Causal(-0.2, 0.9, 0.95, 0.0, (-0.3,) * 200, (0.0,) * 200, 0.0, 0.95)
    assert not agreement("hierarchical", causal)[0]


def test_random_sets_are_counted_before_they_are_believed():
    few = judged.swaps(kit.judgement(), kit.swaps(count=40))
    assert next(row for row in few if "random" in row.name).asks["localized"].met is False


def test_pictures_are_drawn_for_all_that_was_measured(tmp_path):
    out = kit.make_experiment(tmp_path / "sight", 2)
    made = draw(gather(out), tmp_path / "png")
    assert {path.stem for path in made} == {"heads", "lorenz", "depth", "causal", "history", "learning"}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in made)


def test_a_page_draws_no_random_numbers(tmp_path):
    from training.report.page import page

    folder = kit.make_run(tmp_path / "run")
    random.seed(3)
    np.random.seed(3)
    before = random.getstate(), np.random.get_state()[1].tolist()
    page(gather(folder))
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def test_nothing_to_report_is_one_line_with_a_remedy(tmp_path, capsys):
    assert main(["report", str(tmp_path / "nowhere")]) == 2
    told = capsys.readouterr().err
    assert "nowhere: no such run; give a run's folder" in told and told.count("\n") == 1
    with pytest.raises(LogError, match="no log of a run in it"):
        gather(tmp_path)


def test_the_verb_writes_the_page_and_says_where(tmp_path, capsys):
    folder = kit.make_experiment(tmp_path / "sight")
    assert main(["report", str(folder), "--out", str(tmp_path / "deep" / "it.html"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"] == "hierarchical" and told["runs"] == 9 and told["missing"] == []
    assert (tmp_path / "deep" / "it.html").stat().st_size == told["bytes"]
    (tmp_path / "file").write_text("")
    assert main(["report", str(folder), "--out", str(tmp_path / "file" / "it.html")]) == 2
    assert "choose another --out" in capsys.readouterr().err


def test_since_rule_three_weights_are_asked_for_and_bounds_of_the_held_share():
    swapped = kit.swaps()
    since, before = kit.judgement(rule=3), kit.judgement()
    names = [row.name for row in judged.swaps(since, swapped)]
    assert "core's weights inserted" in names and "core's weights inserted" not in [
        row.name for row in judged.swaps(before, swapped)
    ]
    rows = {row.name: row for row in judged.swaps(since, swapped)}
    halo = rows["core's and halo's weights inserted"]
    assert halo.value[0] == pytest.approx(0.95, abs=0.05) and halo.asks["hierarchical"].words == "≥ 0.9"
    tail = rows["200 random sets: 95th percentile"]
    assert tail.asks["hierarchical"].met and "hierarchical" not in judged.swaps(before, swapped)[-1].asks
    held = [next(row for row in judged.gate(one) if "share of the gain" in row.name) for one in (since, before)]
    assert [row.asks["gate"].words for row in held] == ["lower ≥ 0.2", "≥ 0.2"]


def test_pictures_of_learning_are_of_one_base_model_each(tmp_path, monkeypatch):
    for base in (0, 1):
        kit.make_experiment(tmp_path / f"base-{base}", 2)
    drawn = []
    monkeypatch.setattr(pictures, "draw_curves", lambda groups, to: drawn.extend(groups))
    draw(gather(tmp_path), tmp_path / "figures")
    assert len(drawn) == 6 and all(len(logs) == 2 for _, logs in drawn)
    assert drawn[0][0].startswith("trained, base 0") and drawn[1][0].startswith("trained, base 1")
