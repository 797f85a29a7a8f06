"""Logs as files for other tools: CSV, JSON, Parquet."""

import csv
import io
import json
import os
import sys
from pathlib import Path

import msgspec
import pytest

from tests.kits import logkit
from tests.kits.tablekit import HEADER, log
from training.headlog.exports import TABLES, export
from training.headlog.records import Log, LogError, Snapshot
from training.headlog.table import diff_table

NEW = Log("run/log.msgpack", logkit.HEADER, logkit.RECORDS)


def test_csv_has_a_row_per_head(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(log(), "csv", tmp_path / "heads.csv")
    text = (tmp_path / "heads.csv").read_text()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 6
    assert (rows[3]["layer"], rows[3]["gain"], rows[3]["weight_o"], rows[3]["entropy_after"]) == (
        "1",
        "0.6",
        "0.2",
        "0.7",
    )
    export(log(), "csv")
    assert list(csv.DictReader(io.StringIO(capsys.readouterr().out))) == rows
    assert [path.name for path in tmp_path.iterdir()] == ["heads.csv"]


def test_json_holds_the_whole_log(tmp_path: Path) -> None:
    export(log(), "json", tmp_path / "log.json")
    whole = json.loads((tmp_path / "log.json").read_text())
    assert whole["heads"] == diff_table(log())["heads"]
    assert whole["header"] == json.loads(msgspec.json.encode(HEADER))
    assert (whole["curve"][0]["hits"], whole["curve"][0]["loss"]) == (0.5, None)
    assert whole["summary"]["after"]["hits"] == 0.93


def test_every_table_of_a_log_is_exported_as_csv(capsys: pytest.CaptureFixture[str]) -> None:
    tables = {}
    for name in TABLES:
        if name != "decisions":
            export(NEW, "csv", table=name)
            tables[name] = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    sizes = {"heads": 6, "curve": 2, "snapshots": 6, "gains": 8, "swaps": 1, "wholes": 1, "probes": 2, "verdict": 5}
    sizes |= {"mlps": 2, "information": 1}
    assert {name: len(rows) for name, rows in tables.items()} == sizes
    assert tables["gains"][5] == {
        "along": "path", "chunk": "0", "decisions": "5", "loss": "usable", "rest": "0.25", "whole": "3.75",
        "residual": "0.0", "layer": "1", "head": "2", "unit": "1.2", "gain": "3.5",
        "gain_q": "3.5", "gain_k": "3.5", "gain_v": "3.5", "gain_o": "3.5",
    }  # fmt: skip
    assert [(row["head"], row["unit"], row["gain"]) for row in tables["gains"][6:]] == [
        ("", "mlp 0", "0.5"), ("", "mlp 1", "-0.25"),
    ]  # fmt: skip
    assert [tuple(row.values()) for row in tables["mlps"]] == [("0", "0.5", ""), ("1", "-0.25", "")]
    information = tables["information"][0]
    assert (information["share_before"], information["share_after"], information["base_rate"]) == (
        "0.0",
        "0.9",
        "2.875",
    )
    assert (tables["swaps"][0]["heads"], tables["swaps"][0]["size"], tables["swaps"][0]["remove"]) == (
        "0.1 mlp1",
        "2",
        "",
    )
    assert [(row["chunk"], row["before"], row["after"], row["plain_before"]) for row in tables["probes"]] == [
        ("0", "2.5", "1.0", "4.5"), ("1", "2.0", "0.5", "4.0"),
    ]  # fmt: skip
    assert [(row["name"], row["index"], row["number"]) for row in tables["verdict"]][2:] == [
        ("gain", "2", "1.5"), ("bases", "0", "1"), ("held", "0", ""),
    ]  # fmt: skip
    assert tables["snapshots"][0]["pattern"] == ""


def test_single_decisions_are_a_table_of_their_own(tmp_path: Path) -> None:
    each = ((0.0, 1.0, 2.0, 3.0, 4.0, 5.0), (6.0,) * 6)
    seen = Log("x", HEADER, (Snapshot(step=9, phase="after", each=each),))
    export(seen, "csv", tmp_path / "each.csv", "decisions")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "each.csv").read_text())))
    assert len(rows) == 12
    assert list(rows[5].values()) == ["9", "after", "0", "1", "2", "5.0"]


def test_a_table_that_is_not_there_is_refused() -> None:
    with pytest.raises(LogError, match="unknown table 'souls'; choose one of heads, curve, snapshots"):
        export(NEW, "csv", table="souls")
    for table in ("gains", "verdict", "decisions"):
        with pytest.raises(LogError, match=f"run/log.msgpack: holds no {table}; export another"):
            export(log(), "csv", table=table)


def test_parquet_needs_pyarrow_and_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(LogError, match="pip install pyarrow, or export csv or json"):
        export(log(), "parquet", tmp_path / "heads.parquet")
    with pytest.raises(LogError, match="name a file"):
        export(log(), "parquet")
    assert list(tmp_path.iterdir()) == []


def test_parquet_comes_back(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow, an optional extra, is not installed")
    export(log(), "parquet", tmp_path / "heads.parquet")
    assert parquet.read_table(tmp_path / "heads.parquet").to_pylist()[3]["gain"] == 0.6


def test_bad_exports_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="unknown export 'xml'; choose one of csv, json, parquet"):
        export(log(), "xml", tmp_path / "x")
    for path, what in (
        (tmp_path, "a folder; give the name of a file"),
        (tmp_path / "none" / "x.csv", "no such folder"),
    ):
        with pytest.raises(OSError, match=f"{path}: {what}"):
            export(log(), "csv", path)
    assert list(tmp_path.iterdir()) == []
    assert not list(tmp_path.parent.glob(f".{tmp_path.name}.*"))


def test_csv_on_standard_output_is_the_bytes_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, where a text stream ends lines in CR LF by itself and writes another encoding."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "cp1252", newline="\r\n"))
    export(log(), "csv", tmp_path / "heads.csv")
    export(log(), "csv")
    data = (tmp_path / "heads.csv").read_bytes()
    assert raw.getvalue() == data
    assert data.count(b"\r\n") == 7 and b"\r\r" not in data


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without FIFOs")
def test_an_export_goes_through_a_link_and_into_a_fifo(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "behind.csv")
    export(log(), "csv", tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "behind.csv").read_bytes().startswith(b"layer,head,gain")
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    try:
        export(log(), "json", tmp_path / "fifo")
        assert json.loads(os.read(reader, 2**20))["summary"]["steps"] == 208
    finally:
        os.close(reader)
    assert (tmp_path / "fifo").is_fifo()
