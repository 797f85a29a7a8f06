"""What two processes do together, each a run of this module: steps of teachers and of APOLLO on weights in shards.

python -m tests.kits.shardkit FOLDER, with the environment that torchrun gives. The first process writes FOLDER/NAME.pt.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from game.realm.rules import load
from tests.kits.minds import tiny
from training.config import TeachConfig
from training.data.lessons import generated
from training.optim.apollo import Apollo
from training.optim.frozen import Broken, guarded_step
from training.optim.sharded_apollo import ShardedApollo
from training.sharded import Ranks, ShardedTeacher, joined
from training.teach import Teacher

STEPS = 3
SMALL = TeachConfig(rank=4, scenes=4, rehearse=2, warmup=2)
TEACHERS = {
    "attention": SMALL,
    "everything, in full, in parts": replace(SMALL, train="all", full=True, parts=2, projection="sketch", rank=512),
    "one scale, reused": replace(SMALL, train="all", rank=1, scaling="tensor", reuse=2),
    "adamw": replace(SMALL, train="q", optimizer="adamw"),
}
SHAPES = ((5, 8), (9, 4), (1, 6), (6, 6), (7,))  # rows that two processes can't share equally, and too few for both
APOLLOS: tuple[dict[str, Any], ...] = (
    {"rank": 2, "scaling": "channel", "projection": "gaussian"},
    {"rank": 3, "scaling": "channel", "projection": "sketch"},
    {"rank": 64, "scaling": "channel", "projection": "sketch"},
    {"rank": 1, "scaling": "tensor", "projection": "gaussian"},
)


def taught(ranks: Ranks | None, config: TeachConfig) -> dict[str, Any]:
    """Losses, weights and gradient shares of a few steps, on this process alone or with others."""
    mind, lessons = tiny(dtype=torch.float64), generated(0, 4, "terse", load())
    teacher = Teacher(mind, config, load()) if ranks is None else ShardedTeacher(ranks, mind, config, load())
    for lesson in lessons:
        teacher.teach(lesson)
    losses = [teacher.step() for _ in range(STEPS)]
    teacher.collect()
    weights = {name: parameter.detach().clone() for name, parameter in mind.net.named_parameters()}
    return {"losses": losses, "weights": weights, "shares": teacher.meter.shares().by_matrix()}


def stepped(ranks: Ranks | None, options: dict[str, Any]) -> list[Tensor]:
    """Parameters after a few steps on given gradients, refreshed in between."""
    generator = torch.Generator().manual_seed(4)
    deal = dealt_out if ranks else torch.nn.Parameter
    parameters = [deal(torch.randn(shape, generator=generator, dtype=torch.float64)) for shape in SHAPES]
    optimizer = (ShardedApollo if ranks else Apollo)(parameters, lr=0.1, seed=3, **options)
    optimizer.param_groups[0]["refresh"] = 2
    for step in range(5):
        for parameter in parameters:
            grad = torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 3.0**step
            parameter.grad = dealt_out(grad).data if ranks else grad
        optimizer.step()
    return [parameter.full_tensor().detach() if ranks else parameter.detach() for parameter in parameters]


def dealt_out(tensor: Tensor) -> Any:
    """A parameter whose rows two processes share."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Shard, distribute_tensor

    return torch.nn.Parameter(distribute_tensor(tensor, init_device_mesh("cpu", (2,)), [Shard(0)]))


def broken_somewhere(ranks: Ranks) -> tuple[bool, bool]:
    """Whether a gradient that is not finite on one process stops both, and leaves the weights as they were."""
    parameter = dealt_out(torch.ones(4, 4))
    parameter.grad = dealt_out(torch.ones(4, 4)).data
    optimizer = ShardedApollo([parameter], lr=0.1, rank=2, scaling="channel", projection="gaussian", seed=0)
    if not ranks.first:
        parameter.grad.to_local()[0, 0] = float("nan")
    try:
        guarded_step(optimizer, torch.zeros(()))
    except Broken:
        return True, bool((parameter.full_tensor() == 1).all())
    return False, False


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    with joined("cpu") as ranks:
        assert ranks is not None
        results: dict[str, Any] = {name: taught(ranks, config) for name, config in TEACHERS.items()}
        results["apollo"] = [stepped(ranks, options) for options in APOLLOS]
        results["broken"] = broken_somewhere(ranks)
        try:
            ShardedTeacher(ranks, tiny(), replace(SMALL, scenes=1), load())
        except ValueError as error:
            results["refused"] = str(error)
        torch.save(results, folder / f"{ranks.rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
