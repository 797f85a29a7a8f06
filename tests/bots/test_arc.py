"""The bot that plays to the end: it gets on with eyes that see, and never gets anywhere without."""

import json
from pathlib import Path

from tests.bots.arc import BLIND, KNOWING, Arc


def test_with_eyes_that_see_it_does_the_first_errand_as_somebody_would(tmp_path: Path) -> None:
    result = Arc(tmp_path, 3, 6.0, KNOWING, 3).play()
    assert 1 < result["errands"]["lantern"] < 6
    assert result["names"]["right"] >= 2 and result["found"] >= 1
    assert result["shapes_at_first_sight"] == 1
    written = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert written["minutes"] == result["minutes"] and not written["ended"]


def test_a_blind_mind_does_none(tmp_path: Path) -> None:
    result = Arc(tmp_path, 3, 9.0, BLIND, 3).play()
    assert result["errands"] == {} and result["found"] == 0
    assert result["first_sight_minute"] is None
    assert result["failed"].get("lantern"), "it tried"


def test_the_same_seed_is_the_same_journey(tmp_path: Path) -> None:
    results = [Arc(tmp_path / name, 5, 1.0, KNOWING).play() for name in ("one", "two")]
    assert {**results[0], "cpu_s": 0} == {**results[1], "cpu_s": 0}
