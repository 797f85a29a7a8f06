"""Many decisions, one row: the tensors for deciding against a context that is encoded once.

Each decision (a question, and all but the last token of its answer) is a segment of its context's row. A segment
sees the whole context and itself, never its neighbours; its positions run on from the context's end, as if it
stood there alone. The mask is additive and float: a bool 4-D mask is silently wrong under eager attention.

Shape suffixes: B contexts, C context tokens, D decision tokens in a row, N targets, M hidden size.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer

from perception.windows import context_length, layer_masks

# Padded tokens of contexts encoded in one go. On a CPU their activations then stay in its cache: 32 contexts of 100 to
# 250 tokens, sorted by length, took two thirds of the time of one batch. A GPU wants as many as it can hold.
TOKENS_AT_ONCE = {"cpu": 2_048}
TOKENS_AT_ONCE_ELSEWHERE = 65_536


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
    contexts: Sequence[Sequence[int]], decisions: Sequence[Decision], dtype: torch.dtype = torch.float32
) -> Packed:
    """Lay decisions out in their contexts' rows. Raises ValueError for an empty context, question or answer."""
    # long because: six grids are filled together, decision by decision
    check_decisions(contexts, decisions)
    lengths = [len(context) for context in contexts]
    widths = [0] * len(contexts)
    for decision in decisions:
        widths[decision.context] += len(decision.question) + len(decision.answer) - 1
    rows, longest, widest = len(contexts), max(lengths), max(1, *widths)
    context_BC = np.zeros((rows, longest), np.int64)
    for row, context in enumerate(contexts):
        context_BC[row, : len(context)] = context
    decision_BD = np.zeros((rows, widest), np.int64)
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


def check_length(model: PreTrainedModel, packed: Packed) -> None:
    """Raise ValueError if a context with its longest decision is longer than the model reads, or has other tokens."""
    rows = model.get_input_embeddings().weight.shape[0]
    if packed.highest >= rows:
        raise ValueError(f"token {packed.highest} is none of the model's {rows}; give the tokenizer it was made with")
    if packed.reach > (most := context_length(model)):
        raise ValueError(f"a context and its decision take {packed.reach} tokens, the model reads {most}; shorten them")


class _Whole(Exception):
    """Every layer's keys and values are there; what is left of the forward is of no use."""


class _Context(DynamicCache):
    """A cache that ends the forward as soon as its last layer is filled: nothing reads what comes after it."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self._last = layers - 1

    def update(self, keys: Tensor, values: Tensor, layer_idx: int, *args: Any, **options: Any) -> tuple[Tensor, Tensor]:
        layer: tuple[Tensor, Tensor] = super().update(keys, values, layer_idx, *args, **options)
        if layer_idx == self._last:
            raise _Whole
        return layer


def runs_whole(model: PreTrainedModel) -> bool:
    """Whether its forward must come to its end, and as often as on other processes: its weights are shards there."""
    return bool(getattr(model, "sharded", False))


def _encode(model: PreTrainedModel, context_BC: Tensor) -> DynamicCache:
    if runs_whole(model):
        cache = DynamicCache()
        model.base_model(input_ids=context_BC, past_key_values=cache, use_cache=True)
        return filled([(layer.keys, layer.values) for layer in cache.layers])
    cache = _Context(int(model.config.get_text_config().num_hidden_layers))
    with suppress(_Whole):
        model.base_model(input_ids=context_BC, past_key_values=cache, use_cache=True)
    return filled([(layer.keys, layer.values) for layer in cache.layers])


def context_cache(model: PreTrainedModel, packed: Packed) -> DynamicCache:
    """The contexts' keys and values as `encode_contexts` gives them, in one go and with their gradient.

    A cache that a model makes itself would forget, in layers with a window, what lies before it.
    """
    check_length(model, packed)
    cache = DynamicCache()
    model.base_model(input_ids=packed.context_BC, past_key_values=cache, use_cache=True)
    return cache


def _batches(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Rows in batches of about one length, each of `most` padded tokens at most (or of a single row)."""
    batches: list[list[int]] = [[]]
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if batches[-1] and (len(batches[-1]) + 1) * lengths[batches[-1][0]] > most:
            batches.append([])
        batches[-1].append(row)
    return batches


