"""Small models that tests make: tiny random ones of several architectures, and tokenizers for both tongues."""

import copy
from functools import cache
from itertools import islice
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from game.realm.rules import load as load_rules
from game.realm.sampler import samples
from perception.head_map import MATRICES, addresses
from perception.model import Model
from training.novice.pretrain import build_tokenizer

SMALL = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
    "intermediate_size": 64, "max_position_embeddings": 512, "bos_token_id": 2, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip
GPT2 = {
    "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512, "bos_token_id": 2, "eos_token_id": 2,
    "resid_pdrop": 0, "embd_pdrop": 0, "attn_pdrop": 0,
}  # fmt: skip


def tiny(kind: str = "llama", dtype: torch.dtype = torch.float32, seed: int = 0, tongue: str = "terse") -> Model:
    """A random model that has tokens for a tongue's words and knows nothing. kind: a model type of transformers."""
    tokenizer = build_tokenizer(load_rules()) if tongue == "terse" else plain_tokenizer()
    torch.manual_seed(seed)
    sizes: dict[str, Any] = GPT2 if kind == "gpt2" else SMALL
    config = AutoConfig.for_model(kind, vocab_size=len(tokenizer), **sizes)
    net = AutoModelForCausalLM.from_config(config)
    return Model(net.to(dtype).eval(), tokenizer, tongue, f"tiny-{kind}")


def tiny_with(**settings: Any) -> PreTrainedModel:
    """The net of `tiny()`, with these settings of its config: the same weights, which then compute otherwise."""
    net = tiny().net
    config = AutoConfig.for_model(**(net.config.to_dict() | settings))
    other = AutoModelForCausalLM.from_config(config)
    other.load_state_dict(net.state_dict())
    return other.eval()


@cache
def plain_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE with pieces of words, as most models have it, trained on a few scenes in plain English."""
    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    scenes = [sample.view.scene for sample in islice(samples(8, "tokenizer", "plain"), 8)]
    pieces.train_from_iterator([scene.text + scene.questions[0].text for scene in scenes], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=pieces, pad_token="<pad>", bos_token="<s>", eos_token="</s>")


def changed(model: Model, ranks_of: int, scale: float = 0.3, seed: int = 0) -> PreTrainedModel:
    """A copy whose q, k, v, o changed by random matrices of this rank."""
    net, dice = copy.deepcopy(model.net), torch.Generator().manual_seed(seed)
    at = addresses(net)
    with torch.no_grad():
        for layer in range(at.layers):
            for matrix in MATRICES:
                weight = at.weight(layer, matrix)
                rows, columns = weight.flatten(0, 1).shape
                u, v = torch.randn(rows, ranks_of, generator=dice), torch.randn(ranks_of, columns, generator=dice)
                weight.add_((scale * u @ v / ranks_of).reshape(weight.shape))
    return net
