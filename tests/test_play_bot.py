"""The bot's journey with a stand-in for the mind: shown, dreamt, seen."""

import json
from pathlib import Path

import pygame as pg

from game.realm.world import new_world
from tests.bot import run_bot
from tests.stub_mind import StubMind, by_traces


def test_a_short_journey_ends_seeing(tmp_path: Path) -> None:
    world = new_world(0)
    mind = StubMind(by_traces(world.rules), learning=True)
    result = run_bot(world, mind, tmp_path, shown=2, dream_seconds=2.0, spots=2)
    assert result["shown"] >= 2
    assert result["empties"] >= 3
    assert result["before"]["hits"] == 0
    for name in ("before", "during", "after", "after-heads"):
        assert pg.image.load(tmp_path / f"{name}.png").get_size() == (1280, 720)
    curve = [json.loads(line) for line in (tmp_path / "curve.jsonl").read_text().splitlines()]
    assert curve[-1]["step"] > 0
    assert curve[-1]["d_prime"] > curve[0]["d_prime"]
