"""Ablations: what a head is needed for, one by one, and to first order for all heads at once."""

import copy

import pytest
import torch

from game.realm.rules import load as load_rules
from perception.head_map import addresses
from tests.kits.minds import changed, tiny
from training.heads.head_probes import probe_loss
from training.heads.score import probes
from training.heads.swaps import measured
from training.heads.usable import usable_losses
from training.verdict import ablations
from training.verdict.ablations import (
    AnswerProbability,
    UsableLevel,
    estimated_levels,
    head_ablated,
    needs,
    other_answers,
)

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def probed():
    model = tiny()
    return model, probes(5, 2, "terse", load_rules())


def test_a_head_that_writes_nothing_is_needed_by_nobody(probed):
    model, probes = probed
    level = AnswerProbability(probe_loss(model, probes).batches)
    net = copy.deepcopy(model.net)
    with torch.no_grad():
        addresses(net).weight(1, "o")[2] = 0
    whole = measured(net, level)
    with head_ablated(net, 1, 2, level.masks):
        assert measured(net, level) == pytest.approx(whole, abs=1e-7)
    with head_ablated(net, 1, 1, level.masks):
        assert abs(measured(net, level) - whole) > 1e-7
    assert measured(net, level) == whole


def test_needs_are_a_number_a_head_for_behaviour_and_the_rest(probed):
    model, _ = probed
    some = probes(5, 24, "terse", load_rules())
    wanted, rest = usable_losses(model, [some]).whole, other_answers(model, some[:2])
    assert rest is not None and rest.total >= 6
    needed = needs(model.net, changed(model, 2), wanted, rest)
    assert len(needed["behaviour"]) == len(needed["mundane"]) == 8
    assert other_answers(model, []) is None


def test_whole_contexts_give_the_same_loss_as_those_read_in_parts(probed):
    model, _ = probed
    wanted = usable_losses(model, [probes(5, 24, "terse", load_rules())]).whole
    level = UsableLevel(wanted)
    assert measured(model.net, level) == pytest.approx(measured(model.net, wanted), abs=1e-5)


def test_contexts_that_were_read_beforehand_stay_as_they_are_when_a_head_is_ablated(probed):
    model, _ = probed
    some = probes(5, 24, "terse", load_rules())
    other = changed(model, 2)
    levels = [
        (UsableLevel(usable_losses(model, [some], context=reader).whole), other_answers(model, some[:2], reader))
        for reader in (model.net, None)
    ]
    for before, now in zip(*levels, strict=True):
        assert measured(model.net, before) == pytest.approx(measured(model.net, now), abs=1e-5)
        assert [2 * len(some) for some in before.masks] == [len(some) for some in now.masks]
        with head_ablated(model.net, 0, 1, before.masks):
            alone = measured(model.net, before)
        with head_ablated(model.net, 0, 1, now.masks):
            assert abs(measured(model.net, now) - alone) > 1e-7  # there the head is missing from the contexts too
        assert abs(measured(other, before) - measured(other, now)) > 1e-7  # who reads makes a difference


def after_a_step(net, level, layer, head, step):
    """The level when a head's z goes a part of the way to its mean."""
    at, forward = addresses(net), 0
    masks, part = [mask for some in level.masks for mask in some], slice(head * at.head_dim, (head + 1) * at.head_dim)

    def go(_module, inputs):
        nonlocal forward
        z, mask = inputs[0].clone(), masks[forward % len(masks)]
        forward += 1
        z[..., part] += step * (z[..., part][mask].mean(0) - z[..., part])
        return (z,)

    handle = at.attentions[layer].o_proj.register_forward_pre_hook(go)
    try:
        return measured(net, level)
    finally:
        handle.remove()


@pytest.mark.parametrize("reads_itself", [True, False])
def test_an_estimate_is_the_slope_of_going_to_the_mean(probed, reads_itself):
    model = copy.copy(probed[0])
    model.net = copy.deepcopy(model.net).double().eval()
    some = probes(5, 24, "terse", load_rules())
    reader = None if reads_itself else changed(model, 2)
    parts = usable_losses(model, [some[:12], some[12:]], context=reader).whole
    for level in (UsableLevel(parts), other_answers(model, some[:3], reader)):
        whole, estimates = measured(model.net, level), estimated_levels(model.net, level)
        steps = [[after_a_step(model.net, level, *divmod(h, 4), step) for step in (0.02, -0.02)] for h in range(8)]
        slopes = [(forth - back) / 0.04 for forth, back in steps]
        assert [estimate - whole for estimate in estimates] == pytest.approx(slopes, rel=1e-2, abs=1e-9)
        assert min(map(abs, slopes)) > 1e-8
        assert all(parameter.grad is None for parameter in model.net.parameters())


def test_of_many_heads_those_with_the_largest_estimates_are_ablated(probed, monkeypatch):
    model, _ = probed
    some, other = probes(5, 24, "terse", load_rules()), changed(probed[0], 2)
    wanted, rest = usable_losses(model, [some]).whole, other_answers(model, some[:2])
    better, worse = sorted((model.net, other), key=lambda net: measured(net, wanted))
    exact = needs(worse, better, wanted, rest)
    monkeypatch.setattr(ablations, "EXACT", 7)
    monkeypatch.setattr(ablations, "LARGEST", 3)
    screened = needs(worse, better, wanted, rest)
    for kind in ("behaviour", "mundane"):
        alike = [h for h in range(8) if screened[kind][h] == exact[kind][h]]
        assert len(alike) == 3
    monkeypatch.setattr(ablations, "LARGEST", 8)
    assert needs(worse, better, wanted, rest) == exact
