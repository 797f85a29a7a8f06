"""Damaged, hostile and foreign logs: each is refused in one line that names the first bad byte, in bounded memory.

Ten thousand mutated files, one process, with its peak memory: `python -m tests.training.headlog.test_log_faults 10000`.
"""

import random
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kits.logkit import HEADER, RECORDS, mutated, size, whole
from training.headlog import log as logs
from training.headlog.log import read_log, write_log
from training.headlog.records import Allocation, End, Judgement, LogError, Swap

GAIN, SWAP, VERDICT = (next(r for r in RECORDS if isinstance(r, kind)) for kind in (Allocation, Swap, Judgement))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.msgpack"
    write_log(path, HEADER, RECORDS)
    return path


def refused(path: Path, data: bytes) -> bool:
    """Whether such a file is refused, in one clear line; otherwise it reads, as bytes of one number do when changed."""
    path.write_bytes(data)
    try:
        read_log(path)
    except LogError as error:
        text = str(error)
        assert "\n" not in text
        at = int(text.removeprefix(f"{path}: byte ").split(":")[0])
        assert 0 <= at <= len(data)
        assert "; " in text
        return True
    return False


def mutate(count: int, folder: Path) -> int:
    """How many of `count` mutated logs are refused."""
    rng, data = random.Random(4), whole()
    return sum(refused(folder / "mutated.msgpack", mutated(data, rng)) for _ in range(count))


def test_five_hundred_mutated_logs_are_refused_or_read(tmp_path: Path) -> None:
    assert mutate(500, tmp_path) > 400


@given(data=st.data(), junk=st.binary(max_size=40))
def test_any_bytes_anywhere_are_refused_or_read(
    tmp_path_factory: pytest.TempPathFactory, data: Any, junk: bytes
) -> None:
    log = whole()
    at = data.draw(st.integers(0, len(log)))
    gone = data.draw(st.integers(0, 40))
    changed = log[:at] + junk + log[at + gone :]
    assert refused(tmp_path_factory.mktemp("junk") / "log", changed) or len(changed) >= size(HEADER) + size(End())


def test_truncation_at_every_byte(log: Path, tmp_path: Path) -> None:
    write_log(log, HEADER, RECORDS[-3:])
    data, path = log.read_bytes(), tmp_path / "short.msgpack"
    ends = [size(HEADER)]
    for record in (*RECORDS[-3:], End()):
        ends.append(ends[-1] + size(record))
    assert ends[-1] == len(data)
    for length in range(len(data)):
        path.write_bytes(data[:length])
        whole = sum(end <= length for end in ends)
        with pytest.raises(LogError) as caught:
            read_log(path)
        assert str(caught.value).startswith(f"{path}: byte {length}: ")
        if whole == 0:
            with pytest.raises(LogError, match="before its header does"):
                read_log(path, partial=True)
            continue
        assert f"after {whole} whole records" in str(caught.value)
        part = read_log(path, partial=True)
        assert part.records == RECORDS[-3:][: whole - 1]
        assert part.fault == str(caught.value)


