"""Packed decisions, windows and the frozen gradient of every family of architectures, against plain forwards."""

import copy
from dataclasses import replace
from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache

from perception import load_check
from perception.contexts import encode_contexts
from perception.deciding import decide, decide_at_once, log_probabilities
from perception.heads import Recorder
from perception.load_check import check_packing, packing_error
from perception.packing import Decision, pack
from perception.windows import context_length, layer_masks, sliding_window
from tests.kits.families import CASES, CONTEXTS, DECISIONS, LLAMA, ROWS, TOKENS, WINDOW, WORDS, net_of
from training.optim.frozen import choose_parameters, frozen_step, full_loss

torch.set_num_threads(1)
WINDOWED = [case for case in CASES if "mixed" in case or "window" in case]


@pytest.mark.parametrize("case", CASES)
def test_packed_decisions_are_those_of_plain_forwards(case: str) -> None:
    """Contexts of several lengths, longer than the window where there is one."""
    net = net_of(case)
    packed = pack(CONTEXTS, DECISIONS, torch.float64)
    with torch.no_grad():
        cached = log_probabilities(decide(net, packed, encode_contexts(net, packed)), packed, len(DECISIONS))
        once = log_probabilities(decide_at_once(net, packed), packed, len(DECISIONS))
        for decision, *values in zip(DECISIONS, cached.tolist(), once.tolist(), strict=True):
            ids = [*CONTEXTS[decision.context], *decision.question, *decision.answer]
            logs, start = net(torch.tensor([ids])).logits[0].log_softmax(-1), len(ids) - len(decision.answer) - 1
            slow = sum(float(logs[start + i, token]) for i, token in enumerate(decision.answer))
            assert values == pytest.approx([slow, slow], abs=1e-5)
    assert packing_error(net, range(3, 40)) < 1e-5


@pytest.mark.parametrize("case", CASES)
def test_a_mask_in_another_dtype_than_the_model_hides_as_much(case: str) -> None:
    net = net_of(case)
    with torch.no_grad():
        own, other = (
            [decide(net, packed, encode_contexts(net, packed)), decide_at_once(net, packed)]
            for packed in (pack(CONTEXTS, DECISIONS, dtype) for dtype in (torch.float64, torch.float32))
        )
    assert all(torch.equal(*pair) for pair in zip(own, other, strict=True))
    some = torch.zeros(1, 1, 2, 4).masked_fill(torch.ones(2, 4).triu(1).bool(), torch.finfo(torch.float32).min)
    masks = layer_masks(net, some, torch.arange(2)[None], torch.arange(4)[None], 4)
    for mask in masks.values() if isinstance(masks, dict) else [masks]:
        assert mask.dtype == net.dtype and torch.equal(mask == 0, some == 0)
        assert float(mask.min()) == torch.finfo(net.dtype).min


def one_of(rng: Random, decision: Decision) -> Decision:
    return replace(decision, answer=tuple(rng.choices(range(3, 40), k=rng.randint(1, 4))))


