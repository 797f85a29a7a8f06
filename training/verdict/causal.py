"""The swaps that a verdict rests on: the core, the core with its halo, random sets.

Of a single seed they are in nats. Over seeds they are shares of the gain over control, and `verdict.agreement` judges
them. Core and halo are swapped on every seed. The random sets are dealt out over the seeds: each is swapped on one seed
and its control.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from transformers import PreTrainedModel

from perception.units import Unit, is_mlp
from training.headlog.records import Swap
from training.heads.gain_allocation import HeldOut
from training.heads.head_sets import DIRECTIONS, Shift, What, each_shift, random_sets
from training.heads.swaps import LEAST_GAIN
from training.verdict.measured import Causal
from training.verdict.rule import RANDOM_SETS
from training.verdict.units import Shape

CORE, BOTH, RANDOM = "core", "core+halo", "random"


@dataclass(frozen=True)
class SwapSets:
    """Which units are swapped: the verdict's core, the significant units outside it, and random sets to compare.

    random: by their numbers.
    """

    core: tuple[Unit, ...]
    halo: tuple[Unit, ...]
    random: Mapping[int, tuple[Unit, ...]]

    @property
    def both(self) -> tuple[Unit, ...]:
        return tuple(sorted({*self.core, *self.halo}))

    def on_seed(self, place: int, seeds: int) -> "SwapSets":
        """What is swapped on the seed at `place` of so many: its part of the random sets."""
        mine = {number: chosen for number, chosen in self.random.items() if number % seeds == place}
        return replace(self, random=mine)


def sets_of(
    core: Sequence[int], significant: Sequence[int], shape: Shape, seed: int = 0, count: int = RANDOM_SETS
) -> SwapSets:
    """Swap sets from a verdict's numbers of units. The random ones depend on core and seed alone.

    No random ones where fewer units lie outside the core than in it: the rule then says neither "localized" nor
    "hierarchical".
    """
    inner = tuple(sorted(divmod(int(h), shape.columns) for h in core))
    outer = tuple(sorted(divmod(int(h), shape.columns) for h in significant if h not in set(core)))
    outside = shape.layers * (shape.heads + any(is_mlp(unit, shape.heads) for unit in inner)) - len(inner)
    drawn = random_sets(inner, shape.layers, shape.heads, count, seed) if outside >= len(inner) else []
    return SwapSets(inner, outer, dict(enumerate(drawn)))


def shifts(
    before: PreTrainedModel, after: PreTrainedModel, loss: HeldOut, sets: SwapSets, removed: int = 0
) -> Iterator[Shift]:
    """The swaps of one seed, one after the other; about 8 forwards of the loss, and one or two a random set.

    removed: of how many random sets the removal is measured, too.
    """
    named = [(CORE, sets.core), (BOTH, sets.both)]
    yield from each_shift(before, after, loss, named)
    yield from each_shift(before, after, loss, named, "weight")
    drawn = [(f"{RANDOM} {number}", chosen) for number, chosen in sets.random.items()]
    yield from each_shift(before, after, loss, drawn[:removed])
    yield from each_shift(before, after, loss, drawn[removed:], directions=("insert",))


def excess(trained: Sequence[Sequence[Shift]], shuffled: Sequence[Sequence[Shift]]) -> list[Swap]:
    """Swaps over seeds, as shares of the gain over control: what a set brings in training, less what it does there.

    Seed s of both arms drew the same scenes. Both sums run over all seeds on which a set was swapped before they are
    divided, so that a seed with little gain weighs little. The gain of few seeds counts as half of all seeds' gain at
    least: a seed that learned nothing gives no share. Empty without a gain over control: then no swap has a meaning.
    Raises ValueError if the arms' swaps differ, or if core and halo were not swapped on every seed.
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
        everywhere = name in (CORE, BOTH)
        if len(trained_shifts) != len(shuffled_shifts) or (everywhere and len(trained_shifts) != len(trained)):
            raise ValueError(f"causal: {name} ({what}) was not measured alike on every seed; measure all seeds again")
        own_gain = _mean([s.gain for s in trained_shifts]) - _mean([s.gain for s in shuffled_shifts])
        shares = {
            direction: _over(
                [getattr(s, direction) for s in trained_shifts],
                [getattr(s, direction) for s in shuffled_shifts],
                max(own_gain, gain / 2),
            )
            for direction in DIRECTIONS
        }
        swaps.append(
            Swap(what=what, name=name, heads=trained_shifts[0].heads, decisions=trained_shifts[0].decisions, **shares)
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
        random_insert=tuple(swap.insert for swap in drawn if swap.insert is not None),
        random_remove=tuple(swap.remove for swap in drawn if swap.remove is not None),
        core_weights=share_of("weight", CORE, "insert"),
        both_weights=share_of("weight", BOTH, "insert"),
    )
