"""The list of errands is read to its end in letters of any size; the chooser of a name keeps off its place."""

from dataclasses import replace
from pathlib import Path

import pytest

from game.app.game_loop import Game
from game.screens import errands, naming
from game.ui.font import Pen
from tests.kits.playkit import game_of, open_display, play
from tests.kits.stub_mind import StubMind


@pytest.fixture
def game(tmp_path: Path) -> Game:
    open_display()
    return game_of(StubMind(), tmp_path, seed=0)


@pytest.mark.parametrize("zoom", ["small", "medium", "large"])
def test_every_errand_can_be_read_to_its_end(game: Game, zoom: str, monkeypatch: pytest.MonkeyPatch) -> None:
    game.context.choose(replace(game.settings, text_size=zoom))
    written: list[tuple[str, float]] = []
    text = Pen.text

    def note(pen: Pen, words: str, x: float, y: float, colour: object = None) -> None:
        written.append((words, y + pen.line))
        text(pen, words, x, y)

    monkeypatch.setattr(Pen, "text", note)
    everything = game.journey.world.quests.errands.values()
    for errand in everything:
        for other in everything:  # what an errand needs is done
            other.stage = "done"
        errand.stage = "taken"
        page = errands.Log(game)
        page.chosen = errands.listed(game.journey.world.quests).index(errand)
        written.clear()
        page.paint(game.window.pen(), 0.0)
        whole = " ".join(words for words, _ in written)
        assert " ".join(errand.plan.offer[-1].split()[-3:]).rstrip("'") in whole, errand.key
        assert max(bottom for _, bottom in written) <= errands.TOP + errands.SHEET_HEIGHT


@pytest.mark.parametrize("left", [True, False])
def test_the_chooser_keeps_off_the_place_that_it_asks_about(game: Game, left: bool) -> None:
    play(game, 3)
    journey = game.journey
    camera = game.painter.camera(journey.realm.world.player.x, journey.realm.world.player.y)
    chooser = naming.Chooser(game)
    places = journey.realm.world.map.places
    sides = [places[index].x - camera[0] <= 320 for _, index in chooser.places]
    if left not in sides:
        pytest.skip("no place lies there")
    chooser.place = sides.index(left)
    assert chooser._right() is not left
