"""What dreams recall: spirits and empty places in a share of their own, and every species alike."""

from collections import Counter
from random import Random

import pytest
from msgspec.structs import replace

from game.realm.rules import NOTHING, load
from training.config import HAUNTED
from training.data.lessons import Journal, generated

LESSONS = generated(0, 24, "terse", load())


def journal(found=LESSONS):
    kept = Journal()
    for lesson in found:
        kept.add(lesson)
    return kept


def test_recall_balances_spirits_and_empty_places():
    kept, rng = journal(), Random(0)
    assert kept.spirits_shown < 0.25 * len(kept.memories)
    haunted = sum(kept.recall(rng).answer != NOTHING for _ in range(4000))
    assert haunted / 4000 == pytest.approx(HAUNTED, abs=0.03)
    assert {kept.recall(rng, 1.0).answer != NOTHING for _ in range(50)} == {True}
    assert {kept.recall(rng, 0.0).answer for _ in range(50)} == {NOTHING}
    only = Journal()
    only.add(replace(LESSONS[0], answers=tuple(NOTHING for _ in LESSONS[0].answers)))
    assert {only.recall(rng).answer for _ in range(20)} == {NOTHING}


def test_recall_brings_every_species_as_often_whoever_was_shown_how_often():
    kitsune = [lesson for lesson in LESSONS if set(lesson.answers) - {NOTHING} == {"kitsune"}]
    kept, rng = journal([*LESSONS, *kitsune * 6]), Random(1)
    shown = Counter(memory.answer for memory in kept.memories if memory.answer != NOTHING)
    found = Counter(kept.recall(rng, 1.0).answer for _ in range(6000))
    assert max(shown.values()) >= 2 * min(shown.values()) and set(found) == set(shown)
    assert all(count / 6000 == pytest.approx(1 / len(shown), abs=0.03) for count in found.values())
