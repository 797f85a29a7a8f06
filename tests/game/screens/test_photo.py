"""Photo mode: one moment under several minds; what each believes is drawn over the same frame and nothing else."""

from pathlib import Path

import pygame as pg
import pytest

from game.app.game_loop import Game
from game.realm.world import new_world
from game.screens import photo, rewind
from game.screens.photo import Photo, triptych
from game.ui.screen_stack import Close
from perception.messages import Export, Rewind
from tests.kits.playkit import game_of, play
from tests.kits.stub_mind import StubMind, blind, everywhere


def taken(mind: StubMind, folder: Path) -> tuple[Game, Photo]:
    """A game with its photo layer open and answered."""
    game = game_of(mind, folder)
    play(game, 30)
    layer = Photo(game)
    game.screens.push(layer)
    play(game, 10)
    return game, layer


def pixels(surface: pg.Surface | None) -> "pg.typing.SequenceLike":
    assert surface is not None
    return pg.surfarray.array3d(surface)


def test_three_minds_see_three_pictures_of_one_moment(tmp_path: Path) -> None:
    mind = StubMind(everywhere("kitsune", 0.6), seer=everywhere("kitsune", 1.0))
    game, layer = taken(mind, tmp_path)
    assert [panel.eyes for panel in layer.panels] == ["blind", "you", "seer"]
    assert layer.ready
    strongest = [max((p for _, p in panel.beliefs.values()), default=0) for panel in layer.panels]
    assert strongest == [0.0, pytest.approx(0.6), 1.0]
    dark, half, full = (pixels(panel.picture) for panel in layer.panels)
    assert (dark != half).any()  # type: ignore[attr-defined]
    assert (half != full).any()  # type: ignore[attr-defined]
    places = game.journey.realm.world.map.places
    assert photo.caption(layer.panels[0], places) == "sees nobody"
    assert photo.caption(layer.panels[2], places).startswith("sees a kitsune by the ")


def test_the_blind_picture_is_the_realm_without_any_ghost(tmp_path: Path) -> None:
    game, layer = taken(StubMind(blind), tmp_path)
    plain = pg.Surface((640, 360))
    game.painter.paint(plain, photo.haunted(layer._frame_state, {}, ()))
    assert (pixels(layer.panels[0].picture) == pixels(plain)).all()  # type: ignore[attr-defined]
    assert [panel.eyes for panel in layer.panels] == ["blind", "you"], "no born seer, two panels"


def test_the_world_below_is_as_it_was(tmp_path: Path) -> None:
    game, _layer = taken(StubMind(everywhere("oni", 1.0), seer=blind), tmp_path)
    tick, believed = game.journey.realm.world.tick, game.journey.mind_client.places()
    play(game, 30)
    assert (game.journey.realm.world.tick, game.journey.mind_client.places()) == (tick, believed)


def test_enter_saves_the_row_and_never_over_another(tmp_path: Path) -> None:
    game, layer = taken(StubMind(everywhere("oni", 1.0), seer=blind), tmp_path)
    for _ in range(2):
        layer.take("enter")
    files = sorted((tmp_path / "shots").glob("eyes-*.png"))
    assert [file.name for file in files] == ["eyes-0001.png", "eyes-0002.png"]
    assert pg.image.load(files[0]).get_size() == triptych(layer.panels, game.journey.realm.world.map.places).get_size()
    assert pg.image.load(files[0]).get_width() > 3 * 640


def test_a_folder_that_cannot_be_written_is_told_and_nothing_breaks(tmp_path: Path) -> None:
    game, layer = taken(StubMind(everywhere("oni", 1.0)), tmp_path)
    (tmp_path / "shots").write_text("in the way")
    assert layer.save().startswith("No picture")
    play(game, 2)


def test_a_mind_that_does_not_answer_is_said_and_saves_nothing(tmp_path: Path) -> None:
    mind = StubMind(everywhere("oni", 1.0), seer=blind)
    game = game_of(mind, tmp_path)
    play(game, 5)
    mind.delay = 10**6
    game.screens.push(layer := Photo(game))
    play(game, 3)
    assert not layer.ready
    layer.advance(photo.WAIT + 1)
    play(game, 3)
    assert {panel.fault for panel in layer.panels} == {"can't be asked now"}
    assert layer.save() == "No picture yet: the mind hasn't answered"
    asleep = game_of(StubMind(state="waking"), tmp_path)
    asleep.screens.push(layer := Photo(asleep))
    play(asleep, 3)
    assert layer.panels == []
    for command in ("left", "up", "enter", "down"):
        assert layer.take(command) is None
    assert isinstance(layer.take("back"), Close)


