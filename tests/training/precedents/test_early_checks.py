"""What can be known to fail is refused before the work, and folders that are written name what was asked for."""

import errno
import os
from pathlib import Path

import pytest

from common.files import OutputError, write_whole
from common.whole_folders import writing_folder
from training.precedents import circuit_config, verb
from training.precedents.early_checks import check_folder, check_input, check_new_folder, new_folder


def never(*_: object) -> None:
    raise AssertionError("the work has begun")


def test_a_folder_is_tried_and_what_was_made_for_that_is_gone(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    check_new_folder(out)
    check_folder(out)
    assert os.listdir(tmp_path) == []
    out.mkdir(parents=True)
    check_new_folder(out)  # an empty one gives way
    check_folder(tmp_path)  # a bench goes on in its own
    assert os.listdir(out) == [] and os.listdir(tmp_path) == ["a"]


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for out in (tmp_path / "file" / "b", tmp_path / ("x" * 300), Path("/proc/a/b"), Path("/proc/c")):
        for check in (check_new_folder, check_folder):
            with pytest.raises(OutputError) as caught:
                check(out)
            assert str(caught.value).startswith(f"{out}: ") and "\n" not in str(caught.value)
    for out in (tmp_path, tmp_path / "file"):
        with pytest.raises(ValueError, match="is there already; give a new folder"):
            check_new_folder(out)
    with pytest.raises(ValueError, match="is no folder; give a folder"):
        check_folder(tmp_path / "file")
    with pytest.raises(OutputError, match=r"^/proc: no permission to write there"):
        check_folder(Path("/proc"))
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("words", [{"fact": "a", "to": "b"}, {"undo": Path(__file__)}, {"bench": True}])
def test_an_out_that_cannot_be_written_is_refused_before_a_model_is_loaded(
    words: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verb, "load_alone", never)
    monkeypatch.setattr(verb, "bench", never)
    with pytest.raises(OutputError, match=r"^/proc/c: "):
        verb.run(verb.EditOptions("m", out=Path("/proc/c"), **words), never)  # type: ignore[arg-type]


def test_a_picture_in_no_folder_is_refused_before_a_model_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verb, "load_alone", never)
    with pytest.raises(OutputError, match="no such folder; make it first"):
        verb.run(verb.EditOptions("m", trace="a", out=tmp_path / "no" / "x.png"), never)


def test_a_circuit_that_cannot_be_written_is_refused_by_its_flags_alone() -> None:
    options = circuit_config.CircuitOptions("ioi", "m", circuit_config.CircuitConfig(), out=Path("/proc/c"))
    with pytest.raises(OutputError, match=r"^/proc/c: "):
        options.check()


def test_a_file_that_cannot_be_read_is_named_by_its_flag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "f.txt"
    file.write_text("x")
    check_input("--text", file, "give another")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may read everything
    for path, fault in (
        (tmp_path / "no", "no such file"), (tmp_path, "a folder"), (file, "no permission to read it"),
        (tmp_path / ("x" * 300), "File name too long"),
    ):  # fmt: skip
        with pytest.raises(ValueError) as caught:
            check_input("--text", path, "give another")
        assert str(caught.value) == f"--text {path}: {fault}; give another"


def test_a_full_disk_is_told_of_the_folder_that_was_asked_for(tmp_path: Path) -> None:
    def full(folder: Path) -> None:
        with writing_folder(folder, replace=True):  # as a model is written
            raise OSError(errno.ENOSPC, "")

    for fill, where in (
        (full, tmp_path / "out"),
        (lambda folder: write_whole(folder / "none" / "a", b""), tmp_path / "out" / "none" / "a"),
    ):
        with pytest.raises(OutputError) as caught, new_folder(tmp_path / "out") as folder:
            fill(folder)
        assert str(caught.value).startswith(f"{where}: ") and os.listdir(tmp_path) == []
    with new_folder(tmp_path / "out") as folder:
        write_whole(folder / "a", b"1")
    assert (tmp_path / "out" / "a").read_bytes() == b"1"
