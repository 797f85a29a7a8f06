"""ROME: one fact of a language model rewritten by one rank-one change of one MLP's output matrix, and undone.

Meng 2022 (arXiv 2202.05262). An MLP's output matrix W is read as a memory: the key k is what enters it at the last
token of the subject, the value v what it writes there. With C = E[k kᵀ] over a corpus and a new value v* for the key
k*, the change that disturbs other keys least is W + Λ (C⁻¹k*)ᵀ with Λ = (v* - W k*) / ((C⁻¹k*)ᵀ k*).

k* is averaged over contexts in front of the prompt, in the value and in the update alike (r-ROME, Gupta 2024, arXiv
2403.07175: a key that is averaged in one place and not in the other is what makes models collapse). v* = W k* + δ; δ is
found by Adam: the new answer's loss behind every context, plus KL times the drift of what follows the subject
otherwise, plus DECAY ‖δ‖ / ‖v0‖², with ‖δ‖ at most CLAMP ‖v0‖ (as in the published code).

Shape legend, used as suffixes: B rows, T tokens, N tokens whose next word counts, A those of answers, V vocabulary, M
hidden size, K the MLP's inner size.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import log_softmax
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from perception.deciding import logits_at
from perception.mlp_map import Mlp, mlps
from training.precedents.corpus import Whole
from training.precedents.prompts import Prompt, answer, check_length, fill, prompt, rows, without_gradients

SUBJECT, LAST = "subject", "last"  # the token that is edited: the subject's last one, or the prompt's


@dataclass(frozen=True)
class RomeConfig:
    """How v* is searched. The defaults are those published for GPT-2 XL.

    steps: of Adam at most; rate: its step in units of ‖v0‖ / √M; stop: at a loss of the answer (nats) below this;
    contexts: how many are averaged over; token: SUBJECT or LAST.
    """

    steps: int = 25
    rate: float = 0.5
    kl: float = 0.0625
    decay: float = 0.5
    clamp: float = 4.0
    stop: float = 0.05
    contexts: int = 10
    token: str = SUBJECT


@dataclass(frozen=True)
class Request:
    """What to change: the sentence with a hole for its subject, the subject, the new answer.

    essence: sentences whose next word should stay as it is (the KL term); the subject alone where none are given. They
    count where the subject's token is edited: at the prompt's last token they would ask that nothing changes.
    """

    template: str
    subject: str
    target: str
    essence: tuple[str, ...] = ("{}",)


@dataclass(frozen=True)
class Change:
    """A rank-one change that was made. left (M), right (K): the matrix grew by left rightᵀ. old: the matrix before.

    key (K), value (M): k* and v*. losses: of the new answer in nats, step by step.
    """

    layer: int
    parameter: str
    left: Tensor
    right: Tensor
    key: Tensor
    value: Tensor
    old: Tensor
    losses: tuple[float, ...]


def mlp_at(net: PreTrainedModel, layer: int) -> Mlp:
    """The MLP of a layer that can be edited. Raises ValueError for a layer that isn't there or has no such matrix."""
    there = mlps(net)
    if not 0 <= layer < len(there):
        raise ValueError(f"--layer {layer}: the model has layers 0 to {len(there) - 1}")
    there[layer].matrix()
    return there[layer]


def place(p: Prompt, token: str) -> int:
    """Which of a prompt's tokens is edited. Raises ValueError for a token that is neither SUBJECT nor LAST."""
    if token not in (SUBJECT, LAST):
        raise ValueError(f"--token {token}: unknown; choose {SUBJECT} or {LAST}")
    return p.last if token == SUBJECT else len(p.ids) - 1


