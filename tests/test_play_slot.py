"""A save slot: what was done is written, and lived through again."""

import json
from pathlib import Path

import pygame as pg
import pytest

import main
from game.play import start
from game.play.app import Options, run
from game.play.journey import Journey
from game.play.sight import Mind, Sight
from game.play.slot import NAME, SAVE_EVERY, Keeper, resume
from game.realm.replay import ActionLog, state_hash
from game.realm.scene import describe
from game.realm.world import new_world
from perception.messages import Lesson, Progress, Ready, Teach
from tests.playkit import game_of, key, play
from tests.stub_mind import StubMind


def walked(folder: Path, seed: int = 0, ticks: int = 90) -> str:
    """Saves a short journey; returns the hash of its world."""
    journey = Journey(new_world(seed), StubMind())
    for tick in range(ticks):
        journey.advance(1 / 30, (1, 0) if tick % 3 else (0, 1), False, tick / 30)
    journey.rest(True)
    journey.advance(1 / 30, (0, 0), False, 99.0)
    Keeper(folder).close(journey.log)
    return state_hash(journey.world)


def test_leaving_saves_the_journey_and_simulate_lives_through_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = new_world(0)
    for code in (pg.K_d, pg.K_s):
        pg.display.init()
        pg.display.set_mode((640, 360))
        pg.event.post(key(code))
    run(world, StubMind(), Options(slot=tmp_path / "deep" / "first", max_seconds=1.0))
    file = tmp_path / "deep" / "first" / NAME
    assert [path.name for path in file.parent.iterdir()] == [NAME]
    assert main.main(["simulate", "--replay", str(file), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["state_hash"] == state_hash(world)
    assert told["ticks"] == world.tick > 0


def test_a_journey_goes_on_where_it_was_left(tmp_path: Path) -> None:
    left = walked(tmp_path)
    log, note = resume(tmp_path, 0)
    assert log is not None and note == ""
    world = log.replay()
    assert state_hash(world) == left
    journey = Journey(world, StubMind(), log)
    for tick in range(60):
        journey.advance(1 / 30, (0, -1), False, tick / 30)
    assert not world.resting, "who comes back is awake"
    assert state_hash(journey.log.replay()) == state_hash(world)


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


def test_a_broken_journey_is_moved_aside_and_said(tmp_path: Path) -> None:
    walked(tmp_path)
    whole = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(whole[:-7])
    log, note = resume(tmp_path, None)
    assert log is None
    assert "not a whole msgpack file" in note and f"{NAME}.old" in note
    assert (tmp_path / f"{NAME}.old").read_bytes() == whole[:-7]


def test_every_minute_of_play_is_saved_beside_the_frames(tmp_path: Path) -> None:
    game = game_of(StubMind(), tmp_path, slot=tmp_path / "slot")
    play(game, 2)
    assert not (tmp_path / "slot").exists()
    game.keeper.advance(SAVE_EVERY, game.journey.log)
    assert game.keeper._thread is not None
    game.keeper._thread.join()
    assert ActionLog.load(tmp_path / "slot" / NAME).ticks == game.journey.log.ticks


def test_a_slot_that_cannot_be_written_is_a_note_in_play_and_an_error_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    game = game_of(StubMind(), tmp_path, slot=tmp_path / "file")
    game.keeper.advance(SAVE_EVERY, game.journey.log)
    assert game.keeper._thread is not None
    game.keeper._thread.join()
    play(game, 2)
    assert any("can't be saved" in line for _, line in game._notes)
    with pytest.raises(OSError, match="file"):
        game.keeper.close(game.journey.log)


def test_play_hands_on_the_saved_journey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = walked(tmp_path, seed=3)
    seen: list[tuple] = []

    def instead(world: object, mind: Mind, options: Options, screen: object, past: ActionLog, note: str) -> None:
        seen.append((state_hash(world), options.seed, options.slot, past.seed, note))  # type: ignore[arg-type]

    monkeypatch.setattr(start, "run", instead)
    monkeypatch.setattr(start, "line_to", lambda command, address: _Nobody())
    start.play(None, tmp_path, [])
    assert seen == [(left, 3, tmp_path, 3, "")]
    pg.display.quit()


class _Nobody(StubMind):
    def __enter__(self) -> "_Nobody":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Forgetful(StubMind):
    """Says what a test wants, when it wants."""

    def __init__(self) -> None:
        super().__init__(state="waking")
        self.says: list = []

    def poll(self) -> list:
        said, self.says = self.says, []
        return said


def wake(mind: Forgetful, lessons: int) -> None:
    mind.state = "awake"
    mind.says += [Ready("m", "cpu", 2, 2, "terse", 0), Progress(0, lessons, 0, 0, False)]


@pytest.mark.parametrize(("held", "again"), [(7, []), (6, [1]), (5, [0, 1]), (0, [0, 1])])
def test_a_mind_that_died_is_taught_again_what_it_lost_and_no_more(held: int, again: list[int]) -> None:
    scene = describe(new_world(0)).scene
    lessons = [Lesson(scene, (answer,), "seer") for answer in ("oni", "yurei", "tengu")]
    mind = Forgetful()
    sight = Sight(mind)
    wake(mind, 5)  # five from an earlier journey
    sight.hear()
    sight.teach(lessons[0])
    sight.teach(lessons[1])
    assert sum(isinstance(message, Teach) for message in mind.sent) == 2
    mind.sent.clear()
    mind.state = "restarting"
    sight.hear()
    wake(mind, held)
    sight.hear()
    assert [lessons.index(m.lesson) for m in mind.sent if isinstance(m, Teach)] == again


def test_lessons_given_while_the_mind_is_away_reach_it_once() -> None:
    scene = describe(new_world(0)).scene
    mind = Forgetful()
    sight = Sight(mind)
    sight.teach(Lesson(scene, ("oni",), "seer"))
    assert mind.sent == []
    wake(mind, 0)
    sight.hear()
    assert [m.lesson.answers for m in mind.sent if isinstance(m, Teach)] == [("oni",)]
    mind.says.append(Progress(1, 1, 1, 0, False))
    sight.hear()
    assert len(mind.sent) == 1
