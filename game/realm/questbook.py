"""The errands of the realm as data: assets/quests.toml read, checked, and frozen.

Every error is one line that names the file and the key: `quests.toml quest.well.guests: unknown word 'yuri'; known:
kitsune, ...`.
"""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from game.realm.rulecheck import RulesError
from game.realm.rules import LARGEST_FILE, NOTHING, REALM_TOML, Rules

QUESTS_TOML = REALM_TOML.with_name("quests.toml")
FAMILIAR = "familiar"  # the one gift that an errand may bring

Line = Annotated[str, Meta(min_length=1, max_length=240)]
Lines = Annotated[tuple[Line, ...], Meta(min_length=1, max_length=8)]
Key = Annotated[str, Meta(pattern="^[a-z]+$", max_length=24)]
Count = Annotated[int, Meta(ge=1, le=12)]


class Person(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody who asks for things. region, by: the kind of landmark, or of house, that they stand beside; looks: how
    they are drawn; seer: the key of the seer who this is, if it is one; idle: what they say otherwise."""

    name: str
    looks: Key
    region: Key
    by: Key
    idle: Lines
    seer: str = ""


class Plan(Struct, frozen=True, forbid_unknown_fields=True):
    """One errand. `count` times in a row one has to be right about `guests`, drawn one by one, at one of the `most`
    places nearest to the giver (or the shrine), of these regions and kinds, or of a room of these kinds.

    name: name the guest where it is; track: touch it; stay: stand still beside it for `seconds`; all: the guests are
    there all at once, to be named without a wrong one, within `seconds` if that isn't 0. hours: the phases of the day
    in which it can be begun. right: said at each step, the last line again if there are too few.
    """

    title: str
    giver: Key
    task: Literal["name", "track", "stay", "all"]
    guests: Annotated[tuple[Key, ...], Meta(min_length=1, max_length=12)]
    count: Count
    most: Annotated[int, Meta(ge=1, le=32)]
    todo: Line
    offer: Lines
    right: Lines
    wrong: Line
    done: Lines
    needs: tuple[Key, ...] = ()
    near: Literal["giver", "shrine"] = "giver"
    regions: tuple[Key, ...] = ()
    kinds: tuple[Key, ...] = ()
    rooms: tuple[Key, ...] = ()
    hours: tuple[Key, ...] = ()
    early: str = ""
    seconds: Annotated[int, Meta(ge=0, le=600)] = 0
    gives: Literal["", "familiar"] = ""
    ends: bool = False


class Remarks(Struct, frozen=True, forbid_unknown_fields=True):
    """What people say to somebody whose hold on the ordinary slips, or is lost."""

    slipping: Lines
    lost: Lines


class Book(Struct, frozen=True, forbid_unknown_fields=True):
    """All of quests.toml; quest: in the order of the arc; lore: a few lines per species."""

    people: dict[Key, Person]
    quest: dict[Key, Plan]
    lore: dict[Key, Lines]
    epilogue: Lines
    remarks: Remarks


def parse(data: object, rules: Rules, file: str = "quests.toml") -> Book:
    """Check a parsed file against the rules and freeze it. Raises RulesError."""
    try:
        book = msgspec.convert(data, Book)
    except msgspec.ValidationError as error:
        fault, _, where = str(error).partition(" - at `$.")
        raise RulesError(f"{file} {where.rstrip('`') or 'top'}: {fault[:1].lower()}{fault[1:]}") from error
    _known(rules.species, tuple(book.lore), f"{file} lore")
    for name in rules.species:
        if name not in book.lore:
            raise RulesError(f"{file} lore.{name}: missing; every species needs its lines")
    phases, earlier = tuple(name for name, _ in rules.phases), tuple[str, ...]()
    for key, plan in book.quest.items():
        where = f"{file} quest.{key}"
        _known(tuple(book.people), (plan.giver,), f"{where}.giver")
        _known((*rules.species, NOTHING), plan.guests, f"{where}.guests")
        _known(earlier, plan.needs, f"{where}.needs")
        _known(phases, plan.hours, f"{where}.hours")
        if plan.task == "all" and not plan.count == len(plan.guests) <= plan.most:
            raise RulesError(f"{where}.count: must be the number of guests, and at most `most`")
        if plan.task == "stay" and not plan.seconds:
            raise RulesError(f"{where}.seconds: missing; say how long one has to stand still")
        if plan.hours and not plan.early:
            raise RulesError(f"{where}.early: missing; say what is answered at another hour")
        if (plan.task != "name" and NOTHING in plan.guests) or set(plan.guests) == {NOTHING}:
            raise RulesError(f"{where}.guests: {NOTHING} is a guest only where one names, beside others")
        earlier = (*earlier, key)
    if [plan.ends for plan in book.quest.values()].count(True) != 1:
        raise RulesError(f"{file} quest: exactly one errand must have ends = true")
    _enough(book, rules, file)
    return book


def _enough(book: Book, rules: Rules, file: str) -> None:
    """An errand must always find a spirit that no other holds, whichever of them are under way."""
    for name in rules.species:
        plans = book.quest.values()
        held = sum(plan.guests.count(name) if plan.task == "all" else name in plan.guests for plan in plans)
        if held > rules.spirits_each:
            raise RulesError(
                f"{file} quest: errands may hold {held} {name} at once, and realm.toml has {rules.spirits_each} "
                f"of each; raise spirits.each there, or ask for fewer guests"
            )


def _known(known: tuple[str, ...], words: tuple[str, ...], where: str) -> None:
    for word in words:
        if word not in known:
            raise RulesError(f"{where}: unknown word {word!r}; known: {', '.join(known) or 'none'}")


@lru_cache(maxsize=8)
def load(rules: Rules, path: Path = QUESTS_TOML) -> Book:
    """Read a file of errands. Raises RulesError with the file, the key and the remedy."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise RulesError(f"{path}: larger than {LARGEST_FILE} bytes; a file of errands is a few kB")
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RulesError(f"{path}: cannot be read ({error.strerror}); restore it from the repository") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RulesError(f"{path}: not TOML: {error}") from error
    return parse(data, rules, path.name)
