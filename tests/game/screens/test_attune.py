"""Choosing who practises: only after a dream, at most eight, told to the mind when the screen is left."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pygame as pg
import pytest

from game.app import heads_hud
from game.app.game_loop import Game
from game.screens.attune import FIRST, NEVER, Attuning
from game.screens.pause import openable
from game.ui import attune_sheet, heads_plain
from game.ui.attune_sheet import ADVICE, FULL, MOST, Choice, Measured, brought, looks, who
from game.ui.font import Pen
from game.ui.heads_plain import Look
from perception.messages import Attune, Mark, Ready, RestorePoint, Weigh, Weights
from tests.kits.playkit import game_of, open_display, play, tap
from tests.kits.stub_mind import StubMind, everywhere

WORTH = tuple(0.01 * index for index in range(64))


@pytest.fixture
def game(tmp_path: Path) -> Game:
    """A game whose mind has dreamt."""
    game = game_of(StubMind(everywhere("oni", 0.9), learning=True), tmp_path)
    game.journey.narrator.firsts.recall(1, True)
    game.journey.mind.send(Mark("day 1"))
    play(game, 20)
    return game


def chosen(game: Game) -> list[tuple[int, ...]]:
    return [message.heads for message in game.journey.mind.sent if isinstance(message, Attune)]  # type: ignore[attr-defined]


def test_nobody_chooses_before_the_first_dream_or_where_the_mind_takes_no_choice(tmp_path: Path) -> None:
    mind = StubMind()
    game = game_of(mind, tmp_path)
    play(game, 5)
    tap(game, pg.K_i)
    assert not game.screens and game.context.notes()[-1] == FIRST and heads_hud.practise(game) == ""
    assert "Who practises?" not in [title for _, title in openable(game)]
    mind.send(Mark("day 1"))
    client = game.journey.mind_client
    client.ready = msgspec.structs.replace(client.ready, attunes=False)  # type: ignore[type-var]
    play(game, 5)
    tap(game, pg.K_i)
    assert not game.screens and game.context.notes()[-1] == NEVER


def test_arrows_and_enter_choose_and_leaving_tells_the_mind_once(game: Game) -> None:
    assert "Who practises?" in [title for _, title in openable(game)]
    tap(game, pg.K_i)
    screen = game.screens.top
    assert isinstance(screen, Attuning) and game.heads and game.mode == heads_plain.PLAIN
    assert any(isinstance(message, Weigh) for message in game.journey.mind.sent)  # type: ignore[attr-defined]
    for key in (pg.K_LEFT, *[pg.K_UP] * 8, *[pg.K_LEFT] * 8, pg.K_RIGHT, pg.K_RETURN, pg.K_DOWN, pg.K_RETURN):
        tap(game, key, 1)
    assert screen.choice.heads == (1, 9) and game.journey.mind_client.head == 9
    tap(game, pg.K_RETURN, 1)
    assert screen.choice.heads == (1,) and chosen(game) == []
    tap(game, pg.K_RETURN, 1)
    tap(game, pg.K_ESCAPE)
    play(game, 10)
    assert chosen(game) == [(1, 9)] and attune_sheet.attuned(game.journey.mind_client.progress) == (1, 9)
    assert not game.heads and not game.head_held, "the heads are as they were before"
    assert heads_hud.practise(game) == "[I] 2 practise"
    tap(game, pg.K_i)
    tap(game, pg.K_ESCAPE)
    assert chosen(game) == [(1, 9)], "what was not changed is not told again"
    tap(game, pg.K_i)
    tap(game, pg.K_e)
    tap(game, pg.K_ESCAPE)
    play(game, 10)
    assert chosen(game) == [(1, 9), ()] and heads_hud.practise(game) == "[I] all practise"


def test_eight_at_most() -> None:
    choice = Choice()
    for head in range(MOST):
        choice = Choice(choice.heads, 63 - head).toggled()
    assert len(choice.heads) == MOST and list(choice.heads) == sorted(choice.heads)
    ninth = Choice(choice.heads, 0).toggled()
    assert (ninth.heads, ninth.said) == (choice.heads, FULL)
    assert Choice(choice.heads, 60).toggled().heads == tuple(head for head in choice.heads if head != 60)


def test_what_is_said_of_a_head_was_measured_of_it() -> None:
    assert looks(Look("north", "well", "oni", "hum", 0.4)) == "It looks at the well and reads hum."
    assert looks(Look("north", "well", "", "", 0.4)) == "It looks at the well."
    assert "none of the places" in looks(None)
    whole = Weights(4, 64, 64, 0.5, WORTH, WORTH)
    assert brought(12, whole, None) == "Alone it brings 12 in 100 of what you learned."
    assert brought(0, whole, None) == "Alone it brings nothing."
    assert brought(3, None, Weights(4, 5, 64)) == "Weighing: 5 of 64."
    assert brought(3, None, None) == "Not weighed yet."
    assert "Nothing was learned" in brought(3, Weights(4, 64, 64, 0.0, (0.0,) * 64, (0.0,) * 64), None)
    assert [who(heads) for heads in ((), (3,), (3, 4))] == ["all practise", "one practises", "2 practise"]


@pytest.mark.parametrize("zoom", [1.0, 1.5, 2.0])
def test_the_sheet_stays_in_the_picture_and_one_head_changes_its_cell_alone(zoom: float) -> None:
    open_display()
    ready = Ready("stub", "cpu", 8, 8, "terse", 0, attunes=True)
    seen = Look("north", "scarecrow", "zashiki", "lanternlight", 0.4)
    weights = Weights(4, 64, 64, 0.5, WORTH, WORTH)
    pictures = []
    for heads in ((), (20,), (20, 21)):
        surface = pg.Surface((640, 400))
        keys = ("[Enter] practise or rest", "[E] all  [Esc] done")
        attune_sheet.panel(Pen(surface, zoom=zoom), Choice(heads, 5), Measured(ready, seen, weights), keys)
        pictures.append(pg.surfarray.array3d(surface))
    drawn = pictures[0].any(axis=2)
    assert drawn[:, :356].any() and not drawn[:, 356:].any() and not drawn[636:].any()
    left = round(heads_plain.left(Pen(pg.Surface((1, 1)), zoom=zoom)))
    differs = (pictures[1] != pictures[2]).any(axis=2)
    pen = Pen(pg.Surface((1, 1)), zoom=zoom)
    top = round(heads_plain.CORNER[1] + 6 + 2 * pen.line)
    pitch = (attune_sheet.GRID if pen.line < attune_sheet.NARROW else attune_sheet.GRID * 2 // 3) // 8
    x, y = left + 8 + 5 * pitch, top + 2 * pitch
    cell = differs[x : x + pitch, y : y + pitch]
    below = differs.copy()
    below[:, :top] = False  # the line that counts them stands there
    assert cell.any() and below.sum() == cell.sum()


def test_large_letters_and_a_rest_of_an_older_choice(game: Game) -> None:
    game.context.choose(replace(game.settings, text_size="large"))
    client = game.journey.mind_client
    client.restore_points = (RestorePoint(0, 0, 0),)
    client.progress = msgspec.structs.replace(client.progress, attuned=(7,))  # type: ignore[type-var]
    tap(game, pg.K_i)
    screen = game.screens.top
    assert isinstance(screen, Attuning) and (screen.choice.heads, screen.choice.at) == ((7,), 7)
    assert ADVICE in game.context.notes(), "what the sheet has no room for is said"
