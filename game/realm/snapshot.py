"""A running realm as bytes, and back: exact, whatever goes on in it.

A replay lives through all ticks again; a snapshot holds what they led to, so that it takes milliseconds however old the
realm is. It is one msgpack map {format, version, check, body}. check: a digest of the body, which shows damage. body:
a msgpack map of all that `generate` and the rules don't say: clock, random streams, places, everybody, errands.
"""

import hashlib
import struct
from collections.abc import Iterable
from functools import lru_cache
from random import Random
from typing import Any

import msgpack

from common.numbers import SEED_MAX
from game.realm.actors import Folk, Seer
from game.realm.player import Player
from game.realm.quests import Quests
from game.realm.replay import realm_mark, rules_marked
from game.realm.rules import Rules
from game.realm.tally import Find
from game.realm.traces import NOBODY
from game.realm.world import PLAYERS_MAX, World
from game.realm.worldgen import generate

FORMAT, VERSION = "second-sight-snapshot", 1
LARGEST = 64 * 2**20  # bytes; a realm of one player takes about 40 kB
CLOCK = ("tick", "hour", "phase", "weather", "flooded", "_water", "_turned", "arrived")
ACTOR = ("x", "y", "facing", "moving")
STROLL = ("until", "_left", "_dx", "_dy")
FOLK = (*ACTOR, *STROLL, "place", "goal", "_last", "_patience")
SEER = (*ACTOR, *STROLL)
SPIRIT = ("place", "visit", "held", "until")
FAMILIAR = (*ACTOR, "asked", "goal", "away", "swept", "until")
PLAYER = (*ACTOR, "resting", "familiar_with")
ERRAND = ("stage", "count", "wrongs", "last", "due", "still", "beside", "began", "ended")
TALLY = ("streak", "best", "guesses", "rights")
BORROWING = ("until", "spent", "lay_down")
PAGE = ("shown", "touched", "named", "missed")
PLACES = ("place", "goal", "_last", "asked", "last", "beside")  # fields that hold the index of a place, or NOBODY
STAGES = ("open", "taken", "ready", "done")
STATE = struct.Struct("<625I")  # of Python's Mersenne twister


class SnapshotError(ValueError):
    """Bytes that are no snapshot of this realm: one line, what, how to mend it."""


def snapshot(world: World) -> bytes:
    """All of a realm between two ticks. `restored` makes the same realm of it."""
    traces = world.traces
    things = ([list(own.items()) for own in part] for part in (traces._shown, traces._strays, traces._ambient))
    body = msgpack.packb(
        {
            "realm": realm_mark(world.rules),
            "seed": world.seed,
            "start_hour": world.start_hour,
            **({"secret": world.secret} if world.secret else {}),
            "clock": _get(world, _clock(world.rules)),
            "agenda": world.agenda,
            "walking": [who.number for who in world._walking],
            "places": list(zip(traces.here, *things, strict=True)),
            "seers": [_get(who, SEER) for who in world.seers],
            "folk": [_get(who, FOLK) for who in world.folk],
            "spirits": [_get(who, SPIRIT) for who in world.spirits],
            "players": [_player(player) for player in world.players],
            "quests": [_quests(quests) for quests in world.quests_of],
            "streams": [_stream(rng) for rng in _streams(world)],
        }
    )
    return bytes(msgpack.packb({"format": FORMAT, "version": VERSION, "check": _digest(body), "body": body}))


def restored(raw: bytes, rules: Rules | None = None) -> World:
    """The realm of a snapshot, which goes on as that one would have. Raises SnapshotError for other bytes, and for a
    realm of other rules than these (None: than any that this program has)."""
    body = _body(raw)
    mark = str(body.get("realm")) if isinstance(body, dict) else ""
    rules = rules if rules and realm_mark(rules) == mark else None if rules else rules_marked(mark)
    if rules is None:
        raise SnapshotError("a snapshot of a realm with other rules; use the program and the assets that wrote it")
    try:
        return _world(body, rules)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, struct.error) as error:
        raise SnapshotError(f"a snapshot that no realm made ({str(error)[:200]}); save it again") from error


def _clock(rules: Rules) -> tuple[str, ...]:
    """What belongs to the clock; how long the weather lasts, where it lasts."""
    return (*CLOCK, "spell") if rules.living else CLOCK


def _body(raw: bytes) -> Any:
    """What a snapshot holds, if its check fits."""
    if len(raw) > LARGEST:
        raise SnapshotError(f"a snapshot of {len(raw):,} bytes; at most {LARGEST:,} are read")
    try:
        whole = msgpack.unpackb(raw)
        known = isinstance(whole, dict) and whole.get("format") == FORMAT
        if known and whole.get("version") == VERSION and whole.get("check") == _digest(whole["body"]):
            return msgpack.unpackb(whole["body"], use_list=False)
    except (ValueError, TypeError, KeyError, msgpack.UnpackException) as error:
        raise SnapshotError(f"damaged, or no snapshot ({str(error)[:200]}); save it again") from error
    if known and whole.get("version") != VERSION:
        raise SnapshotError(f"a snapshot of version {str(whole.get('version'))[:20]}; this program reads {VERSION}")
    raise SnapshotError("damaged, or no snapshot; save it again")


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()


_land = lru_cache(maxsize=4)(generate)  # whoever goes back and forth in a realm needs its map again and again


