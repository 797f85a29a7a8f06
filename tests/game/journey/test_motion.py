"""Frames between two ticks."""

from game.journey.motion import Motion
from game.realm.world import new_world


def test_who_goes_through_a_door_does_not_glide_there() -> None:
    world = new_world(0)
    motion = Motion()
    motion.note(world)
    motion.note(world)
    world.player.x += 2
    motion.note(world)
    assert motion.bodies(world, 0.5)[0].x == world.player.x - 1
    world.player.x += 400
    motion.note(world)
    assert motion.bodies(world, 0.5)[0].x == world.player.x
