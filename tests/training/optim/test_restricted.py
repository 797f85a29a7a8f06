"""Restricted training: what stands still keeps every bit, an optimizer never sees it, and what is slowed is slowed."""

import pytest
import torch
from torch import nn

from perception.head_map import addresses
from perception.mlp_map import mlps
from perception.packing import Decision
from tests.kits.minds import tiny
from training.optim.apollo import Apollo
from training.optim.frozen import Broken, choose_parameters, frozen_step, guarded_step
from training.optim.restricted import attuned, restrict

torch.set_num_threads(1)
CONTEXTS = [[5, 6, 7, 8, 9, 10], [11, 12, 13, 14]]
DECISIONS = [Decision(0, (20, 21), (30,)), Decision(1, (22,), (31,)), Decision(1, (20, 23), (32,))]
OPTIMIZERS = {
    "apollo": lambda some: Apollo(some, lr=0.01, rank=4),
    "apollo-mini": lambda some: Apollo(some, lr=0.01, rank=1, scaling="tensor", refresh=2),
    "apollo-sketch": lambda some: Apollo(some, lr=0.01, rank=64, projection="sketch"),
    "adamw": lambda some: torch.optim.AdamW(some, lr=0.01, weight_decay=0.0),
    "sgd": lambda some: torch.optim.SGD(some, lr=1.0),
}
KINDS = ("llama", "gpt2", "gpt_neox", "qwen2", "phi3")


def bits(tensor):
    return tensor.detach().clone().view(torch.int32)


def with_odd_zeros(net):
    """Every matrix gets zeros of both signs: a -0 that becomes a 0 is a changed bit."""
    with torch.no_grad():
        for parameter in net.parameters():
            flat = parameter.view(-1)
            flat[::7], flat[3::7] = -0.0, 0.0
    return net


def head_rows(net, heads):
    """Parameter name -> bool mask of what belongs to these heads, slot by slot from their live views."""
    masks = {name: torch.zeros_like(p, dtype=torch.bool) for name, p in net.named_parameters()}
    head_map = addresses(net)
    for layer, head in heads:
        for matrix, projection in head_map.projections[layer].items():
            index = head // head_map.group if matrix in "kv" else head
            projection.head(masks[projection.parameter], index)[:] = True
            bias = projection.parameter.removesuffix("weight") + "bias"
            if matrix != "o" and bias in masks:
                projection.head(masks[bias][:, None] if not projection.transpose else masks[bias][None], index)[:] = (
                    True
                )
    return masks


def steps(net, optimizer, restriction, count=3):
    for _ in range(count):
        step = frozen_step(net, CONTEXTS, DECISIONS)
        guarded_step(optimizer, torch.tensor(step.loss), restriction)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_not_chosen_keeps_every_bit(kind, optimizer):
    net, heads = with_odd_zeros(tiny(kind).net), [(0, 1), (1, 3)]
    restriction = restrict(net, heads, [])
    masks, before = head_rows(net, heads), {name: bits(p) for name, p in net.named_parameters()}
    steps(net, OPTIMIZERS[optimizer](restriction.parameters), restriction)
    for name, parameter in net.named_parameters():
        same, mask = bits(parameter) == before[name], masks[name]
        assert same[~mask].all(), name
        assert not mask.any() or (~same[mask]).float().mean() > 0.5, name  # zeros of a bias's gradient may stay


@pytest.mark.parametrize("kind", KINDS)
def test_mlps_alone(kind):
    net = with_odd_zeros(tiny(kind).net)
    restriction = restrict(net, [], [1])
    before = {name: bits(p) for name, p in net.named_parameters()}
    steps(net, OPTIMIZERS["apollo"](restriction.parameters), restriction)
    moved = {name for name, p in net.named_parameters() if not torch.equal(bits(p), before[name])}
    assert moved == set(mlps(net)[1].parameters)
    assert not any("norm" in name or "ln_" in name for name in moved)


def test_all_mlps_by_train():
    net = tiny("gpt2").net
    chosen = {id(p) for p in choose_parameters(net, "mlps")}
    assert {n for n, p in net.named_parameters() if id(p) in chosen} == {n for m in mlps(net) for n in m.parameters}
    assert {n for n, p in net.named_parameters() if p.requires_grad} == {n for m in mlps(net) for n in m.parameters}


