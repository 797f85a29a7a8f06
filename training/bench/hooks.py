"""`main.py bench hooks`: what it costs to record every head, with our recorder and with TransformerLens, side by side.

The same model, weights and tokens: 16 contexts of 64 tokens, one thread. recorder keeps what each head attends to and
writes at the last token. lens is `run_with_cache` of a TransformerBridge with a filter for the same two hooks, which
keeps them at all tokens; lens-plain is the bridge's forward without a cache. What counts is the processor's time, the
least of the rounds.
"""

import torch

from perception.heads import Recorder
from perception.model import load
from training.bench.environments import INSTALL
from training.bench.timing import Row, Work, least_in_turns, missing_row, row

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
        works |= _lens(model, ids)
    except ImportError as error:
        why = f"not installed ({error.name or error}); {INSTALL}"
    except Exception as error:
        why = f"does not start here ({type(error).__name__}: {str(error)[:80]})"
    ms = least_in_turns(works, ROUNDS)
    rows = [row(name, taken, "ms", "plain", ms["plain"]) for name, taken in ms.items()]
    return rows + ([missing_row("lens", "ms", "plain", why)] if why else [])


def _lens(model: str, ids: torch.Tensor) -> dict[str, Work]:
    """TransformerLens on the same model."""
    from transformer_lens.model_bridge import TransformerBridge

    mind = load(model)
    bridge = TransformerBridge.boot_transformers(model, hf_model=mind.net, tokenizer=mind.tokenizer, device="cpu")

    def wanted(name: str) -> bool:
        return bool(name.endswith(("hook_pattern", "hook_z")))

    return {
        "lens-plain": lambda: bridge(ids),
        "lens": lambda: bridge.run_with_cache(ids, names_filter=wanted),
    }
