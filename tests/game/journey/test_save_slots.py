"""A save slot: what was done is written, and lived through again."""

import json
from pathlib import Path
from threading import current_thread

import pygame as pg
import pytest

import main
from game import start
from game.app.app import App, Loading
from game.app.game_loop import CHRONICLE
from game.journey.journey import Journey
from game.journey.save_slots import (
    NAME,
    SAVE_EVERY,
    AutoSave,
    Slots,
    adopt,
    begin,
    resume,
)
from game.journey.slot_card import CARD, PICTURE
from game.realm.play_rules import load as load_play
from game.realm.realms import LocalRealm
from game.realm.replay import ActionLog, ReplayError, state_hash
from game.realm.rules import load as load_rules
from game.realm.simulate import SimulateConfig, simulate
from tests.kits.appkit import Mind
from tests.kits.playkit import game_of, key, play, walked
from tests.kits.stub_mind import StubMind


def test_leaving_saves_the_journey_and_simulate_lives_through_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slot = tmp_path / "deep" / "first"
    game = game_of(StubMind(), tmp_path, slot=slot)
    play(game, 60, [key(pg.K_d), key(pg.K_s)])
    game.autosave.close(game.journey.realm.log, game.card)
    file = slot / NAME
    assert sorted(path.name for path in file.parent.iterdir()) == [CARD, PICTURE, CHRONICLE, NAME]
    assert main.main(["simulate", "--replay", str(file), "--json"]) == 0
    replayed = json.loads(capsys.readouterr().out)
    assert replayed["state_hash"] == state_hash(game.journey.realm.world)
    assert replayed["ticks"] == game.journey.realm.world.tick > 0


def test_a_journey_goes_on_where_it_was_left(tmp_path: Path) -> None:
    left = walked(tmp_path)
    log, note = resume(tmp_path, 0)
    assert log is not None and note == ""
    world = log.replay()
    assert state_hash(world) == left
    journey = Journey(LocalRealm(world, log), StubMind(), True)
    for tick in range(60):
        journey.advance(1 / 30, (0, -1), False, tick / 30)
    assert not world.resting, "who comes back is awake"
    assert state_hash(journey.realm.log.replay()) == state_hash(world)


def test_a_replay_that_a_policy_made_headless_goes_on_as_a_journey(tmp_path: Path, monkeypatch) -> None:
    file, slot = tmp_path / "walk.replay", tmp_path / "saves" / "walked"
    state = simulate(SimulateConfig(600, 7, "shown-around", save_replay=file))["state_hash"]
    adopt(slot, file)
    log, note = resume(slot, None)
    assert log is not None and (note, log.seed, log.ticks) == ("", 7, 600)
    journey = Journey(LocalRealm(log.replay(), log), StubMind(), True)
    assert state_hash(journey.realm.world) == state
    for tick in range(30):
        journey.advance(1 / 30, (1, 0), False, tick / 30)
    assert state_hash(journey.realm.log.replay()) == state_hash(journey.realm.world) != state
    with pytest.raises(ReplayError, match="holds a journey; choose another slot"):
        adopt(slot, file)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ReplayError, match="not a whole msgpack file"):
        adopt(tmp_path / "saves" / "other", file)
    assert not (tmp_path / "saves" / "other").exists()