def test_a_group_learns_key_and_value_with_any_of_its_heads():
    net = tiny("llama").net  # two heads share a key and a value
    by_head = []
    for head in (2, 3):
        restriction = restrict(net, [(1, head)], [])
        by_head.append({n: p.requires_grad for n, p in net.named_parameters()})
        net.zero_grad()
        frozen_step(net, CONTEXTS, DECISIONS)
        restriction.mask()
        grad = (
            addresses(net)
            .projections[1]["k"]
            .per_head(net.get_parameter("model.layers.1.self_attn.k_proj.weight").grad)
        )
        assert not grad[0].any()
        assert grad[1].any()
    assert by_head[0] == by_head[1]


@pytest.mark.parametrize("resting", [False, True])
@pytest.mark.parametrize("optimizer", ["apollo", "adamw"])
def test_state_of_what_stands_still_stays_zero(optimizer, resting):
    net = tiny("llama").net
    if resting:
        choose_parameters(net, "attention")
    restriction = attuned(net, [(0, 1)]) if resting else restrict(net, [(0, 1)], [])
    made = OPTIMIZERS[optimizer]([p for p in net.parameters() if p.requires_grad])
    steps(net, made, restriction)
    o = net.get_parameter("model.layers.0.self_attn.o_proj.weight")  # square: its channels are columns, a head's are 8
    state = made.state[o]
    names = ("first", "second") if optimizer == "apollo" else ("exp_avg", "exp_avg_sq")
    for name in names:
        columns = state[name].abs().sum(0)
        assert columns[8:16].gt(0).all()
        assert not columns[:8].any()
        assert not columns[16:].any()


class Sliced(nn.Module):
    """The slices of one head, as parameters of their own."""

    def __init__(self, views):
        super().__init__()
        self.parts = nn.ParameterList([nn.Parameter(view.detach().clone()) for view in views])


# APOLLO on slices is exact where nothing is lost in projecting, at full rank, and where its scales are the same: one a
# matrix, or one a column for q, k and v, since the columns of their slice are those of the whole.
SLICED = {
    "sgd": (OPTIMIZERS["sgd"], "qkvo"),
    "adamw": (OPTIMIZERS["adamw"], "qkvo"),
    "apollo-tensor": (lambda some: Apollo(some, lr=0.01, rank=64, scaling="tensor", projection="sketch"), "qkvo"),
    "apollo-channel": (lambda some: Apollo(some, lr=0.01, rank=64, projection="sketch"), "qkv"),
}


