"""Files are written whole or not at all, only where a plain file belongs, and read in whatever encoding they come."""

import errno
import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import files
from common.files import OutputError, decode_text, parse_json, write_whole, writing
from common.whole_folders import writing_folder

needs_fifo = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    path.chmod(0o640)
    write_whole(path, b"new")
    assert path.read_bytes() == b"new" and names(tmp_path) == ["x"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_fault_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def fail_half_way() -> None:
        with writing(path) as stream:
            stream.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert path.read_bytes() == b"old" and names(tmp_path) == ["x"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "the disk fails; choose"),
        (errno.ENXIO, r"cannot be written \(.*\); choose another place"),
    ],
)
def test_what_the_disk_says_is_one_line_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=words) as caught:
        write_whole(tmp_path / "x", b"new")
    assert caught.value.errno == number and "\n" not in str(caught.value) and str(tmp_path / "x") in str(caught.value)
    assert names(tmp_path) == []


def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "second").symlink_to(tmp_path / "link")
    write_whole(tmp_path / "second", b"new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "second").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_link_to_itself_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OutputError, match="leads to itself"):
        write_whole(tmp_path / "loop", b"")


@needs_fifo
def test_a_fifo_is_streamed_into_and_stays_one(tmp_path: Path) -> None:
    fifo, read = tmp_path / "fifo", []
    os.mkfifo(fifo)
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()))
    reader.start()
    write_whole(fifo, b"through")
    reader.join(10)
    assert read == [b"through"] and stat.S_ISFIFO(fifo.stat().st_mode) and names(tmp_path) == ["fifo"]


def test_a_folder_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="a folder"):
        write_whole(tmp_path, b"")
    assert not tmp_path.with_name(tmp_path.name + ".part").exists()
    with pytest.raises(OutputError, match="no such folder"):
        write_whole(tmp_path / "none" / "x", b"")
    for bad in (tmp_path, tmp_path / "none" / "x"):
        with pytest.raises(OutputError):
            files.check_output(bad)
    assert files.check_output(tmp_path / "x") is None and names(tmp_path) == []


def test_the_standard_streams_are_never_replaced() -> None:
    assert files.destination(Path("/dev/stdout")) == 1
    assert files.destination(Path("/dev/fd/2")) == 2


def test_what_a_killed_process_left_is_removed_later(tmp_path: Path) -> None:
    (tmp_path / "x.abc.part").write_bytes(b"half")
    write_whole(tmp_path / "x", b"new")
    assert names(tmp_path) == ["x", "x.abc.part"], "it may be another writer's that is still at work"
    os.utime(tmp_path / "x.abc.part", (0, 0))
    write_whole(tmp_path / "x", b"newer")
    assert names(tmp_path) == ["x"]


def test_two_writers_of_one_file_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with writing(path) as first, writing(path) as second:
        first.write(b"A" * 10)
        second.write(b"B" * 20)
        first.write(b"A" * 10)
    assert path.read_bytes() == b"A" * 20 and names(tmp_path) == ["x"], "whoever ends last, whole"


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    with writing_folder(tmp_path / "model") as folder:
        (folder / "a").write_bytes(b"1")
    assert names(tmp_path) == ["model"] and (tmp_path / "model" / "a").read_bytes() == b"1"
    with pytest.raises(OutputError, match="not empty"), writing_folder(tmp_path / "model"):
        pass

    def fill_the_disk() -> None:
        with writing_folder(tmp_path / "model", replace=True) as folder:
            (folder / "a").write_bytes(b"2")
            raise OSError(errno.ENOSPC, "")

    with pytest.raises(OutputError, match="full"):
        fill_the_disk()
    assert names(tmp_path) == ["model"] and (tmp_path / "model" / "a").read_bytes() == b"1"
    with writing_folder(tmp_path / "model", replace=True) as folder:
        (folder / "b").write_bytes(b"3")
    assert names(tmp_path / "model") == ["b"] and names(tmp_path) == ["model"]


@given(st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\r\0\ufeff")))
def test_text_is_read_in_every_encoding_with_a_mark(text: str) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        for ending in ("\n", "\r\n", "\r"):
            assert decode_text(text.replace("\n", ending).encode(encoding), "f") == text
    big_endian = "\ufeff" + text
    assert decode_text(big_endian.encode("utf-16-be"), "f") == text


def test_text_of_another_encoding_is_one_line_that_names_the_byte() -> None:
    with pytest.raises(ValueError, match="f: byte 4 is not UTF-8; save the file as UTF-8"):
        decode_text("abcé".encode("latin-1"), "f")
    with pytest.raises(ValueError, match="zero bytes"):
        decode_text("abc".encode("utf-16-le"), "f")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "'c' stands twice"),
        ('{"a": NaN}', "NaN is no JSON number"),
        ('{"a": -Infinity}', "-Infinity is no JSON number"),
        ("{", "no JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("1" * 5000, "f: a whole number of 5000 digits; at most 4300 are read"),
        ('{"\\ud800": 1}', "a key holds half a surrogate pair; write the whole character"),
        ('{"a":\n 1,\n}', "f:3: no JSON"),
    ],
)
def test_json_that_is_none_is_one_line(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"^f") as caught:
        parse_json(text, "f")
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_files_are_bounded(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"12345")
    assert files.read_text(tmp_path / "x", limit=5) == "12345"
    with pytest.raises(ValueError, match="larger than 4 bytes"):
        files.read_text(tmp_path / "x", limit=4)
