"""The game's side of the talk with a mind: one scene at a time, smooth beliefs, and nothing that waits."""

import dataclasses

import pytest
from msgspec.structs import replace

from game.journey.journey import Journey
from game.journey.mind_client import ASK_AGAIN, ASK_EVERY, PATIENCE, MindClient
from game.realm.realms import LocalRealm
from game.realm.scene import View, describe
from game.realm.world import new_world
from perception.messages import (
    HeadActivity,
    Lesson,
    Perceive,
    Percept,
    Practise,
    Progress,
    Ready,
    Teach,
    Trouble,
    Written,
)  # fmt: skip
from tests.kits.stub_mind import StubMind, blind, everywhere


@pytest.fixture
def view() -> View:
    return describe(new_world(0), "terse")


def perceives(mind: StubMind) -> int:
    return sum(isinstance(message, Perceive) for message in mind.sent)


def listening(mind: StubMind) -> MindClient:
    """A sight that has heard the mind's Ready."""
    sight = MindClient(mind)
    sight.hear()
    return sight


def settle(sight: MindClient, seconds: float) -> None:
    for _ in range(round(seconds * 60)):
        sight.settle(1 / 60)


def test_beliefs_rise_smoothly_and_fade_when_the_place_is_left(view: View) -> None:
    sight = listening(StubMind(everywhere("kitsune", 0.8)))
    place = next(iter(view.places.values()))
    sight.ask(view, 0.0)
    sight.hear()
    seen = []
    for _ in range(120):
        sight.settle(1 / 60)
        seen.append(sight.belief(place)[1])
    assert seen == sorted(seen)
    assert seen[0] < 0.1
    assert sight.belief(place)[0] == "kitsune"
    assert sight.belief(place)[1] == pytest.approx(0.8, abs=0.01)
    sight.aim = {}
    settle(sight, 1.0)
    assert 0.1 < sight.belief(place)[1] < 0.5
    settle(sight, 6.0)
    assert sight.belief(place) == ("", 0.0)
    assert sight.places() == []


def test_one_scene_is_outstanding_and_not_too_often(view: View) -> None:
    mind = StubMind(delay=3)
    sight = listening(mind)
    assert sight.wants_scene(10.0)
    sight.ask(view, 10.0)
    assert not sight.wants_scene(10.0 + 2 * ASK_EVERY), "it owes an answer"
    for _ in range(5):
        sight.hear()
    assert sight.answers == 1
    assert not sight.wants_scene(10.0 + ASK_EVERY / 2), "too soon"
    assert sight.wants_scene(10.0 + ASK_EVERY)
    sight.ask(view, 10.0 + ASK_EVERY)
    assert perceives(mind) == 1, "the same scene waits a little longer"
    sight.ask(view, 10.5)
    assert perceives(mind) == 2, "but is asked again: the mind may have learnt"


def test_nothing_is_asked_before_the_mind_has_said_its_tongue() -> None:
    assert not MindClient(StubMind()).wants_scene(0.0)


def test_an_answer_that_never_comes_is_given_up(view: View) -> None:
    sight = listening(StubMind(delay=10**6))
    sight.ask(view, 0.0)
    assert not sight.wants_scene(PATIENCE - 1)
    assert sight.wants_scene(PATIENCE + 1)


@pytest.mark.parametrize("state", ["waking", "restarting", "dead"])
def test_without_a_mind_nobody_sees_and_nothing_is_asked(view: View, state: str) -> None:
    mind = StubMind(everywhere("oni", 1.0))
    sight = listening(mind)
    sight.ask(view, 0.0)
    sight.hear()
    settle(sight, 2.0)
    assert sight.places()
    mind.state = state
    sight.hear()
    settle(sight, 8.0)
    assert sight.places() == []
    assert not sight.wants_scene(100.0)
    mind.state = "awake"
    assert sight.wants_scene(100.0)


def test_of_a_mind_elsewhere_that_comes_back_the_last_percepts_stay_and_say_how_old_they_are(view: View) -> None:
    mind = StubMind(everywhere("oni", 1.0))
    mind.keeps_lessons = True
    sight = listening(mind)
    sight.ask(view, 3.0)
    sight.hear()
    settle(sight, 2.0)
    assert sight.age(4.0) is None, "it is there"
    mind.state = "restarting"
    sight.hear()
    settle(sight, 8.0)
    assert sight.places() and sight.belief(sight.places()[0])[1] > 0.9
    assert sight.age(15.0) == 12.0
    mind.state = "dead"
    sight.hear()
    settle(sight, 8.0)
    assert sight.places() == [] and sight.age(20.0) is None


