"""Path patching and mean ablation of heads (Wang 2022, arXiv 2211.00593).

A head's value mix at every token is replaced by another one: its mean over other prompts (ablation), or what it is on
a corrupted prompt. A direct path runs from senders to receivers through the residual stream and the MLPs, and through
no other head. Receivers are the network's output, or the queries, keys or values of later heads.

Shape suffixes: B prompts, T tokens, H heads, D head size, V outputs.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor

from training.precedents.corpus import Whole
from training.precedents.sites import Blocks, Edit, HeadSites

Head = tuple[int, int]  # layer, head
Place = tuple[int, str]  # layer, matrix
Mixes = tuple[Tensor, ...]  # of each layer: (B, T, H, D), what every head hands to the output matrix


@dataclass(frozen=True)
class Prompts:
    """Token ids (B, T) int64, padded to the right, and each prompt's last token (B,)."""

    ids_BT: Tensor
    last_B: Tensor


@torch.no_grad()
def mixes_of(sites: HeadSites, prompts: Prompts, heads: Iterable[Head] = (), other: Mixes = ()) -> tuple[Tensor, Mixes]:
    """The output (B, V) and the value mixes of all heads, when `heads` have the other mixes."""
    heard: dict[int, Tensor] = {}
    edits = {layer: _replace(other[layer], numbers) for layer, numbers in by_layer(heads).items()}

    def keep(layer: int) -> Edit:
        def hear(z_BTHD: Tensor) -> Tensor:
            heard[layer] = edits[layer](z_BTHD) if layer in edits else z_BTHD
            return heard[layer]

        return hear

    with sites.edited({layer: keep(layer) for layer in range(sites.layers)}):
        output_BV = sites.forward(prompts.ids_BT, prompts.last_B)
    return output_BV, tuple(heard[layer] for layer in range(sites.layers))


@torch.no_grad()
def patched(sites: HeadSites, prompts: Prompts, heads: Iterable[Head], other: Mixes) -> Tensor:
    """The output (B, V) when `heads` have the other mixes."""
    with sites.edited({layer: _replace(other[layer], numbers) for layer, numbers in by_layer(heads).items()}):
        return sites.forward(prompts.ids_BT, prompts.last_B)


def by_layer(heads: Iterable[Head]) -> dict[int, list[int]]:
    """The heads' numbers, layer by layer."""
    numbers: dict[int, list[int]] = {}
    for layer, head in sorted(set(heads)):
        numbers.setdefault(layer, []).append(head)
    return numbers


def _replace(other_BTHD: Tensor, heads: Sequence[int]) -> Edit:
    """An edit that sets these heads, and leaves the others."""

    def edit(z_BTHD: Tensor) -> Tensor:
        changed = z_BTHD.clone()
        changed[:, :, heads] = other_BTHD[:, :, heads]
        return changed

    return edit


def _frozen(sites: HeadSites, clean: Mixes, senders: Iterable[Head], other: Mixes) -> dict[int, Edit]:
    """Edits that hold every head at its clean mix, and the senders at the other."""
    numbers = by_layer(senders)

    def hold(layer: int) -> Edit:
        whole_BTHD = clean[layer]
        if layer in numbers:
            whole_BTHD = _replace(other[layer], numbers[layer])(whole_BTHD)
        return lambda _z_BTHD: whole_BTHD

    return {layer: hold(layer) for layer in range(sites.layers)}


@torch.no_grad()
def direct(
    sites: HeadSites, prompts: Prompts, clean: Mixes, senders: Collection[Head], other: Mixes, blocks: Blocks = ()
) -> Tensor:
    """The output (B, V) when the senders have the other mixes and every other head is held at its clean mix.

    clean: `mixes_of` these prompts, with what is knocked out already in it; blocks: what the layers put out in that
    run, if known. MLPs follow. What changes is what the senders tell the output directly.
    """
    with sites.edited(_frozen(sites, clean, senders, other)), sites.resumed(_first(senders), blocks):
        return sites.forward(prompts.ids_BT, prompts.last_B)


def _first(heads: Iterable[Head]) -> int:
    """The first layer that has one of these heads."""
    return min((layer for layer, _ in heads), default=0)


def _read(sites: HeadSites, prompts: Prompts, places: Collection[Place]) -> dict[Place, Tensor]:
    """What the modules of these (layer, matrix) put out; the forward ends with the last of them."""
    read: dict[Place, Tensor] = {}

    def keep(place: Place) -> Callable[[Tensor], None]:
        def hear(output: Tensor) -> None:
            read[place] = output.clone()
            if len(read) == len(places):
                raise Whole

        return hear

    with sites.projected({place: keep(place) for place in places}), suppress(Whole):
        sites.forward(prompts.ids_BT, prompts.last_B)
    return read


@torch.no_grad()
def path_patched(
    sites: HeadSites,
    prompts: Prompts,
    clean: Mixes,
    senders: Collection[Head],
    receivers: Sequence[Head],
    matrices: Sequence[str],
    other: Mixes,
    blocks: Blocks = (),
) -> dict[str, Tensor]:
    """The output (B, V) when the receivers' queries, keys or values alone hear the other mixes of the senders.

    One result for each of `matrices` (q, k, v). First the senders are patched and every other head is held at its
    clean mix; what the receivers then read is kept. Then a clean run is given that, and all else follows. Under
    grouped-query attention a receiver's keys and values are those of its group. clean, blocks: of these prompts without
    any patch.
    """
    start = _first(senders)
    heads = {layer: some for layer, some in by_layer(receivers).items() if layer > start}  # others hear no sender
    with sites.edited(_frozen(sites, clean, senders, other)), sites.resumed(start, blocks):
        read = _read(sites, prompts, [(layer, matrix) for layer in heads for matrix in matrices])

    def give(place: Place) -> Callable[[Tensor], Tensor]:
        layer, matrix = place
        columns = sites.inputs[layer][matrix].columns[heads[layer]].flatten()

        def change(output: Tensor) -> Tensor:
            changed = output.clone()
            changed[..., columns] = read[place][..., columns]
            return changed

        return change

    outputs = {}
    for matrix in matrices:
        changes = {(layer, matrix): give((layer, matrix)) for layer in heads}
        with sites.projected(changes), sites.resumed(min(heads, default=0), blocks):
            outputs[matrix] = sites.forward(prompts.ids_BT, prompts.last_B)
    return outputs


def mean_mixes(mixes: Mixes, group_C: Tensor, group_B: Tensor) -> Mixes:
    """Each prompt's mean over the corrupted prompts of its group, token by token: (B, T, H, D) of each layer.

    mixes: of the corrupted prompts. group_C, group_B: int64, the groups of the corrupted prompts and of the prompts,
    from 0 on. Prompts of a group have one length. Every group needs a corrupted prompt.
    """
    groups = int(group_C.max()) + 1
    count_G = torch.bincount(group_C, minlength=groups)
    means = []
    for z_CTHD in mixes:
        sum_GTHD = z_CTHD.new_zeros(groups, *z_CTHD.shape[1:]).index_add(0, group_C, z_CTHD)
        means.append((sum_GTHD / count_G.view(-1, 1, 1, 1))[group_B])
    return tuple(means)
