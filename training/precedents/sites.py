"""Where the heads of a network can be heard and changed: the interface that patching and ablation need.

`sites_of` makes it for any language model of `perception.addresses`. A network of another kind needs a `HeadSites` of
its own: its output matrices, its projections to queries, keys and values, and a forward.

Shape suffixes: B prompts, T tokens, H heads, D head size, V outputs (the vocabulary).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from perception.head_map import addresses

INPUTS = ("q", "k", "v")
Edit = Callable[[Tensor], Tensor]  # (B, T, H, D) -> the same, a new tensor
Forward = Callable[[Tensor, Tensor], Tensor]  # ids (B, T) and each prompt's last token (B,) -> (B, V)


@dataclass(frozen=True)
class Projection:
    """A module whose output holds queries, keys or values. columns: (H, D) int64, each head's place in its output.

    Under grouped-query attention the heads of a group have the same columns of keys and values.
    """

    module: nn.Module
    columns: Tensor


@dataclass(frozen=True)
class HeadSites:
    """A network's heads. outputs: a layer's output matrix each; its input is every head's value mix, (B, T, H * D)."""

    layers: int
    heads: int
    head_dim: int
    outputs: tuple[nn.Module, ...]
    inputs: tuple[Mapping[str, Projection], ...]
    forward: Forward

    @contextmanager
    def edited(self, edits: Mapping[int, Edit]) -> Iterator[None]:
        """While the block runs, the value mixes of these layers are what their edit makes of them."""

        def hook(edit: Edit) -> Callable[..., tuple[Any, ...]]:
            def change(_module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
                z_BTHD = args[0].unflatten(-1, (self.heads, self.head_dim))
                return (edit(z_BTHD).flatten(-2), *args[1:])

            return change

        with ExitStack() as stack:
            for layer, edit in edits.items():
                stack.callback(self.outputs[layer].register_forward_pre_hook(hook(edit)).remove)
            yield

    @contextmanager
    def projected(self, hears: Mapping[tuple[int, str], Callable[[Tensor], Tensor | None]]) -> Iterator[None]:
        """While the block runs, each (layer, matrix) hands its module's output over; what comes back replaces it."""

        def hook(hear: Callable[[Tensor], Tensor | None]) -> Callable[..., Tensor | None]:
            return lambda _module, _args, output: hear(output)

        with ExitStack() as stack:
            for (layer, matrix), hear in hears.items():
                module = self.inputs[layer][matrix].module
                stack.callback(module.register_forward_hook(hook(hear)).remove)
            yield


def sites_of(net: PreTrainedModel) -> HeadSites:
    """The heads of a causal language model; its forward gives the logits behind each prompt's last token.

    Prompts are padded to the right. Raises ValueError for an architecture without addresses.
    """
    at = addresses(net)

    def module(layer: int, matrix: str) -> nn.Module:
        return net.get_submodule(at.projections[layer][matrix].parameter.removesuffix(".weight"))

    def projection(layer: int, matrix: str) -> Projection:
        place = at.projections[layer][matrix]
        columns = place.blocks(torch.arange(place.groups * place.span * place.head_dim))
        return Projection(module(layer, matrix), columns.repeat_interleave(at.heads // place.heads, 0))

    def forward(ids_BT: Tensor, last_B: Tensor) -> Tensor:
        def rows_that_count(_head: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
            return (args[0][torch.arange(len(ids_BT)), last_B][:, None], *args[1:])

        hook = net.get_output_embeddings().register_forward_pre_hook(rows_that_count)
        try:
            logits_B1V: Tensor = net(input_ids=ids_BT, use_cache=False).logits
        finally:
            hook.remove()
        return logits_B1V[:, 0]

    return HeadSites(
        at.layers,
        at.heads,
        at.head_dim,
        tuple(module(layer, "o") for layer in range(at.layers)),
        tuple({matrix: projection(layer, matrix) for matrix in INPUTS} for layer in range(at.layers)),
        forward,
    )
