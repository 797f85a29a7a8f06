"""Small models that tests make: tiny random ones of several architectures, and a word tokenizer for the realm."""

import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from game.realm.rules import load as load_rules
from perception.model import Model
from training.pretrain import build_tokenizer

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}


def tiny(kind: str = "llama", dtype: torch.dtype = torch.float32, seed: int = 0) -> Model:
    """A random model that knows the terse tongue's words and nothing else."""
    tokenizer = build_tokenizer(load_rules())
    torch.manual_seed(seed)
    size = len(tokenizer)
    if kind == "gpt2":
        sizes = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512}
        net = GPT2LMHeadModel(
            GPT2Config(
                vocab_size=size, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, bos_token_id=2, eos_token_id=2, **sizes
            )
        )
    elif kind == "qwen2":
        net = Qwen2ForCausalLM(Qwen2Config(vocab_size=size, intermediate_size=64, max_position_embeddings=512, **SMALL))
    else:
        net = LlamaForCausalLM(LlamaConfig(vocab_size=size, intermediate_size=64, max_position_embeddings=512, **SMALL))
    return Model(net.to(dtype).eval(), tokenizer, "terse", f"tiny-{kind}")
