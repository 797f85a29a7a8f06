"""The trajectory of a training: states of the trained parameters, from its start to its end."""

import torch
from torch import Tensor, nn

BYTES_MAX = 2**30  # of all states together; beyond, every other state is dropped

Trajectory = list[tuple[int, dict[str, Tensor]]]  # (steps so far, the trained parameters as float32 on the CPU)


def add_state(trajectory: Trajectory, step: int, net: nn.Module) -> None:
    """Append a copy of what trains in `net` (requires_grad). The first state and the last are never dropped."""
    trained = {name: p.detach() for name, p in net.named_parameters() if p.requires_grad}
    trajectory.append((step, {name: value.to("cpu", torch.float32, copy=True) for name, value in trained.items()}))
    size = sum(4 * value.numel() for value in trajectory[-1][1].values())
    if size * len(trajectory) > BYTES_MAX and len(trajectory) > 2:
        del trajectory[1:-1:2]
