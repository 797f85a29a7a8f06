"""Probes that repeat a lesson's context, in whatever clothes: what counts is what a model reads, not how a line is cut.

A line is read as its context and its decision in one run. Two lines share a context if one's context begins the other's
run and reaches to the end of the other's context: a context that was cut at another place is found too. Runs are
compared as words (case, white space, composed characters, invisible marks don't count) and, where a model is known, as
its tokens.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b

Units = Sequence[str] | Sequence[int]  # words or tokens
ContextAndRun = tuple[Units, Units]  # a line's context, and its context and decision in one run
INVISIBLE = ("Cc", "Cf")  # control characters; byte order marks, joiners, soft hyphens and their like


def alike(text: str) -> str:
    """A text without what doesn't tell two scenes apart: case, white space, forms of characters, invisible marks."""
    spaced = " ".join(unicodedata.normalize("NFKC", text).split())
    seen = "".join(mark for mark in spaced if unicodedata.category(mark) not in INVISIBLE)
    return " ".join(unicodedata.normalize("NFKC", seen.casefold()).split())


def words_read(context: str, decision: str) -> ContextAndRun:
    """A line as words."""
    return alike(context).split(" "), alike(context + decision).split(" ")


class Taught:
    """The contexts of lessons, to be found by what a probe's line reads."""

    def __init__(self) -> None:
        self._contexts: dict[bytes, int] = {}
        self._beginnings: dict[bytes, int] = {}  # of runs, from the end of their context on

    def add(self, number: int, reading: ContextAndRun) -> None:
        """Remember a lesson's line by its number."""
        own, *beginnings = _digests(reading)
        self._contexts.setdefault(own, number)
        for digest in beginnings:
            self._beginnings.setdefault(digest, number)

    def shares(self, reading: ContextAndRun) -> int | None:
        """The number of a lesson whose context this line shares; None if there is none."""
        own, *beginnings = _digests(reading)
        if own in self._beginnings:
            return self._beginnings[own]
        return next((self._contexts[digest] for digest in beginnings if digest in self._contexts), None)


def _digests(reading: ContextAndRun) -> Iterator[bytes]:
    """Of the context, then of every beginning of the run that is not shorter than the context."""
    context, run = reading
    yield _digest(context)
    first = min(len(context), len(run))
    growing = blake2b(_joined(run[:first]), digest_size=16)
    yield growing.digest()
    for unit in run[first:]:
        growing.update(_joined([unit]))  # type: ignore[arg-type]
        yield growing.digest()


def _digest(units: Units) -> bytes:
    return blake2b(_joined(units), digest_size=16).digest()


def _joined(units: Units) -> bytes:
    return "".join(f"{unit}\0" for unit in units).encode("utf-8", "surrogatepass")


Numbered = Iterable[tuple[int, ContextAndRun]]


def shared_contexts(lessons: Numbered, probes: Numbered) -> dict[int, int]:
    """Probe's number -> the number of a lesson whose context it shares."""
    taught = Taught()
    for number, reading in lessons:
        taught.add(number, reading)
    matches = ((number, taught.shares(reading)) for number, reading in probes)
    return {number: lesson for number, lesson in matches if lesson is not None}
