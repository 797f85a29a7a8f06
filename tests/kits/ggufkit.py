"""A GGUF file of a tiny Llama, written as llama.cpp's converter writes them, and the same model to compare it with."""

from pathlib import Path

import gguf
import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

WORDS = 300  # tokens: all bytes, and a few words
HEADS, PAIRS = 4, 2  # query heads, key and value heads


def tiny_llama() -> LlamaForCausalLM:
    """Two layers, hidden 32, with grouped queries and tied words; its weights are exact in bfloat16."""
    torch.manual_seed(5)
    config = LlamaConfig(
        vocab_size=WORDS, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=HEADS,
        num_key_value_heads=PAIRS, max_position_embeddings=256, tie_word_embeddings=True, rope_theta=10_000.0,
    )  # fmt: skip
    net = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_((parameter + 0.3 * torch.randn_like(parameter)).bfloat16())
    return net


def write_gguf(
    path: Path,
    net: LlamaForCausalLM,
    architecture: str = "llama",
    *,
    layers: int = 0,
    without: str = "",
    more: dict[str, np.ndarray] | None = None,
    says: dict[str, float | str | bool] | None = None,
) -> None:
    """Write the file. Queries and keys are permuted, as llama.cpp turns positions pair by pair.

    layers: another number of them than there are; without: a tensor; more: tensors beside; says: fields of the header
    beside or instead of what is right.
    """
    writer = gguf.GGUFWriter(path, architecture)
    _add_header(writer, net.config, layers or net.config.num_hidden_layers, says or {})
    _add_words(writer)
    for name, values in (_tensors(net) | (more or {})).items():
        if name != without:
            writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_header(writer: gguf.GGUFWriter, config: LlamaConfig, layers: int, says: dict[str, float | str | bool]) -> None:
    kinds = {str: writer.add_string, bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32}
    for key, value in says.items():
        kinds[type(value)](key, value)
    if "llama.context_length" not in says:
        writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    if "llama.attention.layer_norm_rms_epsilon" not in says:
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    if "llama.rope.freq_base" not in says:
        writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(config.vocab_size)


def _tensors(net: LlamaForCausalLM) -> dict[str, np.ndarray]:
    """By the names that llama.cpp gives them."""
    names = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
             "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
             "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
             "post_attention_layernorm": "ffn_norm"}  # fmt: skip
    state = {name: tensor.detach().float().numpy() for name, tensor in net.state_dict().items()}
    tensors = {
        "token_embd.weight": state["model.embed_tokens.weight"],
        "output_norm.weight": state["model.norm.weight"],
    }
    for layer in range(net.config.num_hidden_layers):
        for name, short in names.items():
            values = state[f"model.layers.{layer}.{name}.weight"]
            if short in ("attn_q", "attn_k"):
                values = _permuted(values, HEADS if short == "attn_q" else PAIRS)
            tensors[f"blk.{layer}.{short}.weight"] = values
    return tensors


def _permuted(values: np.ndarray, heads: int) -> np.ndarray:
    high, wide = values.shape
    halves = values.reshape(heads, 2, high // heads // 2, wide)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(high, wide))


def _add_words(writer: gguf.GGUFWriter) -> None:
    """A byte-level vocabulary, as GPT-2's: a printable sign for each byte."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    signs = {byte: chr(byte) for byte in shown}
    signs |= {byte: chr(256 + number) for number, byte in enumerate(b for b in range(256) if b not in signs)}
    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *(signs[byte] for byte in range(256))]
    merges = ["Ġ t", "h e", "i n", "Ġ a", "e r", "o n"]
    tokens += [merge.replace(" ", "") for merge in merges]
    tokens += [f"<|spare{number}|>" for number in range(WORDS - len(tokens))]
    kinds = [gguf.TokenType.CONTROL if token.startswith("<|") else gguf.TokenType.NORMAL for token in tokens]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
