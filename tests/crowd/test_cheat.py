"""The cheat: planted leaks of one bit are found, and what nobody may be shown; the estimate is what it says."""

import math
from random import Random

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from game.realm.rules import load
from game.realm.senses import in_sight
from game.realm.world import World, new_world
from tests.crowd.cheat import LEAKS, Shown, gather, verdict
from tests.crowd.features import features_of
from tests.crowd.information import _information, _one_hot, judge
from tests.crowd.spread import judged, spread

REALMS, PLACES, PERMUTATIONS = 50, 5, 99


@pytest.mark.parametrize("name", [name for name in LEAKS if name != "none"])
def test_a_planted_leak_is_found(name: str) -> None:
    result = verdict(gather(REALMS, 0, LEAKS[name], lambda *how_far: None, PLACES), PERMUTATIONS, 0)
    assert result.p <= 0.01 and result.place == 0, result


def test_the_realm_shows_nothing_that_it_may_not_show() -> None:
    hauls = gather(20, 0, LEAKS["none"], lambda *how_far: None)
    assert sum(haul.beyond for haul in hauls) == 0
    assert len({str(haul.truth) for haul in hauls}) == 20 and len(hauls[0].features) > 100


def test_what_is_shown_beyond_sight_or_untrue_is_counted() -> None:
    world = World(0, load(), None, new_world(0).map, "s")
    shown = Shown(world)
    near = in_sight(world)[0][1]
    far = next(place for place in range(len(world.map.places)) if place not in {p for _, p in in_sight(world)})
    right, wrong = [list(map(list, world.traces.sensed[place])) for place in (near, far)]
    shown.take_out({"type": "update", "change": {"p": {near: right}}})
    assert shown.beyond == 0
    shown.take_out({"type": "update", "change": {"p": {far: wrong}}})
    assert shown.beyond == 2, "neither in sight nor in order"
    shown.take_out({"type": "told", "happenings": [{"type": "revealed", "truth": [[far, "oni"]]}]})
    assert shown.beyond == 3


def test_every_part_of_the_bytes_is_a_feature() -> None:
    message = {"type": "update", "last": 7, "change": {"b": {12: ["player", 3, -4]}}, "spare": 1}
    raw = msgpack.packb(message).replace(b"\xa6update", b"\xd9\x06update")
    features = features_of([(raw, message)], [12])
    assert features["update/order"] == ("type", "last", "change", "spare")
    assert features["update/spare bytes"] == 1 and features["update/spare/last"] == 1
    assert features["mentions/12/update/change/b/key"] == 1 and features["update/change/b/*/2/last"] == -4
    assert features["update/last/odd"] == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=4, max_size=60))
def test_information_is_what_its_definition_says(pairs: list[tuple[int, int]]) -> None:
    count, expected = len(pairs), 0.0
    for x, y in set(pairs):
        joint = pairs.count((x, y)) / count
        expected += joint * math.log(
            joint / ((sum(p[0] == x for p in pairs) / count) * (sum(p[1] == y for p in pairs) / count))
        )
    values = _one_hot(np.array([[x] for x, _ in pairs]))
    answers = (np.array([[y] for _, y in pairs])[:, :, None] == np.arange(3)).reshape(count, -1).astype(np.float32)
    parts = [(np.arange(count), values)]
    assert _information(parts, answers, 3, 1, None)[0, 0] == pytest.approx(expected, abs=1e-5)


def test_the_null_is_honest_about_what_groups_explain() -> None:
    random = Random(0)
    groups = [random.randrange(2) for _ in range(400)]
    truth = np.array([[int(random.random() < (0.8 if group else 0.2))] for group in groups])
    features = [{"sky": group, "noise": random.randrange(3)} for group in groups]
    assert judge(features, truth, groups, 100, 0).p > 0.05
    assert judge(features, truth, [0] * 400, 100, 0).p <= 0.01, "without groups the sky would be taken for a leak"


def test_noise_stands_out_of_the_null_no_more_often_than_chance_says() -> None:
    low = 0
    for number in range(20):
        rng = np.random.default_rng(number)
        truth = (rng.random((80, 10)) < 0.15).astype(int)
        noise = rng.random((80, 30)) < rng.uniform(0.03, 0.5, 30)
        features = [{f"f{column}": bool(value) for column, value in enumerate(row)} for row in noise]
        low += judge(features, truth, [0] * 80, 39, number).p <= 0.1
    assert low <= 6, "two of twenty by chance"


def test_what_is_likely_by_chance_is_told_from_what_is_not() -> None:
    even = judged([(number + 0.5) / 40 for number in range(40)])
    assert even["uniform_chance"] > 0.9 and even["at_0.05"] == 2 and even["at_0.05_chance"] > 0.5
    low = judged([0.04] * 4 + [0.5] * 6)
    assert low["at_0.05"] == 4 and low["at_0.05_chance"] == pytest.approx(0.001, abs=5e-4) and low["least"] == 0.04
    assert judged([0.2 + number / 100 for number in range(20)])["uniform_chance"] < 0.01


def test_a_planted_leak_shows_with_other_secrets_too() -> None:
    rows = spread(range(4, 5), 1, REALMS, PERMUTATIONS, lambda *how_far: None, LEAKS["field"], PLACES)
    assert [(row["map"], row["set"], row["place"]) for row in rows] == [(4, 0, 0)] and rows[0]["p"] <= 0.01
