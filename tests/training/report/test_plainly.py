"""A page's plain words: sentences that hide nothing, error rates of the rule, two finished models."""

import json
import re

import pytest
from msgspec import structs

from tests.kits import reportkit as kit
from tests.kits.pagekit import read
from training.headlog.curves import SetCurve, SetPoint, curve_records
from training.headlog.log import write_log
from training.headlog.records import Curve, Snapshot, Summary, Swap
from training.report import page


@pytest.fixture
def no_figures(monkeypatch):
    """Figures take most of a page's time: here they are left out."""
    monkeypatch.setattr(page, "_named", lambda sections: [])


def test_words_are_those_of_the_behaviour_and_a_weak_mundane_score_is_a_caveat(tmp_path, no_figures):
    header, records, weak = kit.header(0, ""), kit.records(0, ""), {"hits": 0.0, "mundane": 0.47}
    own = structs.replace(header, config=header.config | {"behaviour": "lend.jsonl", "probe_file": "probes.jsonl"})
    worse = [structs.replace(r, before=weak) if isinstance(r, Summary) else r for r in records]
    write_log(tmp_path / "log.msgpack", own, worse)
    sheet, _ = read(tmp_path)
    everything = " ".join(sheet.sections.values())
    assert not re.search("trace|spirit|haunted|direction", everything)
    assert "the cue that a probe’s line names" in everything
    assert "only 47 % of other lines were answered rightly" in sheet.text("verdict")
    write_log(tmp_path / "log.msgpack", header, records)
    sheet, _ = read(tmp_path)
    assert "the traces of the asked place" in sheet.text("heads") and "Weak control" not in sheet.text("verdict")


def test_two_finished_models_make_a_page_with_their_curve_of_sets_and_no_verdict(tmp_path):
    header = kit.header(0, "")
    places = [(layer, head) for layer in range(kit.LAYERS) for head in range(kit.HEADS)]
    points = tuple(
        SetPoint(tuple(places[:size]), (share, share - 0.05, share + 0.04), (0.1, 0.2), (tuple(places[-size:]),) * 2)
        for size, share in ((1, 0.31), (8, 0.66), (16, 0.97))
    )
    curve = SetCurve(16, 24, points, (0.71, 0.66, 0.75), (0.29, 0.25, 0.34), (SetPoint(((0, 0),), (0.4, 0.3, 0.5)),))
    rows = [record for record in kit.records(0, "") if not isinstance(record, Curve | Snapshot)]
    both = structs.replace(
        header, config={"behaviour": "compared", "model": "runs/a", "tuned": "runs/b", "probe_file": "p"}
    )
    write_log(tmp_path / "log.msgpack", both, [*rows, *curve_records(curve)])
    sheet, missing = read(tmp_path)
    assert "no controls: no verdict" in sheet.text("verdict") and not any("verdict" in what for what in missing)
    assert "Two finished models: runs/a and runs/b" in sheet.text("") and "learning" not in sheet.sections
    text = sheet.text("sets")
    assert "CPR, the area under the curve: 0.71 (0.66 … 0.75)" in text and "CMD" in text
    assert "1 31.0 % 26.0 % … 35.0 % 40.0 % 15.0 % 10.0 % 20.0 % 0.0" in text
    assert "8 * 66.0 %" in text and "16 * 97.0 %" in text
    assert "best 1" not in sheet.text("causal") and "cpr" not in sheet.text("whole")
    assert "main.py diff runs/a runs/b --probes p --seed 0 --out runs/again" in sheet.text("settings")


def test_error_rates_stand_on_the_page_where_the_rule_was_calibrated(tmp_path, no_figures):
    out = kit.make_experiment(tmp_path / "sight", 1)
    patterns = [{"name": "one head", "right": 7, "wrong": 0, "undecided": 1, "n": 8},
                {"name": "MLPs", "right": 0.95, "wrong": 0.0, "undecided": 0.05, "n": 20}]  # fmt: skip
    table = {"rule": 1, "patterns": patterns}
    (out / "calibration.json").write_text(json.dumps(table))
    text = read(out)[0].text("verdict")
    assert "one head 8 88 % 0 % 12 %" in text and "MLPs 20 95 % 0 % 5 %" in text and "not measured yet" not in text
    (out / "calibration.json").write_text(json.dumps(table | {"rule": 9}))
    assert "rates of rule 9, not of this page’s" in read(out)[0].text("verdict")
    for broken in ({"patterns": "no"}, {"patterns": [3, {"name": None}]}, [], {"patterns": [{"n": "x", "right": []}]}):
        (out / "calibration.json").write_text(json.dumps(broken))
        assert read(out)[0].text("verdict")


def test_a_pattern_that_comes_second_says_so(tmp_path, no_figures):
    """Between 0.5 and 0.6 a core fits two patterns of the rule, and belongs to the first."""
    out = kit.make_experiment(tmp_path / "sight", 1)
    numbers = {"share_core": [0.55, 0.52, 0.58], "width": [0.3, 0.25, 0.35], "significant": 0.6, "halo": 0.5}
    numbers |= {"core_remove": 0.5, "random_remove": [0.0] * 96}
    write_log(out / "verdict.msgpack", kit.header(0, ""), [kit.judgement(numbers=numbers, rule=4), *kit.swaps()])
    seen = read(out)[0].text("verdict")
    assert "distributed nothing: all is met, but an earlier pattern fits the shares" in seen


def test_a_head_that_brings_more_alone_than_any_random_set_is_not_hidden_by_the_word(tmp_path, no_figures):
    out = kit.make_experiment(tmp_path / "sight", 2)
    for seed in range(2):
        alone = [Swap(what="output", name=f"head {layer}.1", heads=((layer, 1),), insert=share, remove=None)
                 for layer, share in ((0, 0.2), (3, 1.84))]  # fmt: skip
        write_log(
            out / "trained" / f"seed-{seed}" / "log.msgpack", kit.header(seed, ""), [*kit.records(seed, ""), *alone]
        )
    write_log(out / "verdict.msgpack", kit.header(0, ""), [kit.judgement(word="undecided"), *kit.swaps()])
    text = read(out)[0].text("verdict")
    assert "The one that brings most by itself is 3.1: 184 % of a run’s own gain (median of 2 runs)" in text
    assert "Why no pattern is named: core holds" in text
