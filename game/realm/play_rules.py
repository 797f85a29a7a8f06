"""The rules of play: those of realm.toml, and what assets/play.toml changes of how a realm lives.

Minds are trained on scenes from realm.toml alone, in which anybody may be met anywhere. In play each species has its
region and its hours, so that sight is learned one species after the other.
"""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from common.assets import ASSETS
from game.realm import rules as realm_rules
from game.realm.rulecheck import REGIONS, ROOM, known
from game.realm.rules import Living, Rules
from game.realm.tables import RulesError, converted, read_toml

PLAY_TOML = ASSETS / "play.toml"

Share = Annotated[float, Meta(ge=0, le=1)]
Hours = Annotated[int, Meta(ge=1, le=24)]


class Play(Struct, frozen=True, forbid_unknown_fields=True):
    """All of play.toml. hour: seconds of play; haunts, hours: by species, as in realm.toml; the rest as in
    `Living`."""

    hour: Annotated[int, Meta(ge=1, le=3600)]
    village: Annotated[int, Meta(ge=1, le=256)]
    crowd: Share
    early: Share
    unsuited: Share
    spell: tuple[Hours, Hours]
    withheld: Annotated[int, Meta(ge=0, le=10_000)]
    indoors: tuple[str, ...]
    housed: tuple[str, ...]
    haunts: dict[str, tuple[str, ...]]
    hours: dict[str, tuple[str, ...]]


def parse(data: object, rules: Rules, file: str = "play.toml") -> Rules:
    """The rules with what a parsed file changes. Raises RulesError."""
    play = converted(data, Play, file)
    if play.spell[0] > play.spell[1]:
        raise RulesError(f"{file} spell: must be [shortest, longest] in whole hours")
    phases = tuple(name for name, _ in rules.phases)
    known(list(play.indoors), (*phases, *(name for name, _ in rules.weather)), f"{file} indoors")
    known(list(play.housed), rules.presences, f"{file} housed")
    for table, choice in (("haunts", (*REGIONS, ROOM)), ("hours", phases)):
        named = getattr(play, table)
        known(list(named), rules.species, f"{file} {table}")
        for name in rules.species:
            if not named.get(name):
                raise RulesError(f"{file} {table}.{name}: missing; every species needs at least one")
            known(list(named[name]), choice, f"{file} {table}.{name}")
    spirits = tuple(replace(kind, haunts=play.haunts[kind.name], hours=play.hours[kind.name]) for kind in rules.spirits)
    chances = play.village, play.crowd, play.early, play.unsuited
    living = Living(*chances, play.spell, play.withheld, play.indoors, play.housed)
    return replace(rules, seconds_per_hour=play.hour, homing=1.0, spirits=spirits, living=living)


@lru_cache(maxsize=8)
def load(path: Path = PLAY_TOML) -> Rules:
    """The rules of play. Raises RulesError with the file, the key and the remedy."""
    return parse(read_toml(path), realm_rules.load(), path.name)
