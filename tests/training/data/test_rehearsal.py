"""What a novice was never taught, no lesson teaches it in passing, and no score counts."""

from random import Random

import pytest

from game.realm.rules import load
from game.realm.tongues import LORE, OMEN, WHERE, WORK
from tests.kits.minds import tiny
from training.behaviours.sight import Sight
from training.config import LearnConfig, TeachConfig
from training.data.curriculum import PARTS
from training.data.lessons import generated
from training.data.rehearsal import rehearsal
from training.teach import Teacher

RULES = load()
LESSON = generated(0, 1, "terse", RULES)[0]
WITHIN = {"folklore": (OMEN, LORE), "presences": (WORK,)}  # what an ask begins with


def asks_about(part, questions):
    """Those of the questions that are about a part of what a novice can know."""
    presences = RULES.presences if part == "presences" else ()
    return [q for q in questions if q.ask.startswith(WITHIN[part]) or (q.ask == WHERE and q.place in presences)]


@pytest.mark.parametrize("part", PARTS)
def test_what_was_untaught_is_not_rehearsed(part):
    def asked(untaught):
        rehearsed = rehearsal(Random(1), LESSON.scene.events, RULES, "terse", 400, counting=True, untaught=untaught)
        return asks_about(part, [question for question, _ in rehearsed])

    assert asked(()) and not asked(PARTS[part])


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("dreams", [True, False])
def test_an_ablated_mind_is_neither_taught_nor_scored_on_what_it_lacks(part, dreams):
    def found(untaught):
        model = tiny()
        model.net.config.untaught = list(untaught)
        behaviour = Sight(LearnConfig(lessons=4, probes=30), model, RULES)
        teacher = Teacher(model, TeachConfig(dreams=dreams, rehearse=40), RULES, behaviour.journal)
        trained = [q for scene in teacher._scenes(Random(2), 4, 40) for q, _ in scene.rehearsed]
        probed = [q for probe in behaviour.probes for q in probe.scene.questions]
        return asks_about(part, trained), asks_about(part, probed)

    assert all(found(())) and not any(found(PARTS[part]))
