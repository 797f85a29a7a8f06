"""What the player sees: borrowed eyes are none of it, and the first sight of all comes as one shape."""

from itertools import pairwise

import pytest

from game.journey.debut import ALONE, COMES, GATHERS, Debut
from game.journey.journey import NO_VOICE, Journey
from game.journey.sight import BACK
from game.realm.borrowing import LASTS, SHRINES
from game.realm.realms import LocalRealm
from game.realm.world import World, new_world
from tests.kits.stub_mind import StubMind, blind, by_traces, everywhere


def pass_time(journey: Journey, seconds: float) -> None:
    for _ in range(round(seconds * 60)):
        journey.advance(1 / 60, (0, 0), False, journey.seconds)


def at_a_shrine(world: World) -> None:
    place = next(place for place in world.map.places if place.kind in SHRINES and place.room < 0)
    world.player.x, world.player.y = place.x, place.y + 12
    world.seer.x = place.x - 200


def borrowing(mind: StubMind) -> Journey:
    journey = Journey(LocalRealm(new_world(0)), mind)
    at_a_shrine(journey.realm.world)
    pass_time(journey, 0.3)
    journey.borrow(journey.seconds)
    pass_time(journey, 2.0)
    return journey


def test_what_one_sees_through_other_eyes_is_not_ones_own() -> None:
    journey = borrowing(StubMind(seer=everywhere("oni", 0.95)))
    assert journey.lent and any(ghost.species == "oni" for ghost in journey.frame_state().ghosts)
    place = next(iter(journey.view.places.values()))
    log = len(journey.realm.log.actions)
    journey.name(place, "oni")
    pass_time(journey, 0.1)
    assert journey.narrator.speech.text == NO_VOICE and len(journey.realm.log.actions) == log
    journey.act()
    pass_time(journey, 0.1)
    assert journey.narrator.speech.text == BACK and not journey.lent, "the key gives them back"
    oni = next(spirit for spirit in journey.realm.world.spirits if spirit.kind.name == "oni")
    journey.realm.world.hold(oni, place)
    journey.name(place, "oni")
    pass_time(journey, 0.1)
    firsts = journey.narrator.firsts
    assert journey.narrator.speech.text.startswith("Yes: an oni.") and firsts.found == 0
    pass_time(journey, LASTS)
    assert (firsts.now, firsts.any, journey.narrator.chronicle.entries) == (None, False, [])


def test_eyes_are_lent_for_a_while_and_the_world_says_when_it_is_over() -> None:
    journey = borrowing(StubMind(seer=everywhere("oni", 0.95)))
    pass_time(journey, LASTS - 1.5)
    assert not journey.lent and journey.mind_client.borrowed(journey.seconds) is None
    assert "Rest first" in journey.borrow(journey.seconds) and not journey.lent


def test_nobody_lends_eyes_on_the_road_or_without_a_born_seer() -> None:
    journey = Journey(LocalRealm(new_world(0)), StubMind(seer=everywhere("oni", 0.95)))
    pass_time(journey, 0.3)
    assert "torii" in journey.borrow(journey.seconds) and not journey.lent
    alone = Journey(LocalRealm(new_world(0)), StubMind(blind))
    at_a_shrine(alone.realm.world)
    pass_time(alone, 0.3)
    assert "No born seer" in alone.borrow(alone.seconds) and not alone.lent


def test_guests_of_errands_hide_from_other_eyes() -> None:
    journey = Journey(LocalRealm(new_world(0)), StubMind(seer=everywhere("oni", 0.95)))
    pass_time(journey, 0.3)
    secret = set(list(journey.view.places.values())[:2])
    journey.mind_client.hides = secret.__contains__
    journey.realm.world.quests.borrowing.until = journey.realm.world.tick + 200
    journey.mind_client.borrow("seer", journey.seconds)
    pass_time(journey, 2.0)
    seen = {ghost.place for ghost in journey.frame_state().ghosts}
    assert seen and not seen & secret
    assert all(journey.mind_client.belief(place)[1] < 0.1 for place in secret)


