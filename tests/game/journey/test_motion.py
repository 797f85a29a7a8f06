"""Frames between two ticks."""

from game.journey.motion import Motion
from game.realm.realms import LocalRealm
from game.realm.world import new_world


def test_who_goes_through_a_door_does_not_glide_there() -> None:
    realm = LocalRealm(new_world(0))
    motion, player, view = Motion(), realm.world.player, realm.view

    def goes(px: int) -> int:
        player.x += px
        realm.refresh()
        motion.note(view)
        return motion.bodies(view, 0.5)[0].x

    goes(0)
    assert goes(2) == player.x - 1
    assert goes(400) == player.x


def test_who_is_told_of_every_other_tick_walks_evenly() -> None:
    realm = LocalRealm(new_world(0))
    motion, view, worker = Motion(), realm.view, realm.world.folk[0]
    view.span, number, start, steps = 2, 100, worker.x, []
    motion.note(view)
    for tick in range(12):
        if tick % 2 == 0:
            worker.x = start + tick
            realm.refresh()
        before = motion.now[number][0]
        motion.note(view)
        steps.append(motion.now[number][0] - before)
    assert steps[2:] == [1] * 10
    worker.x += 400
    realm.refresh()
    motion.note(view)
    assert motion.now[number][0] == worker.x, "a door is no way to glide"
