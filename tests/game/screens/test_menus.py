"""Menus over a journey, walked by posted events: keys, a pad, the mouse."""

from dataclasses import replace
from pathlib import Path

import pygame as pg
import pytest

from game.app.game_loop import Game
from game.app.pad import PAD_BUTTONS
from game.app.settings import Settings, load
from game.screens.controls import Controls
from game.screens.pause import openable
from game.screens.registry import OPENERS
from game.ui.font import Pen
from game.ui.menus import Entry, Menu
from game.ui.screen_stack import CLOSE, Close, ScreenStack
from tests.kits.playkit import game_of, key, play, tap
from tests.kits.stub_mind import StubMind, everywhere

pytestmark = pytest.mark.usefixtures("clean_queue")


@pytest.fixture
def game(tmp_path: Path) -> Game:
    return game_of(StubMind(), tmp_path)


def press(game: Game, name: str, frames: int = 2) -> None:
    """A button of a pad, down and up."""
    number = PAD_BUTTONS.index(name)
    play(game, frames, [pg.Event(pg.CONTROLLERBUTTONDOWN, button=number, instance_id=0)])
    play(game, 1, [pg.Event(pg.CONTROLLERBUTTONUP, button=number, instance_id=0)])


def labels(game: Game) -> list[str]:
    top = game.screens.top
    assert isinstance(top, Menu)
    return [entry.label for entry in top.entries]


def choose(game: Game, label: str) -> None:
    """Walks down to an entry with the arrow keys."""
    top = game.screens.top
    assert isinstance(top, Menu)
    for _ in range(labels(game).index(label)):
        tap(game, pg.K_DOWN, 1)
    assert top.entries[top.chosen].label == label


def enter(game: Game, *path: str) -> None:
    for label in path:
        choose(game, label)
        tap(game, pg.K_RETURN, 1)


def test_the_world_stands_still_while_the_menu_is_open(game: Game) -> None:
    tap(game, pg.K_ESCAPE)
    tick = game.journey.realm.world.tick
    play(game, 20, [key(pg.K_RIGHT)])
    play(game, 1, [key(pg.K_RIGHT, False)])
    assert game.journey.realm.world.tick == tick
    enter(game, "Go on")
    play(game, 10)
    assert not game.screens and game.journey.realm.world.tick > tick


def test_settings_are_changed_by_keys_and_kept_when_their_menu_is_left(game: Game, tmp_path: Path) -> None:
    game.context.home = tmp_path / "home"
    tap(game, pg.K_ESCAPE)
    enter(game, "Settings", "Text")
    tap(game, pg.K_RIGHT, 1)
    assert game.settings.text_size == "medium"
    tap(game, pg.K_LEFT, 1)
    tap(game, pg.K_LEFT, 1)
    assert game.settings.text_size == "large", "choices go round"
    assert not (tmp_path / "home").exists(), "no step waits for the disk"
    choose(game, "Speed")
    tap(game, pg.K_RETURN, 1)
    assert game.settings.text_speed == "fast"
    tap(game, pg.K_ESCAPE, 1)
    enter(game, "Sound")
    for _ in range(20):
        tap(game, pg.K_LEFT, 1)
    assert game.settings.music == 0, "a level has an end"
    tap(game, pg.K_ESCAPE, 1)
    assert load(tmp_path / "home") == (game.settings, [])


def test_a_pad_walks_the_same_menus_and_hints_follow_it(game: Game) -> None:
    play(game, 2)
    assert game.labels["act"] == "E"
    press(game, "start")
    assert "Settings" in labels(game)
    assert game.labels["act"] == "A"
    for _ in range(labels(game).index("Settings")):
        press(game, "dpdown")
    press(game, "a")
    assert labels(game)[0] == "Text"
    press(game, "a")
    press(game, "dpright")
    assert game.settings.text_size == "medium"
    press(game, "b")
    press(game, "b")
    press(game, "b")
    assert not game.screens
    tap(game, pg.K_l)
    assert game.labels["act"] == "E"


