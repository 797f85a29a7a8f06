"""A head-diff log as files for other tools: any of its tables as CSV or Parquet, all of it as JSON."""

import csv
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from training.headlog.records import GRIDS, Log, LogError
from training.headlog.table import MATRICES, diff_table, finite

PRODUCTS = ("vo", "qk")
Row = dict[str, Any]


def _heads(log: Log) -> Iterator[Row]:
    """One row per head, weights as columns of their own."""
    diff_table(log)  # refuses a log without rows
    for row in log.rows:
        plain = msgspec.structs.asdict(row)
        maps = {name: plain.pop(f"{name}s") for name in ("weight", "product", "gradient")}
        names = {"weight": MATRICES, "product": PRODUCTS, "gradient": MATRICES}
        yield plain | {f"{name}_{m}": values.get(m) for name, values in maps.items() for m in names[name]}


def _plain(records: Sequence[Struct]) -> Iterator[Row]:
    yield from map(msgspec.structs.asdict, records)


def _snapshots(log: Log) -> Iterator[Row]:
    """One row per snapshot and head; empty where a grid was not measured."""
    for snapshot in log.snapshots:
        for layer, head in _places(log):
            grids = {name: getattr(snapshot, name) for name in GRIDS}
            numbers = {name: grid[layer][head] if grid else None for name, grid in grids.items()}
            yield {"step": snapshot.step, "phase": snapshot.phase, "layer": layer, "head": head} | numbers


def _decisions(log: Log) -> Iterator[Row]:
    """One row per snapshot, decision and head: direct effects."""
    for snapshot in log.snapshots:
        for decision, row in enumerate(snapshot.each):
            for (layer, head), value in zip(_places(log), row, strict=True):
                place = {"decision": decision, "layer": layer, "head": head}
                yield {"step": snapshot.step, "phase": snapshot.phase} | place | {"direct": value}


def _gains(log: Log) -> Iterator[Row]:
    """One row per way, chunk and head, in nats; the chunk's own numbers beside."""
    for allocation in log.gains:
        chunk = msgspec.structs.asdict(allocation)
        grid = chunk.pop("heads")
        for layer, head in _places(log):
            yield chunk | {"layer": layer, "head": head, "gain": grid[layer][head]}


def _swaps(log: Log) -> Iterator[Row]:
    for swap in log.swaps:
        yield msgspec.structs.asdict(swap) | {"heads": _heads_text(swap.heads), "size": len(swap.heads)}


def _probes(log: Log) -> Iterator[Row]:
    """One row per probe set and chunk; a set without chunks has one."""
    for probes in log.probes:
        ends: list[tuple[Any, Any]] = list(zip(probes.before, probes.after, strict=False)) or [(None, None)]
        for chunk, (before, after) in enumerate(ends):
            columns = {"what": probes.what, "hash": probes.hash, "decisions": probes.decisions}
            yield columns | {"chunk": chunk, "before": before, "after": after}


def _verdict(log: Log) -> Iterator[Row]:
    """One row per number that the verdict rests on; a list is several rows, numbered."""
    if (verdict := log.verdict) is None:
        return
    columns = {"word": verdict.word, "reason": verdict.reason, "rule": verdict.rule}
    columns |= {
        "core": _heads_text(verdict.core),
        "significant": _heads_text(verdict.significant),
        "caveats": "; ".join(verdict.caveats),
    }
    for name, value in verdict.numbers.items():
        for index, number in enumerate(value if isinstance(value, list) else [value]):
            yield columns | {"name": name, "index": index, "number": number}


def _places(log: Log) -> list[tuple[int, int]]:
    return [(layer, head) for layer in range(log.header.layers) for head in range(log.header.heads)]


def _heads_text(places: Sequence[tuple[int, int]]) -> str:
    return " ".join(f"{layer}.{head}" for layer, head in places)


TABLES: dict[str, Callable[[Log], Iterator[Row]]] = {
    "heads": _heads,
    "curve": lambda log: _plain(log.curve),
    "snapshots": _snapshots,
    "decisions": _decisions,
    "gains": _gains,
    "swaps": _swaps,
    "wholes": lambda log: _plain(log.wholes),
    "probes": _probes,
    "verdict": _verdict,
}


def export(log: Log, kind: str, to: str | Path | None = None, table: str = "heads") -> None:
    """Write a table of TABLES as 'csv' or 'parquet', or the whole log as 'json'.

    to: a file, written whole or not at all; None for stdout (parquet needs a file). Raises LogError for an unknown
    kind or table, for a table that this log has nothing for, for parquet without pyarrow, and if the file can't be
    written.
    """
    makers: dict[str, Callable[[list[Row]], bytes]] = {"csv": _csv, "parquet": _parquet}
    if kind not in (*makers, "json"):
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
        data = makers[kind](rows)
    if to is None:
        sys.stdout.write(data.decode())
        return
    target = Path(to)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        draft.write_bytes(data)
        os.replace(draft, target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise LogError(f"{to}: cannot write: {error.strerror or error}; choose another place") from None


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
