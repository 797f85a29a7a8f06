"""The fault table: what was done, how often, what should come of it, and what came."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Report = Callable[[str, int, int], None]


@dataclass
class Row:
    """numbers: what was counted, for whoever reads the JSON. good: what came is what was expected."""

    what: str
    times: int
    expected: str
    came: str
    good: bool
    numbers: dict[str, float] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "what": self.what, "times": self.times, "expected": self.expected, "came": self.came, "good": self.good,
            **self.numbers,
        }  # fmt: skip


def tally(what: str, expected: str, outcomes: list[str]) -> Row:
    """A row of something that was done several times. outcomes: "" for each time that it came as expected, else what
    came instead."""
    good, times = outcomes.count(""), len(outcomes)
    others = sorted({outcome for outcome in outcomes if outcome})
    came = "as expected" if good == times else f"{good} of {times} as expected; else: {'; '.join(others)[:300]}"
    return Row(what, times, expected, came, good == times, {"as_expected": good})


def lines_of(rows: dict[str, Row]) -> list[str]:
    """The table for a person."""
    lines = []
    for row in rows.values():
        mark = "ok  " if row.good else "BAD "
        lines.append(f"{mark}{row.what} ({row.times:,}). Expected: {row.expected}. Came: {row.came}")
    return lines
