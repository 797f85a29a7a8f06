"""Head-diff logs: what was written is read, and whatever else a file holds is refused in one line."""

import io
import random
import resource
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.measure import log as logs
from training.measure.log import Curve, End, Header, HeadRow, LogError, Snapshot, Summary, Writer, read_log, write_log
from training.measure.records import Record

HEADER = Header(
    model="novice", model_hash="a1", data_hash="b2", commit="c3", seeds={"learn": 0, "torch": 1},
    config={"rank": 64, "lr": 1e-3, "train": "attention", "full": False, "mind": None}, layers=2, heads=3,
    created="2026-11-22T16:00:00Z",
)  # fmt: skip
GRID = ((0.5, 0.25, 0.0), (1.0, -2.0, 3.5))
RECORDS: tuple[Record, ...] = (
    Snapshot(step=0, phase="before", own=GRID, entropy=GRID),
    Curve(step=0, loss=None, hits=0.0, false_alarms=0.0, d_prime=0.0, mundane=0.99, seconds=0.0),
    Curve(step=20, loss=0.5, hits=0.5, false_alarms=0.02, d_prime=2.1, mundane=0.98, seconds=7.5),
    *(
        HeadRow(
            layer=layer, head=head, gain=0.1 * head, own=0.3, inherited=0.2, pattern=0.05, cue_mass_before=0.1,
            cue_mass_after=0.4, entropy_before=0.9, entropy_after=0.7, weights={"q": 0.1, "k": 0.0, "v": 0.0, "o": 0.2},
        )
        for layer in range(2)
        for head in range(3)
    ),
    Summary(
        before={"hits": 0.0}, after={"hits": 0.92}, gain=1.5, residual=0.003, rest=0.2, steps=208, seconds=99.5,
        spirits_shown=20, empties_shown=60, lessons=64,
    ),
)  # fmt: skip


def size(value: Any) -> int:
    return len(msgspec.msgpack.encode(value))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.msgpack"
    write_log(path, HEADER, RECORDS)
    return path


def test_what_was_written_is_read(log: Path, tmp_path: Path) -> None:
    whole = read_log(log)
    assert (whole.header, whole.records, whole.fault) == (HEADER, (*RECORDS, End()), None)
    assert (len(whole.curve), len(whole.snapshots), len(whole.rows)) == (2, 1, 6)
    assert whole.summary == RECORDS[-1]
    appended = tmp_path / "deep" / "appended.msgpack"
    with Writer(appended, HEADER) as writer:
        for record in RECORDS:
            writer.write(record)
    assert appended.read_bytes() == log.read_bytes()
    assert next(iter(logs.stream_log(log))) == HEADER


def test_the_format_is_plain_msgpack(log: Path) -> None:
    """As a reader in another language sees it: a stream of maps, each named by its type."""
    maps = list(msgpack.Unpacker(io.BytesIO(log.read_bytes())))
    assert [value["type"] for value in maps] == [
        "header",
        "snapshot",
        "curve",
        "curve",
        *["head"] * 6,
        "summary",
        "end",
    ]
    assert (maps[0]["format"], maps[0]["version"]) == ("second-sight-log", 1)
    assert maps[1]["own"] == [[0.5, 0.25, 0.0], [1.0, -2.0, 3.5]]


def test_every_record_is_on_disk_once_written_and_a_killed_run_is_readable(tmp_path: Path) -> None:
    path = tmp_path / "log.msgpack"
    writer = Writer(path, HEADER)
    for count, record in enumerate(RECORDS):
        writer.write(record)
        assert read_log(path, partial=True).records == RECORDS[: count + 1]
    with pytest.raises(LogError, match=f"byte {path.stat().st_size}: the log has no end record .*; copy .* 11 whole"):
        read_log(path)
    writer.close()
    broken = tmp_path / "broken.msgpack"
    with pytest.raises(LogError, match="2 x 3 heads"), Writer(broken, HEADER) as writer:
        writer.write(msgspec.structs.replace(RECORDS[3], layer=2))
    assert "no end record" in str(read_log(broken, partial=True).fault)


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


