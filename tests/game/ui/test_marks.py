"""Marks over people: they stand in the world, and give way to what covers it."""

import pygame as pg

from game.realm.world import new_world
from game.ui.font import Pen
from game.ui.marks import OVERHEAD, errand_marks, mark_of
from tests.kits.playkit import open_display


def test_a_mark_stands_over_whoever_has_something_to_ask_unless_a_panel_is_there() -> None:
    open_display()
    quests = new_world(0).quests
    index = next(number for number in range(len(quests.people)) if mark_of(quests, number) == "?")
    who = quests.people[index]
    camera = who.x - 320, who.y - 180

    def painted(taken: list[tuple[float, float, float, float]]) -> int:
        surface = pg.Surface((1280, 720))
        errand_marks(Pen(surface), quests, 0.0, camera, taken)
        return int((pg.surfarray.array3d(surface).astype(int).sum(2) > 0).sum())

    free = painted([])
    assert free > 3 and painted([(0.0, 0.0, 50.0, 50.0)]) == free
    assert painted([(300.0, 180.0 - OVERHEAD - 10, 60.0, 40.0)]) < free
