"""A head-diff log as files for other tools: any of its tables as CSV or Parquet, all of it as JSON."""

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from common.files import write_whole
from common.numbers import finite
from perception.units import unit_name
from training.headlog.gains import head_gains, line_gains
from training.headlog.information import plain_data
from training.headlog.records import GRIDS, Log, LogError
from training.headlog.table import MATRICES, diff_table, mlp_rows

PRODUCTS = ("vo", "qk")
BY_MATRIX = ("gain_q", "gain_k", "gain_v", "gain_o")  # columns of the table of gains
UNTOLD = [None] * len(BY_MATRIX)  # of MLPs, and of logs from before it was noted
Row = dict[str, Any]


def _heads(log: Log) -> Iterator[Row]:
    """One row per head, weights as columns of their own. gain: the one that counts; gain_line: on the straight line."""
    diff_table(log)  # refuses a log without rows
    counts, line = head_gains(log), line_gains(log)
    along = {"gain_along": None if counts is None else counts.along}
    for row in log.rows:
        place = (row.layer, row.head)
        gains = [None if shares is None else shares.heads.get(place) for shares in (counts, line)]
        plain = msgspec.structs.asdict(row) | {"gain": gains[0], "gain_line": gains[1]} | along
        maps = {name: plain.pop(f"{name}s") for name in ("weight", "product", "gradient")}
        names = {"weight": MATRICES, "product": PRODUCTS, "gradient": MATRICES}
        yield plain | {f"{name}_{m}": values.get(m) for name, values in maps.items() for m in names[name]}


def _plain(records: Sequence[Struct]) -> Iterator[Row]:
    yield from map(msgspec.structs.asdict, records)


def _snapshots(log: Log) -> Iterator[Row]:
    """One row per snapshot and head; empty where a grid was not measured."""
    for snapshot in log.snapshots:
        if not any(getattr(snapshot, name) for name in GRIDS):
            continue
        for layer, head in _places(log):
            grids = {name: getattr(snapshot, name) for name in GRIDS}
            numbers = {name: grid[layer][head] if grid else None for name, grid in grids.items()}
            place = {"step": snapshot.step, "phase": snapshot.phase, "layer": layer, "head": head}
            yield place | numbers | {"tick": snapshot.tick}


def _decisions(log: Log) -> Iterator[Row]:
    """One row per snapshot, decision and head: direct effects."""
    for snapshot in log.snapshots:
        for decision, row in enumerate(snapshot.each):
            for (layer, head), value in zip(_places(log), row, strict=True):
                place = {"decision": decision, "layer": layer, "head": head}
                yield {"step": snapshot.step, "phase": snapshot.phase} | place | {"direct": value}


def _gains(log: Log) -> Iterator[Row]:
    """One row per path or line, chunk and unit, in nats, with the chunk's own numbers; head is empty for an MLP."""
    for allocation in log.gains:
        chunk = msgspec.structs.asdict(allocation)
        grid, in_mlps, matrices = chunk.pop("heads"), chunk.pop("mlps"), chunk.pop("matrices")
        for layer, head in _places(log):
            row = {"layer": layer, "head": head, "unit": f"{layer}.{head}", "gain": grid[layer][head]}
            by_matrix = [matrix[layer][head] for matrix in matrices] or UNTOLD
            yield chunk | row | dict(zip(BY_MATRIX, by_matrix, strict=True))
        for layer, gain in enumerate(in_mlps):
            unit = unit_name((layer, log.header.heads), log.header.heads)
            row = {"layer": layer, "head": None, "unit": unit, "gain": gain}
            yield chunk | row | dict(zip(BY_MATRIX, UNTOLD, strict=True))


def _information(log: Log) -> Iterator[Row]:
    if log.information is not None:
        yield plain_data(log.information)


def _swaps(log: Log) -> Iterator[Row]:
    for swap in log.swaps:
        yield msgspec.structs.asdict(swap) | {"heads": _units_text(log, swap.heads), "size": len(swap.heads)}


def _probes(log: Log) -> Iterator[Row]:
    """One row per probe set and chunk; a set without chunks has one."""
    for probes in log.probes:
        columns = {"what": probes.what, "hash": probes.hash, "decisions": probes.decisions}
        ends = {name: getattr(probes, name) for name in ("before", "after", "plain_before", "plain_after")}
        for chunk in range(max(1, len(probes.before))):
            numbers = {name: some[chunk] if chunk < len(some) else None for name, some in ends.items()}
            yield columns | {"chunk": chunk} | numbers


