"""The title and the menus as pictures, the name's letters, and what the first picture needs."""

import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pygame as pg
import pytest

from game.app.app_context import AppContext
from game.app.window import Window
from game.journey.save_slots import Slot, Slots
from game.journey.slot_card import Card
from game.realm.terrain import TILE, Ground
from game.screens import logo, title
from game.screens.controls import Controls
from game.screens.pages import SeedBox
from game.screens.settings_menu import settings_menu
from game.screens.slot_picker import AMBER, SlotPick, fault, lines
from game.screens.title import Title
from game.screens.title_scene import Vista, land
from tests.kits.playkit import check_golden

ROOT = Path(__file__).parents[3]
FIRST_PICTURE = """
import sys
from pathlib import Path
from game import start
from game.journey.save_slots import Slots
context = start.open_context(None, None)
app = start.with_title(context, Slots(Path(sys.argv[1])), lambda folder, seed: 1 / 0)
app.frame([], 0.0)
print(sorted({"torch", "transformers", "training", "scipy", "matplotlib"} & set(sys.modules)))
"""


@cache
def vista() -> Vista:
    return Vista()


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppContext:
    pg.display.init()
    monkeypatch.setattr(title, "Vista", vista)
    return AppContext(Window(scale=1))


def shown(context: AppContext) -> pg.Surface:
    return context.window.canvas.copy()


def titled(context: AppContext, folder: Path, seconds: float) -> Title:
    title = Title(context, Slots(folder), lambda folder, seed: None, lambda: None)
    context.seconds += seconds
    title.paint(0.0)
    return title


def test_the_title(context: AppContext, tmp_path: Path) -> None:
    titled(context, tmp_path, 9.0)
    check_golden("title", shown(context))


def test_the_second_word_comes_slowly_and_the_scene_moves(context: AppContext, tmp_path: Path) -> None:
    title = titled(context, tmp_path, 0.1)
    first = pg.surfarray.array3d(context.window.frame)
    context.seconds += 8.0
    title.paint(0.0)
    assert (first != pg.surfarray.array3d(context.window.frame)).mean() > 0.2
    counts = [int((pg.surfarray.array_alpha(logo.sight(level)) == 255).sum()) for level in range(logo.STEPS + 1)]
    assert counts[0] == 0 and counts == sorted(counts) and counts[-1] == int(logo.shape("Sight").sum())


def test_calm_means_no_pan(context: AppContext, tmp_path: Path) -> None:
    context.choose(replace(context.settings, calm=True))
    title = titled(context, tmp_path, 3.0)
    left = title.vista.painter.left
    context.seconds += 20
    title.paint(0.0)
    assert title.vista.painter.left == left
    context.choose(replace(context.settings, calm=False))
    title.paint(0.0)
    assert title.vista.painter.left != left


@pytest.mark.parametrize("size", ["small", "large"])
def test_menus_and_tables(context: AppContext, tmp_path: Path, size: str) -> None:
    context.choose(replace(context.settings, text_size=size))
    pictures = []
    for layer in (
        settings_menu(context),
        Controls(context),
        SeedBox(context, 2, lambda: 421337, lambda seed: title.CLOSE),
    ):
        context.window.canvas.fill((30, 40, 60))
        layer.paint(context.window.pen(), 0.4)
        pictures.append(shown(context))
    sheet = pg.Surface((640, 3 * 360))
    for index, picture in enumerate(pictures):
        sheet.blit(picture, (0, 360 * index))
    check_golden(f"menus-{size}", sheet)


def test_slots_side_by_side(context: AppContext, tmp_path: Path) -> None:
    card = Card(77, 2, 21.5, 1830.0, 24, 5)
    slots = [
        Slot(1, tmp_path, "journey", card, saved=5.0),
        Slot(2, tmp_path, "backup", card, "not a whole msgpack file (extra bytes)", 9.0),
        Slot(3, tmp_path / "3", "empty"),
    ]
    context.window.canvas.fill((30, 40, 60))
    SlotPick(context, slots, "Go on with", lambda slot: None).paint(context.window.pen(), 0.4)
    check_golden("slots", shown(context))


@pytest.mark.parametrize("state", ["journey", "backup", "older", "broken"])
def test_a_card_says_what_is_wrong(state: str, tmp_path: Path) -> None:
    slot = Slot(1, tmp_path, state, Card(5), "" if state == "journey" else "this and that")
    text = " ".join(line for line, _ in lines(slot))
    assert "realm 5" in text
    assert ("his and that" in fault(slot)) == (state != "journey")
    assert (lines(slot)[0][1] == AMBER) == (state != "journey"), "the card itself says that something is"


def test_the_small_realm_of_the_title_is_whole() -> None:
    small = land()
    ground = np.frombuffer(small.ground, np.uint8).reshape(small.height, small.width)
    for place in small.places:
        assert ground[place.y // TILE, place.x // TILE] != Ground.WATER
    assert small == land()


def test_the_first_picture_needs_no_mind_no_torch_and_no_disk(tmp_path: Path) -> None:
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    done = subprocess.run(
        [sys.executable, "-c", FIRST_PICTURE, str(tmp_path)], capture_output=True, text=True, env=environment, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == "[]"
    assert list(tmp_path.iterdir()) == [], "nothing is written before anybody plays"
