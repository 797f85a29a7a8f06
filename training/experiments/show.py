"""What an experiment came to, in a few lines for a terminal; everything stands in OUT/score.json, and in its report."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

COLUMNS = {  # of a row of `tables.learned`: title, how it is written
    "seeds": ("seeds", "{}"),
    "hits": ("hits", "{:.1%}"),
    "hits_new_pairs": ("new pairs", "{:.1%}"),
    "hits_new_forms": ("new forms", "{:.1%}"),
    "false_alarms": ("false al.", "{:.1%}"),
    "d_prime": ("d'", "{:.2f}"),
    "mundane": ("mundane", "{:.1%}"),
    "lost": ("lost", "{:.1%}"),
    "steps_to_see": ("steps", "{:g}"),
    "lr": ("rate", "{:g}"),
}


def table(arms: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A line per arm under a head; columns that no arm has are left out."""
    there = [key for key in COLUMNS if any(row.get(key) is not None for row in arms.values())]
    cells = [["arm", *(COLUMNS[key][0] for key in there)]]
    for name, row in arms.items():
        values = [(COLUMNS[key][1], row.get(key)) for key in there]
        cells.append([name, *("-" if value is None else form.format(value) for form, value in values)])
    yield from aligned(cells)


def aligned(cells: Sequence[Sequence[str]]) -> Iterator[str]:
    """A line per row, columns under one another: names to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for name, *numbers in cells:
        yield "  ".join([name.ljust(widths[0]), *(n.rjust(w) for n, w in zip(numbers, widths[1:], strict=True))])


def lines(result: Mapping[str, Any]) -> Iterator[str]:
    """The arms (medians over seeds; lost: the most that mundane accuracy fell), then the verdict."""
    score = result["score"]
    arms, apart = score.get("arms", score), score.get("by_base", {})
    for model, arms_of_base in apart.items():
        yield f"{model}:"
        yield from table(arms_of_base)
    if apart:
        yield "all:"
    yield from table({name: row for name, row in arms.items() if isinstance(row, Mapping) and "hits" in row})
    for base in score.get("bases", ()):
        verdict = base.get("verdict", {})
        yield f"{base.get('model')}: {verdict.get('word')} ({verdict.get('reason')})"
    if "verdict" in score:
        yield f"Verdict: {score['verdict']['word']} ({score['verdict']['reason']})"
