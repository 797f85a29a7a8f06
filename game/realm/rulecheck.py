"""What realm.toml may hold, beyond the types and sizes that tables.py checks."""

import difflib
from string import Formatter
from typing import Any

from game.realm.tables import RulesError, bounded, brief, is_word

REGIONS, ROOM = ("village", "forest", "river", "shrine"), "room"
PLACES_IN_A_ROOM = 6
STRAYS = 3  # stray traces at a place, at most, each of another kind
MOST_KINDS = 64  # species, presences, seers or weathers

# What each table must hold; "*" stands for any word as a key.
LONGEST_STAY = 86_400  # s: a day
SHAPE: dict[str, Any] = {
    "time": {"ticks_per_second": int, "seconds_per_hour": int, "start_hour": float, "phases": {"*": int}},
    "weather": {"*": float},
    "senses": {"*": [str]},
    "traces": {"ambient": float, "strays": [float], "change": float, "shown": [float]},
    "spirits": {
        "each": int,
        "stay": [int],
        "away": [int],
        "unfavoured": float,
        "homing": float,
        "two": [float],
        "pace": [float],
    },
    "spirit": {
        "*": {
            "hear": str,
            "feel": str,
            "glimpse": str,
            "track": str,
            "hours": [str],
            "weathers": [str],
            "haunts": [str],
            "subtle": float,
        }
    },
    "folk": {"each": int, "stay": [int]},
    "presence": {"*": {"hear": str, "feel": str, "glimpse": str, "track": str}},
    "places": {"village": [str], "forest": [str], "river": [str], "shrine": [str], "crossing": [str]},
    "rooms": {"house": [str], "inn": [str], "mill": [str], "hut": [str], "hall": [str]},
    "river": {"floods": [str], "rise": int},
    "scene": {"sight": int, "fewest": int, "most": int, "indoors": float},
    "directions": {"names": [str]},
    "seers": {"empties": int},
    "seer": {"*": {"name": str, "figure": str, "home": str, "knows": [str], "points": str}},
}
RANGES = (
    (("time", "ticks_per_second"), 1, 1000),
    (("time", "seconds_per_hour"), 1, 3600),
    (("time", "start_hour"), 0, 23.999),
    (("traces", "ambient"), 0, 1),
    (("traces", "change"), 0, 1),
    (("spirits", "each"), 1, 30),
    (("spirits", "unfavoured"), 0, 1),
    (("spirits", "homing"), 0, 1),
    (("folk", "each"), 1, 6),
    (("river", "rise"), 1, 3600),
    (("scene", "sight"), 4, 64),
    (("scene", "indoors"), 0, 1),
    (("seers", "empties"), 1, 7),
)


def known(words: list[str], choice: tuple[str, ...], where: str) -> tuple[str, ...]:
    """These words, all of them from a choice. Raises RulesError."""
    for word in words:
        if word not in choice:
            near = difflib.get_close_matches(word, choice, 1)
            raise RulesError(
                f"{where}: unknown word {brief(word)}; "
                + (f"did you mean {near[0]}?" if near else f"known: {', '.join(choice)}")
            )
    return tuple(words)


def chances(values: list[float], count: int, where: str) -> tuple[float, ...]:
    """So many chances that sum to 1. Raises RulesError."""
    if len(values) != count or not all(value >= 0 for value in values):
        raise RulesError(f"{where}: must be {count} chances of at least 0")
    if abs(sum(values) - 1) > 1e-6:
        raise RulesError(f"{where}: chances must sum to 1, they sum to {sum(values):g}")
    return tuple(map(float, values))


def span(values: list[int], where: str) -> tuple[int, int]:
    """[shortest, longest] in whole seconds. Raises RulesError."""
    if len(values) != 2 or not 0 < values[0] <= values[1] <= LONGEST_STAY:
        raise RulesError(f"{where}: must be [shortest, longest] in whole seconds, at most {LONGEST_STAY}")
    return values[0], values[1]


def between(values: list[float], least: float, most: float, where: str) -> tuple[float, float]:
    """[of the plainest species, of the subtlest]: two numbers from `least` to `most`."""
    if len(values) != 2:
        raise RulesError(f"{where}: must be [of the plainest, of the subtlest], two numbers")
    return bounded(values[0], least, most, where), bounded(values[1], least, most, where)


def template(text: str, holes: tuple[str, ...], where: str) -> str:
    """A text in which only these holes are to be filled in, by their bare names. Raises RulesError."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        parts = [("", "?", "", None)]
    if any(name is not None and (name not in holes or form or conversion) for _, name, form, conversion in parts):
        raise RulesError(f"{where}: only {', '.join(f'{{{hole}}}' for hole in holes)} can be filled in")
    return text


def unique(groups: list[tuple[str, tuple[str, ...]]], file: str) -> None:
    """One word, one meaning: a trace that two kinds share could not tell them apart. groups: (owner, its words)."""
    owners: dict[str, str] = {}
    for owner, words in groups:
        for word in words:
            if not is_word(word):
                raise RulesError(f"{file} {owner}: {brief(word)} must be one lower-case word")
            if word in owners:
                raise RulesError(f"{file} {owner}: the word {word!r} is also used by {owners[word]}; choose another")
            owners[word] = owner


def ranges(data: dict[str, Any], file: str) -> None:
    """Numbers and lists that would make no realm, or one that never ends. Raises RulesError."""
    for path, least, most in RANGES:
        value: Any = data
        for key in path:
            value = value[key]
        if not least <= value <= most:
            raise RulesError(f"{file} {'.'.join(path)}: must lie between {least} and {most}, is {value}")
    if tuple(data["senses"]) != ("hear", "feel", "glimpse", "track"):
        raise RulesError(f"{file} senses: must be hear, feel, glimpse, track, in this order")
    if len(data["directions"]["names"]) != 8:
        raise RulesError(f"{file} directions.names: must be eight words, clockwise from north")
    for table in ("senses", "places"):
        for name, words in data[table].items():
            if not words:
                raise RulesError(f"{file} {table}.{name}: must hold at least one word")
    for table, least in (("spirit", 1), ("presence", 1), ("weather", 1)):
        if not least <= len(data[table]) <= MOST_KINDS:
            raise RulesError(f"{file} {table}: must hold {least} to {MOST_KINDS} of them")
    if len(data["spirit"]) + len(data["presence"]) < STRAYS:
        raise RulesError(f"{file} presence: spirits and presences together must be at least {STRAYS} kinds")
    if not data["time"]["phases"]:
        raise RulesError(f"{file} time.phases: must hold at least one phase of the day")
    for phase, hour in data["time"]["phases"].items():
        bounded(hour, 0, 23, f"{file} time.phases.{phase}")
    if not 1 <= data["scene"]["fewest"] <= data["scene"]["most"] <= 8:
        raise RulesError(f"{file} scene: fewest and most must satisfy 1 <= fewest <= most <= 8")
