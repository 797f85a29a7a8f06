"""Held-out probes in chunks. A verdict splits the chunks in halves (even and odd) and resamples them.

Resampling takes chunks for independent. So neighbours that belong together (scenes of one realm) share a chunk.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from training.headlog.records import Allocation
from training.heads.gain_allocation import Gain, Loss, size_of

CHUNKS = 16
Item = TypeVar("Item")


def in_chunks(items: Sequence[Item], chunks: int = CHUNKS, together: int = 1) -> list[list[Item]]:
    """Every `together` neighbours in one chunk: group i to chunk i modulo `chunks`.

    Fewer chunks where there are fewer groups, so that none is empty.
    """
    groups = [items[start : start + together] for start in range(0, len(items), together)]
    count = min(chunks, len(groups))
    return [[item for group in groups[chunk::count] for item in group] for chunk in range(count)]


def in_both_halves(chunks: Sequence[Item], every: int) -> list[Item]:
    """One pair in so many of neighbouring chunks: as many of half A (even) as of half B (odd)."""
    return [chunk for number, chunk in enumerate(chunks) if number // 2 % every == 0]


def pooled(gains: Sequence[Gain], losses: Sequence[Loss]) -> Gain:
    """The gain of all chunks together, each weighted by its size."""
    sizes = [size_of(loss) for loss in losses]
    whole = sum(sizes)

    def mean(values: Sequence[Any]) -> Any:
        return sum(value * size for value, size in zip(values, sizes, strict=True)) / whole

    return Gain(
        mean([gain.heads for gain in gains]),
        mean([gain.mlps for gain in gains]),
        mean([gain.rest for gain in gains]),
        mean([gain.gain for gain in gains]),
        mean([gain.residual for gain in gains]),
        mean([gain.before for gain in gains]),
        mean([gain.matrices for gain in gains]),
    )


def allocations(
    along: str, gains: Sequence[Gain], losses: Sequence[Loss], loss: str = "plain", mlps: bool = False
) -> list[Allocation]:
    """The chunks' shares as log records. loss: "usable" or "plain". mlps: whether MLPs trained, and have shares."""
    return [
        Allocation(
            along=along,  # type: ignore[arg-type]
            chunk=chunk,
            decisions=size_of(chunk_loss),
            loss=loss,  # type: ignore[arg-type]
            heads=tuple(tuple(row) for row in gain.heads.tolist()),
            matrices=tuple(tuple(map(tuple, grid)) for grid in gain.matrices.tolist()),
            mlps=tuple(gain.mlps.tolist()) if mlps else (),
            rest=gain.rest,
            whole=gain.gain,
            residual=gain.residual,
        )
        for chunk, (gain, chunk_loss) in enumerate(zip(gains, losses, strict=True))
    ]
