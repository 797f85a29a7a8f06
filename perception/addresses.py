"""Where the attention heads and MLPs of a language model live: a table, one row a family of architectures.

The table is data; everything that measures or changes a head or an MLP goes through it (perception.head_map and
perception.mlp_map make views of it).
Supported: plain and grouped-query attention whose output is a sum over heads. A norm behind the attention (Gemma 2 and
3, OLMo 2) is no part of a head: what a head writes is counted before it.
"""

from dataclasses import dataclass, replace
from typing import Any

from perception.errors import ModelError

# How q, k and v lie in one matrix: all of q, then all of k, then all of v; or group after group, in each the queries of
# its heads, its key, its value.
PARTS, GROUPS = "parts", "groups"
# Which layers have a window where the config names its size: all of them, or those that `layer_types` marks.
ALL, BY_LAYER = "all", "by layer"
# How the recorder hears attention: through the registry of transformers, through torch's sdpa itself, or through the
# module's own method _attn.
REGISTRY, SDPA, METHOD = "registry", "sdpa", "method"


@dataclass(frozen=True)
class Address:
    """Where one family keeps its attention: attribute paths, as data. "a|b" is a where there is one, else b."""

    layers: str = "model.layers"
    norm: str = "input_layernorm"  # in front of the attention; "" where it reads the residual stream itself
    attention: str = "self_attn"
    q: str = "q_proj"
    k: str = "k_proj"
    v: str = "v_proj"
    o: str = "o_proj"
    final_norm: str = "model.norm"
    fused: str = ""  # PARTS or GROUPS
    transposed: bool = False  # Conv1D keeps (in, out); Linear keeps (out, in)
    centred: bool = False  # the final norm takes the mean off first (LayerNorm)
    gain_offset: float = 0.0  # norms multiply by weight + this
    post_norm: str = ""  # what the attention's output goes through on its way to the residual stream
    windows: str = ""  # ALL or BY_LAYER
    heard: str = REGISTRY
    # The modules of a layer's MLP; the last one's output is what the MLP writes. down: the matrix that writes it,
    # "" where several experts write, each with a matrix of its own. It is stored as the attention's matrices are.
    mlp: tuple[str, ...] = ("mlp",)
    down: str = "mlp.down_proj"


