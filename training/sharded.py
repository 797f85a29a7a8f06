"""Training a model that outgrows one GPU: `torchrun --nproc-per-node N main.py learn ...`, weights in shards (FSDP2).

Every process holds a part of each layer's rows, and of a step's scenes. A layer is whole for as long as it computes.
The scenes are drawn alike everywhere, from the same seeds, and dealt out among the processes; the mean
of their gradients is the gradient of one process. So is the loss, up to the order of additions.

Only training is spread. The first process measures: scores, heads and the gain are computed from gathered weights on
its CPU, while the others wait. That takes what it takes on a CPU, and there must be memory of the host for two copies
of the model there, and for one at each other process. The first process alone writes logs and models. What can't be
done this way: --heads, --mlps, --others and --base-cache.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor

from game.realm.rules import Rules
from perception.head_map import addresses
from perception.model import Model, choose_device
from perception.packing import Decision, Packed, pack
from training.config import TeachConfig
from training.data.lessons import Journal
from training.optim.frozen import choose_parameters, deal
from training.optim.gradients import REST, GradientMeter
from training.optim.ranks import is_sharded, local, summed, whole
from training.teach import Source, Teacher

PATIENCE = timedelta(days=7)  # for which others wait while the first process measures
GRACE = 20.0  # s in which a process that failed waits to be ended by torchrun: the first one says why


@dataclass(frozen=True)
class Ranks:
    """This process among those of one training. device: on which its shards are."""

    rank: int
    count: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether it measures and writes."""
        return self.rank == 0


@contextmanager
def joined(device: str) -> Iterator[Ranks | None]:
    """This process among those that torchrun began; None if it is alone. device: auto, cpu or cuda.

    A fault of a process that is not the first ends it without a word: the first one has it too.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        yield None
        return
    chosen = choose_device(device)
    if chosen.type == "cuda":
        chosen = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(chosen)
    backend = "cuda:nccl,cpu:gloo" if chosen.type == "cuda" else "gloo"
    torch.distributed.init_process_group(backend, timeout=PATIENCE)
    ranks = Ranks(torch.distributed.get_rank(), torch.distributed.get_world_size(), chosen)
    try:
        yield ranks
    except (ValueError, OSError, RuntimeError):
        if not ranks.first:
            time.sleep(GRACE)
        raise
    torch.distributed.destroy_process_group()


def shard(net: Any, train: str, ranks: Ranks) -> None:
    """Deal out the rows of each layer's parameters in place; embeddings and what is outside of layers stay whole."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    choose_parameters(net, train)  # before: what trains is noted with the shards
    mesh = init_device_mesh(ranks.device.type, (ranks.count,))
    blocks = addresses(net).blocks
    inside = {id(parameter) for block in blocks for parameter in block.parameters()}
    outside = {parameter for parameter in net.parameters() if id(parameter) not in inside}
    for block in blocks:
        fully_shard(block, mesh=mesh, reshard_after_forward=True)
    for parameter in outside:
        parameter.data = parameter.data.to(ranks.device)
    for name, buffer in list(net.named_buffers()):
        owner, _, last = name.rpartition(".")
        net.get_submodule(owner)._buffers[last] = buffer.to(ranks.device)
    net.sharded = True  # perception.packing


class ShardedTeacher(Teacher):
    """A teacher whose model is in shards; `home` is whole, on the CPU, and up to date after `collect`."""

    def __init__(
        self,
        ranks: Ranks,
        home: Model,
        config: TeachConfig,
        rules: Rules,
        journal: Journal | None = None,
        source: Source | None = None,
        labelled: bool = True,
    ) -> None:
        config.check()
        _check(config, ranks)
        if home.context is not None:
            raise ValueError(
                f"--model {home.name}: decides on contexts that another net has read, and can't be trained in shards;"
                " leave torchrun out"
            )
        self.ranks, self.home = ranks, home
        shards = Model(deepcopy(home.net), home.tokenizer, home.tongue, home.name)
        shard(shards.net, config.train, ranks)
        choose_parameters(home.net, config.train)
        super().__init__(shards, config, rules, journal, source, labelled)
        self.meter = _Meter(shards.net)

    def collect(self) -> None:
        """Gather what has changed into `home`."""
        places = dict(self.home.net.named_parameters())
        with torch.no_grad():
            for name, parameter in self.model.net.named_parameters():
                if parameter.requires_grad:
                    gathered = whole(parameter.detach())
                    if self.ranks.first:
                        places[name].copy_(gathered)

    def _packed(self, contexts: list[list[int]], decisions: list[Decision]) -> list[Packed]:
        """This process's parts of the step, counted such that the mean over processes is that over all answers."""
        count, net = self.ranks.count, self.model.net
        self._answers = sum(len(decision.answer) for decision in decisions) / count
        parts = deal(contexts, decisions, self.config.parts * count)[self.ranks.rank :: count]
        return [pack(*part, net.dtype).to(self.model.device) for part in parts]

    def _shared(self, loss: Tensor) -> Tensor:
        for parameter in self.parameters:
            if parameter.grad is not None and not is_sharded(parameter):
                summed(parameter.grad).div_(self.ranks.count)  # what is outside of layers, as the last norm
        return summed(loss.detach().clone()) / self.ranks.count


class _Meter(GradientMeter):
    """The energy of gradients in shards; a matrix of attention is gathered for it, one at a time."""

    @torch.no_grad()
    def measure(self) -> Tensor:
        energies = [self._of_heads(projection) for projection in self._parts]
        rest = []
        for kind in REST:
            grads = [p.grad for p in self._others[kind] if p.grad is not None]
            alone = [grad for grad in grads if not is_sharded(grad)]
            parts = local([grad for grad in grads if is_sharded(grad)])
            total = sum((part.square().sum() for part in parts), self._total_E.new_zeros(()))
            rest.append(summed(total) + sum((grad.square().sum() for grad in alone), self._total_E.new_zeros(())))
        return torch.cat([energy.to(self._total_E) for energy in (*energies, torch.stack(rest))])


def _check(config: TeachConfig, ranks: Ranks) -> None:
    """Raises ValueError for what can't be done in shards."""
    if config.parts * ranks.count > config.scenes:
        least = config.parts * ranks.count
        raise ValueError(f"--scenes {config.scenes}: {ranks.count} processes need {least} scenes a step; raise it")
    if config.base_cache:
        raise ValueError("--base-cache: can't be trained in shards; leave it out, or leave torchrun out")
    if config.restricted:
        raise ValueError("--heads, --mlps, --others: can't be trained in shards; leave them out, or leave torchrun out")
