"""Golden pictures: small crops of what the game draws. On a mismatch, tests/artefacts/NAME.png shows both."""

import pygame as pg
import pytest

from game.art import spirits, sprites
from game.art.frame_state import Body, FrameState, Ghost, Hint
from game.art.ground import undergrowth
from game.ui import heads_grid
from game.ui.announcements import Pointed, Speech
from game.ui.font import DIM, GOLD, Pen
from game.ui.overlays import pointed, speech
from perception.messages import HeadActivity, Progress, Ready
from tests.kits import playkit
from tests.kits.playkit import check_golden, open_display, small_painter
from tests.kits.playlands import VIEWS, region_map, sheet, shot

BODIES = (Body("seer", 330, 232, "w", False), Body("fisher", 270, 236, "s", True))
HINTS = (Hint(300, 200, "track", "pawprint"), Hint(360, 190, "glimpse", "feather"))
GHOSTS = (Ghost(0, 230, 195, "kitsune", 0.25), Ghost(1, 285, 190, "oni", 0.6), Ghost(2, 340, 190, "yurei", 1.0))


def scene(
    hour: float, weather: str, *ghosts: Ghost, attend: float = 0.0, lost: Body | Ghost | Hint | None = None
) -> pg.Surface:
    """The small map with people and hints; lost: one of them that is left out."""
    bodies, hints = (tuple(x for x in things if x is not lost) for things in (BODIES, HINTS))
    ghosts = tuple(ghost for ghost in ghosts if ghost is not lost)
    painter = small_painter()
    frame = pg.Surface((640, 360)).convert()
    stage = FrameState(hour, weather, 2.0, Body("player", 350, 230, "s", False), bodies, ghosts, hints, attend)
    camera = painter.paint(frame, stage)
    return frame.subsurface(pg.Rect(220 - camera[0], 140 - camera[1], 168, 112)).copy()


@pytest.mark.parametrize(
    ("name", "hour", "weather"), [("day", 12.0, "clear"), ("dusk", 18.8, "mist"), ("night", 23.0, "rain")]
)
def test_hours_and_weathers(name: str, hour: float, weather: str) -> None:
    check_golden(f"scene-{name}", scene(hour, weather))


def test_spirits_at_three_beliefs() -> None:
    check_golden("spirits", scene(21.5, "clear", *GHOSTS))


DARK = (("scene-night", 23.0, "rain", ()), ("scene-dusk", 18.8, "mist", ()), ("spirits", 21.5, "clear", GHOSTS))


@pytest.mark.parametrize(
    ("name", "hour", "weather", "ghosts", "lost"),
    [(*picture, lost) for picture in DARK for lost in (*BODIES, *HINTS, *picture[3])],
)
def test_a_lost_sprite_is_seen_in_the_dark_too(tmp_path, monkeypatch, name, hour, weather, ghosts, lost) -> None:
    monkeypatch.setattr(playkit, "ARTEFACTS", tmp_path)
    monkeypatch.delenv("SECOND_SIGHT_GOLDEN", raising=False)
    with pytest.raises(AssertionError, match=f"{name} differs"):
        check_golden(name, scene(hour, weather, *ghosts, lost=lost))


@pytest.mark.parametrize("region", list(VIEWS))
def test_regions_by_hour_and_belief(region: str) -> None:
    rows = [[shot(VIEWS[region], hour, belief=belief) for belief in (0.0, 0.5, 1.0)] for hour in (11.0, 18.7, 23.0)]
    check_golden(f"region-{region}", sheet(rows))


def test_weathers() -> None:
    rows = [
        [shot(VIEWS[region], 15.0, weather) for weather in ("clear", "mist", "rain", "wind")]
        for region in ("village", "river")
    ]
    check_golden("weathers", sheet([*rows, [shot(VIEWS["river"], 9.0, "rain", flood=flood) for flood in (0, 1) * 2]]))


def test_rooms_by_day_and_night() -> None:
    rows = [
        [shot(room.inside, hour, belief=belief, size=(240, 176)) for room in region_map().rooms]
        for hour, belief in ((12.0, 0.0), (22.0, 1.0))
    ]
    check_golden("rooms", sheet(rows))


