"""The rules of the realm: assets/realm.toml read, checked, and frozen.

Every error is one line that names the file and the key: `realm.toml spirit.kitsune.haer: unknown key; did you
mean hear?`
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from common.assets import ASSETS
from game.realm.rulecheck import (
    MOST_KINDS,
    PLACES_IN_A_ROOM,
    REGIONS,
    ROOM,
    SHAPE,
    between,
    chances,
    known,
    ranges,
    span,
    template,
    unique,
)
from game.realm.tables import RulesError, check, read_toml

REALM_TOML = ASSETS / "realm.toml"
NOTHING = "nothing"  # the answer where nobody is
NONE = "none"  # the answer where a sense tells nothing


@dataclass(frozen=True)
class Kind:
    """Somebody who can be at a place: a spirit species or a mundane presence. One trace per sense."""

    name: str
    traces: tuple[str, ...]  # in the order of Rules.senses
    two: float  # chance to show two traces, and not three
    hours: tuple[str, ...] = ()
    weathers: tuple[str, ...] = ()
    haunts: tuple[str, ...] = ()  # regions, or "room"
    subtle: float = 0.0  # 0 plain .. 1 hardest to sense
    stay: tuple[int, int] = (1, 1)  # seconds, of a spirit
    away: tuple[int, int] = (1, 1)


@dataclass(frozen=True)
class Living:
    """How a realm lives while it is played (play_rules.py). village: tiles from the start that it reaches; crowd: share
    of a region's places that may be haunted; early, unsuited: chance of a visit out of a species' hours, and in its
    hours in other weather than its own; spell: hours that the weather lasts, at least and at most; withheld: hours from
    the beginning in which each species doesn't show one pair of its senses; indoors: phases and weathers in which
    people who have a house are in it; housed: the presences that may have one."""

    village: int
    crowd: float
    early: float
    unsuited: float
    spell: tuple[int, int]
    withheld: int
    indoors: tuple[str, ...]
    housed: tuple[str, ...]


@dataclass(frozen=True)
class SeerRule:
    """Somebody born seeing. points: a template of {direction}, {place}, {species}."""

    key: str
    name: str
    figure: str
    home: str
    knows: tuple[str, ...]
    points: str


@dataclass(frozen=True, eq=False)  # compared and hashed as itself
class Rules:
    """realm.toml, frozen. Durations in seconds of play, chances in [0, 1]. living: None but in play."""

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
    spirits_each: int
    unfavoured: float
    homing: float
    spirits: tuple[Kind, ...]  # plainest first
    folk_each: int
    folk_stay: tuple[int, int]
    folk: tuple[Kind, ...]
    places: tuple[tuple[str, tuple[str, ...]], ...]  # by region, by `crossing`, and all of the rooms' by `room`
    rooms: tuple[tuple[str, tuple[str, ...]], ...]
    floods: tuple[str, ...]  # weathers
    rise: int
    sight: int
    fewest: int
    most: int
    indoors: float  # share of sampled scenes that lie in a room
    directions: tuple[str, ...]
    seers: tuple[SeerRule, ...]  # the first one follows the player
    seer_empties: int
    living: Living | None = None

    @property
    def seer_name(self) -> str:
        """The name of the seer who follows the player."""
        return self.seers[0].name

    @cached_property
    def species(self) -> tuple[str, ...]:
        return tuple(kind.name for kind in self.spirits)

    @cached_property
    def presences(self) -> tuple[str, ...]:
        return tuple(kind.name for kind in self.folk)

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """Spirits first, then folk: a trace's owner has one index into this."""
        return self.spirits + self.folk

    def omens(self) -> dict[str, str]:
        """trace -> who it is an omen of (folklore)."""
        return {trace: kind.name for kind in self.kinds for trace in kind.traces}


def _folk(data: dict[str, Any], senses: tuple[str, ...], file: str) -> tuple[Kind, ...]:
    two, _ = chances(data["traces"]["shown"], 2, f"{file} traces.shown")
    return tuple(Kind(name, tuple(signs[sense] for sense in senses), two) for name, signs in data["presence"].items())


def _seers(data: dict[str, Any], file: str) -> tuple[SeerRule, ...]:
    """Those born seeing; at least one."""
    seers = []
    for key, entry in data["seer"].items():
        where = f"{file} seer.{key}"
        home = known([entry["home"]], REGIONS, f"{where}.home")[0]
        knows = known(entry["knows"], tuple(data["spirit"]), f"{where}.knows")
        points = template(entry["points"], ("direction", "place", "species"), f"{where}.points")
        seers.append(SeerRule(key, entry["name"], entry["figure"], home, knows, points))
    if not 1 <= len(seers) <= MOST_KINDS:
        raise RulesError(f"{file} seer: nobody is a seer; give at least one, who follows the player")
    return tuple(seers)


