"""Text at the player's pace and size, in windows of any size, with the focus or without."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pygame as pg
import pytest

from game.app import hud
from game.app.game_loop import Game
from game.art.frame_state import haunt
from game.realm.rules import NOTHING
from game.ui import overlays
from game.ui.announcements import Pace, Pointed, Speech
from game.ui.font import Pen, wrap
from game.ui.menus import Entry, Menu
from game.ui.overlays import (
    HEIGHT,
    WIDTH,
    guide,
    hint_boxes,
    hints,
    notes,
    pointed,
    speech,
    speech_box,
    whisper,
)
from tests.kits.playkit import game_of, key, open_display, play, tap
from tests.kits.stub_mind import StubMind, everywhere


@pytest.fixture
def game(tmp_path: Path) -> Iterator[Game]:
    pg.display.init()
    pg.event.clear()
    yield game_of(StubMind(), tmp_path)
    pg.display.init()
    pg.event.clear()


@pytest.mark.parametrize(
    ("size", "whole"),
    [((160, 90), True), ((160, 90), False), ((100, 700), True), ((640, 360), False), ((1000, 700), True)]
    + [((1000, 700), False), ((900, 700), False), ((5120, 2880), True)],
)
def test_any_window_shows_the_whole_picture(game: Game, size: tuple[int, int], whole: bool) -> None:
    game.context.choose(replace(game.settings, whole=whole))
    pg.display.set_mode(size, pg.RESIZABLE)
    play(game, 2, [pg.Event(pg.VIDEORESIZE, size=size, w=size[0], h=size[1])])
    tap(game, pg.K_ESCAPE, 1)
    window = game.window.surface
    assert window.get_size() == size
    for x, y in ((0, 0), (639, 359), (320, 180)):
        part = [part for part in (1, 2, 4, 8) if part * 640 <= size[0] and part * 360 <= size[1]]
        fit = min(size[0] / 640, size[1] / 360) if not part or not whole else float(max(part))
        corner = (size[0] - 640 * fit) / 2, (size[1] - 360 * fit) / 2
        spot = round(corner[0] + x * fit), round(corner[1] + y * fit)
        back = game.window.to_layout(spot)
        assert abs(back[0] - x) <= 2 / fit + 1 and abs(back[1] - y) <= 2 / fit + 1
        inside = min(spot[0], size[0] - 1), min(spot[1], size[1] - 1)
        assert tuple(window.get_at(inside))[:3] != (0, 0, 0)
    pg.display.set_mode((1280, 720), pg.RESIZABLE)


def test_losing_the_focus_pauses_only_if_the_player_wants_that(game: Game) -> None:
    play(game, 2, [pg.Event(pg.WINDOWFOCUSLOST)])
    tick = game.journey.realm.world.tick
    play(game, 10)
    assert game.journey.realm.world.tick > tick
    play(game, 1, [pg.Event(pg.WINDOWFOCUSGAINED)])
    game.context.choose(replace(game.settings, away="pause"))
    play(game, 2, [pg.Event(pg.WINDOWFOCUSLOST)])
    tick = game.journey.realm.world.tick
    play(game, 10)
    assert game.journey.realm.world.tick == tick
    play(game, 2, [pg.Event(pg.WINDOWFOCUSGAINED), key(pg.K_ESCAPE)])
    play(game, 10)
    assert game.journey.realm.world.tick > tick


def test_speech_goes_at_the_players_pace() -> None:
    said = Speech("", "x" * 100, 0.0, Pace(10.0))
    assert len(said.so_far(2.0)) == 21 and not said.whole(9.0)
    said.go_on(2.0)
    assert said.so_far(2.0) == said.text and not said.over(2.0)
    said.go_on(2.1)
    assert said.over(2.1)
    assert Speech("", "x" * 100, 0.0, Pace(10.0)).over(18.0)
    waits = Speech("", "hm", 0.0, Pace(1e9, True))
    assert waits.so_far(0.1) == "hm" and not waits.over(9999.0)
    waits.go_on(1.0)
    assert waits.over(1.0)


def test_a_speech_that_waits_goes_with_the_key(game: Game) -> None:
    game.context.choose(replace(game.settings, speech_waits=True, text_speed="at once"))
    play(game, 2)
    tap(game, pg.K_q)
    play(game, 30, dt=1.0)
    assert game.journey.narrator.speech is not None
    tap(game, pg.K_RETURN)
    assert game.journey.narrator.speech is None


def test_letters_are_whole_pixels_at_every_size() -> None:
    open_display()
    surface = pg.Surface((1280, 720))
    for scale in (1, 2, 3, 4):
        dots = [Pen(surface, scale).sized(zoom).dot for zoom in (1.0, 1.5, 2.0)]
        assert dots[0] == scale and dots[2] == 2 * scale and scale < dots[1] <= 2 * scale
    pen = Pen(surface, 2).sized(1.5)
    assert (pen.letter, pen.line, pen.columns(90)) == (9.0, 18.0, 10)


def test_wrapping_loses_no_word() -> None:
    text = "There, to the north, by the well. A kitsune sits there and looks at you."
    for columns in (12, 24, 48):
        lines = wrap(text, columns)
        assert " ".join(lines) == text and max(map(len, lines)) <= columns


def test_a_word_longer_than_a_line_is_broken_and_all_there() -> None:
    path = "/a/long/way/to/a/picture-0001.png"
    lines = wrap(f"Screenshot: {path}", 12)
    assert max(map(len, lines)) <= 12 and "".join(lines[1:]) == path


def test_words_on_the_world_have_a_dark_rim_on_any_ground() -> None:
    open_display()
    surface = pg.Surface((60, 20))
    surface.fill((255, 255, 255))
    Pen(surface).rimmed().text("o", 20, 4, (255, 255, 255))
    light = pg.surfarray.array3d(surface).min(axis=2) > 200
    assert not light[21:24, 8:11].all() and (~light).sum() > 20, "white on white can be read"
    plain = pg.Surface((60, 20))
    plain.fill((255, 255, 255))
    Pen(plain).text("o", 20, 4, (255, 255, 255))
    assert (~light).sum() > (pg.surfarray.array3d(plain).min(axis=2) < 200).sum()


@pytest.mark.parametrize("at", [(420, 100), (630, 60), (320, 330), (100, 352)])
def test_sense_words_keep_off_what_covers_the_world(at: tuple[int, int]) -> None:
    """They go above the place, or beside or above the sheet."""
    open_display()
    taken = [(396.0, 8.0, 236.0, 192.0), (12.0, 300.0, 616.0, 50.0)]
    surface = pg.Surface((WIDTH, HEIGHT))
    whisper(Pen(surface), *at, "hum, warmth, feather", list(taken))
    drawn = pg.surfarray.array3d(surface).max(axis=2)
    for x, y, width, height in taken:
        assert drawn[int(x) : int(x + width), int(y) : int(y + height)].max() == 0
    assert drawn.max() > 0, "they are said all the same"


@pytest.mark.parametrize("zoom", [1.0, 1.5, 2.0])
def test_words_at_places_that_lie_together_do_not_overlap(zoom: float) -> None:
    open_display()
    pen, taken = Pen(pg.Surface((2 * WIDTH, 2 * HEIGHT)), 2, zoom=zoom).rimmed(), []
    spots = [Pointed(300 + 22 * k, 200 + 5 * k, ("kitsune", "kodama", "nothing")[k % 3], 9.0, "seer") for k in range(6)]
    for spot in spots:
        pointed(pen, spot, (0, 0), 2.0, taken)
    whisper(pen, 310, 205, "hum, warmth, feather", taken)
    assert len(taken) >= 4
    for number, (x, y, width, height) in enumerate(taken):
        for left, top, wide, high in taken[:number]:
            assert x >= left + wide or left >= x + width or y >= top + high or top >= y + height, "words lie on words"


@pytest.mark.parametrize("zoom", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("apart", [30, 36, 40, 54, 72])
def test_words_side_by_side_are_a_letter_apart(zoom: float, apart: int) -> None:
    open_display()
    pen, taken = Pen(pg.Surface((2 * WIDTH, 2 * HEIGHT)), 2, zoom=zoom).rimmed(), []
    for number in range(4):
        pointed(pen, Pointed(200 + apart * number, 200, "nothing", 9.0, "seer"), (0, 0), 2.0, taken)
    assert len(taken) >= 2
    for number, (x, y, width, height) in enumerate(taken):
        for left, top, wide, high in taken[:number]:
            beside = y < top + high and top < y + height
            assert not beside or max(left - x - width, x - left - wide) >= pen.letter, "two words read as one"


@pytest.mark.parametrize("zoom", [1.0, 1.5, 2.0])
def test_text_of_every_size_stays_in_the_picture(zoom: float) -> None:
    """Nothing is written beside the sheet: the border of a larger surface stays as it was."""
    open_display()
    surface = pg.Surface((1480, 920))
    surface.fill((1, 2, 3))
    pen = Pen(surface, 2, (100, 100)).sized(zoom)
    said = Speech("Granny Ume", "You keep looking past me, child. Is something standing on the bridge? " * 3, 0.0)
    speech(pen, said, 999.0, "[Enter]")
    does = [("E", "touch the scarecrow"), ("Q", "look"), ("Space", "attend"), ("R", "dream")]
    hints(pen.rimmed(), hint_boxes(pen, does, speech_box(pen, said)))
    whisper(pen.rimmed(), 639, 359, "hum, cold breath, feather, pawprint", [])
    guide(pen, "[E] ask Granny Ume what you look past. Nobody here? Walk on and ask again.")
    notes(pen, ["A line that is long enough to need a second row of letters if the letters are as large as these."] * 4)
    menu = Menu(
        "Second Sight", [Entry(f"Entry number {i}", value=lambda: "some value") for i in range(30)], lambda: zoom
    )
    for _ in range(31):
        menu.take("up")
        menu.paint(Pen(surface, 2, (100, 100)), 0.0)
    border = [surface.get_at((x, y)) for x in (*range(99), *range(1381, 1480)) for y in range(0, 920, 3)]
    border += [surface.get_at((x, y)) for x in range(0, 1480, 3) for y in (*range(99), *range(821, 920))]
    assert {tuple(colour)[:3] for colour in border} == {(1, 2, 3)}
    assert any(tuple(surface.get_at((x, 500)))[:3] != (1, 2, 3) for x in range(100, 1380))


@pytest.mark.parametrize("words", ["sob, chill, veil", "nobody"])
def test_words_at_a_place_keep_off_the_spirit_that_is_seen_there(tmp_path: Path, words: str) -> None:
    game = game_of(StubMind(everywhere("yurei", 0.95)), tmp_path)
    game.journey.narrator.firsts.recall(1, True)
    place = game.journey.realm.world.map.places[0]
    game.journey.realm.world.player.x, game.journey.realm.world.player.y = place.x, place.y + 40
    play(game, 60)
    (ghost,) = [one for one in game.frame_state.ghosts if one.place == place.index]
    camera = game.painter.camera(game.frame_state.player.x, game.frame_state.player.y)
    drawn, heard, whole = [], game.journey.whisper, overlays.label

    def watched(pen: Pen, text: str, at: tuple, colour: tuple, taken: list, *off: tuple) -> bool:
        done = whole(pen, text, at, colour, taken, *off)
        drawn.extend([taken[-1]] if done and text == words else [])
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlays, "label", watched)
        heard.text, heard.place, heard.age = "sob, chill, veil", place.index, 2.0
        if words == "nobody":  # a phantom: a seer says so
            spot = Pointed(*haunt(place), NOTHING, game.journey.seconds + 5, "seer")
            game.journey.narrator.pointed.append(spot)
        game.journey.narrator.firsts.now = None
        hud.paint(game, camera)
    left, top, wide, high = overlays.shape(ghost.x - camera[0], ghost.y - camera[1])
    for x, y, width, height in drawn:
        assert x >= left + wide or left >= x + width or y >= top + high or top >= y + height, "words lie on the spirit"
    assert drawn, "they are said all the same"
