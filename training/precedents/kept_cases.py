"""The facts of a bench that are scored already, in a file that the same command goes on from after a stop."""

import json
from pathlib import Path
from typing import Any

from common.files import write_whole
from training.precedents.part_files import kept_rows

Row = dict[str, Any]  # what was measured of one fact


class KeptCases:
    """Rows of one part of the bench, one a fact, in the order of the facts. place None: in memory alone.

    rests_on: what decides the numbers; rows of another bench are not taken over. most: how many facts there are.
    """

    def __init__(self, place: Path | None, rests_on: dict[str, Any], most: int | None = None) -> None:
        self._place, self._rests_on = place, json.loads(json.dumps(rests_on))
        self.rows: list[Row] = [] if place is None else kept_rows(place, self._rests_on, most)

    def add(self, row: Row) -> None:
        """Keep the next fact's row."""
        self.rows.append(row)
        if self._place is not None:
            write_whole(self._place, json.dumps({"rests_on": self._rests_on, "rows": self.rows}).encode())
