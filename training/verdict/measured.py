"""What a verdict rests on, as arrays: allocations of three arms, and swaps.

Shape suffixes: S seeds, C chunks of probes (even ones are half A, odd ones half B), H units (layer * columns + column:
the layer's heads first, then its MLP if MLPs were trained).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.verdict.rule import RANDOM_SETS, REMOVED

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Causal:
    """Swaps between a model before (0) and after (1), over seeds, as shares of the gain over the shuffled control.

    insert: M0 with the set's outputs from M1; remove: M1 with the set's from M0; weights: insert of the set's weights.
    core: a tenth of each kind of units; both: with the halo, the significant units outside it; random_*: one number per
    random set of the core's size and layers, drawn outside the core; fewer of them are removed. Raises ValueError for
    numbers that are not finite.
    """

    core_insert: float
    core_remove: float
    both_insert: float
    random_insert: tuple[float, ...]
    random_remove: tuple[float, ...]
    core_weights: float
    both_weights: float

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not np.isfinite(value).all():
                raise ValueError(f"verdict: causal {name} is not finite")

    @property
    def rare(self) -> bool:
        """Whether the core inserts more than nothing, and more than 95 % of enough random sets do."""
        drawn = self.random_insert
        return len(drawn) >= RANDOM_SETS and bool(self.core_insert > max(0.0, np.percentile(drawn, 95)))

    @property
    def remove_95(self) -> float:
        """What 95 % of the random sets that were removed cost at most; infinite where too few were."""
        return float(np.percentile(self.random_remove, 95)) if len(self.random_remove) >= REMOVED else np.inf


@dataclass(frozen=True)
class Evidence:
    """What a verdict rests on. Allocations in nats of held-out loss, all from one base model or pooled over several.

    trained_SCH, shuffled_SCH, rehearsal_SCH: per seed, chunk and unit; whole_SC, shuffled_whole_SC: the whole fall in
    loss, of rehearsal as well if it was measured. All arrays float64, the chunks the same probes everywhere. Raises
    ValueError for shapes that don't agree and for numbers that are not finite.

    heads, columns: how many heads a layer has, and how many units; 0 where every unit is a head. paired: seed s of the
    shuffled control drew the scenes of trained seed s, so that resamples keep the two together.
    """

    trained_SCH: Array
    shuffled_SCH: Array
    rehearsal_SCH: Array
    whole_SC: Array
    shuffled_whole_SC: Array
    causal: Causal | None = None
    bases: int = 1
    rehearsal_whole_SC: Array | None = None
    paired: bool = False
    heads: int = 0
    columns: int = 0

    @property
    def is_head_H(self) -> NDArray[np.bool_]:
        """Which units are heads; the others are MLPs."""
        units = np.arange(self.trained_SCH.shape[2])
        return units % self.columns < self.heads if self.columns else units >= 0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray) and not np.isfinite(value).all():
                raise ValueError(f"verdict: {name} holds numbers that are not finite; measure those runs again")
        chunks, heads = self.trained_SCH.shape[1:]
        for name in ("shuffled_SCH", "rehearsal_SCH"):
            if getattr(self, name).shape[1:] != (chunks, heads):
                raise ValueError(f"verdict: {name} is {getattr(self, name).shape}, expected (seeds, {chunks}, {heads})")
        wholes = {
            "whole_SC": self.trained_SCH,
            "shuffled_whole_SC": self.shuffled_SCH,
            "rehearsal_whole_SC": self.rehearsal_SCH,
        }
        for name, arm in wholes.items():
            whole = getattr(self, name)
            if whole is not None and whole.shape != arm.shape[:2]:
                raise ValueError(f"verdict: {name} is {whole.shape}, expected {arm.shape[:2]}")
        if self.paired and len(self.trained_SCH) != len(self.shuffled_SCH):
            raise ValueError("verdict: arms of different sizes can't be paired, seed by seed")
        if self.columns and (heads % self.columns or not 0 < self.heads <= self.columns):
            raise ValueError(f"verdict: {heads} units are no rows of {self.columns} with {self.heads} heads each")
        if chunks < 2:
            raise ValueError("verdict: probes in one chunk can't be split in halves; give two chunks at least")
