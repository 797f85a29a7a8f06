"""Folders that are sealed: whoever takes one later sees whether it is what was written."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from common import whole_folders
from common.files import OutputError
from common.whole_folders import SEAL, is_whole, listing, seal, writing_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with writing_folder(tmp_path / "model") as temporary:
        (temporary / "weights").write_bytes(b"\0" * 1000)
        (temporary / "words").write_text("hum")
        seal(temporary)
    return tmp_path / "model"


def test_a_sealed_folder_is_whole_and_says_what_it_holds(folder: Path) -> None:
    assert is_whole(folder) and is_whole(folder)
    noted = json.loads((folder / SEAL).read_text())
    assert {name: one["bytes"] for name, one in noted.items()} == {"weights": 1000, "words": 3} == {
        name: size for name, (size, *_) in listing(folder).items()
    }  # fmt: skip
    (folder / ".DS_Store").write_text("what a file manager leaves")
    assert is_whole(folder)


def keep_size(path: Path) -> None:
    """Other bytes, as many, under the same name."""
    path.write_bytes(b"\1" * path.stat().st_size)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: keep_size(folder / "weights"),
        lambda folder: (folder / "weights").write_bytes(b"\0" * 999),
        lambda folder: (folder / "words").unlink(),
        lambda folder: (folder / "more").write_text(""),
        lambda folder: (folder / "context").mkdir(),
        lambda folder: (folder / "words").unlink() or (folder / "words").mkdir(),
        lambda folder: (folder / SEAL).unlink(),
        lambda folder: (folder / SEAL).write_bytes((folder / SEAL).read_bytes()[:-9]),
        lambda folder: (folder / SEAL).write_text("[]"),
        lambda folder: (folder / SEAL).write_text('{"weights": 1000, "words": 3}'),
        lambda folder: (folder / SEAL).write_bytes(b"\xff"),
        lambda folder: folder.rename(folder.parent / "elsewhere"),
    ],
)
@pytest.mark.parametrize("known", [False, True])
def test_whatever_changes_it_breaks_the_seal(folder: Path, change: Callable[[Path], object], known: bool) -> None:
    """known: this process has read it through before."""
    assert not known or is_whole(folder)
    os.utime(folder / "weights", ns=(1, 1))
    change(folder)
    assert not is_whole(folder)


def test_its_bytes_are_read_once_a_process_and_again_when_a_file_changes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    read = whole_folders._hash
    monkeypatch.setattr(whole_folders, "_hash", lambda path: names.append(path.name) or read(path))
    assert is_whole(folder) and is_whole(folder) and names == ["weights", "words"]
    monkeypatch.chdir(folder.parent)
    assert is_whole(Path(folder.name)) and len(names) == 2
    os.utime(folder / "words", ns=(1, 1))
    assert is_whole(folder) and len(names) == 4


def test_a_seal_that_can_not_be_written_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    (folder / SEAL).unlink()
    monkeypatch.setattr("common.files.os.fsync", full)
    with pytest.raises(OutputError, match=r"files\.json: the disk is full"):
        seal(folder)
    assert not is_whole(folder) and sorted(path.name for path in folder.iterdir()) == ["weights", "words"]
