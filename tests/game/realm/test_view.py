"""What a player may know: it is read like the realm itself, and it holds no truth about spirits."""

from random import Random

import pytest

from game.journey.tracking import staring, trail
from game.realm.differences import digest
from game.realm.policy import RandomPolicy
from game.realm.rules import load
from game.realm.scene import describe
from game.realm.seen import OTHERS, observe
from game.realm.senses import beside_seer, nearest_place
from game.realm.step import step_players
from game.realm.traces import NOBODY
from game.realm.view import PlayerView
from game.realm.world import World, new_world


def lived(seed: int, players: int, ticks: int) -> World:
    """A realm in which several players have walked, asked, talked and named."""
    world = new_world(seed, players=players)
    policies = [RandomPolicy(seed + number) for number in range(players)]
    rng = Random(f"{seed}/deeds")
    for _ in range(ticks):
        actions = [policy(world, player) for policy, player in zip(policies, world.players, strict=True)]
        if rng.random() < 0.1:
            actions[rng.randrange(players)] += (("talk", rng.randrange(len(world.quests.people))),)
        step_players(world, actions)
    return world


def view_of(world: World, number: int) -> PlayerView:
    view = PlayerView(world.seed, world.rules, world.start_hour, world.map, number)
    view.show(observe(world, world.players[number]))
    return view


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_view_is_read_like_the_realm(number: int) -> None:
    world = new_world(5, players=3)
    policies = [RandomPolicy(20 + one) for one in range(3)]
    world.familiar_joins(world.players[number])
    view = PlayerView(world.seed, world.rules, world.start_hour, world.map, number)
    for tick in range(400):
        step_players(world, [policy(world, who) for policy, who in zip(policies, world.players, strict=True)])
        player, quests = world.players[number], world.quests_of[number]
        if tick == 50:
            giver = quests.people[0]
            player.x, player.y = giver.x, giver.y + 4
            step_players(world, [*[()] * number, (("talk", quests.beside()),)])
        view.show(observe(world, player))
        assert describe(view) == describe(world, player=player)
        assert (view.hour, view.phase, view.weather, view.flood) == (
            world.hour, world.phase, world.weather, world.flood,
        )  # fmt: skip
        assert nearest_place(view) == nearest_place(world, player)
        real, known = beside_seer(world, player), beside_seer(view)
        assert (real and (real.key, real.x, real.y)) == (known and (known.key, known.x, known.y))
        assert view.quests.beside() == quests.beside() and view.quests.under_way == quests.under_way
        assert [(who.x, who.y) for who in view.quests.people] == [(who.x, who.y) for who in quests.people]
        if number == 0:
            assert trail(view) == trail(world) and staring(view) == staring(world)
            assert [(a.kind, a.x, a.y, a.facing, a.moving) for a in view.figures.values()] == [
                (a.kind, a.x, a.y, a.facing, a.moving)
                for a in world.actors
                if a not in [other.seer for other in world.players[1:]]
            ]
    assert any(errand.stage == "taken" for errand in view.quests.errands.values())


def tamper(world: World, rng: Random) -> None:
    """Changes all that nobody may know: who is where, who comes when, and what errands have planned."""
    places = range(len(world.map.places))
    world.traces.here = [rng.randrange(NOBODY, len(world.rules.kinds)) for _ in places]
    for spirit in world.spirits:
        spirit.place, spirit.until, spirit.visit = rng.choice(places), rng.randrange(10**6), rng.randrange(100)
        spirit.held = rng.random() < 0.5
    for quests in world.quests_of:
        quests._rng.seed(rng.random())
        quests.tally._given = {(rng.randrange(10), 1): 1}
        for errand in quests.errands.values():
            errand.last = rng.choice(places)
            if errand.at:
                errand.at = {rng.choice(places): rng.randrange(len(world.spirits))}
            elif errand.due > 0:
                errand.due = rng.randrange(10**6)
    for player in world.players:
        player.shown = {(rng.randrange(10), rng.randrange(10)): rng.randrange(100)}
        player.familiar.goal = rng.choice(places)
    for stream in (world._sky, world.traces._rng, world.seer._rng, world.folk[0]._rng, world.spirits[0]._rng):
        stream.seed(rng.random())
    for worker in world.folk:
        worker.goal, worker.until = rng.choice(places), rng.randrange(10**6)
    world.secret = str(rng.random())


@pytest.mark.parametrize("seed", range(4))
def test_the_truth_about_spirits_is_in_no_view(seed: int) -> None:
    world = lived(seed, 3, 300)
    for player, quests in zip(world.players, world.quests_of, strict=True):
        giver = quests.people[0]
        player.x, player.y = giver.x, giver.y + 4
        actions = [(("talk", quests.beside()),) if player is other else () for other in world.players]
        step_players(world, actions)
    assert any(errand.at for quests in world.quests_of for errand in quests.errands.values()), "guests are there"
    before = [digest(observe(world, player)) for player in world.players]
    tamper(world, Random(seed))
    assert [digest(observe(world, player)) for player in world.players] == before


def test_what_is_sensed_beyond_sight_is_in_no_view() -> None:
    world = lived(1, 2, 200)
    for player in world.players:
        seen = observe(world, player)
        assert set(seen.sensed) == set(describe(world, player=player).places.values())
        assert len(seen.sensed) <= world.rules.most


def test_others_are_seen_and_the_seer_who_walks_with_them_is_not() -> None:
    world = lived(2, 3, 50)
    view = view_of(world, 1)
    assert sorted(number for number in view.others if number >= OTHERS) == [OTHERS, OTHERS + 4]
    assert [who.kind for number, who in view.others.items() if number >= OTHERS] == ["player", "player"]
    assert view.figures[1].kind == world.rules.seers[0].figure


def test_a_realm_with_a_secret_has_the_map_of_its_seed_and_other_spirits() -> None:
    plain, hidden, again = new_world(3), new_world(3, secret="x"), new_world(3, secret="x")
    assert plain.map == hidden.map and hidden.traces.here == again.traces.here
    assert plain.traces.here != hidden.traces.here and plain.traces.sensed != hidden.traces.sensed


def test_the_rules_know_every_body_that_is_shown() -> None:
    world, rules = lived(4, 2, 60), load()
    kinds = {one.name for one in rules.folk} | {seer.figure for seer in rules.seers} | {"player", "familiar"}
    assert {body.kind for body in observe(world, world.player).bodies.values()} <= kinds
