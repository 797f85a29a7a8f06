"""The report's score: tables that say what score.json holds, base models by their names, whatever shape it has."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tests.kits import reportkit as kit
from training.report.gather import Material, gather
from training.report.parts import Folded, Table
from training.report.scored import score, value_words

ARM = {"hits": 0.91, "hits_new_forms": None, "lost": 0.004, "seeds": 8}
BASE = {
    "model": "assets/novice", "verdict": {"word": "UNSEEN"}, "causal": {"core_insert": 0.41},
    "analyses": {"depth": {"centre": [3.5, 2.25, 4.5]}, "rank": {"kept": {"1": [0.96, 0.95, 0.97]}}},
}  # fmt: skip
SCORE = {
    "arms": {"trained": ARM, "shuffled": ARM | {"hits": 0.02}},
    "by_base": {"assets/novice": {"trained": ARM}, "runs/other": {"trained": ARM | {"hits": 0.77}}},
    "bases": [BASE, BASE | {"model": "runs/other"}],
    "verdict": {"word": "undecided", "reason": "UNSEEN"},
    "likeness": {n: {"p": p, "each": [p, p], "controls": {"shuffled": [p]}} for n, p in (("own", 0.2), ("cue", 0.3))},
    "unknown": 7531,
}  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
)


def tables(value):
    section = score(Material("x", "experiment", (), {"score": value}))
    some = [block for block in section.blocks if isinstance(block, Table)] if section else []
    return {table.caption: [list(table.head), *table.lines] for table in some}


def test_every_part_is_a_table_that_says_what_it_is():
    by_caption = tables(SCORE)
    assert by_caption["What each arm learned: medians over its runs"] == [
        ["arm", "base model", "runs", "hits", "mundane lost, most"],  # no column that is empty
        ["trained", "all", "8", "91.0 %", "0.4 %"],
        ["shuffled", "all", "8", "2.0 %", "0.4 %"],
        ["trained", "assets/novice", "8", "91.0 %", "0.4 %"],
        ["trained", "runs/other", "8", "77.0 %", "0.4 %"],
    ]
    bases, likeness = (
        next(lines for caption, lines in by_caption.items() if caption.startswith(words))
        for words in ("Each b", "Like")
    )
    assert bases[0] == ["", "assets/novice", "runs/other"]
    assert ["core inserted, share of the gain over control", "0.41", "0.41"] in bases
    assert ["depth: mean layer of the gain, from 0 (95 %)", *["3.5 (2.25 … 4.5)"] * 2] in bases
    assert likeness[1:] == [["p", "0.2", "0.3"], ["each", "0.2; 0.2", "0.3; 0.3"], ["controls: shuffled", "0.2", "0.3"]]
    assert by_caption["Further numbers of the score"][1] == ["unknown", "7,531"]
    assert "UNSEEN" not in str(by_caption)


def test_many_arms_are_rows_and_a_core_is_told_in_a_sentence():
    arms = {f"random-{n}": {"gain": [1.0, 1.0, 1.0], "held": 0.1 * n} for n in range(9)}
    sufficient = {
        "share": {"core": [0.999, 0.9, 1.0], "all-but-core": [0.5, 0.4, 0.6]},
        "random": [0.2, 1.1],
        "above": 0.5,
    }
    section = score(Material("x", "experiment", (), {"score": {"heads": arms, "sufficiency": sufficient}}))
    assert section.blocks[0].text == (
        "The core alone learns 99.9 % of what everything gains, all but the core 50.0 %; 2 random sets of its size and"
        " layers 20.0 % to 110.0 %, 1 of them less than the core."
    )
    by_caption = tables({"heads": arms, "sufficiency": sufficient})
    spread, alone = by_caption.values()
    assert spread[0] == ["", "gain, nats (along the path, no control subtracted)", "gain: the heads’ part"]
    assert spread[1] == ["random-0", "1", "0"] and len(spread) == 10
    assert ["core", "0.999 (0.9 … 1)", ""] in alone
    few = tables({"heads": dict(list(arms.items())[:8])})
    assert [lines[0] for lines in few.values()] == [["", *list(arms)[:8]]]


def test_the_score_stands_folded_at_the_end_as_it_is_and_no_longer_than_a_page_bears():
    for value in (SCORE, {"n": 1, "long": ["x" * 99] * 2000}):
        last = score(Material("x", "experiment", (), {"score": value})).blocks[-1]
        assert isinstance(last, Folded) and last.title == "score.json as it is" and len(last.folded) < 61_000
    assert "characters more" in last.folded and json.loads(json.dumps(SCORE))["unknown"] == 7531
    whole = score(Material("x", "experiment", (), {"score": SCORE})).blocks[-1].folded
    assert json.loads(whole) == {"score": json.loads(json.dumps(SCORE))}


def test_lists_are_told_in_words_however_deep():
    assert value_words("width", [0.2, 0.1, 0.3]) == "0.2 (0.1 … 0.3)"
    assert value_words("seeds", [8, 8, 8]) == "8; 8; 8" and value_words("x", [0.3, 0.1, 0.2]) == "0.3; 0.1; 0.2"
    assert value_words("random", [float(n) for n in range(9)]) == "9 numbers: median 4, 0 to 8"
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    assert value_words("x", deep) == "…"


@given(
    st.dictionaries(
        st.text(max_size=6) | st.sampled_from(["arms", "by_base", "bases", "hits", "sufficiency"]), JSON, max_size=4
    )
)
def test_a_score_of_any_shape_is_tables(value):
    assert all(len({len(line) for line in lines}) == 1 for lines in tables(value).values())


def test_a_number_too_long_for_a_number_is_shown_as_missing(tmp_path):
    out, huge = kit.make_run(tmp_path / "sight" / "trained" / "seed-0").parents[1], "9" * 400
    (out / "score.json").write_text(f'{{"bases": 3, "score": {{"hits": {huge}, "few": [{huge}, 1], "n": 7531}}}}')
    assert tables(gather(out).score["score"])["Further numbers of the score"][1:] == [
        ["hits", "–"], ["few", "–; 1"], ["n", "7,531"]
    ]  # fmt: skip
