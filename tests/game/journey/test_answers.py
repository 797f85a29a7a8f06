"""Questions that are waited for, borrowed eyes, rests and warnings: what Sight keeps apart from what is shown."""

from itertools import pairwise

import pytest
from msgspec.structs import replace

from game.journey import answers, mind_client
from game.journey.answers import Answer
from game.journey.learning_curve import LearningCurve
from game.journey.mind_client import MindClient
from game.realm.rules import load
from game.realm.scene import View, describe
from game.realm.tongues import LOOK, SENSE, question, tongue_named
from game.realm.world import new_world
from perception.messages import (
    Export,
    HeadActivity,
    Perceive,
    Percept,
    Progress,
    RestorePoint,
    Rewind,
    Scene,
    Trouble,
    Weigh,
)
from tests.kits.stub_mind import StubMind, blind, everywhere

RULES = load()


@pytest.fixture(scope="module")
def view() -> View:
    return describe(new_world(0))


def listening(mind: StubMind) -> MindClient:
    made = MindClient(mind)
    made.hear()
    return made


def other(view: View) -> Scene:
    """The same text and id, other questions: as a talk or a second look would be."""
    tongue, place = tongue_named("terse"), view.scene.questions[0].place
    asks = (question(tongue, RULES, LOOK, place), question(tongue, RULES, SENSE, place))
    return replace(view.scene, questions=asks)


def test_an_inquiry_is_answered_once_and_touches_nothing_that_is_shown(view: View) -> None:
    mind = StubMind(everywhere("oni", 0.75))
    made = listening(mind)
    made.ask(view, 0.0)
    made.hear()
    aim, heads = dict(made.aim), made.heads
    mind.believe = everywhere("tengu", 0.9)
    ticket = made.inquire(other(view))
    assert made.awaited(ticket)
    assert made.answered(ticket) is None
    made.hear()
    assert (made.aim, made.heads) == (aim, heads)
    answer = made.answered(ticket)
    assert isinstance(answer, Answer)
    assert answer.best(SENSE, view.scene.questions[0].place) == "tengu"
    assert answer.best(SENSE, "nowhere") == ""
    assert sum(answer.beliefs[(LOOK, view.scene.questions[0].place)].values()) == pytest.approx(1)
    assert made.answered(ticket) is None
    assert not made.awaited(ticket)


def test_a_glance_under_way_and_inquiries_do_not_take_each_others_answers(view: View) -> None:
    mind = StubMind(everywhere("oni", 0.75), delay=2)
    made = listening(mind)
    tickets = [made.inquire(other(view)) for _ in range(2)]
    made.ask(view, 0.0)
    for _ in range(4):
        made.hear()
    assert len(made.aim) == len(view.places)
    assert all(made.answered(ticket) is not None for ticket in tickets)
    assert len(set(tickets)) == 2


def test_nobody_there_cannot_be_asked_and_what_a_dead_mind_owed_is_lost(view: View) -> None:
    assert MindClient(StubMind(state="waking")).inquire(view.scene) == 0
    mind = StubMind(delay=5)
    made = listening(mind)
    ticket = made.inquire(view.scene)
    mind.state = "restarting"
    made.hear()
    assert not made.awaited(ticket)


def test_an_answer_that_takes_too_long_is_lost_and_does_not_come_back(view: View) -> None:
    mind = StubMind(delay=3)
    made = listening(mind)
    ticket = made.inquire(view.scene)
    made.settle(answers.PATIENCE + 1)
    assert not made.awaited(ticket)
    for _ in range(5):
        made.hear()
    assert made.answered(ticket) is None


def test_open_tickets_and_unfetched_answers_are_bounded(view: View) -> None:
    made = listening(StubMind(delay=10**6))
    tickets = [made.inquire(view.scene) for _ in range(answers.OPEN_MOST + 3)]
    assert tickets[-3:] == [0, 0, 0]
    mind = StubMind()
    made = listening(mind)
    asked = []
    for _ in range(answers.KEPT_MOST + 5):
        asked.append(made.inquire(view.scene))
        made.hear()
    assert [made.answered(ticket) is None for ticket in asked[:6]] == [True] * 5 + [False]


