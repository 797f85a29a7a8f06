"""Seed + action log -> the same realm again; and a hash of all that a realm is.

The log is one msgpack map: {format, version, realm, seed, ticks, actions: [[tick, [action, ...]], ...], check}. realm:
the mark of the rules and generator that the actions belong to (`realm_mark`); with other rules they lead elsewhere.
check: a digest of the rest, which shows damage. Version 1 had no realm; such logs still load, but can't be replayed.
Versions 1 and 2 had no check.
"""

import dataclasses
import hashlib
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgpack
from msgspec.structs import asdict

from common.files import read_bytes, write_whole
from common.numbers import SEED_MAX
from game.realm.happenings import Action
from game.realm.play_rules import load as load_play
from game.realm.questbook import load as load_quests
from game.realm.rules import Rules
from game.realm.rules import load as load_rules
from game.realm.step import step
from game.realm.tables import brief
from game.realm.world import World, new_world

FORMAT, VERSION = "second-sight-replay", 3
CHECKED = 3  # the first version with a check
REALM_VERSION = 2  # raise it when the same seed, rules and actions make another realm than before
TICKS_MAX = 10**8 - 1  # of one log: over a month of play
LARGEST_FILE = 256 * 2**20  # bytes; an hour of walking is 1.6 MB
ACTIONS_MAX = 10**7  # ticks with one action each: at most 16 bytes a tick, so the file can be read again
SPOKEN = ("title", "todo", "offer", "right", "wrong", "done", "early")  # of an errand's plan
VERBS = {
    "move": (int, int),
    "look": (),
    "ask": (),
    "touch": (int,),
    "name": (int, str),
    "rest": (bool,),
    "send": (str,),
    "heed": (bool,),
    "call": (),
    "talk": (int,),
    "borrow": (bool,),
    "wait": (bool,),
}


class ReplayError(ValueError):
    """A replay file that cannot be used: one line, where, what, how to mend it."""


def realm_mark(rules: Rules | None = None) -> str:
    """16 hex digits of all that decides what a seed and its actions lead to: the rules, the errands, and the version
    of the generator. What is only said (names, sentences) isn't part of it."""
    return _mark(rules or load_rules())


@lru_cache(maxsize=8)
def _mark(rules: Rules) -> str:
    book = load_quests(rules)
    people = [(key, who.region, who.by, who.seer) for key, who in book.people.items()]
    errands = [(key, {k: v for k, v in asdict(plan).items() if k not in SPOKEN}) for key, plan in book.quest.items()]
    silent = tuple(replace(seer, name="", points="") for seer in rules.seers)
    settings = dataclasses.astuple(replace(rules, seers=silent))
    settings = settings if rules.living else settings[:-1]  # as before there were rules of play: old walks go on
    decisive = repr((REALM_VERSION, settings, people, errands))
    return hashlib.blake2b(decisive.encode(), digest_size=8).hexdigest()


def rules_marked(mark: str) -> Rules | None:
    """The rules of this program that have this mark: those of play, or those of realm.toml, which journeys had before
    there were rules of play. None for any others."""
    return next((rules for rules in (load_play(), load_rules()) if realm_mark(rules) == mark), None)


def state_hash(world: World) -> str:
    """16 hex digits over everything that decides the future: clock, actors, places, and every random stream."""
    digest = hashlib.blake2b(digest_size=8)
    actors = [(a.kind, a.x, a.y, a.facing, a.moving) for a in (world.familiar, *world.actors)]
    walks = [world.familiar.state(), *(seer.state() for seer in world.seers), *(who.state() for who in world.folk)]
    spirits = [(s.index, s.place, s.until, s.visit, s.held) for s in world.spirits]
    streams = [
        world._sky.getstate(),
        world.traces._rng.getstate(),
        world.seer._rng.getstate(),
        world.folk[0]._rng.getstate(),
        world.spirits[0]._rng.getstate(),
    ]
    clock = (
        world.seed,
        world.tick,
        world.phase,
        world.weather,
        world.flood,
        world.flooded,
        world.resting,
        world.familiar_with,
        tuple(world.player.trail),
        tuple(world.player.shown.items()),
        *((world.spell,) if world.rules.living else ()),
    )
    traces, errands, land = world.traces.state(), world.quests.state(), world.map
    for part in (clock, actors, walks, spirits, traces, errands, streams, land.ground, land.walkable):
        digest.update(repr(part).encode())
    for player, quests in zip(world.players[1:], world.quests_of[1:], strict=True):
        digest.update(repr((player.state(), quests.state())).encode())
    return digest.hexdigest()


