"""The cache of sounds: made once, healed when broken, done without where there is no place."""

from pathlib import Path

import numpy as np
import pytest

from game.audio import sound_bank
from game.audio.sound_bank import FORMAT, Bank, cache_folder, recipes
from tests.kits.soundkit import made

NAME = "cue.move"


def test_a_sound_is_made_once_and_read_from_then_on(tmp_path: Path) -> None:
    first, second = Bank(tmp_path), Bank(tmp_path)
    assert np.array_equal(first.get(NAME), made(NAME)) and first.made == 1
    assert np.array_equal(second.get(NAME), made(NAME)) and second.made == 0
    assert [path.suffix for path in (tmp_path / "sound").iterdir()] == [".pcm"], "written whole, nothing left over"


def broken(content: bytes) -> dict[str, bytes]:
    head = len(FORMAT) + 16
    return {
        "cut": content[:-7],
        "cut short": content[:10],
        "empty": b"",
        "one bit": content[: head + 50] + bytes([content[head + 50] ^ 1]) + content[head + 51 :],
        "another format": b"RIFF" + content[4:],
        "no samples": content[:head],
        "longer": content + b"\0\0",
    }


@pytest.mark.parametrize("fault", broken(bytes(1000)))
def test_a_broken_file_is_made_anew(tmp_path: Path, fault: str) -> None:
    bank = Bank(tmp_path)
    bank.get(NAME)
    path = bank.path(NAME)
    assert path is not None
    whole = path.read_bytes()
    path.write_bytes(broken(whole)[fault])
    again = Bank(tmp_path)
    assert np.array_equal(again.get(NAME), made(NAME)) and again.made == 1
    assert path.read_bytes() == whole


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bank = Bank(tmp_path)
    bank.get(NAME)
    monkeypatch.setattr(sound_bank, "LARGEST_FILE", 100)
    bank.get(NAME)
    assert bank.made == 2


def test_without_a_place_sounds_are_still_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for bank in (Bank(None), Bank(tmp_path / "file")):
        assert bank.folder is None and bank.path(NAME) is None
        assert np.array_equal(bank.get(NAME), made(NAME))
        bank.sweep()
    bank = Bank(tmp_path)
    path = bank.path(NAME)
    assert path is not None
    path.mkdir()  # can be neither read nor written
    assert np.array_equal(bank.get(NAME), made(NAME))


def test_other_code_has_another_mark_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = Bank(tmp_path)
    old.get(NAME)
    foreign = tmp_path / "sound" / "notes.txt"
    foreign.write_text("somebody's")
    monkeypatch.setattr(sound_bank, "mark", lambda: "0123abcd")
    new = Bank(tmp_path)
    assert new.path(NAME) != old.path(NAME)
    new.get(NAME)
    assert new.made == 1
    new.sweep()
    assert sorted(path.name for path in foreign.parent.iterdir()) == ["cue.move-0123abcd.pcm", "notes.txt"]


def test_the_mark_follows_code_and_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sound_bank.mark()
    assert len(before) == 8
    other = tmp_path / "sound.toml"
    other.write_bytes(sound_bank.SOUND_TOML.read_bytes() + b"\n")
    monkeypatch.setattr(sound_bank, "SOUND_TOML", other)
    assert sound_bank.mark.__wrapped__() != before


def test_the_cache_lies_where_the_player_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECOND_SIGHT_CACHE", raising=False)
    monkeypatch.setenv("SECOND_SIGHT_HOME", "/h")
    assert cache_folder() == Path("/h/cache")
    monkeypatch.setenv("SECOND_SIGHT_CACHE", "/s")
    assert cache_folder() == Path("/s")


def test_the_process_that_makes_sounds_ends_with_the_game(tmp_path: Path) -> None:
    helper = Bank(tmp_path).fill()
    assert helper is not None and helper.stdin is not None
    with helper:
        helper.stdin.close()  # as it is when the game is killed
        assert helper.wait(30) == 1
    assert len(list((tmp_path / "sound").iterdir())) < len(recipes())
