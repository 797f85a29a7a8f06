"""How long one may practise what one was shown."""

from types import SimpleNamespace

import pytest

from game.journey.journey import Journey
from game.journey.practice import ATTENDED, DREAMT, LEAST, MOST, STEPS_PER_LESSON, Practice
from game.realm.play_rules import load
from game.realm.realms import LocalRealm
from game.realm.world import new_world
from perception.messages import Progress
from tests.kits.stub_mind import StubMind


class Learner:
    """A mind's side that takes a step whenever it may; and a narrator."""

    def __init__(self, lessons: int, step: int = 0) -> None:
        self.progress = Progress(step, lessons, lessons, 0, False)
        self.practises = False
        self.seconds, self.said = 0.0, []

    def practise(self, on: bool) -> None:
        self.practises = on

    def say(self, who: str, text: str) -> None:
        self.said.append(text)

    def steps(self, practice: Practice, attending: bool = False, resting: bool = False, frames: int = 1000) -> int:
        """Steps taken in so many frames."""
        before = self.progress.step
        for _ in range(frames):
            practice.advance(self, self, attending, resting)  # type: ignore[arg-type]
            self.seconds += 1 / 30
            step = self.progress.step + self.practises
            self.progress = Progress(step, self.progress.lessons, 0, 0, self.practises)
        return self.progress.step - before


@pytest.mark.parametrize("lessons", [1, 5, 12])
def test_a_dream_takes_so_many_steps_for_each_lesson(lessons: int) -> None:
    mind, practice = Learner(lessons), Practice()
    assert mind.steps(practice, resting=True) == STEPS_PER_LESSON * lessons
    assert mind.said[0] == DREAMT and practice.over and not mind.practises
    assert mind.steps(practice) == 0 and not practice.over
    assert mind.steps(practice, resting=True) == LEAST, "without a new lesson a dream is short"


def test_new_lessons_make_a_dream_longer_and_none_is_endless() -> None:
    mind, practice = Learner(100), Practice()
    assert mind.steps(practice, resting=True) == MOST
    mind.steps(practice)
    mind.progress = Progress(MOST, MOST // STEPS_PER_LESSON + 4, 0, 0, False)
    assert mind.steps(practice, resting=True) == 4 * STEPS_PER_LESSON


def test_attending_counts_too() -> None:
    mind, practice = Learner(3), Practice()
    assert mind.steps(practice, attending=True) == 3 * STEPS_PER_LESSON
    assert set(mind.said) == {ATTENDED}
    assert mind.steps(practice, attending=True, frames=100) == 0
    assert mind.steps(practice, resting=True) == LEAST


def test_a_mind_that_was_turned_back_may_learn_it_again() -> None:
    mind, practice = Learner(4), Practice()
    mind.steps(practice, resting=True)
    mind.steps(practice)
    mind.progress = Progress(0, 4, 0, 0, False)
    assert mind.steps(practice, resting=True) == 4 * STEPS_PER_LESSON


def test_a_mind_that_has_not_said_how_it_stands_is_let_practise() -> None:
    client = SimpleNamespace(progress=None, practise=lambda on: wishes.append(on))
    wishes: list[bool] = []
    for resting in (True, False):
        Practice().advance(client, SimpleNamespace(seconds=0.0), False, resting)  # type: ignore[arg-type]
    assert wishes == [True, False]


def test_on_a_journey_a_dream_ends_and_attending_takes_no_more_steps() -> None:
    mind = StubMind(learning=True)
    mind._lessons = 1
    mind._ready.append(mind._progress())
    journey = Journey(LocalRealm(new_world(3, load())), mind)

    def minute(attending: bool) -> int:
        before = mind._step
        for _ in range(60 * 30):
            journey.advance(1 / 30, (0, 0), attending, journey.seconds)
        return mind._step - before

    minute(False)  # what is said at the beginning
    journey.rest(True)
    assert STEPS_PER_LESSON <= minute(False) <= STEPS_PER_LESSON + 5, "it tells of every fifth step"
    assert journey.practice.over and not mind._practising
    journey.rest(False)
    assert minute(True) == 0 and not journey.practice.over
