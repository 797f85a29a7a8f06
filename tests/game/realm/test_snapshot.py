"""A realm as bytes: whatever goes on in it, the realm that comes back is the same in all its parts, and goes on so."""

from collections import deque
from random import Random
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from game.realm.happenings import Action
from game.realm.policy import RandomPolicy
from game.realm.replay import VERBS, state_hash
from game.realm.rules import Rules, load
from game.realm.senses import in_sight, who_is_at
from game.realm.snapshot import FORMAT, SnapshotError, _digest, restored, snapshot
from game.realm.spatial_index import SpatialIndex
from game.realm.step import step_players
from game.realm.world import World, new_world


def busy_actions(world: World, number: int, policy: RandomPolicy) -> tuple[Action, ...]:
    """A walk, and now and then everything else that a player can do."""
    player, tick = world.players[number], world.tick
    actions = policy(world, player)
    if tick % 7 == 0:
        direction, place = in_sight(world, player)[tick % 3]
        actions += (("name", place, who_is_at(world, place) if tick % 2 else "oni"), ("touch", place), ("ask",))
        actions += (("send", direction), ("heed", tick % 14 == 0), ("rest", tick % 140 < 30), ("talk", tick % 7))
        actions += (("borrow", tick % 21 == 0), ("wait", tick % 140 < 20))
    return actions + ((("call",),) if tick % 200 == 0 else ())


class Company:
    """A realm with its players, who do all that one can do."""

    def __init__(self, seed: int, players: int) -> None:
        self.world = new_world(seed, players=players)
        self.policies = [RandomPolicy(seed + number) for number in range(players)]
        for player, quests in zip(self.world.players, self.world.quests_of, strict=True):
            self.world.familiar_joins(player)
            giver = quests.people[0]
            player.x, player.y = giver.x, giver.y

    def live(self, world: World, ticks: int) -> list[Any]:
        happened = []
        for _ in range(ticks):
            actions = [busy_actions(world, number, policy) for number, policy in enumerate(self.policies)]
            if world.tick == 1:
                actions = [(("talk", 0),)] * len(actions)
            happened.append(step_players(world, actions))
        return happened


def parts(thing: Any, seen: dict[int, int]) -> Any:
    """Everything that an object holds, as plain data; an object that was met before by the number it got then."""
    if isinstance(thing, Rules | SpatialIndex) or callable(thing):
        return type(thing).__name__  # they follow from the seed and the assets
    if isinstance(thing, int | float | str | bytes | None):
        return thing
    if id(thing) in seen:
        return f"#{seen[id(thing)]}"
    if isinstance(thing, Random):
        seen[id(thing)] = len(seen)
        return thing.getstate()
    if isinstance(thing, dict):
        return [(parts(key, seen), parts(value, seen)) for key, value in thing.items()]
    if isinstance(thing, list | tuple | deque):
        return [type(thing).__name__, *(parts(item, seen) for item in thing)]
    seen[id(thing)] = len(seen)
    slots = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    names = sorted({*slots, *getattr(thing, "__dict__", {})})
    return [type(thing).__name__, *((name, parts(getattr(thing, name), seen)) for name in names)]


def same(one: World, other: World) -> bool:
    return bool(parts(one, {}) == parts(other, {}))


@settings(max_examples=6)
@given(seed=st.integers(0, 2**40), players=st.integers(1, 2), ticks=st.just(0) | st.integers(1500, 2500))
def test_the_realm_that_comes_back_is_the_same_in_every_part_and_goes_on_so(seed, players, ticks):
    company = Company(seed, players)
    world = company.world
    company.live(world, ticks)
    again = restored(snapshot(world))
    assert not ticks or (world._walking and world.agenda), "folk are on their way"
    assert same(world, again) and state_hash(world) == state_hash(again)
    states = [(p._rng.getstate(), p._heading, p._left) for p in company.policies]
    happened = company.live(world, 150)
    for policy, (rng, heading, left) in zip(company.policies, states, strict=True):
        policy._rng.setstate(rng)
        policy._heading, policy._left = heading, left
    assert company.live(again, 150) == happened
    assert same(world, again)


def test_the_walks_of_these_tests_hold_every_action_that_there_is():
    """What a new action changes must be in a snapshot, too."""
    world, policy = new_world(1), RandomPolicy(1)
    done = set()
    for _ in range(800):
        actions = busy_actions(world, 0, policy)
        done |= {action[0] for action in actions}
        step_players(world, (actions,))
    assert done == set(VERBS)


def test_what_happens_after_a_snapshot_doesnt_change_it():
    company = Company(3, 2)
    raw = snapshot(company.world)
    company.live(company.world, 300)
    first, second = restored(raw), restored(raw)
    assert state_hash(first) == state_hash(second) != state_hash(company.world)
    step_players(first, ())
    assert not same(first, second), "two realms of one snapshot share something"


def test_an_hour_is_kept():
    world = new_world(4, start_hour=21)
    assert same(world, restored(snapshot(world)))


@pytest.fixture(scope="module")
def raw() -> bytes:
    company = Company(2, 2)
    company.live(company.world, 60)
    return snapshot(company.world)


@settings(max_examples=60)
@given(data=st.data())
def test_a_broken_snapshot_is_one_line(raw, data):
    broken = bytearray(raw)
    if data.draw(st.booleans()):
        broken = broken[: data.draw(st.integers(0, len(raw) - 1))]
    else:
        where = data.draw(st.integers(0, len(raw) - 1))
        broken[where] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SnapshotError) as caught:
        restored(bytes(broken))
    assert "\n" not in str(caught.value)


ODD = st.sampled_from([None, True, -2, 2**63, 1.5, "x", b"x", (), {}, ((),), float("nan")])


@settings(max_examples=40)
@given(data=st.data(), odd=ODD)
def test_a_snapshot_of_odd_values_is_refused_or_lived_through(raw, data, odd):
    body = msgpack.unpackb(msgpack.unpackb(raw)["body"], use_list=True)
    at, key = body, data.draw(st.sampled_from(list(body)))
    while isinstance(at[key], list) and at[key] and data.draw(st.booleans()):
        at, key = at[key], data.draw(st.integers(0, len(at[key]) - 1))
    at[key] = odd
    packed = msgpack.packb(body)
    whole = {"format": FORMAT, "version": 1, "check": _digest(packed), "body": packed}
    try:
        restored(msgpack.packb(whole))
    except SnapshotError as error:
        assert len(str(error)) < 400 and "\n" not in str(error)


def test_other_rules_and_versions_are_refused(raw):
    whole = msgpack.unpackb(raw)
    with pytest.raises(SnapshotError, match="version 9"):
        restored(msgpack.packb(whole | {"version": 9}))
    body = msgpack.packb(msgpack.unpackb(whole["body"]) | {"realm": "other"})
    with pytest.raises(SnapshotError, match="other rules"):
        restored(msgpack.packb(whole | {"body": body, "check": _digest(body)}))
    assert restored(raw, load()).seed == 2
