"""The realm: generation, the invariant of traces, what the seer and the hand reveal, and determinism."""

from collections import Counter
from itertools import combinations, islice, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from game.realm.actors import STROLL
from game.realm.happenings import Revealed, Said
from game.realm.policy import RandomPolicy
from game.realm.rules import NOTHING, load
from game.realm.sampler import samples
from game.realm.senses import beside_seer, in_sight, nearest_place, who_is_at, within_reach
from game.realm.step import step
from game.realm.telling import called
from game.realm.terrain import TILE
from game.realm.traces import NOBODY
from game.realm.world import new_world

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


def test_player_stops_at_water_and_walls():
    world = new_world(2)
    for heading in ((1, 0), (0, 1), (-1, 0), (0, -1)):
        for _ in range(400):
            step(world, (("move", *heading),))
            assert world.open(world.player.x, world.player.y)


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
    happenings = []
    for _ in range(times):
        for _ in range(60):
            step(world, tuple(a for a in policy(world) if a[0] == "move"))
        before = {place: who_is_at(world, place) for place in range(len(world.map.places))}
        happenings += [(happening, before) for happening in step(world, (("ask",),))]
    return happenings


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
    assert called(revealed.truth[0][1]) in said.text.lower()
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
    counts = Counter()
    for seed in range(6):
        world = new_world(seed, start_hour=21.0)
        for _ in range(1500):
            step(world)
        counts.update(RULES.kinds[here].name for here in world.traces.here if here != NOBODY)
    assert counts["yurei"] > counts["tengu"]


def test_all_species_and_all_pairs_of_their_traces_are_about_as_frequent_in_sampled_scenes():
    owners, spirits, pairs, places = RULES.omens(), Counter(), Counter(), 0
    for sample in islice(samples(1, "frequencies", per_realm=7), 700):
        events = sample.view.scene.events
        places += len(sample.answers)
        for question, answer in zip(sample.view.scene.questions, sample.answers, strict=True):
            spirits[answer] += 1
            senses = [e.sense for e in events if e.place == question.place and owners.get(e.thing) == answer]
            pairs.update((answer, *pair) for pair in combinations(sorted(senses), 2))
    counts = [spirits[name] for name in RULES.species]
    assert max(counts) < 1.8 * min(counts)  # of about a hundred each: 1.3 in the long run
    assert 0.12 < sum(counts) / places < 0.22
    assert len(pairs) == 6 * len(RULES.species)


def test_species_come_from_plain_to_subtle():
    assert RULES.species == ("kitsune", "tengu", "kodama", "yurei", "oni", "zashiki")
    showing, stays = Counter(), Counter()
    for seed in range(12):
        world = new_world(seed)
        for place, here in enumerate(world.traces.here):
            if 0 <= here < len(RULES.species):
                showing[here, len(world.traces._shown[place])] += 1
        for spirit in world.spirits:
            stays[spirit.index] += spirit.kind.stay[0]
    assert showing[0, 3] > showing[0, 2] and showing[5, 3] < showing[5, 2] / 3
    assert stays[0] > stays[5]


def test_species_keep_to_where_they_like_to_be():
    at = Counter()
    for seed in range(8):
        world = new_world(seed)
        at.update((s.kind.name, world.map.places[s.place].region) for s in world.spirits if s.place != NOBODY)
    assert at["zashiki", "room"] > at["kitsune", "room"] + at["yurei", "room"]
    assert at["yurei", "river"] > at["kodama", "river"]
    assert at["kodama", "forest"] > 2 * at["kodama", "village"]


def test_every_region_has_a_seer_who_stays_there_and_can_be_asked():
    world = new_world(6)
    assert [seer.region for seer in world.seers] == ["village", "forest", "river", "shrine"]
    assert world.seer is world.seers[0] and len({seer.kind for seer in world.seers}) == 4
    been = [{(seer.x, seer.y)} for seer in world.seers[1:]]
    home = [(seer.x, seer.y) for seer in world.seers[1:]]
    for _ in range(2500):
        step(world)
        for spots, seer in zip(been, world.seers[1:], strict=True):
            spots.add((seer.x, seer.y))
    for spots, (x, y), seer in zip(been, home, world.seers[1:], strict=True):
        assert len(spots) > 2 * TILE
        assert max(abs(a - x) for a, _ in spots) <= STROLL * TILE >= max(abs(b - y) for _, b in spots)
        assert all(world.open(a, b) for a, b in spots)
        world.player.x, world.player.y = seer.x + 20, seer.y
        assert beside_seer(world) is seer
        happenings = step(world, (("ask",),))
        assert happenings and happenings[0].who == seer.name
    world.player.x, world.player.y = world.seer.x, world.seer.y
    assert beside_seer(world) is world.seer


def test_a_seer_at_home_points_first_at_those_that_they_know_best():
    known = Counter()
    for seed in range(30):
        world = new_world(seed)
        fox = world.seers[1]
        world.player.x, world.player.y = fox.x, fox.y
        there = [who_is_at(world, place) for _, place in in_sight(world)]
        for happening in step(world, (("ask",),)):
            if isinstance(happening, Revealed) and set(fox.knows) & set(there):
                known[happening.truth[0][1] in fox.knows] += 1
    assert known[True] >= 5 and not known[False]


def test_the_river_floods_while_it_rains_and_its_water_rises_and_falls():
    world, levels = new_world(5), []
    for _ in range(24 * 30 * 30):
        step(world)
        assert world.flooded == (world.weather == "rain")
        levels.append((world.flooded, world.flood))
    assert {wet for wet, _ in levels} == {True, False}
    for (_, before), (wet, after) in pairwise(levels):
        assert 0 <= after <= 1 and abs(after - before) < 0.01
        assert after >= before if wet else after <= before
    assert max(level for _, level in levels) == 1 and levels[0][1] == 0


def test_a_spirit_that_is_held_stays_whoever_was_there_before_until_it_is_released():
    world = new_world(7)
    taken = next(worker.place for worker in world.folk if worker.place != NOBODY)
    spirit = world.spirits[0]
    world.hold(spirit, taken)
    for _ in range(6000):
        step(world)
        assert who_is_at(world, taken) == "kitsune"
    spirit.release(world)
    for _ in range(3):
        step(world)
    assert spirit.place != taken and not spirit.held
    for _ in range(9000):
        step(world)
    assert spirit.visit >= 2
