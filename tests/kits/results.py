"""What the commands among the tests do with their figures: print them for a person or as JSON, and write the JSON."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def add_output(parser: argparse.ArgumentParser) -> None:
    """--out and --json."""
    parser.add_argument("--out", type=Path, metavar="FILE", help="writes the JSON there, too")
    parser.add_argument("--json", action="store_true", help="prints JSON")


def put_out(options: argparse.Namespace, result: dict[str, Any], lines: Sequence[str]) -> None:
    """Prints the result, or these lines for a person, and writes it where --out says."""
    text = json.dumps(result, indent=1)
    if options.out is not None:
        options.out.write_text(text + "\n", encoding="utf-8")
    print(text if options.json else "\n".join(lines))
