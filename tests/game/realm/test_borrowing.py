"""Borrowed eyes as the world knows them: where and how often they are lent, and what they forbid. Errands that wait."""

from pathlib import Path

import pytest

from game.realm.borrowing import LASTS, SHRINES, SLEEP
from game.realm.replay import ActionLog, state_hash
from game.realm.step import step
from game.realm.world import World, new_world
from tests.kits.questkit import Hand

SECOND = 30  # ticks
OLD = Path(__file__).resolve().parents[2] / "golden" / "walk-before-borrowing.replay"


def at_a_shrine(world: World) -> None:
    place = next(place for place in world.map.places if place.kind in SHRINES and place.room < 0)
    world.player.x, world.player.y = place.x, place.y + 12


def lent(world: World) -> bool:
    return world.quests.borrowing.lent(world)


def asleep(world: World, seconds: int) -> None:
    step(world, (("rest", True),))
    for _ in range(seconds * SECOND):
        step(world)
    step(world, (("rest", False),))


def test_a_walk_of_before_there_were_borrowed_eyes_leads_where_it_did() -> None:
    log = ActionLog.load(OLD)
    assert log.fits(), "an old save would begin its walk anew"
    assert (log.ticks, state_hash(log.replay())) == (1010, "b9daa7dddafa5ed7")


def test_eyes_are_lent_at_a_shrine_once_between_two_rests() -> None:
    world = new_world(0)
    step(world, (("borrow", True),))
    assert not lent(world) and "torii" in world.quests.borrowing.refusal(world)
    at_a_shrine(world)
    step(world, (("borrow", True),))
    assert lent(world)
    for _ in range(LASTS * SECOND):
        step(world)
    assert not lent(world), "they are given back by themselves"
    step(world, (("borrow", True),))
    assert not lent(world) and "Rest" in world.quests.borrowing.refusal(world)
    asleep(world, SLEEP - 2)
    assert world.quests.borrowing.refusal(world), "a nap is no rest"
    asleep(world, SLEEP)
    step(world, (("borrow", True),))
    assert lent(world)
    step(world, (("borrow", False),))
    assert not lent(world)


def test_the_fox_lends_hers_wherever_she_is() -> None:
    world = new_world(0)
    fox = next(seer for seer in world.seers if seer.key == "fox")
    world.player.x, world.player.y = fox.x + 8, fox.y
    assert world.quests.borrowing.refusal(world) == ""


@pytest.mark.parametrize("verb", ["touch", "name"])
def test_other_eyes_lend_no_hand_and_no_voice(verb: str) -> None:
    world = new_world(0)
    at_a_shrine(world)
    place = world.spatial_index.nearest(world.player.x, world.player.y).index
    action = ("touch", place) if verb == "touch" else ("name", place, "oni")
    assert step(world, (action,)), "with one's own eyes something happens"
    step(world, (("borrow", True),))
    assert step(world, (action,)) == ()


def staring(world: World) -> Hand:
    """A hand beside the tengu of the second errand, on the way there."""
    hand = Hand(world)
    world.quests.errands["lantern"].stage = "done"
    hand.talk("axe")
    return hand


def test_a_stare_waits_while_somebody_speaks_and_while_eyes_are_lent() -> None:
    world = new_world(1)
    hand = staring(world)
    hand.go(hand.guest("axe"))
    errand = hand.errand("axe")
    hand.wait(2 * SECOND)
    before = errand.still
    hand.do(("wait", True))
    hand.wait(5 * SECOND)
    assert errand.still == before and (errand.count, errand.wrongs) == (0, 0)
    hand.do(("wait", False))
    world.quests.borrowing.until = world.tick + 4 * SECOND
    hand.wait(4 * SECOND - 1)
    assert errand.still <= before + 1 and errand.count == 0
    hand.wait(3 * SECOND)
    assert errand.count == 1, "and goes on where it was"


def test_who_listens_beside_the_one_who_asks_is_not_staring() -> None:
    world = new_world(1)
    hand = staring(world)
    hand.do(("wait", True))
    hand.wait(6 * SECOND)
    hand.do(("wait", False))
    hand.wait(10 * SECOND)
    assert hand.errand("axe").wrongs == 0, "nobody fails by standing where they were spoken to"


def test_a_time_limit_waits_too() -> None:
    world = new_world(1)
    for key, errand in world.quests.errands.items():
        errand.stage = "done" if key != "register" else "open"
    hand = Hand(world)
    hand.hour("dusk")
    hand.talk("register")
    errand = hand.errand("register")
    left = errand.due - world.tick
    hand.do(("wait", True))
    hand.wait(3 * SECOND)
    assert errand.due - world.tick == left, "the tick of the word itself does not count either"


def test_what_waits_and_what_is_lent_decides_the_future() -> None:
    hashes = []
    for actions in ((), (("wait", True),), (("borrow", True),)):
        world = new_world(0)
        at_a_shrine(world)
        step(world, actions)
        hashes.append(state_hash(world))
    assert len(set(hashes)) == 3