_LLAMA = Address()
_QWEN = replace(_LLAMA, windows=BY_LAYER)
_WINDOWED = replace(_LLAMA, windows=ALL)
_GEMMA = replace(_LLAMA, gain_offset=1.0)
_GEMMA_2 = replace(_GEMMA, post_norm="post_attention_layernorm", windows=BY_LAYER)
_NORM_BEHIND = replace(_LLAMA, norm="", post_norm="post_attention_layernorm")
_LAYERNORM = replace(_LLAMA, centred=True)
_EXPERTS = replace(_LLAMA, down="")
_WINDOWED_EXPERTS = replace(_WINDOWED, down="")
_NEOX = Address(
    "gpt_neox.layers", attention="attention", q="query_key_value", k="query_key_value", v="query_key_value", o="dense",
    final_norm="gpt_neox.final_layer_norm", fused=GROUPS, centred=True, down="mlp.dense_4h_to_h",
)  # fmt: skip
_GPT2 = Address(
    "transformer.h", "ln_1", "attn", "c_attn", "c_attn", "c_attn", "c_proj", "transformer.ln_f", PARTS, True, True,
    down="mlp.c_proj",
)  # fmt: skip
ADDRESSES = {
    "apertus": replace(_LLAMA, norm="attention_layernorm"),
    "arcee": _LLAMA,
    "cohere": _LAYERNORM,
    "cohere2": replace(_LAYERNORM, windows=BY_LAYER),
    "ernie4_5": _LLAMA,
    "exaone4": replace(_NORM_BEHIND, windows=BY_LAYER),
    "falcon": replace(
        _NEOX, layers="transformer.h", norm="ln_attn|input_layernorm", attention="self_attention",
        final_norm="transformer.ln_f", heard=SDPA,
    ),
    "gemma": _GEMMA,
    "gemma2": _GEMMA_2,
    "gemma3_text": _GEMMA_2,
    "glm": _LLAMA,
    "glm4": replace(_LLAMA, post_norm="post_self_attn_layernorm"),
    "gpt2": _GPT2,
    "gpt_bigcode": replace(_GPT2, fused=GROUPS, transposed=False),
    "gpt_neox": _NEOX,
    "gptj": Address(
        "transformer.h", "ln_1", "attn", o="out_proj", final_norm="transformer.ln_f", centred=True, heard=METHOD,
        down="mlp.fc_out",
    ),
    "granite": _LLAMA,
    "granitemoe": replace(_EXPERTS, mlp=("block_sparse_moe",)),
    "helium": _LLAMA,
    "hunyuan_v1_dense": _LLAMA,
    "llama": _LLAMA,
    "mistral": _WINDOWED,
    "mixtral": _WINDOWED_EXPERTS,
    "nemotron": replace(_LAYERNORM, gain_offset=1.0),
    "olmo": _LAYERNORM,
    "olmo2": _NORM_BEHIND,
    "olmo3": replace(_NORM_BEHIND, windows=BY_LAYER),
    "olmoe": _EXPERTS,
    "opt": Address(
        "model.decoder.layers", "self_attn_layer_norm", o="out_proj", final_norm="model.decoder.final_layer_norm",
        centred=True, mlp=("fc1", "fc2"), down="fc2",
    ),
    "persimmon": replace(
        _NEOX, layers="model.layers", attention="self_attn", final_norm="model.final_layernorm",
    ),
    "phi": replace(_LAYERNORM, o="dense", final_norm="model.final_layernorm", down="mlp.fc2"),
    "phi3": replace(_WINDOWED, q="qkv_proj", k="qkv_proj", v="qkv_proj", fused=PARTS),
    "qwen2": _QWEN,
    "qwen2_moe": replace(_QWEN, down=""),
    "qwen3": _QWEN,
    "qwen3_moe": _WINDOWED_EXPERTS,
    "seed_oss": _LLAMA,
    "smollm3": _QWEN,
    "stablelm": _LAYERNORM,
    "starcoder2": replace(_WINDOWED, centred=True, down="mlp.c_proj"),
}  # fmt: skip

_ALIBI = "ALiBi tells positions by the place of a key in its row, and packed decisions stand elsewhere in theirs"
# Families that can't be measured, and why.
REFUSED = {
    "bloom": _ALIBI,
    "mpt": _ALIBI,
    "gpt_oss": "its attention has sinks, which belong to no token",
    "gpt_neo": "its attention keeps a mask of its own, which packed decisions can't bring",
    "mamba": "it has no attention heads",
    "mamba2": "it has no attention heads",
    "rwkv": "it has no attention heads",
    "xlnet": "it looks ahead",
}
KNOWN = ", ".join(sorted(ADDRESSES))


def check_known(config: Any) -> None:
    """Raise ValueError for a model, by its config, whose heads have no address or can't be measured; it says why."""
    kind = str(config.model_type)
    if kind in REFUSED:
        raise ValueError(f"model type {kind!r}: {REFUSED[kind]}; give another (known: {KNOWN})")
    if kind not in ADDRESSES:
        raise ValueError(
            f"model type {kind!r}: no address of its heads is known; add a row to ADDRESSES in perception/addresses.py"
            f" (known: {KNOWN})"
        )
    if getattr(config, "alibi", False):
        raise ValueError(f"model type {kind!r} with alibi: {_ALIBI}; give one with rotary positions")
    if not getattr(config, "do_layer_norm_before", True):
        raise ValueError(
            f"model type {kind!r} with do_layer_norm_before false: a norm lies on its residual stream, which is then no"
            " sum over heads; give another"
        )


def check_kind(config: Any, source: str) -> None:
    """Raise ModelError for what is, by its config, no causal language model whose attention heads are known."""
    listed = getattr(config, "architectures", None)
    names = [str(name) for name in listed] if isinstance(listed, list | tuple) else []
    if names and not any(name.endswith(("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")) for name in names):
        raise ModelError(f"--model {source}: {names[0]} is no causal language model; give a folder of one")
    try:
        check_known(config)
    except ValueError as error:
        raise ModelError(f"--model {source}: {error}") from error
