"""A journey without a window: what keys mean, what becomes a lesson, and what never enters the world."""

from itertools import pairwise

import pytest

from game.journey.journey import Journey
from game.realm.realms import LocalRealm
from game.realm.replay import state_hash
from game.realm.rules import NOTHING
from game.realm.senses import who_is_at
from game.realm.step import step
from game.realm.world import World, new_world
from perception.messages import Keep, Practise, Teach
from tests.kits.stub_mind import StubMind, by_traces, everywhere


def pass_time(journey: Journey, seconds: float, walk: tuple[int, int] = (0, 0), attending: bool = False) -> None:
    for _ in range(round(seconds * 60)):
        journey.advance(1 / 60, walk, attending, journey.seconds)


def beside(world: World, index: int) -> None:
    """Puts the player below a place, the seer far away."""
    place = world.map.places[index]
    world.player.x, world.player.y = place.x, place.y + 16
    world.seer.x, world.seer.y = place.x - 300, place.y


def a_place(world: World, truth: str | None = None) -> int:
    """A landmark with (truth=None: any) somebody or nobody there, not one to rest at."""
    for place in world.map.places:
        here = who_is_at(world, place.index)
        if place.kind not in ("torii", "altar", "bridge") and (
            truth is None or (here == NOTHING) == (truth == NOTHING)
        ):
            return place.index
    raise AssertionError("no such place")


def taught(mind: StubMind) -> list[Teach]:
    return [message for message in mind.sent if isinstance(message, Teach)]


def test_the_seer_shows_spirits_and_that_is_a_lesson() -> None:
    for seed in range(6):
        mind = StubMind()
        journey = Journey(LocalRealm(new_world(seed)), mind)
        journey.realm.world.seer.x, journey.realm.world.seer.y = (
            journey.realm.world.player.x + 6,
            journey.realm.world.player.y,
        )
        assert journey.context() == "ask"
        journey.act()
        pass_time(journey, 0.2)
        if not journey.narrator.shown:
            continue
        answers = taught(mind)[0].lesson.answers
        species = [answer for answer in answers if answer and answer != NOTHING]
        assert len(species) == 1
        assert sum(answer == NOTHING for answer in answers) >= 3
        assert taught(mind)[0].lesson.source == "seer"
        assert {spot.answer for spot in journey.narrator.pointed} == {species[0], NOTHING}
        assert journey.narrator.speech is not None
        assert species[0] in journey.narrator.speech.text
        return
    raise AssertionError("in six realms she saw nobody")


def test_a_touch_teaches_emptiness_and_makes_the_phantom_waver() -> None:
    mind = StubMind(everywhere("oni", 0.9))
    journey = Journey(LocalRealm(new_world(0)), mind)
    index = a_place(journey.realm.world, NOTHING)
    beside(journey.realm.world, index)
    pass_time(journey, 3.0)
    assert [ghost.wavering for ghost in journey.frame_state().ghosts if ghost.place == index] == [False]
    assert journey.context() == "touch"
    journey.act()
    pass_time(journey, 0.2)
    assert [answer for answer in taught(mind)[0].lesson.answers if answer] == [NOTHING]
    assert [ghost.wavering for ghost in journey.frame_state().ghosts if ghost.place == index] == [True]


def test_looking_says_what_is_sensed_and_believed() -> None:
    journey = Journey(LocalRealm(new_world(0)), StubMind(everywhere("kodama", 0.9)))
    beside(journey.realm.world, a_place(journey.realm.world))
    journey.look()
    assert journey.narrator.speech is not None, "no mind is awake yet: the senses speak for themselves"
    assert journey.narrator.speech.text.endswith("You see nobody there.")
    pass_time(journey, 3.0)
    journey.look()
    pass_time(journey, 0.2)
    assert journey.narrator.speech.text.endswith("You see a kodama.")


