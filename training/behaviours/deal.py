"""The control of a behaviour from files: the same lines, their answers dealt out anew."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from statistics import fmean

from training.behaviours.lines import WANTED, BehaviourError, Line, Placed

LEAST_DEALT = 0.25  # of the wanted lines, in expectation: a control that changes less is the true training again


def dealt(path: Path, lines: Sequence[Placed], seed: int) -> list[Line]:
    """The control: answers dealt out anew among the lines that share their candidates with a wanted one.

    Raises BehaviourError where fewer wanted lines than LEAST_DEALT can expect another answer than their own.
    """
    original = [placed.line for placed in lines]
    decks: dict[tuple[str, ...], list[int]] = {}
    for number, line in enumerate(original):
        decks.setdefault(tuple(sorted(line.candidates)), []).append(number)
    decks = {key: deck for key, deck in decks.items() if any(original[number].kind == WANTED for number in deck)}
    counts = [(deck, Counter(original[number].answer for number in deck)) for deck in decks.values()]
    expected = fmean(
        1 - count[original[n].answer] / len(deck) for deck, count in counts for n in deck if original[n].kind == WANTED
    )
    if expected < LEAST_DEALT:
        share = f"of the wanted lines {expected:.0%} can expect another answer, {LEAST_DEALT:.0%} are the least"
        mend = "add other lines with the same candidates and other answers"
        raise BehaviourError([f"{path}: --shuffled would change too little: {share}; {mend}"])
    rng, mixed = Random(f"{seed}/lines/shuffled"), list(original)
    for deck in decks.values():
        for number, other in zip(deck, rng.sample(deck, len(deck)), strict=True):
            line = original[number]
            answer = original[other].answer
            mixed[number] = Line(line.context, line.decision, line.candidates, answer, line.kind, line.cue)
    return mixed
