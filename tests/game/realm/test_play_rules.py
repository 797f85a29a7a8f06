"""The rules of play: who is met where and when, weather that lasts, and walks of before there were such rules."""

import hashlib
import math
import tomllib
from collections import Counter
from dataclasses import replace
from itertools import combinations, islice, pairwise
from pathlib import Path

import pytest

from game.realm.play_rules import PLAY_TOML, load, parse
from game.realm.realms import LocalRealm
from game.realm.relive import relive
from game.realm.replay import ActionLog, realm_mark, rules_marked, state_hash
from game.realm.rulecheck import REGIONS, ROOM
from game.realm.rules import NOTHING
from game.realm.rules import load as load_rules
from game.realm.sampler import samples
from game.realm.senses import who_is_at
from game.realm.simulate import SimulateConfig, simulate
from game.realm.snapshot import restored, snapshot
from game.realm.step import step
from game.realm.tables import RulesError
from game.realm.terrain import TILE
from game.realm.traces import NOBODY
from game.realm.world import World, new_world

BEFORE = "54dbd2515c942785"  # the mark of realm.toml before there were rules of play: journeys were written with it
HOUR = 30 * load().seconds_per_hour  # ticks
DAY = 24 * HOUR
QUICK = replace(load(), seconds_per_hour=20)  # of hours that pass sooner
DATA = tomllib.loads(PLAY_TOML.read_text(encoding="utf-8"))


def met(seed: int, ticks: int = DAY) -> Counter[tuple[str, str, str]]:
    """How often (region as it is haunted, phase, species) was so, looked at every ten seconds."""
    world = new_world(seed, load())
    counts: Counter[tuple[str, str, str]] = Counter()
    for tick in range(ticks):
        step(world)
        if tick % 300 == 0:
            regions = [(world._haunted_as(place), who_is_at(world, place.index)) for place in world.map.places]
            counts.update((region, world.phase, who) for region, who in regions if who != NOTHING)
    return counts


def test_only_foxes_and_zashiki_haunt_the_village_and_everybody_keeps_to_their_regions() -> None:
    haunts = {kind.name: kind.haunts for kind in load().spirits}
    for seed in (1, 2):
        counts = met(seed)
        assert {who for region, _, who in counts if region == "village"} == {"kitsune", "zashiki"}
        assert all(region in haunts[who] for region, _, who in counts)
        assert {who for _, _, who in counts} == set(load().species), "somebody is never met"


def test_species_come_at_their_hours() -> None:
    counts = met(3)
    for kind in load().spirits:
        hours = Counter({phase: 0 for phase, _ in load().phases})
        for (_, phase, who), count in counts.items():
            hours[phase] += count * (who == kind.name)
        spans = {"dawn": 3, "day": 9, "dusk": 3, "night": 9}
        own = sum(hours[phase] for phase in kind.hours) / sum(spans[phase] for phase in kind.hours)
        others = sum(hours[phase] for phase in spans if phase not in kind.hours)
        others /= sum(span for phase, span in spans.items() if phase not in kind.hours)
        assert own > 1.5 * others, (kind.name, hours)


def test_a_visit_needs_its_hour_and_then_its_weather() -> None:
    world = new_world(1, load())
    every = {name for name, _ in load().weather}
    spirit = next(spirit for spirit in world.spirits if set(spirit.kind.weathers) < every)
    hours, weathers = spirit.kind.hours, spirit.kind.weathers
    other_hour = next(name for name, _ in load().phases if name not in hours)
    other_weather = next(name for name, _ in load().weather if name not in weathers)
    chances = {}
    for phase in (hours[0], other_hour):
        for weather in (weathers[0], other_weather):
            world.phase, world.weather = phase, weather
            chances[phase == hours[0], weather == weathers[0]] = spirit._arrival_chance(world)
    early, unsuited = DATA["early"], DATA["unsuited"]
    assert chances == {(True, True): 1.0, (True, False): unsuited, (False, True): early, (False, False): early}


