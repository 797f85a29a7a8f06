"""Tensors that several processes hold in parts (DTensors of torch, rows apart), and what the processes say together."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def is_sharded(tensor: Tensor) -> bool:
    """Whether other processes hold the rest of it."""
    return hasattr(tensor, "to_local")


def local(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The part of each that this process holds; writing into it writes into the tensor."""
    parts: list[Any] = list(tensors)
    return [part.to_local() if is_sharded(part) else part for part in parts]


def whole(tensor: Any) -> Tensor:
    """All of it, on every process; all of them must call this."""
    gathered: Tensor = tensor.full_tensor() if is_sharded(tensor) else tensor
    return gathered


def agreed(fine: Tensor) -> Tensor:
    """0-dim bool: whether it is true on every process; all of them must call this."""
    count = fine.to(torch.int32)
    torch.distributed.all_reduce(count, torch.distributed.ReduceOp.MIN)
    return count > 0


def summed(tensor: Tensor) -> Tensor:
    """The sum over all processes, in place, the same bits on each; all of them must call this."""
    torch.distributed.all_reduce(tensor)
    return tensor
