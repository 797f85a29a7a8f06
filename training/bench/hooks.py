"""`main.py bench hooks`: what it costs to record every head, with our recorder and with TransformerLens, side by side.

The same shape, the same tokens, random weights for TransformerLens: 16 contexts of 64 tokens, one thread. What is kept
is what each head attends to and writes at the last token. `lens` keeps patterns and z at all tokens, as
`run_with_cache` does with a filter of names. Every row's baseline is its own library's plain forward.
"""

from typing import Any

import torch

from perception.heads import Recorder
from perception.model import load
from training.bench.environments import INSTALL
from training.bench.timing import Row, Work, in_turns, missing_row, row

CONTEXTS, TOKENS, ROUNDS = 16, 64, 9


@torch.no_grad()
def hooks(model: str, seed: int) -> list[Row]:
    """Milliseconds a forward."""
    net = load(model).net.eval()
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, int(net.config.vocab_size), (CONTEXTS, TOKENS), generator=generator)
    last = torch.full((CONTEXTS, 1), TOKENS - 1)

    def recorded() -> None:
        with Recorder(net, last) as heard:
            net(input_ids=ids, use_cache=False)
        heard.record()

    works: dict[str, Work] = {"plain": lambda: net(input_ids=ids, use_cache=False), "recorder": recorded}
    why = ""
    try:
        works |= _lens(net.config, ids, seed)
    except ImportError as error:
        why = f"not installed ({error.name or error}); {INSTALL}"
    except Exception as error:
        why = f"does not start here ({type(error).__name__}: {str(error)[:80]})"
    ms = in_turns(works, ROUNDS)
    rows = [row(name, taken, "ms", _baseline(name), ms[_baseline(name)]) for name, taken in ms.items()]
    return rows + ([missing_row("lens", "ms", "lens-plain", why)] if why else [])


def _baseline(name: str) -> str:
    return "lens-plain" if name.startswith("lens") else "plain"


def _lens(config: Any, ids: torch.Tensor, seed: int) -> dict[str, Work]:
    """TransformerLens on a model of the same shape."""
    import transformer_lens

    heads = int(config.num_attention_heads)
    shape = transformer_lens.HookedTransformerConfig(
        n_layers=int(config.num_hidden_layers), d_model=int(config.hidden_size), n_ctx=TOKENS, n_heads=heads,
        d_head=int(getattr(config, "head_dim", config.hidden_size // heads)), d_mlp=int(config.intermediate_size),
        d_vocab=int(config.vocab_size), act_fn="silu", gated_mlp=True, normalization_type="RMS",
        positional_embedding_type="rotary", n_key_value_heads=int(config.num_key_value_heads), seed=seed, device="cpu",
    )  # fmt: skip
    net = transformer_lens.HookedTransformer(shape).eval()

    def wanted(name: str) -> bool:
        return name.endswith(("hook_pattern", "hook_z"))

    return {
        "lens-plain": lambda: net(ids),
        "lens": lambda: net.run_with_cache(ids, names_filter=wanted),
    }