@torch.no_grad()
def keys(net: PreTrainedModel, mlp: Mlp, prompts: Sequence[Prompt], token: str = SUBJECT) -> Tensor:
    """(B, K) float64: what enters the MLP's output matrix at the token of each prompt that is edited."""
    assert mlp.down is not None
    inner: list[Tensor] = []

    def hear(_module: object, args: tuple[Tensor, ...]) -> None:
        inner.append(args[0])
        raise Whole

    ids_BT = rows([p.ids for p in prompts], net.device)
    hook = mlp.down.register_forward_pre_hook(hear)
    try:
        with suppress(Whole):
            net.base_model(ids_BT, use_cache=False)
    finally:
        hook.remove()
    at_B = torch.tensor([place(p, token) for p in prompts], device=net.device)
    grid_BTK = inner[0].reshape(*ids_BT.shape, -1)
    return grid_BTK[torch.arange(len(prompts), device=net.device), at_B].double()


@contextmanager
def written(mlp: Mlp, at_B: Tensor, delta_M: Tensor) -> Iterator[None]:
    """A block in which the MLP writes delta_M more at token at_B of each row."""
    assert mlp.down is not None

    def add(_module: object, _args: object, output: Tensor) -> Tensor:
        rows_B = torch.arange(len(at_B), device=output.device)
        grid = output.reshape(len(at_B), -1, output.shape[-1]).clone()
        grid[rows_B, at_B] = grid[rows_B, at_B] + delta_M.to(output.dtype)
        return grid.reshape(output.shape)

    hook = mlp.down.register_forward_hook(add)
    try:
        yield
    finally:
        hook.remove()


def _counted(prompts: Sequence[Prompt], answer_tokens: int, essence: Sequence[Prompt], width: int) -> list[int]:
    """The tokens whose next word counts, through rows of this width: of every answer in turn, then each essence's."""
    answers = [row * width + len(p.ids) - 1 + i for row, p in enumerate(prompts) for i in range(answer_tokens)]
    return answers + [row * width + len(p.ids) - 1 for row, p in enumerate(essence, len(prompts))]


def find_delta(
    net: PreTrainedModel,
    mlp: Mlp,
    prompts: Sequence[Prompt],
    answer_ids: Sequence[int],
    essence: Sequence[Prompt],
    v0_norm: float,
    config: RomeConfig,
) -> tuple[Tensor, tuple[float, ...]]:
    """δ (M) float32 such that the answer follows every prompt, and the answer's loss (nats) step by step."""
    ids_BT = rows([*((*p.ids, *answer_ids[:-1]) for p in prompts), *(p.ids for p in essence)], net.device)
    at_B = torch.tensor([place(p, config.token) for p in (*prompts, *essence)], device=net.device)
    at_N = torch.tensor(_counted(prompts, len(answer_ids), essence, ids_BT.shape[1]), device=net.device)
    targets_A1 = torch.tensor([*answer_ids] * len(prompts), device=net.device)[:, None]
    delta = torch.zeros(mlp.matrix().shape[0], device=net.device, requires_grad=True)
    adam = torch.optim.Adam([delta], lr=config.rate * v0_norm / len(delta) ** 0.5)
    losses: list[float] = []
    start_EV: Tensor | None = None
    with without_gradients(net), torch.enable_grad():
        for step in range(config.steps + 1):
            with written(mlp, at_B, delta):
                logs_NV = log_softmax(logits_at(net, at_N, input_ids=ids_BT, use_cache=False).float(), -1)
            loss = -logs_NV[: len(targets_A1)].gather(1, targets_A1).sum() / len(prompts)
            losses.append(float(loss.detach()))
            if losses[-1] < config.stop or step == config.steps:
                break
            if essence:
                now_EV = logs_NV[len(targets_A1) :]
                start_EV = now_EV.detach() if start_EV is None else start_EV
                loss = loss + config.kl * (now_EV.exp() * (now_EV - start_EV)).sum(-1).mean()
            loss = loss + config.decay * delta.norm() / v0_norm**2 if step else loss  # the norm has no slope at 0
            adam.zero_grad()
            loss.backward()
            adam.step()
            clamp(delta, config.clamp * v0_norm)
    return delta.detach(), tuple(losses)


