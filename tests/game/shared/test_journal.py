"""The file that only grows: what was appended is there after an end at any byte."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from game.shared.journal import RECORD_MAX, Journal, JournalError

records = st.lists(st.lists(st.one_of(st.integers(0, 2**40), st.text(max_size=8), st.binary(max_size=8)), max_size=4))


def written(path: Path, values: list) -> list[int]:
    """Writes records; returns where each ends."""
    journal, ends = Journal(path), []
    assert list(journal.read()) == []
    for value in values:
        journal.append(value)
        assert journal.flush()
        ends.append(journal.size)
    journal.close()
    return ends


def read(path: Path, start: int = 0) -> list:
    journal = Journal(path)
    try:
        return [list(record) for record in journal.read(start)]
    finally:
        journal.close()


@settings(max_examples=60, deadline=None)
@given(records, st.data())
def test_a_file_cut_at_any_byte_holds_every_whole_record(values: list, data: st.DataObject) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "j"
        ends = written(path, values)
        cut = data.draw(st.integers(0, ends[-1] if ends else 0))
        os.truncate(path, cut)
        whole = sum(end <= cut for end in ends)
        assert read(path) == values[:whole]
        assert path.stat().st_size == (ends[whole - 1] if whole else 0), "the rest is cut off"
        journal = Journal(path)
        assert len(list(journal.read())) == whole
        journal.append(["more"])
        journal.close()
        assert read(path) == [*values[:whole], ["more"]]


def test_reading_goes_on_from_a_byte(tmp_path: Path) -> None:
    ends = written(tmp_path / "j", [["a"], ["b"], ["c"]])
    assert read(tmp_path / "j", ends[0]) == [["b"], ["c"]]
    with pytest.raises(JournalError, match="backup"):
        read(tmp_path / "j", ends[-1] + 1)


def test_damage_in_the_midst_is_refused_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "j"
    written(path, [["x" * 400_000] for _ in range(5)])
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    with pytest.raises(JournalError, match="damaged at byte 0"):
        read(path)
    assert path.read_bytes() == data


def test_a_disk_that_refuses_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / "j")
    real, room = os.write, [10]

    def full(file: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        count = real(file, bytes(data[: room[0]]))
        room[0] -= count
        return count

    monkeypatch.setattr(os, "write", full)
    journal.append(["first"])
    journal.append(["second"])
    assert not journal.flush() and "full" in journal.fault
    room[0] = 1000
    assert journal.flush() and not journal.fault
    journal.close()
    assert read(tmp_path / "j") == [["first"], ["second"]]


def test_a_record_has_a_bound(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    with pytest.raises(ValueError, match="record"):
        journal.append(b"x" * (RECORD_MAX + 1))
    journal.close()