def test_the_village_reaches_around_the_start_whatever_grows_there() -> None:
    world = new_world(1, load())
    (x, y), reach = world.map.start, DATA["village"] * TILE
    near = {p.index for p in world.map.places if math.dist((p.x, p.y), (x, y)) <= reach}
    wild = {p.index for p in world.map.places if p.region in ("forest", "river", "crossing")}
    village = {p.index for p in world.map.places if p.region == "village"}
    assert near & wild and wild - near, "the realm shows nothing"
    assert set(world.haunts_of("village")) == village | (near & wild)
    assert not near & {*world.haunts_of("forest"), *world.haunts_of("river"), *world.haunts_of("crossing")}
    assert new_world(1, load_rules()).haunts_of("village") == sorted(village), "lessons come from all regions"


def test_no_region_is_so_haunted_that_a_seer_finds_no_empty_places() -> None:
    world = new_world(5, load())
    for _ in range(DAY // 4):
        step(world)
        if world.tick % HOUR == 0:
            for region in (*REGIONS, ROOM):
                places = world.haunts_of(region)
                some = sum(who_is_at(world, place) != NOTHING for place in places)
                assert some <= load().living.crowd * len(places) + 2, "one may be welcomed beside the start"


def test_somebody_is_near_the_start_to_be_shown_first() -> None:
    for seed in range(12):
        world = new_world(seed, load())
        start = world.map.start
        away = {p.index: (p.x - start[0]) ** 2 + (p.y - start[1]) ** 2 for p in world.map.places if p.room < 0}
        assert "kitsune" in [who_is_at(world, place) for place in sorted(away, key=lambda p: away[p])[:3]], seed


def test_weather_lasts_some_hours() -> None:
    world, weathers = new_world(1, QUICK), []
    for _ in range(5 * 24 * 600):
        if world.tick % 600 == 0:
            weathers.append((world.weather, world.spell))
        step(world)
    shortest, longest = load().living.spell
    begun = [index for index, (_, spell) in enumerate(weathers) if index and weathers[index - 1][1] == 0]
    spells = [later - earlier for earlier, later in pairwise(begun)]
    assert spells and all(shortest <= spell <= longest for spell in spells)
    assert len({weather for weather, _ in weathers}) >= 3
    for earlier, later in pairwise(begun):
        assert len({weather for weather, _ in weathers[earlier:later]}) == 1


def pairs(world: World, ticks: int) -> set[tuple[str, int, int]]:
    """(species, sense, sense) of all that spirits show in so many ticks."""
    seen = set()
    for tick in range(ticks):
        step(world)
        if tick % 60 == 0:
            for spirit in (spirit for spirit in world.spirits if spirit.place != NOBODY):
                senses = sorted(world.traces._shown[spirit.place])
                seen |= {(spirit.kind.name, a, b) for a, b in combinations(senses, 2)}
    return seen


def test_each_species_keeps_a_pair_of_traces_to_itself_at_first() -> None:
    world, rules = new_world(8, QUICK), QUICK
    held = {(name, *sorted(world._withheld[index])) for index, name in enumerate(rules.species)}
    early = pairs(world, 28 * 600)
    for _ in range(rules.living.withheld * 600 - world.tick):
        step(world)
    later = pairs(world, 28 * 600)
    assert len(early) == 5 * len(rules.species) and not held & early
    assert held <= later and len(later) == 6 * len(rules.species)


def test_a_guest_of_an_errand_keeps_its_pair_to_itself_too() -> None:
    world = new_world(2, load())
    first, second = (place.index for place in world.map.places[:2])
    for spirit in world.spirits:
        for turn in range(40):
            place = (first, second)[turn % 2]
            world.hold(spirit, place)
            assert not set(world._withheld[spirit.index]) <= set(world.traces._shown[place])
        spirit.yield_place(world)


def test_lessons_and_probes_come_from_a_realm_without_them() -> None:
    assert load_rules().living is None and load_rules().homing == 0.5
    assert realm_mark(load_rules()) == BEFORE, "every walk that was saved before would begin anew"
    assert realm_mark(load()) != BEFORE


def test_what_minds_are_trained_on_is_as_before_there_were_rules_of_play() -> None:
    digest = hashlib.blake2b(digest_size=8)
    for sample in islice(samples(5, "unmoved"), 40):
        digest.update(repr((sample.view.scene.text, sample.answers, sample.header)).encode())
    assert digest.hexdigest() == "66d0890f3a6e2e48"  # both were taken down at commit a1b4e59
    assert simulate(SimulateConfig(ticks=900, seed=5))["state_hash"] == "bf0afa3f7aadc142"


def test_a_log_of_play_bears_the_mark_of_play() -> None:
    for rules in (load_rules(), load()):
        realm = LocalRealm(new_world(6, rules))
        for _ in range(30):
            realm.tick((("move", 1, 0),), False, "terse")
        assert realm.log.replay().rules is rules
        assert state_hash(realm.log.replay()) == state_hash(realm.world)


def test_a_walk_goes_on_under_the_rules_that_it_began_with(tmp_path: Path) -> None:
    assert rules_marked(BEFORE) is load_rules() and rules_marked(realm_mark(load())) is load()
    assert rules_marked("other") is None
    for rules in (load_rules(), load()):
        world, log = new_world(6, rules), ActionLog(6, realm_mark(rules))
        for tick in range(400):
            actions = (("move", 1, 0),) if tick % 3 else (("ask",),)
            step(world, actions)
            log.append(actions)
        assert log.fits() and log.replay().rules is rules
        assert state_hash(log.replay()) == state_hash(world)
        log.save(tmp_path / "walk")
        again = simulate(SimulateConfig(ticks=400, policy=str(tmp_path / "walk")))
        assert again["state_hash"] == state_hash(world), "simulated under other rules"
        assert relive(log).state == state_hash(world), "lived again under other rules"


def gone_on(world: World, ticks: int) -> str:
    for _ in range(ticks):
        step(world)
    return state_hash(world)


def test_a_snapshot_of_play_goes_on_in_the_midst_of_weather() -> None:
    world = gone_on_for(new_world(7, load()), 2 * HOUR)
    assert 0 < world.spell != new_world(7, load()).spell, "the weather stands as at the beginning"
    again = restored(snapshot(world))
    assert again.spell == world.spell
    assert again.rules is load() and gone_on(again, DAY // 8) == gone_on(world, DAY // 8)


def test_how_long_the_weather_stays_is_part_of_the_state() -> None:
    world = new_world(7, load())
    before = state_hash(world)
    world.spell += 1
    assert state_hash(world) != before


def gone_on_for(world: World, ticks: int) -> World:
    gone_on(world, ticks)
    return world


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"spell": [4, 2]}, "play.toml spell: must be [shortest, longest]"),
        ({"spell": [0, 2]}, "play.toml spell"),
        ({"crowd": 2}, "play.toml crowd"),
        ({"indoors": ["snow"]}, "play.toml indoors: unknown word 'snow'"),
        ({"housed": ["owls"]}, "did you mean owl?"),
        ({"homing": 1}, "unknown field"),
        ({"haunts": DATA["haunts"] | {"kitsune": ["vilage"]}}, "did you mean village?"),
        ({"haunts": DATA["haunts"] | {"oni": []}}, "play.toml haunts.oni: missing"),
        ({"hours": DATA["hours"] | {"fox": ["day"]}}, "play.toml hours: unknown word 'fox'"),
        ({"hours": {name: ["day"] for name in ("kitsune", "tengu")}}, "play.toml hours.kodama: missing"),
    ],
)
def test_rules_that_make_no_realm_are_refused_in_one_line(change: dict, complaint: str) -> None:
    with pytest.raises(RulesError) as caught:
        parse(DATA | change, load_rules())
    assert complaint in str(caught.value) and "\n" not in str(caught.value)
