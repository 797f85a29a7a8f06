"""What the game says in words: what the player senses at a place, and what they believe of it."""

import math
from collections.abc import Iterable, Sequence
from typing import Protocol

from perception.messages import Event

# Words that take no article. A word that isn't listed gets one, which is right for most things.
BARE = frozenset(
    ("crickets", "birdsong", "warmth", "sap", "heat", "lint", "steam", "incense", "honey", "musk", "fur", "down")
    + ("spray", "sparks", "dew", "soot", "thread", "dye", "sawdust", "clay", "wax", "smoke", "eyes", "dust", "glaze")
)
WEATHERY = frozenset(("cool", "mild", "damp", "stuffy"))
SURE, UNSURE = 0.55, 0.2  # beliefs from which a spirit is named plainly, and as a question
HERE, CLOSE, FAR = 48, 240, 640  # px: right here, a few steps, some way, and far beyond
COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def article(word: str) -> str:
    """a hum, an ember, dew."""
    if word in BARE:
        return word
    return f"{'an' if word[:1] in 'aeiou' else 'a'} {word}"


def sensed(events: Iterable[Event], place: str) -> str:
    """One sentence or two: what the senses tell of a place (the Scene's word for where it lies)."""
    things = {event.sense: event.thing for event in events if event.place == place}
    kind = things.get("look", "place")
    parts = []
    if "hear" in things:
        parts.append(f"hear {article(things['hear'])}")
    if "feel" in things and things["feel"] not in WEATHERY:
        parts.append(f"feel {article(things['feel'])}")
    if "glimpse" in things:
        parts.append(f"glimpse {article(things['glimpse'])}")
    if "track" in things:
        parts.append(f"find {article(things['track'])}")
    air = f" The air is {things['feel']}." if things.get("feel") in WEATHERY else ""
    where = f"To the {place}, by the {kind}" if place else f"By the {kind}"
    if not parts:
        return f"{where}, all is still.{air}"
    return f"{where}, you {_joined(parts)}.{air}"


def whispered(events: Iterable[Event], place: str) -> str:
    """What the senses tell of a place in a few words, in the order of the senses; empty if they tell nothing."""
    by_sense = {event.sense: event.thing for event in events if event.place == place}
    things = (by_sense.get(sense) for sense in ("hear", "feel", "glimpse", "track"))
    return ", ".join(thing for thing in things if thing and thing not in WEATHERY)


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def believed(species: str, belief: float) -> str:
    """What the player believes of a place, in words; belief in 0..1."""
    if not species or belief < UNSURE:
        return "You see nobody there."
    if belief < SURE:
        return f"Is that... {article(species)}?"
    return f"You see {article(species)}."


def bearing(dx: int, dy: int, directions: Sequence[str]) -> str:
    """Which way and how far something is, in words; dx, dy in px, directions clockwise from north."""
    far = math.hypot(dx, dy)
    if far < HERE:
        return "right here"
    direction = directions[round(math.atan2(dx, -dy) / (math.pi / 4)) % 8]
    return f"{'a few steps' if far < CLOSE else 'some way' if far < FAR else 'far'} {direction}"


def date(day: int, hour: float) -> str:
    """day 2 at 18:05."""
    return f"on day {day} at {int(hour):02d}:{int(hour % 1 * 60):02d}"


def count(number: int) -> str:
    """A small number as a word."""
    return COUNTS[number] if number < len(COUNTS) else str(number)


class Measured(Protocol):
    """How well a mind sees (fractions of 1), None where it wasn't measured."""

    @property
    def hits(self) -> float | None: ...
    @property
    def false_alarms(self) -> float | None: ...
    @property
    def mundane(self) -> float | None: ...


def counts(measured: Measured | None) -> list[str]:
    """How well one sees, in plain words and whole numbers of a hundred."""
    if measured is None or measured.hits is None:
        return ["not yet measured"]
    lines = [f"seen right {round(100 * measured.hits)} in 100"]
    if measured.false_alarms is not None:
        lines.append(f"imagined {round(100 * measured.false_alarms)} in 100")
    if measured.mundane is not None:
        lines.append(f"ordinary things {round(100 * measured.mundane)} in 100")
    return lines


def percent(value: float | None) -> str:
    """0.925 -> 92.5 %; a dash for what hasn't been measured."""
    return "-" if value is None else f"{100 * value:.1f} %"


def number(value: float | None, digits: int = 2) -> str:
    """A number, or a dash."""
    return "-" if value is None else f"{value:.{digits}f}"