@torch.no_grad()
def clamp(delta: Tensor, most: float) -> None:
    """Shorten delta in place to a norm of `most`, if it is longer."""
    norm = float(delta.norm())
    if norm > most:
        delta.mul_(most / norm)


def rank_one(weight_MK: Tensor, moment_KK: Tensor, key_K: Tensor, value_M: Tensor) -> tuple[Tensor, Tensor]:
    """(left, right): weight + left rightᵀ maps the key to the value and disturbs other keys of the corpus least.

    float64. right = C⁻¹k*, left = (v* - W k*) / (rightᵀ k*). Raises ValueError for a key of zeros.
    """
    right_K = torch.linalg.solve(moment_KK, key_K)
    overlap = right_K @ key_K
    if not float(overlap) > 0:
        raise ValueError(
            "the subject's key is zero in this layer: nothing can be written behind it; take another layer"
        )
    return (value_M - weight_MK @ key_K) / overlap, right_K


def edit(
    net: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    request: Request,
    layer: int,
    moment_KK: Tensor,
    contexts: Sequence[str],
    config: RomeConfig = RomeConfig(),
) -> Change:
    """Rewrite one fact in place; `undo` takes it back bit for bit.

    moment_KK: `corpus.second_moment` of the layer. contexts: texts to stand in front of the prompt; the first is the
    one in which the fact is asked. Raises ValueError, with the weights as they were, for a layer that isn't there, a
    subject or an answer without a token of its own, or a change that isn't finite.
    """
    mlp_at(net, layer)
    prompts = [prompt(tokenizer, request.template, request.subject, c) for c in contexts[: config.contexts]]
    answer_ids = answer(tokenizer, fill(request.template, request.subject, contexts[0]), request.target)
    essence = [prompt(tokenizer, template, request.subject, contexts[0]) for template in request.essence]
    return edit_prompts(net, prompts, answer_ids, layer, moment_KK, config, essence)


def edit_prompts(
    net: PreTrainedModel,
    prompts: Sequence[Prompt],
    answer_ids: Sequence[int],
    layer: int,
    moment_KK: Tensor,
    config: RomeConfig = RomeConfig(),
    essence: Sequence[Prompt] = (),
) -> Change:
    """One rank-one change after which this answer follows all these prompts, whose keys are averaged.

    essence: prompts whose next word should stay, where the subject's token is edited. Raises ValueError as `edit` does.
    """
    mlp = mlp_at(net, layer)
    staying = list(essence) if config.token == SUBJECT else []
    check_length(net, [*((*p.ids, *answer_ids) for p in prompts), *(p.ids for p in staying)])
    key_K = keys(net, mlp, prompts, config.token).mean(0)
    weight_MK = mlp.matrix().double()
    bias: Any = getattr(mlp.down, "bias", None)
    v0_M = weight_MK @ key_K + (0 if bias is None else bias.detach().double())
    delta_M, losses = find_delta(net, mlp, prompts, answer_ids, staying, float(v0_M.norm()), config)
    value_M = weight_MK @ key_K + delta_M.double()
    left_M, right_K = rank_one(weight_MK, moment_KK.to(weight_MK), key_K, value_M)
    new_MK = (weight_MK + torch.outer(left_M, right_K)).to(mlp.matrix().dtype)
    if not new_MK.isfinite().all():
        raise ValueError("the change is not finite; nothing was changed, take another layer")
    old = net.get_parameter(mlp.parameter).detach().clone()
    mlp.matrix().copy_(new_MK)
    return Change(layer, mlp.parameter, left_M, right_K, key_K, value_M, old, losses)


@torch.no_grad()
def undo(net: PreTrainedModel, change: Change) -> None:
    """Put back the matrix that a change replaced, bit for bit: also what was edited in it since."""
    net.get_parameter(change.parameter).copy_(change.old)
