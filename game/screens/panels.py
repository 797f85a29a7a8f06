"""What one pair of eyes sees of a scene, drawn over a frame: for photos and films."""

from collections.abc import Sequence
from dataclasses import replace

from game.art.frame_state import FrameState, Ghost, haunt
from game.journey.answers import Answer
from game.realm.land import Place
from game.realm.rules import NOTHING
from game.realm.scene import View
from game.realm.tongues import SENSE

FAINTEST = 0.05  # beliefs below this are not drawn


def seen(answer: Answer, view: View) -> dict[int, tuple[str, float]]:
    """Place index -> (the spirit most believed there, how much) of an answer to the view's scene."""
    spirits_seen = {}
    for (ask, place), beliefs in answer.beliefs.items():
        spirits = {word: p for word, p in beliefs.items() if word != NOTHING}
        if ask == SENSE and place in view.places and spirits:
            species = max(spirits, key=lambda word: spirits[word])
            spirits_seen[view.places[place]] = (species, spirits[species])
    return spirits_seen


def haunted(frame_state: FrameState, beliefs: dict[int, tuple[str, float]], places: Sequence[Place]) -> FrameState:
    """The same frame with these beliefs on it and no other, and nobody attending."""
    ghosts = tuple(
        Ghost(place, *haunt(places[place]), species, belief)
        for place, (species, belief) in sorted(beliefs.items())
        if belief >= FAINTEST
    )
    return replace(frame_state, ghosts=ghosts, attend=0.0)
