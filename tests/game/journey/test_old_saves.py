"""Journeys of an earlier version: offered once, copied whole, the originals left alone."""

from pathlib import Path

import pytest

from game.journey.old_saves import OldSaves
from game.journey.save_slots import Slots
from game.realm.replay import ActionLog


def old_folder(tmp_path: Path) -> Path:
    old = tmp_path / "old"
    for name in ("1", "mine"):
        (old / name).mkdir(parents=True)
        ActionLog(7).save(old / name / "journey.replay")
    (old / "shots").mkdir()
    return old


def test_they_are_offered_until_the_player_answers(tmp_path: Path) -> None:
    earlier = OldSaves(old_folder(tmp_path), tmp_path / "new")
    assert [folder.name for folder in earlier.waiting()] == ["1", "mine"]
    assert not (tmp_path / "new").exists(), "looking writes nothing"
    earlier.answer()
    assert earlier.waiting() == []


def test_they_are_copied_and_played_from_the_new_place(tmp_path: Path) -> None:
    old, new = old_folder(tmp_path), tmp_path / "new"
    assert OldSaves(old, new).bring() == "2 brought"
    assert Slots(new).all()[0].playable and (old / "1" / "journey.replay").is_file()
    assert OldSaves(old, new).waiting() == []


def test_a_slot_in_use_is_never_overwritten(tmp_path: Path) -> None:
    old, new = old_folder(tmp_path), tmp_path / "new"
    (new / "1").mkdir(parents=True)
    ActionLog(9).save(new / "1" / "journey.replay")
    assert "1 stayed" in OldSaves(old, new).bring()
    assert ActionLog.load(new / "1" / "journey.replay").seed == 9


def test_a_copy_that_fails_leaves_nothing_and_is_offered_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = old_folder(tmp_path), tmp_path / "new"

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copytree", full)
    with pytest.raises(OSError, match="disk is full"):
        OldSaves(old, new).bring()
    assert list(new.iterdir()) == [] and len(OldSaves(old, new).waiting()) == 2


def test_nothing_is_offered_where_nothing_lies(tmp_path: Path) -> None:
    assert OldSaves(tmp_path / "none", tmp_path).waiting() == []
    assert OldSaves(tmp_path, tmp_path).waiting() == []
