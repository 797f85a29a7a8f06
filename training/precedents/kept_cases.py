"""The facts of a bench that are scored already, in a file that the same command goes on from after a stop."""

import json
from pathlib import Path
from typing import Any

from common.files import read_json, write_whole

Row = dict[str, Any]  # what was measured of one fact


class KeptCases:
    """Rows of one part of the bench, one a fact, in the order of the facts. place None: in memory alone.

    rests_on: what decides the numbers; rows of another bench are not taken over.
    """

    def __init__(self, place: Path | None, rests_on: dict[str, Any]) -> None:
        self._place, self._rests_on = place, json.loads(json.dumps(rests_on))
        self.rows: list[Row] = [] if place is None else rows_in(place, self._rests_on)

    def add(self, row: Row) -> None:
        """Keep the next fact's row."""
        self.rows.append(row)
        if self._place is not None:
            write_whole(self._place, json.dumps({"rests_on": self._rests_on, "rows": self.rows}).encode())


def rows_in(place: Path, rests_on: dict[str, Any]) -> list[Row]:
    """The rows that lie there, none of another bench. Raises ValueError for a torn file."""
    if not place.is_file():
        return []
    try:
        content = read_json(place)
        rows = [dict(row) for row in content["rows"]] if content["rests_on"] == rests_on else []
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{place}: can't be read ({error}); remove it, and its facts are edited again") from error
    return rows
