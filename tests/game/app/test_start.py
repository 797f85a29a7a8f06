"""From the command line to the game: lines to minds, a mind that can't start, and what a frame costs."""

import json
import sys
from pathlib import Path

import pygame as pg
import pytest

import main
from common.line.address import Address
from common.line.hello import Visitor
from game import start
from game.app import app, bench_game, game_loop
from game.journey.save_slots import NAME
from game.realm.replay import ActionLog
from perception.link import Link
from perception.messages import Keep
from perception.remote import Elsewhere
from tests.kits.appkit import Mind, paint_once


def test_the_familiars_mind_has_a_folder_of_its_own_in_the_slot(tmp_path: Path) -> None:
    begun: list[tuple[Path, int]] = []

    def command(folder: Path, seed: int) -> list[str]:
        begun.append((folder, seed))
        return ["no-such-command"]

    make = start.familiars(command)
    assert make is not None
    line = make(tmp_path, 7)
    assert isinstance(line, Link) and begun == [(tmp_path / "familiar", 7)]
    assert line.saving == start.SAVING > start.line_to([], None).saving, "so large a model takes longer to save"
    assert start.familiars(None) is None


def test_lines_are_made_not_started(tmp_path: Path) -> None:
    assert isinstance(start.line_to(["no-such-command"], None), Link)
    line = start.line_to([], Elsewhere(Address("127.0.0.1", 7777), Visitor("anna"), outbox=tmp_path / "outbox"))
    assert line.state == "waking" and line.keeps_lessons and not (tmp_path / "outbox").exists()


def test_a_mind_that_refuses_its_model_leaves_a_game_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint_once(monkeypatch)
    notes: list[str] = []
    monkeypatch.setattr(game_loop.Game, "note", lambda _, line: notes.append(line))
    refuse = "import sys; print('--model x: no model there', file=sys.stderr); sys.exit(2)"
    start.play(0, tmp_path, lambda folder, seed: [sys.executable, "-c", refuse], max_seconds=2.0)
    assert any("no model there" in line for line in notes)


def test_one_slot_is_played_without_a_title_and_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paint_once(monkeypatch)
    mind = Mind(tmp_path, 7)
    monkeypatch.setattr(start, "line_to", lambda command, address: mind)
    start.play(7, tmp_path, lambda folder, seed: [], max_seconds=1.0)
    assert mind.started and mind.closed and isinstance(mind.sent[-1], Keep)
    assert not pg.display.get_init()
    assert ActionLog.load(tmp_path / NAME).seed == 7


def test_a_slot_that_cannot_be_read_is_an_error_and_no_empty_game(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint_once(monkeypatch)

    def refuse(folder: Path, seed: int | None) -> None:
        raise OSError("no way in")

    monkeypatch.setattr(app, "resume", refuse)
    mind = Mind(tmp_path, 7)
    monkeypatch.setattr(start, "line_to", lambda command, address: mind)
    with pytest.raises(OSError, match="no way in"):
        start.play(7, tmp_path, lambda folder, seed: [], max_seconds=5.0)
    assert mind.closed


def test_bench_game_needs_no_model_and_no_torch(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench_game, "FRAMES", 4)
    monkeypatch.setattr(bench_game, "WARM", 1)
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it fails
    assert main.main(["bench", "game", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["area"] == "game" and {"name", "value", "unit", "baseline", "ratio", "at_most"} == set(
        report["rows"][0]
    )
