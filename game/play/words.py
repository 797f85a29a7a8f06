"""What the game says in words: what one senses at a place, and what one believes of it."""

from collections.abc import Iterable, Sequence

from perception.messages import Event

# Words that take no article. A word that isn't listed gets one, which is right for most things.
BARE = frozenset(
    ("crickets", "birdsong", "warmth", "sap", "heat", "lint", "steam", "incense", "honey", "musk", "fur", "down")
    + ("spray", "sparks", "dew", "soot", "thread", "dye", "sawdust", "clay", "wax", "smoke", "eyes", "dust", "glaze")
)
WEATHERY = frozenset(("cool", "mild", "damp", "stuffy"))
SURE, UNSURE = 0.55, 0.2  # beliefs from which a spirit is named plainly, and as a question

HELP = (
    "Arrows or WASD  walk",
    "E        ask Granny Ume, touch",
    "Q        look at what is nearest",
    "Space    attend: your heads learn",
    "R        rest and dream",
    "Tab      your heads     M  another view",
    "F2       write the head-diff log",
    "F11 F12  full screen, screenshot",
)


def article(word: str) -> str:
    """a hum, an ember, dew."""
    if word in BARE:
        return word
    return f"{'an' if word[:1] in 'aeiou' else 'a'} {word}"


def sensed(events: Iterable[Event], place: str) -> str:
    """One sentence or two: what the senses tell of a place (the Scene's word for where it lies)."""
    told = {event.sense: event.thing for event in events if event.place == place}
    kind = told.get("look", "place")
    parts = []
    if "hear" in told:
        parts.append(f"hear {article(told['hear'])}")
    if "feel" in told and told["feel"] not in WEATHERY:
        parts.append(f"feel {article(told['feel'])}")
    if "glimpse" in told:
        parts.append(f"glimpse {article(told['glimpse'])}")
    if "track" in told:
        parts.append(f"find {article(told['track'])}")
    air = f" The air is {told['feel']}." if told.get("feel") in WEATHERY else ""
    where = f"To the {place}, by the {kind}" if place else f"By the {kind}"
    if not parts:
        return f"{where}, all is still.{air}"
    return f"{where}, you {_joined(parts)}.{air}"


def whispered(events: Iterable[Event], place: str) -> str:
    """What the senses tell of a place in a few words, in the order of the senses; empty if they tell nothing."""
    told = {event.sense: event.thing for event in events if event.place == place}
    things = (told.get(sense) for sense in ("hear", "feel", "glimpse", "track"))
    return ", ".join(thing for thing in things if thing and thing not in WEATHERY)


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def believed(species: str, belief: float) -> str:
    """What one believes of a place, in words; belief in 0..1."""
    if not species or belief < UNSURE:
        return "You see nobody there."
    if belief < SURE:
        return f"Is that... {article(species)}?"
    return f"You see {article(species)}."


def percent(value: float | None) -> str:
    """0.925 -> 92.5 %; a dash for what hasn't been measured."""
    return "-" if value is None else f"{100 * value:.1f} %"


def number(value: float | None, digits: int = 2) -> str:
    """A number, or a dash."""
    return "-" if value is None else f"{value:.{digits}f}"
