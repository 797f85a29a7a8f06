"""What a rules table may hold, and the one-line errors that say where it does not."""

import difflib
from typing import Any

REGIONS, ROOM = ("village", "forest", "river", "shrine"), "room"
PLACES_IN_A_ROOM = 6  # places in a room

# What each table must hold; a tuple means "this type, this many", "*" stands for any key of the same kind.
SHAPE: dict[str, Any] = {
    "time": {"ticks_per_second": int, "seconds_per_hour": int, "start_hour": float, "phases": {"*": int}},
    "weather": {"*": float},
    "senses": {"*": list},
    "traces": {"ambient": float, "strays": list, "change": float, "shown": list},
    "spirits": {
        "each": int,
        "stay": list,
        "away": list,
        "unfavoured": float,
        "homing": float,
        "two": list,
        "pace": list,
    },
    "spirit": {
        "*": {
            "hear": str,
            "feel": str,
            "glimpse": str,
            "track": str,
            "hours": list,
            "weathers": list,
            "haunts": list,
            "subtle": float,
        }
    },
    "folk": {"each": int, "stay": list},
    "presence": {"*": {"hear": str, "feel": str, "glimpse": str, "track": str}},
    "places": {"village": list, "forest": list, "river": list, "shrine": list, "crossing": list},
    "rooms": {"house": list, "inn": list, "mill": list, "hut": list, "hall": list},
    "river": {"floods": list, "rise": int},
    "scene": {"sight": int, "fewest": int, "most": int, "indoors": float},
    "directions": {"names": list},
    "seers": {"empties": int},
    "seer": {"*": {"name": str, "figure": str, "home": str, "knows": list, "points": str}},
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


class RulesError(ValueError):
    """A rules file that cannot be used: one line, where, what, how to mend it."""


def check(value: Any, shape: Any, where: str) -> None:
    """Every key known, none missing, every value of its type. Raises RulesError."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            raise RulesError(f"{where}: must be a table")
        names = [name for name in shape if name != "*"]
        for key in value:
            if key not in shape and "*" not in shape:
                near = difflib.get_close_matches(key, names, 1)
                raise RulesError(
                    f"{where}.{key}: unknown key; "
                    + (f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}")
                )
        for name in names:
            if name not in value:
                raise RulesError(f"{where}: the key {name} is missing")
        for key, item in value.items():
            check(item, shape.get(key, shape.get("*")), f"{where}.{key}" if not where.endswith(" ") else where + key)
    elif shape is float and isinstance(value, int) and not isinstance(value, bool):
        return
    elif not isinstance(value, shape) or isinstance(value, bool):
        raise RulesError(f"{where}: must be {shape.__name__}, is {type(value).__name__}")


def known(words: list[str], choice: tuple[str, ...], where: str) -> tuple[str, ...]:
    """These words, all of them from a choice. Raises RulesError."""
    for word in words:
        if word not in choice:
            near = difflib.get_close_matches(str(word), choice, 1)
            raise RulesError(
                f"{where}: unknown word {word!r}; "
                + (f"did you mean {near[0]}?" if near else f"known: {', '.join(choice)}")
            )
    return tuple(words)


def chances(values: list[Any], count: int, where: str) -> tuple[float, ...]:
    """So many chances that sum to 1. Raises RulesError."""
    if len(values) != count or not all(isinstance(v, int | float) and v >= 0 for v in values):
        raise RulesError(f"{where}: must be {count} chances of at least 0")
    if abs(sum(values) - 1) > 1e-6:
        raise RulesError(f"{where}: chances must sum to 1, they sum to {sum(values):g}")
    return tuple(float(v) for v in values)


def span(values: list[Any], where: str) -> tuple[int, int]:
    """[shortest, longest] in whole seconds. Raises RulesError."""
    if len(values) != 2 or not all(isinstance(v, int) and v > 0 for v in values) or values[0] > values[1]:
        raise RulesError(f"{where}: must be [shortest, longest] in whole seconds")
    return values[0], values[1]


def between(values: list[Any], least: float, where: str) -> tuple[float, float]:
    """[of the plainest species, of the subtlest]: two numbers of at least `least`."""
    if len(values) != 2 or not all(isinstance(v, int | float) and v >= least for v in values):
        raise RulesError(f"{where}: must be [of the plainest, of the subtlest], two numbers of at least {least:g}")
    return float(values[0]), float(values[1])


def ranges(data: dict[str, Any], file: str) -> None:
    """Numbers that would make no realm, or one that never ends."""
    for path, least, most in RANGES:
        value = data
        for key in path:
            value = value[key]
        if not least <= value <= most:  # type: ignore[operator]
            raise RulesError(f"{file} {'.'.join(path)}: must lie between {least} and {most}, is {value}")
    if tuple(data["senses"]) != ("hear", "feel", "glimpse", "track"):
        raise RulesError(f"{file} senses: must be hear, feel, glimpse, track, in this order")
    if len(data["directions"]["names"]) != 8:
        raise RulesError(f"{file} directions.names: must be eight words, clockwise from north")
    for region, places in data["places"].items():
        if not places:
            raise RulesError(f"{file} places.{region}: must hold at least one word")
    if not 1 <= data["scene"]["fewest"] <= data["scene"]["most"] <= 8:
        raise RulesError(f"{file} scene: fewest and most must satisfy 1 <= fewest <= most <= 8")