def test_what_no_button_does_the_pause_menu_does(game: Game) -> None:
    tap(game, pg.K_ESCAPE)
    assert "Send the familiar" not in labels(game), "nobody is there yet"
    game.journey.realm.world.familiar_joins()
    game.journey.realm.refresh()
    game.journey.motion.note(game.journey.world)
    enter(game, "Go on")
    tap(game, pg.K_ESCAPE)
    assert "Send the familiar" in labels(game)
    assert not any("eyes" in label for label in labels(game)), "there is no born seer"


def test_eyes_can_be_borrowed_from_the_pause_menu_where_there_is_a_born_seer(tmp_path: Path) -> None:
    game = game_of(StubMind(seer=everywhere("oni", 0.9)), tmp_path)
    torii = next(place for place in game.journey.realm.world.map.places if place.kind == "torii")
    game.journey.realm.world.player.x, game.journey.realm.world.player.y = torii.x, torii.y + 12
    play(game, 10)
    tap(game, pg.K_ESCAPE)
    enter(game, "Borrow a born seer's eyes")
    assert not game.screens and any("born seer" in line for line in game.context.notes())
    play(game, 60)
    assert game.journey.lent


def test_a_note_of_before_a_page_does_not_cover_it_and_a_later_one_is_seen(game: Game) -> None:
    play(game, 2)
    game.note("of before")
    play(game, 30)
    tap(game, pg.K_ESCAPE)
    assert game.context.notes(game.screens.age) == [] and game.context.notes() == ["of before"]
    game.note("of now")
    assert game.context.notes(game.screens.age + 0.1) == ["of now"]


def test_full_screen_by_its_key_is_a_setting_like_any_other(game: Game) -> None:
    tap(game, pg.K_F11)
    assert game.window.fullscreen and game.settings.fullscreen
    game.context.choose(replace(game.settings, music=3, scale=1))
    assert game.window.fullscreen, "other settings leave it alone"
    assert game.window.surface.get_size() != (640, 360)
    tap(game, pg.K_F11)
    assert not game.window.fullscreen and game.window.surface.get_size() == (640, 360), "the size waited"
    game.context.choose(replace(game.settings, scale=2))


def test_a_pulled_pad_is_said_and_play_goes_on(game: Game) -> None:
    play(game, 3, [pg.Event(pg.CONTROLLERAXISMOTION, axis=0, value=32767, instance_id=5)])
    x = game.journey.realm.world.player.x
    play(game, 9)
    assert game.journey.realm.world.player.x > x
    play(game, 2, [pg.Event(pg.JOYDEVICEREMOVED, instance_id=5)])
    x, tick = game.journey.realm.world.player.x, game.journey.realm.world.tick
    play(game, 20)
    assert game.journey.realm.world.player.x == x and game.journey.realm.world.tick > tick
    assert any("gamepad" in line for line in game.context.notes())


def test_a_new_key_is_captured_and_works(game: Game) -> None:
    tap(game, pg.K_ESCAPE)
    enter(game, "Settings", "Keys and pad")
    table = game.screens.top
    assert isinstance(table, Controls)
    for _ in range(list(table._rows).index("look")):
        tap(game, pg.K_DOWN, 1)
    tap(game, pg.K_RETURN, 1)
    assert table.waiting
    tap(game, pg.K_k, 1)
    assert game.settings.keys["look"] == ("k", "l")
    for _ in range(3):
        tap(game, pg.K_ESCAPE, 1)
    play(game, 2)
    assert not game.screens
    game.journey.narrator.speech = None
    tap(game, pg.K_q)
    assert game.journey.narrator.speech is None
    tap(game, pg.K_k)
    play(game, 30)
    assert game.journey.narrator.speech is not None
    assert game.labels["look"] == "K"


