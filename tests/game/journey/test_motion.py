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
