"""Words that belong together begin together: the vectors of one kind's traces share a part.

Left alone, the novice learns by heart which two traces mean a smith, pair by pair, and half of the pairs that it was
never asked about escape it. With a shared part in their vectors, two traces of one kind are one thing seen twice,
whichever two they are (docs/LOG.md). What tells them apart is left to the rest of each vector, and to training.
"""

from collections.abc import Collection

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from game.realm.rules import Kind, Rules

SHARED = 0.6  # of a trace's vector, when its kind is gathered
LOUDER = 1.2  # the shared part, in lengths of the traces' own vectors
PULL = 0.005  # of the way to their mean that a kind's traces are drawn in every step


class TraceVectors:
    """The traces of every kind, as rows of a model's word vectors; of `without`, whom an ablation leaves out, none."""

    def __init__(
        self, net: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rules: Rules, without: Collection[Kind] = ()
    ) -> None:
        ids, kinds = tokenizer.get_vocab(), [kind for kind in rules.kinds if kind not in without]
        self._vectors = net.get_input_embeddings().weight
        device = self._vectors.device
        self._traces_KT = torch.tensor([[ids[trace] for trace in kind.traces] for kind in kinds], device=device)
        self._names_K = torch.tensor([ids[kind.name] for kind in kinds], device=device)

    @torch.no_grad()
    def gather(self) -> None:
        """Give the traces of each kind a shared part, toward their mean and their kind's name."""
        own_KTM = self._vectors[self._traces_KT]
        toward_K1M = own_KTM.mean(1, keepdim=True) + self._vectors[self._names_K][:, None]
        length_K11 = own_KTM.norm(dim=-1, keepdim=True).mean(1, keepdim=True)
        shared_K1M = LOUDER * length_K11 * toward_K1M / toward_K1M.norm(dim=-1, keepdim=True)
        self._vectors[self._traces_KT] = (1 - SHARED) * own_KTM + SHARED * shared_K1M

    @torch.no_grad()
    def draw(self) -> None:
        """Draw the traces of each kind a little toward their mean."""
        own_KTM = self._vectors[self._traces_KT]
        self._vectors[self._traces_KT] = own_KTM.lerp(own_KTM.mean(1, keepdim=True), PULL)