@pytest.mark.parametrize(
    ("bomb", "what"),
    [
        (b"\xdd\xff\xff\xff\xff", "a collection of 4294967295, allowed are 1024"),
        (b"\xdf\xff\xff\xff\xff", "a collection of 4294967295"),
        (b"\xdb\xff\xff\xff\xff", "a text of 4294967295, allowed are 65536"),
        (b"\xc6\xff\xff\xff\xff", "0xc6 is not"),
        (b"\xc9\xff\xff\xff\xff\x01", "0xc9 is not"),
        (b"\xc1", "0xc1 is not MessagePack"),
        (b"\xdc\x04\x00" * 100_000, "values nested too deeply"),
        (b"\xdc\x04\x01" + b"\xc0" * 1025, "a collection of 1025, allowed are 1024"),
        (b"\xdc\x04\x00" + (b"\xda\xff\xff" + b"x" * 0xFFFF) * 300, "more than 1 MiB"),
    ],
)
def test_claimed_sizes_and_depths_are_bounded(tmp_path: Path, bomb: bytes, what: str) -> None:
    path = tmp_path / "bomb.msgpack"
    start = size(HEADER)
    path.write_bytes(msgspec.msgpack.encode(HEADER) + bomb)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(LogError, match=f"byte {start}: {what}.* in record 2; copy the file again, or read the 1"):
        read_log(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150 * 1024  # KiB
    assert read_log(path, partial=True).records == ()


def test_the_first_bad_byte_is_named(log: Path, tmp_path: Path) -> None:
    data, path = log.read_bytes(), tmp_path / "bad.msgpack"
    where = size(HEADER) + size(RECORDS[0])
    for at, byte, what in (
        (data.index(b"hits", where) - 1, 0xC1, "0xc1 is not MessagePack"),
        (data.index(b"d_prime", where) + 2, 0xFF, "text that is not UTF-8"),
        (data.index(b"\xa4loss\xcb") + 5, 0xDF, "a collection of"),
    ):
        path.write_bytes(data[:at] + bytes([byte]) + data[at + 1 :])
        with pytest.raises(LogError, match=f": byte {at}: .*{what}"):
            read_log(path)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ({"type": "curve"}, r"record 2 is wrong: Object missing required field `step`"),
        ({"type": "mood"}, "Invalid value 'mood' - at `\\$.type`"),
        ({"type": "header"}, "Invalid value 'header'"),
        ([1, 2], "Expected `object`"),
        (7, "Expected `object`"),
        ({"type": "snapshot", "step": -1, "phase": "during"}, r"Expected `int` >= 0 - at `\$.step`"),
        ({"type": "snapshot", "step": 1, "phase": "after", "own": [[1, "x"]]}, r"\$.own\[0\]\[1\]"),
        ({"type": "snapshot", "step": 1, "phase": "after", "own": [[1.0, 2.0]]}, "own is not 2 x 3 numbers"),
        ({"type": "snapshot", "step": 1, "phase": "after", "each": [[1.0] * 5]}, "each is not rows of 6 numbers"),
        (msgspec.to_builtins(GAIN) | {"heads": [[1.0] * 3]}, "gain of chunk 0: heads is not 2 x 3 numbers"),
        (msgspec.to_builtins(GAIN) | {"along": "river"}, "Invalid enum value 'river'"),
        (msgspec.to_builtins(SWAP) | {"heads": [[0, 1], [2, 0]]}, "head 2.0 of a model with 2 x 3 heads"),
        (msgspec.to_builtins(VERDICT) | {"significant": [[0, 7]]}, "head 0.7 of a model"),
        (msgspec.to_builtins(VERDICT) | {"numbers": {"gain": "big"}}, "numbers"),
        (msgspec.to_builtins(RECORDS[3]) | {"head": 3}, "head 0.3 of a model with 2 x 3 heads"),
        ({"type": "end", 3: 4}, "int is not allowed for map key"),
    ],
)
def test_records_that_make_no_sense_are_refused(tmp_path: Path, value: Any, what: str) -> None:
    path = tmp_path / "odd.msgpack"
    path.write_bytes(msgspec.msgpack.encode(HEADER) + msgpack.packb(value))
    with pytest.raises(LogError, match=f"byte {size(HEADER)}: .*{what}"):
        read_log(path)


def test_headers_of_others_and_of_the_future(tmp_path: Path) -> None:
    path = tmp_path / "log.msgpack"
    plain = msgspec.to_builtins(HEADER)
    for value, what in (
        (plain | {"version": 4}, "log version 4, known are up to 3; update"),
        (plain | {"version": 0}, r"Invalid enum value 0 - at `\$.version`"),
        (plain | {"format": "notes"}, "not a head-diff log"),
        (plain | {"layers": 0}, r"\$.layers"),
        (plain | {"heads": 10**9}, r"\$.heads"),
        ([], "not a head-diff log"),
    ):
        path.write_bytes(msgpack.packb(value))
        for partial in (False, True):
            with pytest.raises(LogError, match=f"byte 0: .*{what}"):
                read_log(path, partial=partial)
    path.write_bytes(b"PK\x03\x04 this is a zip, not a log")
    with pytest.raises(LogError, match="not a head-diff log"):
        read_log(path)
    with pytest.raises(LogError, match="byte 0: No such file or directory; give"):
        read_log(tmp_path / "none")
    with pytest.raises(LogError, match="byte 0: Is a directory"):
        read_log(tmp_path)


def test_data_after_the_end_and_too_much_data(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = log.read_bytes()
    log.write_bytes(data + b"\x00")
    with pytest.raises(LogError, match=f"byte {len(data)}: more data after the end record"):
        read_log(log)
    log.write_bytes(data)
    monkeypatch.setattr(logs, "HELD_MAX", 5000)
    with pytest.raises(LogError, match=r"too much to hold at once; .* stream_log"):
        read_log(log)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        wanted = int(sys.argv[1])
        refused = mutate(wanted, Path(place))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{wanted} mutated logs: {refused} refused, {wanted - refused} read; peak memory of the process {peak:.0f} MiB"
    )
