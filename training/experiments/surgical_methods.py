"""The methods that `surgical` compares, as data: what each changes, and at which rates a pilot tries it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from training.config import TRAIN, TeachConfig
from training.experiments.surgical_tasks import FACT, KINDS, LISTEN, SIGHT

EDIT, TRAINING = "edit", "training"
TRACED, RANDOM, CORE = "traced", "random", "core"  # which layer is edited, or which heads train
Units = list[tuple[int, int]]


@dataclass(frozen=True)
class Method:
    """layer: of an edit, or of the MLP that trains alone. heads: those that train alone. single: one lesson is edited.

    rates: by kind; the pilot takes the best. A method without rates of its own trains at that of `like`.
    """

    name: str
    about: str
    how: str = TRAINING
    layer: str = ""
    heads: str = ""
    single: bool = False
    optimizer: str = "apollo"
    rank: int = 64
    rates: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    like: str = ""
    kinds: tuple[str, ...] = KINDS

    def teach(self, rate: float, layer: int, heads: Units, seed: int) -> TeachConfig:
        """How it learns. heads: those that train alone, if any do."""
        alone = ",".join(f"{at}.{head}" for at, head in heads) if self.heads else ""
        mlp = str(layer) if self.layer else ""
        return TeachConfig(
            optimizer=self.optimizer, rank=self.rank, lr=rate, train=TRAIN, heads=alone, mlps=mlp, seed=seed
        )


def _rates(behaviours: tuple[float, ...], fact: tuple[float, ...]) -> dict[str, tuple[float, ...]]:
    return {SIGHT: behaviours, LISTEN: behaviours, FACT: fact}


METHODS = (
    Method("rome-one", "one rank-one edit, of one lesson; of a fact, ROME", EDIT, TRACED, single=True),
    Method("rome-mean", "a rank-one edit for each answer, keys averaged over the lessons", EDIT, TRACED,
           kinds=(SIGHT, LISTEN)),
    Method("rome-random", "the same edits in a random layer", EDIT, RANDOM),
    Method("one-mlp", "the MLP of the traced layer alone, AdamW", layer=TRACED, optimizer="adamw",
           rates=_rates((1e-3, 3e-3), (1e-3, 3e-3))),
    Method("core", "the core's heads alone, APOLLO r64", heads=CORE, rates=_rates((6e-3, 1.2e-2), (1e-3, 2e-3))),
    Method("random-heads", "as many random heads alone, APOLLO r64", heads=RANDOM, like="core"),
    Method("apollo-1", "attention, APOLLO r1", rank=1, rates=_rates((2.4e-2, 4.8e-2), (2e-3, 4e-3))),
    Method("apollo-64", "attention, APOLLO r64", rank=64, rates=_rates((6e-3, 1.2e-2), (5e-4, 1e-3))),
    Method("apollo-256", "attention, APOLLO r256, which is full rank here", rank=256,
           rates=_rates((6e-3, 1.2e-2), (5e-4, 1e-3))),
    Method("adamw", "attention, AdamW", optimizer="adamw", rates=_rates((1e-3, 2e-3), (2e-4, 5e-4))),
    Method("sgd", "attention, SGD", optimizer="sgd", rates=_rates((0.1, 0.3), (0.03, 0.1))),
)  # fmt: skip
NAMED = {method.name: method for method in METHODS}


def methods_of(kind: str) -> tuple[Method, ...]:
    """The methods that can teach this kind."""
    return tuple(method for method in METHODS if kind in method.kinds)
