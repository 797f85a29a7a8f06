"""Prompts of one's own for a circuit, one JSON object a line (docs/circuits.md). Each fault names file and line."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from common import json_lines
from common.files import parse_json
from common.json_lines import half_surrogate
from perception.model import Model
from training.precedents.prompts import answer, check_length, check_tokens, encode
from training.precedents.tasks import Line

LARGEST, LONGEST, MOST = 64 * 2**20, 2**17, 50_000  # bytes of a file, bytes of a line, lines
PAGE = "docs/circuits.md"
Words = Annotated[str, Meta(min_length=1, max_length=16_384)]
Name = Annotated[str, Meta(min_length=1, max_length=256)]


class Written(Struct, frozen=True, forbid_unknown_fields=True):
    """A line of a file. other: what the answer competes with, one or several. template: lines that share a mean."""

    prompt: Words
    answer: Name
    other: Name | Annotated[tuple[Name, ...], Meta(min_length=1, max_length=256)]
    corrupted: Annotated[tuple[Words, ...], Meta(max_length=256)] = ()
    template: Annotated[str, Meta(max_length=256)] = ""

    @property
    def others(self) -> tuple[str, ...]:
        return (self.other,) if isinstance(self.other, str) else self.other


def parse_line(text: str, where: str) -> Written:
    """One line of a file. Raises ValueError in one line that begins with `where`."""
    try:
        line = msgspec.convert(parse_json(text, where), Written)
        texts = (line.prompt, line.answer, *line.others, *line.corrupted)
        if any(not part.strip() for part in texts):
            raise ValueError("a text is blank; write something")
        if any(map(half_surrogate, (*texts, line.template))):
            raise ValueError("a text holds half a surrogate pair, which no tokenizer reads; write the whole character")
        if line.answer.strip() in [other.strip() for other in line.others]:
            raise ValueError(f"its answer {line.answer.strip()!r} is among the others; give another")
    except (msgspec.ValidationError, ValueError) as error:
        words = " ".join(str(error).removeprefix(f"{where}: ").split())
        raise ValueError(f"{where}: {words}; {PAGE} says what a line holds") from error
    return line


def read_written(path: Path, most: int = MOST) -> list[tuple[int, Written]]:
    """The first lines of a file with their numbers; blank ones are skipped.

    Raises ValueError, with the file and the line, for the first bad line, and for a file that is too large or empty.
    """
    lines: list[tuple[int, Written]] = []
    for number, text, fault in json_lines.texts(path, LARGEST, LONGEST):
        where = f"{path}:{number}"
        if fault:
            raise ValueError(f"{where}: {fault}")
        if text.strip():
            lines.append((number, parse_line(text, where)))
        if len(lines) == most:
            break
    if not lines:
        raise ValueError(f"{path}: no prompt in it; {PAGE} says what a line holds")
    return lines


def file_lines(model: Model, path: Path, count: int) -> list[Line]:
    """The first `count` prompts of a file as tokens. Raises ValueError with the file and the line."""
    lines: list[Line] = []
    lengths: dict[str, int] = {}
    written = read_written(path, count)
    templates = [line.template for _, line in written if line.template]
    for number, line in written:
        try:
            tokens = _tokens(model, line, line.template or f"line {number}")
            if not tokens.corrupted and templates.count(line.template) < 2:
                raise ValueError("nothing to take a mean over; give corrupted prompts, or a template of several lines")
            if lengths.setdefault(tokens.template, len(tokens.prompt)) != len(tokens.prompt):
                raise ValueError(
                    f"it has {len(tokens.prompt)} tokens, the template {line.template!r} {lengths[tokens.template]};"
                    " name another template"
                )
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}") from error
        lines.append(tokens)
    return lines


def _tokens(model: Model, line: Written, template: str) -> Line:
    """A line as the model reads it. Raises ValueError for words without a token, and for lengths that differ."""
    prompt = tuple(encode(model.tokenizer, line.prompt.rstrip()))
    own, *others = (answer(model.tokenizer, line.prompt.rstrip(), words)[0] for words in (line.answer, *line.others))
    if own in others:
        raise ValueError(
            "its answer and another one begin with the same token; let the prompt go on to where they part"
        )
    check_length(model.net, [prompt])
    corrupted = []
    for place, text in enumerate(line.corrupted):
        corrupted.append(tuple(encode(model.tokenizer, text.rstrip())))
        if len(corrupted[-1]) != len(prompt):
            raise ValueError(
                f"its corrupted prompt {place} has {len(corrupted[-1])} tokens, the prompt {len(prompt)};"
                " make them equal"
            )
    check_tokens(model.net, [(own, *others), *corrupted])
    return Line(prompt, own, tuple(others), tuple(corrupted), template)
