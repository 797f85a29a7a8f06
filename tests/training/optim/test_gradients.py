"""Gradient shares: by matrix and head they add up to the whole, whatever the architecture; and they reach the log."""

import pytest
import torch

from perception.head_map import addresses
from tests.kits.families import TOKENS, net_of
from tests.kits.minds import tiny
from tests.training.optim.test_frozen import CONTEXTS, DECISIONS
from training.optim.frozen import choose_parameters, frozen_step
from training.optim.gradients import GradientMeter

torch.set_num_threads(1)


def stepped(kind, train):
    net = tiny(kind, torch.float64).net
    parameters = choose_parameters(net, train)
    frozen_step(net, CONTEXTS, DECISIONS)
    return net, parameters


@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen2"])
@pytest.mark.parametrize("train", ["q", "attention", "all"])
def test_the_energies_are_those_of_every_heads_slices(kind, train):
    net, parameters = stepped(kind, train)
    meter, heads = GradientMeter(net), addresses(net)
    meter.add(meter.measure())
    shares, whole = meter.shares(), sum(float(p.grad.square().sum()) for p in parameters)
    assert float(meter.mark().sum()) == pytest.approx(whole, rel=1e-12)
    for matrix, grid in shares.heads.items():
        assert grid.shape == (heads.layers, heads.heads)
        for layer in range(heads.layers):
            projection = heads.projections[layer][matrix]
            grad = net.get_parameter(projection.parameter).grad
            energy = torch.zeros(projection.heads) if grad is None else projection.per_head(grad).square().sum((1, 2))
            group = heads.heads // projection.heads  # a group's k and v, shared equally
            wanted = [float(energy[head // group]) / group / whole for head in range(heads.heads)]
            assert grid[layer].tolist() == pytest.approx(wanted, rel=1e-9, abs=1e-15)
    assert sum(shares.by_matrix().values()) == pytest.approx(1, rel=1e-12)
    assert float(shares.per_head.sum()) + sum(shares.rest.values()) == pytest.approx(1, rel=1e-12)


def test_mlps_are_told_by_their_place_not_by_their_name():
    net = net_of("opt")
    choose_parameters(net, "mlps")
    net(TOKENS).logits.square().sum().backward()
    meter = GradientMeter(net)
    meter.add(meter.measure())
    shares = meter.shares().by_matrix()
    net.zero_grad()
    assert {name for name, share in shares.items() if share > 0} == {"mlp"}


def test_what_is_in_no_head_is_told_apart():
    net, _ = stepped("gpt2", "all")
    meter = GradientMeter(net)
    meter.add(meter.measure())
    grads = {name: float(p.grad.square().sum()) for name, p in net.named_parameters() if p.grad is not None}
    rest = meter.shares().rest
    whole = sum(grads.values())
    mlp = sum(value for name, value in grads.items() if ".mlp." in name)
    norm = sum(value for name, value in grads.items() if ".ln_" in name and name.endswith("weight"))
    assert (rest["mlp"], rest["norm"]) == pytest.approx((mlp / whole, norm / whole), rel=1e-9)
    assert rest["bias"] > 0
    assert set(meter.shares().by_matrix()) == {"q", "k", "v", "o", "mlp", "norm", "bias"}


def test_steps_add_up_and_a_mark_looks_at_what_came_after():
    net, _ = stepped("llama", "attention")
    meter = GradientMeter(net)
    assert not meter.shares().per_head.any()
    first = meter.measure()
    meter.add(first)
    mark = meter.mark()
    frozen_step(net, CONTEXTS[:1], DECISIONS[:1])
    second = meter.measure()
    meter.add(second)
    assert torch.equal(meter.mark(), first + second)
    other = GradientMeter(net)
    other.add(second)
    assert torch.equal(meter.shares(mark).per_head, meter.shares(first).per_head)
    assert torch.allclose(meter.shares(mark).per_head, other.shares().per_head, rtol=1e-9)
    assert set(meter.shares().by_matrix()) == {"q", "k", "v", "o"}


def test_measuring_changes_no_gradient():
    net, parameters = stepped("llama", "all")
    before = [p.grad.clone() for p in parameters]
    GradientMeter(net).measure()
    assert all(torch.equal(a, p.grad) for a, p in zip(before, parameters, strict=True))
