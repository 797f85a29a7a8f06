"""The rules of the realm: assets/realm.toml read, checked, and frozen.

Every error is one line that names the file and the key: `realm.toml spirit.kitsune.haer: unknown key; did you
mean hear?`
"""

import difflib
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

REALM_TOML = Path(__file__).resolve().parents[2] / "assets" / "realm.toml"
NOTHING = "nothing"  # the answer where nobody is
NONE = "none"  # the answer where a sense tells nothing
LARGEST_FILE = 1_000_000  # bytes; a rules file is a few kB

# What each table must hold; a tuple means "this type, this many", "*" stands for any key of the same kind.
SHAPE: dict[str, Any] = {
    "time": {"ticks_per_second": int, "seconds_per_hour": int, "start_hour": float, "phases": {"*": int}},
    "weather": {"*": float},
    "senses": {"*": list},
    "traces": {"ambient": float, "strays": list, "change": float, "shown": list},
    "spirits": {"each": int, "stay": list, "away": list, "unfavoured": float},
    "spirit": {"*": {"hear": str, "feel": str, "glimpse": str, "track": str, "hours": list, "weathers": list}},
    "folk": {"each": int, "stay": list},
    "presence": {"*": {"hear": str, "feel": str, "glimpse": str, "track": str}},
    "places": {"village": list, "forest": list, "river": list, "shrine": list, "crossing": list},
    "scene": {"sight": int, "fewest": int, "most": int},
    "directions": {"names": list},
    "seer": {"name": str, "empties": int},
}
RANGES = (
    (("time", "ticks_per_second"), 1, 1000),
    (("time", "seconds_per_hour"), 1, 3600),
    (("time", "start_hour"), 0, 23.999),
    (("traces", "ambient"), 0, 1),
    (("traces", "change"), 0, 1),
    (("spirits", "each"), 1, 12),
    (("spirits", "unfavoured"), 0, 1),
    (("folk", "each"), 1, 6),
    (("scene", "sight"), 4, 64),
    (("seer", "empties"), 1, 7),
)


class RulesError(ValueError):
    """A rules file that cannot be used: one line, where, what, how to mend it."""


@dataclass(frozen=True)
class Kind:
    """Somebody who can be at a place: a spirit species or a mundane presence. One trace per sense."""

    name: str
    traces: tuple[str, ...]  # in the order of Rules.senses
    hours: tuple[str, ...] = ()
    weathers: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)  # compared and hashed as itself
class Rules:
    """realm.toml, frozen. Durations in seconds of play, chances in [0, 1]."""

    ticks_per_second: int
    seconds_per_hour: int
    start_hour: float
    phases: tuple[tuple[str, int], ...]
    weather: tuple[tuple[str, float], ...]
    senses: tuple[str, ...]
    ordinary: tuple[tuple[str, ...], ...]  # ordinary things, per sense
    ambient: float
    strays: tuple[float, ...]
    change: float
    shown: tuple[float, ...]
    spirits_each: int
    spirit_stay: tuple[int, int]
    spirit_away: tuple[int, int]
    unfavoured: float
    spirits: tuple[Kind, ...]
    folk_each: int
    folk_stay: tuple[int, int]
    folk: tuple[Kind, ...]
    places: tuple[tuple[str, tuple[str, ...]], ...]
    sight: int
    fewest: int
    most: int
    directions: tuple[str, ...]
    seer_name: str
    seer_empties: int

    @property
    def species(self) -> tuple[str, ...]:
        return tuple(kind.name for kind in self.spirits)

    @property
    def presences(self) -> tuple[str, ...]:
        return tuple(kind.name for kind in self.folk)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Spirits first, then folk: a trace's owner has one index into this."""
        return self.spirits + self.folk

    def omens(self) -> dict[str, str]:
        """trace -> who it is an omen of (folklore)."""
        return {trace: kind.name for kind in self.kinds for trace in kind.traces}


def _check(value: Any, shape: Any, where: str) -> None:
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
            _check(item, shape.get(key, shape.get("*")), f"{where}.{key}" if not where.endswith(" ") else where + key)
    elif shape is float and isinstance(value, int) and not isinstance(value, bool):
        return
    elif not isinstance(value, shape) or isinstance(value, bool):
        raise RulesError(f"{where}: must be {shape.__name__}, is {type(value).__name__}")


def _known(words: list[str], known: tuple[str, ...], where: str) -> tuple[str, ...]:
    for word in words:
        if word not in known:
            near = difflib.get_close_matches(str(word), known, 1)
            raise RulesError(
                f"{where}: unknown word {word!r}; "
                + (f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}")
            )
    return tuple(words)


