"""Tiny random models of every family of architectures that perception knows, in float64.

They are far enough from their initialisation that heads differ and biases are not zero.
"""

from functools import cache
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from perception.packing import Decision

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
