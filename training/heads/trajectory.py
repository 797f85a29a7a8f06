"""The way of a training through the weights: states of the trained parameters, from its start to its end."""

import torch
from torch import Tensor, nn

KEPT_MAX = 2**30  # bytes of states; beyond, every other one is given up, and the way gets coarser, not longer

Trajectory = list[tuple[int, dict[str, Tensor]]]  # (steps so far, the trained parameters as float32 on the CPU)


def keep_state(path: Trajectory, step: int, net: nn.Module) -> None:
    """Append a copy of what trains in `net` (requires_grad); the first state and the last are never given up."""
    trained = {name: p.detach() for name, p in net.named_parameters() if p.requires_grad}
    path.append((step, {name: value.to("cpu", torch.float32, copy=True) for name, value in trained.items()}))
    size = sum(4 * value.numel() for value in path[-1][1].values())
    if size * len(path) > KEPT_MAX and len(path) > 2:
        del path[1:-1:2]