def _chances(values: list[Any], count: int, where: str) -> tuple[float, ...]:
    if len(values) != count or not all(isinstance(v, int | float) and v >= 0 for v in values):
        raise RulesError(f"{where}: must be {count} chances of at least 0")
    if abs(sum(values) - 1) > 1e-6:
        raise RulesError(f"{where}: chances must sum to 1, they sum to {sum(values):g}")
    return tuple(float(v) for v in values)


def _span(values: list[Any], where: str) -> tuple[int, int]:
    if len(values) != 2 or not all(isinstance(v, int) and v > 0 for v in values) or values[0] > values[1]:
        raise RulesError(f"{where}: must be [shortest, longest] in whole seconds")
    return values[0], values[1]


def _kinds(table: dict[str, Any], senses: tuple[str, ...], data: dict[str, Any], where: str) -> tuple[Kind, ...]:
    phases, weathers = tuple(data["time"]["phases"]), tuple(data["weather"])
    return tuple(
        Kind(
            name,
            tuple(entry[sense] for sense in senses),
            _known(entry.get("hours", []), phases, f"{where}.{name}.hours"),
            _known(entry.get("weathers", []), weathers, f"{where}.{name}.weathers"),
        )
        for name, entry in table.items()
    )


def _ranges(data: dict[str, Any], file: str) -> None:
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
    if not 1 <= data["scene"]["fewest"] <= data["scene"]["most"] <= 8:
        raise RulesError(f"{file} scene: fewest and most must satisfy 1 <= fewest <= most <= 8")


def _unique(rules: Rules, file: str) -> None:
    """One word, one meaning: a trace that two kinds share could not tell them apart."""
    seen: dict[str, str] = {}
    groups = [(kind.name, (kind.name, *kind.traces)) for kind in rules.kinds]
    groups += [(f"senses.{s}", things) for s, things in zip(rules.senses, rules.ordinary, strict=True)]
    groups += [("places", tuple(dict.fromkeys(p for _, kinds in rules.places for p in kinds)))]
    groups += [("directions", rules.directions), ("senses", rules.senses)]
    for owner, words in groups:
        for word in words:
            if not isinstance(word, str) or not word.isalpha() or not word.islower():
                raise RulesError(f"{file} {owner}: {word!r} must be one lower-case word")
            if word in seen:
                raise RulesError(f"{file} {owner}: the word {word!r} is also used by {seen[word]}; choose another")
            seen[word] = owner


def parse(data: dict[str, Any], file: str = "realm.toml") -> Rules:
    """Check a parsed rules table and freeze it. Raises RulesError."""
    _check(data, SHAPE, f"{file} ")
    _ranges(data, file)
    senses = tuple(data["senses"])
    weather = _chances(list(data["weather"].values()), len(data["weather"]), f"{file} weather")
    traces, spirits, folk, scene = data["traces"], data["spirits"], data["folk"], data["scene"]
    rules = Rules(
        ticks_per_second=data["time"]["ticks_per_second"],
        seconds_per_hour=data["time"]["seconds_per_hour"],
        start_hour=float(data["time"]["start_hour"]),
        phases=tuple(sorted(data["time"]["phases"].items(), key=lambda item: item[1])),
        weather=tuple(zip(data["weather"], weather, strict=True)),
        senses=senses,
        ordinary=tuple(tuple(things) for things in data["senses"].values()),
        ambient=float(traces["ambient"]),
        strays=_chances(traces["strays"], 4, f"{file} traces.strays"),
        change=float(traces["change"]),
        shown=_chances(traces["shown"], 2, f"{file} traces.shown"),
        spirits_each=spirits["each"],
        spirit_stay=_span(spirits["stay"], f"{file} spirits.stay"),
        spirit_away=_span(spirits["away"], f"{file} spirits.away"),
        unfavoured=float(spirits["unfavoured"]),
        spirits=_kinds(data["spirit"], senses, data, f"{file} spirit"),
        folk_each=folk["each"],
        folk_stay=_span(folk["stay"], f"{file} folk.stay"),
        folk=_kinds(data["presence"], senses, data, f"{file} presence"),
        places=tuple((region, tuple(kinds)) for region, kinds in data["places"].items()),
        sight=scene["sight"],
        fewest=scene["fewest"],
        most=scene["most"],
        directions=tuple(data["directions"]["names"]),
        seer_name=data["seer"]["name"],
        seer_empties=data["seer"]["empties"],
    )
    _unique(rules, file)
    return rules


@lru_cache(maxsize=8)
def load(path: Path = REALM_TOML) -> Rules:
    """Read a rules file. Raises RulesError with the file, the key and the remedy."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise RulesError(f"{path}: larger than {LARGEST_FILE} bytes; a rules file is a few kB")
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RulesError(f"{path}: cannot be read ({error.strerror}); restore it from the repository") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RulesError(f"{path}: not TOML: {error}") from error
    return parse(data, path.name)
