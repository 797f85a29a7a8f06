"""A mind that is away: what was taught meanwhile, or lost with it, reaches it once and no more."""

import pytest

from game.journey.mind_client import MindClient
from game.realm.scene import describe
from game.realm.world import new_world
from perception.messages import Lesson, Progress, Ready, Teach
from tests.kits.stub_mind import StubMind


class Forgetful(StubMind):
    """Says what a test wants, when it wants."""

    def __init__(self) -> None:
        super().__init__(state="waking")
        self.says: list = []

    def poll(self) -> list:
        said, self.says = self.says, []
        return said


def wake(mind: Forgetful, lessons: int) -> None:
    mind.state = "awake"
    mind.says += [Ready("m", "cpu", 2, 2, "terse", 0), Progress(0, lessons, 0, 0, False)]


@pytest.mark.parametrize(("held", "again"), [(7, []), (6, [1]), (5, [0, 1]), (0, [0, 1])])
def test_a_mind_that_died_is_taught_again_what_it_lost_and_no_more(held: int, again: list[int]) -> None:
    scene = describe(new_world(0)).scene
    lessons = [Lesson(scene, (answer,), "seer") for answer in ("oni", "yurei", "tengu")]
    mind = Forgetful()
    sight = MindClient(mind)
    wake(mind, 5)  # five from an earlier journey
    sight.hear()
    sight.teach(lessons[0])
    sight.teach(lessons[1])
    assert sum(isinstance(message, Teach) for message in mind.sent) == 2
    mind.sent.clear()
    mind.state = "restarting"
    sight.hear()
    wake(mind, held)
    sight.hear()
    assert [lessons.index(m.lesson) for m in mind.sent if isinstance(m, Teach)] == again


def test_lessons_given_while_the_mind_is_away_reach_it_once() -> None:
    scene = describe(new_world(0)).scene
    mind = Forgetful()
    sight = MindClient(mind)
    sight.teach(Lesson(scene, ("oni",), "seer"))
    assert mind.sent == []
    wake(mind, 0)
    sight.hear()
    assert [m.lesson.answers for m in mind.sent if isinstance(m, Teach)] == [("oni",)]
    mind.says.append(Progress(1, 1, 1, 0, False))
    sight.hear()
    assert len(mind.sent) == 1
