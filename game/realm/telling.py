"""What the realm says about a place once it has told who is there: which traces told it, and which would have."""

import re
from collections.abc import Sequence

from game.realm.population import Population
from game.realm.rules import NOTHING

VOWEL = re.compile(r"\b([Aa]) (?=[aeiouAEIOU])")


def articled(text: str) -> str:
    """The same text with "an" where the next word begins with a vowel: "a oni" -> "an oni"."""
    return VOWEL.sub(r"\1n ", text)


def called(answer: str) -> str:
    """A species with its article, or "nobody"."""
    return "nobody" if answer == NOTHING else articled(f"a {answer}")


def verdict(world: Population, place: int, guess: str, truth: str) -> str:
    """Whether a name was right, and what told it. A name that was wrong hears what would have told it."""
    here = _traces_here(world, place, truth)
    if guess == truth:
        return f"Yes: {called(truth)}." + (f" {_listed(here).capitalize()} told it." if here else "")
    if truth == NOTHING:
        alone = " One trace of theirs alone tells nothing." if _traces_here(world, place, guess) else ""
        return f"No. Nobody is there.{alone}"
    said = f"No. {_listed(here).capitalize()}: {called(truth)}." if here else f"No. It is {called(truth)}."
    if guess == NOTHING:
        return said
    own = world.rules.spirits[world.rules.species.index(guess)].traces
    missing = [trace for trace in own if trace not in here and trace not in _sensed(world, place)]
    return (
        f"{said} {called(guess).capitalize()} shows two of its own, like {_listed(missing[:2])}." if missing else said
    )


def _sensed(world: Population, place: int) -> list[str]:
    return [thing for _, thing in world.traces.sensed[place]]


def _traces_here(world: Population, place: int, species: str) -> list[str]:
    """The traces of a species that are sensed at a place, in the order of the senses."""
    if species == NOTHING:
        return []
    own = world.rules.spirits[world.rules.species.index(species)].traces
    return [thing for thing in _sensed(world, place) if thing in own]


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