def test_two_thousand_mutations_raise_log_errors_or_read(log: Path, tmp_path: Path) -> None:
    data, path, rng = log.read_bytes(), tmp_path / "mutated.msgpack", random.Random(4)
    refused = 0
    for _ in range(2000):
        mutated = bytearray(data)
        for _ in range(rng.choice((1, 1, 2, 8))):
            at, act = rng.randrange(len(mutated)), rng.randrange(4)
            if act == 0:
                mutated[at] = rng.randrange(256)
            elif act == 1:
                del mutated[at : at + rng.randrange(1, 9)]
            elif act == 2:
                mutated[at:at] = rng.randbytes(rng.randrange(1, 9))
            else:
                mutated[at:at] = rng.choice(
                    (b"\xdd\xff\xff\xff\xff", b"\xdc\x04\x00" * 99, b"\xc7\xff\x01", b"\xdf\x00")
                )
        path.write_bytes(mutated)
        try:
            read_log(path)
        except LogError as error:
            refused += 1
            text = str(error)
            assert "\n" not in text
            at = int(text.removeprefix(f"{path}: byte ").split(":")[0])
            assert 0 <= at <= len(mutated)
            assert "; " in text
    assert refused > 1500
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4 * 2**20  # KiB; a claimed length is never reserved


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
        ({"type": "verdict"}, "Invalid value 'verdict' - at `\\$.type`"),
        ({"type": "header"}, "Invalid value 'header'"),
        ([1, 2], "Expected `object`"),
        (7, "Expected `object`"),
        ({"type": "snapshot", "step": -1, "phase": "during"}, r"Expected `int` >= 0 - at `\$.step`"),
        ({"type": "snapshot", "step": 1, "phase": "after", "own": [[1, "x"]]}, r"\$.own\[0\]\[1\]"),
        ({"type": "snapshot", "step": 1, "phase": "after", "own": [[1.0, 2.0]]}, "own is not 2 x 3 numbers"),
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
        (plain | {"version": 2}, "log version 2, known are up to 1; update"),
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


def test_unknown_keys_are_for_later_versions_and_ignored(log: Path, tmp_path: Path) -> None:
    path = tmp_path / "later.msgpack"
    maps = [value | {"mood": "good"} for value in msgpack.Unpacker(io.BytesIO(log.read_bytes()))]
    path.write_bytes(b"".join(map(msgpack.packb, maps)))
    assert read_log(path).records == (*RECORDS, End())


def test_data_after_the_end_and_too_much_data(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = log.read_bytes()
    log.write_bytes(data + b"\x00")
    with pytest.raises(LogError, match=f"byte {len(data)}: more data after the end record"):
        read_log(log)
    log.write_bytes(data)
    monkeypatch.setattr(logs, "HELD_MAX", 5000)
    with pytest.raises(LogError, match=r"too much to hold at once; .* stream_log"):
        read_log(log)


def test_what_could_not_be_read_is_not_written(log: Path, tmp_path: Path) -> None:
    before = log.read_bytes()
    bad: list[tuple[Record, str]] = [
        (Snapshot(step=1, phase="during", own=((1.0,),)), "own is not 2 x 3"),
        (Curve(step=-1, loss=0.0, hits=None, false_alarms=None, d_prime=None, mundane=None, seconds=0), "step"),
        (msgspec.structs.replace(RECORDS[-1], before={"x" * 70_000: 1.0}), "max_str_len"),
    ]
    for record, what in bad:
        with pytest.raises(LogError, match=f"cannot write .*{what}"):
            write_log(log, HEADER, [*RECORDS, record])
        with pytest.raises(LogError, match=f"cannot write .*{what}"), Writer(tmp_path / "other", HEADER) as writer:
            writer.write(record)
    assert log.read_bytes() == before
    for path in (tmp_path, log / "below"):
        with pytest.raises(LogError, match=r"cannot write the log: .*; choose another place"):
            write_log(path, HEADER, RECORDS)
        with pytest.raises(LogError, match=r"cannot write the log: .*; choose another place"):
            Writer(path, HEADER)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.msgpack", "other"]
    assert not list(tmp_path.parent.glob(f".{tmp_path.name}.*"))  # no draft is left where a rename failed


numbers = st.floats(allow_nan=False)  # NaN is kept too, but is not equal to itself
grids = st.one_of(st.just(()), st.tuples(*[st.tuples(*[numbers] * 3)] * 2))
scores = st.dictionaries(st.text(max_size=9), st.none() | numbers, max_size=4)
counts = st.integers(0, 2**40)
maybe = st.none() | numbers
anything = st.one_of(
    st.builds(Snapshot, step=counts, phase=st.sampled_from(["before", "during", "after"]), own=grids, activity=grids),
    st.builds(
        Curve, step=counts, loss=maybe, hits=maybe, false_alarms=maybe, d_prime=maybe, mundane=maybe, seconds=numbers
    ),
    st.builds(
        Summary, before=scores, after=scores, gain=maybe, residual=maybe, steps=counts, seconds=numbers,
        spirits_shown=counts, empties_shown=counts, lessons=counts,
    ),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(anything, max_size=5), st.text(max_size=50), scores)
def test_any_record_comes_back(tmp_path_factory: pytest.TempPathFactory, records: Any, name: str, config: Any) -> None:
    path = tmp_path_factory.mktemp("log") / "log.msgpack"
    header = msgspec.structs.replace(HEADER, model=name, config=config)
    write_log(path, header, records)
    log = read_log(path)
    assert (log.header, log.records) == (header, (*records, End()))
