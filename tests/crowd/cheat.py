"""A modified client that keeps every byte: does any of it tell who is at places that it can't sense?

    python -m tests.crowd.cheat --realms 2000 --seed 0 --json

Many realms share one map. A secret that differs decides in each who haunts it. In each a client does the same things,
asks for all that the protocol lets it ask, and keeps the bytes. What it was shown (traces sensed in sight, what the
realm told of places in sight) is taken out, and checked on its own: it must be of places in sight, and true. From the
rest, and from how the bytes are written, a table of features is made. Realms are compared within groups of one sky,
since everybody may see the sky. If the bytes tell nothing, whoever haunts the unseen places could as well belong to
another realm of the group. So that is shuffled: the null. Compared is the largest mutual information of any feature
and any place, as it stands out from the shuffled ones (max-T, Westfall and Young 1993).

The test has to find leaks: servers that give away one place by one bit, each in another way.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import msgpack
import numpy as np

from game.realm.rules import Rules, load
from game.realm.senses import in_sight, who_is_at
from game.realm.terrain import TILE
from game.realm.world import World, new_world
from game.shared.guest import Guest
from game.shared.host import Host
from game.shared.interest import REACH_X
from game.shared.messages import Block, Compare, Deeds, FromPlayer, Pair, Point, Share, encode
from game.shared.shared_world import SharedWorld
from tests.crowd.features import features_of
from tests.crowd.information import Verdict, judge
from tests.kits.results import add_output, put_out
from tests.kits.sharedkit import TO_REALM
from training.progress import progress_bar

TICKS = 60
KEY = b"k" * 32
FAR = REACH_X + 20 * TILE  # px: so far from the player nobody is seen by the end either
PLACES = 40  # that are looked at
Leak = Callable[[bytes, World, int], bytes]  # a message, the realm, a place -> the message that is sent instead


@dataclass
class Haul:
    """What one client got in one realm. sky: what everybody may see of it; truth: who is at the places that are looked
    at (0 nobody, 1 or 2 a species); beyond: things shown that it may not be shown."""

    sky: tuple
    truth: list[int]
    features: dict[str, object]
    beyond: int


def script(random: Random, places: int, species: Sequence[str]) -> list[list[FromPlayer]]:
    """What the client does in each tick: it walks to and fro, and asks for all that can be asked, of any place."""
    plan: list[list[FromPlayer]] = []
    for tick in range(1, TICKS + 1):
        place = random.randrange(places)
        deed: list[Any] = random.choice(
            [
                ["ask"], ["touch", place], ["name", place, random.choice(species)], ["look"], ["call"],
                ["send", random.choice(("north", "south", "east", "west"))], ["talk", random.randrange(12)],
                ["borrow", True], ["heed", True], ["wait", False],
            ]
        )  # fmt: skip
        walk = (1, 7)[tick // 8 % 2]
        messages: list[FromPlayer] = [Deeds(tick, bytes([walk]), [(0, deed)])]
        messages += random.choice(
            [
                [],
                [Point(place, random.choice(species))],
                [Compare(random.randrange(3), True)],
                [Share([(place, random.choice(species), 100)])],
                [Block(1, bool(tick % 2))],
                [Pair(1)],
            ]
        )
        plan.append(messages)
    return plan


class Shown:
    """Tells what a client was rightly shown from the rest, message by message. beyond: how often it was shown more."""

    def __init__(self, world: World) -> None:
        self.world, self.beyond = world, 0
        self._before: dict[int, tuple[str, tuple]] = {}
        self.note()

    def note(self) -> None:
        """Call it before each tick: deeds are done in the realm as it is then."""
        sensed = self.world.traces.sensed
        self._before = {p: (who_is_at(self.world, p), sensed[p]) for _, p in in_sight(self.world)}

    def take_out(self, message: dict) -> dict:
        """The message without what was rightly shown."""
        now = {place: self.world.traces.sensed[place] for _, place in in_sight(self.world)}
        change = message.get("change", message.get("seen"))
        if isinstance(change, dict):
            self._sensed(change.pop("p", change.pop("sensed", {})), now)
        for happening in message.get("happenings", ()):
            for place, who in happening.pop("truth", ()):
                self.beyond += place not in self._before or self._before[place][0] != who
            for key in ("text", "lines"):
                happening.pop(key, None)
        if isinstance(message.get("moment"), dict):
            self._sensed(message["moment"].pop("sensed"), {p: traces for p, (_, traces) in self._before.items()})
        return message

    def _sensed(self, sensed: dict, right: dict[int, tuple]) -> None:
        """They must be what stands there, of places in sight, in the order in which places and senses always come."""
        self.beyond += list(sensed) != [place for place in right if place in sensed]
        self.beyond += sum(tuple(map(tuple, traces)) != right.get(place) for place, traces in sensed.items())


def play(rules: Rules, world: World, plan: Sequence[Sequence[FromPlayer]], far: Sequence[int], leak: Leak) -> Haul:
    """One client in one realm."""
    host, shown = Host(SharedWorld(world)), Shown(world)
    guest = host.enter("Cheat", KEY)
    other = host.enter("Other", b"o" * 32)
    sky = (world.phase, world.weather, world.flooded)
    raws: list[tuple[bytes, dict]] = _fetch(guest, shown, world, far[0], leak)
    for messages in plan:
        for message in messages:
            host.take(guest, TO_REALM.decode(TO_REALM.encode(message)))
        shown.note()
        host.tick()
        other.out.clear()
        raws += _fetch(guest, shown, world, far[0], leak)
    truth = [_number(rules, who_is_at(world, place)) for place in far]
    return Haul((*sky, world.phase, world.weather, world.flooded), truth, features_of(raws, far), shown.beyond)


def _fetch(guest: Guest, shown: Shown, world: World, place: int, leak: Leak) -> list[tuple[bytes, dict]]:
    fetched = []
    while guest.out:
        raw = leak(encode(guest.out.popleft()), world, place)
        fetched.append((raw, shown.take_out(msgpack.unpackb(raw, strict_map_key=False))))
    return fetched


def _number(rules: Rules, who: str) -> int:
    return 1 + rules.species.index(who) % 2 if who in rules.species else 0


def no_leak(raw: bytes, world: World, place: int) -> bytes:
    """The realm as it is."""
    return raw


def _haunted(world: World, place: int) -> bool:
    return who_is_at(world, place) != "nothing"


def leak_in_a_field(raw: bytes, world: World, place: int) -> bytes:
    """A field that no game reads."""
    message = msgpack.unpackb(raw, strict_map_key=False)
    if message["type"] == "update":
        message["spare"] = int(_haunted(world, place))
    return bytes(msgpack.packb(message))


def leak_in_a_low_bit(raw: bytes, world: World, place: int) -> bytes:
    """The last bit of the hour at which the realm began."""
    message = msgpack.unpackb(raw, strict_map_key=False)
    if message["type"] == "welcome":
        message["start_hour"] += 2.0**-40 * _haunted(world, place)
    return bytes(msgpack.packb(message))


def leak_in_the_order(raw: bytes, world: World, place: int) -> bytes:
    """The order in which fields are written."""
    message = msgpack.unpackb(raw, strict_map_key=False)
    if message["type"] == "welcome" and _haunted(world, place):
        message = dict(reversed(message.items()))
    return bytes(msgpack.packb(message))


def leak_in_the_length(raw: bytes, world: World, place: int) -> bytes:
    """A number written longer than it has to be; it reads the same."""
    message = msgpack.unpackb(raw, strict_map_key=False)
    if message["type"] != "update" or not _haunted(world, place):
        return raw
    return bytes([raw[0]]) + raw[1:].replace(b"\xa6update", b"\xd9\x06update", 1)


LEAKS: dict[str, Leak] = {
    "none": no_leak,
    "field": leak_in_a_field,
    "low bit": leak_in_a_low_bit,
    "order": leak_in_the_order,
    "length": leak_in_the_length,
}


def gather(
    realms: int,
    seed: int,
    leak: Leak,
    report: Callable[[str, int, int], None],
    places: int = PLACES,
    skip: int = 0,
) -> list[Haul]:
    """Plays so many realms of one map, and looks at so many of its places. skip: secrets that
    are left out."""
    rules = load()
    first = new_world(seed, rules)
    x, y = first.map.start
    random = Random(f"cheat/{seed}")
    far = [p.index for p in first.map.places if max(abs(p.x - x), abs(p.y - y)) > FAR and p.room < 0]
    far = random.sample(far, min(places, len(far)))
    plan = script(random, len(first.map.places), rules.species)
    hauls = []
    for number in range(skip, skip + realms):
        world = World(seed, rules, None, first.map, f"secret {number}")
        hauls.append(play(rules, world, plan, far, leak))
        report("realms", number + 1 - skip, realms)
    return hauls


def verdict(hauls: Sequence[Haul], permutations: int, seed: int) -> Verdict:
    """What the bytes tell of the places, held against the null."""
    truth = np.array([haul.truth for haul in hauls])
    return judge([haul.features for haul in hauls], truth, [haul.sky for haul in hauls], permutations, seed)


def main(arguments: list[str] | None = None) -> int:
    """The command line. Exit status 1 if something leaks, or a planted leak isn't found."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.crowd.cheat",
        description="Whether a client that keeps every byte learns who is at places that it can't sense.",
        epilog="example: python -m tests.crowd.cheat --realms 2000 --json",
    )
    parser.add_argument("--realms", type=int, default=1000, help="of one map (default 1000)")
    parser.add_argument("--permutations", type=int, default=200, help="of the null (default 200)")
    parser.add_argument("--seed", type=int, default=0, help="of the map, the client and the null (default 0)")
    add_output(parser)
    options = parser.parse_args(arguments)
    if options.realms < 50 or options.permutations < 20:
        parser.error("--realms: 50 or more; --permutations: 20 or more")
    result: dict[str, Any] = {"realms": options.realms, "permutations": options.permutations, "seed": options.seed}
    with progress_bar() as report:
        for name, leak in LEAKS.items():
            count = options.realms if leak is no_leak else max(50, options.realms // 4)
            hauls = gather(count, options.seed, leak, report)
            found_by = verdict(hauls, options.permutations, options.seed)
            result[name] = vars(found_by) | {"beyond": sum(haul.beyond for haul in hauls)}
    clean = result["none"]["p"] > 0.01 and not result["none"]["beyond"]
    result["clean"] = clean
    result["planted_found"] = sum(result[name]["p"] <= 0.01 for name in LEAKS if name != "none")
    lines = [f"{name}: z {result[name]['z']}, p {result[name]['p']}, {result[name]['feature']}" for name in LEAKS]
    put_out(options, result, lines)
    return 0 if clean and result["planted_found"] == len(LEAKS) - 1 else 1


if __name__ == "__main__":
    sys.exit(main())
