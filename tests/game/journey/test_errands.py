"""Errands, naming, the familiar, the codex and the ending, as a journey tells them: with a stand-in for the mind."""

from pathlib import Path

import pygame as pg
import pytest

from game.app.bindings import KEYS
from game.app.game_loop import Game
from game.app.keyboard import CODES
from game.journey import narrator
from game.journey.chronicle import Entry
from game.journey.journey import Journey
from game.realm.realms import LocalRealm
from game.realm.replay import state_hash
from game.realm.rules import NOTHING
from game.realm.senses import in_sight, nearest_place, who_is_at
from game.realm.world import new_world
from game.screens import codex, ending, errands, naming
from game.ui.words import bearing
from perception.messages import Mark, Progress, Rewind, Teach
from tests.kits.playkit import game_of, open_display, play, tap
from tests.kits.stub_mind import StubMind, by_traces


def pass_time(journey: Journey, seconds: float) -> None:
    for _ in range(round(seconds * 60)):
        journey.advance(1 / 60, (0, 0), False, journey.seconds)


def stand_by(journey: Journey, person: str) -> None:
    quests = journey.realm.world.quests
    who = quests.people[list(quests.book.people).index(person)]
    journey.realm.world.player.x, journey.realm.world.player.y = who.x, who.y + 4


def stand_at(journey: Journey, place: int) -> None:
    spot = journey.realm.world.map.places[place]
    journey.realm.world.player.x, journey.realm.world.player.y = spot.x, spot.y + 16


def texts(journey: Journey) -> list[str]:
    """What is being said, and what waits to be said."""
    return [
        journey.narrator.speech.text if journey.narrator.speech else "",
        *(line for _, line in journey.narrator._lines),
    ]


def test_an_errand_is_asked_for_line_by_line_and_its_guest_is_named() -> None:
    journey = Journey(LocalRealm(new_world(0)), StubMind(by_traces(new_world(0).rules)))
    journey.narrator.firsts.recall(0, True)
    stand_by(journey, "hana")
    pass_time(journey, 0.1)
    assert journey.context() == "talk"
    journey.act()
    pass_time(journey, 0.1)
    plan = journey.realm.world.quests.book.quest["lantern"]
    assert texts(journey) == list(plan.offer)
    assert journey.narrator.speech is not None and journey.narrator.speech.who == "Hana"
    journey.narrator.speech.go_on(journey.seconds)
    journey.narrator.speech.go_on(journey.seconds)
    pass_time(journey, 0.05)
    assert texts(journey) == [plan.offer[1]]
    errand = journey.realm.world.quests.errands["lantern"]
    (place,) = errand.at
    stand_at(journey, place)
    pass_time(journey, 1.0)
    assert journey.nameable() == ("kitsune",)
    journey.name(place, "kitsune")
    pass_time(journey, 0.1)
    assert errand.count == 1
    assert texts(journey)[0].startswith("Yes: a kitsune.") and texts(journey)[0].endswith(plan.right[0])
    assert "Nobody pointed" in texts(journey)[0]
    first = journey.narrator.chronicle.of("kitsune")
    assert first is not None and first.proven and first.day == 1
    assert state_hash(journey.realm.log.replay()) != "" and journey.mind_client.journal[-1].source == "name"


@pytest.mark.parametrize("guess", ["truth", "oni"])
def test_a_name_teaches_whether_it_was_right_or_wrong(guess: str) -> None:
    mind = StubMind()
    journey = Journey(LocalRealm(new_world(1)), mind)
    pass_time(journey, 0.1)
    place = in_sight(journey.realm.world)[0][1]
    truth = who_is_at(journey.realm.world, place)
    journey.name(place, truth if guess == "truth" else guess)
    pass_time(journey, 0.1)
    taught = [message.lesson for message in mind.sent if isinstance(message, Teach)]
    assert [answer for answer in taught[-1].answers if answer] == [truth]
    assert texts(journey)[0].startswith("Yes" if guess in ("truth", truth) else "No")


def test_a_row_of_right_names_is_worth_a_word() -> None:
    journey = Journey(LocalRealm(new_world(1)), StubMind())
    said = []
    for _ in range(5):
        place = in_sight(journey.realm.world)[0][1]
        journey.name(place, who_is_at(journey.realm.world, place))
        pass_time(journey, 0.1)
        said.append(texts(journey)[0])
    assert ["names right in a row" in line for line in said] == [False, False, True, False, True]


def test_what_one_reads_is_what_the_mind_answers() -> None:
    mind = StubMind()
    journey = Journey(LocalRealm(new_world(0)), mind)
    pass_time(journey, 0.2)
    place = nearest_place(journey.realm.world)
    mind.misread = {place.kind: "scarecrow"}
    journey.look()
    pass_time(journey, 0.2)
    assert "scarecrow" in texts(journey)[0] and place.kind not in texts(journey)[0]
    assert journey.reading.called[place.index] == "scarecrow"
    mind.misread = {}
    journey.look()
    pass_time(journey, 0.2)
    assert place.kind in texts(journey)[0]


@pytest.mark.parametrize("mundane", [0.99, narrator.SLIPPING - 0.01, narrator.LOST - 0.01])
def test_people_notice_when_the_ordinary_slips(mundane: float) -> None:
    journey = Journey(LocalRealm(new_world(0)), StubMind())
    stand_by(journey, "hana")
    pass_time(journey, 0.1)
    journey.mind_client.progress = Progress(5, 1, 1, 3, False, mundane=mundane)
    journey.act()
    pass_time(journey, 0.1)
    book = journey.realm.world.quests.book
    remarks = book.remarks.lost if mundane < narrator.LOST else book.remarks.slipping
    offer = list(book.quest["lantern"].offer)
    if mundane > narrator.SLIPPING:
        assert texts(journey) == offer
    else:
        assert texts(journey)[0] in remarks and texts(journey)[1:] == offer


