"""The realm: generation, the invariant of traces, what the seer and the hand reveal, and determinism."""

from collections import Counter, deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from game.realm.policy import RandomPolicy
from game.realm.rules import NOTHING, load
from game.realm.traces import NOBODY
from game.realm.world import (
    Revealed,
    Said,
    beside_seer,
    in_sight,
    nearest_place,
    new_world,
    step,
    walkable,
    who_is_at,
    within_reach,
)
from game.realm.worldgen import TILE, Ground, generate

RULES = load()


def lived(seed, ticks):
    world, policy = new_world(seed), RandomPolicy(seed)
    for _ in range(ticks):
        step(world, policy(world))
    return world


def counts_at(world, place):
    """How many of its traces each kind shows at a place."""
    owners = RULES.omens()
    return Counter(owners[thing] for _, thing in world.traces.sensed[place] if thing in owners)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**40), ticks=st.integers(0, 3000))
def test_two_traces_of_one_kind_are_sensed_exactly_where_it_is(seed, ticks):
    world = lived(seed, ticks)
    for place, here in enumerate(world.traces.here):
        pairs = {kind for kind, count in counts_at(world, place).items() if count >= 2}
        assert pairs == ({RULES.kinds[here].name} if here != NOBODY else set())
        assert len({sense for sense, _ in world.traces.sensed[place]}) == len(world.traces.sensed[place])


def test_nobody_is_in_two_places_and_no_place_holds_two():
    world = lived(4, 5000)
    at = [who.place for who in (*world.spirits, *world.folk) if who.place != NOBODY]
    assert len(at) == len(set(at))
    assert sorted(at) == [place for place, here in enumerate(world.traces.here) if here != NOBODY]


@pytest.mark.parametrize("seed", range(8))
def test_every_region_is_there_and_can_be_walked_to(seed):
    area = generate(seed, RULES)
    start = (area.start[0] // TILE, area.start[1] // TILE)
    seen, queue = {start}, deque([start])
    while queue:
        column, row = queue.popleft()
        for c, r in ((column + 1, row), (column - 1, row), (column, row + 1), (column, row - 1)):
            if (
                (c, r) not in seen
                and 0 <= c < area.width
                and 0 <= r < area.height
                and area.walkable[r * area.width + c]
            ):
                seen.add((c, r))
                queue.append((c, r))
    regions = Counter(place.region for place in area.places)
    assert set(regions) == {"village", "forest", "river", "shrine"}
    near = [
        place
        for place in area.places
        if any((place.x // TILE + dx, place.y // TILE + dy) in seen for dx in (-1, 0, 1) for dy in (-1, 0, 1))
    ]
    assert len(near) >= 0.95 * len(area.places)
    kinds = {place.kind for place in area.places}
    assert {"well", "torii", "altar", "bridge"} <= kinds
    assert (area.width, area.height) == (96, 64) and Ground.WATER in area.ground


def test_player_stops_at_water_and_walls():
    world = new_world(2)
    for heading in ((1, 0), (0, 1), (-1, 0), (0, -1)):
        for _ in range(400):
            step(world, (("move", *heading),))
            assert walkable(world, world.player.x, world.player.y)


def test_scenes_hold_three_to_eight_places_in_different_directions():
    for seed in range(5):
        world, policy = new_world(seed), RandomPolicy(seed)
        for _ in range(300):
            step(world, policy(world))
            seen = in_sight(world)
            assert RULES.fewest <= len(seen) <= RULES.most
            assert len({direction for direction, _ in seen}) == len({place for _, place in seen}) == len(seen)


def test_directions_are_as_on_a_map():
    world = new_world(0)
    for direction, place in in_sight(world):
        dx, dy = world.map.places[place].x - world.player.x, world.map.places[place].y - world.player.y
        assert ("north" in direction) <= (dy < 0) and ("south" in direction) <= (dy > 0)
        assert ("east" in direction) <= (dx > 0) and ("west" in direction) <= (dx < 0)


def asked(seed, times=40):
    """Walk about and ask: all that the seer reveals, with the world as it was then."""
    world, policy = new_world(seed), RandomPolicy(seed)
    found = []
    for _ in range(times):
        for _ in range(60):
            step(world, tuple(a for a in policy(world) if a[0] == "move"))
        before = {place: who_is_at(world, place) for place in range(len(world.map.places))}
        found += [(happening, before) for happening in step(world, (("ask",),))]
    return found


def test_the_seer_tells_the_truth_about_one_spirit_and_at_least_three_empty_places():
    revealed = [(h, truth) for seed in range(3) for h, truth in asked(seed) if isinstance(h, Revealed)]
    assert len(revealed) > 10
    for happening, truth in revealed:
        named = dict(happening.truth)
        assert all(truth[place] == answer for place, answer in named.items())
        assert sum(answer != NOTHING for answer in named.values()) == 1
        assert sum(answer == NOTHING for answer in named.values()) >= RULES.seer_empties


def test_the_seer_shows_each_visit_once():
    world = new_world(11)
    first = [h for h in step(world, (("ask",),)) if isinstance(h, Revealed)]
    again = [h for h in step(world, (("ask",),)) if isinstance(h, Revealed)]
    assert beside_seer(world)
    assert not (first and again) or first[0].truth[0] != again[0].truth[0]


def test_touch_reveals_only_within_reach():
    world = new_world(3)
    far = max(world.map.places, key=lambda p: abs(p.x - world.player.x))
    assert step(world, (("touch", far.index),)) == ()
    place = nearest_place(world)
    world.player.x, world.player.y = place.x, place.y + 20
    assert within_reach(world, place)
    happenings = step(world, (("touch", place.index),))
    assert isinstance(happenings[0], Said) and happenings[1] == Revealed(
        "touch", ((place.index, who_is_at(world, place.index)),)
    )


def test_naming_is_proven_right_or_wrong():
    world = new_world(3)
    _, place = in_sight(world)[0]
    said, revealed = step(world, (("name", place, "kitsune"),))
    assert revealed.truth[0][1] in said.text
    assert step(world, (("name", place, "dragon"),)) == ()


def test_hours_and_weather_pass():
    world = new_world(5)
    seen = Counter()
    for _ in range(24 * 30 * 30):
        step(world)
        seen[world.phase, world.weather] += 1
    assert {phase for phase, _ in seen} == {"dawn", "day", "dusk", "night"}
    assert len({weather for _, weather in seen}) >= 3


def test_spirits_prefer_their_hours():
    kept = Counter()
    for seed in range(6):
        world = new_world(seed, start_hour=21.0)
        for _ in range(1500):
            step(world)
        kept.update(RULES.kinds[here].name for here in world.traces.here if here != NOBODY)
    assert kept["yurei"] > kept["tengu"]
