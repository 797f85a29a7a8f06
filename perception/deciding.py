"""Decisions against contexts that were read once, or with their contexts in one forward.

Shape suffixes: B contexts, C context tokens, D decision tokens in a row, N targets.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel

from perception.contexts import cache_for
from perception.packing import Packed, check_length
from perception.windows import layer_masks


def decide(model: PreTrainedModel, packed: Packed, cache: DynamicCache) -> Tensor:
    """Logits (N, vocabulary) of every target's row, decided against a context cache that stays untouched."""
    check_length(model, packed)
    key_BK = torch.cat((_context_positions(packed), packed.position_BD), 1)
    return logits_at(
        model,
        packed.row_N * packed.decision_BD.shape[1] + packed.column_N,
        input_ids=packed.decision_BD,
        attention_mask=layer_masks(model, packed.mask_B1DK, packed.position_BD, key_BK, packed.reach),
        position_ids=packed.position_BD,
        past_key_values=cache_for(model, cache),
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
    return logits_at(
        model,
        packed.row_N * whole + context + packed.column_N,
        input_ids=torch.cat((packed.context_BC, packed.decision_BD), 1),
        attention_mask=layer_masks(model, mask_B1KK, position_BK, position_BK, packed.reach),
        position_ids=position_BK,
        use_cache=False,
    )


def logits_at(model: PreTrainedModel, at_N: Tensor, **inputs: Any) -> Tensor:
    """Logits (N, vocabulary) of a forward's tokens `at_N`, counted through its rows: no others are made."""

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
