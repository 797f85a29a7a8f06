"""Tensors in nested dictionaries and lists, as an optimizer keeps its state."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor


def copied(value: Any) -> Any:
    """A copy of nested dictionaries and lists with tensors in them."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value


def floats(value: Any) -> Iterator[Tensor]:
    """The floating-point tensors in nested dictionaries and lists."""
    if isinstance(value, Tensor):
        if value.is_floating_point():
            yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from floats(item)