def test_trouble_with_a_ticket_ends_that_inquiry_alone(view: View) -> None:
    mind = StubMind(delay=5)
    made = listening(mind)
    one, two = made.inquire(view.scene), made.inquire(view.scene)
    mind._ready.append(Trouble("no such word", one))
    made.hear()
    assert (made.awaited(one), made.awaited(two)) == (False, True)
    mind._ready.append(Trouble("something else"))
    made.hear()
    assert made.awaited(two)


def test_borrowed_eyes_show_what_they_see_for_a_while_and_keep_your_heads_yours(view: View) -> None:
    mind = StubMind(blind, seer=everywhere("kitsune", 0.9))
    made = listening(mind)
    made.ask(view, 0.0)
    made.hear()
    yours = made.heads
    assert made.borrow("seer", 1.0, 5.0)
    assert made.borrowed(1.0) == "seer"
    made.ask(view, 1.0)  # the same scene, a moment later: other eyes are asked at once
    made.hear()
    assert {max(b.values()) for b in made.aim.values()} == {0.9}
    assert made.heads is yours
    assert made.others["seer"].layers == 8
    assert made.borrowed(6.0) is None
    made.ask(view, 7.0)
    made.hear()
    assert {max(b.values()) for b in made.aim.values()} == {0.0}
    assert [m.eyes for m in mind.sent if isinstance(m, Perceive)] == ["you", "seer", "you"]


def test_eyes_that_nobody_lends_or_that_fail_are_given_back(view: View) -> None:
    assert not listening(StubMind()).borrow("seer", 0.0)
    mind = StubMind(seer=blind, delay=5)
    made = listening(mind)
    assert made.borrow("seer", 0.0)
    made.ask(view, 0.0)
    mind._ready.append(Trouble("the born seer can't be used"))
    made.hear()
    assert made.borrowed(0.1) is None
    assert made.wants_scene(1.0)


def test_an_answer_through_other_eyes_than_asked_is_not_shown(view: View) -> None:
    mind = StubMind(delay=10**6)
    made = listening(mind)
    made.ask(view, 0.0)
    beliefs = tuple(tuple(1.0 / len(q.candidates) for _ in q.candidates) for q in view.scene.questions)
    mind._ready.append(Percept(view.scene.id, beliefs, HeadActivity(1, 1), 0.1, "blind"))
    made.hear()
    assert made.aim == {}


def test_rests_weights_and_the_export_are_asked_for_and_heard() -> None:
    mind = StubMind(learning=True)
    made = listening(mind)
    assert made.restore_points == (RestorePoint(0, 0, 0),)
    made.mark("by the well")
    made.weigh()
    made.weigh()
    assert sum(isinstance(m, Weigh) for m in mind.sent) == 1
    assert (made.weighing is not None, made.weights) == (True, None)
    made.hear()
    assert [rest.label for rest in made.restore_points] == ["", "by the well"]
    assert made.weighing is None
    assert made.weights is not None
    assert len(made.weights.insert) == 64
    made.rewind(1)
    made.export("out")
    assert mind.sent[-2:] == [Rewind(1), Export("out")]
    made.hear()
    assert list(made.notes) == ["Written: out"]


def test_a_curve_ends_where_the_mind_was_turned_back_to() -> None:
    made = listening(StubMind())
    for step in (0, 10, 20, 30, 12):
        made._take(Progress(step, 0, 0, 0, False))
    assert [told.step for told in made.history] == [0, 0, 10, 12]


@pytest.mark.parametrize("count", [1, 2, 39, 41, 97, 1000])
def test_a_long_past_is_thinned_evenly_and_keeps_its_beginning(count: int) -> None:
    past = LearningCurve(most=40)
    for step in range(count):
        past.add(Progress(step, 0, 0, 0, False))
    told = [entry.step for entry in past.points]
    assert len(told) <= 41
    assert (told[0], told[-1]) == (0, count - 1)
    gaps = [b - a for a, b in pairwise(told)]
    assert max(gaps, default=1) <= max(1, 4 * count // 40)
    assert all(gap > 0 for gap in gaps)


def test_the_warning_becomes_a_line_for_the_player() -> None:
    made = listening(StubMind())
    assert made.warning == ""
    made._take(Progress(5, 0, 0, 0, True, mundane=0.95, warning="grounding"))
    assert made.warning == mind_client.WARNINGS["grounding"]
    assert made.grounded == 0.95
    made._take(Progress(6, 0, 0, 0, True, mundane=0.95, warning="some later word"))
    assert made.warning == ""