def _spirits(data: dict[str, Any], senses: tuple[str, ...], file: str) -> tuple[Kind, ...]:
    """The species, plainest first; how long they stay and how much they show follows from how subtle they are."""
    common, phases, weathers = data["spirits"], tuple(data["time"]["phases"]), tuple(data["weather"])
    stay, away = span(common["stay"], f"{file} spirits.stay"), span(common["away"], f"{file} spirits.away")
    plain, faint = between(common["two"], 0, 1, f"{file} spirits.two")
    slow, fast = between(common["pace"], 0.1, 10, f"{file} spirits.pace")
    kinds: list[Kind] = []
    for name, entry in data["spirit"].items():
        where, subtle = f"{file} spirit.{name}", float(entry["subtle"])
        if not 0 <= subtle <= 1 or (kinds and subtle <= kinds[-1].subtle):
            raise RulesError(f"{where}.subtle: must lie between 0 and 1 and above that of the species before it")
        pace = slow + (fast - slow) * subtle
        kinds.append(
            Kind(
                name,
                tuple(entry[sense] for sense in senses),
                plain + (faint - plain) * subtle,
                known(entry["hours"], phases, f"{where}.hours"),
                known(entry["weathers"], weathers, f"{where}.weathers"),
                known(entry["haunts"], (*REGIONS, ROOM), f"{where}.haunts"),
                subtle,
                (max(1, round(stay[0] * pace)), max(1, round(stay[1] * pace))),
                (max(1, round(away[0] * pace)), max(1, round(away[1] * pace))),
            )
        )
    return tuple(kinds)


def _rooms(data: dict[str, Any], file: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    for kind, places in data["rooms"].items():
        if len(places) < PLACES_IN_A_ROOM or len(set(places)) != len(places):
            raise RulesError(f"{file} rooms.{kind}: must be at least {PLACES_IN_A_ROOM} different words")
    return tuple((kind, tuple(places)) for kind, places in data["rooms"].items())


def _places(
    data: dict[str, Any], rooms: tuple[tuple[str, tuple[str, ...]], ...]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Kinds of place by region; those of all rooms together are the region ROOM."""
    indoors = tuple(dict.fromkeys(place for _, places in rooms for place in places))
    return (*((region, tuple(kinds)) for region, kinds in data["places"].items()), (ROOM, indoors))


def _words(rules: Rules) -> list[tuple[str, tuple[str, ...]]]:
    """(owner, its words): all words that need a meaning of their own."""
    words = [(kind.name, (kind.name, *kind.traces)) for kind in rules.kinds]
    words += [(f"senses.{sense}", things) for sense, things in zip(rules.senses, rules.ordinary, strict=True)]
    words += [("places", tuple(dict.fromkeys(place for _, kinds in rules.places for place in kinds)))]
    return [*words, ("directions", rules.directions), ("senses", rules.senses)]


def parse(data: dict[str, Any], file: str = "realm.toml") -> Rules:
    """Check a parsed rules table and freeze it. Raises RulesError."""
    check(data, SHAPE, f"{file} ")
    ranges(data, file)
    senses = tuple(data["senses"])
    weather = chances(list(data["weather"].values()), len(data["weather"]), f"{file} weather")
    traces, spirits, folk, scene = data["traces"], data["spirits"], data["folk"], data["scene"]
    rooms = _rooms(data, file)
    rules = Rules(
        ticks_per_second=data["time"]["ticks_per_second"],
        seconds_per_hour=data["time"]["seconds_per_hour"],
        start_hour=float(data["time"]["start_hour"]),
        phases=tuple(sorted(data["time"]["phases"].items(), key=lambda item: item[1])),
        weather=tuple(zip(data["weather"], weather, strict=True)),
        senses=senses,
        ordinary=tuple(tuple(things) for things in data["senses"].values()),
        ambient=float(traces["ambient"]),
        strays=chances(traces["strays"], 4, f"{file} traces.strays"),
        change=float(traces["change"]),
        spirits_each=spirits["each"],
        unfavoured=float(spirits["unfavoured"]),
        homing=float(spirits["homing"]),
        spirits=_spirits(data, senses, file),
        folk_each=folk["each"],
        folk_stay=span(folk["stay"], f"{file} folk.stay"),
        folk=_folk(data, senses, file),
        places=_places(data, rooms),
        rooms=rooms,
        floods=known(data["river"]["floods"], tuple(data["weather"]), f"{file} river.floods"),
        rise=data["river"]["rise"],
        sight=scene["sight"],
        fewest=scene["fewest"],
        most=scene["most"],
        indoors=float(scene["indoors"]),
        directions=tuple(data["directions"]["names"]),
        seers=_seers(data, file),
        seer_empties=data["seers"]["empties"],
    )
    unique(_words(rules), file)
    return rules


@lru_cache(maxsize=8)
def load(path: Path = REALM_TOML) -> Rules:
    """Read a rules file. Raises RulesError with the file, the key and the remedy."""
    return parse(read_toml(path), path.name)