def test_what_keys_do_is_named_by_the_device_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    game, layer = taken(StubMind(everywhere("oni", 1.0)), tmp_path)
    texts: list[str] = []
    monkeypatch.setattr(photo, "keyed", lambda pen, text, x, y: texts.append(text))
    layer.paint(game.window.pen(), 0.0)
    game.context.keys.by_pad = True
    layer.paint(game.window.pen(), 0.0)
    assert texts == [
        "[Arrows] choose, larger   [Enter] save   [Esc] leave",
        "[Stick] choose, larger   [A] save   [B] leave",
    ]


def test_one_panel_can_be_looked_at_large(tmp_path: Path) -> None:
    game, layer = taken(StubMind(everywhere("oni", 1.0), seer=blind), tmp_path)
    small = pixels(game.window.surface)
    layer.take("up")
    play(game, 2)
    assert (pixels(game.window.surface) != small).any()  # type: ignore[attr-defined]
    layer.take("down")
    assert not layer.large


def test_eyes_are_borrowed_at_a_shrine_and_the_key_gives_them_back(tmp_path: Path) -> None:
    game = game_of(StubMind(blind, seer=everywhere("oni", 1.0)), tmp_path)
    play(game, 5)
    photo.eyes(game)
    assert not game.journey.lent and "torii" in game.context.notes()[-1]
    torii = next(place for place in game.journey.realm.world.map.places if place.kind == "torii")
    game.journey.realm.world.player.x, game.journey.realm.world.player.y = torii.x, torii.y + 12
    photo.eyes(game)
    assert game.journey.mind_client.borrowed(game.now()) == "seer"
    play(game, 2)
    photo.eyes(game)
    play(game, 2)
    assert game.journey.mind_client.borrowed(game.now()) is None and not game.journey.lent


def test_the_born_seer_of_a_photo_tells_nothing_about_an_errand(tmp_path: Path) -> None:
    game = game_of(StubMind(everywhere("oni", 1.0), seer=everywhere("oni", 1.0)), tmp_path)
    play(game, 5)
    quests = game.journey.realm.world.quests
    secret = list(game.journey.view.places.values())[:2]  # type: ignore[union-attr]
    errand = quests.errands["lantern"]
    errand.area, errand.at = tuple(secret), {secret[0]: -1}
    quests._busy.append(errand)
    game.journey.realm.refresh()
    game._command("photo")
    layer = game.screens.top
    assert isinstance(layer, photo.Photo)
    play(game, 12)
    beliefs = {panel.eyes: set(panel.beliefs) for panel in layer.panels}
    assert not beliefs["seer"] & set(secret) and beliefs["you"] >= set(secret) and beliefs["seer"]


def test_the_menu_turns_the_mind_back_after_asking_and_exports_it(tmp_path: Path) -> None:
    mind = StubMind(blind)
    game = game_of(mind, tmp_path)
    play(game, 5)
    game.journey.mind_client.mark("under the torii")
    play(game, 5)
    game.screens.push(menu := rewind.menu(game))
    play(game, 2)
    assert [entry.label for entry in menu.entries] == ["under the torii", "The day you came", "Export the mind"]
    game.screens.take("enter")
    play(game, 2)
    game.screens.take("enter")
    assert not any(isinstance(message, Rewind) for message in mind.sent), "the first answer leaves it as it is"
    for command in ("enter", "down", "enter"):
        game.screens.take(command)
    assert mind.sent[-1] == Rewind(1)
    menu.chosen = 2
    game.screens.take("enter")
    assert mind.sent[-1] == Export(str(tmp_path / "mind"))


def test_a_caption_says_who_is_half_seen() -> None:
    places = new_world(0).map.places
    panel = photo.Panel("you", 1, {3: ("oni", 0.9), 4: ("kodama", 0.3), 5: ("tengu", 0.4), 6: ("yurei", 0.05)})
    panel.picture = pg.Surface((1, 1))
    kinds = [places[place].kind for place in (3, 5, 4)]
    clear, half = f"sees an oni by the {kinds[0]}", f"half sees a tengu by the {kinds[1]}, a kodama by the {kinds[2]}"
    assert photo.caption(panel, places) == f"{clear}; {half}"
    panel.beliefs = {4: ("kodama", 0.3)}
    assert photo.caption(panel, places) == f"half sees a kodama by the {places[4].kind}"
    panel.beliefs = {6: ("yurei", 0.05)}
    assert photo.caption(panel, places) == "sees nobody"
