"""The swaps that a verdict rests on: the core, the core with its halo, the best set a search finds, random sets.

Per trained seed they are log records; over seeds they are the means that `verdict.agreement` judges.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedModel

from training.measure.headprobes import ProbeLoss
from training.measure.records import Swap
from training.measure.sets import each_swap, greedy_set, random_sets
from training.measure.swaps import Head
from training.measure.verdict import RANDOM_SETS, Causal

CORE, BOTH, GREEDY, RANDOM = "core", "core+halo", "greedy", "random"


@dataclass(frozen=True)
class Sets:
    """Which heads are swapped: the verdict's core, the significant heads outside it, and random sets to compare."""

    core: tuple[Head, ...]
    halo: tuple[Head, ...]
    random: tuple[tuple[Head, ...], ...]

    @property
    def both(self) -> tuple[Head, ...]:
        return tuple(sorted({*self.core, *self.halo}))


def sets_of(
    core: Sequence[int], significant: Sequence[int], layers: int, heads: int, seed: int = 0, count: int = RANDOM_SETS
) -> Sets:
    """Sets from a verdict's flat head numbers (layer * heads + head); the random ones depend on core and seed alone."""
    inner = tuple(sorted(divmod(int(h), heads) for h in core))
    outer = tuple(sorted(divmod(int(h), heads) for h in significant if h not in set(core)))
    return Sets(inner, outer, tuple(random_sets(inner, layers, heads, count, seed)))


def swaps(
    before: PreTrainedModel, after: PreTrainedModel, loss: ProbeLoss, sets: Sets, removed: int = 0, weights: bool = True
) -> Iterator[Swap]:
    """All swaps of one trained seed, one after the other. removed: of how many random sets the removal is measured.

    Costs about 2 * sets + heads + 8 * core forwards of the loss.
    """
    named = [(CORE, sets.core), (BOTH, sets.both)]
    yield from each_swap(before, after, loss, named)
    if weights:
        yield from each_swap(before, after, loss, named, "weight")
    yield greedy_set(before, after, loss, len(sets.core))
    drawn = [(f"{RANDOM} {number}", chosen) for number, chosen in enumerate(sets.random)]
    yield from each_swap(before, after, loss, drawn[:removed])
    yield from each_swap(before, after, loss, drawn[removed:], ways=("insert",))


def means(found: Sequence[Sequence[Swap]]) -> Causal:
    """Means over seeds of output swaps. Raises ValueError if a seed has no gain, or lacks a swap that another has."""
    values: dict[tuple[str, str], list[float]] = {}
    for seed, swapped in enumerate(found):
        for swap in swapped:
            for way, value in (("insert", swap.insert), ("remove", swap.remove)):
                if swap.what == "output" and value is not None:
                    values.setdefault((swap.name, way), []).append(value)
        if (CORE, "insert") not in values or len(values[CORE, "insert"]) != seed + 1:
            raise ValueError(f"causal: trained seed {seed} has no gain to share out; no swap can be judged")
    short = [" ".join(key) for key, some in values.items() if len(some) != len(found)]
    if short:
        raise ValueError(f"causal: {short[0]} was not measured on every seed; measure all seeds alike")
    one = {key: float(np.mean(some)) for key, some in values.items()}
    for key in ((CORE, "insert"), (CORE, "remove"), (BOTH, "insert"), (GREEDY, "insert")):
        if key not in one:
            raise ValueError(f"causal: {' '.join(key)} was not measured")
    return Causal(
        core_insert=one[CORE, "insert"],
        core_remove=one[CORE, "remove"],
        both_insert=one[BOTH, "insert"],
        greedy_insert=one[GREEDY, "insert"],
        random_insert=tuple(one[key] for key in one if key[0].startswith(RANDOM) and key[1] == "insert"),
        random_remove=tuple(one[key] for key in one if key[0].startswith(RANDOM) and key[1] == "remove"),
    )
