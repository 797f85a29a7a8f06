"""The great ones of the regions follow the beliefs of a frame, and nothing else."""

import numpy as np
import pygame as pg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.art.frame_state import Ghost
from game.art.great_spirits import FROM, GREAT, STEPS, GreatSpirits, clearness, whole
from tests.kits.playkit import check_golden, open_display
from tests.kits.playlands import region_map, sheet

BELIEFS = st.lists(st.floats(0, 1), max_size=6)


def ghosts(beliefs: list[float], wavering: bool = False) -> list[Ghost]:
    return [Ghost(index, 100 + index, 100, "oni", belief, wavering) for index, belief in enumerate(beliefs)]


@given(BELIEFS, st.floats(0, 1))
def test_it_is_as_clear_as_the_second_strongest_belief_and_never_falls_as_one_grows(beliefs, more) -> None:
    clear = clearness(ghosts(beliefs), 100, 100)
    assert 0 <= clear <= 1
    assert clear <= clearness(ghosts([*beliefs, more]), 100, 100)
    if sum(belief > FROM for belief in beliefs) < 2:
        assert clear == 0


def test_one_spirit_far_ones_and_phantoms_show_none() -> None:
    assert clearness(ghosts([1.0, 1.0]), 100, 100) == 1
    assert clearness(ghosts([1.0]), 100, 100) == clearness(ghosts([1.0, 1.0]), 900, 100) == 0
    assert clearness(ghosts([1.0, 1.0], wavering=True), 100, 100) == 0


@pytest.mark.parametrize("region", list(GREAT))
def test_each_comes_at_night_where_two_are_seen(region: str) -> None:
    open_display()
    great = GreatSpirits(region_map())
    x, y = great._spots[region]

    def painted(beliefs: list[float], hour: float) -> int:
        frame = pg.Surface((640, 360)).convert()
        near = [Ghost(n, x + 40 * n, y, "oni", belief) for n, belief in enumerate(beliefs)]
        great.draw(frame, near, (x - 320, y - 240), hour, 1.0)
        return int(pg.surfarray.array3d(frame).any(2).sum())

    assert painted([], 22.0) == painted([1.0], 22.0) == painted([1.0, 1.0], 12.0) == 0
    assert 400 < painted([0.7, 0.8], 22.0) < painted([1.0, 1.0], 3.0)


def test_their_pictures() -> None:
    open_display()
    rows = []
    for region in GREAT:
        row = []
        for step in (0, STEPS // 2):
            cell = pg.Surface((170, 122))
            cell.fill((30, 44, 50))
            cell.blit(whole(region, step), (0, 0))
            row.append(cell)
        rows.append(row)
        edge = pg.surfarray.array_alpha(whole(region, 0))
        assert not np.concatenate([edge[:, 0], edge[0], edge[-1]]).any(), "it is cut off"
    check_golden("great", sheet(rows))
