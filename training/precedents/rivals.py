"""Other ways to change one fact, beside ROME: fine-tuning, the same with a bound on each weight, context-frozen APOLLO.

Each trains on the edited prompt behind the same contexts, until its loss is small or it runs out of steps. Fine-tuning
moves the output matrix of one MLP by Adam (FT of Meng 2022); norm-constrained fine-tuning keeps every weight close to
where it was (FT+L, Zhu 2020); APOLLO moves the attention by the context-frozen step, as lessons are learned.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from perception.model import Model
from perception.packing import Decision
from training.optim.apollo import Apollo
from training.optim.frozen import choose_parameters, frozen_step, guarded_step
from training.precedents.bench_parts import METHODS, UNTOUCHED
from training.precedents.editor import Editor, request_of
from training.precedents.facts import Case
from training.precedents.prompts import answer, encode, fill, rows
from training.precedents.rome import mlp_at, undo


@dataclass(frozen=True)
class RivalConfig:
    """steps: at most; stop: the loss (nats) at which a training ends; rate: Adam's.

    epsilon: the most that a weight moves under the constraint. The defaults but apollo_rate are those published for
    GPT-2 XL (Meng 2022, arXiv 2202.05262); apollo_rate is the one at which SmolLM2 learns to listen and forgets little
    (docs/logs/listening-smollm2).
    """

    steps: int = 25
    stop: float = 0.01
    rate: float = 5e-4
    epsilon: float = 5e-4
    apollo_rate: float = 1e-3


# Chosen on the development half of the lore, as ROME's settings were (docs/edit.md).
NOVICE = RivalConfig(stop=0.05, rate=1.5e-2, epsilon=0.07)
Undo = Callable[[], None]


@dataclass(frozen=True)
class Texts:
    """What a fact is trained on: whole prompts, where the context of each ends, and the answer, as tokens."""

    prompts: tuple[tuple[int, ...], ...]
    splits: tuple[int, ...]
    answer: tuple[int, ...]


def texts_of(editor: Editor, case: Case) -> Texts:
    """The fact's prompt behind the editor's contexts, and its new answer. Raises ValueError for lack of tokens."""
    tokenizer, contexts = editor.model.tokenizer, editor.corpus.contexts[: editor.config.contexts]
    texts = [fill(case.template, case.subject, context) for context in contexts]
    splits = tuple(max(1, len(encode(tokenizer, context))) if context else 1 for context in contexts)
    return Texts(tuple(tuple(encode(tokenizer, text)) for text in texts), splits, answer(tokenizer, texts[0], case.new))


def answer_loss(net: PreTrainedModel, prompts: Sequence[Sequence[int]], answer_ids: Sequence[int]) -> Tensor:
    """Mean negative log-probability (nats) of the whole answer behind each prompt, with gradient."""
    logits_BTV = net(rows([(*ids, *answer_ids[:-1]) for ids in prompts], net.device), use_cache=False).logits
    targets = torch.tensor(answer_ids, device=net.device)[:, None]
    losses = []
    for row, ids in enumerate(prompts):
        logs = logits_BTV[row, len(ids) - 1 : len(ids) - 1 + len(answer_ids)].float().log_softmax(-1)
        losses.append(-logs.gather(1, targets).sum())
    return torch.stack(losses).mean()


def rivals_for(model: Model) -> RivalConfig:
    """The novice's settings for a model of the terse tongue, the published ones for others, as of ROME's."""
    return NOVICE if model.tongue == "terse" else RivalConfig()


def fine_tune(editor: Editor, case: Case, constrained: bool = False) -> Undo:
    """Train the layer's output matrix on the fact. constrained: no weight may move by more than epsilon."""
    net, texts, config = editor.model.net, texts_of(editor, case), rivals_for(editor.model)
    net.requires_grad_(False)
    weight = net.get_parameter(mlp_at(net, editor.layer).parameter).requires_grad_(True)
    start = weight.detach().clone()
    adam = torch.optim.Adam([weight], lr=config.rate)
    for _ in range(config.steps):
        loss = answer_loss(net, texts.prompts, texts.answer)
        if float(loss.detach()) < config.stop:
            break
        adam.zero_grad()
        loss.backward()
        adam.step()
        if constrained:
            with torch.no_grad():
                weight.copy_(torch.clamp(weight, start - config.epsilon, start + config.epsilon))
    return _restorer([weight], [start])


def apollo(editor: Editor, case: Case) -> Undo:
    """Train the attention on the fact by context-frozen APOLLO, as lessons are learned."""
    net, texts, config = editor.model.net, texts_of(editor, case), rivals_for(editor.model)
    parameters = choose_parameters(net, "attention")
    starts = [parameter.detach().clone() for parameter in parameters]
    optimizer = Apollo(parameters, lr=config.apollo_rate, rank=64, projection="gaussian")
    contexts = [ids[:split] for ids, split in zip(texts.prompts, texts.splits, strict=True)]
    decisions = [
        Decision(number, ids[split:], texts.answer)
        for number, (ids, split) in enumerate(zip(texts.prompts, texts.splits, strict=True))
    ]
    for _ in range(config.steps):
        step = frozen_step(net, contexts, decisions)
        if step.loss * len(texts.answer) < config.stop:
            break
        guarded_step(optimizer, torch.tensor(step.loss))
    return _restorer(parameters, starts)


def _restorer(parameters: Sequence[torch.nn.Parameter], starts: Sequence[Tensor]) -> Undo:
    for parameter in parameters:
        parameter.grad = None

    def restore() -> None:
        with torch.no_grad():
            for parameter, start in zip(parameters, starts, strict=True):
                parameter.copy_(start)

    return restore


def apply(method: str, editor: Editor, case: Case) -> Undo:
    """Change one fact by a method of METHODS, in place; the result takes it back. UNTOUCHED changes nothing.

    Raises ValueError for another method.
    """
    if method == UNTOUCHED:
        return lambda: None
    if method == "rome":
        change = editor.edit(request_of(case))
        return lambda: undo(editor.model.net, change)
    if method == "fine-tuning":
        return fine_tune(editor, case)
    if method == "norm-constrained":
        return fine_tune(editor, case, constrained=True)
    if method == "apollo":
        return apollo(editor, case)
    raise ValueError(f"method {method!r}: unknown; choose {', '.join(METHODS)}")
