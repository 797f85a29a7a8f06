"""What models reply to lines of a behaviour's file, side by side, as text to read.

`python -m training.behaviours.replies MODEL [MODEL ...] --lines FILE.jsonl`: a model as it was, and as it was trained.
Lines of every sort come in turn. A reply is the candidate that the model believes most.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.parser import Parser
from perception.model import load
from perception.perceive import perceive
from training.behaviours.file import ModelReader, scene_of
from training.behaviours.lines import BehaviourError, Line, in_turn, read_lines

COUNT, MOST = 10, 1_000  # lines: usual, at most


@dataclass(frozen=True)
class Reply:
    """text: the candidate that is believed most. belief: in it, from 0 to 1."""

    text: str
    belief: float


def first_lines(lines: Sequence[Line], count: int) -> list[Line]:
    """So many lines, every sort (or kind, where there are no sorts) in turn."""
    by_sort: dict[str, list[Line]] = {}
    for line in lines:
        by_sort.setdefault(line.sort or line.kind, []).append(line)
    return in_turn(by_sort.values())[:count]


def replies(source: str, lines: Sequence[Line]) -> list[Reply]:
    """What one model replies to each line. Raises ModelError, and BehaviourError for lines that it can't decide."""
    model = load(source)
    reader = ModelReader(model)
    if faults := [f"{line.context[:60]!r}: {fault}" for line in lines if (fault := reader.fault(line))]:
        raise BehaviourError(faults, listed=False)  # there is no --check here
    chosen = []
    for number, line in enumerate(lines):
        (percept,) = perceive(model, [scene_of(line, model.tongue, number)], record=False)
        belief = max(percept.beliefs[0])
        chosen.append(Reply(line.candidates[percept.beliefs[0].index(belief)], belief))
    return chosen


def page(lines: Sequence[Line], replies_by_model: dict[str, list[Reply]]) -> Iterator[str]:
    """The text, a line after the other."""
    names = ("right", *replies_by_model)
    width = max(map(len, names)) + 2
    for number, line in enumerate(lines):
        said = " ".join(f"{line.context}{line.decision}".split())
        yield f"{number + 1}. ({line.sort or line.kind}) {said}"
        yield f"   {'right':<{width}}      {line.answer}"
        for name, some in replies_by_model.items():
            reply = some[number]
            mark = "" if reply.text == line.answer else "  (wrong)"
            yield f"   {name:<{width}}{reply.belief:4.0%}  {reply.text}{mark}"
        yield ""
    for name, some in replies_by_model.items():
        right = sum(reply.text == line.answer for reply, line in zip(some, lines, strict=True))
        yield f"{name}: {right} of {len(lines)} right"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = Parser(
        prog="training.behaviours.replies", description="what models reply to lines of a behaviour's file, side by side"
    )
    parser.add_argument("models", nargs="+", metavar="MODEL", help="as main.py's --model takes them")
    parser.add_argument("--lines", type=Path, required=True, metavar="FILE.jsonl", help="lessons or probes")
    parser.add_argument("--count", type=int, default=COUNT, help=f"lines, 1 to {MOST} (default {COUNT})")
    options = parser.parse_args(arguments)
    try:
        if not 1 <= options.count <= MOST:
            raise ValueError(f"--count {options.count}: give 1 to {MOST}")
        placed, faults = read_lines(options.lines)
        if faults:
            raise BehaviourError(faults, listed=False)  # there is no --check here
        lines = first_lines([one.line for one in placed], options.count)
        by_model = {source: replies(source, lines) for source in dict.fromkeys(options.models)}
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(page(lines, by_model)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
