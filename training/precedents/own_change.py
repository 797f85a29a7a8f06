"""How much training changed each head itself: both models' heads on the inputs that the model before gives them.

own change of a head: the norm of (what it writes after training - what it writes before), over the norm of what it
writes before, at each prompt's last token. Norms in front of the attention are those of the model before.

Shape suffixes: B prompts, T tokens, H heads, D head size, M hidden size.
"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from perception.head_map import HeadMap, addresses
from training.heads.gain_allocation import same_shape
from training.precedents.path_patching import Head, Prompts
from training.precedents.sites import sites_of


@torch.no_grad()
def own_changes(before: PreTrainedModel, after: PreTrainedModel, prompts: Prompts) -> dict[Head, float]:
    """Every head's own change. Raises ValueError for models of different shape."""
    same_shape(before, after)
    maps: tuple[HeadMap, HeadMap] = (addresses(before), addresses(after))
    old, new = sites_of(before), sites_of(after)
    mixes: dict[tuple[int, int], Tensor] = {}
    rows = torch.arange(len(prompts.last_B))

    def keep(which: int, layer: int) -> Callable[[Any, tuple[Any, ...]], None]:
        def hear(_module: object, args: tuple[Any, ...]) -> None:
            z_BTHD = args[0].unflatten(-1, (old.heads, old.head_dim))
            mixes[which, layer] = z_BTHD[rows, prompts.last_B]

        return hear

    def ask_both(layer: int) -> Callable[..., None]:
        def hear(_module: object, args: tuple[Any, ...], options: dict[str, Any], _output: object) -> None:
            maps[1].attentions[layer](*args, **options)

        return hear

    with ExitStack() as stack:
        for layer in range(old.layers):
            for which, sites in enumerate((old, new)):
                stack.callback(sites.outputs[layer].register_forward_pre_hook(keep(which, layer)).remove)
            hook = maps[0].attentions[layer].register_forward_hook(ask_both(layer), with_kwargs=True)
            stack.callback(hook.remove)
        old.forward(prompts.ids_BT, prompts.last_B)
    changes = {}
    for layer in range(old.layers):
        was_BHM, is_BHM = (maps[which].written(layer, mixes[which, layer]) for which in range(2))
        share_H = ((is_BHM - was_BHM).norm(dim=-1) / was_BHM.norm(dim=-1).clamp_min(1e-12)).mean(0)
        changes.update({(layer, head): float(share) for head, share in enumerate(share_H)})
    return changes
