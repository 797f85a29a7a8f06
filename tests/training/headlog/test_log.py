"""Head-diff logs: what was written is read, by this version and the ones before; what is read back fits in memory."""

import io
import math
import sys
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kits.logkit import HEADER, RECORDS
from training.headlog import log as logs
from training.headlog.bounds import weight
from training.headlog.log import Writer, read_log, write_log
from training.headlog.records import (
    Allocation,
    Curve,
    End,
    Information,
    Judgement,
    LogError,
    Probes,
    Record,
    Snapshot,
    Summary,
    Swap,
    Whole,
)

GOLDEN = Path(__file__).parents[3] / "tests" / "golden" / "log-version-3.msgpack"
OLD = Path(__file__).parents[3] / "tests" / "golden" / "log-version-1.msgpack"  # written by version 1


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.msgpack"
    write_log(path, HEADER, RECORDS)
    return path


def test_what_was_written_is_read(log: Path, tmp_path: Path) -> None:
    whole = read_log(log)
    assert (whole.header, whole.records, whole.fault) == (HEADER, (*RECORDS, End()), None)
    assert (len(whole.curve), len(whole.snapshots), len(whole.rows)) == (2, 1, 6)
    parts = (*whole.probes, whole.information, *whole.gains, *whole.swaps, *whole.wholes, whole.verdict)
    assert parts == RECORDS[-7:-1]
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
        "probes",
        "information",
        "gain",
        "swap",
        "whole",
        "verdict",
        "summary",
        "end",
    ]
    assert (maps[0]["format"], maps[0]["version"]) == ("second-sight-log", 3)
    assert maps[1]["own"] == [[0.5, 0.25, 0.0], [1.0, -2.0, 3.5]]


def test_every_record_is_on_disk_once_written_and_a_killed_run_is_readable(tmp_path: Path) -> None:
    path = tmp_path / "log.msgpack"
    writer = Writer(path, HEADER)
    for count, record in enumerate(RECORDS):
        writer.write(record)
        assert read_log(path, partial=True).records == RECORDS[: count + 1]
    with pytest.raises(LogError, match=f"byte {path.stat().st_size}: the log has no end record .*; copy .* 17 whole"):
        read_log(path)
    writer.close()
    broken = tmp_path / "broken.msgpack"
    with pytest.raises(LogError, match="2 x 3 heads"), Writer(broken, HEADER) as writer:
        writer.write(msgspec.structs.replace(RECORDS[3], layer=2))
    assert "no end record" in str(read_log(broken, partial=True).fault)


def test_a_log_of_version_1_is_read_and_may_hold_nothing_newer(tmp_path: Path) -> None:
    old = read_log(OLD)
    assert (old.header.version, old.header.layers, old.header.heads) == (1, 8, 8)
    assert (len(old.rows), old.summary is not None) == (64, True)
    assert (old.gains, old.allocations(), old.swaps, old.wholes, old.probes, old.verdict) == ((), [], (), (), (), None)
    assert (old.rows[0].products, old.rows[0].cue_lift_after) == ({}, 0.0)
    header = msgspec.structs.replace(HEADER, version=1)
    (tmp_path / "old").write_bytes(b"".join(msgspec.msgpack.encode(record) for record in (header, *RECORDS, End())))
    with pytest.raises(LogError, match="record 11 is wrong: Invalid value 'probes'"):
        read_log(tmp_path / "old")


def test_a_log_of_version_2_is_read_and_knows_no_mlps(tmp_path: Path) -> None:
    header = msgspec.structs.replace(HEADER, version=2)
    old = [msgspec.to_builtins(r) for r in RECORDS if not isinstance(r, Information | Swap)]
    for value in old:
        for name in ("loss", "mlps", "plain_before", "plain_after"):
            if value["type"] in ("gain", "probes", "summary"):
                value.pop(name, None)
    path = tmp_path / "old"
    path.write_bytes(b"".join(map(msgpack.packb, [msgspec.to_builtins(header), *old, {"type": "end"}])))
    read = read_log(path)
    assert [(a.loss, a.mlps) for a in read.allocations()] == [("plain", ())]
    assert (read.information, read.summary is not None and read.summary.mlps) == (None, None)
    swap = Swap(what="output", name="mlp 1", heads=((1, 3),), insert=None, remove=None)
    with pytest.raises(LogError, match=r"head 1\.3 of a model with 2 x 3 heads"):
        write_log(tmp_path / "new", header, [swap])
    write_log(tmp_path / "new", HEADER, [swap])
    information = next(r for r in RECORDS if isinstance(r, Information))
    path.write_bytes(b"".join(msgspec.msgpack.encode(record) for record in (header, information, End())))
    with pytest.raises(LogError, match="record 2 is wrong: Invalid value 'information'"):
        read_log(path)


def test_a_log_of_version_3_holds_what_it_held_when_it_was_written() -> None:
    """Its bytes never change: later versions have to read them as they are."""
    golden = read_log(GOLDEN)
    then = [msgspec.structs.replace(r, matrices=()) if isinstance(r, Allocation) else r for r in RECORDS]  # added since
    assert (golden.header, golden.records) == (HEADER, (*then, End()))


def test_usable_gains_count_where_a_log_holds_both() -> None:
    usable = next(record for record in RECORDS if isinstance(record, Allocation))
    plain = msgspec.structs.replace(usable, loss="plain", mlps=())
    log = logs.Log("x", HEADER, (usable, plain))
    assert log.allocations() == [usable]
    assert log.allocations(loss="plain") == [plain]
    assert logs.Log("x", HEADER, (plain,)).allocations() == [plain]


