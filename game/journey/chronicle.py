"""What the end of a journey tells: when and where the player first saw each spirit unaided, and how well they saw then.

These are beliefs, so they don't come back with the world's log. They are kept as a small file beside it.
"""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from game.realm.view import PlayerView
from perception.messages import Finite

MOST = 64  # entries read from a file


class Entry(Struct, frozen=True, forbid_unknown_fields=True):
    """The first time that a species was seen with nobody pointing. day: from 1; hour: 0..24; kind, region: of the
    place; d_prime: of the mind then, None if it wasn't measured; proven: a touch or a right name followed."""

    species: Annotated[str, Meta(max_length=24)]
    day: Annotated[int, Meta(ge=1, le=10**6)]
    hour: Annotated[float, Meta(ge=0, le=24)]
    kind: Annotated[str, Meta(max_length=24)]
    region: Annotated[str, Meta(max_length=24)]
    d_prime: Finite | None = None
    proven: bool = False


def day_of(world: PlayerView, tick: int) -> int:
    """Which day of a journey a tick belongs to, from 1."""
    hours = tick / (world.rules.ticks_per_second * world.rules.seconds_per_hour)
    return int((world.start_hour + hours) // 24) + 1


class Chronicle:
    """First sights in the order in which they came: one per species, the first proven one if there is any."""

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        self.entries = list(entries)

    def of(self, species: str) -> Entry | None:
        """The entry of a species."""
        return next((entry for entry in self.entries if entry.species == species), None)

    def saw(self, entry: Entry) -> bool:
        """Notes a sight. It counts if it is the first of its species, or the first that is proven."""
        known = self.of(entry.species)
        if known is not None and (known.proven or not entry.proven):
            return False
        if known is not None:
            self.entries.remove(known)
        self.entries.append(entry)
        return True

    def encode(self) -> bytes:
        """The file's content."""
        return msgspec.json.encode(self.entries)

    @classmethod
    def decode(cls, data: bytes) -> "Chronicle":
        """Reads a file's content. Raises ValueError with what is wrong, in one line."""
        try:
            entries = msgspec.json.decode(data[:1_000_000], type=list[Entry])
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ValueError(f"not a chronicle of this game: {error}") from error
        return cls(entries[:MOST])
