"""Many decisions, one row: the tensors for deciding against a context that is encoded once.

Each decision (a question, and all but the last token of its answer) is a segment of its context's row. A segment
sees the whole context and itself, never its neighbours; its positions run on from the context's end, as if it
stood there alone. Where decisions share a question, the question is a segment, and each answer a branch that sees it.
The mask is additive and float: a bool 4-D mask is silently wrong under eager attention.

Shape suffixes: B contexts, C context tokens, D decision tokens in a row, N targets.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from perception.windows import context_length


@dataclass(frozen=True)
class Decision:
    """A question about a context and, for training or scoring, the answer; token ids."""

    context: int
    question: tuple[int, ...]
    answer: tuple[int, ...]


@dataclass(frozen=True)
class Packed:
    """Right-padded contexts and packed decisions; all integers int64, mask in the model's dtype."""

    context_BC: Tensor
    lengths_B: Tensor
    decision_BD: Tensor
    position_BD: Tensor
    mask_B1DK: Tensor  # K = C + D
    row_N: Tensor  # which context row a target belongs to
    column_N: Tensor  # which decision token predicts it
    target_N: Tensor
    owner_N: Tensor  # which decision it belongs to
    lengths: tuple[int, ...]  # lengths_B as plain numbers: reading them back from a GPU would make it wait
    reach: int  # tokens that the longest context and decision take together
    highest: int  # token id

    def to(self, device: torch.device) -> "Packed":
        moved: dict[str, Any] = {n: value.to(device) for n, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **moved)


def check_decisions(contexts: Sequence[Sequence[int]], decisions: Sequence[Decision]) -> None:
    """Raise ValueError for an empty context, question or answer, and for a decision about no context."""
    if not contexts or not all(contexts):
        raise ValueError("pack: every context needs at least one token")
    for number, decision in enumerate(decisions):
        if not decision.question or not decision.answer:
            raise ValueError(f"pack: decision {number} is empty; it needs a question and an answer")
        if not 0 <= decision.context < len(contexts):
            raise ValueError(
                f"pack: decision {number} belongs to context {decision.context}; there are {len(contexts)}"
            )


def pack(
    contexts: Sequence[Sequence[int]],
    decisions: Sequence[Decision],
    dtype: torch.dtype = torch.float32,
    share: bool = False,
) -> Packed:
    """Lay decisions out in their contexts' rows. Raises ValueError for an empty context, question or answer.

    share: neighbours that ask the same question about a context read it once; each answer is a branch of its own. That
    is for comparing answers. The order of targets is the same.
    """
    # long because: six grids are filled together, decision by decision
    check_decisions(contexts, decisions)
    lengths = [len(context) for context in contexts]
    widths, joins = [0] * len(contexts), _joins(decisions) if share else [False] * len(decisions)
    for decision, joined in zip(decisions, joins, strict=True):
        widths[decision.context] += (0 if joined else len(decision.question)) + len(decision.answer) - 1
    rows, longest, widest = len(contexts), max(lengths), max(1, *widths)
    context_BC = np.zeros((rows, longest), np.int64)
    for row, context in enumerate(contexts):
        context_BC[row, : len(context)] = context
    decision_BD = np.zeros((rows, widest), np.int64)
    position_BD = np.zeros((rows, widest), np.int64)
    seen_BDK = np.zeros((rows, widest, longest + widest), bool)
    seen_BDK[:, np.arange(widest), longest + np.arange(widest)] = True  # padding sees itself: no empty softmax
    targets: list[tuple[int, int, int, int]] = []
    filled, begins = [0] * rows, [0] * rows
    for number, (decision, joined) in enumerate(zip(decisions, joins, strict=True)):
        row, start, question = decision.context, filled[decision.context], len(decision.question)
        begins[row] = begins[row] if joined else start
        begin = begins[row]  # of the question
        tokens = decision.answer[:-1] if joined else (*decision.question, *decision.answer[:-1])
        end, before = start + len(tokens), question if joined else 0
        decision_BD[row, start:end] = tokens
        position_BD[row, start:end] = lengths[row] + before + np.arange(len(tokens))
        seen_BDK[row, start:end, : lengths[row]] = True
        seen_BDK[row, start:end, longest + begin : longest + begin + before] = True
        seen_BDK[row, start:end, longest + start : longest + end] = np.tri(len(tokens), dtype=bool)
        columns = [begin + question - 1, *range(end - len(decision.answer) + 1, end)]  # of what predicts each token
        targets += [(row, column, token, number) for column, token in zip(columns, decision.answer, strict=True)]
        filled[row] = end
    mask = torch.zeros(rows, 1, widest, longest + widest, dtype=dtype)
    mask.masked_fill_(~torch.from_numpy(seen_BDK)[:, None], torch.finfo(dtype).min)
    row_N, column_N, target_N, owner_N = torch.tensor(targets, dtype=torch.int64).reshape(-1, 4).T.contiguous()
    return Packed(
        torch.from_numpy(context_BC),
        torch.tensor(lengths),
        torch.from_numpy(decision_BD),
        torch.from_numpy(position_BD),
        mask,
        row_N,
        column_N,
        target_N,
        owner_N,
        tuple(lengths),
        int(max(longest, position_BD.max() + 1)),
        int(max(context_BC.max(), decision_BD.max())),
    )


def _joins(decisions: Sequence[Decision]) -> list[bool]:
    """Which decisions ask what the one before them asked."""
    pairs = zip([None, *decisions], decisions, strict=False)
    return [
        before is not None and (before.context, before.question) == (decision.context, decision.question)
        for before, decision in pairs
    ]


def check_length(model: PreTrainedModel, packed: Packed) -> None:
    """Raise ValueError if a context with its longest decision is longer than the model reads, or has other tokens."""
    rows = model.get_input_embeddings().weight.shape[0]
    if packed.highest >= rows:
        raise ValueError(f"token {packed.highest} is none of the model's {rows}; give the tokenizer it was made with")
    if packed.reach > (most := context_length(model)):
        raise ValueError(f"a context and its decision take {packed.reach} tokens, the model reads {most}; shorten them")
