"""The page of an experiment that compares methods: found by its score, a figure, a table for each kind."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from training.report import drawing
from training.report.gather import Material, gather
from training.report.methods import section
from training.report.page import report
from training.report.parts import Table

ROW = {"gain": [0.9, 0.89, 0.91], "new": [0.5, 0.4, 0.7531], "alarms": [0.1, 0.0, 0.2], "mundane": [1.0, 1.0, 1.0],
       "lore": None, "matched": 5, "tasks": 5, "verdict": "no verdict"}  # fmt: skip
SURGICAL = {
    "experiment": "surgical", "model": "docs/logs/minds/head-32", "seeds": [0, 1], "target": 0.9,
    "about": {"rome-one": "UNSEEN"},
    "score": {"sight": {"methods": {"rome-one": ROW, "sgd": ROW}, "untouched": {"gain": 0.08}, "units": 72},
              "fact": {"methods": {"sgd": ROW}, "untouched": {}, "units": 72}},
}  # fmt: skip
SHARPNESS = {
    "experiment": "sharpness", "model": "m", "seeds": [0], "radius": 0.002,
    "score": {"sight": {"rows": {"sgd": {"worst": [1.0, 0.5, 1.25], "trace": None}},
                        "ratio": {"sgd": {"worst": [0.5, 0.4, 0.6], "highest": None}},
                        "predicts": {"worst": [0.1, 0, 1]}}},
}  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)


def test_the_page_has_a_figure_and_a_table_a_kind(tmp_path: Path) -> None:
    for content in (SURGICAL, SHARPNESS):
        (tmp_path / "score.json").write_text(json.dumps(content))
        done = report(tmp_path, pictures=tmp_path / "figures")
        page = (tmp_path / "report.html").read_text(encoding="utf-8")
        assert (done["name"], done["verdict"], done["runs"]) == (content["experiment"], None, 0)
        assert len(done["pictures"]) == 1
        assert page.count("<svg") == 1 and Path(done["pictures"][0]).read_bytes()[:4] == b"\x89PNG"
        assert page.count("<table") == len(content["score"])
        if content is SURGICAL:
            assert "75.3" in page and "5 of 5" in page and "no verdict" in page and "UNSEEN" in page


def test_numbers_of_a_row_stand_in_their_columns(tmp_path: Path) -> None:
    (tmp_path / "score.json").write_text(json.dumps(SURGICAL))
    tables = [block for block in section(gather(tmp_path)).blocks if isinstance(block, Table)]
    first = dict(zip(tables[0].head, tables[0].rows[1], strict=True))
    assert first["method"] == "rome-one" and "40" in str(first["new"]) and first["lore"] == "–"
    assert [row[0] for row in tables[1].rows] == ["untouched", "sgd"]


@settings(max_examples=30)
@given(JSON)
def test_whatever_a_score_holds_makes_a_page(content: Any) -> None:
    for name in ("surgical", "sharpness"):
        score = {"experiment": name, "score": {"sight": content}, "seeds": content, "about": content}
        whole = section(Material(name, "methods", (), score))
        with drawing.style():
            for picture in whole.pictures:
                picture.draw()