def test_the_command_line_puts_a_replay_into_the_slot_that_it_plays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SECOND_SIGHT_HOME", str(tmp_path / "home"))
    played: list[Path] = []
    monkeypatch.setattr(start, "play", lambda seed, folder, *rest, **options: played.append(folder))
    file = tmp_path / "walk.replay"
    simulate(SimulateConfig(60, 7, save_replay=file))
    assert main.main(["play", "--replay", str(file), "--save", "walked"]) == 0
    assert ActionLog.load(played[0] / NAME).ticks == 60
    assert main.main(["play", "--replay", str(file), "--save", "walked"]) == 2
    assert main.main(["play", "--replay", str(file)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and "holds a journey" in lines[0] and "--save SLOT" in lines[1]


def test_without_a_chosen_seed_the_journey_that_lies_there_goes_on(tmp_path: Path) -> None:
    walked(tmp_path, seed=5)
    log, _ = resume(tmp_path, None)
    assert log is not None and log.seed == 5


def test_another_seed_begins_anew_and_nothing_is_lost(tmp_path: Path) -> None:
    for seed, aside in ((5, f"{NAME}.old"), (6, f"{NAME}.old2")):
        walked(tmp_path, seed=seed)
        log, note = resume(tmp_path, 1)
        assert log is None
        assert aside in note and "\n" not in note
        assert ActionLog.load(tmp_path / aside).seed == seed
    assert resume(tmp_path, 1) == (None, "")


def test_every_minute_of_play_is_saved_beside_the_frames(tmp_path: Path) -> None:
    game = game_of(StubMind(), tmp_path, slot=tmp_path / "slot")
    play(game, 2)
    assert not (tmp_path / "slot").exists()
    game.autosave.advance(SAVE_EVERY, game.journey.realm.log)
    assert game.autosave._thread is not None
    game.autosave._thread.join()
    assert ActionLog.load(tmp_path / "slot" / NAME).ticks == game.journey.realm.log.ticks


def test_a_slot_that_cannot_be_written_is_a_note_in_play_and_an_error_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    game = game_of(StubMind(), tmp_path, slot=tmp_path / "file")
    game.autosave.advance(SAVE_EVERY, game.journey.realm.log)
    assert game.autosave._thread is not None
    game.autosave._thread.join()
    play(game, 2)
    assert any("can't be saved" in line for line in game.context.notes())
    with pytest.raises(OSError, match="file"):
        game.autosave.close(game.journey.realm.log)


def test_play_goes_on_with_the_saved_journey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = walked(tmp_path, seed=3)
    begun: list[tuple] = []

    def begin(app: App, loaded: Loading) -> None:
        assert loaded.world is not None and loaded.past is not None
        begun.append((state_hash(loaded.world), loaded.folder, loaded.past.seed, loaded.note))
        app.over = True

    monkeypatch.setattr(App, "_play", begin)
    monkeypatch.setattr(start, "line_to", lambda command, address: Mind(tmp_path, 3))
    start.play(None, tmp_path, lambda folder, seed: [])
    assert begun == [(left, tmp_path, 3, "")]


def test_what_is_replaced_becomes_the_backup(tmp_path: Path) -> None:
    walked(tmp_path, ticks=30)
    first = (tmp_path / NAME).read_bytes()
    walked(tmp_path, ticks=60)
    assert (tmp_path / f"{NAME}.bak").read_bytes() == first
    (tmp_path / NAME).write_bytes(b"junk")
    walked(tmp_path, ticks=90)
    assert (tmp_path / f"{NAME}.bak").read_bytes() == first, "junk is no backup"
    assert (tmp_path / f"{NAME}.old").read_bytes() == b"junk"


def test_slots_are_three_and_cleared_ones_lie_aside(tmp_path: Path) -> None:
    slots = Slots(tmp_path)
    assert [slot.state for slot in slots.all()] == ["empty"] * 3 and slots.newest() is None
    walked(tmp_path / "2", seed=2)
    assert [slot.state for slot in slots.all()] == ["empty", "journey", "empty"]
    newest = slots.newest()
    assert newest is not None and newest.number == 2
    assert "2.old" in slots.clear(2) and slots.clear(2) == ""
    assert ActionLog.load(tmp_path / "2.old" / NAME).seed == 2


def test_a_journey_of_an_hour_is_written_beside_the_game(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = ActionLog(0)
    for tick in range(108_000):
        log.append((("move", 1, 0),) if tick % 2 else ())
    autosave, written = AutoSave(tmp_path), []
    save = ActionLog.save
    monkeypatch.setattr(ActionLog, "save", lambda log, path: (written.append(current_thread()), save(log, path)))
    autosave.advance(SAVE_EVERY, log)
    assert autosave._thread is not None
    log.append((("rest", True),))  # play goes on while it is written
    autosave._thread.join()
    assert ActionLog.load(tmp_path / NAME).ticks == 108_000
    assert written == [autosave._thread]


def test_a_journey_of_before_goes_on_under_its_own_rules_and_a_new_one_by_those_of_play(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    before = ActionLog(7)
    for _ in range(30):
        before.append((("move", 1, 0),))
    before.save(tmp_path / "old" / NAME)
    log, note = resume(tmp_path / "old", None)
    assert log is not None and note == "" and log.replay().rules is load_rules()
    begin(tmp_path / "new", 7)
    log, _ = resume(tmp_path / "new", None)
    assert log is not None and log.replay().rules is load_play()
