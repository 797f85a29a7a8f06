"""What dreams recall: spirits and empty places in a share of their own, and every species alike."""

from collections import Counter
from random import Random

import pytest
from msgspec.structs import replace

from game.realm.rules import NOTHING, load
from training.config import HAUNTED
from training.data.lessons import Journal, generated

LESSONS = generated(0, 24, "terse", load())


def journal(taught=LESSONS):
    mind_journal = Journal()
    for lesson in taught:
        mind_journal.add(lesson)
    return mind_journal


def test_recall_balances_spirits_and_empty_places():
    mind_journal, rng = journal(), Random(0)
    assert mind_journal.spirits_shown < 0.25 * len(mind_journal.memories)
    haunted = sum(mind_journal.recall(rng).answer != NOTHING for _ in range(4000))
    assert haunted / 4000 == pytest.approx(HAUNTED, abs=0.03)
    assert {mind_journal.recall(rng, 1.0).answer != NOTHING for _ in range(50)} == {True}
    assert {mind_journal.recall(rng, 0.0).answer for _ in range(50)} == {NOTHING}
    only = Journal()
    only.add(replace(LESSONS[0], answers=tuple(NOTHING for _ in LESSONS[0].answers)))
    assert {only.recall(rng).answer for _ in range(20)} == {NOTHING}


def test_recall_brings_every_species_as_often_whoever_was_shown_how_often():
    kitsune = [lesson for lesson in LESSONS if set(lesson.answers) - {NOTHING} == {"kitsune"}]
    mind_journal, rng = journal([*LESSONS, *kitsune * 6]), Random(1)
    taught_counts = Counter(memory.answer for memory in mind_journal.memories if memory.answer != NOTHING)
    recalled = Counter(mind_journal.recall(rng, 1.0).answer for _ in range(6000))
    assert max(taught_counts.values()) >= 2 * min(taught_counts.values()) and set(recalled) == set(taught_counts)
    assert all(count / 6000 == pytest.approx(1 / len(taught_counts), abs=0.03) for count in recalled.values())
