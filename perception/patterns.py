"""Attention patterns at the decision rows alone, worked out beside a forward that keeps none (sdpa returns no weights).

Layers that differ in nothing but their numbers are worked out together: on a small model a dozen calls a layer would
cost more than what they compute. `AT_ONCE` bounds what is held for that; above it every layer is worked out alone.

Shape suffixes: B batch, T query tokens of the forward, K keys (cache + T), R decision rows, L layers, H heads, G
key/value heads (H = G under plain attention), D head size.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

AT_ONCE = 2**19  # numbers of the keys that wait to be worked out together: 2 MB of float32, which a CPU's cache holds
HIDDEN = -1e4  # an additive mask at or below this hides a key, in half precision too (its lowest is -65504)


class Rows:
    """Which query tokens of a forward are decision rows: (B, R) int64, -1 at padding."""

    def __init__(self, rows_BR: Tensor) -> None:
        self.at_BR, self.valid_BR = rows_BR.clamp_min(0), rows_BR >= 0
        self._last = int(rows_BR.max()) if rows_BR.numel() else -1  # host syncs here, not in every layer
        self.padded = not bool(self.valid_BR.all())
        self._batch_B1 = torch.arange(len(rows_BR), device=rows_BR.device)[:, None]

    def of(self, x_BT: Tensor) -> Tensor:
        """(B, T, ...) -> (B, R, ...)."""
        if len(x_BT) == 1:  # in half the time
            return x_BT.index_select(1, self.at_BR[0])
        return x_BT[self._batch_B1, self.at_BR]

    def keep(self, x_BR: Tensor) -> Tensor:
        """(B, R, ...) with zeros at padding rows."""
        if not self.padded:
            return x_BR
        return x_BR.masked_fill(~self.valid_BR.reshape(*self.valid_BR.shape, *[1] * (x_BR.dim() - 2)), 0)

    def fit(self, x_BT: Tensor) -> None:
        """Raise ValueError unless the rows lie inside a forward of these tokens."""
        batch, tokens = x_BT.shape[:2]
        if self.at_BR.shape[0] != batch or self._last >= tokens:
            raise ValueError(
                f"decision rows {tuple(self.at_BR.shape)} up to {self._last} do not fit a forward of"
                f" {batch} x {tokens} tokens: rows count the tokens of this forward, not of the cache"
            )


@dataclass(frozen=True)
class Layer:
    """What the patterns of one layer follow from."""

    number: int
    q_BRHD: Tensor  # at the decision rows, scaled
    k_BGKD: Tensor
    mask: Tensor | None  # as the model's attention is given it
    causal: bool  # no mask, but row t sees keys 0..t alone
    softcap: float | None

    def like(self, other: "Layer") -> bool:
        """Whether the two can be worked out together."""
        return (
            self.mask is other.mask
            and (self.causal, self.softcap) == (other.causal, other.softcap)
            and (self.k_BGKD.shape, self.k_BGKD.dtype, self.k_BGKD.device)
            == (other.k_BGKD.shape, other.k_BGKD.dtype, other.k_BGKD.device)
        )


class Patterns:
    """(B, H, R, K) attention of each layer, float32 or finer; and (B, R) int64, how many keys each row may look at."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._waiting: list[Layer] = []
        self._seen: tuple[Any, Tensor, Tensor] | None = None  # what a mask shows: the key, the bias, how many keys
        self._patterns: dict[int, Tensor] = {}
        self._visible: dict[int, Tensor] = {}

    def add(self, layer: Layer) -> None:
        """Take a layer in; it is worked out by `results` at the latest."""
        if self._waiting and not layer.like(self._waiting[0]):
            self._work_out()
        self._waiting.append(layer)
        if (len(self._waiting) + 1) * layer.k_BGKD.numel() > AT_ONCE:  # no room for one more: now, while it is at hand
            self._work_out()

    def results(self) -> tuple[Mapping[int, Tensor], Mapping[int, Tensor]]:
        """Patterns, and keys in sight, by the number of the layer; of a layer taken in twice, the last."""
        if self._waiting:
            self._work_out()
        return self._patterns, self._visible

    def _work_out(self) -> None:
        layers, self._waiting = self._waiting, []
        # More layers are more rows of one batch. cat lays keys, whose heads mostly stand inside their tokens, out anew:
        # in large batches that takes half the time of multiplying them as they are.
        scores_XHRK = _scores(torch.cat([one.q_BRHD for one in layers]), torch.cat([one.k_BGKD for one in layers]))
        scores_LBHRK = scores_XHRK.unflatten(0, (len(layers), -1))
        if (cap := layers[0].softcap) is not None:
            scores_LBHRK = torch.tanh(scores_LBHRK / cap) * cap
        bias_BHRK, visible_BR = self._bias(layers[0], scores_LBHRK[0])
        scores_LBHRK = (scores_LBHRK + bias_BHRK).to(torch.promote_types(scores_LBHRK.dtype, torch.float32))
        pattern_LBHRK = scores_LBHRK.softmax(-1)
        if self._rows.padded:
            pattern_LBHRK = pattern_LBHRK.masked_fill(~self._rows.valid_BR[:, None, :, None], 0)
        for one, pattern_BHRK in zip(layers, pattern_LBHRK.unbind(0), strict=True):
            self._patterns[one.number], self._visible[one.number] = pattern_BHRK, visible_BR

    def _bias(self, layer: Layer, scores_BHRK: Tensor) -> tuple[Tensor, Tensor]:
        """The additive mask (B, 1 or H, R, K), and keys in sight of each row (B, R); layers with one mask share it."""
        keys = scores_BHRK.shape[-1]
        if self._seen is not None and self._seen[0][0] is layer.mask and self._seen[0][1:] == (layer.causal, keys):
            return self._seen[1:]
        bias = self._causal(scores_BHRK) if layer.causal else self._mask_at_rows(layer.mask, scores_BHRK)
        visible_BR = self._rows.keep((bias > HIDDEN).any(1).sum(-1))
        self._seen = ((layer.mask, layer.causal, keys), bias, visible_BR)
        return bias, visible_BR

    def _causal(self, scores_BHRK: Tensor) -> Tensor:
        key_K = torch.arange(scores_BHRK.shape[-1], device=scores_BHRK.device)
        bias_BRK = scores_BHRK.new_zeros(()).masked_fill(key_K > self._rows.at_BR[..., None], float("-inf"))
        return bias_BRK[:, None]

    def _mask_at_rows(self, mask: Tensor | None, scores_BHRK: Tensor) -> Tensor:
        """The additive mask (B, 1 or H, R, K) that the forward applied at the decision rows."""
        batch, _, rows, keys = scores_BHRK.shape
        if mask is None:
            return scores_BHRK.new_zeros(batch, 1, rows, keys)
        at_BHRK = self._rows.of(mask[..., :keys].expand(batch, -1, -1, -1).transpose(1, 2)).transpose(1, 2)
        lowest = torch.finfo(scores_BHRK.dtype).min  # not -inf: a row that may see nothing must not become NaN
        if at_BHRK.dtype == torch.bool:
            return scores_BHRK.new_zeros(()).masked_fill(~at_BHRK, lowest)
        return at_BHRK.clamp_min(lowest)


def _scores(q_BRHD: Tensor, k_BGKD: Tensor) -> Tensor:
    """Dot products of the rows' queries with all keys: (B, H, R, K). Under GQA head h reads key head h // (H / G)."""
    q_BGSD = q_BRHD.transpose(1, 2).unflatten(1, (k_BGKD.shape[1], -1)).flatten(2, 3)  # S = H / G * R
    return (q_BGSD @ k_BGKD.transpose(2, 3)).unflatten(2, (-1, q_BRHD.shape[1])).flatten(1, 2)
