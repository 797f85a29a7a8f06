"""`main.py bench dialogues`: a frozen step on a model of any size, such as smollm2: eight dialogues, each with a reply.

Contexts of 40 to 90 random tokens (evenly spread), replies of 16 tokens, of which 12 are the answer: 106 tokens at
most. Everything but the embeddings trains. full: gradient through everything; frozen: contexts encoded without
gradient; known: contexts that were encoded before (base-cache). `-bfloat16`: products of matrices in bfloat16. One
torch thread on a CPU; contestants take turns in rounds, values are medians. A step is loss and gradient, without the
optimizer. Memory: bytes that autograd keeps for the backward pass (`frozen_step.kept_bytes`).
"""

from collections.abc import Callable

import torch
from torch import Tensor

from perception.contexts import encode_contexts
from perception.model import Model, load
from perception.packing import Decision, Packed, pack
from training.bench.frozen_step import Tokens, kept_bytes
from training.bench.timing import CPU, Row, Work, in_turns, row
from training.optim.frozen import PRECISIONS, arithmetic, choose_parameters, frozen_loss, full_loss

DIALOGUES, SHORTEST, LONGEST, REPLY, ANSWER = 8, 40, 90, 16, 12
ROUNDS = 5


def drawn(mind: Model, seed: int) -> Tokens:
    """Contexts and decisions of random tokens."""
    generator = torch.Generator().manual_seed(seed)
    contexts, decisions = [], []
    for number in range(DIALOGUES):
        length = SHORTEST + number * (LONGEST - SHORTEST) // (DIALOGUES - 1)
        words = torch.randint(3, int(mind.net.config.vocab_size), (length + REPLY,), generator=generator).tolist()
        contexts.append(words[:length])
        decisions.append(Decision(number, tuple(words[length:-ANSWER]), tuple(words[-ANSWER:])))
    return contexts, decisions


def dialogues(model: str, seed: int, device: torch.device = CPU) -> list[Row]:
    """Milliseconds a step, and bytes kept for it, in both precisions, of the three ways."""
    torch.set_num_threads(1)
    mind = load(model, device)
    choose_parameters(mind.net, "all")
    packed = pack(*drawn(mind, seed)).to(device)
    works = {
        f"{name}{_suffix(precision)}": work
        for precision in PRECISIONS
        for name, work in _steps(mind, packed, precision).items()
    }
    took = in_turns(works, ROUNDS, device)
    rows = [row(name, ms, "ms", full := f"full{_suffix(name)}", took[full]) for name, ms in took.items()]
    whole, less = (_kept(mind, packed, loss) for loss in (full_loss, frozen_loss))
    rows.append(row("full-memory", whole, "bytes", "full-memory", whole))
    rows.append(row("frozen-memory", less, "bytes", "full-memory", whole))
    return rows


def _suffix(name: str) -> str:
    return "-bfloat16" if name.endswith("bfloat16") else ""


def _kept(mind: Model, packed: Packed, loss: Callable[..., Tensor]) -> int:
    return kept_bytes(mind.net, lambda: loss(mind.net, packed))


def _steps(mind: Model, packed: Packed, precision: str) -> dict[str, Work]:
    net = mind.net
    with arithmetic(net, precision):
        cache = encode_contexts(net, packed)

    def gradient(loss: Callable[[], Tensor]) -> None:
        net.zero_grad(set_to_none=False)
        with arithmetic(net, precision):
            value = loss()
        value.backward()

    return {
        "full": lambda: gradient(lambda: full_loss(net, packed)),
        "frozen": lambda: gradient(lambda: frozen_loss(net, packed)),
        "known": lambda: gradient(lambda: frozen_loss(net, packed, cache)),
    }
