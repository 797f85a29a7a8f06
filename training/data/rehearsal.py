"""What is rehearsed beside lessons: mundane questions, whose answers follow from a scene's events alone."""

from collections.abc import Sequence
from random import Random

from game.realm.rules import Rules
from game.realm.tongues import LOOK, SENSE, question, tongue_named
from perception.messages import Event, Question
from training.data.curriculum import FINAL, questions
from training.data.splits import spirit_at

Answered = tuple[Question, str]  # a question and its right answer


def rehearsal(
    rng: Random,
    events: Sequence[Event],
    rules: Rules,
    tongue: str,
    count: int,
    counting: bool = False,
    sees: bool | None = None,
    untaught: Sequence[str] = (),
) -> list[Answered]:
    """Mundane questions about these events, with answers that follow from the events alone.

    counting: ask how many and where, too. sees: ask for spirits, too; a mind that doesn't see them (False) answers
    "nothing", one that does names them. None: don't ask. untaught: kinds left out, Model.untaught.
    """
    senses, blind = [LOOK, *rules.senses], sees is not None
    triples = questions(rng, events, senses, FINAL, rules, count, blind, counting, untaught)
    return [
        (
            question(tongue_named(tongue), rules, ask, place),
            spirit_at(rules, events, place) if ask == SENSE and sees else answer,
        )
        for ask, place, answer in triples
    ]
