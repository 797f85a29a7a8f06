"""What changed between two moments of what a player may know, as one message; and a digest that shows whether both ends
of a wire know the same.

apply(old, difference(old, new)) makes `old` equal to `new`. Bodies that only moved are sent as (number, dx, dy, looks)
in one flat list of whole numbers: positions are most of what is sent.
"""

import hashlib
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from game.realm.seen import Seen, SeenBody, SeenErrand, SeenFind, SeenPage, SeenSelf, SeenSky, Sensed, Whole, Word

FACINGS = "nesw"
WALKS = len(FACINGS)  # added to the number of a facing while somebody walks
MOVED = 4  # numbers for each body that moved
MOST = 4096  # entries of one part of a message
K = TypeVar("K")
V = TypeVar("V")
Number = Annotated[int, Meta(ge=0, le=2**32)]
Numbers = Annotated[list[Number], Meta(max_length=MOST)]
SHORT = {
    "tick": "t", "sky": "s", "you": "y", "counts": "c", "bodies": "b", "moved": "m", "left": "l", "sensed": "p",
    "unsensed": "u", "errands": "e", "pages": "g", "finds": "f", "names": "n", "unnamed": "v",
}  # fmt: skip


class Difference(Struct, omit_defaults=True, rename=SHORT):
    """Fields as in Seen, with what is new or other; left out is what stayed. left: bodies that left sight; unsensed,
    unnamed: places and names that did."""

    tick: Whole
    sky: SeenSky | None = None
    you: SeenSelf | None = None
    counts: tuple[Whole, Whole, Whole, Whole] | None = None
    bodies: Annotated[dict[Number, SeenBody], Meta(max_length=MOST)] = {}
    moved: Annotated[list[Whole], Meta(max_length=MOVED * MOST)] = []
    left: Numbers = []
    sensed: Annotated[dict[Number, Sensed], Meta(max_length=MOST)] = {}
    unsensed: Numbers = []
    errands: Annotated[dict[Word, SeenErrand], Meta(max_length=MOST)] = {}
    pages: Annotated[dict[Word, SeenPage], Meta(max_length=MOST)] = {}
    finds: Annotated[dict[Number, SeenFind], Meta(max_length=MOST)] = {}
    names: Annotated[dict[Number, Word], Meta(max_length=MOST)] = {}
    unnamed: Numbers = []


def difference(old: Seen, new: Seen) -> Difference:
    """What makes `new` of `old`. Errands, pages and finds only come and change; they never go."""
    bodies: dict[int, SeenBody] = {}
    moved: list[int] = []
    known = old.bodies
    for number, body in new.bodies.items():
        before = known.get(number)
        if before is body or before == body:
            continue
        if before is None or before.kind != body.kind:
            bodies[number] = body
        else:
            looks = FACINGS.index(body.facing) + WALKS * body.moving
            moved += (number, body.x - before.x, body.y - before.y, looks)
    return Difference(
        new.tick,
        new.sky if new.sky != old.sky else None,
        new.you if new.you != old.you else None,
        new.counts if new.counts != old.counts else None,
        bodies,
        moved,
        _gone(known, new.bodies),
        _changed(old.sensed, new.sensed),
        _gone(old.sensed, new.sensed),
        _changed(old.errands, new.errands),
        _changed(old.pages, new.pages),
        _changed(old.finds, new.finds),
        _changed(old.names, new.names),
        _gone(old.names, new.names),
    )


def _changed(old: dict[K, V], new: dict[K, V]) -> dict[K, V]:
    return {key: value for key, value in new.items() if old.get(key) != value} if old is not new else {}


def _gone(old: dict[K, V], new: dict[K, V]) -> list[K]:
    return [key for key in old if key not in new] if old is not new else []


def apply(seen: Seen, change: Difference) -> None:
    """Changes what is known as a message says. Raises ValueError for a message about bodies that aren't known; then
    some of it has been applied."""
    seen.tick = change.tick
    seen.sky = change.sky or seen.sky
    seen.you = change.you or seen.you
    seen.counts = change.counts or seen.counts
    for number in change.left:
        seen.bodies.pop(number, None)
    seen.bodies.update(change.bodies)
    if len(change.moved) % MOVED:
        raise ValueError(f"moved: {len(change.moved)} numbers, no whole bodies")
    numbers = iter(change.moved)
    for number, dx, dy, looks in zip(numbers, numbers, numbers, numbers, strict=True):
        before = seen.bodies.get(number)
        if before is None or not 0 <= looks < 2 * WALKS:
            raise ValueError(f"moved: body {number} isn't known, or looks like nobody")
        facing, moving = FACINGS[looks % WALKS], looks >= WALKS
        seen.bodies[number] = SeenBody(before.kind, before.x + dx, before.y + dy, facing, moving)
    for place in change.unsensed:
        seen.sensed.pop(place, None)
    seen.sensed.update(change.sensed)
    seen.errands.update(change.errands)
    seen.pages.update(change.pages)
    seen.finds.update(change.finds)
    for number in change.unnamed:
        seen.names.pop(number, None)
    seen.names.update(change.names)


def digest(seen: Seen) -> bytes:
    """8 bytes of all that is known, the same on every machine."""
    parts = (seen.bodies, seen.sensed, seen.errands, seen.pages, seen.finds, seen.names)
    whole = (seen.tick, seen.sky, seen.you, seen.counts, *(sorted(part.items()) for part in parts))
    return hashlib.blake2b(msgspec.msgpack.encode(whole), digest_size=8).digest()