class ActionLog:
    """The actions of every tick; ticks without an action take no space.

    realm: the mark of the realm that it was done in; None: that of realm.toml; empty: of before there were marks.
    """

    def __init__(self, seed: int, realm: str | None = None) -> None:
        self.seed, self.ticks = seed, 0
        self.realm = realm_mark() if realm is None else realm
        self.actions: list[tuple[int, tuple[Action, ...]]] = []

    def append(self, actions: tuple[Action, ...]) -> None:
        """Log the actions of one tick (call it once per step)."""
        if actions:
            self.actions.append((self.ticks, actions))
        self.ticks += 1

    def copy(self) -> "ActionLog":
        """The log as it is now, for a writer beside the game."""
        log = ActionLog(self.seed, self.realm)
        log.ticks, log.actions = self.ticks, list(self.actions)
        return log

    def fits(self, rules: Rules | None = None) -> bool:
        """True if a replay under these rules (None: any that this program has) leads to the same world as when it was
        written."""
        return self.realm == realm_mark(rules) if rules else rules_marked(self.realm) is not None

    def save(self, path: Path) -> None:
        """Write the log whole: temporary file, fsync, rename."""
        data = {
            "format": FORMAT,
            "version": VERSION,
            "realm": self.realm,
            "seed": self.seed,
            "ticks": self.ticks,
            "actions": self.actions,
        }
        write_whole(path, msgpack.packb(data | {"check": _check(data)}))

    @classmethod
    def load(cls, path: Path) -> "ActionLog":
        """Read a log of any version. Raises ReplayError with the file, the fault and the remedy."""
        try:
            raw = read_bytes(path, LARGEST_FILE)
        except ValueError as error:
            raise ReplayError(f"{path}: larger than {LARGEST_FILE} bytes; not a replay of this game") from error
        except OSError as error:
            raise ReplayError(f"{path}: cannot be read ({error.strerror}); give the path of a replay file") from error
        try:
            data = msgpack.unpackb(raw, use_list=False, strict_map_key=True)
        except (ValueError, msgpack.UnpackException) as error:
            raise ReplayError(f"{path}: not a whole msgpack file ({error}); record it again") from error
        log = cls(_checked(data, path), data.get("realm", ""))
        log.ticks, log.actions = data["ticks"], list(data["actions"])
        return log

    def check_fits(self, rules: Rules | None = None) -> None:
        """Raises ReplayError if the log was written under other rules."""
        if not self.fits(rules):
            raise ReplayError(
                f"a replay of seed {self.seed} from another realm ({self.realm or 'version 1'}; this program's is "
                f"{realm_mark(rules or load_play())}): the same steps would be another walk; use the program that "
                "wrote it"
            )

    def begin(self, rules: Rules | None = None) -> World:
        """The world before the first action, under the rules that the log was written under. Raises ReplayError if
        they aren't `rules`, or none that this program has."""
        self.check_fits(rules)
        return new_world(self.seed, rules or rules_marked(self.realm))

    def replay(self, rules: Rules | None = None) -> World:
        """The world after all actions. Raises ReplayError if the log was written under other rules."""
        world, queue = self.begin(rules), iter([*self.actions, (self.ticks, ())])
        due, actions = next(queue)
        for tick in range(self.ticks):
            if tick == due:
                step(world, actions)
                due, actions = next(queue)
            else:
                step(world)
        return world


def _check(data: dict[str, Any]) -> str:
    """16 hex digits over everything else in a log."""
    rest = [[name, value] for name, value in data.items() if name != "check"]
    return hashlib.blake2b(msgpack.packb(rest), digest_size=8).hexdigest()


def _whole(data: dict[str, Any]) -> bool:
    try:
        return bool(data.get("check") == _check(data))
    except ValueError:  # nested deeper than anything that was written
        return False


def _checked(data: Any, path: Path) -> int:
    """The seed of a log whose every part is as it should be."""
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ReplayError(f"{path}: not a replay of this game; give a file that --save-replay wrote")
    if not _within(data.get("version"), 1, VERSION):
        raise ReplayError(
            f"{path}: version {brief(data.get('version'))}, this program reads 1 to {VERSION}; update the program"
        )
    if (data["version"] >= CHECKED or "check" in data) and not _whole(data):
        raise ReplayError(f"{path}: damaged, its check doesn't fit what it holds; take its backup, or record it again")
    realm = data.get("realm", "" if data["version"] == 1 else None)
    if not isinstance(realm, str) or len(realm) > 64:
        raise ReplayError(f"{path}: realm: must be the mark of a realm; record it again")
    for name, most in (("seed", SEED_MAX), ("ticks", TICKS_MAX)):
        if not _within(data.get(name), 0, most):
            raise ReplayError(f"{path}: {name}: must be a whole number from 0 to {most}; record it again")
    last = -1
    if not isinstance(data.get("actions"), tuple):
        raise ReplayError(f"{path}: actions: must be a list; record it again")
    for number, entry in enumerate(data["actions"]):
        if not (isinstance(entry, tuple) and len(entry) == 2 and _within(entry[0], last + 1, data["ticks"] - 1)):
            raise ReplayError(
                f"{path}: actions[{number}]: ticks must rise and stay below {data['ticks']}; record it again"
            )
        last = entry[0]
        if not isinstance(entry[1], tuple) or not all(map(is_action, entry[1])):
            raise ReplayError(f"{path}: actions[{number}]: unknown action; known: {', '.join(VERBS)}")
    return int(data["seed"])


def _within(value: object, least: int, most: int) -> bool:
    """True of a whole number from least to most."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def is_action(action: Any) -> bool:
    """True of what a player may do in a tick."""
    if not isinstance(action, tuple) or not action or not isinstance(action[0], str) or action[0] not in VERBS:
        return False
    types = VERBS[action[0]]
    return len(action) == len(types) + 1 and all(
        isinstance(value, kind) for value, kind in zip(action[1:], types, strict=True)
    )
