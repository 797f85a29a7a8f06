"""How far each head's matrices moved between two models. It is shown, never judged: it is an optimizer's signature.

Shape legend, used as suffixes: L layers, H heads, D head size, M hidden size.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from perception.head_map import MATRICES, HeadMap, addresses


def weight_change(before: nn.Module, after: nn.Module) -> dict[str, Tensor]:
    """‖ΔW^h‖/‖W^h‖ per matrix q, k, v, o: (L, H) each. Shown, never judged: it is an optimizer's signature."""
    return {matrix: _relative(before, after, partial(_slice, matrix)) for matrix in MATRICES}


def product_change(before: nn.Module, after: nn.Module) -> dict[str, Tensor]:
    """The same of what a head computes with: "vo" of W_V W_O, "qk" of W_Q W_K^T, (M, M) a head: (L, H) each.

    Unlike single matrices these do not move when a head is only written down otherwise (W_Q times c, W_K by c). Under
    grouped-query attention each head has its group's K and V. Position is left out: W_Q W_K^T without its rotation.
    """
    return {pair: _relative(before, after, partial(_product, *pair)) for pair in ("vo", "qk")}


def _slice(matrix: str, at: HeadMap, layer: int, head: int) -> Tensor:
    """(D, M): what a head has of one matrix, its group's share under grouped-query attention."""
    slices = at.weight(layer, matrix).detach()
    return slices[head * len(slices) // at.heads].cpu().double()


def _product(first: str, second: str, at: HeadMap, layer: int, head: int) -> Tensor:
    """(M, M): one matrix's slice, transposed, times the other's."""
    return _slice(first, at, layer, head).T @ _slice(second, at, layer, head)


def _relative(before: nn.Module, after: nn.Module, matrix: Callable[[HeadMap, int, int], Tensor]) -> Tensor:
    """(L, H) on the CPU: the norm of what changed in each head's matrix, over the norm of what it was."""
    a, b = addresses(before), addresses(after)
    ratio_LH = torch.zeros(a.layers, a.heads, dtype=torch.float64)
    for layer in range(a.layers):
        for head in range(a.heads):
            old = matrix(a, layer, head)
            ratio_LH[layer, head] = (matrix(b, layer, head) - old).norm() / old.norm().clamp_min(1e-30)
    return ratio_LH
