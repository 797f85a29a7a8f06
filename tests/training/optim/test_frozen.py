"""The context-frozen step is exact: it equals a full forward whose context keys and values are detached."""

import copy
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from perception import contexts
from perception.contexts import encode_contexts
from perception.deciding import decide
from perception.packing import Decision, pack
from tests.kits.families import net_of
from tests.kits.minds import tiny
from training.optim.frozen import choose_parameters, frozen_loss, frozen_step, full_loss

torch.set_num_threads(1)
CONTEXTS = [[5, 9, 11, 30, 7, 8], [20, 21, 5], [40, 41, 42, 43, 44, 45, 46, 47, 48]]
DECISIONS = [
    Decision(0, (4, 10, 12), (33,)),
    Decision(0, (4, 13, 12), (34, 35)),
    Decision(1, (4, 14), (36,)),
    Decision(2, (4, 10, 15), (37,)),
    Decision(2, (4,), (38, 39, 50)),
]


@pytest.mark.parametrize("case", ["gpt2", "opt", "phi", "gptj", "llama"])
def test_all_is_everything_but_tables_and_the_output(case):
    """Positions and an output's bias, which learns how often an answer comes, stay too."""
    net = copy.deepcopy(net_of(case))
    chosen = {id(parameter) for parameter in choose_parameters(net, "all")}
    stays = {name for name, parameter in net.named_parameters() if id(parameter) not in chosen}
    tables = {"gpt2": {"wte", "wpe"}, "opt": {"embed_tokens", "embed_positions"}, "phi": {"embed_tokens", "lm_head"},
              "gptj": {"wte", "lm_head"}, "llama": {"embed_tokens", "lm_head"}}  # fmt: skip
    assert {name.split(".")[-2] for name in stays} == tables[case]


def tiny_net(kind):
    """A random model in float64; one head of keys and values serves two of queries, except in GPT-2."""
    return tiny(kind, torch.float64).net


def detaching(context):
    """Attention written out, in which keys and values of the first `context` tokens are constants."""

    def attend(module, query, key, value, mask, scaling=None, **options):
        key, value = (
            torch.cat([x[:, :, :context].detach(), x[:, :, context:]], 2).repeat_interleave(
                query.shape[1] // x.shape[1], 1
            )
            for x in (key, value)
        )
        scores = query @ key.transpose(2, 3) * (scaling or query.shape[-1] ** -0.5)
        later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        return (scores.masked_fill(later, float("-inf")).softmax(-1) @ value).transpose(1, 2), None

    return attend


def reference_gradients(net, parameters):
    """One decision at a time, one sequence of context, question and answer: no cache, no packing, no mask of ours."""
    net.zero_grad()
    losses, before = [], net.config._attn_implementation
    net.config._attn_implementation = "detaching"
    for decision in DECISIONS:
        context = CONTEXTS[decision.context]
        ALL_ATTENTION_FUNCTIONS.register("detaching", detaching(len(context)))
        tokens = torch.tensor([[*context, *decision.question, *decision.answer[:-1]]])
        logits = net(input_ids=tokens, use_cache=False).logits[0]
        first = len(context) + len(decision.question) - 1
        losses.append(cross_entropy(logits[first:], torch.tensor(decision.answer), reduction="sum"))
    net.config._attn_implementation = before
    loss = torch.stack(losses).sum() / sum(len(d.answer) for d in DECISIONS)
    loss.backward()
    return float(loss.detach()), [p.grad.clone() for p in parameters]


def worst_error(actual, wanted):
    """Largest relative difference of any parameter's gradient."""
    return max(float((a - b).norm() / b.norm().clamp_min(1e-12)) for a, b in zip(actual, wanted, strict=True))


