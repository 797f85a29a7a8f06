"""Circuits of heads under mean ablation: what a network still does when all heads outside a set have their mean.

F is a task's measure, a number a prompt. F(M) is the whole network, F(C) the network in which every head outside C has
its mean mix, F(0) the network without any head. MLPs and embeddings stay as they are.

Shape suffixes: B prompts, T tokens, H heads, D head size, V outputs.
"""

from collections.abc import Callable, Iterable, Mapping

from torch import Tensor

from training.precedents.path_patching import Head, Mixes, Prompts, direct, mixes_of, patched, path_patched
from training.precedents.sites import Blocks, HeadSites

Measure = Callable[[Tensor], Tensor]  # (B, V) -> (B,)


class Ablation:
    """One network on one task's prompts. other: the mixes of ablated heads; measure: of the outputs, a prompt's number.

    Values are remembered by the set of heads. `forwards` counts what has been run. A run begins in the first layer in
    which its set differs from that of a run whose layers are known: the whole network's, or the one called `near`.
    """

    def __init__(self, sites: HeadSites, prompts: Prompts, other: Mixes, measure: Measure) -> None:
        self.sites, self.prompts, self.other, self.measure = sites, prompts, other, measure
        self.every: tuple[Head, ...] = tuple((la, h) for la in range(sites.layers) for h in range(sites.heads))
        self._values: dict[frozenset[Head], Tensor] = {}
        self._clean: dict[frozenset[Head], tuple[Mixes, Blocks]] = {}
        self._whole: list[tuple[frozenset[Head], Blocks]] = []
        self._near: list[tuple[frozenset[Head], Blocks]] = []
        self.forwards = 0

    def without(self, heads: Iterable[Head]) -> Tensor:
        """(B,) F when these heads are ablated."""
        ablated = frozenset(heads)
        if ablated not in self._values:
            if not self._whole:
                self._whole = [self._recorded(frozenset())]
            if ablated:
                layer, blocks = self._start(ablated)
                with self.sites.resumed(layer, blocks):
                    self._note(ablated, patched(self.sites, self.prompts, ablated, self.other))
        return self._values[ablated]

    def near(self, heads: Iterable[Head]) -> None:
        """Say that circuits C like this one come next: each is then run from the first layer in which it differs."""
        ablated = frozenset(set(self.every) - set(heads))
        if self.sites.blocks and ablated not in [known for known, _ in self._near]:
            self._near = [self._recorded(ablated)]

    def _recorded(self, ablated: frozenset[Head]) -> tuple[frozenset[Head], Blocks]:
        """These heads ablated in a run whose layers are kept."""
        layer, blocks = self._start(ablated)
        with self.sites.recorded(blocks[:layer]) as heard, self.sites.resumed(layer, blocks):
            self._note(ablated, patched(self.sites, self.prompts, ablated, self.other))
        return ablated, heard()

    def _note(self, ablated: frozenset[Head], output_BV: Tensor) -> None:
        self._values[ablated] = self.measure(output_BV).double()
        self.forwards += 1

    def _start(self, ablated: frozenset[Head]) -> tuple[int, Blocks]:
        """The layer in which a run of these may begin, and what the layers before it put out."""
        known = [
            (min((layer for layer, _ in ablated ^ other), default=self.sites.layers - 1), blocks)
            for other, blocks in (*self._whole, *self._near)
            if blocks
        ]
        return max(known, key=lambda start: start[0], default=(0, ()))

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

    def clean(self, knocked_out: Iterable[Head] = ()) -> tuple[Mixes, Blocks]:
        """The mixes of a run in which these heads are ablated, and what its layers put out."""
        ablated = frozenset(knocked_out)
        if ablated not in self._clean:
            self._clean.clear()  # one of them at a time: they are large
            with self.sites.recorded() as heard:
                _, mixes = mixes_of(self.sites, self.prompts, ablated, self.other)
            self._clean[ablated] = mixes, heard()
            self.forwards += 1
        return self._clean[ablated]

    def direct(self, sender: Head, knocked_out: Iterable[Head] = ()) -> float:
        """What a head tells the output directly: the change of F when only that is ablated."""
        ablated = frozenset(knocked_out)
        mixes, blocks = self.clean(ablated)
        output_BV = direct(self.sites, self.prompts, mixes, [sender], self.other, blocks)
        self.forwards += 1
        return float(self.measure(output_BV).double().mean() - self.without(ablated).mean())

    def through(self, sender: Head, receivers: list[Head], matrices: tuple[str, ...]) -> Mapping[str, float]:
        """What a head tells the queries, keys or values of the receivers: the change of F when only that is ablated."""
        mixes, blocks = self.clean()
        outputs = path_patched(self.sites, self.prompts, mixes, [sender], receivers, matrices, self.other, blocks)
        self.forwards += 1 + len(matrices)
        return {name: float(self.measure(out).double().mean()) - self.whole for name, out in outputs.items()}
