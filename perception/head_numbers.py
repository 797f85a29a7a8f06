"""Numbers of attention rows: how wide a head looks, how much at the cues, and means over decision rows.

Source of the formulae: docs/measurement.md, per-head table. Shape legend, used as suffixes: B batch, H heads, R
decision rows, K keys.
"""

import torch
from torch import Tensor


def entropy(pattern_BHRK: Tensor, visible_BR: Tensor) -> Tensor:
    """How widely each head looks: -sum a log a / log(t + 1), in [0, 1], (B, H, R); t + 1 = the keys in sight.

    0 where only one key is in sight. Source: docs/measurement.md, per-head table.
    """
    width_BR = visible_BR.clamp_min(2).to(pattern_BHRK.dtype).log()
    return -torch.xlogy(pattern_BHRK, pattern_BHRK).sum(-1) / width_BR[:, None]


def cue_mass(pattern_BHRK: Tensor, cue_BRK: Tensor) -> Tensor:
    """Attention on the marked keys: bool cue masks (B, R, K) -> (B, H, R), in [0, 1] (docs/measurement.md)."""
    return (pattern_BHRK * cue_BRK[:, None]).sum(-1)


def cue_lift(pattern_BHRK: Tensor, cue_BRK: Tensor, visible_BR: Tensor) -> Tensor:
    """Attention on the marked keys over their share of the keys in sight: (B, H, R); 1 is chance, 0 without a cue."""
    chance_BR = cue_BRK.sum(-1) / visible_BR.clamp_min(1)
    return cue_mass(pattern_BHRK, cue_BRK) / chance_BR.masked_fill(chance_BR == 0, 1)[:, None]


def mean_over_rows(x_BHR: Tensor, valid_BR: Tensor) -> Tensor:
    """Mean over the valid decision rows: (B, H, R) -> (H,); zeros if there is none."""
    return (x_BHR * valid_BR[:, None]).sum((0, 2)) / valid_BR.sum().clamp_min(1)
