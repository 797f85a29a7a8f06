"""Several players in one realm: what they share, what is each one's own, and that one player alone notices nothing."""

import pytest

from game.realm.happenings import Revealed, Turn
from game.realm.policy import RandomPolicy, ShownAround
from game.realm.replay import state_hash
from game.realm.rules import NOTHING
from game.realm.scene import describe
from game.realm.senses import beside_seer, in_sight, nearest_place, who_is_at
from game.realm.step import step, step_players
from game.realm.traces import NOBODY
from game.realm.world import PLAYERS_MAX, World, new_world


def lived(seed: int, players: int, ticks: int) -> World:
    """A realm in which everybody wanders at random."""
    world, policies = new_world(seed, players=players), [RandomPolicy(seed * 100 + n) for n in range(players)]
    for _ in range(ticks):
        step_players(world, [policy(world, who) for policy, who in zip(policies, world.players, strict=True)])
    return world


def test_a_realm_of_one_is_the_realm_as_it_was():
    alone, one, policy = new_world(5), new_world(5, players=1), RandomPolicy(5)
    for _ in range(400):
        actions = policy(alone)
        assert step(alone, actions) == step_players(one, (actions,))[0]
    assert state_hash(alone) == state_hash(one)


def test_a_player_who_only_stands_there_changes_nothing_for_the_first():
    alone, company = new_world(8), new_world(8, players=3)
    policies = RandomPolicy(8), RandomPolicy(8)
    for _ in range(600):
        assert step(alone, policies[0](alone)) == step(company, policies[1](company))
    assert (alone.player.x, alone.player.y) == (company.player.x, company.player.y)
    assert alone.traces.state() == company.traces.state() and alone.quests.state() == company.quests.state()
    assert state_hash(alone) != state_hash(company)


def test_the_same_seeds_give_the_same_realm_and_every_player_counts():
    assert state_hash(lived(3, 4, 300)) == state_hash(lived(3, 4, 300)) != state_hash(lived(3, 3, 300))
    world, other = new_world(2, players=2), new_world(2, players=2)
    step_players(world, ((), (("move", 1, 0),)))
    step_players(other, ())
    assert (world.player.x, world.player.y) == (other.player.x, other.player.y)
    assert state_hash(world) != state_hash(other)


def test_everybody_sees_from_where_they_stand():
    world = lived(1, 3, 900)
    views = [describe(world, "terse", who) for who in world.players]
    assert len({view.scene.text for view in views}) == 3
    assert views[0] == describe(world)
    assert [dict(in_sight(world, who)) for who in world.players] == [view.places for view in views]


def test_everybody_is_followed_by_a_seer_of_their_own_and_shown_spirits_for_themselves():
    world = new_world(4, players=2)
    policies = [ShownAround(4), ShownAround(44)]
    sources = [0, 0]
    for _ in range(1500):
        happened = step_players(world, [p(world, who) for p, who in zip(policies, world.players, strict=True)])
        for number, happenings in enumerate(happened):
            sources[number] += sum(isinstance(happening, Revealed) for happening in happenings)
    first, second = world.players
    assert first.seer is world.seer is not second.seer and second.seer in world.actors
    assert all(sources) and first.shown != second.shown
    assert [len(first.shown), len(second.shown)] == sources
    assert beside_seer(world, second) in (second.seer, *world.seers[1:])


def test_a_name_counts_for_the_one_who_said_it():
    world = new_world(6, players=2)
    _, place = in_sight(world, world.players[1])[0]
    happened = step_players(world, ((), (("name", place, who_is_at(world, place)),)))
    assert happened[0] == () and isinstance(happened[1][1], Revealed)
    assert [quests.tally.guesses for quests in world.quests_of] == [0, 1]


def put_beside(world: World, number: int, person: int) -> None:
    who, giver = world.players[number], world.quests_of[number].people[person]
    who.x, who.y = giver.x, giver.y


def test_errands_are_each_ones_own_and_no_guest_is_put_where_anothers_is():
    """Both take the first errand; then both name what is there, wrong and right, and hold spirits all the time."""
    world = new_world(9, players=12)
    for number, quests in enumerate(world.quests_of):
        put_beside(world, number, 0)
        assert quests.current_errand(0) is not None
    happened = step_players(world, [(("talk", 0),)] * 12)
    assert all(isinstance(happenings[0], Turn) and happenings[0].stage == "given" for happenings in happened)
    waited = 0
    for tick in range(900):
        guests = [(place, number) for q in world.quests_of for e in q._busy for place, number in e.at.items()]
        spirits = [number for _, number in guests if number != NOBODY]
        assert len({place for place, _ in guests}) == len(guests) and len(set(spirits)) == len(spirits)
        assert all(world.spirits[number].place == place for place, number in guests if number != NOBODY)
        waited += any(not errand.at for quests in world.quests_of for errand in quests._busy)
        named = [tuple(("name", p, who_is_at(world, p)) for e in q._busy for p in e.at) for q in world.quests_of]
        step_players(world, named if tick % 9 == 0 else ())
    assert waited and sum(quests.tally.rights for quests in world.quests_of) > 12


def test_seers_face_the_nearest_player():
    world = new_world(3, players=2)
    seer = world.seers[1]
    world.players[1].x, world.players[1].y = seer.x + 20, seer.y
    for _ in range(400):
        step_players(world, ())
        world.players[1].x, world.players[1].y = seer.x + 20, seer.y
        if not seer.moving and seer.facing == "e":
            break
    assert seer.facing == "e"


def test_a_realm_has_a_bound():
    for players in (0, -1, PLAYERS_MAX + 1):
        with pytest.raises(ValueError, match=f"players {players}: must lie between 1 and"):
            new_world(1, players=players)
    with pytest.raises(ValueError, match="actions of 2 players, and there are 1"):
        step_players(new_world(1), ((), ()))
    world = new_world(1)
    world.players *= PLAYERS_MAX
    with pytest.raises(ValueError, match="full"):
        world.add_player()


def test_who_comes_later_begins_where_journeys_begin():
    world = lived(2, 1, 50)
    late = world.add_player()
    assert (late.x, late.y) == world.map.start and late.number == 1
    assert nearest_place(world, late) == new_world(2).spatial_index.nearest(*world.map.start)
    assert all(errand.stage == "open" for errand in world.quests_of[1].errands.values())
    assert NOTHING not in world.quests_of[1].tally.pages
