"""A behaviour of one's own as a file: a context, a decision, its candidate answers and the right one on every line.

docs/behaviours.md describes the format. Everything that a file may hold is bounded, and each fault is told as
`FILE:LINE: what; how to mend it`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

WANTED, OTHER = "wanted", "other"
LARGEST = 64 * 2**20  # bytes of a file
LONGEST = 2**20  # bytes of a line
MOST = 50_000  # lines
MOST_FAULTS = 100  # told of one file
PAGE = "docs/behaviours.md"


class BehaviourError(ValueError):
    """A file that cannot be learned from: one line, where, what, how to mend it. faults: all that were found."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = list(faults)
        more = f" (and {len(faults) - 1} more: --check lists them)" if len(faults) > 1 else ""
        super().__init__(faults[0] + more)


Answer = Annotated[str, Meta(min_length=1, max_length=256)]


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    """A line. cue: words of the context on which the decision rests, in any order."""

    context: Annotated[str, Meta(min_length=1, max_length=65_536)]
    decision: Annotated[str, Meta(min_length=1, max_length=4_096)]
    candidates: Annotated[tuple[Answer, ...], Meta(min_length=2, max_length=256)]
    answer: Answer
    kind: Literal["wanted", "other"]
    cue: Annotated[tuple[Answer, ...], Meta(max_length=64)] = ()


@dataclass(frozen=True)
class Placed:
    """A line and its number in its file, from 1."""

    number: int
    line: Line


Fault = tuple[int, str]  # line number, what is wrong and how to mend it
_DECODER = msgspec.json.Decoder(Line)


def alike(text: str) -> str:
    """A text without what doesn't tell two scenes apart: case and white space."""
    return " ".join(text.split()).casefold()


def _sound(line: Line) -> str:
    """What is wrong with a line of the right shape; nothing if it is sound."""
    texts = {"context": [line.context], "decision": [line.decision], "candidate": line.candidates, "cue": line.cue}
    for name, found in texts.items():
        for text in found:
            if not text.strip():
                return f"a {name} is blank; write something"
            if any("\ud800" <= mark <= "\udfff" for mark in text):
                return f"a {name} holds half a surrogate pair, which no tokenizer reads; write the whole character"
    if len(set(line.candidates)) < len(line.candidates):
        return "two candidates are the same; name each once"
    if line.answer not in line.candidates:
        return f"its answer {line.answer!r} is not among its candidates; add it there"
    missing = next((cue for cue in line.cue if cue not in line.context), None)
    return "" if missing is None else f"its cue {missing!r} does not stand in its context; copy it from there"


def _decoded(raw: bytes) -> Line | str:
    if len(raw) > LONGEST:
        return f"longer than {LONGEST} bytes; shorten it"
    try:
        line = _DECODER.decode(raw)
    except (ValueError, RecursionError) as error:  # ValueError: msgspec's own, and bad UTF-8
        return f"{' '.join(str(error).split())}; {PAGE} says what a line holds"
    return _sound(line) or line


def _raw(path: Path) -> Iterator[tuple[int, bytes]]:
    with open(path, "rb") as file:
        number = 0
        while raw := file.readline(LONGEST + 2):
            number += 1
            yield number, raw.rstrip(b"\r\n")
            while raw and not raw.endswith(b"\n") and len(raw) > LONGEST:  # what is left of a line that is too long
                raw = file.readline(LONGEST + 2)


def read_lines(path: Path) -> tuple[list[Placed], list[str]]:
    """The sound lines of a file, and what is wrong with the others: one sentence each, MOST_FAULTS at most."""
    if not path.is_file():
        return [], [f"{path}: no such file; {PAGE} says what one holds"]
    if path.stat().st_size > LARGEST:
        return [], [f"{path}: larger than {LARGEST} bytes; split it"]
    found: list[Placed] = []
    faults: list[str] = []
    asked: dict[tuple[str, str], int] = {}
    for number, raw in _raw(path):
        if not raw.strip():
            continue
        line = _decoded(raw)
        if isinstance(line, Line):
            first = asked.setdefault((alike(line.context), alike(line.decision)), number)
            if first != number:
                line = f"context and decision stand in line {first} already; leave one of them out"
        if isinstance(line, str):
            faults.append(f"{path}:{number}: {line}")
        elif len(found) == MOST:
            faults.append(f"{path}:{number}: more than {MOST} lines; split the file")
        else:
            found.append(Placed(number, line))
        if len(faults) == MOST_FAULTS or (faults and len(found) == MOST):
            break
    if not faults:
        there = {placed.line.kind for placed in found}
        wants = {WANTED: "say which decision is wanted", OTHER: "say what has to stay as it was"}
        faults = [f"{path}: no line of kind {kind}; {why}" for kind, why in wants.items() if kind not in there]
    return found, faults


def leaks(lessons: Iterable[Placed], probes: Iterable[Placed], path: Path) -> list[str]:
    """What of the probes in `path` was taught: a probe must not share its context with a lesson."""
    taught: dict[str, int] = {}
    for placed in lessons:
        taught.setdefault(alike(placed.line.context), placed.number)
    said = "shares its context with line {} of the lessons; probes need contexts that no lesson holds"
    shared = [(placed.number, taught.get(alike(placed.line.context))) for placed in probes]
    return [f"{path}:{number}: {said.format(line)}" for number, line in shared if line is not None][:MOST_FAULTS]


def counts(lines: Iterable[Placed]) -> dict[str, int]:
    """How many lines of each kind there are."""
    kinds = [placed.line.kind for placed in lines]
    return {kind: kinds.count(kind) for kind in (WANTED, OTHER)}  # type: ignore[arg-type]


def read_pair(
    lessons: Path, probes: Path, fits: Callable[[Line], str] = lambda line: ""
) -> tuple[list[Placed], list[Placed]]:
    """The lines of a file of lessons and of one of probes. fits: what a model finds wrong with a line.

    Raises BehaviourError with every fault of both files.
    """
    taught, faults = read_lines(lessons)
    asked, more = read_lines(probes)
    wrong = [*faults, *more] or leaks(taught, asked, probes)
    if not wrong:
        told = [(lessons, placed) for placed in taught] + [(probes, placed) for placed in asked]
        found = ((path, placed.number, fits(placed.line)) for path, placed in told)
        wrong = [f"{path}:{number}: {what}" for path, number, what in found if what]
    if wrong:
        raise BehaviourError(wrong[: 2 * MOST_FAULTS])
    return taught, asked
