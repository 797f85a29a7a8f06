"""`main.py bench frozen`: the context-frozen step beside full backpropagation, same packing, same lessons, one run.

32 lessons: the realm's own words in contexts of 100 to 250 tokens (evenly spread), 5 to 8 spirit questions each; one
torch thread, on a CPU unless `--device` names another. Contestants take turns in rounds, so that a busy machine hits
all alike; values are medians. Rows without a suffix train attention alone, `-all` everything but the embeddings.
`-reuse4`: caches serve four steps (a quarter of an encoding, and a step against it). `naive`: one row per decision, its
context repeated in full, taken over an eighth of the lessons and scaled. `full-in-4`, `frozen-in-4`: gradient
accumulation over four parts. Memory: bytes that autograd keeps for the backward pass, each storage once, parameters
left out.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from game.realm import sampler
from game.realm.rules import load as load_rules
from perception.contexts import encode_contexts
from perception.language import read_answered
from perception.model import Model, load
from perception.packing import Decision, Packed, pack
from training.bench.timing import CPU, Row, Work, in_turns, row
from training.optim.frozen import choose_parameters, deal, frozen_loss, full_loss

LESSONS, SHORTEST, LONGEST = 32, 100, 250
FEWEST, MOST = 5, 8  # decisions of a lesson
ROUNDS, CURVE_ROUNDS = 7, 3
REUSE, PARTS = 4, 4
NAIVE = 8  # one in so many lessons is trained naively
CURVE = (64, 128, 256, 512, 1024, 2048)  # tokens of a context
CURVE_CONTEXTS, CURVE_DECISIONS = 4, 6

Tokens = tuple[list[list[int]], list[Decision]]


def lessons(mind: Model, seed: int) -> Tokens:
    """The 32 lessons as token ids: contexts cut from scenes in a row, and spirit questions with their answers."""
    stream = sampler.samples(seed, "bench", mind.tongue, load_rules())
    token_stream: list[int] = []
    pairs_left: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    contexts: list[list[int]] = []
    decisions: list[Decision] = []
    for number in range(LESSONS):
        length = SHORTEST + number * (LONGEST - SHORTEST) // (LESSONS - 1)
        count = FEWEST + number % (MOST - FEWEST + 1)
        while len(token_stream) < length or len(pairs_left) < count:
            sample = next(stream)
            answered = list(zip(sample.view.scene.questions, sample.answers, strict=True))
            context, pairs = read_answered(mind.tokenizer, sample.view.scene.text, answered)
            token_stream += context
            pairs_left += pairs
        contexts.append(token_stream[:length])
        decisions += [Decision(number, *pair) for pair in pairs_left[:count]]
        token_stream, pairs_left = token_stream[length:], pairs_left[count:]
    return contexts, decisions


def kept_bytes(net: PreTrainedModel, forward: Callable[[], Tensor]) -> int:
    """Bytes that the graph of `forward`'s result holds for backward: unique storages, without the parameters'."""
    own = {p.untyped_storage().data_ptr() for p in net.parameters()}
    held: dict[int, int] = {}
    alive: list[Tensor] = []  # a freed storage's address may be given away again

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            held[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        forward()
    return sum(held.values())


def _steps(net: PreTrainedModel, tokens: Tokens) -> dict[str, Work]:
    """Loss and gradients of the same lessons, the different ways."""
    packed = pack(*tokens).to(net.device)
    parts = [pack(*part).to(net.device) for part in deal(*tokens, PARTS)]
    cache = encode_contexts(net, packed)

    def gradient(loss: Callable[..., Tensor], packs: list[Packed], *known: Any) -> None:
        net.zero_grad(set_to_none=False)
        for part in packs:
            loss(net, part, *known).backward()

    return {
        "full": lambda: gradient(full_loss, [packed]),
        "frozen": lambda: gradient(frozen_loss, [packed]),
        "known": lambda: gradient(frozen_loss, [packed], cache),
        "encode": lambda: encode_contexts(net, packed),
        "full-in-4": lambda: gradient(full_loss, parts),
        "frozen-in-4": lambda: gradient(frozen_loss, parts),
    }


def _naive(net: PreTrainedModel, tokens: Tokens) -> Callable[[], None]:
    """Full backpropagation with a row for every decision, over one in NAIVE of the lessons."""
    contexts, decisions = tokens
    chosen = [decision for decision in decisions if decision.context % NAIVE == NAIVE // 2]
    rows = [contexts[decision.context] for decision in chosen]
    alone = [Decision(number, d.question, d.answer) for number, d in enumerate(chosen)]
    packed = pack(rows, alone).to(net.device)

    def gradient() -> None:
        net.zero_grad(set_to_none=False)
        full_loss(net, packed).backward()

    return gradient


def frozen(model: str, seed: int, device: torch.device = CPU) -> list[Row]:
    """Milliseconds per step (loss and gradient), bytes kept for it, and the curve against context length."""
    torch.set_num_threads(1)
    mind = load(model, device)
    tokens = lessons(mind, seed)
    rows: list[Row] = []
    for train, suffix in (("attention", ""), ("all", "-all")):
        choose_parameters(mind.net, train)
        scale = len(tokens[1]) / sum(d.context % NAIVE == NAIVE // 2 for d in tokens[1])
        took = in_turns(_steps(mind.net, tokens) | {"naive": _naive(mind.net, tokens)}, ROUNDS, device)
        took |= {"naive": took["naive"] * scale, "reuse4": took["known"] + took["encode"] / REUSE}
        order = {"full": "full", "frozen": "frozen", "reuse4": f"frozen{suffix}-reuse{REUSE}", "naive": "naive"}
        order |= {"full-in-4": f"full{suffix}-in-{PARTS}", "frozen-in-4": f"frozen{suffix}-in-{PARTS}"}
        names = {key: name if suffix in name else name + suffix for key, name in order.items()}
        rows += [_faster(names[key], took[key], "ms", f"full{suffix}", took["full"]) for key in order]
        packed = pack(*tokens).to(device)
        whole = kept_bytes(mind.net, lambda p=packed: full_loss(mind.net, p))  # type: ignore[misc]
        less = kept_bytes(mind.net, lambda p=packed: frozen_loss(mind.net, p))  # type: ignore[misc]
        rows += [
            _faster(f"full{suffix}-memory", whole, "bytes", f"full{suffix}-memory", whole),
            _faster(f"frozen{suffix}-memory", less, "bytes", f"full{suffix}-memory", whole),
        ]
    return rows + _curve(mind, seed)


def _curve(mind: Model, seed: int) -> list[Row]:
    """Attention alone, against context length: random words for a mind of the same shape with a longer window."""
    config = mind.net.config.__class__.from_dict(mind.net.config.to_dict() | {"max_position_embeddings": 4096})
    torch.manual_seed(seed)
    net = type(mind.net)(config).eval().to(mind.device)
    choose_parameters(net, "attention")
    generator = torch.Generator().manual_seed(seed)
    rows: list[Row] = []
    for length in CURVE:
        words = torch.randint(3, int(config.vocab_size), (CURVE_CONTEXTS, length + 4), generator=generator).tolist()
        contexts = [line[:length] for line in words]
        questions = (tuple(line[length:-1]) for line in words)
        decisions = [Decision(n, q, (words[n][-1],)) for n, q in enumerate(questions) for _ in range(CURVE_DECISIONS)]
        works = _steps(net, (contexts, decisions))
        took = in_turns(
            {name: works[name] for name in ("full", "frozen", "known", "encode")}, CURVE_ROUNDS, mind.device
        )
        reused = took["known"] + took["encode"] / REUSE
        baseline = f"full-{length}"
        rows += [
            _faster(baseline, took["full"], "ms", baseline, took["full"]),
            _faster(f"frozen-{length}", took["frozen"], "ms", baseline, took["full"]),
            _faster(f"frozen-{length}-reuse{REUSE}", reused, "ms", baseline, took["full"]),
        ]
    return rows


def _faster(name: str, value: float, unit: str, baseline: str, against: float) -> Row:
    """A row that also says how many times less than the baseline it takes."""
    return row(name, value, unit, baseline, against) | {"times_less": against / value}
