"""What verbs print: one JSON object, lines for people, a table."""

import argparse
import json
from typing import Any

from common.numbers import finite


def show(options: argparse.Namespace, result: dict[str, Any], lines: list[str]) -> None:
    """One JSON object on stdout, or lines for people."""
    print(json.dumps(finite(result)) if options.json else "\n".join(lines))


def terminal() -> Any:
    """Where tables are printed."""
    from rich.console import Console

    class Terminal(Console):
        """Rich's own answer to a closed pipe is a status of 1."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Terminal()


def print_log(log: Any) -> None:
    """A log's table on the terminal."""
    from training.headlog.table import print_table

    print_table(log, terminal())
