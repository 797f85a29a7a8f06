"""A familiar with a mind of its own: it is spoken to in plain English, is slow, and learns apart from the player's."""

from collections.abc import Callable
from pathlib import Path

import pytest

from game.journey.companion import ASLEEP, GONE, LOST, PATIENCE, THINKS
from game.journey.journey import Journey
from game.realm.plain_talk import ACTS
from game.realm.realms import LocalRealm
from game.realm.talk import IDLE, OPINION, QUESTION
from game.realm.world import new_world
from game.screens.familiar_menu import TALK, familiar_menu
from game.ui.menus import Menu
from perception.messages import Perceive, Practise, Question, Scene, Teach
from tests.kits.playkit import game_of
from tests.kits.stub_mind import StubMind


class Speaker(StubMind):
    """A stand-in for a chat model: answers with the reply of one act."""

    def __init__(self, act: str = "suggest", state: str = "awake", delay: int = 0) -> None:
        super().__init__(state=state, delay=delay)
        self.act = act

    def _ordinary(self, scene: Scene, question: Question) -> str:
        return question.candidates[ACTS.index(self.act)]

    def asked(self) -> list[Scene]:
        return [message.scene for message in self.sent if isinstance(message, Perceive)]

    def taught(self) -> list[tuple[str, str]]:
        """(act, what was said) of each lesson."""
        lessons = [message.lesson for message in self.sent if isinstance(message, Teach)]
        return [(ACTS[one.scene.questions[0].candidates.index(str(one.answers[0]))], one.scene.text) for one in lessons]


def pass_time(journey: Journey, seconds: float) -> None:
    for _ in range(round(seconds * 60)):
        journey.advance(1 / 60, (0, 0), False, journey.seconds)


def spoken(journey: Journey) -> str:
    return journey.narrator.speech.text if journey.narrator.speech else ""


def journey_with(speaker: Speaker) -> tuple[Journey, StubMind]:
    mind = StubMind()
    journey = Journey(LocalRealm(new_world(0)), mind, familiar=speaker)
    journey.realm.world.familiar_joins()
    pass_time(journey, 0.2)
    return journey, mind


def done(journey: Journey) -> list[tuple]:
    return [action for _, actions in journey.realm.log.actions for action in actions if action[0] in ("send", "heed")]


@pytest.mark.parametrize("act", ACTS)
def test_its_reply_is_heard_and_its_act_is_done(act: str) -> None:
    speaker = Speaker(act)
    journey, mind = journey_with(speaker)
    direction = next(iter(journey.ways()))
    journey.send(direction)
    said = spoken(journey)
    assert said.endswith(THINKS)
    pass_time(journey, 0.3)
    (scene,) = speaker.asked()
    assert scene.tongue == "plain"
    assert f"I am your friend. {said.split(chr(34))[1]}\n" in scene.questions[0].text, "what the player reads is said"
    assert f'"{speaker._ordinary(scene, scene.questions[0])}"' in spoken(journey)
    assert done(journey) == [("send", direction), ("heed", act == "accept")]
    assert not any(isinstance(m, Perceive) and m.scene.questions[0].ask == "talk" for m in mind.sent)


@pytest.mark.parametrize(("right", "act"), [(True, "suggest"), (False, "accept")])
def test_what_the_player_thinks_is_a_lesson_for_that_mind_alone(right: bool, act: str) -> None:
    speaker = Speaker("suggest")
    journey, mind = journey_with(speaker)
    journey.send(next(iter(journey.ways())))
    pass_time(journey, 0.3)
    journey.judge(right)
    pass_time(journey, 0.1)
    assert speaker.taught() == [(act, speaker.asked()[0].text)]
    assert not any(isinstance(message, Teach) for message in mind.sent)
    assert [m.on for m in speaker.sent if isinstance(m, Practise)] == [True], "it practises by itself"
    assert not any(isinstance(message, Practise) and message.on for message in mind.sent)


def test_going_into_the_flood_teaches_it_to_refuse() -> None:
    speaker = Speaker("accept")
    journey, _ = journey_with(speaker)
    journey.send(next(iter(journey.ways())))
    pass_time(journey, 0.3)
    journey.companion.harmed()
    assert [act for act, _ in speaker.taught()] == ["refuse"]


@pytest.mark.parametrize(("talk", "wanted"), [(OPINION, "offer"), (QUESTION, "tell"), (IDLE, "chat")])
def test_other_talk_changes_nothing_in_the_realm_and_can_be_corrected(talk: str, wanted: str) -> None:
    speaker = Speaker("accept")
    journey, _ = journey_with(speaker)
    journey.send(next(iter(journey.ways())), talk)
    pass_time(journey, 0.3)
    assert done(journey) == [] and not journey.companion.acts
    journey.judge(False)
    assert [act for act, _ in speaker.taught()] == [wanted]


def test_play_goes_on_while_it_thinks_and_what_was_said_last_is_what_counts() -> None:
    speaker = Speaker("accept", delay=40)
    journey, _ = journey_with(speaker)
    one, two, three = list(journey.ways())[:3]
    tick = journey.world.tick
    for direction in (one, two, three):
        journey.send(direction)
        pass_time(journey, 0.1)
    assert journey.world.tick > tick and journey.companion.waiting
    pass_time(journey, 2.0)
    assert [scene.questions[0].place for scene in speaker.asked()] == [one, three], "what lies between is not asked"
    assert done(journey)[-2:] == [("send", three), ("heed", True)]
    assert sum(action[0] == "heed" for action in done(journey)) == 1
    assert journey.companion.order is not None and journey.companion.order.said.place == three


def test_an_answer_that_takes_long_still_comes_and_one_that_is_lost_is_told() -> None:
    journey, _ = journey_with(Speaker("accept", delay=60 * 30))
    journey.send(next(iter(journey.ways())))
    pass_time(journey, 31)
    assert done(journey)[-1] == ("heed", True)
    lost, _ = journey_with(Speaker("accept", delay=10**9))
    lost.send(next(iter(lost.ways())))
    lost.companion.mind_client.settle(PATIENCE + 1)
    pass_time(lost, 0.1)
    assert spoken(lost) == LOST


@pytest.mark.parametrize(("state", "line"), [("waking", ASLEEP), ("restarting", ASLEEP), ("dead", GONE)])
def test_one_that_does_not_hear_says_why(state: str, line: str) -> None:
    journey, _ = journey_with(Speaker(state=state))
    journey.send(next(iter(journey.ways())))
    assert spoken(journey) == line and done(journey) == []


def test_the_menu_offers_other_talk_to_a_mind_of_its_own_alone(tmp_path: Path) -> None:
    def labels(make: Callable[[Journey], None]) -> list[str]:
        game = game_of(StubMind(), tmp_path)
        make(game.journey)
        game.journey.realm.world.familiar_joins()
        pass_time(game.journey, 0.2)
        menu = familiar_menu(game)
        assert isinstance(menu, Menu)
        return [entry.label for entry in menu.entries]

    def with_its_own(journey: Journey) -> None:
        journey.companion = Journey(LocalRealm(new_world(0)), StubMind(), familiar=Speaker()).companion

    plain, own = labels(lambda journey: None), labels(with_its_own)
    assert own == [*plain, *TALK.values()]
