"""The title by posted events: what it offers, seeds, the way back, settings that are kept, what a sound is told."""

from collections.abc import Iterator
from pathlib import Path

import pygame as pg
import pytest

from game import start
from game.app.app import MakeMind
from game.app.settings import Settings, load
from game.realm.play_rules import load as load_play
from game.realm.replay import realm_mark
from game.screens.pages import Page, SeedBox
from tests.kits.appkit import Hands, labels, opened, paint_once


@pytest.fixture
def hands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hands]:
    with opened(tmp_path, monkeypatch) as new_hands:
        yield new_hands


def test_the_title_waits_for_no_mind_and_begins_none(hands: Hands) -> None:
    hands.frames(30)
    assert hands.minds == []
    assert labels(hands) == ["New journey", "Settings", "Credits", "Leave"]
    hands.tap(pg.K_ESCAPE)
    assert not hands.app.over, "Esc on the title doesn't throw anybody out"


def test_a_seed_is_entered_with_a_pad(hands: Hands) -> None:
    hands.press("a")
    box = hands.app.title.screens.top
    assert isinstance(box, SeedBox) and not box.shown
    hands.press("dpup", "dpright")
    assert not box.shown, "digits lie behind a key"
    hands.press("rightshoulder")
    assert box.shown
    hands.press("x")
    assert box.seed == 0
    hands.press("dpup", "dpright", "dpdown", "dpleft", "dpleft", "dpup", "dpup")
    assert box.seed == 190002
    hands.press("rightshoulder")
    assert box.seed != 190002 or box.digits, "rolled anew"
    hands.press("x", "a")
    hands.until(lambda: hands.app.game is not None)
    assert hands.app.game is not None and hands.app.game.journey.realm.world.seed == 0
    assert hands.app.game.labels["act"] == "A"


def test_enter_alone_begins_a_new_journey(hands: Hands) -> None:
    hands.take("New journey")
    box = hands.app.title.screens.top
    assert isinstance(box, SeedBox) and not box.shown
    hands.tap(pg.K_RETURN)
    hands.until(lambda: hands.app.game is not None)
    assert hands.app.game is not None and hands.app.game.journey.realm.world.seed == box.seed
    realm = hands.app.game.journey.realm
    assert realm.view.rules is load_play() and realm.log.realm == realm_mark(load_play())


def test_going_back_leads_to_the_title_again(hands: Hands) -> None:
    hands.take("Credits")
    assert isinstance(hands.app.title.screens.top, Page)
    hands.tap(pg.K_DOWN, pg.K_PAGEDOWN, pg.K_ESCAPE)
    hands.take("New journey")
    hands.tap(pg.K_ESCAPE)
    hands.take("Settings", "Text")
    hands.tap(pg.K_RIGHT, pg.K_ESCAPE, pg.K_ESCAPE)
    assert labels(hands)[0] == "New journey"
    assert load(hands.root / "home")[0].text_size == "medium"
    hands.take("Leave")
    assert hands.app.over


def test_start_opens_the_title_with_the_settings_of_the_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint_once(monkeypatch)
    (tmp_path / "settings.toml").write_text("scale = 1\nmusic = 99\n")
    start.title(tmp_path / "saves", lambda folder, seed: ["no-such-program"], home=tmp_path, max_seconds=0.3)
    assert not pg.display.get_init()
    context = start.open_context(None, tmp_path)
    assert context.window.surface.get_size() == (640, 360)
    assert any("music" in line for line in context.notes())
    pg.display.quit()


class Ear:
    """Takes down what a sound is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def apply(self, settings: Settings) -> None:
        self.told.append(f"music {settings.music}")

    def cue(self, name: str) -> None:
        self.told.append(name)

    def frame(self, game: object, dt: float) -> None:
        self.told.append("play" if game else "title")

    def close(self) -> None:
        self.told.append("silence")


def test_sound_hears_of_menus_volumes_and_frames(hands: Hands) -> None:
    ear = Ear()
    hands.context.sound = ear
    hands.take("Settings", "Sound")
    hands.tap(pg.K_RIGHT, pg.K_ESCAPE, pg.K_ESCAPE)
    assert {"move", "take", "back", "title", "music 7"} <= set(ear.told) and "play" not in ear.told
    hands.begin("000001")
    hands.frames(2)
    assert ear.told[-1] == "play"
    hands.app.close()
    assert ear.told[-1] == "silence"


def test_a_journey_goes_on_with_a_mind_for_its_familiar_and_without(hands: Hands) -> None:
    def app_with(make_familiar: MakeMind | None) -> None:
        hands.minds.clear()
        hands.app = start.with_title(hands.context, hands.slots, hands._make, make_familiar=make_familiar)
        hands.app.begin(hands.slots.folder(1), 7)
        hands.until(lambda: hands.app.game is not None)
        hands.frames(3)

    for make_familiar, minds in ((None, 1), (hands._make, 2), (None, 1)):
        app_with(make_familiar)
        game, begun = hands.app.game, list(hands.minds)
        assert game is not None and len(begun) == minds and all(mind.started for mind in begun)
        assert game.journey.companion.own == (minds == 2)
        assert (game.journey.familiar is begun[0]) == (minds == 2) and game.journey.mind is begun[-1]
        hands.home()
        hands.until(lambda begun=begun: all(mind.closed for mind in begun))
