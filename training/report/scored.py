"""The section of an experiment's score: what score.json holds, as tables that say what they are."""

import json
import math
import statistics
from collections.abc import Mapping
from typing import Any

from common.numbers import finite
from training.report.gather import Material
from training.report.parts import COLUMNS_MAX, ROWS_MAX, Block, Folded, Section, Table, Words
from training.report.score_names import row_name
from training.report.words import as_float, number, percent, ranged, setting

RATES = ("hits", "hits_new_pairs", "hits_new_forms", "false_alarms", "mundane", "lost")
ARM_COLUMNS = {  # of a row of what an arm learned: title
    "seeds": "runs", "hits": "hits", "hits_new_pairs": "on new pairs", "hits_new_forms": "on new forms",
    "false_alarms": "false alarms", "d_prime": "d′", "mundane": "mundane", "lost": "mundane lost, most",
    "reached": "runs that learned", "steps_to_see": "steps until then", "ms_per_step": "ms a step", "lr": "rate",
}  # fmt: skip
LEARNED = "What each arm learned: medians over its runs"
TITLES = {  # of a part of score.json; a row for each number, a column for each arm or model
    "bases": "Each base model: swaps of its core, residuals, depth, what training changed",
    "spread": "How the heads’ gain and weight change spread: means over runs (95 %)",
    "heads": "How the heads’ gain and weight change spread: means over runs (95 %)",
    "layers": "Each layer’s share of what the heads gained: means over runs (95 %)",
    "alike": "Do two arms gain by the same heads? Spearman’s correlation over heads, mean of pairs of different seeds",
    "change": "What training changed: stable ranks of the matrices, and the gain kept by the first singular values",
    "sufficiency": "What sets of units learn alone, of what everything gains: means over seeds (95 %)",
    "likeness": "Likeness to the seer: Spearman’s correlation over heads; others, controls: nulls; excess: over them",
}  # fmt: skip
DEPTH = 6
WIDE = 8  # columns: arms beyond that are rows
RAW_MAX = 60_000  # characters of score.json on the page


def score(material: Material) -> Section | None:
    """score.json's tables; None where there are none."""
    whole = material.score.get("score")
    if not isinstance(whole, dict) or not whole:
        return None
    blocks: list[Block] = []
    parts = {name: _by_model(part) for name, part in whole.items() if name != "verdict" or not _judged(part)}
    arms = parts.pop("arms", None)
    if not isinstance(arms, dict):
        arms = {name: part for name, part in parts.items() if isinstance(part, dict) and "hits" in part}
        parts = {name: part for name, part in parts.items() if name not in arms}
    of_bases = parts.pop("by_base", None)
    groups = {"": arms} | (of_bases if isinstance(of_bases, dict) else {})
    rows = {(setting(model), arm): row for model, some in groups.items() if isinstance(some, dict)
            for arm, row in some.items() if isinstance(row, dict)}  # fmt: skip
    blocks += [_arms(rows)] if rows else []
    plain = {name: part for name, part in parts.items() if not isinstance(part, dict)}
    nested = {name: part for name, part in parts.items() if isinstance(part, dict) and part}
    blocks = [*_sufficient(nested.get("sufficiency")), *blocks]
    blocks += [_pivot(name, part) for name, part in nested.items()]
    if plain:
        cells = [[row_name(name), value_words(name, value)] for name, value in plain.items()]
        blocks.append(Table("Further numbers of the score", ["number", "value"], cells))
    return Section("score", "Score", [*blocks[:ROWS_MAX], whole_score(material)]) if blocks else None


def whole_score(material: Material) -> Folded:
    """score.json as it is, folded away."""
    text = json.dumps(finite(material.score), indent=1, ensure_ascii=False, default=str)
    more = len(text) - RAW_MAX
    return Folded("score.json as it is", text[:RAW_MAX] + (f"\n… {more:,} characters more" if more > 0 else ""))


def _sufficient(part: object) -> list[Block]:
    """In a sentence, what the core of an experiment learned alone; nothing of another experiment."""
    share = part.get("share") if isinstance(part, dict) else None
    random = part.get("random") if isinstance(part, dict) else None
    alone, rest = (_mean(share, name) for name in ("core", "all-but-core"))
    if not isinstance(random, list) or not all(isinstance(value, int | float) for value in (alone, rest, *random)):
        return []
    words = f"The core alone learns {percent(alone)} of what everything gains, all but the core {percent(rest)}"
    if random:
        below = sum(value < alone for value in random)
        words += f"; {len(random)} random sets of its size and layers {percent(min(random))} to {percent(max(random))}"
        words += f", {below} of them less than the core"
    return [Words(f"{words}.")]