def test_a_shrine_is_for_resting_unless_somebody_seems_to_be_there() -> None:
    world = new_world(0)
    torii = next(place.index for place in world.map.places if place.kind == "torii")
    journey = Journey(LocalRealm(world), StubMind())
    beside(world, torii)
    assert journey.context() == "rest"
    beside(world, torii)
    journey = Journey(LocalRealm(world), StubMind(everywhere("tengu", 0.9)))
    pass_time(journey, 2.0)
    beside(world, torii)
    assert journey.context() == "touch"


def test_resting_practises_and_waking_keeps() -> None:
    mind = StubMind()
    journey = Journey(LocalRealm(new_world(0)), mind)
    journey.rest(True)
    pass_time(journey, 0.5, walk=(1, 0))
    assert journey.realm.world.resting
    assert (journey.realm.world.player.x, journey.realm.world.player.y) == journey.realm.world.map.start, (
        "nobody walks in their sleep"
    )
    assert journey.context() == "wake"
    journey.act()
    pass_time(journey, 0.2)
    assert not journey.realm.world.resting
    assert [m.on for m in mind.sent if isinstance(m, Practise)] == [True, False]
    assert any(isinstance(m, Keep) for m in mind.sent)


def test_what_one_begins_to_see_in_a_dream_is_announced_on_waking() -> None:
    journey = Journey(LocalRealm(new_world(0)), StubMind(everywhere("oni", 0.9)))
    journey.rest(True)
    pass_time(journey, 3.0)
    assert journey.mind_client.places(), "the mind answers in dreams, too"
    assert journey.narrator.firsts.now is None
    journey.rest(False)
    pass_time(journey, 2.0)
    assert journey.narrator.firsts.now is not None
    assert journey.narrator.firsts.now.first


def test_attending_practises_while_the_key_is_held() -> None:
    mind = StubMind()
    journey = Journey(LocalRealm(new_world(0)), mind)
    pass_time(journey, 1.0, attending=True)
    assert journey.frame_state().attend > 0.9
    pass_time(journey, 2.0)
    assert journey.frame_state().attend < 0.05
    assert [m.on for m in mind.sent if isinstance(m, Practise)] == [True, False]


@pytest.mark.parametrize("mind", [StubMind(), StubMind(everywhere("yurei", 1.0)), StubMind(state="dead")])
def test_beliefs_never_enter_the_world(mind: StubMind) -> None:
    journey = Journey(LocalRealm(new_world(4)), mind)
    twin = new_world(4)
    pass_time(journey, 8.0, walk=(1, 1))
    for _ in range(journey.realm.world.tick):
        step(twin, (("move", 1, 1),))
    assert state_hash(journey.realm.world) == state_hash(twin)


def test_the_log_of_a_journey_replays_to_the_same_world() -> None:
    world = new_world(2)
    journey = Journey(LocalRealm(world), StubMind(by_traces(world.rules)))
    for walk in ((1, 0), (0, 1), (-1, -1), (0, 0)):
        pass_time(journey, 1.5, walk)
        journey.act()
        journey.look()
    pass_time(journey, 0.2)
    assert state_hash(journey.realm.log.replay()) == state_hash(world)


def test_time_is_the_ticks_not_the_frames() -> None:
    slow, fast = Journey(LocalRealm(new_world(1)), StubMind()), Journey(LocalRealm(new_world(1)), StubMind())
    for _ in range(60):
        slow.advance(1 / 20, (1, 0), False, 0.0)
    for _ in range(432):
        fast.advance(1 / 144, (1, 0), False, 0.0)
    assert abs(slow.world.tick - fast.world.tick) <= 1
    assert slow.world.tick in (89, 90)


def test_bodies_move_smoothly_between_ticks() -> None:
    journey = Journey(LocalRealm(new_world(0)), StubMind())
    pass_time(journey, 0.5, (1, 0))
    xs = []
    for _ in range(12):
        journey.advance(1 / 120, (1, 0), False, 0.0)
        xs.append(journey.frame_state().player.x)
    gaps = [b - a for a, b in pairwise(xs)]
    assert max(gaps) <= 2, "three px a tick, four frames a tick"
    assert min(gaps) >= 0
