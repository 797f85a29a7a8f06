"""The familiar that learns to listen, and the chronicle of first sights: with a stand-in for the mind."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.journey import companion, narrator
from game.journey.chronicle import Chronicle, Entry
from game.journey.companion import ANSWERS, JUDGED_WITHIN, LOST
from game.journey.journey import Journey
from game.realm.questbook import QUESTS_TOML
from game.realm.realms import LocalRealm
from game.realm.senses import nearest_place
from game.realm.talk import DANGER, SAFE, load_talk
from game.realm.world import new_world
from game.screens.familiar_menu import familiar_menu
from game.ui.font import letters
from game.ui.menus import Menu
from perception.messages import Teach
from tests.kits.playkit import game_of
from tests.kits.stub_mind import StubMind


def pass_time(journey: Journey, seconds: float) -> None:
    for _ in range(round(seconds * 60)):
        journey.advance(1 / 60, (0, 0), False, journey.seconds)


def texts(journey: Journey) -> list[str]:
    """What is being said, and what waits to be said."""
    return [
        journey.narrator.speech.text if journey.narrator.speech else "",
        *(line for _, line in journey.narrator._lines),
    ]


def companions(act: str, seed: int = 0) -> tuple[Journey, StubMind]:
    mind = StubMind()
    mind.talk = act
    journey = Journey(LocalRealm(new_world(seed)), mind)
    journey.realm.world.familiar_joins()
    pass_time(journey, 0.2)
    return journey, mind


@pytest.mark.parametrize("act", load_talk().acts)
def test_the_familiar_goes_only_if_the_mind_says_so(act: str) -> None:
    journey, _ = companions(act)
    direction = next(iter(journey.ways()))
    journey.send(direction)
    pass_time(journey, 0.3)
    heeds = [action for _, actions in journey.realm.log.actions for action in actions if action[0] in ("send", "heed")]
    assert heeds == [("send", direction), ("heed", act == "accept")]
    assert journey.realm.world.familiar.away == (act == "accept")
    assert texts(journey)[0][:12] == ANSWERS[act][:12]


def test_it_comes_back_when_it_is_called() -> None:
    journey, _ = companions("accept")
    journey.send(next(iter(journey.ways())))
    pass_time(journey, 0.3)
    assert journey.realm.world.familiar.away
    journey.call()
    pass_time(journey, 1.5)
    assert not journey.realm.world.familiar.away


def test_who_is_away_can_only_be_called_back(tmp_path: Path) -> None:
    mind = StubMind()
    mind.talk = "accept"
    game = game_of(mind, tmp_path)
    journey = game.journey
    journey.realm.world.familiar_joins()
    pass_time(journey, 0.2)
    direction = next(iter(journey.ways()))
    journey.send(direction)
    pass_time(journey, 0.3)
    assert journey.realm.world.familiar.away
    journey.companion.judge(True, journey.seconds)
    orders = len(journey.companion.acts)
    journey.send(direction)
    pass_time(journey, 0.3)
    assert len(journey.companion.acts) == orders, "it isn't there to hear"
    menu = familiar_menu(game)
    assert isinstance(menu, Menu) and [entry.label for entry in menu.entries] == ["Come back"]


def test_every_act_of_the_tongue_has_its_picture_and_what_one_wants_is_among_them() -> None:
    talk = load_talk()
    assert set(ANSWERS) == set(talk.acts)
    assert talk.listening[SAFE] in companion.HEEDS
    assert talk.listening[DANGER] == companion.HARMED


@pytest.mark.parametrize(("right", "answer"), [(True, "suggest"), (False, "accept")])
def test_praise_keeps_its_answer_and_correction_teaches_it_to_go(right: bool, answer: str) -> None:
    journey, mind = companions("suggest")
    direction = next(iter(journey.ways()))
    journey.send(direction)
    pass_time(journey, 0.3)
    journey.judge(right)
    journey.judge(not right)
    taught = [message.lesson for message in mind.sent if isinstance(message, Teach)]
    assert [(lesson.answers, lesson.source) for lesson in taught] == [((answer,), "listen")]
    assert [question.ask for question in taught[0].scene.questions] == ["talk"]
    assert taught[0].scene.questions[0].place == direction


def test_an_answer_can_be_judged_for_a_while_only() -> None:
    journey, mind = companions("suggest")
    journey.send(next(iter(journey.ways())))
    pass_time(journey, JUDGED_WITHIN + 1)
    journey.judge(False)
    assert not any(isinstance(message, Teach) for message in mind.sent)


def test_going_into_the_flood_teaches_it_to_refuse() -> None:
    journey, mind = companions("accept")
    order = next(iter(journey.ways()))
    journey.send(order)
    pass_time(journey, 0.3)
    journey.narrator.hear(narrator.Came(nearest_place(journey.realm.world).index, True), None, ())
    taught = [message.lesson for message in mind.sent if isinstance(message, Teach)]
    assert [lesson.answers for lesson in taught] == [("refuse",)]
    assert texts(journey) == [narrator.SWEPT]


def test_a_mind_that_is_gone_leaves_the_familiar_puzzled() -> None:
    journey, mind = companions("accept")
    mind._waiting.clear()
    journey.send(next(iter(journey.ways())))
    mind._waiting.clear()
    mind.state = "dead"
    pass_time(journey, 0.3)
    assert texts(journey)[0] == LOST and not journey.companion.waiting
    journey.send(next(iter(journey.ways())))
    assert not journey.companion.waiting, "nobody is there to ask"


def test_every_letter_of_the_errands_can_be_drawn() -> None:
    known = set(letters())
    assert set(QUESTS_TOML.read_text(encoding="utf-8")) - known <= {"\n"}


def test_the_chronicle_keeps_the_first_sight_and_lets_proof_replace_doubt() -> None:
    chronicle = Chronicle()
    doubt, proof = Entry("oni", 1, 5.0, "oak", "forest"), Entry("oni", 2, 6.0, "well", "village", 1.0, True)
    assert [chronicle.saw(entry) for entry in (doubt, doubt, proof, doubt, proof)] == [True, False, True, False, False]
    assert chronicle.entries == [proof]
    assert Chronicle.decode(chronicle.encode()).entries == [proof]


@given(data=st.binary(max_size=200))
def test_a_broken_chronicle_is_one_line(data: bytes) -> None:
    try:
        Chronicle.decode(data)
    except ValueError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("acts", "said"),
    [
        ((), "It waits to be told something."),
        (("suggest",), "The last time it did not go where you said."),
        (("accept",), "The last time it went where you said."),
        (("accept", "suggest"), "Of the last two times it went where you said once."),
        (("suggest", "refuse", "chat"), "Of the last three times it went where you said never."),
        (("accept",) * 4, "Of the last four times it went where you said every time."),
        (("accept",) * 3 + ("suggest",) * 5, "Of the last eight times it went where you said three times."),
    ],
)
def test_how_it_listens_is_said_as_one_would_say_it(acts: tuple[str, ...], said: str) -> None:
    companion = Journey(LocalRealm(new_world(0)), StubMind()).companion
    companion.acts.extend(acts)
    assert companion.listens() == said
