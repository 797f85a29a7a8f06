"""How to play, on one page, with the keys that are in use."""

import re
from collections.abc import Mapping

from game.app.playing import Playing
from game.screens.pages import Page

TEXT = (
    "You see what a mind believes. At first it believes in nobody.",
    "",
    "[walk] walk. Granny Ume follows you; she was born seeing.",
    "[act] ask her, talk to people, touch a landmark, rest at a shrine.",
    "[look] look: what you sense at the nearest place.",
    "[attend], held: attend. The mind practises what it was shown.",
    "[rest] rest and dream. Most is learnt in dreams.",
    "[name] name who is there. Right or wrong, it is a lesson.",
    "",
    "One sign alone tells nothing.",
    "Two signs of one guest at one place: it is there.",
    "[heads] your heads   [codex] codex   [quests] errands   [map] map",
    "[eyes] borrow a born seer's eyes, at a shrine, once a rest",
    "[photo] one moment through three pairs of eyes",
)


def lines(labels: Mapping[str, str]) -> list[str]:
    """The text with each command's key in its place."""
    return [re.sub(r"\[(\w+)\]", lambda key: f"[{labels[key[1]]}]", line) for line in TEXT]


def how_to_play(game: Playing) -> Page:
    """The page."""
    return Page(game.context, "How to play", lines(game.labels), 470)