def _mean(share: object, name: str) -> Any:
    """The first number of an estimate with its interval; None if there is none."""
    estimate = share.get(name) if isinstance(share, dict) else None
    return estimate[0] if isinstance(estimate, list) and estimate else None


def _judged(part: object) -> bool:
    """Whether it is the verdict that stands in a section of its own."""
    return isinstance(part, dict) and "word" in part


def _arms(rows: Mapping[tuple[str, str], Mapping[str, Any]]) -> Table:
    """A row for each arm, and for each base model's arm. A column that is empty in all of them is left out."""
    unknown = dict.fromkeys(key for row in rows.values() for key in row if key not in ARM_COLUMNS)
    keys = [key for key in [*ARM_COLUMNS, *unknown] if any(row.get(key) is not None for row in rows.values())]
    several = any(model for model, _ in rows)
    head = ["arm", *(["base model"] if several else []), *(ARM_COLUMNS.get(key, _spaced(key)) for key in keys)]
    cells = [
        [arm, *([model or "all"] if several else []), *(value_words(key, row.get(key)) for key in keys)]
        for (model, arm), row in rows.items()
    ]
    return Table(LEARNED, head, cells)


def _pivot(name: str, part: Mapping[str, Any]) -> Table:
    """A column for each entry, a row for each number within: what is compared stands side by side."""
    entries = {column: value for column, value in part.items() if isinstance(value, dict)}
    alone = {column: value for column, value in part.items() if column not in entries}
    columns = dict(list(entries.items())[: COLUMNS_MAX - 1 - bool(alone)])
    flat = {column: dict(_flat(value, "", 0)) for column, value in columns.items()}
    flat |= {"value": dict(_flat(alone, "", 0))} if alone else {}
    rows = dict.fromkeys(row for values in flat.values() for row in values)
    title = TITLES.get(name, f"{_spaced(name)} (score.json)")
    if len(flat) > WIDE and len(rows) < len(flat):
        cells = [[setting(column), *(values.get(row, "") for row in rows)] for column, values in flat.items()]
        return Table(title, ["", *(row_name(row) for row in rows)], cells)
    cells = [[row_name(row), *(values.get(row, "") for values in flat.values())] for row in rows]
    return Table(title, ["", *(setting(c) for c in flat)], cells)


def _flat(value: Any, path: str, depth: int) -> list[tuple[str, str]]:
    """[(path of names, value in words)] of all that is nested."""
    if isinstance(value, dict) and depth < DEPTH:
        inner = [(f"{path}: {key}" if path else str(key), item) for key, item in value.items() if not _judged(item)]
        return [pair for name, item in inner for pair in _flat(item, name, depth + 1)]
    if isinstance(value, list) and value and all(isinstance(item, list) for item in value) and depth < DEPTH:
        return [(f"{path}: {at}", value_words(path, item)) for at, item in enumerate(value[:64])]
    return [(path, value_words(path.rpartition(": ")[2], value))]


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _by_model(value: Any) -> Any:
    """A list of what base models came to, by their names; whatever else as it is."""
    rows = value if isinstance(value, list) else []
    if rows and all(isinstance(row, dict) and isinstance(row.get("model"), str) for row in rows):
        return {row["model"]: {key: part for key, part in row.items() if key != "model"} for row in rows}
    return value


def value_words(name: str, value: object, depth: int = 0) -> str:
    """A number, an estimate with its interval, a few, or what many of them come to; lists in lists DEPTH deep."""
    if isinstance(value, list | tuple):
        if depth > DEPTH:
            return "…"
        numbers = [as_float(v) for v in value if math.isfinite(as_float(v))]
        if len(numbers) == len(value) == 3 and numbers[1] <= numbers[0] <= numbers[2] and numbers[1] < numbers[2]:
            return ranged(*numbers)
        if len(numbers) == len(value) == 3 and len(set(numbers)) == 1 and all(isinstance(v, float) for v in value):
            return number(numbers[0])
        if len(value) <= 8 or not numbers:
            return "; ".join(value_words(name, v, depth + 1) for v in value[:12]) + (" …" if len(value) > 12 else "")
        middle = number(statistics.median(numbers))
        return f"{len(numbers)} numbers: median {middle}, {number(min(numbers))} to {number(max(numbers))}"
    if isinstance(value, dict):
        return "…"
    if name in RATES and isinstance(value, float):
        return percent(value)
    return number(value) if value is None or isinstance(value, int | float) else str(value)
