"""Pictures of a replay's moments: painted once more they are the same, and beliefs show in them."""

from io import BytesIO
from pathlib import Path

import pygame as pg
import pytest

import main
from game.art.frame_state import haunt
from game.journey.moments import SIZE, ghosts, paint_moments
from game.realm.relive import relive
from game.realm.replay import ReplayError
from game.realm.scene import describe
from game.realm.simulate import SimulateConfig, simulate
from game.realm.world import new_world


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("walk") / "walk.replay"
    simulate(SimulateConfig(300, 3, "shown-around", save_replay=file))
    return file


def test_a_picture_shows_its_tick_and_what_was_believed_then(walk: Path) -> None:
    views = relive_views(walk, 200)
    direction = next(iter(views.places))
    plain = paint_moments(walk, {0: (), 200: ()})
    assert sorted(plain) == [0, 200] and plain[0] != plain[200]
    assert paint_moments(walk, {200: ()}) == {200: plain[200]}
    assert pg.image.load(BytesIO(plain[0]), "picture.png").get_size() == SIZE
    haunted = paint_moments(walk, {200: [(direction, "kitsune", 0.9)]})[200]
    assert haunted != plain[200]
    assert paint_moments(walk, {200: [("nowhere", "kitsune", 0.9), (direction, "dragon", 0.9)]})[200] == plain[200]


def relive_views(walk: Path, tick: int):
    from game.realm.replay import ActionLog

    return relive(ActionLog.load(walk), [tick]).views[tick]


def test_a_belief_is_painted_where_the_game_paints_it() -> None:
    world = new_world(3)
    view = describe(world)
    direction, place = next(iter(view.places.items()))
    (ghost,) = ghosts(world, view, [(direction, "oni", 0.5), (direction, "oni", 0.01)])
    assert (ghost.place, ghost.species, ghost.belief) == (place, "oni", 0.5)
    assert (ghost.x, ghost.y) == haunt(world.map.places[place])


def test_a_tick_beyond_the_end_is_refused(walk: Path) -> None:
    with pytest.raises(ValueError, match="tick 301: it goes from 0 to 300"):
        paint_moments(walk, {301: ()})
    with pytest.raises(ReplayError, match="cannot be read"):
        paint_moments(walk.with_name("none"), {1: ()})


def test_the_command_writes_a_picture_for_every_tick(
    walk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["simulate", "--replay", str(walk), "--pictures", str(tmp_path / "shots")]
    assert main.main([*command, "--at", "120,30,30"]) == 0
    files = [str(tmp_path / "shots" / f"tick-{tick}.png") for tick in (30, 120)]
    assert capsys.readouterr().out.split() == files
    assert [pg.image.load(file).get_size() for file in files] == [SIZE] * 2
    for wrong in (command, [*command, "--at", "99999"], [*command, "--at", "x"], command[:1] + ["--at", "3"]):
        try:
            status = main.main(wrong)
        except SystemExit as leaving:
            status = leaving.code
        assert status == 2
    assert len(capsys.readouterr().err.splitlines()) == 4
