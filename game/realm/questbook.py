"""The errands of the realm as data: assets/quests.toml read, checked, and frozen.

Every error is one line that names the file and the key: `quests.toml quest.well.guests: unknown word 'yuri'; known:
kitsune, ...`.
"""

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from common.assets import ASSETS
from game.realm.rulecheck import REGIONS
from game.realm.rules import NOTHING, Rules
from game.realm.tables import LONGEST_TEXT, RulesError, brief, converted, read_toml

QUESTS_TOML = ASSETS / "quests.toml"
FAMILIAR = "familiar"  # the one gift that an errand may bring

Line = Annotated[str, Meta(min_length=1, max_length=LONGEST_TEXT, pattern=r"^[^\x00-\x1f\x7f]*$")]
Lines = Annotated[tuple[Line, ...], Meta(min_length=1, max_length=8)]
Word = Annotated[str, Meta(pattern="^[a-z]*$", max_length=24)]  # or nothing
Key = Annotated[str, Meta(pattern="^[a-z]+$", max_length=24)]
Count = Annotated[int, Meta(ge=1, le=12)]


class Person(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody who asks for things. region, by: the kind of landmark, or of house, that they stand beside; looks: how
    they are drawn; seer: the figure of the seer who this is, if it is one; idle: what they say otherwise."""

    name: Line
    looks: Key
    region: Key
    by: Key
    idle: Lines
    seer: Word = ""


class Plan(Struct, frozen=True, forbid_unknown_fields=True):
    """One errand. `count` times in a row one has to be right about `guests`, drawn one by one, at one of the `most`
    places nearest to the giver (or the shrine), of these regions and kinds, or of a room of these kinds.

    name: name the guest where it is; track: touch it; stay: stand still beside it for `seconds`; all: the guests are
    there all at once, to be named without a wrong one, within `seconds` if that isn't 0. hours: the phases of the day
    in which it can be begun. right: said at each step, the last line again if there are too few.
    """

    title: Line
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
    early: Annotated[str, Meta(max_length=240)] = ""
    seconds: Annotated[int, Meta(ge=0, le=600)] = 0
    gives: Literal["", "familiar"] = ""
    ends: bool = False


class Remarks(Struct, frozen=True, forbid_unknown_fields=True):
    """What people say to somebody whose hold on the ordinary slips, or is lost."""

    slipping: Lines
    lost: Lines


class Book(Struct, frozen=True, forbid_unknown_fields=True):
    """All of quests.toml; quest: in the order of the arc; lore: a few lines per species; ume: what the seer who follows
    says by herself, by the moment that calls for it."""

    people: dict[Key, Person]
    quest: dict[Key, Plan]
    lore: dict[Key, Lines]
    epilogue: Lines
    remarks: Remarks
    ume: dict[Key, Lines] = {}


def parse(data: object, rules: Rules, file: str = "quests.toml") -> Book:
    """Check a parsed file against the rules and freeze it. Raises RulesError."""
    book = converted(data, Book, file)
    _known(rules.species, tuple(book.lore), f"{file} lore")
    for name in rules.species:
        if name not in book.lore:
            raise RulesError(f"{file} lore.{name}: missing; every species needs its lines")
    for key, person in book.people.items():
        _person(person, rules, f"{file} people.{key}")
    earlier: tuple[str, ...] = ()
    for key, plan in book.quest.items():
        where = f"{file} quest.{key}"
        _known(tuple(book.people), (plan.giver,), f"{where}.giver")
        _known(earlier, plan.needs, f"{where}.needs")
        _plan(plan, rules, where)
        earlier = (*earlier, key)
    if [plan.ends for plan in book.quest.values()].count(True) != 1:
        raise RulesError(f"{file} quest: exactly one errand must have ends = true")
    _enough(book, rules, file)
    return book


def _person(person: Person, rules: Rules, where: str) -> None:
    """Where somebody stands must be a place of the realm."""
    landmarks = dict(rules.places)
    _known(REGIONS, (person.region,), f"{where}.region")
    _known((*landmarks[person.region], *(kind for kind, _ in rules.rooms)), (person.by,), f"{where}.by")
    if person.seer:
        _known(tuple(seer.figure for seer in rules.seers), (person.seer,), f"{where}.seer")


def _plan(plan: Plan, rules: Rules, where: str) -> None:
    """What an errand names must be in the realm, and it must be one that can be done."""
    landmarks = dict(rules.places)
    _known((*rules.species, NOTHING), plan.guests, f"{where}.guests")
    _known(tuple(name for name, _ in rules.phases), plan.hours, f"{where}.hours")
    _known(REGIONS, plan.regions, f"{where}.regions")
    _known(tuple(kind for kind, _ in rules.rooms), plan.rooms, f"{where}.rooms")
    around = tuple(kind for region in plan.regions or REGIONS for kind in landmarks[region])
    _known((*around, *landmarks["crossing"]), plan.kinds, f"{where}.kinds")
    if plan.task == "all" and not plan.count == len(plan.guests) <= plan.most:
        raise RulesError(f"{where}.count: must be the number of guests, and at most `most`")
    if plan.task == "stay" and not plan.seconds:
        raise RulesError(f"{where}.seconds: missing; say how long one has to stand still")
    if plan.hours and not plan.early:
        raise RulesError(f"{where}.early: missing; say what is answered at another hour")
    if (plan.task != "name" and NOTHING in plan.guests) or set(plan.guests) == {NOTHING}:
        raise RulesError(f"{where}.guests: {NOTHING} is a guest only where one names, beside others")


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
            raise RulesError(f"{where}: unknown word {brief(word)}; known: {', '.join(known) or 'none'}")


@lru_cache(maxsize=8)
def load(rules: Rules, path: Path = QUESTS_TOML) -> Book:
    """Read a file of errands. Raises RulesError with the file, the key and the remedy."""
    return parse(read_toml(path), rules, path.name)
