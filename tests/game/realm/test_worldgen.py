"""The map: four regions, rooms behind doors, and that every place can be walked to; what is near, what walls hide."""

from collections import Counter, deque
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from game.realm.land import OUTSIDE
from game.realm.rules import load
from game.realm.scene import header
from game.realm.senses import beside_seer, in_sight, nearest_place
from game.realm.spatial_index import by_octant
from game.realm.step import step
from game.realm.terrain import OUTDOORS, TILE, UNDERFOOT, Ground
from game.realm.world import new_world
from game.realm.worldgen import generate, reached
from tests.kits.questkit import into

RULES = load()
STILL = new_world(1)


def walked(area, start):
    """Every tile one can walk to, through doors, by a plain search."""
    leads = {room.door: room.inside for room in area.rooms} | {room.exit: room.outside for room in area.rooms}
    seen, queue = {start}, deque([start])
    while queue:
        column, row = tile = queue.popleft()
        beside = [(column + 1, row), (column - 1, row), (column, row + 1), (column, row - 1)]
        if tile in leads:
            beside = [(leads[tile][0] // TILE, leads[tile][1] // TILE)]
        for c, r in beside:
            inside = 0 <= c < area.width and 0 <= r < area.height
            if inside and (c, r) not in seen and area.walkable[r * area.width + c]:
                seen.add((c, r))
                queue.append((c, r))
    return seen


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**40))
def test_every_place_and_every_room_can_be_walked_to(seed):
    area = generate(seed, RULES)
    seen = walked(area, (area.start[0] // TILE, area.start[1] // TILE))
    for place in area.places:
        column, row = place.x // TILE, place.y // TILE
        assert {(column + dx, row + dy) for dx, dy in ((0, 0), (0, 1), (1, 0), (-1, 0), (0, -1))} & seen, place
    assert sum(area.walkable) == len(seen)
    assert len(area.rooms) >= 4 and {"inn", "hall"} <= {room.kind for room in area.rooms}
    for room in area.rooms:
        assert {room.door, room.exit} <= seen
        house = area.decor[room.house]
        assert (house.kind, house.x) == (room.kind, room.outside[0]) and room.outside[1] > house.y


@pytest.mark.parametrize("seed", range(6))
def test_a_realm_has_four_regions_that_differ_underfoot(seed):
    area = generate(seed, RULES)
    assert (area.width, OUTDOORS) == (128, 96)
    regions = Counter(place.region for place in area.places)
    assert set(regions) == {"village", "forest", "river", "shrine", "room"}
    assert min(regions.values()) >= 8
    kinds = {place.kind for place in area.places}
    assert {"well", "torii", "altar", "bridge", "hearth"} <= kinds
    assert set(area.ground) >= {Ground.WATER, Ground.MARSH, Ground.FIELD, Ground.STAIRS, Ground.FLOOR, Ground.GRAVEL}
    stood = {Ground(area.ground[i]) for i, free in enumerate(area.walkable) if free}
    assert stood <= set(UNDERFOOT)
    assert area.start[1] > area.shrine[1]  # the shrine lies in the north, across the river


@pytest.mark.parametrize("seed", range(4))
def test_trees_that_touch_stand_around_one_corner_so_that_they_shut_nothing_in(seed):
    area = generate(seed, RULES)
    left = {(d.x // TILE, d.y // TILE) for d in area.decor if d.kind in ("tree", "pine", "sakura", "bamboo", "bush")}
    assert len(left) > 300
    while left:
        patch, front = set(), [left.pop()]
        while front:
            column, row = front.pop()
            patch.add((column, row))
            beside = {(column + dx, row + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)} & left
            left -= beside
            front += beside
        columns, rows = zip(*patch, strict=True)
        assert max(columns) - min(columns) <= 1 and max(rows) - min(rows) <= 1


def test_one_generator_floods_as_a_plain_search_does():
    area = generate(3, RULES)
    start = (area.start[0] // TILE, area.start[1] // TILE)
    flood = reached(area.walkable, area.width, start)
    plain = walked(replace(area, rooms=()), start)
    assert {(n % area.width, n // area.width) for n in range(flood.bit_length()) if flood >> n & 1} == plain


def test_a_door_leads_into_its_room_and_out_again_and_the_seer_comes_along():
    world = new_world(2)
    for room in world.map.rooms:
        into(world, room)
        assert (world.player.x, world.player.y) == room.inside == (world.seer.x, world.seer.y)
        assert world.spatial_index.room(*room.inside) == room and world.spatial_index.room(*room.outside) is None
        assert header(world)[2] == "floor"
        for _ in range(30):
            step(world, (("move", 0, 1),))
            if not world.spatial_index.room(world.player.x, world.player.y):
                break
        assert (world.player.x, world.player.y) == room.outside
        assert beside_seer(world) is world.seer


def test_walls_hide_what_is_behind_them():
    for seed in range(4):
        world = new_world(seed)
        assert all(world.map.places[place].room == OUTSIDE for _, place in in_sight(world))
        for room in world.map.rooms:
            for row in range(room.top, room.top + room.height):
                for column in range(room.left, room.left + room.width):
                    world.player.x, world.player.y = column * TILE + 3, row * TILE + 9
                    if not world.open(world.player.x, world.player.y):
                        continue
                    seen = in_sight(world)
                    assert len(seen) >= RULES.fewest
                    assert {world.map.places[place].room for _, place in seen} == {room.index}
                    assert nearest_place(world).room == room.index


@settings(max_examples=60, deadline=None)
@given(x=st.integers(16, 127 * 16 - 1), y=st.integers(16, 95 * 16 - 1))
def test_what_is_near_is_found_as_by_looking_at_every_place(x, y):
    world = STILL
    outside = [place for place in world.map.places if place.room == OUTSIDE]
    world.player.x, world.player.y = x, y
    whole = by_octant(outside, x, y)
    near = [item for item in whole if item[0] <= (RULES.sight * TILE) ** 2]
    wanted = near if len(near) >= RULES.fewest else whole[: RULES.fewest]
    assert in_sight(world) == tuple((RULES.directions[octant], index) for _, octant, index in wanted[: RULES.most])
    assert world.spatial_index.nearest(x, y) == min(outside, key=lambda p: (p.x - x) ** 2 + (p.y - y) ** 2)