def test_the_first_sight_gathers_alone_and_then_the_crowd_comes() -> None:
    journey = Journey(LocalRealm(new_world(0)), StubMind(everywhere("oni", 0.9)))
    levels, alone, stages = [], set(), []
    for _ in range(round(60 * (1 + GATHERS + ALONE + COMES + 2))):
        journey.advance(1 / 60, (0, 0), False, journey.seconds)
        ghosts, debut = journey.frame_state().ghosts, journey.sight.debut
        if debut.going_on:
            assert len(ghosts) <= 1, "one shape"
            levels += [ghost.belief for ghost in ghosts]
            alone |= {ghost.place for ghost in ghosts}
            stages.append(debut.stage(journey.seconds))
    assert len(alone) == 1 and all(a <= b + 1e-6 for a, b in pairwise(levels))
    rising = sum(level < 0.85 for level in levels) / 60
    assert 2.5 < rising < 4.5 and levels[-1] == pytest.approx(0.9, abs=0.01)
    assert max(stages) == 1.0 and journey.sight.debut.stage(journey.seconds) == 0.0
    assert len(journey.frame_state().ghosts) > 2 and journey.narrator.chronicle.entries


def test_before_the_first_sight_only_an_inkling_of_the_strongest_is_drawn() -> None:
    debut = Debut()
    debut.choose({3: ("oni", 0.3), 5: ("tengu", 0.5)})
    assert debut.place == 5
    assert debut.drawn(5, 0.5, False, 1.0) < 0.25 and debut.drawn(3, 0.3, False, 1.0) == 0
    assert debut.drawn(3, 0.3, True, 1.0) == 0.3, "what somebody pointed at is drawn as it is believed"
    debut.choose({3: ("oni", 0.54), 5: ("tengu", 0.5)})
    assert debut.place == 5, "it doesn't jump from place to place"
    debut.choose({3: ("oni", 0.6), 5: ("tengu", 0.5)})
    assert debut.place == 3, "but whoever is sure comes first"


def test_a_first_sight_that_fails_is_still_to_come() -> None:
    mind = StubMind(everywhere("oni", 0.9))
    journey = Journey(LocalRealm(new_world(0)), mind)
    pass_time(journey, 2.5)
    assert journey.sight.debut.going_on
    mind.believe = blind
    pass_time(journey, 4.0)
    assert not journey.sight.debut.going_on and not journey.narrator.firsts.any
    assert journey.narrator.chronicle.entries == []
    mind.believe = everywhere("tengu", 0.9)
    pass_time(journey, 3.0)
    assert journey.sight.debut.going_on and journey.sight.debut.species == "tengu"


def test_what_the_screen_did_not_show_is_not_found_unaided() -> None:
    world = new_world(0)
    journey = Journey(LocalRealm(world), StubMind(everywhere("oni", 0.9)))
    pass_time(journey, 0.6)
    assert not journey.sight.debut.going_on and journey.mind_client.belief(next(iter(journey.view.places.values())))[1]
    place = next(iter(journey.view.places.values()))
    world.hold(next(spirit for spirit in world.spirits if spirit.kind.name == "oni"), place)
    journey.name(place, "oni")
    pass_time(journey, 0.1)
    assert journey.narrator.firsts.found == 0, "a guess before the first sight is a guess"


def test_nothing_is_drawn_stronger_than_it_is_believed() -> None:
    debut = Debut()
    debut.begin(4, "oni", 10.0)
    for tick in range(200):
        seconds = 10 + tick / 10
        debut.advance(0.6, 0.1, seconds)
        for place in (4, 5):
            assert debut.drawn(place, 0.6, False, seconds) <= 0.6


def test_who_has_seen_before_sees_the_crowd_at_once() -> None:
    journey = Journey(LocalRealm(new_world(0)), StubMind(by_traces(new_world(0).rules)))
    journey.narrator.firsts.recall(2, True)
    pass_time(journey, 0.3)
    assert journey.sight.debut.over and journey.sight.debut.stage(journey.seconds) == 0.0
