"""The report's score: tables of what score.json holds, base models by their names, whatever shape it has."""

import json
from dataclasses import replace

from tests.kits import reportkit as kit
from tests.training.report.test_report import Page
from training.headlog.log import write_log
from training.report.bars import plane
from training.report.gather import gather
from training.report.page import page
from training.report.scored import plainly

ARM = {"hits": 0.91, "hits_new_forms": None, "lost": 0.004, "seeds": 8}
BASE = {
    "model": "assets/novice", "model_hash": "0123", "verdict": {"word": "UNSEEN"}, "causal": {"core_insert": 0.41},
    "analyses": {"depth": {"centre": [3.5, 2.25, 4.5]}, "rank": {"kept": {"1": [0.96, 0.95, 0.97]}}},
}  # fmt: skip
SCORE = {
    "arms": {"trained": ARM, "shuffled": ARM | {"hits": 0.02}},
    "by_base": {"assets/novice": {"trained": ARM}, "runs/minds/other": {"trained": ARM | {"hits": 0.77}}},
    "bases": [BASE, BASE | {"model": "runs/minds/other"}],
    "verdict": {"word": "undecided", "reason": "the base models disagree: hierarchical, localized"},
}


def shown(tmp_path, score, bases=("assets/novice", "runs/minds/other")):
    for base in range(len(bases)):
        kit.make_experiment(tmp_path / f"base-{base}", 1)
    return Page(page(replace(gather(tmp_path), score={"bases": list(bases), "score": score}))[0])


def test_arms_and_bases_stand_in_tables_of_their_own(tmp_path):
    told = shown(tmp_path, SCORE).text("score")
    assert "hits lost seeds trained 91.0 % 0.4 % 8 shuffled 2.0 % 0.4 % 8" in told  # no column that is empty
    assert (
        "arms (medians over all seeds, of several base models too; lost: the most that mundane accuracy fell)" in told
    )
    assert "by_base: runs/minds/other: trained number value hits 77.0 %" in told
    assert "bases: assets/novice" in told and "causal number value core insert 0.41" in told
    assert "centre 3.5 (2.25 … 4.5)" in told and "1 0.96 (0.95 … 0.97)" in told
    assert "UNSEEN" not in told and "{" not in told and "[" not in told


def test_what_holds_for_all_bases_comes_before_the_first_of_them(tmp_path):
    told = shown(tmp_path, SCORE).text("verdict")
    joint, first = told.index("the base models disagree"), told.index("The first of 2 base models")
    assert joint < first < told.index("core holds 0.66 to 0.78")
    assert "assets/novice hierarchical 0.72" in told and "runs/minds/other hierarchical 0.72" in told


def test_one_base_has_no_word_above_its_own(tmp_path):
    assert "base models disagree" not in shown(tmp_path, SCORE, ["assets/novice"]).text("verdict")


def test_lists_are_told_in_words_however_deep():
    assert plainly("width", [0.2, 0.1, 0.3]) == "0.2 (0.1 … 0.3)"
    assert plainly("seeds", [8, 8, 8]) == "8; 8; 8" and plainly("x", [0.3, 0.1, 0.2]) == "0.3; 0.1; 0.2"
    assert plainly("random", [float(n) for n in range(9)]) == "9 numbers: median 4, 0 to 8"
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    assert plainly("x", deep) == "…"


def test_entries_of_one_shape_stand_beside_one_another(tmp_path):
    change = {f"rank-{n}": {"stable": {"q": n, "v": 2 * n}, "kept": {"1": 0.5, "2": 0.9, "4": 1.0}} for n in (1, 4)}
    likeness = {
        kind: {"p": p, "each": [p, p], "controls": {"shuffled": [p]}} for kind, p in (("own", 0.2), ("cue", 0.3))
    }
    told = shown(tmp_path, {"change": change, "likeness": likeness}).text("score")
    assert "singular values): stable q v rank-1 1 2 rank-4 4 8" in told
    assert "singular values): kept 1 2 4 rank-1 0.5 0.9 1 rank-4 0.5 0.9 1" in told
    assert "excess: over them) p each own 0.2 0.2; 0.2 cue 0.3 0.3; 0.3" in told
    assert "excess: over them): controls shuffled own 0.2 cue 0.3" in told
    models = {model: {"trained": {"hits": 0.5}, "shuffled": {"hits": 0.1}} for model in ("one", "two")}
    told = shown(tmp_path / "models", {"by_base": models}).text("score")
    assert "by_base: one hits trained 50.0 % shuffled 10.0 %" in told, "arms beside one another, not base models"


def test_a_share_beyond_the_frame_is_said_to_be_drawn_on_its_edge():
    inside, beyond = (str(plane((share, 0.6, 1.0), (0.2, 0.1, 0.3))) for share in (0.9, 1.27))
    assert "drawn on its edge" in beyond and "drawn on its edge" not in inside
    assert beyond.count('cy="8"') == 1  # the dot, at the top


def test_arms_without_controls_miss_no_verdict(tmp_path):
    for arm in ("narrow", "wide"):
        kit.make_run(tmp_path / arm / "seed-0")
    text, missing = page(gather(tmp_path))
    assert "gives no verdict" in Page(text).text("verdict") and "verdict: verdict" not in missing
    kit.make_run(tmp_path / "shuffled" / "seed-0", 0, "shuffled")
    assert "verdict: verdict" in page(gather(tmp_path))[1]
    (tmp_path / "score.json").write_text(json.dumps({"experiment": "born", "score": {"likeness": {}}}))
    text, missing = page(gather(tmp_path))
    assert "gives no verdict" in Page(text).text("verdict") and "verdict: verdict" not in missing


def test_a_pattern_behind_a_closed_gate_is_not_met(tmp_path):
    out = kit.make_experiment(tmp_path / "sight", 1)
    write_log(out / "verdict.msgpack", kit.header(0, ""), [kit.judgement(numbers={"negative": 0.3}), *kit.swaps()])
    told = Page(page(gather(out))[0]).text("verdict")
    assert "all that is asked, the gate too ✗ not met ✗ not met ✗ not met" in told
