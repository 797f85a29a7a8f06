"""The line about the first spirit of a species: once, and only after others are known."""

import pytest

from game.journey.journey import Journey
from game.journey.strangers import of_a_stranger
from game.realm.play_rules import load
from game.realm.realms import LocalRealm
from game.realm.rules import NOTHING
from game.realm.senses import in_sight, who_is_at
from game.realm.tally import Page
from game.realm.world import new_world
from tests.kits.stub_mind import Believe, StubMind, blind, everywhere


def pages(**shown: int) -> dict[str, Page]:
    return {name: Page(shown=shown.get(name, 0)) for name in load().species}


def test_the_first_of_all_and_the_second_of_a_species_are_no_strangers() -> None:
    assert of_a_stranger(pages(kitsune=1), "kitsune", ("", 0.0)) == ""
    assert of_a_stranger(pages(kitsune=3, yurei=2), "yurei", ("kitsune", 0.9)) == ""
    assert of_a_stranger(pages(kitsune=3, yurei=1), "yurei", ("yurei", 0.9)) == "", "it was seen"


def test_it_says_what_the_player_took_it_for() -> None:
    known = pages(kitsune=3, oni=1)
    assert "no kitsune: it is an oni" in of_a_stranger(known, "oni", ("kitsune", 0.6))
    for seen in (("kitsune", 0.1), ("oni", 0.1), ("", 0.0)):
        assert of_a_stranger(known, "oni", seen).startswith("You looked straight through it. An oni is nothing like")


@pytest.mark.parametrize(("believe", "part"), [(everywhere("kitsune", 0.9), "no kitsune"), (blind, "straight through")])
def test_it_is_said_after_the_name_that_brought_it_to_light(believe: Believe, part: str) -> None:
    world = new_world(3, load())
    world.quests.tally.pages["kitsune"].shown = 2
    place = next(index for _, index in in_sight(world) if who_is_at(world, index) == NOTHING)
    world.hold(next(spirit for spirit in world.spirits if spirit.kind.name == "tengu"), place)
    journey = Journey(LocalRealm(world), StubMind(believe))
    for _ in range(60):
        journey.advance(1 / 30, (0, 0), False, journey.seconds)
    journey.sight.debut.finish()
    journey.name(place, "kitsune")
    said = []
    for _ in range(30 * 60):
        journey.advance(1 / 30, (0, 0), False, journey.seconds)
        speech = journey.narrator.speech
        if speech is not None and (not said or said[-1] != (speech.who, speech.text)):
            said.append((speech.who, speech.text))
    lines = [text for who, text in said if who == world.rules.seer_name and part in text]
    assert len(lines) == 1, said