@torch.no_grad()
def encode_contexts(model: PreTrainedModel, packed: Packed) -> DynamicCache:
    """The contexts' keys and values, (B, key/value heads, C, head size) per layer.

    Padding lies to the right, where a causal model's real tokens never look. Contexts of about one length are encoded
    together, and the last layer only as far as its keys and values. Raises ValueError for one too long for the model.
    """
    check_length(model, packed)
    batches = _batches(packed.lengths, TOKENS_AT_ONCE.get(packed.context_BC.device.type, TOKENS_AT_ONCE_ELSEWHERE))
    if len(batches) == 1 or runs_whole(model):
        return _encode(model, packed.context_BC)
    whole: list[tuple[Tensor, Tensor]] = []
    for rows in batches:
        width = packed.lengths[rows[0]]
        index = torch.tensor(rows, device=packed.context_BC.device)
        part = _encode(model, packed.context_BC[index, :width])
        if not whole:  # zeros: the mask hides padding, but infinity or NaN would come through it
            whole = [_zeros(layer, packed.context_BC.shape) for layer in part.layers]
        for (keys, values), layer in zip(whole, part.layers, strict=True):
            keys[index, :, :width], values[index, :, :width] = layer.keys, layer.values
    return filled(whole)


def _zeros(layer: Any, sizes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    rows, tokens = sizes
    grids = (layer.keys, layer.values)
    keys, values = (grid.new_zeros(rows, grid.shape[1], tokens, grid.shape[3]) for grid in grids)
    return keys, values


def filled(layers: Sequence[tuple[Tensor, Tensor]]) -> DynamicCache:
    """A cache that holds these keys and values themselves, no copies."""
    cache = DynamicCache()
    for keys, values in layers:
        layer = DynamicLayer()
        layer.lazy_initialization(keys, values)
        layer.keys, layer.values = keys, values
        cache.layers.append(layer)
    return cache


def copy_cache(cache: DynamicCache) -> DynamicCache:
    """A cache with its own list of layers over the same tensors: deciding against it leaves the original as it was."""
    return filled([(layer.keys, layer.values) for layer in cache.layers])


def decide(model: PreTrainedModel, packed: Packed, cache: DynamicCache) -> Tensor:
    """Logits (N, vocabulary) of every target's row, decided against a context cache that stays untouched."""
    check_length(model, packed)
    key_BK = torch.cat((_context_positions(packed), packed.position_BD), 1)
    return _logits(
        model,
        packed.row_N * packed.decision_BD.shape[1] + packed.column_N,
        input_ids=packed.decision_BD,
        attention_mask=layer_masks(model, packed.mask_B1DK, packed.position_BD, key_BK, packed.reach),
        position_ids=packed.position_BD,
        past_key_values=copy_cache(cache),
        use_cache=True,
    )


def _context_positions(packed: Packed) -> Tensor:
    """(B, C) int64."""
    rows, tokens = packed.context_BC.shape
    return torch.arange(tokens, device=packed.context_BC.device).expand(rows, -1)


def decide_at_once(model: PreTrainedModel, packed: Packed) -> Tensor:
    """`decide` without a cache: contexts and decisions in one forward, (N, vocabulary) within rounding.

    Faster where a context serves once. A decision's token `column` is token C + `column` of this forward; its keys are
    those of `decide`, in their order.
    """
    check_length(model, packed)
    rows, context = packed.context_BC.shape
    whole = context + packed.decision_BD.shape[1]
    mask_B1KK = packed.mask_B1DK.new_full((rows, 1, whole, whole), torch.finfo(packed.mask_B1DK.dtype).min)
    mask_B1KK[:, :, :context].triu_(1)  # a context's token sees itself and those before it
    mask_B1KK[:, :, context:] = packed.mask_B1DK
    position_BK = torch.cat((_context_positions(packed), packed.position_BD), 1)
    return _logits(
        model,
        packed.row_N * whole + context + packed.column_N,
        input_ids=torch.cat((packed.context_BC, packed.decision_BD), 1),
        attention_mask=layer_masks(model, mask_B1KK, position_BK, position_BK, packed.reach),
        position_ids=position_BK,
        use_cache=False,
    )


def _logits(model: PreTrainedModel, at_N: Tensor, **inputs: Any) -> Tensor:
    """Logits (N, vocabulary) of a forward's tokens `at_N`, counted through its rows."""

    def rows_that_count(_head: nn.Module, hidden: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (hidden[0].flatten(0, 1).index_select(0, at_N)[None],)

    # What the model does to logits behind its output embeddings (a cap, a scale) still happens to the rows that count.
    hook = model.get_output_embeddings().register_forward_pre_hook(rows_that_count)
    try:
        logits_1NV: Tensor = model(**inputs).logits
    finally:
        hook.remove()
    return logits_1NV[0]


def log_probabilities(logits_NV: Tensor, packed: Packed, decisions: int) -> Tensor:
    """(decisions,) log-probability of each whole answer: its tokens' log-probabilities summed (float32 or finer)."""
    fine = logits_NV if logits_NV.dtype == torch.float64 else logits_NV.float()
    logs_N = fine.log_softmax(-1).gather(1, packed.target_N[:, None])[:, 0]
    return logs_N.new_zeros(decisions).index_add(0, packed.owner_N, logs_N)
