"""Planting: what is planted in a head is in that head, shuffled lessons plant nothing, and the errors are counted."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from game.realm.rules import load as load_rules
from perception.head_map import addresses
from tests.kits.minds import tiny
from training.heads.gain_allocation import gain_allocation
from training.validation import planted
from training.validation.planted import CASES, ArmGains, rates, run, shares
from training.validation.planting import prepare
from training.verdict.rule import RULE_VERSION

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def ground():
    return prepare(tiny(), load_rules())


def test_one_head_planted_holds_the_gain_and_nothing_else_moved(ground):
    factor = torch.zeros(2, 4)
    best = int(ground.able(ground.heads)[4:].argmax())
    factor[1, best] = 2.0
    net = ground.planted(factor, torch.zeros(2), seed=1)
    moved = {
        n for (n, a), (_, b) in zip(net.named_parameters(), ground.net.named_parameters()) if not torch.equal(a, b)
    }
    assert moved == {"model.layers.1.self_attn.o_proj.weight"}
    change = addresses(net).weight(1, "o") - ground.at.weight(1, "o")
    assert [head for head in range(4) if change[head].any()] == [best]
    gain = gain_allocation(ground.net, net, ground.whole, 6)
    assert gain.gain > 0.1 and float(gain.heads[1, best]) == pytest.approx(gain.gain, rel=0.05)


def test_shuffled_lessons_plant_next_to_nothing(ground):
    factor = torch.zeros(2, 4)
    factor[1] = 0.5
    still = torch.zeros(2)
    true, shuffled = (ground.planted(factor, still, 1, shuffled=deal) for deal in (False, True))
    gains = [gain_allocation(ground.net, net, ground.whole, 4).gain for net in (true, shuffled)]
    assert gains[0] > 0.1 and abs(gains[1]) < 0.3 * gains[0]


def test_what_is_planted_in_mlps_is_outside_the_heads(ground):
    net = ground.planted(torch.zeros(2, 4), torch.ones(2), seed=1)
    gain = gain_allocation(ground.net, net, ground.whole, 6)
    assert gain.gain > 0.1 and not gain.heads.any() and float(gain.mlps.sum()) == pytest.approx(gain.gain, rel=0.05)


def test_the_same_seed_plants_the_same_and_noise_moves_attention(ground):
    zero = torch.zeros(2, 4)
    a, b, c = (ground.planted(zero, zero[:, 0], seed, noise=0.01) for seed in (1, 1, 2))
    weights = [addresses(net).weight(0, "q") for net in (a, b, c)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])
    assert torch.equal(a.model.embed_tokens.weight, ground.net.model.embed_tokens.weight)


def test_other_architectures_are_refused():
    with pytest.raises(ValueError, match="Llama kind"):
        prepare(tiny("gpt2"), load_rules())


def test_planted_shares_sum_to_one_and_too_few_able_heads_are_said_so(ground, monkeypatch):
    monkeypatch.setattr(planted, "ABLE", 0.0)  # heads of a random network tell little
    monkeypatch.setattr(planted, "STRONG", 0.0)
    planted_shares = shares(ground, CASES["uniform"], np.random.default_rng(0))
    assert float(planted_shares.sum()) == pytest.approx(1.0)
    assert not shares(ground, CASES["none"], np.random.default_rng(0)).any()
    with pytest.raises(ValueError, match="can carry the answers"):
        shares(ground, CASES["twenty equal"], np.random.default_rng(0))


def row(ground, shaken, case, repetition, seeds, sets):
    word = "localized" if repetition else CASES[case].wanted
    return {"rule": RULE_VERSION, "model": ground.net, "case": case, "repetition": repetition,
            "wanted": CASES[case].wanted, "word": word, "right": word == CASES[case].wanted,
            "seconds": 0.0}  # fmt: skip


def test_runs_go_on_after_a_kill_and_errors_are_counted(monkeypatch, tmp_path):
    monkeypatch.setattr(planted, "experiment", row)
    monkeypatch.setattr(planted, "rehearsed", lambda ground, seeds: ArmGains(None, None, [], 0.0))
    monkeypatch.setattr(planted, "weights_hash", lambda net: net)
    here, other = SimpleNamespace(net="a model"), SimpleNamespace(net="another")
    rows = run(tmp_path / "deep", here, 2, ["one head", "uniform"])
    path = tmp_path / "deep" / planted.FILE
    whole = path.read_text()
    path.write_text("".join(whole.splitlines(keepends=True)[:3]))
    assert run(tmp_path / "deep", here, 2, ["one head", "uniform"]) == rows and path.read_text() == whole
    with pytest.raises(ValueError, match="another model"):
        run(tmp_path / "deep", other, 2, ["one head"])
    with pytest.raises(ValueError, match=r"'seeds': 8.* now it is .*'seeds': 7"):
        run(tmp_path / "deep", here, 2, ["one head"], seeds=7)
    monkeypatch.setattr(planted, "MARGIN", 9.0)
    with pytest.raises(ValueError, match=r"'margin': 2.5.* now it is .*'margin': 9.0"):
        run(tmp_path / "deep", here, 2, ["one head"])
    path.write_text("".join(json.dumps(row | {"design": None}).replace(', "design": null', "") + "\n" for row in rows))
    assert len(run(tmp_path / "deep", here, 2, ["one head"])) == 4, "rows of older versions are read"
    table = rates(list(map(json.loads, whole.splitlines())))
    assert table["one head"]["right"] == 1.0 and table["uniform"]["localized"] == 0.5
    assert table["all"] == {"runs": 4, "right": 0.75, "another pattern": 1}
