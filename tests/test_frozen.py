"""The context-frozen step is exact: it equals a full forward whose context keys and values are detached."""

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers.cache_utils import DynamicCache

from perception.packing import Decision, decide, encode_contexts, pack
from tests.minds import tiny
from training.frozen import Broken, check_finite, choose_parameters, frozen_loss, full_loss

torch.set_num_threads(1)
CONTEXTS = [[5, 9, 11, 30, 7, 8], [20, 21, 5], [40, 41, 42, 43, 44, 45, 46, 47, 48]]
DECISIONS = [
    Decision(0, (4, 10, 12), (33,)),
    Decision(0, (4, 13, 12), (34, 35)),
    Decision(1, (4, 14), (36,)),
    Decision(2, (4, 10, 15), (37,)),
    Decision(2, (4,), (38, 39, 50)),
]


class Detaching(DynamicCache):
    """A cache that hands out everything it held before this forward without gradient."""

    def update(self, keys, values, layer_idx, *args, **kwargs):
        if layer_idx < len(self.layers):
            layer = self.layers[layer_idx]
            layer.keys, layer.values = layer.keys.detach(), layer.values.detach()
        return super().update(keys, values, layer_idx, *args, **kwargs)


def reference_gradients(net, parameters):
    """One decision at a time: context with gradient, its keys and values detached, then the decision."""
    net.zero_grad()
    losses = []
    for decision in DECISIONS:
        cache = Detaching()
        net.base_model(input_ids=torch.tensor([CONTEXTS[decision.context]]), past_key_values=cache, use_cache=True)
        tokens = torch.tensor([[*decision.question, *decision.answer[:-1]]])
        logits = net(input_ids=tokens, past_key_values=cache, use_cache=True).logits[0]
        losses.append(
            cross_entropy(logits[len(decision.question) - 1 :], torch.tensor(decision.answer), reduction="sum")
        )
    loss = torch.stack(losses).sum() / sum(len(d.answer) for d in DECISIONS)
    loss.backward()
    return float(loss.detach()), [p.grad.clone() for p in parameters]


@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen2"])
@pytest.mark.parametrize("train", ["q", "attention", "all"])
def test_frozen_equals_a_full_forward_with_the_context_detached(kind, train):
    net = tiny(kind, torch.float64).net
    parameters = choose_parameters(net, train)
    wanted_loss, wanted = reference_gradients(net, parameters)
    net.zero_grad()
    loss = frozen_loss(net, pack(CONTEXTS, DECISIONS, torch.float64))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(wanted_loss, rel=1e-6)
    for parameter, reference in zip(parameters, wanted, strict=True):
        assert float((parameter.grad - reference).norm()) <= 1e-6 * float(reference.norm()) + 1e-12


def test_the_same_step_twice_from_one_cache_is_the_same():
    net = tiny("llama", torch.float64).net
    parameters = choose_parameters(net, "attention")
    packed = pack(CONTEXTS, DECISIONS, torch.float64)
    cache = encode_contexts(net, packed)
    found = []
    for _ in range(2):
        net.zero_grad()
        frozen_loss(net, packed, cache).backward()
        found.append([p.grad.clone() for p in parameters])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_full_gradient_differs_but_the_loss_agrees():
    net = tiny("llama", torch.float64).net
    parameters = choose_parameters(net, "attention")
    packed = pack(CONTEXTS, DECISIONS, torch.float64)
    frozen = frozen_loss(net, packed)
    frozen.backward()
    held = [p.grad.clone() for p in parameters]
    net.zero_grad()
    full = full_loss(net, packed)
    full.backward()
    assert float(frozen.detach()) == pytest.approx(float(full.detach()), rel=1e-12)
    assert any(not torch.allclose(a, p.grad) for a, p in zip(held, parameters, strict=True))


def test_choosing_what_trains():
    net = tiny().net
    names = {id(p): name for name, p in net.named_parameters()}
    q = {names[id(p)] for p in choose_parameters(net, "q")}
    attention = {names[id(p)] for p in choose_parameters(net, "attention")}
    everything = {names[id(p)] for p in choose_parameters(net, "all")}
    assert all("q_proj" in name for name in q)
    assert len(q) == 2
    assert q < attention < everything
    assert all("self_attn" in name for name in attention)
    assert "model.embed_tokens.weight" not in everything
    with pytest.raises(ValueError, match="choose q, attention, all"):
        choose_parameters(net, "w_q")


def test_a_loss_that_is_not_finite_is_refused():
    net = tiny().net
    parameters = choose_parameters(net, "q")
    for p in parameters:
        p.grad = torch.zeros_like(p)
    check_finite(torch.tensor(1.0), parameters)
    parameters[0].grad[0, 0] = float("nan")
    with pytest.raises(Broken):
        check_finite(torch.tensor(1.0), parameters)
    with pytest.raises(Broken):
        check_finite(torch.tensor(float("inf")), [])


def test_deciding_needs_no_gradient_of_the_context():
    net = tiny().net
    packed = pack(CONTEXTS, DECISIONS)
    cache = encode_contexts(net, packed)
    assert not cache.layers[0].keys.requires_grad
    assert decide(net, packed, cache).requires_grad
