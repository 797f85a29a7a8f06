"""The public step: its parts, its caches, its arithmetic, what it refuses; and the guard around the optimizer."""

import copy
from dataclasses import replace

import pytest
import torch

from perception.packing import Decision, pack
from tests.kits.minds import tiny
from tests.training.optim.test_frozen import CONTEXTS, DECISIONS, worst_error
from training.bench.frozen_step import kept_bytes
from training.optim import frozen
from training.optim.apollo import Apollo
from training.optim.frozen import (
    Broken,
    check_finite,
    choose_parameters,
    deal,
    frozen_loss,
    frozen_step,
    full_loss,
    guarded_step,
)

torch.set_num_threads(1)


def grads(step):
    return [grad.clone() for grad in step.gradients.values()]


@pytest.mark.parametrize("parts", [2, 3])
def test_accumulation_over_parts_gives_the_same_gradient(parts):
    net = tiny(dtype=torch.float64).net
    choose_parameters(net, "all")
    whole = frozen_step(net, CONTEXTS, DECISIONS)
    wanted = grads(whole)
    split = frozen_step(net, CONTEXTS, DECISIONS, parts=parts)
    assert len(split.caches) == parts
    assert split.loss == pytest.approx(whole.loss, rel=1e-12)
    assert worst_error(grads(split), wanted) <= 1e-12


def test_parts_are_runs_of_contexts_with_their_decisions_numbered_anew():
    dealt = deal(CONTEXTS, DECISIONS, 2)
    assert [list(contexts) for contexts, _ in dealt] == [CONTEXTS[:1], CONTEXTS[1:]]
    assert [[d.context for d in decisions] for _, decisions in dealt] == [[0, 0], [0, 1, 1]]
    assert [replace(d, context=0) for _, decisions in dealt for d in decisions] == [
        replace(d, context=0) for d in DECISIONS
    ]


def test_a_part_without_decisions_is_left_out():
    net = tiny(dtype=torch.float64).net
    choose_parameters(net, "attention")
    wanted = grads(frozen_step(net, CONTEXTS, DECISIONS[:2]))
    assert worst_error(grads(frozen_step(net, CONTEXTS, DECISIONS[:2], parts=3)), wanted) <= 1e-12


def test_one_part_at_a_time_holds_less_for_backward():
    net = tiny().net
    choose_parameters(net, "attention")
    many = CONTEXTS * 4, [replace(d, context=d.context + 3 * i) for i in range(4) for d in DECISIONS]
    (whole,), (quarter, *_) = ([pack(*part) for part in deal(*many, parts)] for parts in (1, 4))
    assert kept_bytes(net, lambda: frozen_loss(net, quarter)) < 0.4 * kept_bytes(net, lambda: frozen_loss(net, whole))
    assert kept_bytes(net, lambda: frozen_loss(net, whole)) < 0.7 * kept_bytes(net, lambda: full_loss(net, whole))


def test_reused_caches_give_the_same_step_while_the_weights_stay_and_another_one_when_they_move():
    net = tiny(dtype=torch.float64).net
    parameters = choose_parameters(net, "attention")
    first = frozen_step(net, CONTEXTS, DECISIONS)
    wanted = grads(first)
    again = frozen_step(net, CONTEXTS, DECISIONS, caches=first.caches)
    assert worst_error(grads(again), wanted) == 0
    with torch.no_grad():
        for p in parameters:
            p.add_(0.002 * torch.randn_like(p))
    old = frozen_step(net, CONTEXTS, DECISIONS, caches=first.caches)
    stale = grads(old)
    fresh = frozen_step(net, CONTEXTS, DECISIONS)
    assert 0 < worst_error(stale, grads(fresh)) < 0.5
    assert old.loss != fresh.loss


@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen2"])
@pytest.mark.parametrize("weights", [torch.float32, torch.bfloat16])
def test_bfloat16_is_near_float32(kind, weights):
    """Either only the arithmetic is bfloat16, or the weights are too."""
    exact = tiny(kind).net
    choose_parameters(exact, "attention")
    wanted = frozen_step(exact, CONTEXTS, DECISIONS)
    net = tiny(kind, weights).net
    choose_parameters(net, "attention")
    step = frozen_step(net, CONTEXTS, DECISIONS, precision="bfloat16" if weights == torch.float32 else "float32")
    assert {grad.dtype for grad in step.gradients.values()} == {weights}
    assert step.loss == pytest.approx(wanted.loss, rel=0.02)
    assert step.loss != wanted.loss
    both = [torch.cat([grad.float().flatten() for grad in s.gradients.values()]) for s in (step, wanted)]
    assert float(torch.cosine_similarity(*both, dim=0)) > 0.98


