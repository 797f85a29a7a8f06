"""What no pretraining shows, so that it can be asked afterwards: things at places, pairs of traces, a place count.

Held-out forms of lore, stories and talk are marked in their own data (game.realm.lore, .stories, .talk).
"""

from collections.abc import Sequence
from functools import lru_cache
from zlib import crc32

from game.realm.held_out import held_pairs
from game.realm.rules import NOTHING, Rules
from perception.messages import Event

HELD_PLACES = 6  # scenes of the last stage never have so many places
HELD_OBJECTS = 12  # one in so many combinations of a thing and a direction is never asked about


@lru_cache(maxsize=65_536)
def held_object(thing: str, place: str) -> bool:
    """Whether no pretraining asks for this thing at this place (it is told of, though)."""
    return crc32(f"{thing} {place}".encode()) % HELD_OBJECTS == 0


def traces_at(events: Sequence[Event], place: str) -> list[str]:
    """What is sensed at a place."""
    return [event.thing for event in events if event.place == place]


def shown_held_pair(rules: Rules, events: Sequence[Event], place: str) -> str | None:
    """Who shows a held-out pair of traces at this place; None if nobody does."""
    there = traces_at(events, place)
    return next((kind for kind, pair in held_pairs(rules).items() if all(trace in there for trace in pair)), None)


def spirit_at(rules: Rules, events: Sequence[Event], place: str) -> str:
    """The species that shows two traces or more at this place, else "nothing": the realm's invariant."""
    there = traces_at(events, place)
    return next((kind.name for kind in rules.spirits if sum(t in there for t in kind.traces) >= 2), NOTHING)
