"""A head-diff log for people and for other tools: as a dictionary, on the terminal, as CSV, JSON or Parquet."""

import csv
import io
import json
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from training.measure.records import HeadRow, Log, LogError, Summary, one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

COLUMNS = ("gain", "own", "inherited", "pattern", "cue_mass_before", "cue_mass_after")
MATRICES = ("q", "k", "v", "o")
TOP = 10
# MEASUREMENT.md: a verdict rests on eight seeds, two controls of eight, and three base models.
UNDECIDED = {
    "verdict": "undecided",
    "because": "one run has no controls (shuffled answers, rehearsal only) and no other seeds; run `experiment`",
}


def diff_table(log: Log) -> dict[str, Any]:
    """The table of `diff --json`: {heads: [...], gain, residual, verdict}, and gradients if they were measured.

    Numbers that are not finite become None. Raises LogError if the run was stopped before its heads were compared.
    """
    if not log.rows:
        raise LogError(f"{log.path}: no head was compared before the run ended; let `learn` run to its end")
    names = ("layer", "head", *COLUMNS, "weights")
    rows = [{name: getattr(row, name) for name in names} | _gradients(row) for row in log.rows]
    summary = log.summary
    return _finite(
        {
            "heads": rows,
            "gain": None if summary is None else summary.gain,
            "residual": None if summary is None else summary.residual,
            "verdict": dict(UNDECIDED),
        }
        | _gradients(summary)
    )


def _gradients(record: HeadRow | Summary | None) -> dict[str, Any]:
    """The shares of the gradient's energy, where they were measured."""
    return {"gradients": record.gradients} if record is not None and record.gradients else {}


def _finite(value: Any) -> Any:
    """The same with None for NaN and infinities, which JSON doesn't have."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_table(log: Log, console: "Console", top: int = TOP) -> None:
    """Show the log: a grid of all heads, the heads that brought or moved most, and what the run came to.

    Raises LogError as diff_table does.
    """
    table = diff_table(log)
    by_gain = any(row.gain is not None for row in log.rows)
    header, summary = log.header, log.summary
    title = f"{header.model}  {header.layers} x {header.heads} heads  {header.created}"
    console.print(one_line(title), style="bold", highlight=False, markup=False)
    console.print(f"share of the heads' {'gain' if by_gain else 'own change'}, %")
    console.print(_grid(log, by_gain))
    console.print(_leaders(log, by_gain, top))
    if summary is not None:
        for name in summary.before:
            change = f"{one_line(name)}: {_number(summary.before[name])} -> {_number(summary.after.get(name))}"
            console.print(change, highlight=False, markup=False)
        shared = "" if summary.rest is None else f", in no head's matrices {_number(summary.rest)}"
        console.print(f"gain {_number(summary.gain)}{shared}, residual {_number(summary.residual)}", highlight=False)
        if summary.gradients:
            shares = ", ".join(f"{one_line(name)} {share:.1%}" for name, share in summary.gradients.items())
            console.print(f"gradient energy: {shares}", highlight=False, markup=False)
    console.print(f"verdict: {table['verdict']['verdict']}: {table['verdict']['because']}", highlight=False)
    if log.fault is not None:
        console.print(f"only part of the log could be read: {log.fault}", highlight=False, markup=False)


def _worth(row: HeadRow, by_gain: bool) -> float:
    value = row.gain if by_gain and row.gain is not None else row.own
    return value if math.isfinite(value) else 0.0


def _grid(log: Log, by_gain: bool) -> "Table":
    """Every head's share of the heads' gain (or its own change), in percent of the sum; strong ones bright."""
    from rich.table import Table

    worth = {(row.layer, row.head): _worth(row, by_gain) for row in log.rows}
    total = abs(sum(worth.values())) or 1.0
    highest = max(abs(value) for value in worth.values()) or 1.0
    table = Table("layer", *(str(head) for head in range(log.header.heads)))
    for layer in range(log.header.layers):
        cells = []
        for head in range(log.header.heads):
            value = worth.get((layer, head))
            if value is None:
                cells.append("")
                continue
            style = (
                "red" if value < 0 else "bold yellow" if value > highest / 2 else "dim" if value < highest / 10 else ""
            )
            text = f"{100 * value / total:.1f}"
            cells.append(f"[{style}]{text}[/]" if style else text)
        table.add_row(str(layer), *cells)
    return table


def _leaders(log: Log, by_gain: bool, top: int) -> "Table":
    from rich.table import Table

    table = Table("head", *COLUMNS, *(f"Δ{matrix}" for matrix in MATRICES), title=f"the {top} heads that stand out")
    for row in sorted(log.rows, key=lambda row: -_worth(row, by_gain))[:top]:
        numbers = [getattr(row, name) for name in COLUMNS] + [row.weights.get(matrix) for matrix in MATRICES]
        table.add_row(f"{row.layer}.{row.head}", *(_number(number) for number in numbers))
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def export(log: Log, kind: str, to: str | Path | None = None) -> None:
    """Write the table as 'csv' or 'parquet' (one row per head), or the whole log as 'json'.

    to: a file, written whole or not at all; None for stdout (parquet needs a file). Raises LogError for an unknown
    kind, for parquet without pyarrow, if the file can't be written, or as diff_table does.
    """
    makers: dict[str, Callable[[Log], bytes]] = {"csv": _csv, "json": _json, "parquet": _parquet}
    if kind not in makers:
        raise LogError(f"{log.path}: unknown export {kind!r}; choose one of {', '.join(makers)}")
    if to is None and kind == "parquet":
        raise LogError(f"{log.path}: parquet is not for a terminal; name a file to export to")
    data = makers[kind](log)
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


def _flat(log: Log) -> list[dict[str, Any]]:
    """One row per head, weights as columns of their own."""
    diff_table(log)  # refuses a log without rows
    rows = []
    for row in log.rows:
        plain = msgspec.structs.asdict(row)
        maps = {"weight": plain.pop("weights"), "gradient": plain.pop("gradients")}
        rows.append(plain | {f"{name}_{m}": values.get(m) for name, values in maps.items() for m in MATRICES})
    return rows


def _csv(log: Log) -> bytes:
    rows, text = _flat(log), io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _json(log: Log) -> bytes:
    parts = {"header": log.header, "curve": log.curve, "snapshots": log.snapshots, "summary": log.summary}
    whole = msgspec.to_builtins(parts) | diff_table(log)
    return json.dumps(_finite(whole), allow_nan=False, indent=1).encode() + b"\n"


def _parquet(log: Log) -> bytes:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise LogError("parquet needs pyarrow: pip install pyarrow, or export csv or json") from None
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.Table.from_pylist(_flat(log)), sink)
    data: bytes = sink.getvalue().to_pybytes()
    return data
