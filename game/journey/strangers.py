"""What Granny Ume says when the first spirit of a species comes to light: what one learned of others doesn't help."""

from collections.abc import Mapping

from game.realm.tally import Page
from game.realm.telling import called
from game.ui.words import UNSURE

MISTAKEN = "You see {seen} everywhere now. This is no {seen}: it is {who}. Learn it from the beginning."
UNSEEN = "You looked straight through it. {Who} is nothing like {known}: your eyes have to begin again."


def of_a_stranger(pages: Mapping[str, Page], species: str, seen: tuple[str, float]) -> str:
    """A line about a species that was revealed just now for the first time; empty if it wasn't the first time, or if
    nobody else is known. pages: of the tally, with this; seen: (species, belief 0..1) as it was drawn there."""
    page = pages[species]
    others = [name for name, other in pages.items() if name != species and other.known]
    sees, who = seen[0] if seen[1] >= UNSURE else "", called(species)
    if page.shown + page.touched + page.named + page.missed != 1 or not others or sees == species:
        return ""
    if sees in others:
        return MISTAKEN.format(seen=sees, who=who)
    return UNSEEN.format(Who=who[0].upper() + who[1:], known=called(others[-1]))