def test_snapshots_and_chunks_come_in_order_and_the_last_measurement_of_a_chunk_counts() -> None:
    phases = [Snapshot(step=step, phase=phase) for step, phase in ((40, "during"), (20, "during"), (0, "before"))]
    chunk = next(record for record in RECORDS if isinstance(record, Allocation))
    gains = [msgspec.structs.replace(chunk, **new) for new in ({"chunk": 1}, {}, {"along": "line"}, {"rest": 9.0})]
    log = logs.Log("x", HEADER, (*phases, *gains))
    assert [snapshot.step for snapshot in log.snapshots] == [0, 20, 40]
    assert log.allocations("path") == [gains[3], gains[0]]
    assert log.allocations("line") == [gains[2]]


def test_a_log_of_64_heads_50_snapshots_and_256_probes_is_small(tmp_path: Path) -> None:
    """Even with every probe's number for every head in every snapshot, which runs keep for the ends alone."""
    grid = tuple(tuple(0.1 * i + j for j in range(8)) for i in range(8))
    each = tuple(tuple(0.1 * i + j for j in range(64)) for i in range(256))
    names = ("own", "pattern", "cue_mass", "entropy", "activity", "gradient")
    snapshot = Snapshot(step=7, phase="during", each=each, **dict.fromkeys(names, grid))
    header = msgspec.structs.replace(HEADER, layers=8, heads=8)
    write_log(tmp_path / "log", header, [snapshot] * 50)
    assert (tmp_path / "log").stat().st_size <= 8_000_000
    assert read_log(tmp_path / "log").snapshots == (snapshot,) * 50


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_records_weight_bounds_what_it_takes(record: Record) -> None:
    def held(value: Any) -> int:
        inner = value.__struct_fields__ if isinstance(value, msgspec.Struct) else ()
        items = [getattr(value, name) for name in inner]
        items += [*value, *value.values()] if isinstance(value, dict) else []
        items += value if isinstance(value, tuple | list) else []
        return sys.getsizeof(value) + sum(map(held, items))

    assert weight(record) >= held(record)
    assert weight(Whole(name="x", value=None, about="long" * 9999)) > 40_000


def test_unknown_keys_are_for_later_versions_and_ignored(log: Path, tmp_path: Path) -> None:
    path = tmp_path / "later.msgpack"
    maps = [value | {"mood": "good"} for value in msgpack.Unpacker(io.BytesIO(log.read_bytes()))]
    path.write_bytes(b"".join(map(msgpack.packb, maps)))
    assert read_log(path).records == (*RECORDS, End())


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
        with pytest.raises(LogError, match=r"cannot write the log: .*; (choose another place|give the name of a file)"):
            write_log(path, HEADER, RECORDS)
        with pytest.raises(LogError, match=r"cannot write the log: .*; (choose another place|give the name of a file)"):
            Writer(path, HEADER)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.msgpack", "other"]
    assert not list(tmp_path.parent.glob(f".{tmp_path.name}.*"))  # no draft is left where a rename failed


numbers = st.floats(-1e100, 1e100) | st.sampled_from([math.inf, -math.inf])  # NaN is kept too, but equals nothing
full = st.tuples(*[st.tuples(*[numbers] * 3)] * 2)
grids = st.one_of(st.just(()), full)
places = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3)), max_size=7).map(tuple)
some = st.lists(numbers, max_size=4).map(tuple)
scores = st.dictionaries(st.text(max_size=9), st.none() | numbers, max_size=4)
counts = st.integers(0, 2**40)
maybe = st.none() | numbers
anything = st.one_of(
    st.builds(
        Snapshot, step=counts, phase=st.sampled_from(["before", "during", "after"]), own=grids, activity=grids,
        each=st.lists(st.tuples(*[numbers] * 6), max_size=3).map(tuple), tick=st.none() | counts,
        scene=st.text(max_size=9), lesson=st.text(max_size=9),
        beliefs=st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9), numbers), max_size=2).map(tuple),
    ),
    st.builds(
        Allocation, along=st.sampled_from(["path", "line"]), chunk=counts, decisions=counts, heads=full, rest=numbers,
        whole=numbers, residual=numbers, loss=st.sampled_from(["usable", "plain"]),
        mlps=st.just(()) | st.tuples(numbers, numbers),
    ),
    st.builds(
        Swap, what=st.sampled_from(["output", "weight"]), name=st.text(max_size=9), heads=places, insert=maybe,
        remove=maybe, decisions=counts,
    ),
    st.builds(Whole, name=st.text(max_size=9), value=maybe, about=st.text(max_size=9)),
    st.builds(
        Probes, what=st.sampled_from(["heads", "gain"]), hash=st.text(max_size=9), decisions=counts, before=some,
        after=some, plain_before=some, plain_after=some,
    ),
    st.builds(
        Information, decisions=counts, entropy=numbers, plain_before=numbers, plain_after=numbers,
        calibrated_before=numbers, calibrated_after=numbers, crossed_before=maybe, crossed_after=maybe,
    ),
    st.builds(
        Judgement, word=st.text(max_size=9), reason=st.text(max_size=9), rule=counts, core=places, significant=places,
        numbers=st.dictionaries(st.text(max_size=9), maybe | st.lists(maybe, max_size=3), max_size=3),
        caveats=st.lists(st.text(max_size=9), max_size=2).map(tuple),
    ),
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
