"""What the pause menu opens: screens over the world, such as go on below it, and what no pad has a button for."""

import re
from pathlib import Path

import pygame as pg
import pytest

from game.app.game_loop import Game
from game.screens.ending import Epilogue
from game.screens.heads_screen import Pointing
from game.screens.how_to_play import TEXT, how_to_play
from game.screens.pages import Page
from game.screens.pause import openable
from game.ui.menus import Menu
from perception.messages import WriteLog
from tests.kits.playkit import game_of, play, tap
from tests.kits.stub_mind import StubMind

pytestmark = pytest.mark.usefixtures("clean_queue")


def choose(game: Game, title: str) -> None:
    """Opens the pause menu and takes one of its entries, by real keys."""
    tap(game, pg.K_ESCAPE)
    menu = game.screens.top
    assert isinstance(menu, Menu)
    titles = [entry.label for entry in menu.entries]
    for _ in range(titles.index(title)):
        tap(game, pg.K_DOWN)
    tap(game, pg.K_RETURN)
    play(game, 2)


def test_the_menu_reaches_what_a_pad_has_no_button_for(tmp_path: Path) -> None:
    mind = StubMind()
    game = game_of(mind, tmp_path)
    play(game, 3)
    choose(game, "Write the head diff")
    assert not game.screens and [type(m) for m in mind.sent].count(WriteLog) == 1
    tick = game.journey.realm.world.tick
    choose(game, "Point at a head")
    assert isinstance(game.screens.top, Pointing) and not game.screens.pauses
    play(game, 5)
    assert game.journey.realm.world.tick > tick + 5, "the world goes on below it"


def test_the_register_can_be_read_again_once_it_was_reached(tmp_path: Path) -> None:
    game = game_of(StubMind(), tmp_path)
    assert "The register" not in [title for _, title in openable(game)]
    game.journey.realm.world.quests.ended = 100
    game.journey.realm.refresh()
    choose(game, "The register")
    assert isinstance(game.screens.top, Epilogue)


def test_how_to_play_names_the_keys_in_use(tmp_path: Path) -> None:
    game = game_of(StubMind(), tmp_path)
    choose(game, "How to play")
    page = game.screens.top
    assert isinstance(page, Page)
    assert f"[{game.labels['act']}] ask her" in " ".join(page.lines)
    commands = {word for line in TEXT for word in re.findall(r"\[(\w+)\]", line)}
    assert commands >= {"walk", "act", "look", "attend", "rest", "name", "heads", "map", "eyes"}
    game.context.keys.by_pad = True
    assert "[Stick] walk" in " ".join(how_to_play(game).lines)
