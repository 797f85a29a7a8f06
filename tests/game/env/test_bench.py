"""The bench of the environments: its rows, with their ratios; no speed is asserted."""

import json

import main
from game.env import bench


def test_rows_are_complete(monkeypatch):
    monkeypatch.setattr(bench, "ROUNDS", 2)
    monkeypatch.setattr(bench, "CHUNK", 2)
    rows = {row["name"]: row for row in bench.rows(3)}
    steps = {"step-text", "step-structured", "step-pixels", "step-players"}
    assert set(rows) == {"ticks", "reset", "save", "restore"} | steps
    for row in rows.values():
        assert set(row) >= {"name", "value", "unit", "baseline", "ratio"} and row["value"] > 0
        assert abs(row["ratio"] - row["value"] / rows["ticks"]["value"]) < 0.01 * row["ratio"] + 0.01
    assert rows["step-text"]["at_least"] == 10_000


def test_the_command_prints_one_json_object(monkeypatch, capsys):
    monkeypatch.setattr(bench, "rows", lambda seed: [bench._row("ticks", 2.0, 2.0)])
    assert main.main(["bench", "env", "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert table["area"] == "env" and table["rows"][0]["ratio"] == 1.0
