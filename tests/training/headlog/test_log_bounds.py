"""Numbers of a log are bounded where it is read: whatever 64-bit number stands in it, every reader has an answer."""

import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from tests.kits import logkit, reportkit
from training.headlog.exports import TABLES, export
from training.headlog.log import Writer, read_log, write_log
from training.headlog.records import COUNT_MAX, INTEGER_MAX, REAL_MAX, Curve, End, Header, LogError, Record
from training.headlog.table import diff_table, print_table
from training.report.gather import Material, gather
from training.report.page import report

EXTREMES: list[Any] = [
    0, -1, 2**31, COUNT_MAX, COUNT_MAX + 1, INTEGER_MAX, INTEGER_MAX + 1, 2**64 - 1,
    -(2**63), 0.0, -0.0, 5e-324, 1e-300,
    REAL_MAX, -REAL_MAX, 1e101, 1e308, -1.7976931348623157e308, math.inf, -math.inf, math.nan,
]  # fmt: skip
RUN = [reportkit.header(0, ""), *reportkit.records(0, ""), End()]  # every record that a run has
JUDGED = [logkit.HEADER, *logkit.RECORDS, End()]


def numbers(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every number in plain data."""
    if isinstance(value, dict | list | tuple):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from numbers(item, (*path, key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path


def changed(value: Any, path: tuple[Any, ...], number: Any) -> Any:
    if not path:
        return number
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[path[0]] = changed(value[path[0]], path[1:], number)
    return copied


def read_by_everyone(path: Path) -> Material | None:
    """What `diff`, the exports and a report's reader make of it: a result, or a LogError of one line."""
    try:
        log = read_log(path)
    except LogError as error:
        assert "\n" not in str(error) and "; " in str(error)
        return None
    diff_table(log)
    print_table(log, Console(file=io.StringIO(), width=80))
    export(log, "json", path.with_suffix(".json"))
    for table in TABLES:
        try:
            export(log, "csv", path.with_suffix(".csv"), table)
        except LogError as error:
            assert f"holds no {table}" in str(error)
    return gather(path)


@settings(max_examples=60)
@given(st.data())
def test_one_extreme_number_anywhere_is_read_by_everyone_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    records = data.draw(st.sampled_from([RUN, JUDGED]))
    plain = [msgspec.to_builtins(record) for record in records]
    at = data.draw(st.sampled_from(range(len(plain) - 1)))
    places = list(numbers(plain[at]))
    if places:
        number = data.draw(st.sampled_from(EXTREMES))
        plain[at] = changed(plain[at], data.draw(st.sampled_from(places)), number)
    path = tmp_path_factory.mktemp("log") / "log.msgpack"
    path.write_bytes(b"".join(map(msgpack.packb, plain)))
    read_by_everyone(path)


@pytest.mark.parametrize("number", [REAL_MAX, -REAL_MAX, 5e-324])
def test_every_number_at_its_bound_is_read_by_everyone(tmp_path: Path, number: float) -> None:
    plain = [msgspec.to_builtins(record) for record in RUN]
    for record in plain[1:]:
        for place in list(numbers(record)):
            held: Any = record
            for key in place[:-1]:
                held = held[key]
            if isinstance(held, dict) and isinstance(held[place[-1]], float):
                held[place[-1]] = number
    path = tmp_path / "log.msgpack"
    path.write_bytes(b"".join(map(msgpack.packb, plain)))
    assert read_by_everyone(path) is not None
    assert report(path, tmp_path / "page.html")["bytes"] > 0


@pytest.mark.parametrize(
    ("record", "what"),
    [
        (
            Curve(step=1, loss=1e101, hits=None, false_alarms=None, d_prime=None, mundane=None, seconds=0),
            "1e.101 is out",
        ),
        (Curve(step=2**53 + 1, loss=0, hits=None, false_alarms=None, d_prime=None, mundane=None, seconds=0), "step"),
        *(
            (msgspec.structs.replace(logkit.ALLOCATION, matrices=matrices), "matrices is not four times")
            for matrices in ((logkit.GRID,) * 3, (logkit.GRID,) * 3 + (logkit.GRID[:1],))
        ),
    ],
)
def test_what_would_not_be_read_is_not_written(tmp_path: Path, record: Record, what: str) -> None:
    with pytest.raises(LogError, match=f"cannot write .*{what}"):
        write_log(tmp_path / "log", logkit.HEADER, [record])
    with Writer(tmp_path / "log", logkit.HEADER) as writer, pytest.raises(LogError, match=f"cannot write .*{what}"):
        writer.write(record)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"seeds": {"learn": 2**63}}, "out of bounds for a seed"),
        ({"layers": 1024, "heads": 1024}, "65536 are the most"),
    ],
)
def test_headers_are_bounded(tmp_path: Path, change: dict[str, Any], what: str) -> None:
    header: Header = msgspec.structs.replace(logkit.HEADER, **change)
    with pytest.raises(LogError, match=what):
        write_log(tmp_path / "log", header, [])
    (tmp_path / "log").write_bytes(msgspec.msgpack.encode(header))
    with pytest.raises(LogError, match=f"byte 0: .*{what}"):
        read_log(tmp_path / "log")