def other(view: View, number: int) -> View:
    """The same scene at another moment, with its places elsewhere."""
    scene = replace(view.scene, id=view.scene.id + number)
    return dataclasses.replace(view, scene=scene, places={word: at + number for word, at in view.places.items()})


def percept_of(view: View, species: str, heads: HeadActivity) -> Percept:
    scene = view.scene
    beliefs = tuple(tuple(float(word == species) for word in question.candidates) for question in scene.questions)
    return Percept(scene.id, beliefs, heads, 0.1)


def test_a_mind_elsewhere_is_sent_newer_scenes_and_may_answer_any_of_them(view: View) -> None:
    mind = StubMind(delay=10**6)
    mind.keeps_lessons = True
    sight, views = listening(mind), [other(view, number) for number in range(4)]
    for number, each in enumerate(views):
        assert sight.wants_scene(number * ASK_EVERY)
        sight.ask(each, number * ASK_EVERY)
        sight.ask(each, number * ASK_EVERY + 5.0)
    assert perceives(mind) == 4, "the same scene is asked once, until it is answered or given up"
    measured = HeadActivity(1, 1, (0.5,), (0.5,))
    for number, heads, answers in ((1, measured, 1), (0, HeadActivity(1, 1), 1), (3, HeadActivity(1, 1), 2)):
        sight._take(percept_of(views[number], "oni", heads))
        assert sight.answers == answers, "one that is older than what is shown comes too late"
        assert sight.view is not None and sight.view.scene.id == views[max(number, 1)].scene.id
    assert sight.heads == measured, "of heads nothing newer was said"
    sight.ask(views[3], 3 * ASK_EVERY + ASK_AGAIN)
    assert perceives(mind) == 5, "answered, so it may be asked again"


def test_a_mind_elsewhere_gets_each_lesson_once_whatever_its_state(view: View) -> None:
    mind = StubMind(state="restarting")
    mind.keeps_lessons = True
    sight = MindClient(mind)
    lesson = Lesson(view.scene, ("nothing",) * len(view.scene.questions), "touch")
    sight.teach(lesson)
    assert mind.sent == [Teach(lesson)]
    mind.state = "awake"
    mind._ready += [Ready("stub", "cpu", 1, 2, "terse", 0), Progress(0, 0, 0, 0, False)]
    sight.hear()
    assert mind.sent == [Teach(lesson)], "the line keeps it"


def test_an_answer_to_another_scene_is_not_shown(view: View) -> None:
    class Late(StubMind):
        def poll(self) -> list:
            return [Percept(view.scene.id + 1, tuple((1.0,) for _ in view.scene.questions), HeadActivity(1, 1), 0.1)]

    sight = MindClient(Late())
    sight.ask(view, 0.0)
    sight.hear()
    assert sight.aim == {}
    assert sight.heads is not None, "what the heads did is still worth showing"


def test_everything_a_mind_says_is_taken_in() -> None:
    class Talker(StubMind):
        def poll(self) -> list:
            ready = Ready("novice", "cpu", 8, 8, "plain", 3)
            return [ready, Progress(4, 1, 1, 3, True), Written("log"), Trouble("it hurts\nhere"), Trouble("")]

    sight = MindClient(Talker())
    assert sight.tongue == "terse"
    sight.hear()
    assert sight.tongue == "plain"
    assert sight.progress is not None
    assert sight.progress.step == 4
    assert list(sight.notes) == ["Written: log", "it hurts", "trouble"]


def test_practice_is_told_once_per_change() -> None:
    mind = StubMind(blind)
    sight = MindClient(mind)
    for on in (False, True, True, True, False, False, True):
        sight.practise(on)
    assert [m.on for m in mind.sent if isinstance(m, Practise)] == [True, False, True]


def test_a_journey_asks_a_few_times_a_second() -> None:
    mind = StubMind(everywhere("yurei", 0.5), delay=2)
    journey = Journey(LocalRealm(new_world(0)), mind)
    for frame in range(600):
        journey.advance(1 / 60, (1, 0) if frame % 100 < 50 else (-1, 0), False, frame / 60)
    assert 40 <= perceives(mind) <= 82, "ten seconds"
    assert journey.mind_client.answers >= perceives(mind) - 1
