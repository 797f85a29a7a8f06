"""A head-diff log as a dictionary and on the terminal. As files for other tools: `training.headlog.exports`."""

import math
from typing import TYPE_CHECKING, Any

from training.headlog.records import HeadRow, Judgement, Log, LogError, Summary, one_line

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

    Numbers that are not finite become None. Raises LogError if the run was stopped before its heads were compared; an
    experiment's verdict.msgpack has none and is told without.
    """
    if not log.rows and log.verdict is None:
        raise LogError(f"{log.path}: no head was compared before the run ended; let `learn` run to its end")
    names = ("layer", "head", *COLUMNS, "weights")
    rows = [{name: getattr(row, name) for name in names} | _gradients(row) for row in log.rows]
    summary = log.summary
    return finite(
        {
            "heads": rows,
            "gain": None if summary is None else summary.gain,
            "residual": None if summary is None else summary.residual,
            "verdict": dict(UNDECIDED) if log.verdict is None else _judged(log.verdict),
        }
        | _gradients(summary)
    )


def _judged(verdict: Judgement) -> dict[str, Any]:
    return {"verdict": verdict.word, "because": verdict.reason, "rule": verdict.rule}


def _gradients(record: HeadRow | Summary | None) -> dict[str, Any]:
    """The shares of the gradient's energy, where they were measured."""
    return {"gradients": record.gradients} if record is not None and record.gradients else {}


def finite(value: Any) -> Any:
    """The same with None for NaN and infinities, which JSON doesn't have."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
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
    if log.rows:
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
    verdict_line = one_line(f"verdict: {table['verdict']['verdict']}: {table['verdict']['because']}")
    console.print(verdict_line, highlight=False, markup=False)
    for number in log.wholes:
        console.print(f"{one_line(number.name)}: {_number(number.value)}", highlight=False, markup=False)
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
