"""Param groups for Apollo's scaling by head: which dimension of which matrix is heads, and how many.

q has one block of channels per head, k and v one per key/value head, o one per head along its inputs; where q, k and
v are one matrix (GPT-2) its blocks are those of all three.
"""

from typing import Any

import torch
from torch import nn

from perception.addresses import addresses


def head_groups(net: nn.Module, parameters: list[torch.nn.Parameter]) -> list[dict[str, Any]]:
    """`parameters` as param groups, in a fixed order: attention matrices with heads, and last the rest by channel.

    Give them to Apollo, e.g. Apollo(head_groups(net, parameters), rank=64). Raises ValueError as addresses() does.
    """
    blocks: dict[str, tuple[int, int]] = {}
    for row in addresses(net).projections:
        for projection in row.values():
            dimension, count = blocks.get(projection.parameter, (int(projection.transpose), 0))
            blocks[projection.parameter] = (dimension, count + projection.heads)
    by_matrix = {id(net.get_parameter(name)): heads for name, heads in blocks.items()}
    groups: dict[tuple[int, int] | None, list[torch.nn.Parameter]] = {}
    for parameter in parameters:
        groups.setdefault(by_matrix.get(id(parameter)), []).append(parameter)
    ordered = sorted(groups, key=lambda heads: (heads is None, heads))
    return [
        {"params": groups[heads], "heads": heads, "scaling": "channel" if heads is None else "head"}
        for heads in ordered
    ]
