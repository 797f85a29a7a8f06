#!/usr/bin/env python3
"""Second Sight: the command line. With `commands`, whose verbs it runs, it is the only place where the wings meet.

Each verb imports what it needs when it runs; importing this module loads neither torch nor pygame.
"""

import difflib
import os
import sys

from commands.benches import bench
from commands.early import check_early
from commands.logs import diff, report
from commands.minds import mind, perceive, pretrain
from commands.parser import VERBS, build_parser
from commands.precedents import circuit, edit
from commands.realm import play, simulate
from commands.shared import realm
from commands.training import experiment, learn
from common import console
from common.processes import Terminated, terminate_as_interrupt

INTERRUPTED, TERMINATED, PIPE_CLOSED = 130, 143, 141  # 128 + the signal's number, as shells count
RUN = {
    "play": play,
    "simulate": simulate,
    "realm": realm,
    "perceive": perceive,
    "learn": learn,
    "experiment": experiment,
    "diff": diff,
    "report": report,
    "pretrain": pretrain,
    "mind": mind,
    "edit": edit,
    "circuit": circuit,
    "bench": bench,
}


def main(argv: list[str] | None = None) -> int:
    """Run one verb; returns the exit status. Faults of the input are one line on stderr and 2."""
    console.fit_streams()
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help")):
        arguments.insert(0, "play")
    name = arguments[0]
    if name not in VERBS and not name.startswith("-"):
        near = difflib.get_close_matches(name, VERBS, 1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(VERBS)}"
        print(f"main.py: unknown verb {name[:60]!r}; {hint}", file=sys.stderr)
        return 2
    try:
        options = build_parser(name).parse_args(arguments)
        terminate_as_interrupt()
        check_early(options)
        status = int(RUN[options.verb](options))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        console.nobody_reads()
        return PIPE_CLOSED
    except (ValueError, OSError) as error:
        if os.environ.get("SECOND_SIGHT_TRACEBACK"):
            raise
        print(f"main.py {name}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except Terminated:
        return TERMINATED
    except KeyboardInterrupt:
        print(f"main.py {name}: stopped", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    raise SystemExit(main())
