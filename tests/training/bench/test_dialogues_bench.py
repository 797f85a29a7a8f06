"""What the bench of dialogues measures: its dialogues, its rows, its bytes; never how fast this machine is."""

import pytest
import torch

from tests.kits.minds import tiny
from training.bench import dialogues
from training.bench.dialogues import ANSWER, DIALOGUES, LONGEST, REPLY, SHORTEST, drawn
from training.bench.run import bench

torch.set_num_threads(1)


def test_the_dialogues_are_as_the_module_says() -> None:
    contexts, decisions = drawn(tiny(), 0)
    assert len(contexts) == len(decisions) == DIALOGUES
    assert (len(contexts[0]), len(contexts[-1])) == (SHORTEST, LONGEST)
    assert {(len(d.question), len(d.answer)) for d in decisions} == {(REPLY - ANSWER, ANSWER)}
    assert [d.context for d in decisions] == list(range(DIALOGUES))
    assert drawn(tiny(), 0) == (contexts, decisions) != drawn(tiny(), 1)


def test_the_rows_of_dialogues(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogues, "ROUNDS", 1)
    monkeypatch.setattr(dialogues, "load", lambda model, device: tiny())
    rows = {row["name"]: row for row in bench("dialogues", "tiny", 0, "cpu")["rows"]}
    ways = ["full", "frozen", "known"]
    assert list(rows) == [*ways, *(f"{name}-bfloat16" for name in ways), "full-memory", "frozen-memory"]
    assert [row["baseline"] for row in rows.values()] == ["full"] * 3 + ["full-bfloat16"] * 3 + ["full-memory"] * 2
    for row in rows.values():
        assert row["ratio"] == pytest.approx(row["value"] / rows[row["baseline"]]["value"])
    assert rows["frozen-memory"]["ratio"] < 0.5