@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen2", "qwen3"])
@pytest.mark.parametrize("train", ["q", "attention", "all"])
def test_frozen_equals_a_full_forward_with_the_context_detached(kind, train):
    net = tiny_net(kind)
    parameters = choose_parameters(net, train)
    wanted_loss, wanted = reference_gradients(net, parameters)
    step = frozen_step(net, CONTEXTS, DECISIONS)
    assert step.loss == pytest.approx(wanted_loss, rel=1e-6)
    assert worst_error(list(step.gradients.values()), wanted) <= 1e-6
    assert all(grad is p.grad for grad, p in zip(step.gradients.values(), parameters, strict=True))


@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen2", "qwen3"])
def test_packed_equals_one_by_one(kind):
    net = tiny_net(kind)
    parameters = choose_parameters(net, "all")
    packed = frozen_step(net, CONTEXTS, DECISIONS)
    together = [grad.clone() for grad in packed.gradients.values()]
    alone, loss, tokens = [torch.zeros_like(p) for p in parameters], 0.0, sum(len(d.answer) for d in DECISIONS)
    for decision in DECISIONS:
        step = frozen_step(net, [CONTEXTS[decision.context]], [replace(decision, context=0)])
        share = len(decision.answer) / tokens
        loss += share * step.loss
        alone = [a + share * grad for a, grad in zip(alone, step.gradients.values(), strict=True)]
    assert packed.loss == pytest.approx(loss, rel=1e-6)
    assert worst_error(together, alone) <= 1e-6  # norms of Llama and Qwen are taken in float32 whatever the weights are


@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen3"])
def test_contexts_encoded_a_few_at_a_time_are_the_same(kind, monkeypatch):
    net = tiny_net(kind)
    packed = pack(CONTEXTS, DECISIONS, torch.float64)
    plain = net.base_model(input_ids=packed.context_BC, use_cache=True).past_key_values
    for most in (1, 9, 12, 10**6):  # tokens at once: each alone, the longest alone, two together, all
        monkeypatch.setitem(contexts.TOKENS_AT_ONCE, "cpu", most)
        cache = encode_contexts(net, packed)
        assert len(cache.layers) == len(plain.layers) == 2
        for mine, whole in zip(cache.layers, plain.layers, strict=True):
            assert mine.keys.shape == whole.keys.shape
            for row, context in enumerate(CONTEXTS):
                for a, b in ((mine.keys, whole.keys), (mine.values, whole.values)):
                    assert torch.allclose(a[row, :, : len(context)], b[row, :, : len(context)], rtol=1e-12, atol=1e-12)
            assert mine.keys.isfinite().all() and mine.values.isfinite().all()


def test_deciding_leaves_the_cache_and_the_model_as_they_were():
    net = tiny().net
    packed = pack(CONTEXTS, DECISIONS)
    cache = encode_contexts(net, packed)
    before = [(layer.keys.clone(), layer.values.clone()) for layer in cache.layers]
    tensors = [layer.keys for layer in cache.layers]
    for _ in range(2):
        decide(net, packed, cache).sum().backward()
    assert all(layer.keys is tensor for layer, tensor in zip(cache.layers, tensors, strict=True))
    for layer, (keys, values) in zip(cache.layers, before, strict=True):
        assert torch.equal(layer.keys, keys) and torch.equal(layer.values, values)
    assert not net.get_output_embeddings()._forward_pre_hooks
    assert net(packed.context_BC).logits.shape[:2] == packed.context_BC.shape


def test_the_same_step_twice_from_one_cache_is_the_same():
    net = tiny("llama", torch.float64).net
    parameters = choose_parameters(net, "attention")
    packed = pack(CONTEXTS, DECISIONS, torch.float64)
    cache = encode_contexts(net, packed)
    gradients = []
    for _ in range(2):
        net.zero_grad()
        frozen_loss(net, packed, cache).backward()
        gradients.append([p.grad.clone() for p in parameters])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


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
    with pytest.raises(ValueError, match="choose q, attention, mlps, all"):
        choose_parameters(net, "w_q")


def test_deciding_needs_no_gradient_of_the_context():
    net = tiny().net
    packed = pack(CONTEXTS, DECISIONS)
    cache = encode_contexts(net, packed)
    assert not cache.layers[0].keys.requires_grad
    assert decide(net, packed, cache).requires_grad
