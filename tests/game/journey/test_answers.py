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
    client = MindClient(mind)
    client.hear()
    return client


def other(view: View) -> Scene:
    """The same text and id, other questions: as a talk or a second look would be."""
    tongue, place = tongue_named("terse"), view.scene.questions[0].place
    asks = (question(tongue, RULES, LOOK, place), question(tongue, RULES, SENSE, place))
    return replace(view.scene, questions=asks)


def test_an_inquiry_is_answered_once_and_touches_nothing_that_is_shown(view: View) -> None:
    mind = StubMind(everywhere("oni", 0.75))
    client = listening(mind)
    client.ask(view, 0.0)
    client.hear()
    aim, heads = dict(client.aim), client.heads
    mind.believe = everywhere("tengu", 0.9)
    ticket = client.inquire(other(view))
    assert client.awaited(ticket)
    assert client.answered(ticket) is None
    client.hear()
    assert (client.aim, client.heads) == (aim, heads)
    answer = client.answered(ticket)
    assert isinstance(answer, Answer)
    assert answer.best(SENSE, view.scene.questions[0].place) == "tengu"
    assert answer.best(SENSE, "nowhere") == ""
    assert sum(answer.beliefs[(LOOK, view.scene.questions[0].place)].values()) == pytest.approx(1)
    assert client.answered(ticket) is None
    assert not client.awaited(ticket)


def test_a_glance_under_way_and_inquiries_do_not_take_each_others_answers(view: View) -> None:
    mind = StubMind(everywhere("oni", 0.75), delay=2)
    client = listening(mind)
    tickets = [client.inquire(other(view)) for _ in range(2)]
    client.ask(view, 0.0)
    for _ in range(4):
        client.hear()
    assert len(client.aim) == len(view.places)
    assert all(client.answered(ticket) is not None for ticket in tickets)
    assert len(set(tickets)) == 2


def test_nobody_there_cannot_be_asked_and_what_a_dead_mind_owed_is_lost(view: View) -> None:
    assert MindClient(StubMind(state="waking")).inquire(view.scene) == 0
    mind = StubMind(delay=5)
    client = listening(mind)
    ticket = client.inquire(view.scene)
    mind.state = "restarting"
    client.hear()
    assert not client.awaited(ticket)


def test_an_answer_that_takes_too_long_is_lost_and_does_not_come_back(view: View) -> None:
    mind = StubMind(delay=3)
    client = listening(mind)
    ticket = client.inquire(view.scene)
    client.settle(answers.PATIENCE + 1)
    assert not client.awaited(ticket)
    for _ in range(5):
        client.hear()
    assert client.answered(ticket) is None


def test_open_tickets_and_unfetched_answers_are_bounded(view: View) -> None:
    client = listening(StubMind(delay=10**6))
    tickets = [client.inquire(view.scene) for _ in range(answers.OPEN_MOST + 3)]
    assert tickets[-3:] == [0, 0, 0]
    mind = StubMind()
    client = listening(mind)
    inquiries = []
    for _ in range(answers.KEPT_MOST + 5):
        inquiries.append(client.inquire(view.scene))
        client.hear()
    assert [client.answered(ticket) is None for ticket in inquiries[:6]] == [True] * 5 + [False]


def test_trouble_with_a_ticket_ends_that_inquiry_alone(view: View) -> None:
    mind = StubMind(delay=5)
    client = listening(mind)
    one, two = client.inquire(view.scene), client.inquire(view.scene)
    mind._ready.append(Trouble("no such word", one))
    client.hear()
    assert (client.awaited(one), client.awaited(two)) == (False, True)
    mind._ready.append(Trouble("something else"))
    client.hear()
    assert client.awaited(two)


