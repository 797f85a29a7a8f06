"""Spots of the context-frozen step that other tests walk past: each of these fails when that one line is broken."""

import copy

import pytest
import torch

from perception.contexts import encode_contexts
from perception.packing import Decision, pack
from tests.kits.minds import tiny
from tests.training.optim.test_frozen import CONTEXTS, DECISIONS
from training.optim.frozen import Broken, arithmetic, choose_parameters, frozen_loss, frozen_step, guarded_step

torch.set_num_threads(1)


def test_a_refused_step_puts_the_optimizers_state_back_not_only_the_weights():
    """AdamW counts its steps and moves its moments before anybody sees that the weights broke."""

    def breaks(_optimizer, _arguments, _options):
        optimizer.param_groups[0]["params"][0].data[0, 0] = float("inf")

    net = tiny().net
    optimizer = torch.optim.AdamW(choose_parameters(net, "q"), lr=0.01)
    guarded_step(optimizer, torch.tensor(frozen_step(net, CONTEXTS, DECISIONS).loss))
    saved = copy.deepcopy(optimizer.state_dict())
    optimizer.register_step_post_hook(breaks)
    loss = torch.tensor(frozen_step(net, CONTEXTS, DECISIONS).loss)
    with pytest.raises(Broken):
        guarded_step(optimizer, loss)
    state = optimizer.state_dict()
    assert state["param_groups"] == saved["param_groups"]
    for number, entry in saved["state"].items():
        assert float(state["state"][number]["step"]) == float(entry["step"]) == 1
        assert all(torch.equal(state["state"][number][name], entry[name]) for name in ("exp_avg", "exp_avg_sq"))


def test_parts_weigh_by_their_answers_tokens():
    """One part answers with one token, the other with seven: each token counts alike, not each part."""
    net = tiny(dtype=torch.float64).net
    choose_parameters(net, "attention")
    uneven = [Decision(0, (4, 10), (33,)), Decision(1, (4, 14), (36, 37, 38, 39, 40, 41, 42))]
    alone = [
        frozen_step(net, CONTEXTS[n : n + 1], [Decision(0, d.question, d.answer)]).loss for n, d in enumerate(uneven)
    ]
    assert abs(alone[0] - alone[1]) > 0.01
    split = frozen_step(net, CONTEXTS[:2], uneven, parts=2)
    assert split.loss == pytest.approx((alone[0] + 7 * alone[1]) / 8, rel=1e-12)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_encoding_ends_at_the_last_layers_keys_and_values(kind):
    """Not before: every layer's are there. Not after: nothing behind them is computed."""
    net = tiny(kind).net
    blocks = net.transformer.h if kind == "gpt2" else net.model.layers
    ran = []
    for number, block in enumerate(blocks):
        block.mlp.register_forward_hook(lambda _m, _i, _o, number=number: ran.append(number))
    packed = pack(CONTEXTS, DECISIONS)
    cache = encode_contexts(net, packed)
    assert ran == [0]
    ran.clear()
    whole = net.base_model(input_ids=packed.context_BC, use_cache=True).past_key_values
    assert ran == [0, 1]
    for mine, theirs in zip(cache.layers, whole.layers, strict=True):
        for row, context in enumerate(CONTEXTS):
            assert torch.allclose(mine.keys[row, :, : len(context)], theirs.keys[row, :, : len(context)], atol=1e-6)


def test_cast_weights_are_not_remembered():
    """Within one block of bfloat16 arithmetic: what was cast without gradient gets one, and a moved weight counts."""
    net = tiny().net
    parameters = choose_parameters(net, "attention")
    packed = pack(CONTEXTS, DECISIONS)
    with arithmetic(net, "bfloat16"):
        loss = frozen_loss(net, packed)
        with torch.no_grad():
            parameters[0].add_(1)
        moved = frozen_loss(net, packed)
    with arithmetic(net, "bfloat16"):
        afresh = frozen_loss(net, packed)
    assert float(moved.detach()) == float(afresh.detach()) != float(loss.detach())
    net.zero_grad()
    afresh.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in parameters)
