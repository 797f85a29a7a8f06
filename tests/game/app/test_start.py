"""From the command line to the game: lines to minds, a mind that can't start, and what a frame costs."""

import dataclasses
import json
import sys
from pathlib import Path

import pytest

import main
from game import start
from game.app import bench_game, game_loop
from game.journey.mind_client import Mind
from game.realm.world import World
from perception.link import Link


@pytest.mark.parametrize("address", ["nowhere", ":7", "host:", "host:0", "host:99999", "host:port"])
def test_a_bad_address_is_one_line(address: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT") as caught:
        start.line_to([], address)
    assert "\n" not in str(caught.value)


def test_lines_are_made_not_started() -> None:
    assert isinstance(start.line_to(["no-such-command"], None), Link)
    assert start.line_to([], "127.0.0.1:7777").state == "waking"
    assert start.line_to([], "[::1]:7777").state == "waking"


def test_a_mind_that_refuses_its_model_leaves_a_game_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def short(world: World, mind: Mind, options: game_loop.Options, **_: object) -> None:
        monkeypatch.setattr(game_loop.Game, "note", lambda _, line: told.append(line))
        game_loop.run(world, mind, dataclasses.replace(options, max_seconds=2.0))
        told.append(mind.state)

    monkeypatch.setattr(start, "run", short)
    refuse = "import sys; print('--model x: no model there', file=sys.stderr); sys.exit(2)"
    start.play(0, tmp_path, [sys.executable, "-c", refuse])
    assert told[-1] == "dead"
    assert any("no model there" in line for line in told)


def test_bench_game_needs_no_model_and_no_torch(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench_game, "FRAMES", 4)
    monkeypatch.setattr(bench_game, "WARM", 1)
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it fails
    assert main.main(["bench", "game", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["area"] == "game" and {"name", "value", "unit", "baseline", "ratio", "at_most"} == set(told["rows"][0])