def test_capture_takes_the_right_device_gives_up_and_is_left_with_escape(game: Game) -> None:
    table = Controls(game.context)
    game.screens.push(table)
    table.row = list(table._rows).index("look")
    tap(game, pg.K_RETURN, 1)
    press(game, "y", 1)
    assert table.waiting, "a button is no key"
    row, top, _, cells = table._cells[0]
    assert not table.point(cells[0][1] + 1, top + 1) and table.row != row, "the mouse doesn't change what it is for"
    tap(game, pg.K_ESCAPE, 1)
    assert not table.waiting and game.screens.top is table
    table.column = 2
    tap(game, pg.K_RETURN, 1)
    tap(game, pg.K_y, 1)
    assert table.waiting, "a key is no button"
    press(game, "y", 1)
    assert game.settings.pad["look"] == ("y",) and game.settings.pad["name"] == ("x",)
    tap(game, pg.K_RETURN, 1)
    play(game, 5, dt=2.0)
    assert not table.waiting
    tap(game, pg.K_DELETE, 1)
    assert game.settings.pad["look"] == ()
    table.row = len(table._rows) - 1
    tap(game, pg.K_RETURN, 1)
    assert game.settings == Settings()


def test_the_mouse_chooses_and_takes(game: Game) -> None:
    tap(game, pg.K_ESCAPE)
    top = game.screens.top
    assert isinstance(top, Menu)
    place = labels(game).index("Settings")
    _, x, y, width, height = top._rows[place]
    scale, corner = game.window.layout()
    spot = (int(corner[0] + (x + width / 2) * scale), int(corner[1] + (y + height / 2) * scale))
    play(game, 1, [pg.Event(pg.MOUSEMOTION, pos=spot, rel=(0, 0), buttons=(0, 0, 0))])
    assert top.chosen == place
    play(game, 1, [pg.Event(pg.MOUSEBUTTONDOWN, pos=spot, button=1)])
    assert labels(game)[0] == "Text"


@pytest.mark.parametrize(
    ("entry", "where"), [("Save and leave to the title", "title"), ("Save and leave the game", "quit")]
)
def test_leaving_says_where_to(game: Game, entry: str, where: str) -> None:
    tap(game, pg.K_ESCAPE)
    enter(game, entry)
    assert game.over and game.leaving == where


def test_a_layer_that_does_not_pause_lets_the_world_go_on_but_takes_the_arrows(game: Game) -> None:
    class Chooser(Menu):
        pauses = False

    game.screens.push(Chooser("Who?", [Entry("nobody", lambda: CLOSE)]))
    x, tick = game.journey.realm.world.player.x, game.journey.realm.world.tick
    play(game, 20, [key(pg.K_RIGHT)])
    assert game.journey.realm.world.tick > tick and game.journey.realm.world.player.x == x
    tap(game, pg.K_RETURN, 1)
    play(game, 10)
    assert game.journey.realm.world.player.x > x, "the key is still down"


def test_every_screen_opens_by_its_command_and_closes(game: Game) -> None:
    play(game, 5)
    for command, opener in OPENERS.items():
        game._command(command)
        play(game, 2)
        if game.screens:
            game.screens.clear()
        play(game, 1)
        assert opener.title == "" or (opener.title in [title for _, title in openable(game)]) == opener.there(game)
        assert not game.over, command


def test_a_stack_closes_what_lies_on_top_too() -> None:
    calls: list[str] = []

    class One:
        pauses = True

        def __init__(self, name: str, answer: object = None) -> None:
            self.name, self.answer = name, answer

        def take(self, command: str) -> object:
            return self.answer

        def advance(self, dt: float) -> None:
            calls.append(f"{self.name} {dt}")

        def paint(self, pen: Pen, seconds: float) -> None:
            calls.append(f"paints {self.name}")

        def closed(self) -> None:
            calls.append(f"closed {self.name}")

    stack = ScreenStack()
    upper = One("upper", Close())
    stack.push(One("lower", upper))  # type: ignore[arg-type]
    stack.push(None)
    stack.take("enter")
    assert [layer.name for layer in stack.open] == ["lower", "upper"]  # type: ignore[attr-defined]
    stack.advance(0.5)
    stack.paint(Pen(pg.Surface((4, 4))), 0.0)
    stack.take("enter")
    stack.take("enter")
    stack.clear()
    assert calls == ["upper 0.5", "paints upper", "closed upper", "closed upper", "closed lower"]
