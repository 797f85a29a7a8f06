"""People in a realm of play: at home by night and in rain, and never within one another."""

from collections import Counter
from dataclasses import replace
from itertools import count
from random import Random
from statistics import mean

import pytest

from game.realm import actors
from game.realm.land import OUTSIDE
from game.realm.play_rules import load
from game.realm.replay import state_hash
from game.realm.rules import Rules
from game.realm.rules import load as load_rules
from game.realm.shelter import SHARE, cell, room_of, stays_in
from game.realm.snapshot import restored, snapshot
from game.realm.state import Actor
from game.realm.step import step
from game.realm.traces import NOBODY
from game.realm.world import World, new_world

QUICK = replace(load(), seconds_per_hour=30)
HOUR = 30 * QUICK.seconds_per_hour  # ticks


def everybody(world: World) -> list[Actor]:
    """All who stand somewhere."""
    players = [who for player in world.players for who in (player, player.seer)]
    return [*players, *world.seers[1:], *world.folk, *world.quests.standing]


def within_one_another(world: World) -> list[tuple[int, int]]:
    """Tiles on which two stand."""
    cells = Counter(cell(who.x, who.y) for who in everybody(world) if not who.moving)
    return [tile for tile, many in cells.items() if many > 1]


def test_nobody_begins_within_somebody_else() -> None:
    for seed in range(60):
        assert within_one_another(new_world(seed, load())) == [], seed


def test_two_for_whom_no_place_was_free_begin_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    free_place, turns = World.free_place, count()

    def seldom(world: World, places: list[int], rng: Random) -> int:
        place = free_place(world, places, rng)
        return NOBODY if next(turns) < 2 else place  # both begin at the first place of all

    monkeypatch.setattr(World, "free_place", seldom)
    assert within_one_another(new_world(1, load())) == []


def test_the_test_above_could_fail() -> None:
    assert any(within_one_another(new_world(seed, load_rules())) for seed in range(60))


def test_nobody_stops_within_somebody_else() -> None:
    for seed in (0, 1, 2):
        world = new_world(seed, QUICK)
        for tick in range(6 * HOUR):
            step(world)
            if tick % 60 == 0:
                assert within_one_another(world) == [], (seed, tick)


def test_who_gives_up_a_goal_does_not_stop_within_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actors, "PATIENCE", 2)  # nearly every walk ends so
    for seed in range(4):
        world = new_world(seed, QUICK)
        for tick in range(3 * HOUR):
            step(world)
            if tick % 15 == 0:
                assert within_one_another(world) == [], (seed, tick)


def test_a_house_has_two_people_who_were_nearest() -> None:
    world = new_world(4, QUICK)
    homes = Counter(who.home for who in world.folk if who.home != OUTSIDE)
    assert set(homes.values()) == {SHARE} and len(homes) == len(world.map.rooms)
    assert all(who.kind in QUICK.living.housed for who in world.folk if who.home != OUTSIDE)
    assert all(who.home == OUTSIDE for who in new_world(4, load_rules()).folk)


@pytest.mark.parametrize("seed", [1, 3])
def test_people_go_home_by_night_and_in_rain_and_come_out_again(seed: int) -> None:
    world = new_world(seed, QUICK)
    housed = [who for who in world.folk if who.home != OUTSIDE]
    inside: dict[bool, list[float]] = {True: [], False: []}
    so_since = 0
    for tick in count():
        before = stays_in(world)
        step(world)
        so_since = tick if stays_in(world) != before else so_since
        if tick - so_since == 2 * HOUR:  # time enough to walk home
            inside[stays_in(world)].append(sum(room_of(world, who) == who.home for who in housed) / len(housed))
        if tick > 40 * HOUR:
            break
    assert inside[True] and inside[False]
    assert mean(inside[True]) > 0.6 and mean(inside[False]) < 0.4, inside


@pytest.mark.parametrize(
    ("weather", "phase", "most"), [("clear", "day", False), ("clear", "night", True), ("rain", "day", True)]
)
def test_night_and_rain_each_bring_people_home(weather: str, phase: str, most: bool) -> None:
    start = dict(QUICK.phases)[phase] + 1.0
    world = new_world(3, replace(QUICK, weather=((weather, 1.0),)), start_hour=start)
    for _ in range(4 * HOUR):
        step(world)
    assert (world.phase, world.weather) == (phase, weather)
    housed = [who for who in world.folk if who.home != OUTSIDE]
    home = sum(room_of(world, who) == who.home for who in housed) / len(housed)
    assert home > 0.6 if most else home < 0.4, home


def test_without_a_house_nobody_goes_through_a_door() -> None:
    for rules in (load(), load_rules()):
        world = new_world(2, rules)
        homeless = [who for who in world.folk if who.home == OUTSIDE]
        rooms = [room_of(world, who) for who in homeless]
        for _ in range(10 * HOUR):
            step(world)
        assert [room_of(world, who) for who in homeless] == rooms


def test_a_snapshot_goes_on_while_people_walk_home() -> None:
    world = play(5, load(), 3 * HOUR + 60)
    assert any(who.moving and who.home != OUTSIDE for who in world.folk), "nobody is on the way"
    again = restored(snapshot(world))
    for one in (world, again):
        for _ in range(HOUR):
            step(one)
    assert state_hash(again) == state_hash(world)


def play(seed: int, rules: Rules, ticks: int) -> World:
    world = new_world(seed, rules)
    for _ in range(ticks):
        step(world)
    return world