@pytest.mark.parametrize("optimizer", SLICED)
def test_an_optimizer_sees_the_slices_alone(optimizer):
    """The reference: the same gradients given to an optimizer whose parameters are the slices. Sizes differ 100-fold
    between steps, so that the limiter of the update's norm acts: it, too, must know the slices alone."""
    make, matrices = SLICED[optimizer]
    net = tiny("llama", torch.float64).net
    head_map, place = addresses(net), (1, 2)
    restriction = restrict(net, [place], [])

    def views(of):
        rows = [(matrix, head_map.projections[1][matrix]) for matrix in matrices]
        return [p.head(of(net.get_parameter(p.parameter)), 2 // head_map.group if m in "kv" else 2) for m, p in rows]

    whole, sliced = make(restriction.parameters), Sliced(views(lambda p: p.data))
    alone = make(sliced.parts)
    for scale in (1.0, 100.0, 0.1, 1.0, 30.0):
        frozen_step(net, CONTEXTS, DECISIONS)
        for parameter in restriction.parameters:
            parameter.grad *= scale
        for part, view in zip(sliced.parts, views(lambda p: p.grad), strict=True):
            part.grad = view.clone()
        guarded_step(whole, torch.zeros(()), restriction)
        alone.step()
        for part, view in zip(sliced.parts, views(lambda p: p.data), strict=True):
            torch.testing.assert_close(part.data, view, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("optimizer", ["apollo", "adamw", "sgd"])
def test_others_follow_at_a_share_of_the_update(optimizer):
    """Against two steps of the same optimizer without any restriction on the same parameters: same gradients."""
    fast, slow = tiny("llama").net, tiny("llama").net
    heads = [(0, 1), (1, 3)]
    every = restrict(fast, heads, [0], others=1.0)
    restriction = restrict(slow, heads, [0], others=0.1)
    names = [name for name, p in slow.named_parameters() if p.requires_grad]
    assert names == [name for name, p in fast.named_parameters() if p.requires_grad]
    assert not any("norm" in name or "embed" in name for name in names)
    before = {name: p.detach().clone() for name, p in slow.named_parameters()}
    steps(fast, OPTIMIZERS[optimizer](every.parameters), every, count=1)
    steps(slow, OPTIMIZERS[optimizer](restriction.parameters), restriction, count=1)
    masks = head_rows(slow, heads)
    full = set(mlps(slow)[0].parameters)
    for name in names:
        moved, wanted = (net.get_parameter(name).detach() - before[name] for net in (slow, fast))
        chosen = torch.ones_like(masks[name]) if name in full else masks[name]
        assert torch.equal(moved[chosen], wanted[chosen])
        torch.testing.assert_close(moved[~chosen], 0.1 * wanted[~chosen], rtol=1e-3, atol=1e-8)


def test_a_step_that_breaks_leaves_everything_as_it_was():
    net = tiny("llama").net
    restriction = restrict(net, [(0, 0)], [1], others=0.5)
    made = OPTIMIZERS["adamw"](restriction.parameters)
    steps(net, made, restriction, count=1)
    before = {name: bits(p) for name, p in net.named_parameters()}
    frozen_step(net, CONTEXTS, DECISIONS)
    made.param_groups[0]["lr"] = float("inf")
    with pytest.raises(Broken):
        guarded_step(made, torch.zeros(()), restriction)
    assert all(torch.equal(bits(p), before[name]) for name, p in net.named_parameters())


@pytest.mark.parametrize(
    ("heads", "layers", "says"),
    [
        ([(2, 0)], [], "--heads 2.0: there is none; the model has 2 layers of 4 heads, 0.0 to 1.3"),
        ([(0, 0), (1, 4)], [], "--heads 1.4: there is none; the model has 2 layers of 4 heads, 0.0 to 1.3"),
        ([], [1, 2], "--mlps 2: there is none; the model has 2 layers, 0 to 1"),
    ],
)
def test_a_unit_that_is_not_there(heads, layers, says):
    net = tiny().net
    with pytest.raises(ValueError) as caught:
        restrict(net, heads, layers)
    assert str(caught.value) == says


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen2"])
def test_heads_that_rest_keep_every_bit_though_the_optimizer_remembers_their_gradients(kind, optimizer):
    net, heads = tiny(kind).net, [(0, 1), (1, 3)]
    parameters = choose_parameters(net, "attention")
    some = OPTIMIZERS[optimizer](parameters)
    steps(net, some, None)
    masks, before = head_rows(net, heads), {name: bits(p) for name, p in net.named_parameters()}
    steps(net, some, attuned(net, heads))
    for name, parameter in net.named_parameters():
        same, mask = bits(parameter) == before[name], masks[name]
        assert same[~mask].all(), name
        assert not mask.any() or (~same[mask]).float().mean() > 0.5, name
    assert [p.requires_grad for p in net.parameters()] == [any(p is q for q in parameters) for p in net.parameters()]
    rested = {name: bits(p) for name, p in net.named_parameters()}
    steps(net, some, None)
    moved = [name for name, p in net.named_parameters() if not torch.equal(bits(p), rested[name])]
    assert len(moved) == len(parameters), "all that trains can move again"


def test_what_cannot_be_attuned_is_refused_and_nothing_changes():
    net = tiny().net
    choose_parameters(net, "mlps")
    with pytest.raises(ValueError, match="nothing of these heads trains"):
        attuned(net, [(0, 0)])
    with pytest.raises(ValueError, match=r"9\.0: there is none"):
        attuned(net, [(9, 0)])
    assert {name for name, p in net.named_parameters() if p.requires_grad} == {
        name for mlp in mlps(net) for name in mlp.parameters
    }
