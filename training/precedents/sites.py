"""Where the heads of a network can be heard and changed: the interface that patching and ablation need.

`sites_of` makes it for any language model of `perception.addresses`. A network of another kind needs a `HeadSites` of
its own: its output matrices, its projections to queries, keys and values, and a forward.

A run that differs from another one from some layer on can begin there: `resumed` lets the layers before it put out
what they put out then. That is exact, and spares what lies before.

Shape suffixes: B prompts, T tokens, H heads, D head size, V outputs (the vocabulary).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from perception.head_map import addresses

INPUTS = ("q", "k", "v")
Blocks = tuple[Any, ...]  # what each layer put out in a run, in whatever form it does; empty where that isn't known
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
    """A network's heads. outputs: a layer's output matrix each; its input is every head's value mix, (B, T, H * D).

    blocks: the layers as modules, through which alone all that earlier layers compute reaches later ones; empty where
    there are no such modules, and then every run is a whole one.
    """

    layers: int
    heads: int
    head_dim: int
    outputs: tuple[nn.Module, ...]
    inputs: tuple[Mapping[str, Projection], ...]
    forward: Forward
    blocks: tuple[nn.Module, ...] = ()

    @contextmanager
    def recorded(self, first: Blocks = ()) -> Iterator[Callable[[], Blocks]]:
        """A block of code with one forward, after which the yielded function gives what each layer put out.

        first: of the layers that this forward skips (`resumed`).
        """
        heard: dict[int, Any] = dict(enumerate(first))

        def keep(layer: int) -> Callable[..., None]:
            def hear(_module: nn.Module, _args: Any, output: Any) -> None:
                heard[layer] = _copied(output)

            return hear

        with ExitStack() as stack:
            for layer, module in list(enumerate(self.blocks))[len(first) :]:
                stack.callback(module.register_forward_hook(keep(layer)).remove)
            yield lambda: tuple(heard[layer] for layer in range(len(self.blocks)))

    @contextmanager
    def resumed(self, layer: int, blocks: Blocks) -> Iterator[None]:
        """While the block runs, the layers before this one compute nothing, and this one reads what it read then.

        Each of those layers puts out what the last of them did, so a hook on an earlier one hears that.
        """
        skipped = self.blocks[:layer] if blocks else ()
        own = [module.__dict__.get("forward") for module in skipped]  # None: its class's
        for module in skipped:
            module.forward = lambda *_args, **_options: _copied(blocks[layer - 1])
        try:
            yield
        finally:
            for module, forward in zip(skipped, own, strict=True):
                if forward is None:
                    del module.forward
                else:
                    module.forward = forward

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
        _blocks(net, [at.projections[layer]["o"].parameter for layer in range(at.layers)]),
    )


def _blocks(net: PreTrainedModel, names: Sequence[str]) -> tuple[nn.Module, ...]:
    """The layers that hold these parameters, one each: items of one list of modules, which has no others."""
    for module_name, module in net.named_modules():
        listed = isinstance(module, nn.ModuleList) and len(module) == len(names)
        if listed and all(name.startswith(f"{module_name}.{layer}.") for layer, name in enumerate(names)):
            return tuple(module.children())
    return ()


def _copied(output: Any) -> Any:
    """What a layer put out, safe from models that add to it in place."""
    if isinstance(output, tuple):
        return tuple(map(_copied, output))
    return output.clone() if isinstance(output, Tensor) else output
