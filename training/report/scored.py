"""The section of an experiment's score: score.json as tables, whatever its shape."""

import math
import statistics
from collections.abc import Mapping
from typing import Any

from training.report.gather import Material
from training.report.markup import Markup, join, number, percent, table
from training.report.parts import Section

RATES = ("hits", "hits_new_pairs", "hits_new_forms", "false_alarms", "mundane", "lost")
_SPREAD = "means over seeds (95 %); gain: nats along the path, no control subtracted; effective: N_eff / H"
WORDS = {  # what a part of score.json tells
    "arms": "medians over all seeds, of several base models too; lost: the most that mundane accuracy fell",
    "heads": _SPREAD,
    "spread": _SPREAD,
    "layers": "each layer’s share of what the heads gained; means over seeds (95 %)",
    "alike": "do arms gain by the same heads? Spearman’s correlation over heads, mean of pairs of different seeds",
    "change": "what training changed: stable ranks of the matrices; the gain kept by the first k singular values",
    "likeness": "Spearman’s correlation with the seer’s profile over heads; others, controls: nulls; excess: over them",
}
COLUMNS_MAX, ROWS_MAX, DEPTH = 24, 200, 4


def score(material: Material) -> Section | None:
    """score.json's tables; None where there are none."""
    found = material.score.get("score")
    if not isinstance(found, dict) or not found:
        return None
    return Section("score", "Score", join(_tables(found, "score.json", 0)))


def _tables(found: Mapping[str, Any], caption: str, depth: int, across: bool = False) -> list[Markup]:
    """A table of the plain entries, one for all rows of the same columns, and the same of what is nested deeper.

    across: whether entries of one shape may stand beside one another, part by part; base models may not.
    """
    entries = {name: _by_model(value) for name, value in found.items()}
    flat = {name: value for name, value in entries.items() if not isinstance(value, dict)}
    alike: dict[tuple[str, ...], dict[str, Any]] = {}
    deep: dict[str, dict[str, Any]] = {}
    made = [_list(flat, caption)] if flat else []
    for name, value in entries.items():
        if isinstance(value, dict) and value:
            row = not any(isinstance(_by_model(inner), dict) for inner in value.values())
            (alike.setdefault(tuple(value), {}) if row else deep)[name] = value
    for columns, rows in list(alike.items())[:ROWS_MAX]:
        if len(rows) == 1:
            made += [_list(row, f"{caption}: {name}") for name, row in rows.items()]
        else:
            made.append(_rows(columns[:COLUMNS_MAX], rows, caption))
    if depth >= DEPTH:
        return made
    if across and _of_one_shape(deep):
        return made + _across(deep, caption, depth)
    for name, inner in list(deep.items())[:ROWS_MAX]:
        words = f"{caption}: {name}" + (f" ({WORDS[name]})" if name in WORDS else "")
        made += _tables(inner, words, depth + 1, not isinstance(found[name], list))
    return made


def _of_one_shape(deep: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether several entries have the same parts, none of which is one table by itself."""
    first, *others = deep.values() if len(deep) > 1 else ({},)
    parts = [value for value in first.values() if isinstance(value, dict)]
    falls_apart = len(parts) < len(first) or len({tuple(part) for part in parts}) > 1
    return bool(others and parts) and falls_apart and all(tuple(other) == tuple(first) for other in others)


def _across(deep: Mapping[str, Mapping[str, Any]], caption: str, depth: int) -> list[Markup]:
    """Entries of one shape, part by part, so that they stand beside one another: a row for each entry."""
    keys = list(next(iter(deep.values())))
    nested = [key for key in keys if all(isinstance(inner[key], dict) for inner in deep.values())]
    plain = [key for key in keys if key not in nested]
    rows = {name: {key: inner[key] for key in plain} for name, inner in deep.items()}
    made = [_rows(tuple(plain)[:COLUMNS_MAX], rows, caption)] if plain else []
    for key in nested[:ROWS_MAX]:
        made += _tables({name: inner[key] for name, inner in deep.items()}, f"{caption}: {key}", depth + 1, True)
    return made


def _list(row: Mapping[str, Any], caption: str) -> Markup:
    cells = [[name.replace("_", " "), plainly(name, value)] for name, value in list(row.items())[:ROWS_MAX]]
    return table(["number", "value"], cells, caption, "wrap")


def _rows(names: tuple[str, ...], rows: Mapping[str, Any], caption: str) -> Markup:
    """A row for each; a column that is empty in all of them is left out."""
    columns = [name for name in names if any(row[name] is not None for row in rows.values())]
    cells = [[name, *(plainly(column, row[column]) for column in columns)] for name, row in rows.items()]
    return table(["", *(column.replace("_", " ") for column in columns)], cells[:ROWS_MAX], caption)


def _by_model(value: object) -> object:
    """A list of what base models came to, by their names, without the verdicts: those have a section of their own."""
    rows = value if isinstance(value, list) else []
    if rows and all(isinstance(row, dict) and isinstance(row.get("model"), str) for row in rows):
        return {row["model"]: {k: v for k, v in row.items() if k not in ("model", "verdict")} for row in rows}
    return value


def plainly(name: str, value: object, depth: int = 0) -> str:
    """A number, an estimate with its interval, a few, or what many of them come to; lists in lists DEPTH deep."""
    if isinstance(value, list | tuple):
        if depth > DEPTH:
            return "…"
        numbers = [float(v) for v in value if isinstance(v, int | float) and math.isfinite(v)]
        if len(numbers) == len(value) == 3 and numbers[1] <= numbers[0] <= numbers[2] and numbers[1] < numbers[2]:
            middle, low, high = (plainly(name, v) for v in numbers)
            return f"{middle} ({low} … {high})"
        if len(value) <= 6 or not numbers:
            return "; ".join(plainly(name, v, depth + 1) for v in value[:12]) + (" …" if len(value) > 12 else "")
        middle = number(statistics.median(numbers))
        return f"{len(numbers)} numbers: median {middle}, {number(min(numbers))} to {number(max(numbers))}"
    if name in RATES and isinstance(value, float):
        return percent(value)
    return number(value, 4) if value is None or isinstance(value, int | float) else str(value)
