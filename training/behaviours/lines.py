"""A behaviour of one's own as a file: a context, a decision, its candidate answers and the right one on every line.

docs/behaviours.md describes the format. Everything that a file may hold is bounded, and each fault is told as
`FILE:LINE: what; how to mend it`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Final, Literal, Protocol, TypeVar

import msgspec
from msgspec import Meta, Struct

from common.files import parse_json
from common.json_lines import half_surrogate, texts
from training.behaviours.leaks import ContextAndRun, alike, shared_contexts, words_read

WANTED: Final = "wanted"
OTHER: Final = "other"
LARGEST = 64 * 2**20  # bytes of a file
LONGEST = 2**20  # bytes of a line
MOST = 50_000  # lines
MOST_FAULTS = 100  # told of one file
SAID_MAX = 200  # characters of what is wrong with a line's shape
TIMES_LONGER, LONGER = 3, 16  # the longest candidate has at most 3 times the shortest's characters, and 16
PAGE = "docs/behaviours.md"
Item = TypeVar("Item")


class BehaviourError(ValueError):
    """A file that cannot be learned from: one line, where, what, how to mend it. faults: all that were found.

    listed: whether --check lists them.
    """

    def __init__(self, faults: Sequence[str], listed: bool = True) -> None:
        self.faults = list(faults)
        more = f" (and {len(faults) - 1} more{': --check lists them' * listed})" if len(faults) > 1 else ""
        super().__init__(faults[0] + more)


Answer = Annotated[str, Meta(min_length=1, max_length=256)]


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    """A line. cue: words of the context on which the decision rests, in any order. sort: scores are told by it."""

    context: Annotated[str, Meta(min_length=1, max_length=65_536)]
    decision: Annotated[str, Meta(min_length=1, max_length=4_096)]
    candidates: Annotated[tuple[Answer, ...], Meta(min_length=2, max_length=256)]
    answer: Answer
    kind: Literal["wanted", "other"]
    cue: Annotated[tuple[Answer, ...], Meta(max_length=64)] = ()
    sort: Annotated[str, Meta(max_length=32, pattern="^[a-z0-9_]*$")] = ""


@dataclass(frozen=True)
class Placed:
    """A line and its number in its file, from 1."""

    number: int
    line: Line


def _sound(line: Line) -> str:
    """What is wrong with a line of the right shape; nothing if it is sound."""
    texts = {"context": [line.context], "decision": [line.decision], "candidate": line.candidates, "cue": line.cue}
    for name, values in texts.items():
        for text in values:
            if not text.strip():
                return f"a {name} is blank; write something"
            if half_surrogate(text):
                return f"a {name} holds half a surrogate pair, which no tokenizer reads; write the whole character"
    if len(set(line.candidates)) < len(line.candidates):
        return "two candidates are the same; name each once"
    short, long = min(line.candidates, key=len), max(line.candidates, key=len)
    if len(long) > TIMES_LONGER * len(short) + LONGER:
        return (
            f"candidates of {len(short)} and {len(long)} characters ({short!r}, {long[:40]!r}): a short one is believed"
            " for being short; reword them to be of like length"
        )
    if line.answer not in line.candidates:
        return f"its answer {line.answer!r} is not among its candidates; add it there"
    missing = next((cue for cue in line.cue if cue not in line.context), None)
    return "" if missing is None else f"its cue {missing!r} does not stand in its context; copy it from there"


def _parsed(text: str, where: str) -> Line | str:
    """A line, or what is wrong with it."""
    try:
        line = msgspec.convert(parse_json(text, where), Line)
    except ValueError as error:  # msgspec's among them
        fault = " ".join(str(error).removeprefix(f"{where}: ").split())
        return f"{fault if len(fault) <= SAID_MAX else f'{fault[:SAID_MAX]}...'}; {PAGE} says what a line holds"
    return _sound(line) or line


def read_lines(path: Path) -> tuple[list[Placed], list[str]]:
    """The sound lines of a file, and what is wrong with the others: one sentence each, MOST_FAULTS at most."""
    if not path.is_file():
        what = "is a folder, or no plain file" if path.exists() else "no such file"
        return [], [f"{path}: {what}; {PAGE} says what one holds"]
    try:
        lines, faults = _sorted_out(path)
    except (ValueError, OSError) as error:
        return [], [_of_file(path, error)]
    if not faults:
        kinds = {placed.line.kind for placed in lines}
        wants = {WANTED: "say which decision is wanted", OTHER: "say what has to stay as it was"}
        faults = [f"{path}: no line of kind {kind}; {why}" for kind, why in wants.items() if kind not in kinds]
    return lines, faults


def _sorted_out(path: Path) -> tuple[list[Placed], list[str]]:
    """The sound lines, and the faults of the others."""
    lines: list[Placed] = []
    faults: list[str] = []
    first_lines: dict[tuple[str, str], int] = {}
    for number, text, wrong in texts(path, LARGEST, LONGEST):
        if not (text.strip() or wrong):
            continue
        line = wrong or _parsed(text, f"{path}:{number}")
        if isinstance(line, Line):
            first = first_lines.setdefault((alike(line.context), alike(line.decision)), number)
            if first != number:
                line = f"context and decision stand in line {first} already; leave one of them out"
        if isinstance(line, str):
            faults.append(f"{path}:{number}: {line}")
        elif len(lines) == MOST:
            faults.append(f"{path}:{number}: more than {MOST} lines; split the file")
        else:
            lines.append(Placed(number, line))
        if len(faults) == MOST_FAULTS or (faults and len(lines) == MOST):
            break
    return lines, faults


def _of_file(path: Path, error: ValueError | OSError) -> str:
    if isinstance(error, OSError):
        return f"{path}: cannot be read ({error.strerror or error}); check that you may read it"
    return " ".join(str(error).split())


def in_turn(groups: Iterable[Sequence[Item]]) -> list[Item]:
    """One of each group, then the next of each, until all are there."""
    return [item for turn in zip_longest(*groups) for item in turn if item is not None]


def counts(lines: Iterable[Placed]) -> dict[str, int]:
    """How many lines of each kind there are."""
    kinds = [placed.line.kind for placed in lines]
    return {kind: kinds.count(kind) for kind in (WANTED, OTHER)}


class LineReader(Protocol):
    """What a model says of lines."""

    def fault(self, line: Line) -> str:
        """What hinders the model to decide a line; nothing if it can."""

    def tokens(self, line: Line) -> ContextAndRun:
        """A line as the model reads it; the line has no fault."""


def examine(
    lessons: Path, probes: Path, reader: LineReader | None = None
) -> tuple[list[Placed], list[Placed], list[str]]:
    """The sound lines of a file of lessons and of one of probes, and all that is wrong with either and with the pair.

    reader: a model's, for what it finds wrong.
    """
    sound, faults = [], []
    for path in (lessons, probes):
        lines, wrong = read_lines(path)
        if reader is not None:
            fitted = [(placed, reader.fault(placed.line)) for placed in lines]
            wrong += [f"{path}:{placed.number}: {fault}" for placed, fault in fitted if fault][:MOST_FAULTS]
            lines = [placed for placed, fault in fitted if not fault]
        sound.append(lines)
        faults += wrong
    sound_lessons, sound_probes = sound
    return sound_lessons, sound_probes, faults + leaks(sound_lessons, sound_probes, probes, reader)


def leaks(
    lessons: Sequence[Placed], probes: Sequence[Placed], path: Path, reader: LineReader | None = None
) -> list[str]:
    """The probes in `path` that share their context with a lesson, one line each."""
    lesson_of = _shared(lessons, probes, lambda line: words_read(line.context, line.decision))
    if reader is not None:
        lesson_of = _shared(lessons, probes, reader.tokens) | lesson_of
    message = "shares its context with line {} of the lessons; probes need contexts that no lesson holds"
    return [f"{path}:{number}: {message.format(lesson_of[number])}" for number in sorted(lesson_of)][:MOST_FAULTS]


def _shared(
    lessons: Sequence[Placed], probes: Sequence[Placed], reads: Callable[[Line], ContextAndRun]
) -> dict[int, int]:
    readings = [[(placed.number, reads(placed.line)) for placed in lines] for lines in (lessons, probes)]
    return shared_contexts(*readings)


def read_pair(lessons: Path, probes: Path, reader: LineReader | None = None) -> tuple[list[Placed], list[Placed]]:
    """The lines of a file of lessons and of one of probes. Raises BehaviourError with every fault (`examine`)."""
    sound_lessons, sound_probes, faults = examine(lessons, probes, reader)
    if faults:
        raise BehaviourError(faults)
    return sound_lessons, sound_probes
