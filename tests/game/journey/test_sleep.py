"""A night at the inn: when one wakes, that it is a journey like any other, and how the bed is offered."""

from pathlib import Path

import pygame as pg
import pytest

from game.journey.journey import Journey
from game.journey.sleep import PHASES, at_the_inn
from game.realm.realms import LocalRealm
from game.realm.replay import state_hash
from game.realm.world import World, new_world
from game.ui.menus import Menu
from perception.messages import Mark
from tests.kits.playkit import game_of, play, tap
from tests.kits.questkit import into
from tests.kits.stub_mind import StubMind


def at_bed(world: World) -> None:
    into(world, next(room for room in world.map.rooms if room.kind == "inn"))


def asleep(journey: Journey, phase: str) -> int:
    """Frames until one wakes."""
    journey.rest(True)
    journey.sleep.begin(journey.realm.world, phase)
    for frame in range(2000):
        journey.advance(1 / 60, (0, 0), False, journey.seconds)
        if not journey.resting:
            return frame
    raise AssertionError("never")


@pytest.mark.parametrize("phase", PHASES)
def test_one_sleeps_until_dusk_or_dawn_begins(phase: str) -> None:
    world = new_world(0)
    journey = Journey(LocalRealm(world), StubMind())
    assert world.phase == "dusk"
    frames = asleep(journey, phase)
    first = next(hour for name, hour in world.rules.phases if name == phase)
    assert world.phase == phase and first <= world.hour < first + 0.6, "the realm looks at its clock once an hour"
    assert frames < 600, "a night takes a few seconds"
    hours = world.tick / (world.rules.ticks_per_second * world.rules.seconds_per_hour)
    assert 11 < hours < 12.1 if phase == "dawn" else 23 < hours < 24.1, "dusk is tomorrow's, if it is dusk now"


def test_a_night_is_lived_through_again_from_its_log() -> None:
    journey = Journey(LocalRealm(new_world(0)), StubMind())
    asleep(journey, "dawn")
    journey.advance(1 / 30, (0, 0), False, journey.seconds)
    assert state_hash(journey.realm.log.replay()) == state_hash(journey.realm.world)
    assert not journey.realm.world.player.resting
    assert sum(isinstance(message, Mark) for message in journey.mind.sent) == 1  # type: ignore[attr-defined]


def test_who_is_woken_sleeps_no_further() -> None:
    journey = Journey(LocalRealm(new_world(0)), StubMind())
    journey.rest(True)
    journey.sleep.begin(journey.realm.world, "dawn")
    journey.advance(1 / 60, (0, 0), False, 0.0)
    journey.act()
    tick = journey.realm.world.tick
    for _ in range(60):
        journey.advance(1 / 60, (0, 0), False, journey.seconds)
    assert not journey.resting and journey.realm.world.tick < tick + 40


def test_at_the_inn_the_key_for_resting_offers_a_bed(tmp_path: Path) -> None:
    game = game_of(StubMind(), tmp_path, seed=0, world=new_world(0))
    assert not at_the_inn(game.journey.realm.world)
    tap(game, pg.K_r)
    assert game.journey.resting, "anywhere else one lies down"
    tap(game, pg.K_r)
    at_bed(game.journey.realm.world)
    game.journey.realm.refresh()
    game.journey.motion.note(game.journey.world)
    tap(game, pg.K_r)
    menu = game.screens.top
    assert isinstance(menu, Menu) and not game.journey.resting
    assert [entry.label for entry in menu.entries][:2] == ["Sleep until dusk", "Sleep until dawn"]
    tap(game, pg.K_RETURN)
    assert game.journey.resting and game.journey.sleep.until == "dusk" and not game.screens
    play(game, 3)
    assert game.dream is not None
