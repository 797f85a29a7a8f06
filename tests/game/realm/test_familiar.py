"""The familiar: it follows, goes where it is sent if it heeds, and the river in flood takes it along."""

from game.realm.familiar import SWEPT
from game.realm.happenings import Came
from game.realm.replay import state_hash
from game.realm.senses import in_sight
from game.realm.step import step
from game.realm.terrain import TILE
from game.realm.traces import NOBODY
from game.realm.world import new_world
from tests.kits.questkit import into


def brought(weather):
    """A world with a familiar in some weather, the player by the river; a place of the river, and its direction."""
    world = new_world(3)
    world.familiar_joins()
    while world.weather != weather:
        step(world)
    for place in world.map.places:
        world.player.x, world.player.y = place.x, place.y + TILE
        world.familiar.join()
        for direction, index in in_sight(world):
            goal = world.map.places[index]
            near = abs(goal.x - place.x) + abs(goal.y - place.y)
            if place.region == goal.region == "river" and 5 * TILE < near < 12 * TILE:
                world.familiar.asked = index
                if world.familiar.set_out(world):
                    world.familiar.join()
                    world.familiar.asked = NOBODY
                    return world, goal, direction
    raise AssertionError("no two places of the river are near each other")


def lived_on(world, ticks):
    return [h for _ in range(ticks) for h in step(world) if isinstance(h, Came)]


def test_the_familiar_goes_where_it_is_sent_only_if_it_heeds_and_comes_back():
    world, place, direction = brought("clear")
    step(world, (("send", direction),))
    assert world.familiar.asked == place.index
    step(world, (("heed", False),))
    assert lived_on(world, 100) == [] and not world.familiar.away
    step(world, (("heed", True),))
    assert lived_on(world, 100) == []  # nobody asks it any more
    step(world, (("send", direction),))
    step(world, (("heed", True),))
    assert lived_on(world, 300) == [Came(place.index, False)] and world.familiar.away
    step(world, (("call",),))
    lived_on(world, 400)
    assert not world.familiar.away


def test_the_river_in_flood_sweeps_the_familiar_away_and_gives_it_back():
    world, place, direction = brought("rain")
    assert world.flooded and world.dangerous(place.index)
    step(world, (("send", direction),))
    step(world, (("heed", True),))
    while not (came := lived_on(world, 1)):
        assert world.familiar.away
    assert came == [Came(place.index, True)] and world.familiar.swept
    step(world, (("call",),))
    assert world.familiar.swept
    lived_on(world, SWEPT * world.rules.ticks_per_second)
    assert not world.familiar.away and not world.familiar.swept


def test_nobody_hears_directions_before_there_is_a_familiar():
    world, still = new_world(0), new_world(0)
    for action in (("send", "north"), ("heed", True), ("call",)):
        step(world, (action,))
        step(still)
    assert state_hash(world) == state_hash(still)


def test_the_familiar_follows_and_goes_through_doors():
    world = new_world(2)
    world.familiar_joins()
    assert world.familiar in world.actors
    into(world, world.map.rooms[0])
    assert (world.familiar.x, world.familiar.y) == world.map.rooms[0].inside
