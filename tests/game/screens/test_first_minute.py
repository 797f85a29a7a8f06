"""What a stranger meets first: Enter begins, walking is told while the mind wakes; texts are read to their end."""

from dataclasses import replace
from pathlib import Path

import pygame as pg
import pytest

from game.app.app_context import AppContext
from game.app.window import Window
from game.journey import mind_client
from game.realm.happenings import Said
from game.realm.world import new_world
from game.screens import rewind
from game.screens.pages import SeedBox
from game.ui import heads_grid, overlays
from game.ui.font import Pen
from game.ui.screen_stack import CLOSE, Close
from perception.messages import Progress, RestorePoint
from tests.kits.playkit import game_of, open_display, play
from tests.kits.questkit import Hand
from tests.kits.stub_mind import StubMind, everywhere


def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All that any pen writes from now on."""
    texts: list[str] = []
    text = Pen.text

    def watched(pen: Pen, said: str, *place: object) -> None:
        texts.append(said)
        text(pen, said, *place)  # type: ignore[arg-type]

    monkeypatch.setattr(Pen, "text", watched)
    return texts


def test_enter_begins_in_any_realm_and_the_number_lies_behind_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    pg.display.init()
    context, begun = AppContext(Window()), list[int]()

    def begin(seed: int) -> Close:
        begun.append(seed)
        return CLOSE

    texts = written(monkeypatch)
    box = SeedBox(context, 1, lambda: 738044, begin)
    box.paint(Pen(pg.Surface((640, 360))), 0.0)
    assert not any("7" in text or "realm?" in text for text in texts), "no number before it is asked for"
    assert any("begin" in text for text in texts)
    assert box.take("enter") is CLOSE and begun == [738044]
    box.take("next")
    box.paint(Pen(pg.Surface((640, 360))), 0.0)
    assert [text for text in texts if text.isdigit()] == list("738044")


def test_how_to_walk_is_told_while_the_mind_wakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    game = game_of(StubMind(state="waking"), tmp_path)
    lines: list[str] = []
    monkeypatch.setattr(overlays, "guide", lambda pen, text, *place: lines.append(text))
    play(game, 3)
    assert any(game.labels["walk"] in line for line in lines)


@pytest.mark.parametrize("zoom", ["small", "large"])
def test_every_rest_is_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zoom: str) -> None:
    game = game_of(StubMind(), tmp_path)
    game.context.choose(replace(game.settings, text_size=zoom))
    play(game, 3)
    rest = RestorePoint(1, 1234, 56, "day 12, dusk", 0.934, 0.032, 2.5, 0.991)
    game.journey.mind_client.restore_points = (RestorePoint(0, 0, 0), rest)
    menu = rewind.menu(game)
    game.screens.push(menu)
    texts = written(monkeypatch)
    for _ in range(2):
        menu.paint(game.window.pen(), 0.0)
        menu.take("down")
    said = " ".join(" ".join(texts).split())
    assert rewind.described(rest) in said, "no sentence is cut"


def test_the_curve_keeps_off_its_legend() -> None:
    open_display()
    pictures = []
    for hits in (0.0, 1.0):
        surface = pg.Surface((640, 360))
        history = [
            Progress(step, 1, 1, 1, True, hits=hits, d_prime=4.6 * hits, false_alarms=0.0, mundane=1.0)
            for step in range(0, 200, 20)
        ]
        heads_grid.panel(Pen(surface), "activity", None, None, history, None)
        pictures.append(pg.surfarray.array3d(surface).astype(int))
    x, y = heads_grid.CORNER
    differs = (pictures[0] != pictures[1]).any(axis=2)
    legend = differs[x + 8 : x + 60, y + 131 : y + 143]
    assert differs.any() and not legend.any()


def test_where_nobody_is_the_seer_says_so_and_not_that_she_showed_everybody() -> None:
    world = new_world(0)
    hand = Hand(world)
    world.traces.here = [-1] * len(world.traces.here)
    (said,) = hand.do(("ask",))
    assert said.text == "Nobody is here but us. Walk on, I follow."
    world = new_world(0)
    hand = Hand(world)
    texts = [happening.text for _ in range(12) for happening in hand.do(("ask",)) if isinstance(happening, Said)]
    shown = [text for text in texts if text.startswith("There, to the")]
    assert (texts[-1] == "I have shown you everybody who is here. Walk on, I follow.") == bool(shown)


def test_the_line_of_the_first_sight_names_whom_one_sees_when_the_mind_changes_its_mind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mind = StubMind(everywhere("kodama", 0.95))
    game = game_of(mind, tmp_path)
    monkeypatch.setattr(mind_client, "ASK_AGAIN", 0.0)  # frames of a test take no time
    monkeypatch.setattr(mind_client, "ASK_EVERY", 0.0)
    lines: list[str] = []
    monkeypatch.setattr(overlays, "one_line", lambda pen, text: lines.append(text))
    for _ in range(200):
        play(game, 1, dt=1 / 12)
        if game.journey.sight.debut.going_on:
            break
    mind.believe = everywhere("tengu", 0.95)
    for _ in range(300):
        play(game, 1, dt=1 / 12)
        if lines:
            break
    assert lines and "a tengu. Nobody pointed" in lines[-1]
