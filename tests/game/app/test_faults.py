"""What goes wrong on a player's machine: two games on one slot, a kill, a full disk. It is said, and play goes on."""

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pygame as pg
import pytest

from common.locks import hold
from game import start
from game.app.app import Loading
from game.journey.save_slots import NAME, SAVE_EVERY, SlotInUse
from game.journey.slot_card import CARD, PICTURE
from game.realm.replay import ActionLog
from perception.messages import Trouble
from tests.kits.appkit import Hands, Mind, full_disk, opened, paint_once
from tests.kits.playkit import key


@pytest.fixture
def hands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hands]:
    with opened(tmp_path, monkeypatch) as new_hands:
        yield new_hands


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_slot_that_another_game_plays_is_refused_and_left_alone(hands: Hands) -> None:
    hands.begin("000042")
    hands.home()
    folder = hands.root / "saves" / "1"
    before = {name: (folder / name).read_bytes() for name in files_below(folder)}
    with hold(folder, "game"):
        hands.take("Continue")
        hands.until(lambda: bool(hands.context.notes()))
        hands.frames(5)
        assert hands.app.game is None and len(hands.minds) == 1, "no mind is begun either"
        assert "another game plays this slot; leave that one first" in hands.context.notes()[-1]
        assert "can't be cleared" not in hands.context.notes()[-1]
        with pytest.raises(SlotInUse):
            hands.slots.clear(1)
    assert {name: (folder / name).read_bytes() for name in files_below(folder)} == before
    hands.take("Continue")
    hands.until(lambda: hands.app.game is not None)
    with pytest.raises(OSError, match="in use"):
        hold(folder, "game")
    hands.home()
    hold(folder, "game").release()


def test_playing_a_slot_by_name_is_refused_in_one_line_while_another_game_plays_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint_once(monkeypatch)
    monkeypatch.setattr(start, "line_to", lambda command, address: Mind(tmp_path, 7))
    with hold(tmp_path / "mine", "game"), pytest.raises(SlotInUse) as caught:
        start.play(7, tmp_path / "mine", lambda folder, seed: [], max_seconds=5.0)
    assert "\n" not in str(caught.value) and "another game" in str(caught.value)
    assert not (tmp_path / "mine" / NAME).exists()


def test_a_seed_outlives_a_game_that_is_killed_before_its_first_save(hands: Hands) -> None:
    hands.begin("000042")
    folder = hands.root / "saves" / "1"
    assert ActionLog.load(folder / NAME).seed == 42
    again = Loading(folder, 0, False)
    again.run()
    assert again.world is not None and again.world.seed == 42
    assert again.past is None, "nothing was done yet: it begins like a new journey"
    hands.home()
    assert f"{NAME}.bak" not in files_below(folder), "an empty walk is no backup"


def test_a_full_disk_is_said_once_and_play_goes_on(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    hands.begin("000042")
    game = hands.app.game
    assert game is not None
    folder = hands.root / "saves" / "1"
    before = {name: (folder / name).read_bytes() for name in files_below(folder)}
    full_disk(monkeypatch)
    notes: list[str] = []
    monkeypatch.setattr(hands.context, "note", notes.append)
    for _ in range(3):
        game.autosave.advance(SAVE_EVERY, game.journey.realm.log, game.card)
        assert game.autosave._thread is not None
        game.autosave._thread.join()
        hands.frames(2)
    hands.tap(pg.K_F12)
    hands.context.choose(replace(hands.context.settings, music=1))
    hands.context.keep()
    assert [note.split(":")[0] for note in notes] == [
        "The journey can't be saved",
        "No screenshot",
        "Settings can't be saved",
    ]
    assert all("the disk is full; free some space" in note and "\n" not in note for note in notes)
    tick = game.journey.realm.world.tick
    hands.frames(30, key(pg.K_d))
    assert game.journey.realm.world.tick > tick
    assert {name: (folder / name).read_bytes() for name in files_below(folder)} == before, "nothing half-written stays"
    monkeypatch.undo()
    paint_once(monkeypatch)
    hands.home()
    assert ActionLog.load(folder / NAME).ticks >= tick, "and it is saved once there is room again"
    assert {CARD, PICTURE} <= set(files_below(folder))


def test_a_new_journey_on_a_full_disk_begins_and_says_so(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    full_disk(monkeypatch)
    hands.begin("000042")
    assert any("can't be saved" in note and "disk is full" in note for note in hands.context.notes())
    hands.frames(5)
    assert hands.app.game is not None and hands.app.game.journey.realm.world.tick > 0


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_place_that_cannot_be_written_is_said_in_plain_words(
    hands: Hands, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", refuse)
    hands.begin("000042")
    notes = list(hands.context.notes())
    monkeypatch.setattr(hands.context, "note", notes.append)
    game = hands.app.game
    assert game is not None
    hands.tap(pg.K_F12, pg.K_F2)
    hands.context.choose(replace(hands.context.settings, music=1))
    hands.context.keep()
    assert len(notes) == 4 and all("choose another place" in note and "\n" not in note for note in notes), notes
    tick = game.journey.realm.world.tick
    hands.frames(30)
    assert game.journey.realm.world.tick > tick


LONG = (
    "The mind cannot be read and lies as weights.safetensors.broken now; the state before it goes on, and nothing that "
    "you taught is lost: the lessons of this journey are taught again while you walk. To begin anew, begin a journey; "
    "to look for the old one, see the folder of this slot. THE END"
)


@pytest.mark.parametrize("size", ["small", "medium", "large"])
def test_a_long_note_is_shown_to_its_end(hands: Hands, size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr("game.ui.font.Pen.text", lambda pen, words, *_: written.append(words))
    hands.context.choose(replace(hands.context.settings, text_size=size))
    hands.begin("000042")
    game = hands.app.game
    assert game is not None
    game.journey.mind_client._take(Trouble(LONG))
    hands.frames(2)
    assert " ".join(LONG.split()) in " ".join(written), "in play"
    hands.context.seconds += 7.0
    hands.frames(1)
    assert LONG in hands.context.notes(), "it takes longer to read"
    hands.tap(pg.K_ESCAPE)
    written.clear()
    hands.context.note(LONG)
    hands.frames(2)
    assert LONG in " ".join(written), "over a menu"
    hands.take("Save and leave to the title")
    written.clear()
    hands.context.note(LONG)
    hands.frames(2)
    assert LONG in " ".join(written), "at the title"
