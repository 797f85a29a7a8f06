"""Circuits of heads under mean ablation: what a network still does when all heads outside a set have their mean.

F is a task's measure, a number a prompt. F(M) is the whole network, F(C) the network in which every head outside C has
its mean mix, F(0) the network without any head. MLPs and embeddings stay as they are.

Shape suffixes: B prompts, T tokens, H heads, D head size, V outputs.
"""

from collections.abc import Callable, Iterable, Mapping

from torch import Tensor

from training.precedents.path_patching import Head, Mixes, Prompts, direct, mixes_of, path_patched
from training.precedents.sites import HeadSites

Measure = Callable[[Tensor], Tensor]  # (B, V) -> (B,)


class Ablation:
    """One network on one task's prompts. other: the mixes of ablated heads; measure: of the outputs, a prompt's number.

    Values are remembered by the set of heads. `forwards` counts what has been run.
    """

    def __init__(self, sites: HeadSites, prompts: Prompts, other: Mixes, measure: Measure) -> None:
        self.sites, self.prompts, self.other, self.measure = sites, prompts, other, measure
        self.every: tuple[Head, ...] = tuple((la, h) for la in range(sites.layers) for h in range(sites.heads))
        self._values: dict[frozenset[Head], Tensor] = {}
        self._mixes: dict[frozenset[Head], Mixes] = {}
        self.forwards = 0

    def without(self, heads: Iterable[Head]) -> Tensor:
        """(B,) F when these heads are ablated."""
        ablated = frozenset(heads)
        if ablated not in self._values:
            output_BV, _ = mixes_of(self.sites, self.prompts, ablated, self.other)
            self._values[ablated] = self.measure(output_BV).double()
            self.forwards += 1
        return self._values[ablated]

    def only(self, heads: Iterable[Head]) -> Tensor:
        """(B,) F(C): all other heads are ablated."""
        return self.without(set(self.every) - set(heads))

    @property
    def whole(self) -> float:
        """F(M)."""
        return float(self.without(()).mean())

    @property
    def empty(self) -> float:
        """F(0)."""
        return float(self.only(()).mean())

    @property
    def span(self) -> float:
        """|F(M) - F(0)|: the scale of effects. Its sign says which way the heads work."""
        return abs(self.whole - self.empty)

    def clean(self, knocked_out: Iterable[Head] = ()) -> Mixes:
        """The mixes of a run in which these heads are ablated."""
        ablated = frozenset(knocked_out)
        if ablated not in self._mixes:
            self._mixes.clear()  # one of them at a time: they are large
            self._mixes[ablated] = mixes_of(self.sites, self.prompts, ablated, self.other)[1]
            self.forwards += 1
        return self._mixes[ablated]

    def direct(self, sender: Head, knocked_out: Iterable[Head] = ()) -> float:
        """What a head tells the output directly: the change of F when only that is ablated."""
        ablated = frozenset(knocked_out)
        output_BV = direct(self.sites, self.prompts, self.clean(ablated), [sender], self.other)
        self.forwards += 1
        return float(self.measure(output_BV).double().mean() - self.without(ablated).mean())

    def through(self, sender: Head, receivers: list[Head], matrices: tuple[str, ...]) -> Mapping[str, float]:
        """What a head tells the queries, keys or values of the receivers: the change of F when only that is ablated."""
        outputs = path_patched(self.sites, self.prompts, self.clean(), [sender], receivers, matrices, self.other)
        self.forwards += 1 + len(matrices)
        return {name: float(self.measure(out).double().mean()) - self.whole for name, out in outputs.items()}