def _world(body: dict[str, Any], rules: Rules) -> World:
    """A fresh realm of the seed, with everything in it put where the snapshot says."""
    seed, players = body["seed"], body["players"]
    if not (isinstance(seed, int) and 0 <= seed <= SEED_MAX and 1 <= len(players) <= PLAYERS_MAX):
        raise ValueError("seed or players out of range")
    world = World(seed, rules, body["start_hour"], _land(seed, rules), str(body.get("secret", "")))
    for _ in players[1:]:
        world.add_player()
    places = len(world.map.places)
    _put(world, _clock(rules), body["clock"], places)
    world.agenda = [(int(tick), int(number)) for tick, number in body["agenda"]]
    walkers: dict[int, Folk | Seer] = {who.number: who for who in world.folk}
    walkers |= {seer.number: seer for seer in world.seers[1:]}
    world._walking = [walkers[number] for number in body["walking"]]
    traces = world.traces
    for place, (here, *things) in enumerate(_as_many(body["places"], places)):
        traces.here[place] = here if here == NOBODY else range(len(rules.kinds))[here]
        traces._shown[place], traces._strays[place], traces._ambient[place] = map(dict, things)
        traces._update_sensed(place)
    for everybody, fields, states in (
        (world.seers, SEER, body["seers"]),
        (world.folk, FOLK, body["folk"]),
        (world.spirits, SPIRIT, body["spirits"]),
    ):
        for who, state in zip(everybody, _as_many(states, len(everybody)), strict=True):
            _put(who, fields, state, places)
    for player, state in zip(world.players, players, strict=True):
        _put_player(player, state, places)
    for quests, state in zip(world.quests_of, _as_many(body["quests"], len(players)), strict=True):
        _put_quests(quests, state, places)
    for rng, state in zip(_streams(world), body["streams"], strict=True):
        rng.setstate((3, STATE.unpack(state), None))
    return world


def _player(player: Player) -> list[Any]:
    return [
        _get(player, PLAYER),
        list(player.trail),
        [(*visit, tick) for visit, tick in player.shown.items()],
        _get(player.seer, SEER),
        _get(player.familiar, FAMILIAR),
        player.familiar._path,
    ]


def _put_player(player: Player, state: tuple[Any, ...], places: int) -> None:
    own, trail, pointed_at, seer, familiar, path = state
    _put(player, PLAYER, own, places)
    player.trail.extend((int(x), int(y), str(facing)) for x, y, facing in trail)
    player.shown.update({(int(spirit), int(visit)): int(tick) for spirit, visit, tick in pointed_at})
    _put(player.seer, SEER, seer, places)
    _put(player.familiar, FAMILIAR, familiar, places)
    player.familiar._path = [(int(x), int(y)) for x, y in path]


def _quests(quests: Quests) -> list[Any]:
    tally = quests.tally
    return [
        (quests.ended, quests.waits),
        _get(quests.borrowing, BORROWING),
        [errand.key for errand in quests._busy],
        [[_get(errand, ERRAND), errand.area, list(errand.at.items())] for errand in quests.errands.values()],
        _get(tally, TALLY),
        [[_get(page, PAGE), page.traces] for page in tally.pages.values()],
        [(find.tick, find.hour, find.place, find.species) for find in tally.finds],
        [(*visit, tick) for visit, tick in tally._given.items()],
    ]


def _put_quests(quests: Quests, state: tuple[Any, ...], places: int) -> None:
    own, borrowing, busy, errands, counts, pages, finds, revealed = state
    _put(quests, ("ended", "waits"), own, places)
    _put(quests.borrowing, BORROWING, borrowing, places)
    quests._busy = [quests.errands[key] for key in busy]
    for errand, (fields, area, at) in zip(quests.errands.values(), errands, strict=True):
        _put(errand, ERRAND, fields, places)
        if errand.stage not in STAGES:
            raise ValueError(f"stage {errand.stage!r}")
        errand.area = tuple(range(places)[place] for place in area)
        errand.at = {range(places)[place]: int(number) for place, number in at}
    tally = quests.tally
    _put(tally, TALLY, counts, places)
    for page, (fields, traces) in zip(tally.pages.values(), pages, strict=True):
        _put(page, PAGE, fields, places)
        page.traces = tuple(map(str, traces))
    tally.finds = [Find(int(tick), float(hour), int(place), str(species)) for tick, hour, place, species in finds]
    tally._given = {(int(spirit), int(visit)): int(tick) for spirit, visit, tick in revealed}


def _streams(world: World) -> list[Random]:
    """Every random stream that decides something. Folk, spirits and seers share one each."""
    shared = [world._sky, world.traces._rng, world.seer._rng, world.folk[0]._rng, world.spirits[0]._rng]
    return [*shared, *(quests._rng for quests in world.quests_of)]


def _stream(rng: Random) -> bytes:
    return STATE.pack(*rng.getstate()[1])


def _get(thing: object, fields: Iterable[str]) -> list[Any]:
    return [getattr(thing, name) for name in fields]


def _put(thing: object, fields: tuple[str, ...], values: tuple[Any, ...], places: int) -> None:
    """Sets fields to values of the types that they have now. Raises ValueError for others."""
    for name, value in zip(fields, values, strict=True):
        kind = type(getattr(thing, name))
        if type(value) is not kind and not {type(value), kind} <= {int, float}:
            raise ValueError(f"{name} must be {kind.__name__}")
        if name in PLACES and not NOBODY <= value < places:
            raise ValueError(f"{name} {value}: no place")
        setattr(thing, name, value)


def _as_many(values: tuple[Any, ...], count: int) -> tuple[Any, ...]:
    if len(values) != count:
        raise ValueError(f"{len(values)} where there are {count}")
    return values
