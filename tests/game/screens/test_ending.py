"""The ending: what lights the stairs is what the mind believes, three minds stand side by side, the heads in a row."""

from pathlib import Path

import pygame as pg
import pytest

from game.app.game_loop import Game
from game.journey.roll_call import RollCall, scene_of
from game.realm.rules import load
from game.screens import ending
from game.screens.ending_scene import CLIMB, OUT, Stairs, stairs
from perception.messages import Perceive, Progress, Scene
from tests.kits.playkit import game_of, play, small_map
from tests.kits.stub_mind import StubMind, blind, by_traces

SPECIES = load().species
LATE = OUT + 3 * CLIMB


def part(scene: Scene) -> list[dict[str, float]]:
    """Sees foxes wholly, oni half, and nobody else."""
    share = {"kitsune": 1.0, "oni": 0.5}
    return [{k: v * share.get(k, 0.0) for k, v in d.items()} for d in by_traces(load())(scene)]


@pytest.fixture
def game(tmp_path: Path) -> Game:
    game = game_of(StubMind(part, seer=by_traces(load()), learning=False), tmp_path)
    play(game, 5)
    return game


def open_at(game: Game) -> ending.Epilogue:
    game.journey.narrator.wants = "ending"
    play(game, 4)
    layer = game.screens.top
    assert isinstance(layer, ending.Epilogue)
    return layer


@pytest.mark.parametrize("species", SPECIES)
def test_each_guest_is_a_scene_of_two_traces_that_the_mind_is_asked_about(game: Game, species: str) -> None:
    scene = scene_of(game.journey.realm.world, "terse", species)
    own = load().spirits[SPECIES.index(species)].traces
    traces = [event.thing for event in scene.events if event.sense != "look"]
    assert len(traces) == 2 and set(traces) <= set(own) and all(trace in scene.text for trace in traces)
    assert len(scene.questions) == 1 and species not in scene.text.split()
    assert by_traces(load())(scene) == [{species: 0.96}]


def test_what_climbs_is_what_is_believed(game: Game) -> None:
    layer = open_at(game)
    play(game, 10)
    assert layer.roll.over
    you, blank, seer = (layer.roll.seen(eyes) for eyes in ("you", "blind", "seer"))
    assert you["kitsune"] == pytest.approx(0.96) and you["oni"] == pytest.approx(0.48) and you["tengu"] == 0
    assert set(blank.values()) == {0.0} and min(seer.values()) == pytest.approx(0.96)
    inquiries = [m for m in game.journey.mind.sent if isinstance(m, Perceive) and len(m.scene.questions) == 1]
    assert len(inquiries) == 3 * len(SPECIES)
    scene = Stairs(game.painter, False, False)
    high = {guest.species: guest.y for guest in scene.guests(you, LATE)}
    _, top, foot = stairs(game.journey.realm.world.map)
    assert top <= high["kitsune"] < high["oni"] < high["tengu"] and high["tengu"] >= foot
    assert {guest.species: guest.belief for guest in scene.guests(you, LATE)} == you


def light(game: Game, beliefs: dict[str, float], seconds: float) -> float:
    frame = pg.Surface((640, 360))
    Stairs(game.painter, True, False).paint(frame, beliefs, seconds)
    return float(pg.surfarray.array3d(frame).mean())


def test_the_lanterns_go_out_and_only_beliefs_give_light(game: Game) -> None:
    nobody, everybody = dict.fromkeys(SPECIES, 0.0), dict.fromkeys(SPECIES, 1.0)
    lit, dark, seen = light(game, nobody, 0.0), light(game, nobody, LATE), light(game, everybody, LATE)
    half = light(game, dict.fromkeys(SPECIES, 0.5), LATE)
    assert dark < 0.35 * lit and dark < half < seen


def test_three_minds_and_the_heads_stand_on_one_page(game: Game) -> None:
    layer = open_at(game)
    play(game, 10)
    assert layer._says(layer.roll.seen("blind")) == "sees nobody"
    assert layer._says(layer.roll.seen("you")) == "sees one of six, one half"
    assert layer._says(layer.roll.seen("seer")) == "sees six of six" and layer._says(None) == "Nobody answers."
    layer.page = len(layer.lines)
    play(game, 2)
    assert set(layer._last) == {"blind", "you", "seer"}


def test_a_mind_that_is_gone_leaves_an_ending_without_light(tmp_path: Path) -> None:
    game = game_of(StubMind(blind, state="dead"), tmp_path)
    play(game, 2)
    layer = open_at(game)
    for _ in range(20):
        game._command("enter")
        play(game, 1)
    assert not game.screens and layer.roll.over


def test_the_strip_spreads_over_the_journey() -> None:
    points = [Progress(step, 0, 0, 0, False, change=(0.1,)) for step in range(100)]
    assert [p.step for p in ending.strip(points)] == [0, 14, 28, 42, 57, 71, 85, 99]
    assert ending.strip([Progress(0, 0, 0, 0, False)]) == [] and ending.strip(points[:3]) == points[:3]


def test_the_register_counts_what_the_screen_counted(game: Game) -> None:
    game.journey.narrator.firsts.found = 1
    assert "found unaided 1," in ending.figures(game.journey)[0]
    assert ending.figures(game.journey)[1].startswith("seen right ")


def test_a_realm_without_stairs_has_an_ending_too() -> None:
    x, top, foot = stairs(small_map())
    assert (x, top) == small_map().shrine and foot > top


def test_an_answer_that_never_comes_is_given_up(game: Game) -> None:
    game.journey.mind.delay = 10**6
    roll = RollCall(game.journey.realm.world, game.journey.mind_client)
    roll.ask()
    roll.hear(1.0)
    assert not roll.over
    roll.hear(30.0)
    assert roll.over and roll.seen("you") is None