def long(tokens):
    return [5 + i % 20 for i in range(tokens)]


@pytest.mark.parametrize(
    ("contexts", "decisions", "options", "says"),
    [
        (CONTEXTS, [Decision(0, (4,), ())], {}, "decision 0 is empty"),
        (CONTEXTS, [Decision(0, (), (4,))], {}, "decision 0 is empty"),
        (CONTEXTS, [Decision(3, (4,), (5,))], {}, "belongs to context 3; there are 3"),
        (CONTEXTS, [], {}, "at least one decision"),
        ([[5], []], [Decision(0, (4,), (5,))], {}, "every context needs at least one token"),
        ([long(512)], [Decision(0, (4,), (5,))], {}, "take 513 tokens, the model reads 512"),
        ([long(8)], [Decision(0, (4,), tuple(long(505)))], {}, "take 513 tokens, the model reads 512"),
        ([long(513)], [Decision(0, (4,), (5,))], {}, "take 514 tokens, the model reads 512"),
        (CONTEXTS, DECISIONS, {"parts": 4}, "--parts 4: must be from 1 to the number of scenes, 3"),
        (CONTEXTS, DECISIONS, {"parts": 0}, "--parts 0"),
        (CONTEXTS, DECISIONS, {"precision": "int4"}, "--precision int4: unknown; choose float32, bfloat16"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_before_anything_changes(contexts, decisions, options, says):
    net = tiny().net
    parameters = choose_parameters(net, "attention")
    marks = [torch.full_like(p, 7.0) for p in parameters]
    for p, mark in zip(parameters, marks, strict=True):
        p.grad = mark
    with pytest.raises(ValueError, match=says) as caught:
        frozen_step(net, contexts, decisions, **options)
    assert "\n" not in str(caught.value)
    assert all(p.grad is mark and (mark == 7).all() for p, mark in zip(parameters, marks, strict=True))


def test_what_just_fits_the_window_is_taken():
    net = tiny().net
    choose_parameters(net, "q")
    assert frozen_step(net, [long(511)], [Decision(0, (4,), (5,))]).loss > 0


def test_weights_that_are_not_finite_are_named():
    net = tiny().net
    choose_parameters(net, "q")
    with torch.no_grad():
        net.model.layers[1].mlp.up_proj.weight[3, 4] = float("nan")
    with pytest.raises(ValueError, match=r"model\.layers\.1\.mlp\.up_proj\.weight holds NaN"):
        frozen_step(net, CONTEXTS, DECISIONS)


def test_a_gradient_that_is_not_finite_leaves_none_behind(monkeypatch):
    net = tiny().net
    parameters = choose_parameters(net, "q")
    monkeypatch.setattr(frozen, "loss_of", lambda logits, packed: logits.sum() * float("inf"))
    with pytest.raises(Broken):
        frozen_step(net, CONTEXTS, DECISIONS)
    assert all(p.grad is None for p in parameters)


def test_a_loss_or_gradient_that_is_not_finite_is_refused():
    parameters = choose_parameters(tiny().net, "q")
    for p in parameters:
        p.grad = torch.zeros_like(p)
    check_finite(torch.tensor(1.0), parameters)
    parameters[0].grad[0, 0] = 1e18  # large, but its square is finite
    check_finite(torch.tensor(1.0), parameters)
    for bad in (1e20, float("inf"), float("nan")):
        parameters[0].grad[0, 0] = bad
        with pytest.raises(Broken):
            check_finite(torch.tensor(1.0), parameters)
    with pytest.raises(Broken):
        check_finite(torch.tensor(float("inf")), [])


OPTIMIZERS = {
    "apollo": lambda p: Apollo(p, lr=0.01, rank=4),
    "mini": lambda p: Apollo(p, lr=0.01, rank=1, scaling="tensor", weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
}


def spoiled(optimizer, how, net):
    """Make the next step go wrong inside the optimizer; returns how to mend it."""
    step, group = optimizer.step, optimizer.param_groups[0]
    rate = group["lr"]
    if how == "rate":
        group["lr"] = 1e38
        for p in group["params"]:
            p.grad.mul_(1e6)
        return lambda: group.update(lr=rate)

    def bad():
        step()
        if how == "weights":
            group["params"][1].data[2, 3] = float("nan")
        elif how == "state":
            next(v for v in optimizer.state[group["params"][0]].values() if torch.is_tensor(v) and v.dim()).fill_(
                float("inf")
            )
        else:
            raise RuntimeError("stopped half-way")

    optimizer.step = bad
    return lambda: setattr(optimizer, "step", step)


@pytest.mark.parametrize(
    ("name", "how"),
    [(name, how) for name in OPTIMIZERS for how in ("weights", "state", "stopped")]
    + [("apollo", "rate"), ("sgd", "rate")],
)
@pytest.mark.parametrize("steps", [0, 3])
def test_a_step_that_breaks_leaves_weights_and_state_bit_for_bit(name, how, steps):
    nets = [tiny().net for _ in range(2)]
    optimizers = [OPTIMIZERS[name](choose_parameters(net, "attention")) for net in nets]

    def one(net, optimizer):
        step = frozen_step(net, CONTEXTS, DECISIONS)
        guarded_step(optimizer, torch.tensor(step.loss))

    for _ in range(steps):
        for pair in zip(nets, optimizers, strict=True):
            one(*pair)
    outcome = frozen_step(nets[0], CONTEXTS, DECISIONS)
    weights = copy.deepcopy(nets[0].state_dict())
    state = copy.deepcopy(optimizers[0].state_dict()["state"])
    mend = spoiled(optimizers[0], how, nets[0])
    with pytest.raises(RuntimeError if how == "stopped" else Broken):
        guarded_step(optimizers[0], torch.tensor(outcome.loss))
    mend()
    assert all(torch.equal(a, weights[key]) for key, a in nets[0].state_dict().items())
    assert same(optimizers[0].state_dict()["state"], state)
    for group in optimizers[0].param_groups:
        group["lr"] = 0.01
    for _ in range(2):  # and it goes on as if nothing had been
        for pair in zip(nets, optimizers, strict=True):
            one(*pair)
    for a, b in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert torch.equal(a, b)


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return torch.equal(a, b) if torch.is_tensor(a) else a == b


def checkpointed(net):
    """The net, which now recomputes its activations; whatever this transformers calls it."""
    getattr(net, "activation_checkpointing_enable", net.gradient_checkpointing_enable)()
    return [module for module in net.modules() if getattr(module, "gradient_checkpointing", False)]


@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen2"])
def test_gradient_checkpointing_changes_nothing_and_stays_on(kind):
    net = tiny(kind, dtype=torch.float64).net.train()
    choose_parameters(net, "attention")
    wanted = frozen_step(net, CONTEXTS, DECISIONS)
    loss, gradients = wanted.loss, grads(wanted)
    layers = checkpointed(net)
    again = frozen_step(net, CONTEXTS, DECISIONS)
    assert (again.loss, worst_error(grads(again), gradients)) == (loss, 0)
    assert worst_error(grads(frozen_step(net, CONTEXTS, DECISIONS, caches=again.caches)), gradients) == 0
    packed = pack(CONTEXTS, DECISIONS, net.dtype)
    net.zero_grad()
    full_loss(net, packed).backward()
    assert layers and all(layer.gradient_checkpointing for layer in layers)
    for layer in layers:
        layer.gradient_checkpointing = False
    with_it = {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}
    net.zero_grad()
    full_loss(net, packed).backward()
    assert all(torch.equal(net.get_parameter(name).grad, grad) for name, grad in with_it.items())


def test_gradient_checkpointing_stays_on_after_a_fault(monkeypatch):
    net = tiny().net.train()
    choose_parameters(net, "q")
    layers = checkpointed(net)

    def fails(*_args):
        raise ValueError("that was all")

    monkeypatch.setattr(frozen, "encode_contexts", fails)
    with pytest.raises(ValueError, match="that was all"):
        frozen_step(net, CONTEXTS, DECISIONS)
    assert layers and all(layer.gradient_checkpointing for layer in layers)


def test_caches_of_other_parts_are_refused():
    net = tiny().net
    choose_parameters(net, "q")
    caches = frozen_step(net, CONTEXTS, DECISIONS, parts=3).caches
    with pytest.raises(ValueError, match="3 of them for 1 parts"):
        frozen_step(net, CONTEXTS, DECISIONS, caches=caches)