def test_a_warning_comes_once_before_practice_does_harm() -> None:
    journey = Journey(LocalRealm(new_world(0)), StubMind())
    pass_time(journey, 0.1)
    journey.mind_client.notes.clear()
    for _ in range(3):
        journey.mind_client.progress = Progress(5, 1, 1, 3, True, mundane=0.93, warning="grounding")
        journey.advance(1 / 60, (0, 0), False, journey.seconds)
    assert list(journey.mind_client.notes) == [journey.mind_client.warning]


def test_a_rest_is_remembered_and_can_be_gone_back_to() -> None:
    mind = StubMind()
    journey = Journey(LocalRealm(new_world(0)), mind)
    journey.rest(True)
    pass_time(journey, 0.2)
    journey.rest(False)
    journey.rewind(0)
    pass_time(journey, 0.1)
    assert [message.label for message in mind.sent if isinstance(message, Mark)] == ["day 1, dusk"]
    assert [message.to for message in mind.sent if isinstance(message, Rewind)] == [0]


@pytest.fixture
def game(tmp_path: Path) -> Game:
    open_display()
    return game_of(StubMind(), tmp_path, seed=0)


def test_naming_is_a_chooser_over_the_places_in_sight(game: Game) -> None:
    play(game, 10)
    game._command("name")
    layer = game.screens.top
    assert isinstance(layer, naming.Chooser)
    play(game, 2)
    assert game.journey.choosing == in_sight(game.journey.realm.world)[0][1]
    with_ring = pg.surfarray.array3d(game.window.canvas)
    game.journey.choosing = None
    play(game, 1)
    assert (with_ring != pg.surfarray.array3d(game.window.canvas)).any(), "a ring shows which place is meant"
    game._command("right")
    place = in_sight(game.journey.realm.world)[1][1]
    assert game.journey.choosing == place
    assert layer.words == (NOTHING,), "whom one hasn't met one can't name"
    game._command("enter")
    assert not game.screens and game.journey.choosing is None
    play(game, 4)
    assert [actions for _, actions in game.journey.realm.log.actions][-1] == (("name", place, NOTHING),)


@pytest.mark.parametrize("command", ["codex", "quests", "name"])
def test_a_screen_opens_paints_and_shuts_with_its_own_key(game: Game, command: str) -> None:
    play(game, 2)
    game._command(command)
    assert game.screens
    for step in ("down", "right", "next", "up", "left", "previous"):
        game._command(step)
        play(game, 1)
    tap(game, CODES[KEYS[command][0]], 1)
    assert not game.screens


def test_the_codex_hides_what_is_unknown_and_fills_by_meeting(game: Game) -> None:
    page = game.journey.realm.world.quests.tally.pages["kitsune"]
    lines = game.journey.realm.world.quests.book.lore["kitsune"]
    assert codex.lore(page, lines) == []
    page.shown = 1
    assert codex.lore(page, lines) == list(lines[:1])
    page.named = 9
    assert codex.lore(page, lines) == list(lines)


def test_without_a_familiar_nobody_can_be_sent(game: Game) -> None:
    game._command("send")
    assert not game.screens
    game.journey.realm.world.familiar_joins()
    game.journey.realm.refresh()
    game.journey.motion.note(game.journey.world)
    play(game, 2)
    game._command("send")
    assert game.screens.top is not None
    game._command("enter")
    play(game, 4)
    assert game.journey.companion.acts[-1] == "suggest"
    game._command("send")
    assert [entry.label for entry in game.screens.top.entries][:2] == ["Praise it", "Do as I say!"]  # type: ignore[union-attr]


def test_the_end_is_read_page_by_page_and_then_one_goes_on(game: Game) -> None:
    game.journey.narrator.wants = "ending"
    play(game, 2)
    layer = game.screens.top
    assert isinstance(layer, ending.Epilogue)
    pages = 0
    while game.screens:
        game._command("enter")
        play(game, 1)
        pages += 1
        assert pages < 40
    assert pages >= 2 * len(game.journey.realm.world.quests.book.epilogue)
    tick = game.journey.realm.world.tick
    play(game, 6)
    assert game.journey.realm.world.tick > tick and not game.journey.narrator.wants


def test_the_register_tells_how_one_came_to_see(game: Game) -> None:
    game.journey.narrator.chronicle.saw(Entry("oni", 2, 18.5, "jetty", "river", 1.25, True))
    lines = ending.register(game.journey)
    assert len(lines) == 6
    assert lines[4] == "oni: seen on day 2 at 18:30 by the jetty"


def test_every_errand_says_where_to_go() -> None:
    journey = Journey(LocalRealm(new_world(0)), StubMind())
    quests = journey.realm.world.quests
    for stage in ("open", "taken", "ready", "done"):
        for errand in quests.errands.values():
            errand.stage = stage
            assert errands.what_to_do(journey, errand)
    assert [errand.key for errand in errands.listed(quests)] == list(quests.errands)


def test_bearings_are_as_on_a_map() -> None:
    ways = ("north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest")
    assert bearing(0, 10, ways) == "right here"
    bearings = [bearing(*far, ways) for far in ((0, -100), (300, -300), (900, 0), (-900, 0), (0, 300))]
    assert bearings == ["a few steps north", "some way northeast", "far east", "far west", "some way south"]
