"""Every family of architectures: heads, patterns, packing, windows and the frozen gradient, against plain forwards.

Tiny random models in float64, far enough from their initialisation that heads differ and biases are not zero.
"""

import copy
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache

from perception import load_check
from perception.addresses import ADDRESSES, ALL, BY_LAYER, METHOD, REFUSED, REGISTRY, SDPA, check_known
from perception.head_map import addresses, head_outputs
from perception.heads import Recorder, activity
from perception.load_check import check_packing, packing_error
from perception.packing import Decision, decide, decide_at_once, encode_contexts, log_probabilities, pack
from perception.windows import context_length, sliding_window
from training.optim.frozen import choose_parameters, frozen_step, full_loss

torch.set_num_threads(1)
WORDS, WINDOW = 61, 5
LLAMA = {
    "hidden_size": 32, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64, "pad_token_id": 0,
}  # fmt: skip
EXPERTS = {
    "num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16,
    "shared_expert_intermediate_size": 16, "experts_implementation": "eager",  # torch's grouped product has no float64
}  # fmt: skip
GPT = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "resid_pdrop": 0, "embd_pdrop": 0, "attn_pdrop": 0}
FALCON = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "bias": True}
PLAIN = {name: value for name, value in LLAMA.items() if name not in ("num_key_value_heads", "head_dim")}
MIXED = {"sliding_window": WINDOW, "layer_types": ["sliding_attention", "full_attention"]}
EVERY = {"sliding_window": WINDOW}
ROTATED = {"rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 0.5}}
# Keys and values that a family doesn't group are named in some configs all the same (GPT-NeoX, OPT, Persimmon).
# A name for each case: the model type, then what is special about it.
CASES: dict[str, dict[str, Any]] = {
    "apertus": LLAMA,
    "arcee": LLAMA,
    "cohere": LLAMA | {"logit_scale": 0.5},
    "cohere qk-norm": LLAMA | {"use_qk_norm": True},
    "cohere2 mixed": LLAMA | MIXED,
    "ernie4_5": LLAMA | {"use_bias": True},
    "exaone4 mixed": LLAMA | MIXED,
    "falcon groups": FALCON | {"num_kv_heads": 2, "new_decoder_architecture": True},
    "falcon one norm": FALCON
    | {"num_kv_heads": 2, "new_decoder_architecture": True, "num_ln_in_parallel_attn": 1},
    "falcon multi-query": FALCON | {"multi_query": True},
    "falcon in turn": FALCON | {"multi_query": False, "parallel_attn": False},
    "gemma": LLAMA | {"num_key_value_heads": 1},
    "gemma2 mixed": LLAMA | MIXED | {"query_pre_attn_scalar": 8, "attn_logit_softcapping": 2.0},
    "gemma3_text mixed": LLAMA | MIXED | {"query_pre_attn_scalar": 8},
    "glm": LLAMA | ROTATED | {"attention_bias": True},
    "glm4": LLAMA | ROTATED,
    "gpt2": GPT,
    "gpt_bigcode multi-query": GPT,
    "gpt_bigcode": GPT | {"multi_query": False},
    "gpt_neox": PLAIN | {"rotary_pct": 0.25, "hidden_dropout": 0.0},
    "gpt_neox in turn": LLAMA | {"use_parallel_residual": False, "attention_bias": False},
    "gptj": GPT | {"rotary_dim": 4},
    "granite": LLAMA | {"residual_multiplier": 0.3, "attention_multiplier": 0.5, "logits_scaling": 4.0},
    "granitemoe": LLAMA | EXPERTS | {"residual_multiplier": 0.3},
    "helium": LLAMA,
    "hunyuan_v1_dense": LLAMA,
    "llama": LLAMA,
    "llama biases": LLAMA | {"attention_bias": True, "num_key_value_heads": 4},
    "mistral": LLAMA | {"sliding_window": None},
    "mistral window": LLAMA | EVERY,
    "mixtral window": LLAMA | EXPERTS | EVERY,
    "nemotron": LLAMA,
    "olmo": LLAMA,
    "olmo2": LLAMA,
    "olmo3 mixed": LLAMA | MIXED,
    "olmoe": LLAMA | EXPERTS,
    "opt": LLAMA | {"ffn_dim": 24, "word_embed_proj_dim": 32, "dropout": 0.0},
    "opt narrow words": PLAIN | {"ffn_dim": 24, "word_embed_proj_dim": 16, "dropout": 0.0},
    "persimmon": LLAMA,
    "phi": LLAMA | {"num_key_value_heads": 4},
    "phi qk-norm": LLAMA | {"qk_layernorm": True},
    "phi3": LLAMA,
    "phi3 window": LLAMA | EVERY | ROTATED,
    "qwen2": LLAMA,
    "qwen2 mixed": LLAMA | MIXED | {"use_sliding_window": True},
    "qwen2_moe": LLAMA | EXPERTS,
    "qwen2_moe mixed": LLAMA | EXPERTS | MIXED | {"use_sliding_window": True},
    "qwen3": LLAMA,
    "qwen3 mixed": LLAMA | MIXED | {"use_sliding_window": True},
    "qwen3_moe": LLAMA | EXPERTS,
    "qwen3_moe window": LLAMA | EXPERTS | EVERY | {"use_sliding_window": True},
    "seed_oss": LLAMA,
    "smollm3": LLAMA | {"no_rope_layers": [1, 0]},
    "smollm3 mixed": LLAMA | MIXED | {"use_sliding_window": True, "no_rope_layers": [0, 1]},
    "stablelm": LLAMA,
    "stablelm parallel, qk-norm": LLAMA | {"use_parallel_residual": True, "qk_layernorm": True, "use_qkv_bias": True},
    "starcoder2": LLAMA,
    "starcoder2 window": LLAMA | EVERY,
}  # fmt: skip
NORMS_ALL_HEADS = ("olmo2", "olmo3", "olmoe")  # one norm of all queries: a head's slice moves every head
CONTEXTS = [[5, 9, 11, 30, 7, 8], [20, 21, 5], [40, 41, 42, 43, 44, 45, 46, 47, 48]]
DECISIONS = [
    Decision(0, (4, 10, 12), (33,)),
    Decision(1, (4, 14), (36, 37)),
    Decision(2, (4, 10, 15), (37,)),
    Decision(2, (4,), (38, 39, 50)),
]
ROWS = torch.tensor([[3, 11], [7, -1], [11, 0]])
TOKENS = torch.randint(1, WORDS, (3, 12), generator=torch.Generator().manual_seed(2))


@cache
def net_of(case: str, attention: str = "") -> Any:
    """The case's net in float64; attention "" is what the family takes by itself."""
    kind, sizes = case.split()[0], dict(CASES[case])
    options = {"attn_implementation": attention} if attention else {}
    torch.manual_seed(1)
    config = AutoConfig.for_model(kind, vocab_size=WORDS, **sizes, **options)
    net = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return net.double()


def listened(net: Any, **options: Any) -> Any:
    with Recorder(net, ROWS, **options) as recorder, torch.no_grad():
        net(TOKENS)
    return recorder.record()


def at_rows(x_BT: Tensor) -> Tensor:
    return x_BT[torch.arange(3)[:, None], ROWS.clamp_min(0)]


def test_every_family_of_the_table_is_tested() -> None:
    assert {case.split()[0] for case in CASES} == set(ADDRESSES)
    assert len(ADDRESSES) >= 30


@pytest.mark.parametrize("case", CASES)
def test_logits_keep_every_bit_and_heads_sum_to_the_attention_output(case: str) -> None:
    net, outputs = net_of(case), []
    heads = addresses(net)
    with torch.no_grad():
        plain = net(TOKENS).logits
        hooks = [
            module.register_forward_hook(lambda _m, _i, out: outputs.append(out[0])) for module in heads.attentions
        ]
        with Recorder(net, ROWS) as recorder:
            heard = net(TOKENS).logits
        for hook in hooks:
            hook.remove()
        assert torch.equal(plain, heard) and torch.equal(plain, net(TOKENS).logits)
    record = recorder.record()
    for layer in range(heads.layers):
        written = head_outputs(record.z[layer], heads.weight(layer, "o")).sum(-2)
        bias = net.get_submodule(heads.projections[layer]["o"].parameter.removesuffix(".weight")).bias
        written = written if bias is None else written + bias
        assert (written - at_rows(outputs[layer]))[record.valid].abs().max() < 1e-6
    assert min(activity(record)) > 0 and len(activity(record)) == heads.layers * heads.heads


@pytest.mark.parametrize("case", CASES)
def test_patterns_are_those_of_eager_attention(case: str) -> None:
    record = listened(net_of(case))
    with torch.no_grad():
        eager = net_of(case, "eager")(TOKENS, output_attentions=True, use_cache=False).attentions
    for layer, whole in enumerate(eager):
        difference = record.patterns[layer] - at_rows(whole.transpose(1, 2)).transpose(1, 2)
        assert difference.masked_fill(~record.valid[:, None, :, None], 0).abs().max() < 1e-5


@pytest.mark.parametrize("case", CASES)
def test_value_slices_and_patterns_give_z_by_hand(case: str) -> None:
    """z_h = pattern_h @ (what enters the attention W_v + b): the table against arithmetic that doesn't know it."""
    net, streams = net_of(case), []
    heads = addresses(net)
    hooks = [heads.on_residual(layer, streams.append) for layer in range(heads.layers)]
    record = listened(net)
    for hook in hooks:
        hook.remove()
    for layer in range(heads.layers):
        entered = heads.entering(layer, streams[layer])
        projection = heads.projections[layer]["v"]
        bias = net.get_submodule(projection.parameter.removesuffix(".weight")).bias
        for head in range(heads.heads):
            value_BKD = entered @ heads.head(layer, "v", head // heads.group).T
            if bias is not None:
                value_BKD = value_BKD + projection.blocks(bias)[head // heads.group]
            by_hand = record.patterns[layer][:, head] @ value_BKD
            assert (by_hand - record.z[layer][:, :, head]).abs().max() < 1e-6


@pytest.mark.parametrize("case", CASES)
def test_query_and_key_slices_move_the_patterns_of_their_heads_alone(case: str) -> None:
    net = net_of(case)
    heads, before = addresses(net), listened(net).patterns[0]
    for matrix, head in (("q", 2), ("k", 0)):
        slice_DM = heads.head(0, matrix, head)
        assert torch.equal(slice_DM, heads.weight(0, matrix)[head])
        start = slice_DM.detach().clone()
        with torch.no_grad():
            slice_DM.mul_(torch.linspace(0.2, 3, slice_DM.shape[-1], dtype=slice_DM.dtype))
            moved_H = (listened(net).patterns[0] - before).abs().amax((0, 2, 3)) > 1e-9
            slice_DM.copy_(start)
        own = {head} if matrix == "q" else set(range(head * heads.group, (head + 1) * heads.group))
        if case.split()[0] not in NORMS_ALL_HEADS:
            assert {number for number, moved in enumerate(moved_H.tolist()) if moved} == own
        assert moved_H[sorted(own)].all()
    assert torch.equal(listened(net).patterns[0], before)


@pytest.mark.parametrize("case", CASES)
def test_a_replay_of_the_rows_alone_hears_the_same_heads(case: str) -> None:
    whole, replay = listened(net_of(case)), listened(net_of(case), rows_only=True)
    assert (whole.z[0] - replay.z[0])[whole.valid].abs().max() < 1e-6
    assert replay.residual == ()


@pytest.mark.parametrize("case", CASES)
def test_packed_decisions_are_those_of_plain_forwards(case: str) -> None:
    """Contexts of several lengths, longer than the window where there is one."""
    net = net_of(case)
    packed = pack(CONTEXTS, DECISIONS, torch.float64)
    with torch.no_grad():
        kept = log_probabilities(decide(net, packed, encode_contexts(net, packed)), packed, len(DECISIONS))
        once = log_probabilities(decide_at_once(net, packed), packed, len(DECISIONS))
        for decision, *values in zip(DECISIONS, kept.tolist(), once.tolist(), strict=True):
            ids = [*CONTEXTS[decision.context], *decision.question, *decision.answer]
            logs, start = net(torch.tensor([ids])).logits[0].log_softmax(-1), len(ids) - len(decision.answer) - 1
            slow = sum(float(logs[start + i, token]) for i, token in enumerate(decision.answer))
            assert values == pytest.approx([slow, slow], abs=1e-5)
    assert packing_error(net, range(3, 40)) < 1e-5


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("case", CASES)
def test_the_guard_at_loading_lets_every_family_in(case: str, dtype: torch.dtype) -> None:
    net = copy.deepcopy(net_of(case)).to(dtype)
    net.set_experts_implementation("grouped_mm") if "num_experts" in CASES[case] else None
    check_packing(net, range(3, 40), case)
    strict = copy.deepcopy(net)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(load_check.TOLERANCE, dtype, -1.0)  # float64 has to tell
        check_packing(strict, range(3, 40), case)
    for mine, other in zip(net.state_dict().values(), strict.state_dict().values(), strict=True):
        assert torch.equal(mine, other)


@pytest.mark.parametrize("case", [case for case in CASES if "mixed" in case or "window" in case] + ["llama", "gptj"])
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


@pytest.mark.parametrize("case", [case for case in CASES if "mixed" in case or "window" in case])
def test_a_window_bounds_what_a_layer_sees_and_not_what_the_model_reads(case: str) -> None:
    net = net_of(case)
    assert (sliding_window(net), context_length(net)) == (WINDOW, 64)
    visible = [layer.tolist() for layer in listened(net).visible]
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


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        ("bloom", {}, "ALiBi tells positions by the place of a key"),
        ("mpt", {}, "ALiBi tells positions"),
        ("falcon", {"alibi": True}, "'falcon' with alibi: ALiBi"),
        ("opt", {"do_layer_norm_before": False}, "a norm lies on its residual stream"),
        ("gpt_oss", {}, "attention has sinks"),
        ("mamba", {}, "no attention heads"),
        ("codegen", {}, "no address of its heads is known; add a row"),
    ],
)
def test_what_cannot_work_is_refused_with_its_reason(kind: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        check_known(AutoConfig.for_model(kind, **options))
    assert "\n" not in str(caught.value)


def test_the_table_names_what_there_is() -> None:
    assert not set(ADDRESSES) & set(REFUSED)
    assert {at.heard for at in ADDRESSES.values()} == {REGISTRY, SDPA, METHOD}
    assert {at.windows for at in ADDRESSES.values()} == {"", ALL, BY_LAYER}
    with pytest.raises(ValueError, match="load the model with attn_implementation='sdpa'"):
        Recorder(net_of("falcon groups", "eager"), ROWS)