def test_borrowed_eyes_show_what_they_see_for_a_while_and_keep_your_heads_yours(view: View) -> None:
    mind = StubMind(blind, seer=everywhere("kitsune", 0.9))
    client = listening(mind)
    client.ask(view, 0.0)
    client.hear()
    yours = client.heads
    assert client.borrow("seer", 1.0, 5.0)
    assert client.borrowed(1.0) == "seer"
    client.ask(view, 1.0)  # the same scene, a moment later: other eyes are asked at once
    client.hear()
    assert {max(b.values()) for b in client.aim.values()} == {0.9}
    assert client.heads is yours
    assert client.others["seer"].layers == 8
    assert client.borrowed(6.0) is None
    client.ask(view, 7.0)
    client.hear()
    assert {max(b.values()) for b in client.aim.values()} == {0.0}
    assert [m.eyes for m in mind.sent if isinstance(m, Perceive)] == ["you", "seer", "you"]


def test_eyes_that_nobody_lends_or_that_fail_are_given_back(view: View) -> None:
    assert not listening(StubMind()).borrow("seer", 0.0)
    mind = StubMind(seer=blind, delay=5)
    client = listening(mind)
    assert client.borrow("seer", 0.0)
    client.ask(view, 0.0)
    mind._ready.append(Trouble("the born seer can't be used"))
    client.hear()
    assert client.borrowed(0.1) is None
    assert client.wants_scene(1.0)


def test_an_answer_through_other_eyes_than_asked_is_not_shown(view: View) -> None:
    mind = StubMind(delay=10**6)
    client = listening(mind)
    client.ask(view, 0.0)
    beliefs = tuple(tuple(1.0 / len(q.candidates) for _ in q.candidates) for q in view.scene.questions)
    mind._ready.append(Percept(view.scene.id, beliefs, HeadActivity(1, 1), 0.1, "blind"))
    client.hear()
    assert client.aim == {}


def test_rests_weights_and_the_export_are_asked_for_and_heard() -> None:
    mind = StubMind(learning=True)
    client = listening(mind)
    assert client.restore_points == (RestorePoint(0, 0, 0),)
    client.mark("by the well")
    client.weigh()
    client.weigh()
    assert sum(isinstance(m, Weigh) for m in mind.sent) == 1
    assert (client.weighing is not None, client.weights) == (True, None)
    client.hear()
    assert [rest.label for rest in client.restore_points] == ["", "by the well"]
    assert client.weighing is None
    assert client.weights is not None
    assert len(client.weights.insert) == 64
    client.rewind(1)
    client.export("out")
    assert mind.sent[-2:] == [Rewind(1), Export("out")]
    client.hear()
    assert list(client.notes) == ["Written: out"]


def test_a_curve_ends_where_the_mind_was_turned_back_to() -> None:
    client = listening(StubMind())
    for step in (0, 10, 20, 30, 12):
        client._take(Progress(step, 0, 0, 0, False))
    assert [entry.step for entry in client.history] == [0, 0, 10, 12]


@pytest.mark.parametrize("count", [1, 2, 39, 41, 97, 1000])
def test_a_long_past_is_thinned_evenly_and_keeps_its_beginning(count: int) -> None:
    curve = LearningCurve(most=40)
    for step in range(count):
        curve.add(Progress(step, 0, 0, 0, False))
    steps = [entry.step for entry in curve.points]
    assert len(steps) <= 41
    assert (steps[0], steps[-1]) == (0, count - 1)
    gaps = [b - a for a, b in pairwise(steps)]
    assert max(gaps, default=1) <= max(1, 4 * count // 40)
    assert all(gap > 0 for gap in gaps)


def test_the_warning_becomes_a_line_for_the_player() -> None:
    client = listening(StubMind())
    assert client.warning == ""
    client._take(Progress(5, 0, 0, 0, True, mundane=0.95, warning="grounding"))
    assert client.warning == mind_client.WARNINGS["grounding"]
    assert client.grounded == 0.95
    client._take(Progress(6, 0, 0, 0, True, mundane=0.95, warning="some later word"))
    assert client.warning == ""
