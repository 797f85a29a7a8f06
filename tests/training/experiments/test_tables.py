"""What experiments tell of heads beside the scores: where the gain lies, and whether arms gain by the same heads."""

import math

import numpy as np
import pytest

from training.experiments import tables
from training.experiments.plan import Outcome
from training.headlog.log import write_log
from training.headlog.records import Allocation, Header, Log

LAYERS, HEADS = 3, 4
HEADER = Header(
    model="novice", model_hash="", data_hash="", commit="", seeds={}, config={}, created="2026", layers=LAYERS,
    heads=HEADS,
)  # fmt: skip


def outcome(folder, arm, seed, gains, along="path"):
    """A run whose log allots `gains` (L, H), in two chunks that stand around it."""
    path = folder / f"{arm}-{seed}.msgpack"
    chunks = [
        Allocation(
            along=along, chunk=chunk, decisions=5, heads=tuple(map(tuple, (gains * size).tolist())), rest=0.0,
            whole=float(gains.sum()) * size, residual=0.0,
        )
        for chunk, size in enumerate((0.5, 1.5))
    ]  # fmt: skip
    write_log(path, HEADER, chunks if along else [])
    return Outcome(arm, seed, {"model": "novice"}, {}, path, "c0ffee")


def planted(layer, rng):
    """One layer brings most, by heads of its own order; the rest is noise."""
    gains = rng.normal(0, 0.01, (LAYERS, HEADS))
    gains[layer] += np.arange(1, HEADS + 1)
    return gains


@pytest.fixture
def runs(tmp_path):
    rng = np.random.default_rng(0)
    layer = {"early": 0, "also-early": 0, "late": 2}
    return [outcome(tmp_path, arm, seed, planted(at, rng)) for arm, at in layer.items() for seed in range(3)]


def test_arms_that_gain_by_the_same_heads_are_told_from_others(runs):
    likeness = tables.alike(runs)
    assert list(likeness) == list(likeness["late"]) == ["early", "also-early", "late"]
    assert (
        likeness["early"]["also-early"] == pytest.approx(likeness["also-early"]["early"])
        and likeness["early"]["also-early"] > 0.5
    )
    assert likeness["early"]["early"] > 0.5 > 0 > likeness["early"]["late"]


def test_likeness_is_of_different_seeds_alone(tmp_path):
    gains = planted(1, np.random.default_rng(0))
    one, other = (outcome(tmp_path, arm, 7, gains) for arm in ("a", "b"))
    assert all(math.isnan(r) for row in tables.alike([one, other]).values() for r in row.values())
    assert tables.alike([one, outcome(tmp_path, "b", 8, gains)])["a"]["b"] == pytest.approx(1)


def test_the_layer_that_gains_is_told_with_its_share_and_centre(runs):
    by_layer, spread = tables.layers(runs), tables.spread(runs)
    for arm, layer in (("early", 0), ("late", 2)):
        means = [by_layer[arm][f"layer_{n}"][0] for n in range(LAYERS)]
        assert int(np.argmax(means)) == layer and means[layer] > 0.95 and sum(means) == pytest.approx(1)
        assert spread[arm]["gain_centre"][0] == pytest.approx(layer, abs=0.05)
        assert spread[arm]["gain"][0] == pytest.approx(10, abs=0.2)


def test_a_layer_that_lost_does_not_move_the_centre_and_its_share_is_below_zero(tmp_path):
    gains = np.zeros((LAYERS, HEADS))
    gains[0], gains[2] = -0.25, 0.75
    runs = [outcome(tmp_path, "a", 0, gains)]
    assert tables.spread(runs)["a"]["gain_centre"][0] == pytest.approx(2)
    assert tables.layers(runs)["a"]["layer_0"][0] == pytest.approx(-0.5)


def test_arms_without_an_allocation_are_left_out(tmp_path, runs):
    silent = outcome(tmp_path, "silent", 0, np.ones((LAYERS, HEADS)), along="")
    assert "silent" not in tables.alike([*runs, silent]) and "silent" not in tables.layers([*runs, silent])
    assert tables.alike([silent]) == {} and tables.layers([silent]) == {}


def test_a_chunk_counts_by_its_decisions():
    chunks = [
        Allocation(along="path", chunk=number, decisions=size, loss="usable", heads=((gain, 0.0),), rest=0.0,
                   whole=gain, residual=0.0)
        for number, (size, gain) in enumerate([(1, 1.0), (3, 5.0)])
    ]  # fmt: skip
    e_H, whole = tables._gain(Log("log", HEADER, tuple(chunks)))
    assert (list(e_H), whole) == ([4.0, 0.0], 4.0)