def test_everybody_in_four_directions() -> None:
    open_display()
    rows = []
    for _, figure in sorted(sprites.figures().items()):
        row = []
        for facing in "swne":
            for moving, seconds in ((False, 0.3), (True, 0.2)):
                cell = pg.Surface((28, 28))
                cell.fill((64, 104, 78))
                picture = figure.at(facing, moving, seconds)
                cell.blit(picture, (14 - picture.get_width() // 2, 27 - picture.get_height()))
                row.append(cell)
        rows.append(row)
    check_golden("figures", sheet(rows))


def test_everything_that_stands_about() -> None:
    open_display()
    pictures = [picture for _, kind in sorted((sprites.things() | undergrowth.pictures()).items()) for picture in kind]
    canvas = pg.Surface((640, 440))
    canvas.fill((64, 104, 78))
    x = y = high = 0
    for picture in sorted(pictures, key=pg.Surface.get_height):  # in rows, as words in lines
        width, height = picture.get_size()
        if x + width > canvas.get_width():
            x, y, high = 0, y + high, 0
        canvas.blit(picture, (x, y))
        x, high = x + width, max(high, height)
    assert y + high <= canvas.get_height()
    check_golden("things", canvas)


def test_each_spirit_gathers_in_its_own_way() -> None:
    open_display()
    rows = []
    for safe in (False, True):
        for art in spirits.spirits(safe).values():
            row = []
            for belief in (0.15, 0.4, 0.7, 1.0):
                cell = pg.Surface((72, 62))
                cell.fill((30, 40, 52))
                cell.blit(art.picture(belief, 0.4), (4, 5))
                if safe:
                    cell.blit(art.glyph, (2, 2))
                row.append(cell)
            rows.append(row)
    check_golden("gathering", sheet([left + right for left, right in zip(rows[:6], rows[6:], strict=True)]))


def test_attending() -> None:
    check_golden("attend", scene(20.0, "clear", attend=1.0))


def test_interface() -> None:
    open_display()
    surface = pg.Surface((640, 360))
    surface.fill((40, 60, 52))
    pen = Pen(surface)
    speech(pen, Speech("Granny Ume", "There, to the north, by the well. A kitsune.", 0.0), 9.0)
    pen.text("d' 1.92  hits 92%  [E] tell her", 20, 160, GOLD)
    pen.text("The quick brown fox jumps over the lazy dog.", 20, 176, DIM)
    pointed(pen, Pointed(80, 250, "kitsune", 9.0, "seer"), (0, 0), 2.0, [])
    pointed(pen, Pointed(220, 250, "nothing", 9.0, "seer"), (0, 0), 2.0, [])
    check_golden("interface", surface.subsurface((0, 150, 330, 210)).copy())


def test_heads() -> None:
    open_display()
    surface = pg.Surface((640, 360))
    values = tuple((i * 37 % 64) / 128 for i in range(64))
    change = tuple(0.3 if i % 9 == 0 else 0.02 * (i % 3) for i in range(64))
    heads = HeadActivity(8, 8, values, values, change)
    history = [Progress(i * 10, 20, 20, 71, True, 0.4, 2.1, i / 25, 0.02, i / 8, 0.99, change) for i in range(24)]
    heads_grid.panel(Pen(surface), "activity", Ready("novice", "cpu", 8, 8, "terse", 0), heads, history, None)
    check_golden("heads", surface.subsurface((390, 0, 250, 206)).copy())


@pytest.mark.parametrize(
    ("area", "says"), [((0, 0, 84, 112), "scene-day differs"), ((64, 32, 32, 32), "worst block")], ids=["much", "a bit"]
)
def test_a_mismatch_is_shown_side_by_side_however_small(tmp_path, monkeypatch, area, says) -> None:
    monkeypatch.setattr(playkit, "ARTEFACTS", tmp_path)
    monkeypatch.delenv("SECOND_SIGHT_GOLDEN", raising=False)
    wrong = scene(12.0, "clear")
    wrong.fill((255, 255, 255), area)
    with pytest.raises(AssertionError, match=says):
        check_golden("scene-day", wrong)
    assert pg.image.load(tmp_path / "scene-day.png").get_size() == (168 * 3 * 2, 224)
