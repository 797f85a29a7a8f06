"""How events and questions become text. A tongue is a set of templates. `terse` has one word for each thing, for the
novice; `plain` is English, for any other language model.

`{sense}`, `{place}`, `{thing}` are filled in. Questions end where the answer begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from game.realm.rules import NONE, NOTHING, Rules
from perception.messages import Event, Question

LOOK, SENSE, WORK, OMEN, LORE, COUNT, WHERE = "look", "sense", "work", "omen", "lore", "count", "where"
# look: what stands there; hear/feel/glimpse/track: what that sense tells; work: which mundane presence is there;
# omen: whose trace one senses there; lore: whose trace a word is; sense: which spirit is there; count: at how many
# places a thing is; where: at which place a thing or a mundane presence is.
TALLY = "tally"  # how many signs at a place belong together: the most that any one kind shows there
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight")
NOWHERE, SEVERAL = "nowhere", "several"  # answers to `where` besides the directions
ABOUT_WORDS = (LORE, COUNT, WHERE)  # asks whose `place` is a word, not a direction


@dataclass(frozen=True, eq=False)  # compared and hashed as itself
class Tongue:
    """Templates of one language. header takes time, weather, ground; events and asks are by sense or ask."""

    name: str
    header: str
    events: dict[str, str]
    asks: dict[str, str]
    joint: str = " "


TERSE = Tongue(
    "terse",
    "time {time} weather {weather} ground {ground} .",
    {sense: f"{sense} {{place}} {{thing}} ." for sense in (LOOK, "hear", "feel", "glimpse", "track")},
    {
        **{ask: f"? {ask} {{place}}" for ask in (LOOK, "hear", "feel", "glimpse", "track", SENSE, WORK, COUNT, WHERE)},
        **{f"{OMEN}_{sense}": f"? {OMEN}_{sense} {{place}}" for sense in ("hear", "feel", "glimpse", "track")},
        LORE: "? lore {place}",
        TALLY: "? count {place}",
    },
)

PLAIN = Tongue(
    "plain",
    "It is {time}, the weather brings {weather}, and you stand on {ground}.",
    {
        LOOK: "To the {place} stands: {thing}.",
        "hear": "From the {place} you hear: {thing}.",
        "feel": "To the {place} you feel: {thing}.",
        "glimpse": "To the {place} you glimpse: {thing}.",
        "track": "On the ground to the {place} you find: {thing}.",
    },
    {
        LOOK: "\nQuestion: What stands to the {place}?\nAnswer:",
        "hear": "\nQuestion: What do you hear from the {place}?\nAnswer:",
        "feel": "\nQuestion: What do you feel to the {place}?\nAnswer:",
        "glimpse": "\nQuestion: What do you glimpse to the {place}?\nAnswer:",
        "track": "\nQuestion: What is on the ground to the {place}?\nAnswer:",
        SENSE: "\nQuestion: Which spirit is to the {place}?\nAnswer:",
        WORK: "\nQuestion: Who or what is at work to the {place}?\nAnswer:",
        **{
            f"{OMEN}_{sense}": f"\nQuestion: Of whom is what you {verb} to the {{place}} an omen?\nAnswer:"
            for sense, verb in (("hear", "hear"), ("feel", "feel"), ("glimpse", "glimpse"), ("track", "find"))
        },
        LORE: "\nQuestion: Of whom is this an omen: {place}?\nAnswer:",
        COUNT: "\nQuestion: In how many places is this: {place}?\nAnswer:",
        TALLY: "\nQuestion: How many of the signs to the {place} belong together?\nAnswer:",
        WHERE: "\nQuestion: Where is this: {place}?\nAnswer:",
    },
)

TONGUES = {tongue.name: tongue for tongue in (TERSE, PLAIN)}


def tongue_named(name: str) -> Tongue:
    """Raises ValueError with the known names."""
    if name not in TONGUES:
        raise ValueError(f"tongue {name!r}: unknown; known: {', '.join(TONGUES)}")
    return TONGUES[name]


def tell(tongue: Tongue, header: tuple[str, str, str], events: Sequence[Event]) -> str:
    """The text of a scene: header (time, weather, ground), then every event in the order given."""
    parts = [_header(tongue, *header)]
    parts += [_event(tongue, event.sense, event.place, event.thing) for event in events]
    return tongue.joint.join(parts)


@lru_cache(maxsize=4096)
def _header(tongue: Tongue, time: str, weather: str, ground: str) -> str:
    return tongue.header.format(time=time, weather=weather, ground=ground)


@lru_cache(maxsize=65_536)
def _event(tongue: Tongue, sense: str, place: str, thing: str) -> str:
    return tongue.events[sense].format(place=place, thing=thing)


def candidates(rules: Rules, ask: str) -> tuple[str, ...]:
    """The answers that a kind of question may have."""
    if ask == SENSE:
        return (*rules.species, NOTHING)
    if ask == WORK:
        return (*rules.presences, NOTHING)
    if ask == LORE:
        return tuple(kind.name for kind in rules.kinds)
    if ask in (COUNT, TALLY):
        return NUMBERS
    if ask == WHERE:
        return (*rules.directions, NOWHERE, SEVERAL)
    if ask.startswith(OMEN):
        return (*(kind.name for kind in rules.kinds), NONE)
    if ask == LOOK:
        return (*dict.fromkeys(kind for _, kinds in rules.places for kind in kinds), NOTHING)
    sense = rules.senses.index(ask)
    return (*rules.ordinary[sense], *(kind.traces[sense] for kind in rules.kinds), NONE, NOTHING)


@lru_cache(maxsize=65_536)
def question(tongue: Tongue, rules: Rules, ask: str, place: str) -> Question:
    """One question about one place (for `lore`, `count` and `where`, about one word)."""
    return Question(ask, place, tongue.asks[ask].format(place=place), candidates(rules, ask))


def mundane_answer(rules: Rules, events: Sequence[Event], ask: str, place: str) -> str:
    """The true answer about a place, as far as the events say it. A spirit is never an answer to `work`.

    Two or more signs of one mundane presence at a place mean that it is there (the realm's invariant).
    """
    if ask in (COUNT, WHERE):
        where = places_of(rules, events, place)
        return NUMBERS[len(where)] if ask == COUNT else where[0] if len(where) == 1 else SEVERAL if where else NOWHERE
    if ask == LORE:
        return rules.omens()[place]
    sensed = {event.sense: event.thing for event in events if event.place == place}
    if ask == TALLY:
        return NUMBERS[max(sum(thing in kind.traces for thing in sensed.values()) for kind in rules.kinds)]
    if not sensed:
        return NONE if ask.startswith(OMEN) else NOTHING
    if ask == WORK:
        counts = [sum(thing in kind.traces for thing in sensed.values()) for kind in rules.folk]
        return rules.presences[counts.index(max(counts))] if max(counts) >= 2 else NOTHING
    if ask.startswith(OMEN):
        return rules.omens().get(sensed.get(ask.removeprefix(OMEN + "_"), ""), NONE)
    return sensed.get(ask, NONE)


def places_of(rules: Rules, events: Sequence[Event], word: str) -> list[str]:
    """Where a thing is sensed or stands, or a mundane presence is at work, in the order of the events."""
    if word not in rules.presences:
        return list(dict.fromkeys(event.place for event in events if event.thing == word))
    signs = rules.folk[rules.presences.index(word)].traces
    signs_at = [event.place for event in events if event.thing in signs]
    return [place for place in dict.fromkeys(signs_at) if signs_at.count(place) >= 2]
