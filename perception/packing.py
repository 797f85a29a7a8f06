"""Many decisions, one row: the tensors for deciding against a context that is encoded once.

Each decision (a question, and all but the last token of its answer) is a segment of its context's row. A segment
sees the whole context and itself, never its neighbours; its positions run on from the context's end, as if it
stood there alone. The mask is additive and float: a bool 4-D mask is silently wrong under eager attention.

Shape suffixes: B contexts, C context tokens, D decision tokens in a row, N targets.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel


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

    def to(self, device: torch.device) -> "Packed":
        return replace(self, **{name: getattr(self, name).to(device) for name in self.__dataclass_fields__})


def _check(contexts: Sequence[Sequence[int]], decisions: Sequence[Decision]) -> None:
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
    contexts: Sequence[Sequence[int]], decisions: Sequence[Decision], dtype: torch.dtype = torch.float32, pad: int = 0
) -> Packed:
    """Lay decisions out in their contexts' rows. Raises ValueError for an empty context, question or answer."""
    # long because: six grids are filled together, decision by decision
    _check(contexts, decisions)
    lengths = [len(context) for context in contexts]
    widths = [0] * len(contexts)
    for decision in decisions:
        widths[decision.context] += len(decision.question) + len(decision.answer) - 1
    rows, longest, widest = len(contexts), max(lengths), max(1, *widths)
    context_BC = np.full((rows, longest), pad, np.int64)
    for row, context in enumerate(contexts):
        context_BC[row, : len(context)] = context
    decision_BD = np.full((rows, widest), pad, np.int64)
    position_BD = np.zeros((rows, widest), np.int64)
    seen_BDK = np.zeros((rows, widest, longest + widest), bool)
    seen_BDK[:, np.arange(widest), longest + np.arange(widest)] = True  # padding sees itself: no empty softmax
    targets: list[tuple[int, int, int, int]] = []
    filled = [0] * rows
    for number, decision in enumerate(decisions):
        row, start = decision.context, filled[decision.context]
        tokens = (*decision.question, *decision.answer[:-1])
        end = start + len(tokens)
        decision_BD[row, start:end] = tokens
        position_BD[row, start:end] = np.arange(lengths[row], lengths[row] + len(tokens))
        seen_BDK[row, start:end, : lengths[row]] = True
        seen_BDK[row, start:end, longest + start : longest + end] = np.tri(len(tokens), dtype=bool)
        first = start + len(decision.question) - 1
        targets += [(row, first + i, token, number) for i, token in enumerate(decision.answer)]
        filled[row] = end
    mask = torch.zeros(rows, 1, widest, longest + widest, dtype=dtype)
    mask.masked_fill_(~torch.from_numpy(seen_BDK)[:, None], torch.finfo(dtype).min)
    row_N, column_N, target_N, owner_N = torch.tensor(targets, dtype=torch.int64).reshape(-1, 4).unbind(1)
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
    )


@torch.no_grad()
def encode_contexts(model: PreTrainedModel, packed: Packed) -> DynamicCache:
    """The contexts' keys and values. Padding lies to the right, where a causal model's real tokens never look."""
    cache: DynamicCache = model.base_model(input_ids=packed.context_BC, use_cache=True).past_key_values
    return cache


def copy_cache(cache: DynamicCache) -> DynamicCache:
    """A cache with its own list of layers over the same tensors: deciding against it leaves the original as it was."""
    copied = DynamicCache()
    for index, layer in enumerate(cache.layers):
        copied.update(layer.keys, layer.values, index)
    return copied


def decide(model: PreTrainedModel, packed: Packed, cache: DynamicCache) -> Tensor:
    """Logits (N, vocabulary) of every target's row, decided against a context cache that stays untouched."""
    columns = torch.unique(packed.column_N)  # sorted
    logits = model(
        input_ids=packed.decision_BD,
        attention_mask=packed.mask_B1DK,
        position_ids=packed.position_BD,
        past_key_values=copy_cache(cache),
        use_cache=True,
        logits_to_keep=columns,
    ).logits
    return logits[packed.row_N, torch.searchsorted(columns, packed.column_N.contiguous())]


def log_probabilities(logits_NV: Tensor, packed: Packed, decisions: int) -> Tensor:
    """(decisions,) log-probability of each whole answer: its tokens' log-probabilities summed (float32 or finer)."""
    fine = logits_NV if logits_NV.dtype == torch.float64 else logits_NV.float()
    logs_N = fine.log_softmax(-1).gather(1, packed.target_N[:, None])[:, 0]
    return logs_N.new_zeros(decisions).index_add(0, packed.owner_N, logs_N)
