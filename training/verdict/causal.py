"""The swaps that a verdict rests on: the core, the core with its halo, the best set that a search finds, random sets.

Of a single seed they are in nats. Over seeds they are shares of the gain over control, and `verdict.agreement` judges
them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedModel

from training.headlog.records import Swap
from training.heads.gain_allocation import HeldOut
from training.heads.head_sets import Shift, What, each_shift, greedy_set, random_sets
from training.heads.swaps import LEAST_GAIN, Head
from training.verdict.verdict import RANDOM_SETS, Causal

CORE, BOTH, GREEDY, RANDOM = "core", "core+halo", "greedy", "random"


@dataclass(frozen=True)
class SwapSets:
    """Which heads are swapped: the verdict's core, the significant heads outside it, and random sets to compare."""

    core: tuple[Head, ...]
    halo: tuple[Head, ...]
    random: tuple[tuple[Head, ...], ...]

    @property
    def both(self) -> tuple[Head, ...]:
        return tuple(sorted({*self.core, *self.halo}))


def sets_of(
    core: Sequence[int], significant: Sequence[int], layers: int, heads: int, seed: int = 0, count: int = RANDOM_SETS
) -> SwapSets:
    """Swap sets from a verdict's flat head numbers. The random ones depend on core and seed alone."""
    inner = tuple(sorted(divmod(int(h), heads) for h in core))
    outer = tuple(sorted(divmod(int(h), heads) for h in significant if h not in set(core)))
    return SwapSets(inner, outer, tuple(random_sets(inner, layers, heads, count, seed)))


def shifts(
    before: PreTrainedModel,
    after: PreTrainedModel,
    loss: HeldOut,
    sets: SwapSets,
    removed: int = 0,
    greedy: Sequence[Head] | None = None,
) -> Iterator[Shift]:
    """All swaps of one seed, one after the other. removed: of how many random sets the removal is measured.

    greedy: the set that was found on the seed's true training, for its control; None searches for it, which costs about
    heads + 8 * core forwards of the loss; all else costs about 2 * sets.
    """
    named = [(CORE, sets.core), (BOTH, sets.both)]
    yield from each_shift(before, after, loss, named)
    yield from each_shift(before, after, loss, named, "weight")
    if greedy is None:
        yield greedy_set(before, after, loss, len(sets.core))
    else:
        yield from each_shift(before, after, loss, [(GREEDY, greedy)])
    drawn = [(f"{RANDOM} {number}", chosen) for number, chosen in enumerate(sets.random)]
    yield from each_shift(before, after, loss, drawn[:removed])
    yield from each_shift(before, after, loss, drawn[removed:], directions=("insert",))


def excess(trained: Sequence[Sequence[Shift]], shuffled: Sequence[Sequence[Shift]]) -> list[Swap]:
    """Swaps over seeds, as shares of the gain over control: what a set brings in training, less what it does there.

    Both sums run over all seeds before they are divided, so that a seed with little gain weighs little. Of sets that
    differ from seed to seed no heads are named. Empty without a gain over control: then no swap has a meaning. Raises
    ValueError if a seed lacks a swap that another has.
    """
    if not trained or not shuffled:
        raise ValueError("causal: no trained seeds, or no control's; both are needed")
    gain = _mean([seed[0].gain for seed in trained]) - _mean([seed[0].gain for seed in shuffled])
    if not gain > LEAST_GAIN:
        return []
    arms = [_by_name(trained), _by_name(shuffled)]
    swaps = []
    for (what, name), trained_shifts in arms[0].items():
        shuffled_shifts = arms[1].get((what, name), [])
        if len(trained_shifts) != len(trained) or len(shuffled_shifts) != len(shuffled):
            raise ValueError(f"causal: {name} ({what}) was not measured on every seed; measure all seeds alike")
        heads = (
            trained_shifts[0].heads if all(shift.heads == trained_shifts[0].heads for shift in trained_shifts) else ()
        )
        insert = _over([s.insert for s in trained_shifts], [s.insert for s in shuffled_shifts], gain)
        remove = _over([s.remove for s in trained_shifts], [s.remove for s in shuffled_shifts], gain)
        swaps.append(
            Swap(what=what, name=name, heads=heads, insert=insert, remove=remove, decisions=trained_shifts[0].decisions)
        )
    return swaps


def _over(trained: Sequence[float | None], shuffled: Sequence[float | None], gain: float) -> float | None:
    """None where it was not measured on some seed."""
    return None if None in (*trained, *shuffled) else (_mean(trained) - _mean(shuffled)) / gain


def _by_name(arm: Sequence[Sequence[Shift]]) -> dict[tuple[What, str], list[Shift]]:
    shifts: dict[tuple[What, str], list[Shift]] = {}
    for seed in arm:
        for shift in seed:
            shifts.setdefault((shift.what, shift.name), []).append(shift)
    return shifts


def _mean(values: Sequence[float | None]) -> float:
    return float(np.mean(np.array(values, np.float64)))


def causal_evidence(swaps: Sequence[Swap]) -> Causal:
    """The swaps as the rule takes them. Raises ValueError if one was not measured."""
    by_name = {(swap.what, swap.name): swap for swap in swaps}

    def share_of(what: What, name: str, direction: str) -> float:
        value = getattr(by_name.get((what, name)), direction, None)
        if value is None:
            raise ValueError(f"causal: {name} {direction} ({what}) was not measured")
        return float(value)

    drawn = [swap for swap in swaps if swap.name.startswith(RANDOM)]
    return Causal(
        core_insert=share_of("output", CORE, "insert"),
        core_remove=share_of("output", CORE, "remove"),
        both_insert=share_of("output", BOTH, "insert"),
        greedy_insert=share_of("output", GREEDY, "insert"),
        random_insert=tuple(swap.insert for swap in drawn if swap.insert is not None),
        random_remove=tuple(swap.remove for swap in drawn if swap.remove is not None),
        core_weights=share_of("weight", CORE, "insert"),
        both_weights=share_of("weight", BOTH, "insert"),
    )