@pytest.mark.parametrize("case", CASES)
def test_answers_that_share_a_question_are_branches_of_it(case: str) -> None:
    """As many numbers as when each answer has the question to itself, in fewer tokens; gradients, too."""
    net, rng = copy.deepcopy(net_of(case)), Random(case)
    decisions = [one_of(rng, decision) for decision in DECISIONS for _ in range(rng.randint(1, 4))]
    apart, shared = (pack(CONTEXTS, decisions, torch.float64, share=share) for share in (False, True))
    assert shared.decision_BD.shape[1] < apart.decision_BD.shape[1]
    assert shared.target_N.tolist() == apart.target_N.tolist() and shared.owner_N.tolist() == apart.owner_N.tolist()
    logs = []
    for packed in (apart, shared):
        net.zero_grad()
        logs_N = log_probabilities(decide(net, packed, encode_contexts(net, packed)), packed, len(decisions))
        logs_N.square().sum().backward()
        logs.append([logs_N.detach(), *(p.grad.clone() for p in net.parameters() if p.grad is not None)])
    for one, other in zip(*logs, strict=True):
        largest = float(other.abs().max()) + 1e-6  # some families norm in float32 at all times
        torch.testing.assert_close(one, other, rtol=0, atol=1e-4 * largest)
    with torch.no_grad():
        once = log_probabilities(decide_at_once(net, shared), shared, len(decisions))
    torch.testing.assert_close(once, logs[0][0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_the_guard_at_loading_lets_every_family_in(case: str) -> None:
    net = copy.deepcopy(net_of(case)).float()
    if "num_experts" in CASES[case]:
        net.set_experts_implementation("grouped_mm")
    check_packing(net, range(3, 40), case)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("case", ["llama", "mixtral window", "gemma2 mixed", "gptj", "falcon groups"])
def test_the_guard_leaves_weights_and_buffers_as_they_were(case: str, dtype: torch.dtype) -> None:
    net = copy.deepcopy(net_of(case)).to(dtype)
    if "num_experts" in CASES[case]:
        net.set_experts_implementation("grouped_mm")
    twin = copy.deepcopy(net)
    with pytest.MonkeyPatch.context() as patch:
        error = load_check.packing_error
        patch.setattr(load_check, "packing_error", lambda net, ids: error(net, ids) + (net.dtype != torch.float64))
        check_packing(net, range(3, 40), case)
    assert net.config._experts_implementation == twin.config._experts_implementation
    for mine, other in zip((*net.parameters(), *net.buffers()), (*twin.parameters(), *twin.buffers()), strict=True):
        assert mine.dtype == other.dtype and torch.equal(mine, other)


@pytest.mark.parametrize("case", [*WINDOWED, "llama", "gptj"])
def test_the_loss_through_everything_is_that_of_plain_forwards(case: str) -> None:
    net, packed = net_of(case), pack(CONTEXTS, DECISIONS, torch.float64)
    losses = []
    with torch.no_grad():
        for decision in DECISIONS:
            ids = torch.tensor([[*CONTEXTS[decision.context], *decision.question, *decision.answer]])
            logits = net(ids).logits[0, -len(decision.answer) - 1 : -1]
            losses.append(cross_entropy(logits, torch.tensor(decision.answer), reduction="sum"))
    wanted = float(torch.stack(losses).sum()) / sum(len(decision.answer) for decision in DECISIONS)
    assert float(full_loss(net, packed).detach()) == pytest.approx(wanted, rel=1e-6)


class Detaching(DynamicCache):
    """A cache that hands back keys and values whose first `context` tokens are constants."""

    def __init__(self, context: int) -> None:
        super().__init__()
        self._context = context

    def update(self, keys: Tensor, values: Tensor, layer_idx: int, *args: Any, **options: Any) -> tuple[Tensor, Tensor]:
        super().update(keys, values, layer_idx, *args, **options)
        cut = self._context
        detached = (torch.cat((x[:, :, :cut].detach(), x[:, :, cut:]), 2) for x in (keys, values))
        return tuple(detached)  # type: ignore[return-value]


@pytest.mark.parametrize("case", CASES)
def test_the_frozen_gradient_is_that_of_a_full_forward_with_the_context_detached(case: str) -> None:
    net = net_of(case)
    parameters = choose_parameters(net, "attention")
    net.zero_grad()
    losses = []
    for decision in DECISIONS:
        context = CONTEXTS[decision.context]
        ids = torch.tensor([[*context, *decision.question, *decision.answer[:-1]]])
        logits = net(ids, past_key_values=Detaching(len(context)), use_cache=True).logits[0]
        first = len(context) + len(decision.question) - 1
        losses.append(cross_entropy(logits[first:], torch.tensor(decision.answer), reduction="sum"))
    loss = torch.stack(losses).sum() / sum(len(decision.answer) for decision in DECISIONS)
    loss.backward()
    wanted = [parameter.grad.clone() for parameter in parameters]
    step = frozen_step(net, CONTEXTS, DECISIONS)
    assert step.loss == pytest.approx(float(loss.detach()), rel=1e-6)
    for (name, gradient), other in zip(step.gradients.items(), wanted, strict=True):
        assert float((gradient - other).norm()) <= 1e-5 * float(other.norm()) + 1e-9, name
    assert sum(float(gradient.norm()) for gradient in step.gradients.values()) > 0


@pytest.mark.parametrize("case", WINDOWED)
def test_a_window_bounds_what_a_layer_sees_and_not_what_the_model_reads(case: str) -> None:
    net = net_of(case)
    assert (sliding_window(net), context_length(net)) == (WINDOW, 64)
    with Recorder(net, ROWS) as recorder, torch.no_grad():
        net(TOKENS)
    visible = [layer.tolist() for layer in recorder.record().visible]
    windowed = [[4, WINDOW], [WINDOW, 0], [WINDOW, 1]]
    whole = [[4, 12], [8, 0], [12, 1]]
    assert visible == [windowed, whole if "mixed" in case else windowed]


def test_a_window_in_the_config_of_a_model_that_does_not_use_it_is_none() -> None:
    for case in ("qwen2", "qwen3", "smollm3", "qwen3_moe", "qwen2_moe", "llama", "mistral"):
        assert sliding_window(net_of(case)) is None


def test_positions_turned_otherwise_for_longer_texts_are_not_read() -> None:
    long = {"rope_type": "longrope", "short_factor": [1.0] * 4, "long_factor": [2.0] * 4, "rope_theta": 10_000.0}
    config = AutoConfig.for_model(
        "phi3", vocab_size=WORDS, **LLAMA, original_max_position_embeddings=32, rope_parameters=long
    )
    assert context_length(AutoModelForCausalLM.from_config(config)) == 32
