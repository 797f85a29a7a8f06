"""How far a model reads, and how far each of its layers looks back; two things.

Positions bound the whole text. A layer with a sliding window sees only its last `sliding_window` tokens, but layers
above it reach further, so a text may be longer than the window. Packed decisions bring their own mask, in which the
window of such layers is drawn here.

Shape suffixes: B contexts, Q tokens of the forward, K keys.
"""

from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from perception.addresses import ADDRESSES, BY_LAYER

SLIDING, FULL = "sliding_attention", "full_attention"  # the names that transformers' configs give layers


def context_length(model: PreTrainedModel) -> int:
    """How many tokens the model can read at once: its positions.

    Where positions beyond a first few are turned by other angles for all tokens (LongRoPE of Phi-3), only those count:
    a cached context would have been turned otherwise than the whole text.
    """
    config: Any = model.config.get_text_config()
    rope = getattr(config, "rope_parameters", None) or {}
    sizes = [getattr(config, "max_position_embeddings", None)]
    if isinstance(rope, dict) and rope.get("rope_type") == "longrope":
        sizes += [rope.get("original_max_position_embeddings")]
    return min((int(size) for size in sizes if size), default=2**31)


def sliding_window(model: PreTrainedModel) -> int | None:
    """How many tokens the layers with a window see, themselves included; None where no layer has one."""
    config: Any = model.config.get_text_config()
    address = ADDRESSES.get(str(config.model_type))
    size = getattr(config, "sliding_window", None)
    if address is None or not address.windows or not size:
        return None
    if address.windows == BY_LAYER and SLIDING not in (getattr(config, "layer_types", None) or ()):
        return None
    return int(size)


def layer_masks(
    model: PreTrainedModel, mask_B1QK: Tensor, query_BQ: Tensor, key_BK: Tensor, reach: int
) -> Tensor | dict[str, Tensor]:
    """What the model takes as attention_mask, made of the additive mask of its layers without a window.

    query_BQ, key_BK: positions in the text, all below `reach`. A dictionary by kind of layer where layers differ. In
    the model's dtype: on a CPU, torch reads a float32 mask wrongly beside float64 queries, and says nothing.
    """
    if mask_B1QK.dtype != model.dtype:
        hidden_B1QK = mask_B1QK < 0
        mask_B1QK = torch.zeros_like(mask_B1QK, dtype=model.dtype).masked_fill(
            hidden_B1QK, torch.finfo(model.dtype).min
        )
    size = sliding_window(model)
    if size is None or reach <= size:
        return mask_B1QK
    lowest = torch.finfo(mask_B1QK.dtype).min
    far_BQK = query_BQ[:, :, None] - key_BK[:, None] >= size
    windowed_B1QK = mask_B1QK.masked_fill(far_BQK[:, None], lowest)
    if ADDRESSES[str(model.config.get_text_config().model_type)].windows == BY_LAYER:
        return {FULL: mask_B1QK, SLIDING: windowed_B1QK}
    return windowed_B1QK
