"""What a frame shows of rooms, weather, motion and wishes for less of it."""

from itertools import pairwise

import numpy as np
import pygame as pg
import pytest

from game.app import bench_game
from game.art.frame_state import Body, FrameState
from game.art.painter import SIZE, Painter
from game.art.placed_sprites import Lamp
from tests.kits.playlands import VIEWS, region_map, region_painter


def frame(stage: FrameState, **flags: bool) -> np.ndarray:
    surface = pg.Surface(SIZE).convert()
    region_painter().paint(surface, stage, **flags)
    return pg.surfarray.array3d(surface).astype(int)


def stage(
    at: tuple[int, int], hour: float = 12.0, weather: str = "clear", seconds: float = 1.0, **more: object
) -> FrameState:
    return FrameState(hour, weather, seconds, Body("player", *at, "s", False), **more)  # type: ignore[arg-type]


def test_a_room_lies_in_the_middle_and_the_land_around_it_is_dim() -> None:
    room = region_map().rooms[0]
    painter = region_painter()
    area = painter.room(*room.inside)
    assert area is not None
    camera = painter.camera(*room.inside)
    assert area.center == (camera[0] + SIZE[0] // 2, camera[1] + SIZE[1] // 2)
    pixels = frame(stage(room.inside))
    box = area.move(-camera[0], -camera[1])
    assert pixels[box.left : box.right, box.top : box.bottom].mean() > 2 * pixels[: box.left - 4].mean()
    assert painter.room(*VIEWS["village"]) is None


def test_one_room_never_shows_the_next() -> None:
    first, second = region_map().rooms[:2]
    camera = region_painter().camera(*first.inside)
    neighbour = second.left * 16 - camera[0]
    assert neighbour < SIZE[0], "it would be in the frame"
    before = frame(stage(first.inside))
    after = frame(stage(first.inside, bodies=(Body("cat", *second.inside, "s", False),)))
    assert (before == after).all()


def test_it_does_not_rain_indoors() -> None:
    inside = region_map().rooms[2].inside
    assert (
        frame(stage(inside, weather="rain"), calm=True) == frame(stage(inside, weather="rain", seconds=1.4), calm=True)
    ).all()
    outside = VIEWS["village"]
    assert (frame(stage(outside, weather="rain")) != frame(stage(outside, weather="rain", seconds=1.4))).any()


def passing(weather: str, hour: float, seconds: float, calm: bool = False) -> int:
    """How many pixels of a grey frame the weather touches."""
    surface = pg.Surface(SIZE).convert()
    surface.fill((90, 90, 90))
    region_painter().weather.in_air(surface, weather, hour, (0, 0), seconds, calm)
    return int((pg.surfarray.array3d(surface) != 90).any(axis=2).sum())


def test_rain_falls_gusts_blow_birds_fly_by_day_and_a_clear_night_is_empty() -> None:
    assert passing("rain", 22.0, 1.0) > 800
    assert 0 < passing("rain", 22.0, 1.0, calm=True) < 0.5 * passing("rain", 22.0, 1.0)
    assert passing("wind", 22.0, 1.0) > 100
    assert passing("clear", 12.0, 8.0) > 30
    assert passing("clear", 22.0, 8.0) == passing("mist", 12.0, 8.0) == 0


def test_drops_ring_on_water_and_splash_on_land() -> None:
    touched = []
    for wet in (False, True):
        surface = pg.Surface(SIZE).convert()
        water = np.full(SIZE, wet)
        region_painter().weather.on_ground(surface, "rain", water, (0, 0), 1.0, False)
        touched.append(int(pg.surfarray.array3d(surface).any(axis=2).sum()))
    assert touched[1] > touched[0] > 20


@pytest.mark.parametrize("weather", ["clear", "mist", "rain", "wind"])
def test_a_calm_picture_moves_less(weather: str) -> None:
    gaps = []
    for calm in (False, True):
        moments = [frame(stage(VIEWS["river"], 21.0, weather, 5 + k / 20), calm=calm) for k in range(4)]
        gaps.append(sum(int(np.abs(a - b).sum()) for a, b in pairwise(moments)))
    assert gaps[1] < 0.8 * gaps[0]


def test_every_weather_and_every_region_has_a_look_of_its_own() -> None:
    looks = [frame(stage(VIEWS["river"], weather=weather)).mean() for weather in ("clear", "mist", "rain", "wind")]
    assert len({round(float(look), 2) for look in looks}) == 4
    colours = [frame(stage(at)).mean(axis=(0, 1)) for at in VIEWS.values()]
    for index, first in enumerate(colours):
        for second in colours[index + 1 :]:
            assert np.abs(first / first.sum() - second / second.sum()).max() > 0.004


def test_lamps_are_lit_at_dusk() -> None:
    lamp = next(place for place in region_map().places if place.kind == "lantern")
    camera = region_painter().camera(*VIEWS["village"])
    around = (slice(lamp.x - camera[0] - 8, lamp.x - camera[0] + 8), slice(lamp.y - camera[1] - 20, lamp.y - camera[1]))
    warm = [frame(stage(VIEWS["village"], hour))[around].mean(axis=(0, 1)) for hour in (12.0, 20.0)]
    assert warm[1][0] - warm[1][2] > warm[0][0] - warm[0][2] + 20


def test_a_flood_makes_the_river_broader() -> None:
    dry, high = (frame(stage(VIEWS["river"], flood=flood)) for flood in (0.0, 1.0))
    assert (np.abs(dry - high).sum(axis=2) > 0).sum() > 4000


def test_a_title_looks_where_it_likes_and_shows_no_player() -> None:
    pixels = frame(stage((0, 0), view=VIEWS["shrine"], hidden=True))
    assert (pixels == frame(stage((5, 5), view=VIEWS["shrine"], hidden=True))).all()
    assert (pixels != frame(stage(VIEWS["shrine"]))).any()


def test_painting_ahead_changes_nothing_and_comes_to_an_end() -> None:
    early = Painter(region_map())
    for _ in range(30):
        early.advance(0.001)
    surface = pg.Surface(SIZE).convert()
    early.paint(surface, stage(VIEWS["forest"]))
    assert (pg.surfarray.array3d(surface) == frame(stage(VIEWS["forest"]))).all()
    while early.advance(1.0):
        pass
    assert not early.advance(1.0)


def test_a_lamp_that_was_near_before_the_water_was_painted_is_mirrored_later() -> None:
    painter = Painter(region_map())
    assert not painter.ground.painted(pg.Rect(0, 0, 8, 8))
    surface = pg.Surface(SIZE).convert()

    def mirrored(lamp: Lamp) -> bool:
        surface.fill((0, 0, 0))
        camera = (lamp.x - SIZE[0] // 2, lamp.foot - SIZE[1] // 2)
        painter.lighting.mirror(surface, lamp, lamp.x, lamp.foot, lamp.colour, camera, 0.0)
        return bool(pg.surfarray.array3d(surface).any())

    lamps = [lamp for lamp in painter.placed_sprites.lamps if lamp.foot]
    assert not any(map(mirrored, lamps))
    while painter.advance(1.0):
        pass
    assert painter.ground.painted(pg.Rect(0, 0, *painter.ground.size)) and any(map(mirrored, lamps))


def test_the_bench_has_a_row_for_every_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_game, "FRAMES", 4)
    monkeypatch.setattr(bench_game, "WARM", 1)
    rows = bench_game.rows(0)
    named = {row["name"]: row for row in rows}
    assert {"frame-p50", "frame-p99", "save", "first-frame", "busy-p50", "busy-p99", "memory"} <= named.keys()
    assert named["frame-p50"]["ratio"] == 1 == named["memory"]["ratio"]
    assert named["save"]["ratio"] > 0 and all(row["baseline"] in named for row in rows)
    assert all(float(str(row["value"])) >= 0 and row["unit"] for row in rows)


def test_what_stands_before_somebody_turns_clear() -> None:
    """An old woman behind a canopy is seen through it, wherever the player is."""
    painter = region_painter()
    trees = [thing for thing in painter.placed_sprites.things if thing.tall and thing.picture.get_height() > 60]
    x, y = next((thing.x, thing.y) for thing in trees if 200 < thing.x < 800 and 200 < thing.y < 600)
    picture = painter.figures["seer"].at("s", False, 1.0 + (x % 7))
    behind, camera = (Body("seer", x, y - 20, "s", False),), painter.camera(x, y)
    without, within = (frame(stage((x - 90, y + 60), view=(x, y), bodies=bodies), calm=True) for bodies in ((), behind))
    box = pg.Rect(x - 6 - camera[0], y - 20 - picture.get_height() - camera[1], 12, picture.get_height())
    change = np.abs(within - without)[box.left : box.right, box.top : box.bottom].sum(2)
    assert (change > 30).mean() > 0.5
