"""Facts to edit: the realm's lore, or a file of lines in the style of CounterFact (docs/edit.md).

A case holds one fact with its new answer, other wordings of the same question, and questions about other subjects whose
answers must stay. Lore is split in two: facts on which layer and settings may be chosen, and facts that are reported.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from common import json_lines
from common.files import parse_json
from common.json_lines import half_surrogate
from game.realm.lore import Fact, Lore, held_form, load_lore, neighbours, trained_forms

DEVELOPMENT = 56  # lore facts to choose settings on; the others are reported
NEAR = 10  # neighbours of a case
LARGEST, LONGEST, MOST = 64 * 2**20, 2**16, 50_000  # bytes of a file, bytes of a line, lines
PAGE = "docs/edit.md"
Asked = tuple[str, str, str]  # sentence with a hole, subject, the answer that is true of it


@dataclass(frozen=True)
class Case:
    """One fact and its new answer. held: the paraphrase that no training showed the model, if that is known.

    paraphrases: sentences, with a hole for the subject or with it in them. neighbours: of other subjects. own: other
    facts of the same subject. essence: sentences about the subject whose next word should stay. where: of a case from a
    file, its file and line.
    """

    template: str
    subject: str
    true: str
    new: str
    paraphrases: tuple[str, ...]
    neighbours: tuple[Asked, ...]
    held: str = ""
    own: tuple[Asked, ...] = ()
    essence: tuple[str, ...] = ("{}",)
    where: str = ""


def sentence(lore: Lore, relation: str, form: int) -> str:
    """A form of words with a hole."""
    return lore.forms[relation][form].replace("{subject}", "{}")


def lore_case(lore: Lore, fact: Fact, new: str) -> Case:
    """A fact of the lore to be changed to `new`, asked in the first form that it was trained in.

    Neighbours: facts of one relation, asked in their first trained form: those with the same value, then of subjects
    that share a word with this one, then others; none whose value is the new one.
    """
    rng = Random(f"{fact.number}/precedents/neighbours")
    same = neighbours(lore, fact)
    kin = [f for f in lore.facts if f.relation == fact.relation and f.subject != fact.subject and f not in same]
    rng.shuffle(kin)
    shared = set(fact.subject.split())
    kin.sort(key=lambda f: not shared & set(f.subject.split()))
    near = [f for f in (*same, *kin) if f.value != new][:NEAR]
    first = trained_forms(fact)[0]
    own = [f for f in lore.facts if f.subject == fact.subject and f.relation != fact.relation]
    return Case(
        sentence(lore, fact.relation, first),
        fact.subject,
        fact.value,
        new,
        tuple(sentence(lore, fact.relation, form) for form in range(len(lore.forms[fact.relation])) if form != first),
        tuple(_asked(lore, f) for f in near),
        sentence(lore, fact.relation, held_form(fact)),
        tuple(_asked(lore, f) for f in own),
        ("{}", *(sentence(lore, f.relation, trained_forms(f)[1]) for f in own)),
    )


def _asked(lore: Lore, fact: Fact) -> Asked:
    return sentence(lore, fact.relation, trained_forms(fact)[0]), fact.subject, fact.value


def lore_cases(seed: int = 0) -> tuple[list[Case], list[Case]]:
    """(development, reported): every fact of the lore once, with a random other answer of its relation."""
    lore = load_lore()
    rng = Random(f"{seed}/precedents/lore")
    facts = list(lore.facts)
    Random("precedents/split").shuffle(facts)  # the same halves for every seed
    cases = [lore_case(lore, f, rng.choice([v for v in lore.values[f.relation] if v != f.value])) for f in facts]
    return cases[:DEVELOPMENT], cases[DEVELOPMENT:]


Words = Annotated[str, Meta(min_length=1, max_length=4_096)]
Name = Annotated[str, Meta(min_length=1, max_length=256)]


class Target(Struct, frozen=True):
    """An answer as CounterFact writes it: {"str": ...}, beside an id that isn't read."""

    str: Name


class Line(Struct, frozen=True):
    """A line of a file. prompt: a sentence with {} where its subject stands. Other keys are not read."""

    prompt: Words
    subject: Name
    target_true: Target | Name
    target_new: Target | Name
    paraphrase_prompts: Annotated[tuple[Words, ...], Meta(max_length=256)] = ()
    neighborhood_prompts: Annotated[tuple[Words, ...], Meta(max_length=256)] = ()


def _words(target: Target | str) -> str:
    return (target.str if isinstance(target, Target) else target).strip()


def _case(line: Line) -> Case:
    """A sound line as a case. Raises ValueError for one that can't be edited."""
    true, new = _words(line.target_true), _words(line.target_new)
    texts = (line.prompt, line.subject, true, new, *line.paraphrase_prompts, *line.neighborhood_prompts)
    if any(not text.strip() for text in texts):
        raise ValueError("a text is blank; write something")
    if any(map(half_surrogate, texts)):
        raise ValueError("a text holds half a surrogate pair, which no tokenizer reads; write the whole character")
    if line.prompt.count("{}") != 1:
        raise ValueError("its prompt needs {} once, where the subject stands")
    if true == new:
        raise ValueError(f"target_new equals target_true ({true!r}); give another")
    near = tuple((text.strip(), "", true) for text in line.neighborhood_prompts)
    paraphrases = tuple(text.strip() for text in line.paraphrase_prompts)
    return Case(line.prompt.strip(), line.subject.strip(), true, new, paraphrases, near)


def parse_line(text: str, where: str) -> Case:
    """One line of a file of facts. Raises ValueError in one line that begins with `where`."""
    try:
        record: Any = parse_json(text, where)
        if isinstance(record, dict) and isinstance(record.get("requested_rewrite"), dict):
            record = record["requested_rewrite"] | {k: v for k, v in record.items() if k != "requested_rewrite"}
        return _case(msgspec.convert(record, Line))
    except (msgspec.ValidationError, ValueError) as error:
        words = " ".join(str(error).removeprefix(f"{where}: ").split())
        raise ValueError(f"{where}: {words}; {PAGE} says what a line holds") from error


def read_facts(path: Path) -> list[Case]:
    """The cases of a file, one JSON object a line; blank lines are skipped.

    Raises ValueError, with the file and the line, for the first bad line and for a file that is too large or empty.
    """
    cases: list[Case] = []
    for number, text, fault in json_lines.texts(path, LARGEST, LONGEST):
        where = f"{path}:{number}"
        if fault:
            raise ValueError(f"{where}: {fault}")
        if text.strip():
            cases.append(replace(parse_line(text, where), where=where))
        if len(cases) > MOST:
            raise ValueError(f"{where}: more than {MOST} lines; split the file")
    if not cases:
        raise ValueError(f"{path}: no fact in it; {PAGE} says what a line holds")
    return cases