def _verdict(log: Log) -> Iterator[Row]:
    """One row per number that the verdict rests on; a list is several rows, numbered."""
    if (verdict := log.verdict) is None:
        return
    columns = {"word": verdict.word, "reason": verdict.reason, "rule": verdict.rule}
    columns |= {
        "core": _units_text(log, verdict.core),
        "significant": _units_text(log, verdict.significant),
        "caveats": "; ".join(verdict.caveats),
    }
    for name, value in verdict.numbers.items():
        for index, number in enumerate(value if isinstance(value, list) else [value]):
            yield columns | {"name": name, "index": index, "number": number}


def _places(log: Log) -> list[tuple[int, int]]:
    return [(layer, head) for layer in range(log.header.layers) for head in range(log.header.heads)]


def _units_text(log: Log, places: Sequence[tuple[int, int]]) -> str:
    """Units with a space between them: 3.5 is a head, mlp3 a layer's MLP."""
    return " ".join(unit_name(place, log.header.heads).replace(" ", "") for place in places)


TABLES: dict[str, Callable[[Log], Iterator[Row]]] = {
    "heads": _heads,
    "curve": lambda log: _plain(log.curve),
    "snapshots": _snapshots,
    "decisions": _decisions,
    "gains": _gains,
    "mlps": lambda log: iter(mlp_rows(log)),
    "information": _information,
    "swaps": _swaps,
    "wholes": lambda log: _plain(log.wholes),
    "probes": _probes,
    "verdict": _verdict,
}


def export(log: Log, kind: str, to: str | Path | None = None, table: str = "heads") -> None:
    """Write a table of TABLES as 'csv' or 'parquet', or the whole log as 'json'.

    to: a file, written whole or not at all, by `common.files`; None for stdout (parquet needs a file). Both get the
    same bytes: UTF-8, lines of CSV ending in CR LF. Raises LogError for an unknown kind or table, for a table that this
    log has nothing for, and for parquet without pyarrow; OSError if it can't be written.
    """
    encoders: dict[str, Callable[[list[Row]], bytes]] = {"csv": _csv, "parquet": _parquet}
    if kind not in (*encoders, "json"):
        raise LogError(f"{log.path}: unknown export {kind!r}; choose one of csv, json, parquet")
    if table not in TABLES:
        raise LogError(f"{log.path}: unknown table {table!r}; choose one of {', '.join(TABLES)}")
    if to is None and kind == "parquet":
        raise LogError(f"{log.path}: parquet is not for a terminal; name a file to export to")
    if kind == "json":
        data = _json(log)
    else:
        rows = list(TABLES[table](log))
        if not rows:
            raise LogError(f"{log.path}: holds no {table}; export another table, or read a log that has them")
        data = encoders[kind](rows)
    if to is None:
        _to_stdout(data)
    else:
        write_whole(Path(to), data)


def _to_stdout(data: bytes) -> None:
    """The bytes as they are: a text stream would turn CR LF into CR CR LF where lines end in CR LF."""
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:  # a text stream that stands for stdout
        sys.stdout.write(data.decode().replace("\r\n", "\n"))
        return
    sys.stdout.flush()
    stream.write(data)
    stream.flush()


def _csv(rows: list[Row]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _json(log: Log) -> bytes:
    parts = {"header": log.header, "curve": log.curve, "snapshots": log.snapshots, "summary": log.summary}
    parts |= {"gains": log.gains, "swaps": log.swaps, "wholes": log.wholes, "probes": log.probes}
    parts |= {"judgement": log.verdict}
    heads = diff_table(log) if log.rows or log.verdict is None else {}  # a verdict's log need not hold a table of heads
    return json.dumps(finite(msgspec.to_builtins(parts) | heads), allow_nan=False, indent=1).encode() + b"\n"


def _parquet(rows: list[Row]) -> bytes:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise LogError("parquet needs pyarrow: pip install pyarrow, or export csv or json") from None
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.Table.from_pylist(rows), sink)
    data: bytes = sink.getvalue().to_pybytes()
    return data
