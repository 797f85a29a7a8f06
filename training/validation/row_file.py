"""A file of rows, one JSON object a line, that a long check adds to and goes on from."""

import json
from pathlib import Path
from typing import Any

from common.files import read_text


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows that lie there; none without a file. Raises ValueError, with the file, for a line that is no object."""
    rows = []
    for number, line in enumerate(read_text(path).splitlines() if path.exists() else [], 1):
        try:
            rows.append(dict(json.loads(line)))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}:{number}: no row of a check ({error}); give a new file") from error
    return rows
